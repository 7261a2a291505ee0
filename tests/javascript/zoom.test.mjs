// Where pixels lie in a picture that is magnified and moved.
import assert from "node:assert/strict";
import { test } from "node:test";
import { wheelFactor } from "../../adviz/explore/js/gestures.js";
import * as zoom from "../../adviz/explore/js/zoom.js";

const SIZE = [200, 400];

function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648;
  };
}

test("a zoom shows no margin and is magnified 1 to 32 times", () => {
  const next = random(1);
  for (let i = 0; i < 500; i += 1) {
    const wanted = [next() * 600 - 200, next() * 900 - 250, next() * 60];
    const found = zoom.clamped(...wanted, SIZE);
    const { box: [top, left, height, width], times } = zoom.viewOf(found, SIZE);
    assert.ok(times >= 1 && times <= zoom.MOST);
    assert.ok(top >= 0 && left >= 0);
    assert.ok(top + height <= SIZE[0] + 1e-9 && left + width <= SIZE[1] + 1e-9);
    assert.ok(Math.abs(width * times - SIZE[1]) < 1e-6 && Math.abs(height * times - SIZE[0]) < 1e-6);
  }
});

test("all of the image is no zoom, whatever its middle", () => {
  assert.deepEqual(zoom.clamped(10, 10, 1, SIZE), []);
  assert.deepEqual(zoom.clamped(10, 10, 0.2, SIZE), []);
  assert.deepEqual(zoom.clamped(10, 10, NaN, SIZE), []);
  for (const none of [[], [1, 2], [1, 2, NaN]]) {
    assert.deepEqual(zoom.viewOf(none, SIZE), { box: [0, 0, 200, 400], times: 1 });
  }
});

test("a zoom from elsewhere is clamped where it is read", () => {
  assert.deepEqual(zoom.viewOf([-50, 1000, 4], SIZE), { box: [0, 300, 50, 100], times: 4 });
  assert.equal(zoom.viewOf([100, 200, 99], SIZE).times, 32);
});

test("pixels and places are each other's inverse", () => {
  const next = random(2);
  for (let i = 0; i < 300; i += 1) {
    const view = zoom.clamped(next() * 200, next() * 400, 1 + next() * 30, SIZE);
    const place = [next(), next()];
    const pixel = zoom.pixelAt(place, view, SIZE);
    const back = zoom.placeOf(pixel, view, SIZE);
    if (back) assert.deepEqual(zoom.pixelAt(back, view, SIZE), pixel);
  }
  assert.deepEqual(zoom.pixelAt([0, 0], [], SIZE), [0, 0]);
  assert.deepEqual(zoom.pixelAt([1, 1], [], SIZE), [199, 399]);
  assert.deepEqual(zoom.pixelAt([-3, 7], [], SIZE), [0, 399]);
  assert.equal(zoom.placeOf([0, 0], [150, 300, 4], SIZE), null);
});

test("going closer keeps what is under the pointer", () => {
  const place = [0.25, 0.75];
  let view = zoom.closer([], 4, place, SIZE);
  const point = zoom.pointAt(place, view, SIZE);
  assert.ok(Math.hypot(point[0] - 50, point[1] - 300) < 0.01);
  view = zoom.closer(view, 1.7, place, SIZE);
  const again = zoom.pointAt(place, view, SIZE);
  assert.ok(Math.hypot(again[0] - 50, again[1] - 300) < 0.01);
  assert.deepEqual(zoom.closer(view, 1e-3, place, SIZE), []);
  assert.equal(zoom.closer(view, 1e6, place, SIZE)[2], 32);
});

test("moving stops at the edges and needs a zoom", () => {
  assert.deepEqual(zoom.panned([], 1, 1, SIZE), []);
  assert.deepEqual(zoom.panned([100, 200, 4], 0.5, -0.5, SIZE), [125, 150, 4]);
  assert.deepEqual(zoom.panned([100, 200, 4], 50, -50, SIZE), [175, 50, 4]);
});

test("a box comes into sight with the least movement", () => {
  const view = [100, 200, 4]; // rows 75 to 125, columns 150 to 250
  assert.deepEqual(zoom.revealing(view, [80, 160, 8, 8], SIZE), view);
  assert.deepEqual(zoom.revealing(view, [120, 160, 10, 8], SIZE), [105, 200, 4]);
  assert.deepEqual(zoom.revealing(view, [80, 140, 8, 8], SIZE), [100, 190, 4]);
  assert.deepEqual(zoom.revealing(view, [60, 160, 80, 8], SIZE), view);
  assert.deepEqual(zoom.revealing([], [80, 140, 8, 8], SIZE), []);
});

test("images that stand are narrower", () => {
  assert.deepEqual(zoom.shownSize(560, [224, 224]), { across: 560, down: 560 });
  assert.deepEqual(zoom.shownSize(560, [224, 448]), { across: 560, down: 280 });
  assert.deepEqual(zoom.shownSize(300, [400, 100]), { across: 113, down: 452 });
});

test("a notch of the wheel is not more than a factor of 1.5", () => {
  const wheel = (deltaY, ctrlKey, deltaMode = 0) => wheelFactor({ deltaY, deltaMode, ctrlKey });
  assert.ok(wheel(-100, true) > 1.3 && wheel(-100, true) < 1.5);
  assert.ok(wheel(-100, false) > 1.1 && wheel(-100, false) < 1.5);
  assert.ok(wheel(2, true) < 1 && wheel(2, true) > 0.95);
  assert.ok(wheel(3, false, 1) < 1);
});
