// What a number means in units of good.
import assert from "node:assert/strict";
import { test } from "node:test";
import { atLeast, inUnits, strangerThan } from "../../adviz/explore/js/good.js";
import { strange } from "../../adviz/explore/js/compared.js";
import { cases } from "./read_cases.mjs";

const { counts, few, sentences } = cases.good;

test("good values that are as large are counted as Python counts them, or up to 2 % too many", () => {
  for (const { table, numbers, exact } of counts) {
    numbers.forEach((number, i) => {
      const found = atLeast(table, number);
      assert.ok(found >= exact[i], `${number}: ${found} < ${exact[i]}`);
      assert.ok(found <= 1.021 * exact[i] + 1, `${number}: ${found} > ${exact[i]}`);
      if (exact[i] <= 50) assert.equal(found, exact[i]);
    });
  }
});

test("a browser knows little of many", () => {
  const sizes = counts.map(({ table }) => table.values.length);
  assert.deepEqual([sizes[0], sizes[2]], [4, 1]);
  assert.ok(sizes[1] < 800);
});

test("sentences are Python's", () => {
  for (const [number, sentence] of Object.entries(sentences)) {
    assert.equal(strangerThan(few, Number(number), "good images"), sentence);
  }
});

test("without good images, and of what is undefined, nothing is said", () => {
  const good = { images: 5, score: few, pixels: null, nearest: few };
  assert.equal(inUnits(null, "score", 3), "");
  assert.equal(inUnits(good, "pixels", 3), "");
  assert.equal(inUnits(good, "score", NaN), "");
  assert.equal(inUnits(good, "score", 9), "stranger than all 5 good images");
});

test("a nearest patch's distance has a meaning where all neighbours count", () => {
  const good = { images: 5, score: few, pixels: null, nearest: few };
  const seen = { kind: "patches", near: [{ distance: 9 }], k: 5, most: 5 };
  assert.match(strange(seen, { good, order: "retrieval" }), /: stranger than all 5 good patches$/);
  assert.equal(strange({ ...seen, k: 2 }, { good, order: "retrieval" }), "");
  assert.match(strange({ ...seen, k: 2 }, { good, order: "distance" }), /stranger than all/);
  assert.equal(strange({ ...seen, kind: "images" }, { good, order: "distance" }), "");
  assert.equal(strange(seen, { good: null, order: "distance" }), "");
});
