import assert from "node:assert/strict";
import { test } from "node:test";

import { linesOf, stepOf, verdict } from "../../adviz/explore/js/series.js";

test("a value goes to the nearest step, the first of two", () => {
  assert.equal(stepOf([0, 2, 4], 3.5), 2);
  assert.equal(stepOf([0, 2, 4], 1), 0);
  assert.equal(stepOf([0, 2, 4], -9), 0);
});

test("a score is judged by its threshold, which belongs to the anomalous side", () => {
  assert.equal(verdict(0.994), "0.99 times its threshold, predicted good");
  assert.equal(verdict(1), "1.00 times its threshold, predicted anomalous");
});

test("the chart has a line for each detector, and the threshold from end to end", () => {
  const detectors = { PaDiM: { relative: [0.5, 2], limits: /** @type {[number, number]} */ ([0, 1]) } };
  const lines = linesOf({ name: "pixels", values: [0, 8], size: [8, 8], detectors });
  assert.deepEqual(lines.map(({ name, y }) => [name, y]), [["PaDiM", [0.5, 2]], ["threshold", [1, 1]]]);
});
