// Numbers of detectors, a row each. A click on a row chooses its detector.

import { resized } from "./arrange.js";
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

/** A row that begins with a button; a click anywhere on it chooses. @param {() => void} choose */
export function choosable(choose) {
  const button = own(h("button.av-row-name", { type: "button" }));
  const node = h("tr", { onclick: choose }, h("th", { scope: "row" }, button)); // the button's click is the row's
  return {
    node,
    /** @param {string[]} texts @param {string} title of the first @param {boolean} chosen */
    draw([name, ...texts], title, chosen) {
      button.textContent = name;
      button.title = title;
      button.setAttribute("aria-pressed", String(chosen));
      node.classList.toggle("av-chosen", chosen);
      while (node.cells.length > texts.length + 1) node.lastElementChild.remove();
      while (node.cells.length <= texts.length) node.append(h("td"));
      texts.forEach((text, i) => {
        const cell = node.cells[i + 1];
        if (cell.textContent !== text) cell.textContent = text;
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
  /** @type {ReturnType<typeof choosable>[]} */
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
    resized(body, shown, now.length, (place) => choosable(() => choose(now[place].name)));
    now.forEach(({ name: detector, cells }, i) => {
      shown[i].draw([detector, ...cells], `show ${detector}'s map over the image`, detector === given.chosen);
    });
  }
  return { node, draw: lazily(draw) };
}
