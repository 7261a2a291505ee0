// A memory bank: colours, sizes, selections and counts are those of Python; remarks say what cannot be shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as bank from "../../adviz/explore/js/bank.js";
import { matches } from "../../adviz/explore/js/bankpanel.js";
import { sheet } from "../../adviz/explore/js/cloud.js";
import { extremes } from "../../adviz/explore/js/counts.js";
import { ahead, insideOf, thinned } from "../../adviz/explore/js/lasso.js";
import { byLevel, disc, dotSize, markedRows, paintDots, spots } from "../../adviz/explore/js/points.js";
import { cases } from "./read_cases.mjs";

const { bank: known } = cases;
const { points, order, size, grid, distances } = known;
const limits = [0, distances.most[0]];

test("levels of points stand for the values that Python draws", () => {
  for (const colour of bank.COLOURS) {
    const { values, limits: [low, high] } = known.colours[colour];
    const { levels } = bank.pointLevels(colour, points, order, size, distances, limits, 4, grid);
    values.forEach((value, row) => {
      if (Number.isNaN(value)) assert.equal(levels[row], bank.GREY, `${colour} ${row}`);
      else if (colour === "training image") assert.equal(levels[row], bank.MARKED);
      else {
        const expected = 1 + (255 * (value - low)) / (high - low);
        assert.ok(Math.abs(levels[row] - expected) <= 0.51, `${colour} ${row}: ${levels[row]} is not ${expected}`);
      }
    });
  }
});

test("without distances all points are grey", () => {
  const { levels, scale } = bank.pointLevels(bank.DISTANCE, points, order, size, null, limits, 0, grid);
  assert.ok(levels.every((level) => level === bank.GREY));
  assert.equal(scale, null);
});

test("what lies inside of an outline is what Python finds", () => {
  for (const { outline, inside } of known.outlines) {
    const marks = bank.selection(points, outline, []);
    assert.deepEqual([...marks.keys()].filter((row) => marks[row]), [...inside]);
  }
});

test("an outline is left by whoever goes round it, whatever its corners", () => {
  const star = insideOf([0, 3, 2, -3, -3, 1, 3, 1, -2, -3]); // its middle is crossed twice
  assert.equal(star(0, 0), false);
  assert.equal(star(0, 2), true);
  assert.equal(insideOf([1, 1, 1, 1, 1, 1])(1, 1), false);
  const square = insideOf([0, 0, 4, 0, 4, 4, 0, 4]);
  for (const [x, y, expected] of [[2, 2, true], [5, 2, false], [2, 5, false], [-1, 2, false]]) {
    assert.equal(square(x, y), expected);
  }
});

test("entries that were chosen are selected where there is no outline", () => {
  assert.equal(bank.selection(points, [], []), null);
  const marks = bank.selection(points, [], [2, 7]);
  assert.deepEqual([marks[2], marks[7], marks.reduce((a, b) => a + b)], [1, 1, 2]);
});

test("an outline keeps no more corners than are needed", () => {
  const path = Array.from({ length: 2000 }, (_, i) => i);
  const few = thinned(path, 100);
  assert.equal(few.length, 200);
  assert.deepEqual(few.slice(0, 4), [0, 1, 20, 21]);
  assert.equal(thinned(path, 1000), path);
});

test("an arrow goes to the nearest point ahead, and not to one that is nearer aside", () => {
  const xs = [0, 1, 3, 3, -2, 0.2];
  const ys = [0, 4, 0, 1, 0, 5];
  assert.equal(ahead(xs, ys, 0, 1, 0, 0.5), 2);
  assert.equal(ahead(xs, ys, 0, -1, 0, 0.5), 4);
  assert.equal(ahead(xs, ys, 0, 0, 1, 0.5), 5);
  assert.equal(ahead(xs, ys, 0, 0, -1, 0.5), -1);
  assert.equal(ahead(xs, ys, 0, 1, 0, 4), -1);
});

test("the size nearest to a wanted one is Python's", () => {
  for (const [wanted, at] of known.wanted) assert.equal(bank.nearestSize(known.sizes, wanted), at, `${wanted}`);
});

