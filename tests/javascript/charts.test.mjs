// What charts and galleries compute before anything is drawn.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  labelSpan,
  placeLabels,
  rounded,
  scale,
  shortened,
  spread,
  tickLabels,
} from "../../adviz/explore/js/axes.js";
import { besides } from "../../adviz/explore/js/bubble.js";
import { broughtIntoSight, keyed, visible } from "../../adviz/explore/js/gallery.js";
import { diameter, nearest, outline, stepped } from "../../adviz/explore/js/marks.js";
import { scatterLayout } from "../../adviz/explore/js/scatter.js";
import { rowsOf, stripLayout } from "../../adviz/explore/js/strip.js";
import { sentence, toneOf } from "../../adviz/explore/js/verdicts.js";

const wide = (text) => 6.6 * text.length;

/** Reproducible numbers from 0 to 1. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}

test("a scale goes there and back and stays inside its axis", () => {
  const axis = scale([10, 30], 100, 300);
  assert.equal(axis.place(20), 200);
  assert.equal(axis.value(200), 20);
  assert.equal(axis.place(99), 300);
  assert.equal(axis.value(0), 10);
  assert.equal(axis.place(NaN), 100);
  const up = scale([0, 1], 200, 20);
  assert.equal(up.place(1), 20);
  assert.equal(up.value(110), 0.5);
});

test("the range of values has room, also where all are the same or none is finite", () => {
  assert.deepEqual(spread([0, 100, NaN, Infinity], 0.1), [-10, 110]);
  const [low, high] = spread([5, 5]);
  assert.ok(low < 5 && high > 5);
  assert.deepEqual(spread([]), [0, 1]);
});

test("a dragged threshold has no more digits than a pixel can tell", () => {
  assert.equal(rounded(168.4174759, 0.25), 168.4);
  assert.equal(rounded(0.99998763, 1e-6), 0.999988);
  assert.equal(rounded(123456, 300), 123500);
  assert.equal(rounded(1.5, 0), 1.5);
});

test("ticks are round and their labels stand apart", () => {
  for (const range of [
    [0, 1],
    [43.2, 651],
    [-3, 17],
    [0.99, 0.9903],
    [1e-4, 3e-4],
    [1e6, 9e6],
  ]) {
    for (const width of [120, 300, 900]) {
      const axis = scale(range, 0, width);
      const labels = tickLabels(axis, 24, wide);
      assert.ok(labels.length >= 1, `no tick for ${range} on ${width}`);
      for (let i = 1; i < labels.length; i++) {
        const gap = labels[i].place - labels[i - 1].place;
        assert.ok(gap >= wide(labels[i].text) || labels.length <= 2, `${range} on ${width}`);
      }
      assert.equal(new Set(labels.map(({ text }) => text)).size, labels.length);
    }
  }
});

test("labels of thresholds cover neither each other nor each other's lines", () => {
  const next = random(7);
  for (let round = 0; round < 300; round++) {
    const count = 1 + Math.floor(next() * 3);
    const labels = Array.from({ length: count }, () => ({
      at: 100 + next() * 400,
      width: 40 + next() * 60,
    }));
    const found = placeLabels(labels, 0, 520);
    const spans = found.map((label) => labelSpan(label));
    found.forEach((one, i) => {
      assert.ok(spans[i][0] >= 0 && spans[i][1] <= 520, "beyond the chart");
      found.slice(i + 1).forEach((other, n) => {
        const [start, end] = spans[i + 1 + n];
        if (one.line !== other.line) return;
        assert.ok(spans[i][1] < start || end < spans[i][0], "one covers another");
      });
      found.forEach((other, n) => {
        if (one.line <= other.line) return;
        assert.ok(one.at <= spans[n][0] || one.at >= spans[n][1], "a line runs through a label");
      });
    });
  }
});

test("labels at one place and in a chart that is too narrow still get lines of their own", () => {
  const same = placeLabels(
    [
      { at: 50, width: 60 },
      { at: 50, width: 60 },
    ],
    0,
    400,
  );
  assert.notEqual(same[0].line, same[1].line);
  const narrow = placeLabels(
    [
      { at: 20, width: 90 },
      { at: 30, width: 90 },
      { at: 40, width: 90 },
    ],
    0,
    60,
  );
  assert.equal(new Set(narrow.map(({ line }) => line)).size, 3);
});

test("a text that is too long is shortened", () => {
  assert.equal(shortened("good", 100, wide), "good");
  const short = shortened("contamination (12)", 66, wide);
  assert.ok(short.endsWith("…") && wide(short) <= 66);
});

test("rows: good first, then defects by name, unlabelled last", () => {
  const rows = rowsOf(["poke", "unlabelled", "bent", "good", "bent"]);
  assert.deepEqual(
    rows.map(({ name }) => name),
    ["good", "bent", "poke", "unlabelled"],
  );
  assert.deepEqual(rows[1].members, [2, 4]);
});

test("a strip gives every image a place in the row of its defect, inside the chart", () => {
  const next = random(3);
  for (const [count, width] of [
    [46, 1200],
    [2000, 360],
    [8000, 560],
  ]) {
    const scores = Array.from({ length: count }, () => next() * 200);
    const defects = scores.map(
      (_, i) => ["good", "bent", "a very long name of a defect type"][i % 3],
    );
    const marks = { "F1-optimal": 70, "100% recall": 60, none: NaN };
    const layout = stripLayout(scores, defects, marks, width, wide);
    assert.equal(layout.width, width);
    assert.equal(layout.ticks.length, 2);
    assert.ok(layout.left <= 0.3 * width + 18);
    scores.forEach((_, i) => {
      assert.ok(layout.xs[i] >= layout.left && layout.xs[i] <= layout.right);
      assert.ok(layout.ys[i] > layout.top && layout.ys[i] < layout.bottom);
    });
    const middles = layout.rows.map(({ middle }) => middle);
    assert.deepEqual(
      middles,
      [...middles].sort((a, b) => a - b),
    );
  }
});

test("a strip of one image, and of equal scores", () => {
  for (const scores of [[3], [3, 3, 3]]) {
    const layout = stripLayout(
      scores,
      scores.map(() => "good"),
      {},
      300,
      wide,
    );
    assert.ok(layout.xs.every(Number.isFinite) && layout.ys.every(Number.isFinite));
  }
});

test("the next image by score, among those that are looked at, and not beyond the ends", () => {
  const scores = [5, 1, 3, 3, 9];
  const all = [0, 1, 2, 3, 4];
  assert.equal(stepped(all, scores, 1, 1), 2);
  assert.equal(stepped(all, scores, 2, 1), 3);
  assert.equal(stepped(all, scores, 4, 1), 4);
  assert.equal(stepped(all, scores, 2, -Infinity), 1);
  assert.equal(stepped(all, scores, 2, Infinity), 4);
  assert.equal(stepped([1, 4], scores, 0, 1), 4);
  assert.equal(stepped([1, 4], scores, 0, -1), 1);
  assert.equal(stepped([], scores, 0, 1), 0);
});

test("the dot nearest to the pointer, if any is near", () => {
  assert.equal(nearest([0, 10, 20], [0, 0, 0], 12, 1, 5), 1);
  assert.equal(nearest([0, 10, 20], [0, 0, 0], 15, 9, 5), -1);
});

test("dots have a shape for each tone, and are smaller in a crowd", () => {
  const shapes = ["good", "anomalous", "unlabelled"].map((tone) => outline(tone, 5, 5, 8));
  assert.equal(new Set(shapes).size, 3);
  const sizes = [46, 500, 2000, 4000, 8000].map(diameter);
  assert.deepEqual(
    sizes,
    [...sizes].sort((a, b) => b - a),
  );
});

test("a gallery makes what is in sight and a margin, never more than there is", () => {
  assert.deepEqual(visible(0, 500, 100, 2000, 4), [0, 9]);
  assert.deepEqual(visible(1050, 500, 100, 2000), [10, 16]);
  assert.deepEqual(visible(199_800, 500, 100, 2000, 4), [1994, 2000]);
  assert.deepEqual(visible(0, 500, 100, 3, 4), [0, 3]);
  assert.deepEqual(visible(-20, 500, 100, 0, 4), [0, 0]);
});

test("a picture that is in sight stays where it is, another one comes to the middle", () => {
  assert.equal(broughtIntoSight(3, 100, 250, 500), 250);
  assert.equal(broughtIntoSight(20, 100, 250, 500), 1800);
  assert.equal(broughtIntoSight(1, 100, 250, 500), 0);
});

test("keys of a gallery: along a line, and in a grid to the line below", () => {
  assert.equal(keyed("ArrowRight", 3, 10, 0), 4);
  assert.equal(keyed("ArrowDown", 3, 10, 0), 4);
  assert.equal(keyed("ArrowDown", 3, 10, 4), 7);
  assert.equal(keyed("ArrowDown", 8, 10, 4), 8);
  assert.equal(keyed("ArrowUp", 2, 10, 4), 2);
  assert.equal(keyed("ArrowLeft", 0, 10, 4), 0);
  assert.equal(keyed("Home", 7, 10, 4), 0);
  assert.equal(keyed("End", 7, 10, 4), 9);
  assert.equal(keyed("x", 7, 10, 4), -1);
  assert.equal(keyed("End", 0, 0, 4), -1);
});

test("what stands beside the pointer stays inside the chart", () => {
  assert.deepEqual(besides([5, 10], [100, 60], 400, 300), [0, 24]);
  assert.deepEqual(besides([395, 10], [100, 60], 400, 300), [300, 24]);
  assert.deepEqual(besides([200, 280], [100, 60], 400, 300), [150, 206]);
});

test("a scatter's axes hold the thresholds too", () => {
  const layout = scatterLayout([1, 2], [10, 20], 5, NaN, 500);
  assert.ok(layout.across.high > 5 && layout.across.low < 1);
  assert.ok(layout.down.high > 20 && layout.down.high < 22);
});

test("what is known of an image, and all of it in a line", () => {
  assert.equal(toneOf("bent"), "anomalous");
  assert.equal(toneOf("unlabelled"), "unlabelled");
  assert.equal(toneOf("photo", "unlabelled, predicted good"), "unlabelled");
  assert.equal(toneOf("good", "false positive"), "good");
  const said = sentence("broken/001", "broken", "167.8", "false negative");
  assert.equal(said, "broken/001 · broken · score 167.8 · missed");
  assert.equal(sentence("good/000", "good", ""), "good/000 · good");
});
