// Counts, errors and thresholds are those of adviz.explore.kit.outcomes; thresholds to the last bit.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bestThreshold, decide, falling, filtered, firstThreshold, fullRecall, step, wrong,
} from "../../adviz/explore/js/decisions.js";
import { cases, close } from "./read_cases.mjs";

test("counts, ratios and the worst errors", () => {
  for (const one of cases.decisions) {
    const scores = Array.from(one.scores);
    const found = decide(scores, Array.from(one.labels), one.threshold);
    for (const [name, count] of Object.entries(one.counts)) assert.equal(found[name], count, name);
    close([found.precision, found.recall, found.f1], one.ratios, 0, "precision, recall, F1");
    assert.deepEqual(wrong(found.kinds, scores), one.wrong);
  }
});

test("ratios that Python does not have", () => {
  const found = decide([0.1, 0.9, 0.8, 0.2, 0.3, 0.7], [0, 0, 1, 1, 0, -1], 0.5);
  assert.deepEqual([found.falsePositiveRate, found.accuracy], [1 / 3, 3 / 5]);
  assert.deepEqual(found.kinds, [
    "true negative", "false positive", "true positive", "false negative", "true negative",
    "unlabelled, predicted anomalous",
  ]);
  const unknown = decide([0.1], [-1], 0.5);
  assert.deepEqual([unknown.falsePositiveRate, unknown.accuracy], [NaN, NaN]);
});

test("thresholds to begin with", () => {
  for (const { scores, labels, name, thresholds } of cases.thresholds) {
    const given = [Array.from(scores), Array.from(labels)];
    const first = firstThreshold(...given);
    assert.equal(first.name, name);
    const found = [first.threshold, bestThreshold(...given), fullRecall(...given) ?? NaN];
    close(found, thresholds, 0, "threshold");
  }
  assert.equal(new Set(cases.thresholds.map(({ name }) => name)).size, 3);
});

const one = { names: ["a", "b", "c", "d", "e"], defects: ["good", "hole", "hole", "good", "crack"] };
const labels = [0, 1, 1, 0, 1];
const found = { scores: [0.4, 0.9, 0.1, 0.7, 0.4] };
const decision = decide(found.scores, labels, 0.4);
const all = { defect: "all", only: "all", order: "as stored" };

test("filters", () => {
  const kept = (filters) => filtered(one, found, decision, { ...all, ...filters });
  assert.deepEqual(kept({}), [0, 1, 2, 3, 4]);
  assert.deepEqual(kept({ defect: "hole" }), [1, 2]);
  assert.deepEqual(kept({ only: "errors" }), [0, 2, 3]);
  assert.deepEqual(kept({ only: "false positives" }), [0, 3]);
  assert.deepEqual(kept({ only: "false negatives" }), [2]);
  assert.deepEqual(kept({ only: "errors", defect: "good", order: "score" }), [3, 0]);
});

test("orders: highest first, equal ones as stored, unknown ones last", () => {
  const kept = (filters) => filtered(one, found, decision, { ...all, ...filters });
  assert.deepEqual(kept({ order: "score" }), [1, 3, 0, 4, 2]);
  const disagreement = Float64Array.of(0.2, NaN, 0.5, NaN, 0.2);
  assert.deepEqual(kept({ order: "disagreement of maps", disagreement }), [2, 0, 4, 1, 3]);
  assert.deepEqual(falling([NaN, 1, Infinity, NaN, 1]), [2, 1, 4, 0, 3]);
});

test("what is still to be computed neither orders nor hides images", () => {
  const kept = filtered(one, null, null, { ...all, only: "errors", order: "score" });
  assert.deepEqual(kept, [0, 1, 2, 3, 4]);
  const unordered = filtered(one, found, decision, { ...all, order: "disagreement of scores" });
  assert.deepEqual(unordered, [0, 1, 2, 3, 4]);
});

test("steps end with the list", () => {
  assert.equal(step([2, 5, 9], 5, 1), 9);
  assert.equal(step([2, 5, 9], 9, 1), 9);
  assert.equal(step([2, 5, 9], 5, -2), 2);
  assert.equal(step([2, 5, 9], 4, 1), 2);
  assert.equal(step([], 4, 1), 4);
});
