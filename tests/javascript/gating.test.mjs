// What a first stage saves and loses is what adviz.explore.thresholds.gating says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { curvesOf } from "../../adviz/explore/js/gate.js";
import { gating } from "../../adviz/explore/js/gating.js";
import { cases, close } from "./read_cases.mjs";

for (const [number, one] of cases.gating.entries()) {
  test(`case ${number}, ${one.images} images`, () => {
    const found = gating(Array.from(one.scores), Array.from(one.labels), one.areas);
    for (const name of ["tau", "saved", "imagesLost", "pixelsLost"]) close(found[name], one[name], 0, name);
    for (const name of ["anomalous", "images", "free"]) assert.equal(found[name], one[name], name);
    assert.deepEqual(Array.from(one.taus, found.at), one.at);
  });
}

test("what is lost is level up to the next step, where it rises", () => {
  const found = gating([1, 2, 3, 4], [0, 1, 0, 1]);
  const [images, ...others] = curvesOf(found);
  assert.deepEqual(images.x, [0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1, 1]);
  assert.deepEqual(images.y, [0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 1]);
  assert.deepEqual(others, []); // without masks nobody knows how many pixels
});
