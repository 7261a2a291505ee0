// Lines round masks, and how small pictures stand in rows.
import assert from "node:assert/strict";
import { test } from "node:test";
import { outline } from "../../adviz/explore/js/grids.js";
import { lines } from "../../adviz/explore/js/painting.js";
import { inRow } from "../../adviz/explore/js/tiles.js";

function linesOf(rows) {
  const mask = Uint8Array.from(rows.join(""), Number);
  return lines(outline(mask, rows.length, rows[0].length));
}

const lengthOf = (line) => line.slice(1).reduce(
  (sum, [x, y], i) => sum + Math.abs(x - line[i][0]) + Math.abs(y - line[i][1]),
  0,
);

test("a rectangle is one closed line with four corners", () => {
  const [line, ...others] = linesOf(["0000", "0110", "0110", "0110", "0000"]);
  assert.equal(others.length, 0);
  assert.deepEqual(line[0], line[line.length - 1]);
  assert.equal(new Set(line.map(String)).size, 4);
  assert.equal(lengthOf(line), 10);
});

test("a hole and a region at the edge have lines of their own", () => {
  const found = linesOf(["11111", "10001", "10101", "10001", "11111"]);
  assert.equal(found.length, 3);
  assert.deepEqual(found.map(lengthOf).sort((a, b) => a - b), [4, 12, 20]);
});

test("every edge of a random mask is drawn once", () => {
  let state = 7;
  const mask = Uint8Array.from({ length: 30 * 40 }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state > 1073741824 ? 1 : 0;
  });
  const edges = outline(mask, 30, 40);
  const found = lines(edges);
  const total = found.map(lengthOf).reduce((a, b) => a + b, 0);
  const every = edges.reduce((sum, [x0, y0, x1, y1]) => sum + x1 - x0 + y1 - y0, 0);
  assert.equal(total, every);
  for (const line of found) assert.deepEqual(line[0], line[line.length - 1]);
});

test("no mask, no line", () => assert.deepEqual(linesOf(["000", "000"]), []));

test("small pictures break into even rows", () => {
  assert.equal(inRow(5, 160, 1280), 5);
  assert.equal(inRow(5, 160, 700), 3);
  assert.equal(inRow(5, 160, 400), 2);
  assert.equal(inRow(6, 160, 900), 3);
  assert.equal(inRow(4, 160, 100), 1);
  assert.equal(inRow(0, 160, 100), 1);
});
