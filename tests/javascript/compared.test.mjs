// What the retrieval explorer shows of neighbours, and what it says of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { columnsOf, surroundings } from "../../adviz/explore/js/cards.js";
import {
  captions, compared, large, layersTitle, ranksWords, remarks, scoredBy, small, title, why,
} from "../../adviz/explore/js/compared.js";

const SIZE = [8, 8];
const WANTED = { whole: false, k: 6, rank: 0 };
const NAMES = Array.from({ length: 8 }, (_, i) => `good/00${i}`);

/** What a detector found in an image of 2 x 2 locations: six neighbours each, the nearest of rank 5. */
function spade(changes = {}) {
  const distance = [4, 6, 3, 5, 1, 2];
  const facts = {
    scores: [], threshold: 0, thresholdName: "", fullRecall: null, limits: [0, 1], ends: [0, 1],
    cells: [2, 2], grid: [2, 2], k: 6, order: "retrieval", searched: "patch", wholeK: 6,
    layers: [], root: false, peak: false, ...changes,
  };
  const part = {
    distance: Float32Array.from({ length: 24 }, (_, i) => distance[i % 6]),
    location: new Uint16Array(24).fill(3),
    image: Uint16Array.of(5, 4, 3, 2, 1, 0),
    wholeDistance: Float32Array.of(1, 2, 3, 4, 5, 6),
    wholeImage: Uint16Array.of(5, 4, 3, 2, 1, 0),
  };
  return { facts, part };
}

function seen({ facts, part }, pixel, wanted = {}) {
  const { whole, k, rank } = { ...WANTED, ...wanted };
  return compared(part, facts, SIZE, pixel, whole, k, rank);
}

const ranksOf = (list) => list.map((match) => match.rank);

test("a patch's neighbours: the nearest large, all small by rank", () => {
  const one = spade();
  const now = seen(one, [0, 0]);
  assert.equal(now.kind, "patches");
  assert.deepEqual(ranksOf(large(now)), [5, 6, 3, 1]);
  assert.deepEqual(ranksOf(small(now)), [1, 2, 3, 4, 5, 6]);
  assert.equal(now.nearest, 5);
  assert.equal(title(now, one.facts), "the nearest patch of each of 6 normal images: 4 of them");
  assert.deepEqual(captions(large(now), now, one.facts, NAMES)[0], {
    heading: "nearest", lines: ["d² = 1.000", "rank 5 · 001"], said: "rank 5 · 001 · d² = 1.000",
  });
});

test("fewer neighbours: only the first count, and a chosen one is shown beyond them", () => {
  const one = spade();
  const now = seen(one, [0, 0], { k: 2, rank: 4 });
  assert.deepEqual(ranksOf(large(now)), [1, 2, 4]);
  assert.deepEqual(small(now), []);
  assert.equal(captions(large(now), now, one.facts, NAMES)[2].heading, "rank 4 · chosen");
  assert.match(ranksWords(now, one.facts, null), /^rank 1 to 6; filled: the first k = 2; .*running minimum/);
  assert.equal(seen(one, [0, 0], { rank: 9 }).chosen, 0);
});

test("whole images: where they are asked for, nothing finer exists or no pixel is known", () => {
  assert.equal(seen(spade(), [0, 0], { whole: true }).kind, "images");
  assert.equal(seen(spade(), null).kind, "images");
  const one = spade({ k: 0, grid: null, order: "", searched: "" });
  const now = seen(one, [0, 0], { k: 3 });
  assert.equal(now.kind, "images");
  assert.equal(title(now, one.facts), "the 3 normal images most like it");
  assert.deepEqual(ranksOf(large(now)), [1, 2, 3]);
  assert.match(why(now, one.facts, "DN2"), /^DN2 compares whole images: /);
  assert.equal(why(seen(one, null), one.facts, "DN2"), "");
});

test("the score of an image among the means over the retrieved ones, squared or not, or none", () => {
  const now = seen(spade(), null); // squared distances 1 to 6
  assert.deepEqual(scoredBy(now, 2.5), { count: 4, squared: true });
  const roots = (1 + Math.SQRT2 + Math.sqrt(3)) / 3;
  assert.deepEqual(scoredBy(now, roots), { count: 3, squared: false });
  assert.equal(scoredBy(now, 2.51), null);
  assert.equal(scoredBy(seen(spade(), [0, 0]), 2.5), null);
  const said = (score) => ranksWords(now, spade().facts, scoredBy(now, score));
  assert.match(said(2.5), /that of the first 4 is the score of the image \(DN2's Eq. 2\)$/);
  assert.match(said(roots), /the score of the image is the mean of the first 3 distances, not squared$/);
  assert.match(said(2.51), /the mean up to there, which is not the score of the image$/);
});

test("nothing is said of what a score is made of that the prediction does not tell", () => {
  const said = (changes) => {
    const one = spade({ order: "distance", ...changes });
    return ranksWords(seen(one, [0, 0]), one.facts, null);
  };
  assert.match(said({ root: true }), /k chooses what is shown here; the map is made of the nearest alone$/);
  assert.match(said({ root: null }), /whether score and map are made of one or of several of them/);
  assert.match(said({ root: null, limits: null }), /whether the score is made of one or of several/);
});

test("layers without neighbours, and neither", () => {
  const none = { k: 0, grid: null, order: "", searched: "", wholeK: 0 };
  const layers = [{ name: "a", label: "a (stride 4)", cells: [2, 2] }];
  const padim = spade({ ...none, layers });
  assert.equal(seen(padim, [0, 0]).kind, "layers");
  assert.match(title(seen(padim, [0, 0]), padim.facts), /^no neighbours: beside the mean/);
  assert.equal(layersTitle(padim.facts, "1 - cosine"), "each layer's map at this pixel, 1 - cosine");
  const mine = spade({ ...none, limits: null });
  assert.equal(seen(mine, null).kind, "nothing");
  assert.match(why(seen(mine, null), mine.facts, "mine"), /of a pixel nothing is known\.$/);
});

test("an image that was not segmented is said to be so", () => {
  const one = spade();
  one.part.distance.fill(NaN);
  const now = seen(one, [0, 0]);
  assert.equal(now.ranks, null);
  assert.deepEqual(large(now), []);
  assert.match(why(now, one.facts, "SPADE"), /^This image was not segmented/);
});

test("remarks: a map that cannot follow k, and images that were chosen otherwise", () => {
  const stuck = spade({ root: null });
  const [only] = remarks(seen(stuck, [0, 0], { k: 2 }), stuck.part, stuck.facts);
  assert.match(only, /^The map is that of k = 6 neighbours/);
  assert.deepEqual(remarks(seen(stuck, [0, 0]), stuck.part, stuck.facts), []);
  const random = spade();
  random.part.wholeImage[0] = 7;
  assert.match(remarks(seen(random, [0, 0]), random.part, random.facts)[0], /were not retrieved/);
});

test("cards stand in even rows, never one alone in the last", () => {
  assert.equal(columnsOf(5, 640), 5);
  assert.equal(columnsOf(5, 560), 3);
  assert.equal(columnsOf(5, 470), 3);
  assert.equal(columnsOf(5, 300), 2); // the patch itself takes a row
  assert.equal(columnsOf(10, 560, 100), 5);
  assert.equal(columnsOf(2, 1200), 2);
  assert.equal(columnsOf(1, 50), 1);
});

test("an enlargement has the patch in its middle", () => {
  assert.deepEqual(surroundings([10, 20, 4, 8]), [-4, 8, 32, 32]);
});
