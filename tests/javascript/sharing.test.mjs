// Thresholds of several categories: what they decide together, which errors they make, and marks of images.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decide } from "../../adviz/explore/js/decisions.js";
import { errorsOf, linesOf, markOf, totalOf, withMark } from "../../adviz/explore/js/sharing.js";

const category = (scores, threshold, labels = [0, 0, 1, 1]) => ({
  names: scores.map((_, i) => `test/${i}`),
  labels,
  defects: labels.map((label) => (label === 1 ? "hole" : label ? "unlabelled" : "good")),
  detectors: { A: { scores, threshold }, B: null },
});
const facts = {
  categories: {
    nut: category([0.1, 0.8, 0.5, 0.9], 0.5),
    mesh: category([2, 16, 10, 18], 10),
  },
};

test("every category has its own threshold, chosen or to begin with", () => {
  const lines = linesOf(facts, "A", { "nut/A": 0.85 }, null);
  assert.deepEqual(lines.map(({ threshold }) => threshold), [0.85, 10]);
  assert.deepEqual(lines[0].decision, decide([0.1, 0.8, 0.5, 0.9], [0, 0, 1, 1], 0.85));
});

test("all may share one threshold", () => {
  const lines = linesOf(facts, "A", { "nut/A": 0.85 }, 3);
  assert.deepEqual(lines.map(({ threshold }) => threshold), [3, 3]);
});

test("what is still to be computed is left out", () => {
  assert.deepEqual(linesOf(facts, "B", {}, null), []);
});

test("decisions of several categories add up", () => {
  const total = totalOf(linesOf(facts, "A", {}, null));
  assert.equal(total.truePositives, 4);
  assert.equal(total.falsePositives, 2);
  assert.equal(total.trueNegatives, 2);
  assert.equal(total.falseNegatives, 0);
  assert.equal(total.precision, 4 / 6);
});

test("the worst error of a kind comes first, in units of its threshold", () => {
  const errors = errorsOf(linesOf(facts, "A", { "nut/A": 0.75, "mesh/A": 12 }, null));
  const told = errors.map(({ kind, category: name, image }) => [kind, name, image]);
  assert.deepEqual(told, [
    ["false positive", "mesh", 1],
    ["false positive", "nut", 1],
    ["false negative", "nut", 2],
    ["false negative", "mesh", 2],
  ]);
  assert.equal(errors[0].score, 16);
  assert.equal(errors[0].threshold, 12);
});

test("unlabelled images that are predicted anomalous come last", () => {
  const some = { categories: { nut: category([0.1, 0.8, 0.5, 0.9], 0.5, [-1, -1, 1, 0]) } };
  const errors = errorsOf(linesOf(some, "A", {}, null));
  assert.deepEqual(errors.map(({ kind, image }) => [kind, image]), [["false positive", 3], ["unlabelled", 1]]);
});

test("a mark is kept, changed and forgotten without changing the former marks", () => {
  const none = {};
  const one = withMark(none, "nut/A", 3, ["background", ""]);
  assert.deepEqual(one, { "nut/A": { 3: ["background", ""] } });
  assert.deepEqual(markOf(one, "nut", "A", 3), ["background", ""]);
  assert.deepEqual(markOf(one, "nut", "B", 3), ["", ""]);
  const two = withMark(one, "nut/A", 4, ["", "dust"]);
  assert.deepEqual(withMark(two, "nut/A", 3, ["", ""]), { "nut/A": { 4: ["", "dust"] } });
  assert.deepEqual(withMark(one, "nut/A", 3, ["", ""]), {});
  assert.deepEqual(none, {});
});
