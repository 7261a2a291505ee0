// The papers' tables: texts of cells as Python writes them, the displayed cell, and what a key goes to.

import assert from "node:assert/strict";
import { test } from "node:test";

import { nextPlace } from "../../adviz/explore/js/cell_table.js";
import { cellTexts, displayedCell, lacking } from "../../adviz/explore/js/cells.js";
import { cases } from "./read_cases.mjs";

test("texts of cells are those of Python", () => {
  assert.ok(cases.cells.length > 100);
  for (const { cell, shows, texts } of cases.cells) assert.deepEqual(cellTexts(cell, shows), texts);
});

const cells = [
  { line: "theirs", place: "bottle", theirs: true, rows: [] },
  { line: "ours", place: "bottle", theirs: false, rows: [["bottle", "", "", 0]] },
  { line: "ours", place: "mean", theirs: false, rows: [0, 1, 2].map((number) => ["", "", "", number]) },
];

test("the displayed cell is the chosen one, else the first of ours, else the first", () => {
  const all = { cells: [[0, 1, 2]] };
  assert.equal(displayedCell({ cells }, all, ["ours", "mean"]), 2);
  assert.equal(displayedCell({ cells }, all, []), 1);
  assert.equal(displayedCell({ cells }, { cells: [[2, -1]] }, ["theirs", "bottle"]), 2); // it is not shown
  assert.equal(displayedCell({ cells }, { cells: [[0]] }, []), 0);
});

test("experiments of several cells are counted once, without those that are done or wait", () => {
  const states = (...texts) => ({ experiments: texts.map((state) => ({ state })) });
  assert.equal(lacking(states("missing", "broken: x", "missing"), cells), 3);
  assert.equal(lacking(states("", "queued", "missing"), cells), 1);
  assert.equal(lacking(states("", "", ""), cells), 0);
});

test("keys go over places where there is no cell, and stay at the ends", () => {
  const grid = [["a", null, "b"], [null, "c", null]];
  assert.deepEqual(nextPlace(grid, [0, 0], [0, 1]), [0, 2]);
  assert.equal(nextPlace(grid, [0, 2], [0, 1]), null);
  assert.equal(nextPlace(grid, [0, 0], [1, 0]), null);
  assert.deepEqual(nextPlace(grid, [1, 3], [0, -1]), [1, 1]);
});
