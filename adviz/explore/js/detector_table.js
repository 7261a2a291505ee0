// Numbers of detectors, a row each. A click on a row chooses its detector.

import { h, own } from "./dom.js";
import { lazily } from "./memo.js";

/** @typedef {{ name: string, cells: string[] }} Row */
/**
 * @typedef {object} Given
 * @property {string} title
 * @property {[string, string][]} heads of the columns, and what they mean
 * @property {Row[]} rows
 * @property {string} chosen name of a row
 * @property {string} note below
 */

/** @param {(index: number) => void} choose */
function oneRow(choose) {
  let index = 0;
  const button = own(h("button.av-row-name", { type: "button" }));
  const first = h("th", { scope: "row" }, button);
  const node = h("tr", { onclick: () => choose(index) }, first); // the button's click is the row's
  return {
    node,
    /** @param {Row} row @param {number} place @param {boolean} chosen */
    draw({ name, cells }, place, chosen) {
      index = place;
      button.textContent = name;
      button.title = `show ${name}'s map over the image`;
      button.setAttribute("aria-pressed", String(chosen));
      node.classList.toggle("av-chosen", chosen);
      while (node.cells.length > cells.length + 1) node.lastElementChild.remove();
      while (node.cells.length <= cells.length) node.append(h("td"));
      cells.forEach((text, i) => {
        node.cells[i + 1].textContent = text;
      });
    },
  };
}

/**
 * @param {string} name of its class, av-NAME
 * @param {(detector: string) => void} choose
 */
export function detectorTable(name, choose) {
  const title = h("caption");
  const head = h("tr");
  const body = h("tbody");
  const note = h("p.av-note");
  const table = h("table.av-detectors", {}, title, h("thead", {}, head), body);
  const node = h(`div.av-detector-table.av-${name}`, {}, table, note);
  /** @type {ReturnType<typeof oneRow>[]} */
  const shown = [];
  /** @type {Row[]} */
  let now = [];

  const heads = lazily((/** @type {[string, string][]} */ columns) => {
    const cells = columns.map(([text, meaning]) => h("th", { scope: "col", title: meaning }, text));
    head.replaceChildren(h("th", { scope: "col" }, "detector"), ...cells);
  });

  /** @param {Given} given */
  function draw(given) {
    now = given.rows;
    title.textContent = given.title;
    heads(given.heads);
    head.hidden = !now.length;
    note.textContent = given.note;
    while (shown.length > now.length) shown.pop()?.node.remove();
    while (shown.length < now.length) {
      const row = oneRow((index) => choose(now[index].name));
      shown.push(row);
      body.append(row.node);
    }
    now.forEach((row, i) => shown[i].draw(row, i, row.name === given.chosen));
  }
  return { node, draw: lazily(draw) };
}
