// Regions at every false positive rate: the browser reads from the part what Python's metrics say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { filled } from "../../adviz/explore/js/filling.js";
import { overlapsOf, placeOf, regionAt, regionsOf } from "../../adviz/explore/js/regions.js";
import { cellsOf } from "../../adviz/explore/js/region_table.js";
import { cases, close } from "./read_cases.mjs";

for (const one of cases.regions) {
  const { part } = one;
  test(`${part.area.length} regions at an FPR of ${one.fpr}, up to ${one.limit}`, () => {
    const rate = placeOf(part.rates, one.fpr);
    const limit = placeOf(part.limits, one.limit);
    assert.deepEqual([rate, limit], [one.rate, one.place]);
    const overlaps = overlapsOf(part);
    const regions = regionsOf(part, overlaps.each, rate, limit, "number");
    close(regions.map(({ overlap }) => overlap), one.overlap, 1e-12, "overlap");
    close(regions.map(({ integral }) => integral), one.integral, 1e-9, "integral");
    const mean = one.overlap.reduce((sum, value) => sum + value, 0) / one.overlap.length;
    assert.ok(Math.abs(overlaps.mean[rate] - mean) < 1e-12);
    const adds = regions.reduce((sum, region) => sum + region.adds, 0);
    assert.ok(Math.abs(adds - one.pro[0]) < 1e-9);
    // as they are printed
    const shown = Array.from(part.values.subarray(3 * limit, 3 * limit + 3), (value) => value.toFixed(4));
    assert.deepEqual(shown, one.pro.map((value) => value.toFixed(4)));
    regions.forEach((region, i) => {
      const cells = cellsOf(region, "hole");
      assert.deepEqual([cells[3], cells[4]], [one.overlap[i].toFixed(3), one.integral[i].toFixed(3)]);
    });
  });

  test(`pixels predicted anomalous at an FPR of ${one.fpr}`, () => {
    assert.equal(part.threshold[one.rate], one.threshold);
    const { pixels, found, wrong, defect, normal } = filled(one.map, one.mask, one.columns, one.threshold);
    assert.deepEqual([found, wrong, defect + normal], [one.found, one.wrong, one.map.length]);
    const painted = pixels.reduce((sum, pixel) => sum + (pixel ? 1 : 0), 0);
    assert.ok(painted >= found && painted <= found + wrong);
  });
}

test("regions are sorted, and found by their pixels", () => {
  const { part, rate, place } = cases.regions[0];
  const { each } = overlapsOf(part);
  const by = (order) => regionsOf(part, each, rate, place, order).map(({ number }) => number);
  assert.deepEqual(by("number"), Array.from(part.area, (_, i) => i + 1));
  const areas = by("area").map((number) => part.area[number - 1]);
  assert.deepEqual(areas, [...areas].sort((a, b) => a - b));
  const regions = regionsOf(part, each, rate, place, "integral");
  assert.ok(regions.every(({ integral }, i) => !i || integral >= regions[i - 1].integral));
  const [top, left] = regions[0].box;
  assert.equal(regionAt([regions[0]], [top, left]), regions[0].number);
  assert.equal(regionAt(regions, [47, 0]), 0);
});

test("padding is neither found nor normal", () => {
  const { wrong, normal, defect } = filled(new Float32Array([NaN, 2, 2, 0]), new Uint8Array([0, 0, 1, 0]), 2, 1);
  assert.deepEqual([wrong, normal, defect], [1, 2, 1]);
});
