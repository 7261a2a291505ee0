// Answers that are kept, and drawings that are skipped.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lazily, memo, same } from "../../adviz/explore/js/memo.js";

test("the same arguments, by identity, give the same object", () => {
  let calls = 0;
  const make = memo((...given) => {
    calls += 1;
    return given;
  });
  const list = [1];
  const first = make(list, 2);
  assert.equal(make(list, 2), first);
  assert.equal(calls, 1);
  assert.notEqual(make([1], 2), first);
  assert.equal(calls, 2);
});

test("a value that is not there is kept as well", () => {
  let calls = 0;
  const make = memo(() => {
    calls += 1;
  });
  make();
  make();
  assert.equal(calls, 1);
});

test("arrays and plain objects are the same by what is in them, all else by identity", () => {
  class Bitmap {}
  const bitmap = new Bitmap();
  const floats = Float32Array.of(1, 2);
  assert.ok(same({ a: [1, { b: NaN }], bitmap, floats }, { a: [1, { b: NaN }], bitmap, floats }));
  assert.ok(!same({ floats }, { floats: Float32Array.of(1, 2) }));
  assert.ok(!same({ bitmap }, { bitmap: new Bitmap() }));
  assert.ok(!same([1, 2], [1]));
  assert.ok(!same({ a: 1 }, { a: 1, b: 2 }));
  assert.ok(!same(null, {}) && !same([], {}) && !same(1, "1") && !same(() => 1, () => 1));
});

test("a drawing is skipped where nothing has changed, and done again after an error", () => {
  const drawn = [];
  let broken = false;
  const draw = lazily((given) => {
    if (broken) throw new Error("no canvas");
    drawn.push(given.pixel);
  });
  draw({ pixel: [1, 2] });
  draw({ pixel: [1, 2] });
  assert.deepEqual(drawn, [[1, 2]]);
  broken = true;
  assert.throws(() => draw({ pixel: [3, 4] }));
  broken = false;
  draw({ pixel: [3, 4] });
  assert.deepEqual(drawn, [[1, 2], [3, 4]]);
});