test("entries are counted by image, and rows found by their location", () => {
  assert.deepEqual(bank.counted(order, size, points.image, 9), known.counts);
  const rows = bank.rowsOf(points, 3, 12);
  rows.forEach((row, place) => assert.deepEqual([points.image[row], points.location[row]], [3, place]));
  const marks = bank.kept(order, size, points.x.length);
  assert.equal(marks.reduce((a, b) => a + b), size);
  const given = { counts: Uint32Array.from([3, 1, 3, 0]), names: ["a", "b", "c", "d"] };
  assert.equal(extremes(given, true), "a (3), c (3), b (1)");
  assert.equal(extremes(given, false), "d (0), b (1), a (3)");
});

test("higher levels are painted later, equal ones as they come", () => {
  const levels = Uint16Array.from([3, 0, 257, 3, 1]);
  assert.deepEqual([...byLevel(levels)], [1, 4, 0, 3, 2]);
});

test("places and zooms of the plane are kept", () => {
  const paper = sheet(points, 400, 300);
  for (const zoom of [[0, 0, 2], [...points.frame.slice(0, 2), 5]]) {
    const meant = paper.meantZoom(zoom);
    const again = paper.meantZoom(paper.toldZoom(meant));
    meant.forEach((value, i) => assert.ok(Math.abs(value - again[i]) <= 1e-3 * Math.abs(value) + 0.1));
  }
  assert.deepEqual(paper.meantZoom([]), []);
  const [row, column] = paper.place(10, 20);
  assert.deepEqual(paper.steps(row, column).map(Math.round), [10, 20]);
});

test("points are discs, the fewer the larger", () => {
  assert.deepEqual(disc(1), [[0, 0]]);
  assert.equal(disc(2).length, 4);
  assert.ok(disc(6).length < 36);
  assert.ok(dotSize(500, 1) > dotSize(50_000, 1));
  assert.ok(dotSize(160_000, 16) > dotSize(160_000, 1));
});

test("points are painted where they lie, also at the end of a picture, the last on top", () => {
  const plane = { x: [0, 4, 9, 4], y: [0, 0, 3, 0], frame: [0, 0, 1] };
  const places = spots(plane, 1, 0, 3, 8, 4, 2); // 8 x 4 pixels with 2 more at each end: 12 in a row
  assert.deepEqual([...places], [5 * 12 + 2, 5 * 12 + 6, -1, 5 * 12 + 6]);
  const pixels = new Uint32Array(12 * 8);
  paintDots(pixels, places, null, Uint16Array.of(0, 1, 1, 2), Uint32Array.of(7, 8, 9), [0, 1], true);
  const [clear, clearer] = [150, 190];
  assert.deepEqual([...pixels.subarray(62, 68)].map((pixel) => [pixel & 255, pixel >>> 24]),
    [[7, clear], [7, clear], [0, 0], [0, 0], [9, clearer], [9, clearer]]);
  assert.equal(pixels.filter(Boolean).length, 4);
});

test("of points in an order those that are marked are left", () => {
  assert.deepEqual([...markedRows(Uint8Array.of(1, 0, 1), Uint32Array.of(2, 1, 0))], [2, 0]);
  assert.deepEqual([...markedRows(Uint8Array.of(1, 0, 1), null)], [0, 2]);
});

const sampler = {
  sizes: [1, 10, 50],
  proxies: false,
  covered: true,
  radius: [9, 4, null],
  farthest: [9.5, 4, null],
  results: { 10: { image_auroc: 0.9, pixel_auroc: null, pro: 0.5 } },
  usage: { 10: { rows: 10, used: 9, share: 0.9, row: 3, times: 5, patches: 20 } },
  predicted: [10],
  tested: [10],
};
const one = {
  total: 100, trainNames: ["a"], names: ["t"], reasons: { undefined: ["no masks"], fewer: [] },
  samplers: { greedy: sampler, other: { ...sampler, farthest: [12, null, null], results: {}, usage: {} } },
};
const now = { one, category: "c", sampler: "greedy", found: sampler, size: 10, at: 1, picked: null, test: null };

test("scales are shared by all samplers that have a size", () => {
  assert.deepEqual(bank.distanceLimits(one, 1), [0, 12]);
  assert.deepEqual(bank.distanceLimits(one, 10), [0, 4]);
  assert.equal(bank.distanceLimits(one, 50), null);
});

