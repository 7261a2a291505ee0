// A paper's table as Python describes it (`BookSource.described`), and what follows from it.

/** @typedef {import("./cell_detail.js").Cell} Cell */
/** @typedef {import("./cell_detail.js").Experiment} Experiment */
/** @typedef {import("./cell_table.js").Head} Head */
/**
 * How a table is laid out: `cells` holds numbers of cells, -1 where there is none.
 * @typedef {object} Layout
 * @property {string} corner
 * @property {Head[]} rows
 * @property {Head[]} columns
 * @property {number[][]} cells
 * @property {boolean} stacked
 * @property {Record<string, string>} legend for each way to show it
 */
/**
 * The part `table/PAPER/TABLE/PRO/VERSION`.
 * @typedef {object} Table
 * @property {string} name
 * @property {string} title
 * @property {string[]} words
 * @property {Cell[]} cells
 * @property {Experiment[]} experiments
 * @property {Record<string, string>[]} methods
 * @property {{ all: Layout, ours: Layout }} layouts
 */

export const BOTH = "printed | ours";
export const SHOWS = [BOTH, "ours", "delta"];
const NOTHING = "-";

/**
 * The two texts of a cell; Python's `texts_of` is its twin.
 * @param {Pick<Cell, "printed" | "ours" | "delta" | "state" | "theirs">} cell
 * @param {string} shows
 * @returns {[string, string]}
 */
export function cellTexts(cell, shows) {
  const printed = shows === BOTH ? cell.printed : "";
  if (cell.theirs) return [shows === BOTH ? printed : NOTHING, ""];
  if (shows === "delta") return [printed, cell.delta || (cell.ours ? NOTHING : cell.state)];
  return [printed, `${cell.ours} ${cell.state}`.trim()];
}

/**
 * Counts experiments that cells lack and that are not queued.
 * @param {Pick<Table, "experiments">} table
 * @param {Pick<Cell, "rows">[]} cells
 */
export function lacking({ experiments }, cells) {
  const numbers = new Set(cells.flatMap((cell) => cell.rows.map((row) => row[3])));
  return [...numbers].filter((number) => !["", "queued"].includes(experiments[number].state)).length;
}

/**
 * The displayed cell: the chosen one, else the first of ours, else the first.
 * @param {Pick<Table, "cells">} table
 * @param {Pick<Layout, "cells">} layout
 * @param {string[]} chosen line and place
 */
export function displayedCell({ cells }, layout, chosen) {
  const shown = new Set(layout.cells.flat());
  const there = cells.map((_, i) => i).filter((i) => shown.has(i));
  const isChosen = (/** @type {number} */ i) => cells[i].line === chosen[0] && cells[i].place === chosen[1];
  return there.find(isChosen) ?? there.find((i) => !cells[i].theirs) ?? there[0];
}
