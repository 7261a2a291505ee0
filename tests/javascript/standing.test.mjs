// Where an image stands for each detector, and what the compare explorer says of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  comparedWords, disagreementOf, divisor, inWords, placeOf, rankOf, scaleWords, standing, tileWidth, verdictOf,
  whyUndefined,
} from "../../adviz/explore/js/standing.js";

const NUMBERS = {
  image_auroc: 0.9876, threshold: 2, false_positives: 2, false_negatives: 3, pixel_auroc: 1, pro: 0.5,
  pixel_threshold: 4,
};
const NOTHING = Object.fromEntries(Object.keys(NUMBERS).map((name) => [name, null]));
const NO_MAP = { ...NUMBERS, pixel_auroc: null, pro: null, pixel_threshold: null };

function state(changes = {}) {
  const found = { scores: [1, 6, 3, 2, 5, 9], threshold: 2, limits: [0, 1] };
  const values = { thresholds: {} };
  return {
    category: "mesh",
    detector: "A",
    image: 1,
    order: "score",
    one: {
      names: ["a", "b", "c", "d", "e", "f"],
      labels: [0, 0, 1, 1, 1, -1],
      masked: true,
      detectors: { A: found, B: { ...found, limits: null } },
    },
    store: { peek: () => null },
    get: (name) => values[name],
    ...changes,
  };
}

test("equal scores share the better rank", () => {
  const scores = [5, 1, 5, 9, 0];
  assert.deepEqual(scores.map((_, image) => rankOf(scores, image)), [2, 4, 2, 1, 5]);
});

test("a threshold's verdict", () => {
  assert.equal(verdictOf(2, 1, 2), "predicted anomalous: right");
  assert.equal(verdictOf(2, 0, 2), "predicted anomalous: false alarm");
  assert.equal(verdictOf(1, 1, 2), "predicted good: missed");
  assert.equal(verdictOf(1, 0, 2), "predicted good: right");
  assert.equal(verdictOf(1, -1, 2), "predicted good");
});

test("an image's standing follows the chosen threshold; a prediction may be pending", () => {
  assert.deepEqual(standing(state(), "A"), ["score 6", "rank 2 of 6", "predicted anomalous: false alarm"]);
  const raised = state({ get: () => ({ "mesh/A": 7 }) });
  assert.equal(placeOf(raised, "A")[2], "predicted good: right");
  assert.equal(placeOf(raised, "B")[2], "predicted anomalous: false alarm");
  const pending = state();
  pending.one.detectors.B = null;
  assert.deepEqual(standing(pending, "B"), ["is being computed"]);
});

test("metrics in words", () => {
  assert.deepEqual(inWords(NUMBERS), ["0.988", "1.000", "0.500", "2 + 3"]);
  assert.deepEqual(inWords(NOTHING), ["undefined", "undefined", "undefined", "undefined"]);
  assert.deepEqual(inWords(null), ["…", "…", "…", "…"]);
});

test("why metrics are undefined", () => {
  const { one } = state();
  assert.equal(whyUndefined(one, { A: NUMBERS, B: null }), "");
  assert.match(whyUndefined(one, { A: NUMBERS, B: NO_MAP }), /undefined of pixels for B, which has no maps\.$/);
  const bare = { ...one, masked: false };
  const both = /without good and anomalous images; of pixels without ground truth\.$/;
  assert.match(whyUndefined(bare, { A: NOTHING, B: NOTHING }), both);
});

test("maps are divided by thresholds that are known", () => {
  assert.equal(divisor(NUMBERS, true), 4);
  assert.equal(divisor(NUMBERS, false), null);
  assert.equal(divisor(NO_MAP, true), null);
  assert.equal(divisor(null, true), null);
  assert.match(scaleWords({ A: NUMBERS }, false), /own scale.*maps$/);
  assert.match(scaleWords({ A: NUMBERS, B: NUMBERS }, false, ["A", "B"]), /^the middle of every scale/);
  assert.match(scaleWords({ A: NUMBERS, B: NUMBERS }, false, ["B"]), /own scale.*\(B: the middle is stranger/);
  assert.match(scaleWords({ A: NUMBERS }, true, ["A"]), /^1 = /);
  const words = scaleWords({ A: NUMBERS, B: NO_MAP, C: null }, true);
  assert.match(words, /^1 = .*; that of B is undefined .*; that of C is being computed$/);
});

test("the disagreement that images are ordered by", () => {
  const part = { scores: [0, 0.61824, 0, 0, 0, 0] };
  const order = "disagreement of scores";
  assert.equal(comparedWords(state()), "");
  assert.equal(comparedWords(state({ order })), " · disagreement of scores is being computed");
  const known = state({ order, store: { peek: (key) => (key === "disagreement/mesh" ? part : null) } });
  assert.equal(comparedWords(known), " · disagreement of scores 0.618");
  const maps = { ...known, order: "disagreement of maps" };
  assert.equal(disagreementOf(maps), undefined);
  assert.equal(comparedWords(maps), " · disagreement of maps undefined");
  known.one.detectors.B = null;
  known.one.detectors.C = null;
  assert.match(comparedWords({ ...known, store: { peek: () => null } }), /^ · B, C are being computed$/);
});

test("tiles fill their room in even rows", () => {
  const room = 693;
  const inRow = (count) => Math.floor((room + 16) / (tileWidth(count, room) + 16));
  assert.equal(tileWidth(5, room), 125);
  assert.equal(inRow(4), 4);
  assert.equal(inRow(6), 3);
  assert.equal(inRow(7), 4);
  assert.equal(tileWidth(2, 1200), 280);
  assert.equal(tileWidth(3, 100), 100);
});
