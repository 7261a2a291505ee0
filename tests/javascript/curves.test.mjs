// Lines of values against values: what is seen of them, and their axes.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  curvesLayout, logLabels, logScale, nearestOf, nextOf, pathOf, valueAt, within,
} from "../../adviz/explore/js/curves.js";
import { countBelow, countUpTo } from "../../adviz/explore/js/search.js";

const line = { x: [0, 1, 1, 2], y: [0, 1, 3, 5] };

test("a value between points lies on the line, beyond its ends it is that of the end", () => {
  assert.deepEqual([-1, 0.5, 1, 1.5, 9].map((x) => valueAt(line, x)), [0, 0.5, 3, 4, 5]);
  assert.deepEqual([-1, 0, 1, 1.5].map((x) => countUpTo(line.x, x)), [0, 1, 3, 3]);
  assert.deepEqual([-1, 0, 1, 1.5].map((x) => countBelow(line.x, x)), [0, 0, 1, 3]);
});

test("a line is cut where it enters and leaves the range", () => {
  assert.deepEqual(within(line, [0.5, 1.5]), [[0.5, 0.5], [1, 1], [1, 3], [1.5, 4]]);
  assert.deepEqual(within(line, [3, 4]), []);
  assert.deepEqual(within({ x: [], y: [] }, [0, 1]), []);
  assert.deepEqual(within({ x: [0, 1], y: [NaN, 1] }, [0, 1]), [[1, 1]]);
});

test("points within a pixel are left out of a path, its ends are not", () => {
  assert.equal(pathOf([[0, 0], [0.2, 0.2], [5, 5], [5.1, 5]]), "M0.0 0.0L5.0 5.0L5.1 5.0");
});

test("an axis of logarithms gives back its values, with labels apart", () => {
  const axis = logScale([1, 10000], 40, 440);
  assert.equal(axis.place(100), 240);
  assert.ok(Math.abs(axis.value(240) - 100) < 1e-9);
  assert.deepEqual(logLabels(axis).map(({ text }) => text).filter((text) => text.startsWith("1")),
    ["1", "10", "100", "1000", "10000"]);
  const narrow = logLabels(logScale([1, 1e5], 40, 240));
  narrow.slice(1).forEach(({ place }, i) => assert.ok(place - narrow[i].place > 20));
});

test("the next mark is one of the line's values", () => {
  assert.deepEqual([nextOf([1, 10, 100], 10, 1), nextOf([1, 10, 100], 10, -1)], [100, 1]);
  assert.deepEqual([nextOf([1, 10, 100], 100, 1), nextOf([1, 10, 100], 1, -1)], [100, 1]);
});

test("everything stands inside the chart, and a legend in as many lines as it needs", () => {
  const many = ["one", "a curve with a long name", "another one with a long name"].map((name, i) =>
    ({ name, ...line, tone: /** @type {0 | 1 | 2} */ (i), marks: true }));
  for (const width of [200, 480, 900]) {
    const { places, left, right, top, bottom, entries, height } =
      curvesLayout(many, false, null, null, true, width, 240);
    for (const [x, y] of places.flat()) {
      assert.ok(x >= left && x <= right && y >= top && y <= bottom);
    }
    assert.equal(entries.length, 3);
    assert.ok(entries.every(({ x, y }) => x < width && y < top));
    assert.ok(height >= bottom);
  }
  assert.equal(curvesLayout(many.slice(1, 2), false, null, null, false, 400, 240).entries.length, 0);
});

test("the nearest value is meant by values, or by places", () => {
  assert.deepEqual([1, 50, 60, 999].map((value) => nearestOf([1, 10, 100], value)), [1, 10, 100, 100]);
  assert.deepEqual([20, 40].map((value) => nearestOf([1, 10, 100], value, Math.log10)), [10, 100]);
});
