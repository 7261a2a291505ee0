// What each flipped option is worth: as Python has it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { axisEnds, meanPath, pathOf, remarks, signed, wantedRuns } from "../../adviz/explore/js/runs.js";
import { moved } from "../../adviz/explore/js/option_list.js";
import { cases, close } from "./read_cases.mjs";

const numbers = ({ start, steps, end }) => [start, ...steps.flat(), end];

for (const { options, runs, flipped, mode, wanted, paths } of cases.ways) {
  test(`${flipped.join(", ") || "nothing"}, ${mode}`, () => {
    assert.deepEqual(wantedRuns(options, flipped, mode), wanted);
    const found = Object.values(runs).map((one) => pathOf(one, options, flipped, mode, "PRO"));
    [...found, meanPath(found)].forEach((path, i) => close(numbers(path), Array.from(paths[i]), 1e-12, "points"));
  });
}

test("differences are printed as in Python", () => {
  const texts = [0.9, 0.01, -0.04, -1.26, NaN].map(signed);
  assert.deepEqual(texts, ["+0.9", "0.0", "0.0", "-1.3", "n/a"]);
});

test("the axis has room for numbers beside bars, and noise does not fill it", () => {
  assert.deepEqual(axisEnds([90, 94]), [89, 94.8]);
  close(axisEnds([90, 90.1, NaN]), [90 - 0.125, 90.2], 1e-12, "ends");
  assert.deepEqual(axisEnds([NaN]), [0, 100]);
});

test("an option is moved and stays between the ends", () => {
  assert.deepEqual(moved(["a", "b", "c"], "a", 1), ["b", "a", "c"]);
  assert.deepEqual(moved(["a", "b", "c"], "c", 0), ["c", "a", "b"]);
  assert.deepEqual(moved(["a", "b", "c"], "a", 9), ["b", "c", "a"]);
  assert.deepEqual(moved(["a", "b"], "a", -1), ["a", "b"]);
});

const plain = { points: { PRO: 90, "image AUROC": 90 }, reasons: {} };
const way = (start, end) => ({ start, steps: [[start, 91], [91, end]], end });
const given = {
  mode: "one after the other",
  metric: "image AUROC",
  paths: { plate: way(90, 92), gear: way(80, 81), mean: way(85, 86.5) },
  category: "mean",
  way: "paper → official",
  ends: { plate: [plain, plain], gear: [plain, plain] },
  interval: { low: -0.5, high: 3.25, pair: { plate: 5, gear: null } },
};

test("how much the numbers can bear is said", () => {
  assert.deepEqual(remarks(given), [
    "The order decides what each step is worth, not what all of them make together.",
    "paper → official: +1.5 points, 95% interval -0.5 to +3.3 (paired bootstrap over the test images).",
    "A good and an anomalous image that swap ranks move it by this many points: 5.00 on plate, n/a on gear.",
  ]);
  assert.equal(remarks({ ...given, interval: null }).length, 1);
  assert.equal(remarks({ ...given, metric: "PRO" }).length, 1);
});

test("alone, the flips are added up", () => {
  const alone = remarks({ ...given, mode: "each alone", metric: "PRO", category: "plate" });
  assert.deepEqual(alone, ["Alone, the flips add up to +2.0; all together they make +2.0."]);
});

test("a mean of some categories says so, and what is undefined has its reason", () => {
  const ends = { plate: [plain, plain] };
  const paths = { ...given.paths, gear: way(80, NaN) };
  assert.ok(remarks({ ...given, ends, paths }).includes("The mean is of plate alone."));
  const broken = { points: { PRO: null }, reasons: { PRO: "no masks" } };
  const said = remarks({ ...given, metric: "PRO", ends: { plate: [broken, broken] } });
  assert.ok(said.includes("plate has no PRO: no masks."));
});
