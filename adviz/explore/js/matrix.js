// What a threshold does: counts of right and wrong decisions, what these say of further images, and
// what other thresholds would cost. A click on the errors of one kind keeps only these; a click on
// another threshold sets it.

import { h, own } from "./dom.js";
import { metric, number, percent } from "./format.js";
import { CONFIDENCE, clopperPearson } from "./interval.js";
import { lazily } from "./memo.js";

/**
 * @typedef {object} MatrixGiven
 * @property {import("./types").Decision} decision
 * @property {number} threshold
 * @property {string} only the filter: "false positives" and "false negatives" press a button
 * @property {string} title
 * @property {{ name: string, decision: import("./types").Decision, threshold: number }[]} [costs]
 *   rows of the table below
 */

const INTERVAL = `(${percent(CONFIDENCE)} intervals for further images; too low if the threshold was chosen on these)`;
const HEAD = ["", "threshold", "FP", "FN", "precision", "recall", "F1"];

/**
 * @param {import("./types").Change} change sets `only` or `threshold`
 * @returns {import("./types").Component<MatrixGiven>}
 */
export function matrix(change) {
  const title = h("caption");
  const found = count("right", "found");
  const missed = errorButton("missed", "false negatives", "anomalous images predicted good");
  const alarms = errorButton("false alarms", "false positives", "good images predicted anomalous");
  const passed = count("right", "passed");
  const unknownBad = count("unknown", "unknown");
  const unknownGood = count("unknown", "unknown");
  const unlabelled = line("unlabelled", unknownBad.node, unknownGood.node);
  const labelled = [line("anomalous", found.node, missed.node), line("good", alarms.node, passed.node)];
  const counts = table("matrix", title, ["", "predicted anomalous", "predicted good"], [...labelled, unlabelled]);
  const words = h("p.av-promised");
  const costTable = table("costs", h("caption", {}, "what other thresholds cost"), HEAD, []);
  const body = costTable.tBodies[0];
  const costBox = h("div.av-costs-box", {}, costTable);
  const node = h("div.av-matrix-box", {}, h("div.av-counted", {}, counts, words), costBox);
  /** @type {Map<string, ReturnType<typeof costRow>>} */
  const rows = new Map();
  let only = "all";
  /** @type {Record<string, number>} */
  let thresholds = {};

  /** @param {MatrixGiven} given */
  function draw(given) {
    const { decision, costs = [] } = given;
    only = given.only;
    title.textContent = given.title;
    found.show(decision.truePositives);
    missed.show(decision.falseNegatives, only);
    alarms.show(decision.falsePositives, only);
    passed.show(decision.trueNegatives);
    unknownBad.show(decision.unlabelledPositives);
    unknownGood.show(decision.unlabelledNegatives);
    unlabelled.hidden = decision.unlabelledPositives + decision.unlabelledNegatives === 0;
    const { falsePositives, trueNegatives, falseNegatives, truePositives } = decision;
    const rates = [
      promised("false alarms", falsePositives, falsePositives + trueNegatives),
      promised("missed", falseNegatives, falseNegatives + truePositives),
    ].filter(Boolean);
    words.textContent = rates.length ? [...rates, INTERVAL].join("\n") : "";
    costBox.hidden = costs.length === 0;
    thresholds = Object.fromEntries(costs.map(({ name, threshold }) => [name, threshold]));
    for (const [name, row] of rows) {
      if (name in thresholds) continue;
      row.node.remove();
      rows.delete(name);
    }
    for (const one of costs) {
      const row = rows.get(one.name) ?? costRow(one.name);
      rows.set(one.name, row);
      if (!row.node.parentNode) body.append(row.node);
      row.show(one.threshold, one.decision, given.threshold);
    }
  }

  body.addEventListener("click", (/** @type {Event} */ event) => {
    const row = /** @type {Element} */ (event.target).closest("tr");
    const name = row?.getAttribute("data-name") ?? "";
    if (Number.isFinite(thresholds[name])) change({ threshold: thresholds[name] });
  });

  /** @param {string} name @param {string} filter @param {string} meaning */
  function errorButton(name, filter, meaning) {
    const shown = h("b");
    const press = () => change({ only: only === filter ? "all" : filter });
    const control = own(h("button.av-error-count", { type: "button", onclick: press }, shown, h("span", {}, name)));
    return {
      node: h("td.av-wrong-count", {}, control),
      /** @param {number} value @param {string} chosen */
      show(value, chosen) {
        const pressed = chosen === filter;
        shown.textContent = String(value);
        control.setAttribute("aria-pressed", String(pressed));
        const act = pressed ? "show all images again" : "show only these";
        control.setAttribute("title", `${meaning}: click to ${act}`);
      },
    };
  }

  return { node, draw: lazily(draw) };
}

/** @param {string} name of its class @param {Node} caption @param {string[]} heads @param {Node[]} rows */
function table(name, caption, heads, rows) {
  const cells = heads.map((text) => (text ? h("th", { scope: "col" }, text) : h("td")));
  const head = cells.length ? h("thead", {}, h("tr", {}, ...cells)) : null;
  return h(`table.av-${name}`, {}, caption, head, h("tbody", {}, ...rows));
}

/** @param {string} name @param {...Node} cells */
function line(name, ...cells) {
  return h("tr", {}, h("th", { scope: "row" }, name), ...cells);
}

/** @param {string} kind @param {string} name */
function count(kind, name) {
  const shown = h("b");
  return {
    node: h(`td.av-${kind}-count`, {}, h("div", {}, shown, h("span", {}, name))),
    /** @param {number} value */
    show(value) {
      shown.textContent = String(value);
    },
  };
}

/**
 * Says what a count of errors tells of further images.
 * @param {string} name
 * @param {number} errors
 * @param {number} of
 */
function promised(name, errors, of) {
  if (!of) return "";
  const [low, high] = clopperPearson(errors, of).map((end) => percent(end, 1));
  return `${name} ${errors} of ${of}: ${low} to ${high}`;
}

/** @param {string} name */
function costRow(name) {
  const control = own(h("button.av-cost-name", { type: "button" }, name));
  const cells = HEAD.slice(1).map(() => h("td"));
  const at = h("span.av-cost-at"); // where there is no room for a column of thresholds
  const node = h("tr", { "data-name": name }, h("th", { scope: "row" }, control, at), ...cells);
  return {
    node,
    /**
     * @param {number} threshold
     * @param {import("./types").Decision} decision
     * @param {number} current
     */
    show(threshold, decision, current) {
      const texts = [
        number(threshold),
        String(decision.falsePositives),
        String(decision.falseNegatives),
        metric(decision.precision),
        metric(decision.recall),
        metric(decision.f1),
      ];
      cells.forEach((cell, i) => {
        cell.textContent = texts[i];
      });
      at.textContent = texts[0];
      node.classList.toggle("av-chosen", threshold === current);
      control.setAttribute("aria-pressed", String(threshold === current));
      control.setAttribute("title", `set the threshold to ${number(threshold)}`);
    },
  };
}
