// Maps from distances are those of Python, and so are peaks, layers' values and quantiles.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  axisOf, cellScores, followsK, layersAt, mapOf, peak, quantileOf, smoothed,
} from "../../adviz/explore/js/maps.js";
import { cases, close } from "./read_cases.mjs";

const EQUAL = 1e-5; // of the map's range: float32 here and there, in another order

for (const one of cases.maps) {
  test(`map: ${one.name}`, () => {
    const { part, facts, size, k } = one;
    const map = mapOf(part, facts, size, cases.sigma, k);
    assert.equal(followsK(part, facts), one.follows);
    if (!one.map) {
      assert.equal(map, null);
      return;
    }
    const shown = one.map.filter((_, i) => one.valid[i]);
    const range = Math.max(...shown) - Math.min(...shown);
    for (let i = 0; i < map.length; i++) {
      if (one.valid[i]) assert.ok(Math.abs(map[i] - one.map[i]) <= EQUAL * range, `${map[i]} is not ${one.map[i]}`);
      else assert.ok(Number.isNaN(map[i]), `padding ${i} is ${map[i]}`);
    }
    assert.deepEqual(peak(map, size), one.peak);
  });
}

test("a map of one location is flat, and without smoothing the location's middle has its value", () => {
  assert.deepEqual(new Set(smoothed([3], [1, 1], [5, 7], 2).map((value) => Number(value.toFixed(5)))), new Set([3]));
  const map = smoothed([1, 2, 3, 4, 5, 6], [2, 3], [6, 9], 0);
  assert.deepEqual([map[1 * 9 + 1], map[1 * 9 + 4], map[4 * 9 + 7]], [1, 2, 6]);
});

test("weights of a pixel add up to 1, also where the blur reaches further than the image", () => {
  for (const [cells, size, sigma] of [[7, 28, 4], [3, 5, 9], [8, 8, 1], [10, 4, 0.5]]) {
    const matrix = axisOf(cells, size, sigma).taps;
    for (let row = 0; row < size; row++) {
      const sum = matrix.subarray(row * cells, (row + 1) * cells).reduce((a, b) => a + b);
      assert.ok(Math.abs(sum - 1) < 1e-12);
    }
  }
});

test("neighbours that were not found are no distance", () => {
  const facts = { k: 3, order: "retrieval" };
  const part = { distance: Float32Array.of(NaN, 2, 1, NaN, NaN, NaN) };
  assert.deepEqual(Array.from(cellScores(part, facts, 2)), [2, NaN]);
  assert.deepEqual(Array.from(cellScores(part, facts, 9)), [1, NaN]);
  assert.equal(cellScores({}, facts, 1), null);
});

test("no map follows from distances where Python found that none does", () => {
  const part = { distance: Float32Array.of(1) };
  const facts = { k: 1, order: "retrieval", root: null, cells: [1, 1] };
  assert.equal(mapOf(part, facts, [4, 4], 4, 1), null);
  assert.equal(followsK(part, facts), false);
});

test("the peak is the first of equal pixels, never padding", () => {
  assert.deepEqual(peak(Float32Array.of(NaN, 1, 3, 2, 3, NaN), [2, 3]), [0, 2]);
  assert.deepEqual(peak(Float32Array.of(NaN, -2, -1, -3), [2, 2]), [1, 0]);
  assert.deepEqual(peak(Float32Array.of(NaN, -Infinity), [1, 2]), [0, 1]);
  assert.equal(peak(Float32Array.of(NaN, NaN), [1, 2]), null);
});

for (const one of cases.evidence) {
  test(`layers: ${one.name}`, () => {
    const values = layersAt(one.part, one.facts, one.pixel, one.size);
    assert.deepEqual(values.map(({ name }) => name), Object.keys(one.layers));
    // Python may hold float64
    close(values.map(({ value }) => value), Object.values(one.layers), 1e-6, "value");
  });
}

test("a layer that an image lacks is left out", () => {
  const layers = ["a", "b"].map((name) => ({ name, label: `${name} (stride 8)`, cells: [1, 2] }));
  const found = layersAt({ layer1: Float32Array.of(5, 6) }, { layers }, [0, 3], [4, 4]);
  assert.deepEqual(found, [{ name: "b", label: "b (stride 8)", value: 6 }]);
});

test("quantiles are those of numpy", () => {
  for (const { quantiles, values, fractions } of cases.quantiles) {
    const found = Array.from(values, (value) => quantileOf(value, quantiles));
    for (const [i, fraction] of fractions.entries()) assert.ok(Math.abs(found[i] - fraction) < 1e-9, values[i]);
  }
});

test("of equal values none is lower", () => {
  assert.equal(quantileOf(2, [1, 2, 2, 2, 3]), 0.25);
  assert.equal(quantileOf(1, [1, 1, 1]), 0);
  assert.equal(quantileOf(2.5, [1, 2, 2, 2, 3]), 0.875);
});
