// The papers' tables: printed and measured values, cell by cell, and experiments that a person has done.

import { BOTH, SHOWS, cellTexts, displayedCell, lacking } from "./cells.js";
import { button, checkbox, choice, select } from "./controls.js";
import { cellDetail } from "./cell_detail.js";
import { cellTable } from "./cell_table.js";
import { explorer } from "./explorer.js";
import { h } from "./dom.js";
import { partKey } from "./store.js";

/** @typedef {import("./cell_detail.js").Cell} Cell */
/** @typedef {import("./cell_table.js").Head} Head */
/** @typedef {import("./cells.js").Layout} Layout */
/** @typedef {import("./cells.js").Table} Table */
/**
 * What a state means.
 * @typedef {object} Now
 * @property {any} facts
 * @property {boolean} exported
 * @property {string} paper
 * @property {string} table
 * @property {string} pro
 * @property {string} shows
 * @property {boolean} others
 * @property {string} result
 * @property {Table | null} found the displayed table; the former one until the next is there
 * @property {Layout | null} layout
 * @property {number} cell number of the displayed cell
 * @property {number} width
 * @property {import("./types").Store} store
 */

const ROOMY = 1000; // CSS pixels from which on the detail may stand beside a table

/** @param {Cell} cell */
const nameOf = ({ line, place, metric }) => [line, place, ...(place.includes(metric) ? [] : [metric])].join(" · ");

/** @param {Cell} cell @param {boolean} apart whether printed values and ours stand in cells of their own */
function toneOf({ theirs, state }, apart) {
  if (theirs) return apart ? "" : "theirs";
  if (state === "broken") return "broken";
  if (state) return "open";
  return apart ? "other" : "";
}

/** @param {number[][]} cells @param {number} cell @returns {[number, number]} */
function placeOf(cells, cell) {
  const row = cells.findIndex((line) => line.includes(cell));
  return [row, cells[row].indexOf(cell)];
}

/**
 * @param {import("./types").Frame} frame
 * @returns {import("./explorer").Parts<Now>}
 */
