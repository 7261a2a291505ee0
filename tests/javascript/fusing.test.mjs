// Fusions of layers are Python's, however they are joined, and so are the names of mixes and the presets.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fused, mixOf, presets, textOf } from "../../adviz/explore/js/fusing.js";
import { presetOf, toggled } from "../../adviz/explore/js/mixer.js";
import { cases } from "./read_cases.mjs";

const EQUAL = 1e-5; // of the map's range: float32 here and there, in another order
const ROOTS = 1e-4; // where roots of next to nothing are taken
const NOTHING = { layers: [], weights: {}, join: "", root: null, sigma: null };

for (const one of cases.fusions) {
  test(`fusion: ${one.name}`, () => {
    const mix = mixOf(one.names, one.own, one.chosen);
    assert.equal(textOf(mix), one.text);
    const layers = mix.layers.map((name) => one.layers[one.names.indexOf(name)]);
    const map = fused(layers, mix, one.size);
    const range = Math.max(...one.map) - Math.min(...one.map) || 1;
    assert.equal(map.length, one.map.length);
    map.forEach((value, i) => {
      assert.ok(Math.abs(value - one.map[i]) <= (mix.root ? ROOTS : EQUAL) * range, `${value} is not ${one.map[i]}`);
    });
    assert.deepEqual(presets(one.names), one.presets);
  });
}

test("without a weight above 0 there is no map", () => {
  const mix = mixOf(["a"], null, { ...NOTHING, weights: { a: 0 } });
  assert.equal(fused([{ values: [1], cells: [1, 1] }], mix, [2, 2]), null);
});

test("what was not chosen is the detector's own, or a plain sum", () => {
  const names = ["a", "b"];
  assert.equal(textOf(mixOf(names, null, NOTHING)), '[["a","b"],[1,1],"sum",false,4,"bilinear","reflect"]');
  const own = mixOf(names, null, { ...NOTHING, join: "mean", root: true, sigma: 0 });
  const some = mixOf(names, own, { ...NOTHING, layers: ["b", "z"], weights: { a: 3, b: 0.5 } });
  assert.deepEqual(some, { ...own, layers: ["b"], weights: [0.5] });
  assert.deepEqual(mixOf(names, own, { ...NOTHING, layers: ["z"] }), own);
  assert.equal(mixOf(names, own, { ...NOTHING, root: false }).root, false);
});

test("a layer is let in or left out in the layers' order, and one stays", () => {
  const names = ["a", "b", "c"];
  const with_ = (layers) => ({ names, mix: { layers } });
  assert.deepEqual(toggled(with_(["c"]), "a"), ["a", "c"]);
  assert.deepEqual(toggled(with_(["a", "c"]), "a"), ["c"]);
  assert.deepEqual(toggled(with_(["c"]), "c"), ["c"]);
});

test("presets are recognised", () => {
  const names = ["a", "b", "c"];
  const preset = (layers, weights, isOwn = false) => presetOf({ names, mix: { layers, weights }, isOwn });
  assert.equal(preset(["a"], [2], true), "the detector's own");
  assert.equal(preset(["b", "c"], [1, 1]), "b + c");
  assert.equal(preset(["a", "b"], [1, 1]), "own choice");
  assert.equal(preset(["b", "c"], [1, 2]), "own choice");
});
