// Everything about a cell of a paper's table: its values, its experiments and what is stored of them, and how they
// were done.

import { h, own } from "./dom.js";
import { number } from "./format.js";
import { lazily } from "./memo.js";
import { strip } from "./strip.js";

/**
 * What Python says of a cell (`Describer.cell`).
 * @typedef {object} Cell
 * @property {string} line
 * @property {string} place
 * @property {string} metric
 * @property {string} printed
 * @property {string} ours
 * @property {string} delta
 * @property {string} state
 * @property {boolean} theirs
 * @property {string} values
 * @property {string[]} hints
 * @property {string[]} remarks
 * @property {[string, string, string, number][]} rows name, printed, ours, number of the experiment
 * @property {number} method
 * @property {[string, string][]} errors last line, all of it
 */
/** @typedef {{ key: string, file: string, state: string, images: string, seconds: string }} Experiment */
/**
 * What is stored of an experiment (`described_result`).
 * @typedef {object} Result
 * @property {string} title
 * @property {Record<string, number | null>} metrics
 * @property {Record<string, string>} reasons
 * @property {number[]} scores
 * @property {string[]} defects
 * @property {string[]} names
 * @property {number} regions
 * @property {string[]} curves
 */
/**
 * @typedef {object} Given
 * @property {string} name
 * @property {Cell} cell
 * @property {Experiment[]} experiments
 * @property {Record<string, string> | null} method
 * @property {string} folder
 * @property {string} opened key of the experiment whose result is open; "": none
 * @property {Result | null} result
 * @property {number} width CSS pixels
 */

/** @param {string} name @param {string} text */
const pair = (name, text) => [h("dt", {}, name), h("dd", {}, text)];

/** What an experiment's result holds: its metrics, and the scores of its images. */
function storedResult() {
  const title = h("h2");
  const metrics = h("dl.av-stored-metrics");
  const note = h("p");
  let image = -1; // none is circled before one is clicked
  /** @type {{ result: Result, width: number } | null} */
  let now = null;
  const scores = strip((values) => {
    if (values.image === undefined || !now) return;
    image = values.image;
    drawScores(now);
  }, (i) => {
    const { names, defects, scores: all } = /** @type {{ result: Result }} */ (now).result;
    return [h("div", {}, h("b", {}, names[i]), h("div", {}, `${defects[i]} · score ${number(all[i])}`))];
  });
  const node = h("section.av-stored", { hidden: true }, title, metrics, scores.node, note);

  /** @param {{ result: Result, width: number }} given */
  function drawScores({ result, width }) {
    scores.draw({
      scores: result.scores,
      defects: result.defects,
      kinds: null,
      threshold: null,
      marks: {},
      image,
      names: result.names,
      within: result.scores.map(() => true),
      width,
    });
  }

  return {
    node,
    draw: lazily((/** @type {{ result: Result | null, width: number }} */ { result, width }) => {
      node.hidden = !result;
      if (!result) return;
      now = { result, width };
      image = -1;
      title.textContent = `Stored: ${result.title}`;
      const entries = Object.entries(result.metrics);
      metrics.replaceChildren(...entries.flatMap(([name, value]) => {
        const text = value === null ? result.reasons[name] ?? "undefined" : number(value);
        return pair(name.replaceAll("_", " "), text);
      }));
      scores.node.hidden = !result.scores.length;
      if (result.scores.length) drawScores(now);
      const regions = result.regions ? [`${result.regions} defect regions`] : [];
      const curves = result.curves.length ? [`curves: ${result.curves.join(", ")}`] : [];
      note.textContent = [`${result.scores.length} images`, ...regions, ...curves].join(" · ");
    }),
  };
}

/**
 * @param {(key: string) => void} open called with the key of an experiment whose result a person opens
 * @returns {import("./types").Component<Given>}
 */
export function cellDetail(open) {
  const name = h("h2");
  const values = h("p.av-cell-values");
  const remarks = h("div");
  const errors = h("div");
  const head = h("tr");
  const body = h("tbody");
  const region = { tabindex: 0, role: "region", "aria-label": "experiments" };
  const experiments = h("div.av-experiments", region,
    h("table.av-detectors", {}, h("thead", {}, head), body));
  const result = storedResult();
  const method = h("dl.av-method");
  const how = h("section", {}, h("h2", {}, "How it was done"), method);
  const said = h("section", {}, name, values, remarks, errors, experiments);
  const node = own(h("div.av-cell-detail", {}, said, how, result.node));

  const drawCell = lazily((/** @type {Omit<Given, "result" | "width">} */ given) => {
    const { cell, opened } = given;
    name.textContent = given.name;
    values.textContent = cell.values;
    remarks.replaceChildren(...cell.remarks.map((text) => h("p", {}, text)));
    errors.replaceChildren(...cell.errors.map(([last, all]) =>
      h("details.av-broken-details", {}, h("summary", {}, `broken: ${last}`), h("pre", {}, all))));
    experiments.hidden = !cell.rows.length;
    const printed = cell.rows.some((row) => row[1]);
    const heads = ["experiment", ...(printed ? ["printed"] : []), "ours", "train / test", "seconds", "result"];
    head.replaceChildren(...heads.map((text) => h("th", { scope: "col" }, text)));
    body.replaceChildren(...cell.rows.map((row) => rowNode(row, given.experiments[row[3]], printed, opened)));
    how.hidden = !given.method;
    const inFolder = cell.rows.some((row) => given.experiments[row[3]].file.endsWith(".json"));
    const lines = { ...given.method, ...(inFolder ? { "results are in": given.folder } : {}) };
    if (given.method) method.replaceChildren(...Object.entries(lines).flatMap(([one, text]) => pair(one, text)));
  });

  /**
   * @param {Cell["rows"][number]} row
   * @param {Experiment} experiment
   * @param {boolean} printed whether there is a column of printed values
   * @param {string} opened
   */
  function rowNode([label, theirs, ours], experiment, printed, opened) {
    const { key, state, images, seconds, file } = experiment;
    const there = state === "";
    const isOpen = there && key === opened;
    const attributes = {
      type: "button",
      "aria-expanded": String(isOpen),
      title: isOpen ? "close what is stored of it" : "open what is stored of it",
    };
    const first = there ? h("button.av-row-name", attributes, label) : h("span.av-row-name", {}, label);
    const click = there ? () => open(isOpen ? "" : key) : null; // the button's click is the row's
    const cells = [...(printed ? [theirs] : []), there ? ours : state, images, seconds, file];
    const entries = cells.map((text, i) => h(i === cells.length - 1 ? "td.av-file" : "td", {}, text));
    const row = h(isOpen ? "tr.av-chosen" : "tr", {}, h("th", { scope: "row" }, first), ...entries);
    if (click) row.addEventListener("click", click);
    return row;
  }

  return {
    node,
    draw(given) {
      const { result: found, width, ...rest } = given;
      drawCell(rest);
      result.draw({ result: found, width });
    },
  };
}