function build({ model, store, change }) {
  const first = (/** @type {string} */ paper) => Object.keys(model.get("facts").papers[paper].tables)[0];
  const papers = select("paper", "paper", (paper) => change({ paper, table: first(paper), result: "" }));
  const names = select("table", "table", (table) => change({ table, result: "" }));
  const pros = select("pro", "PRO is", (pro) => change({ pro }));
  const shows = choice("shows", "cells show", SHOWS, (value) => change({ shows: value }));
  const others = checkbox("others", "methods that are not ours", (checked) => change({ others: checked }));
  const title = h("h2");
  const legend = h("p.av-legend");
  const run = (/** @type {string} */ what) => () => model.send({ run: what });
  const buttons = {
    cell: button("run-cell", "", "do what this cell lacks", run("cell")),
    line: button("run-line", "", "do what all cells of this method and variant lack", run("line")),
    all: button("run-all", "", "do what the whole table lacks", run("all")),
  };
  const runs = h("div.av-runs", {}, buttons.cell, buttons.line, buttons.all);
  /** @type {Now} */
  let shown;
  const grid = cellTable(([row, column]) => {
    const cell = shown.found?.cells[shown.layout?.cells[row][column] ?? -1];
    if (cell) change({ cell: [cell.line, cell.place], result: "" });
  });
  const detail = cellDetail((result) => change({ result }));
  const ways = h("div.av-ways", {}, shows.node, others.node);
  const left = h("div.av-paper-table", {}, title, ways, grid.node, legend, runs);
  const node = h("div.av-tables", {}, left, detail.node);

  /** @type {{ paper: string, table: string, found: Table } | null} */
  let last = null;
  /** @param {number} width @returns {Now} */
  function read(width) {
    const facts = model.get("facts");
    const { version } = facts;
    const [paper, table] = [model.get("paper"), model.get("table")];
    const pro = facts.papers[paper].tables[table].pro ? model.get("pro") : "own";
    const part = store.get(partKey("table", paper, table, pro, version));
    if (part) last = { paper, table, found: part.table };
    const found = last?.found ?? null;
    const layout = found && (model.get("others") ? found.layouts.all : found.layouts.ours);
    return {
      facts,
      exported: Boolean(model.get("options")?.exported),
      paper,
      table,
      pro: model.get("pro"),
      shows: facts.paperData ? model.get("shows") : BOTH,
      others: model.get("others"),
      result: model.get("result"),
      found,
      layout,
      cell: found && layout ? displayedCell(found, layout, model.get("cell")) : -1,
      width,
      store,
    };
  }

  /** @param {Now} now */
  function drawControls(now) {
    const known = now.facts.papers;
    const ids = Object.keys(known);
    papers.show(ids, now.paper, ids.map((id) => known[id].name));
    const { tables } = known[now.paper];
    const numbers = Object.keys(tables);
    names.show(numbers, now.table, numbers.map((number) => tables[number].title));
    const kinds = Object.keys(now.facts.pro);
    pros.show(kinds, now.pro, kinds.map((kind) => now.facts.pro[kind]));
    pros.node.hidden = !tables[now.table].pro;
    shows.show(now.shows);
    shows.node.hidden = !now.facts.paperData;
    others.show(now.others);
  }

  /** @param {Now} now @param {Table} found @param {Layout} layout */
  function drawTable(now, found, layout) {
    title.textContent = found.title;
    legend.textContent = layout.legend[now.shows];
    const entryOf = (/** @type {number} */ i) => {
      if (i < 0) return null;
      const cell = found.cells[i];
      const words = [cell.values, ...cell.hints];
      return { texts: cellTexts(cell, now.shows), tone: toneOf(cell, !now.facts.paperData), name: nameOf(cell), words };
    };
    grid.draw(/** @type {import("./cell_table.js").Given} */ ({
      label: found.title,
      corner: layout.corner,
      rows: layout.rows,
      columns: layout.columns,
      cells: layout.cells.map((row) => row.map(entryOf)),
      picked: placeOf(layout.cells, now.cell),
      stacked: layout.stacked && now.shows === BOTH,
    }));
  }

  /** @param {Now} now @param {Table} found */
  function drawRuns(now, found) {
    const cell = found.cells[now.cell];
    const line = found.cells.filter((one) => one.line === cell.line);
    const counts = { cell: lacking(found, [cell]), line: lacking(found, line), all: lacking(found, found.cells) };
    const texts = { cell: "run this cell", line: `run ${cell.line}`, all: "run all missing" };
    for (const what of /** @type {("cell" | "line" | "all")[]} */ (["cell", "line", "all"])) {
      const text = `${texts[what]} (${counts[what]})`;
      buttons[what].textContent = text;
      buttons[what].setAttribute("aria-label", `${text}: ${buttons[what].title}`);
      buttons[what].disabled = !counts[what];
    }
    runs.hidden = now.exported;
  }

  /** @param {Now} now @param {Table} found */
  function drawDetail(now, found) {
    const cell = found.cells[now.cell];
    const keys = cell.rows.map((row) => found.experiments[row[3]]).filter((one) => !one.state).map((one) => one.key);
    const only = keys.length === 1 && cell.rows.length === 1 ? keys[0] : "";
    const opened = keys.includes(now.result) ? now.result : only;
    const part = opened ? store.get(partKey("result", opened)) : null;
    detail.draw({
      name: nameOf(cell),
      cell,
      experiments: found.experiments,
      method: found.methods[cell.method] ?? null,
      folder: now.facts.folder,
      opened,
      result: part?.result ?? null,
      width: detail.node.clientWidth,
    });
  }

  return {
    controls: [papers.node, names.node, pros.node],
    nodes: [node],
    read,
    draw(now) {
      shown = now;
      drawControls(now);
      const { found, layout } = now;
      if (!found || !layout) return;
      node.classList.toggle("av-roomy", now.width >= ROOMY);
      drawTable(now, found, layout);
      drawRuns(now, found);
      drawDetail(now, found);
    },
    words({ found, cell, facts }) {
      if (!found) return "";
      const { values } = found.cells[cell];
      const words = [found.name, ...found.words, nameOf(found.cells[cell]), values];
      return `${facts.stopped ? "stopped · " : ""}${words.join(" · ")}`;
    },
    table({ found, layout, shows: way }) {
      if (!found || !layout) return { head: [], rows: [] };
      const text = (/** @type {number} */ i) => {
        return i < 0 ? "" : cellTexts(found.cells[i], way).filter(Boolean).join(" | ");
      };
      const said = (/** @type {Head} */ { name, small, group }) => {
        return [group ? `${group}: ${name}` : name, small].filter(Boolean).join(", ");
      };
      const head = [layout.corner, ...layout.columns.map(said)];
      return { head, rows: layout.cells.map((row, i) => [said(layout.rows[i]), ...row.map(text)]) };
    },
    name: ({ found }) => found?.name ?? "table",
  };
}

export default {
  render: (/** @type {import("./explorer").Place} */ place) =>
    explorer(place, {
      title: "Which of the papers' numbers come out here?",
      state: ["paper", "table", "pro", "shows", "others", "cell", "result"],
      help: [
        ["click on a cell, arrow keys", "show everything about it; Home and End go to the ends of its row"],
        ["click on an experiment", "open what is stored of it: metrics, and the scores of its images"],
        ["run", "do what a cell, a line or the table lacks, one after the other; stop empties the queue"],
      ],
      build,
    }),
};