test("the status line says what is known of the bank", () => {
  assert.equal(
    bank.sentence(now, 0),
    "c · greedy · 10 entries of 100 (10%) · covering radius 4 · 90% of the bank used at test time",
  );
  const words = bank.sentence({ ...now, size: 50, at: 2, picked: 7, test: 0 }, 3);
  for (const part of ["covering radius: not computed yet", "entry 7 picked", "3 entries selected", "test image t"]) {
    assert.ok(words.includes(part), words);
  }
});

test("the table says what is known, what is not and what is not known yet", () => {
  assert.deepEqual(bank.valuesOf(one, 10)[0], ["greedy", "4", "0.900", "–", "0.500", "90% (9)"]);
  assert.deepEqual(bank.valuesOf(one, 50)[0], ["greedy", "…", "–", "–", "–", "–"]);
  assert.deepEqual(bank.valuesOf(one, 20)[0][1], "–");
});

test("remarks say what cannot be shown", () => {
  assert.deepEqual(bank.remarks(now), ["Metrics are undefined: no masks."]);
  const words = bank.remarks({ ...now, size: 50, found: { ...sampler, proxies: true } });
  assert.ok(words[0].startsWith("Learned proxies are no patches"));
  assert.ok(words[2].startsWith("AUROC, PRO and use are known for 10 entries of greedy"));
  const bare = { ...sampler, predicted: [], results: {}, usage: {} };
  const none = bank.remarks({ ...now, found: bare, one: { ...one, samplers: { greedy: bare } } });
  assert.ok(none.includes("There are no predictions: usage and metrics are not known."));
});

test("curves leave out what is unknown, and quantities of which nothing is known", () => {
  const found = bank.curvesOf(one);
  assert.deepEqual(found.map(({ title }) => title), [
    "covering radius", "image AUROC", "PRO", "fraction of the bank used",
  ]);
  assert.deepEqual([found[0].curves[0].x, found[0].curves[0].y], [[1, 10], [9, 4]]);
  assert.deepEqual(found[1].curves[1].x, []);
});

test("a pick brings its image, another image gives the pick up, a category begins anew", () => {
  const state = { ...now, image: 0, facts: { categories: { c: one, d: { ...one, total: 5000 } } } };
  const row = points.image.indexOf(5);
  assert.deepEqual(bank.settled(state, points, { picked: row }), { picked: row, image: 5 });
  const other = { ...state, picked: row };
  assert.deepEqual(bank.settled(other, points, { image: 2 }), { image: 2, picked: null });
  assert.deepEqual(bank.settled(other, points, { image: 5 }), { image: 5 });
  assert.deepEqual(bank.settled(state, points, { test: 1 }), { test: 1, patch: [], closeup: [] });
  const begun = bank.settled(other, points, { category: "d" });
  assert.deepEqual([begun.budget, begun.picked, begun.lasso, begun.sampler], [50, null, [], "greedy"]);
});

test("some of a list are even along it", () => {
  assert.deepEqual(bank.evenly([1, 2, 3], 5), [1, 2, 3]);
  assert.deepEqual(bank.evenly([...Array(11).keys()], 3), [0, 5, 10]);
});

test("values of locations are spread over their pixels", () => {
  const map = bank.spreadOut([10, 20], Int32Array.from([1, -1]), 0.5, [1, 2], [2, 4]);
  assert.deepEqual([...map], [10, 10, NaN, NaN, 10, 10, NaN, NaN]);
  assert.deepEqual(bank.cellsOf(Int32Array.from([4, 2, 2, 4]), 2, [2, 2]), [[0, 1], [1, 0]]);
});

test("the entries that patches match are those of their image and location", () => {
  const mine = [3, 20, 40, 3];
  const image = Uint16Array.from(mine.flatMap((row) => [points.image[row], 0]));
  const location = Uint16Array.from(mine.flatMap((row) => [points.location[row], 0]));
  assert.deepEqual([...matches({ image, location }, 4, points)], mine);
  assert.deepEqual([...matches({ image: [99, 0], location: [1, 0, 1, 0] }, 2, points)], [-1, -1]);
  assert.deepEqual([...matches({}, 2, points)], [-1, -1]);
});
