// Numbers as people read them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { clip, evenly, metric, number, percent, ticks } from "../../adviz/explore/js/format.js";

test("four significant digits, or the decimals that a scale needs", () => {
  assert.equal(number(0.00012345), "0.0001234");
  assert.equal(number(12211.4), "12210");
  assert.equal(number(12211.4, 1342), "12211");
  assert.equal(number(0.123456, 1), "0.12");
  assert.equal(number(0.123456, 0.01), "0.1235");
  assert.equal(number(3, 1e-9), "3");
});

test("the same decimals beside each other", () => {
  assert.deepEqual(evenly([0.5, 12.25, 3]), ["0.50", "12.25", "3.00"]);
  assert.deepEqual(evenly([]), []);
  assert.deepEqual(evenly([0, 0]), ["0", "0"]);
});

test("percentages and metrics", () => {
  assert.equal(percent(0.254), "25%");
  assert.equal(percent(0.254, 1), "25.4%");
  assert.equal(metric(0.98765), "0.988");
  assert.equal(metric(NaN), "undefined");
  assert.deepEqual([clip(5, 0, 3), clip(-1, 0, 3), clip(2, 0, 3)], [3, 0, 2]);
});

test("round values of an axis", () => {
  assert.deepEqual(ticks(0, 10, 5), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(ticks(0.11, 0.34, 4), [0.2, 0.3]);
  assert.deepEqual(ticks(-1, 1, 4), [-1, -0.5, 0, 0.5, 1]);
  assert.deepEqual(ticks(3, 3, 4), [3]);
  for (const [low, high] of [[0, 1e-6], [-3e5, 7e6], [99.5, 100.5]]) {
    const found = ticks(low, high, 5);
    assert.ok(found.length >= 2 && found.length <= 6, found);
    assert.ok(found.every((value) => value >= low - 1e-12 && value <= high * (1 + 1e-9)), found);
  }
});
