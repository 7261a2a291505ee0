// Intervals of rates.
import assert from "node:assert/strict";
import { test } from "node:test";
import { clopperPearson } from "../../adviz/explore/js/interval.js";
import { cases } from "./read_cases.mjs";

test("intervals are scipy's", () => {
  for (const [count, of, expected] of cases.intervals) {
    const found = clopperPearson(count, of);
    found.forEach((end, i) => assert.ok(Math.abs(end - expected[i]) < 1e-9, `${count}/${of}: ${end}`));
  }
});

test("more confidence takes a wider interval", () => {
  const [low, high] = clopperPearson(3, 20, 0.5);
  const [lower, higher] = clopperPearson(3, 20, 0.99);
  assert.ok(lower < low && low < 0.15 && 0.15 < high && high < higher);
});
