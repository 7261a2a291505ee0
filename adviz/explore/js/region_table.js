// The regions of a category, a row each. A click on a row goes to its region, one on a head sorts by it.

import { choosable } from "./detector_table.js";
import { h, own } from "./dom.js";
import { percent } from "./format.js";
import { lazily } from "./memo.js";
import { resized } from "./arrange.js";

/** @typedef {import("./regions").Region} Region */
/**
 * @typedef {object} RegionTableGiven
 * @property {Region[]} regions
 * @property {string[]} defects of all images
 * @property {number} chosen number of a region
 * @property {number} image that is displayed
 * @property {string} order
 * @property {string} title
 */

/**
 * Head, what it means, and which order it stands for.
 * @type {[string, string, string][]}
 */
export const HEADS = [
  ["region", "its number, and what kind of defect it is", "number"],
  ["image", "the test image that it lies in, from 1", ""],
  ["pixels", "its area", "area"],
  ["overlap", "fraction of its pixels that are predicted anomalous at this FPR", ""],
  ["integral", "mean of its overlap over all FPR up to the limit", "integral"],
  ["adds to PRO", "its integral / number of regions: they add up to PRO-global", ""],
  ["weight in PRO", "every region weighs the same", ""],
  ["weight in AUROC", "in the pixel AUROC a region weighs as much as it has pixels", ""],
];

/** @param {Region} region @param {string} defect */
export const cellsOf = (region, defect) => [
  `${region.number} · ${defect}`,
  String(region.image + 1),
  String(region.area),
  region.overlap.toFixed(3),
  region.integral.toFixed(3),
  region.adds.toFixed(4),
  percent(region.weight, 1),
  percent(region.pixelWeight, 1),
];

/**
 * @param {(number: number) => void} choose
 * @param {(order: string) => void} sort
 * @returns {import("./types").Component<RegionTableGiven>}
 */
export function regionTable(choose, sort) {
  const title = h("h2");
  const heads = HEADS.map(([text, meaning, order]) => {
    const content = order ? own(h("button.av-row-name", { type: "button", onclick: () => sort(order) }, text)) : text;
    return h("th", { scope: "col", title: meaning }, content);
  });
  const body = h("tbody");
  const table = h("table.av-detectors.av-regions", {}, h("thead", {}, h("tr", {}, ...heads)), body);
  const scroller = h("div.av-region-rows", { tabindex: 0, role: "region", "aria-label": "regions" }, table);
  const node = h("section.av-region-table", {}, title, scroller);
  /** @type {ReturnType<typeof choosable>[]} */
  const rows = [];
  /** @type {Region[]} */
  let now = [];
  let last = "";

  /** @param {RegionTableGiven} given */
  function draw({ regions, defects, chosen, image, order, title: text }) {
    title.textContent = text;
    HEADS.forEach(([, , one], i) => {
      if (one === order) heads[i].setAttribute("aria-sort", "ascending");
      else heads[i].removeAttribute("aria-sort");
    });
    now = regions;
    resized(body, rows, regions.length, (place) => choosable(() => choose(now[place].number)));
    regions.forEach((region, i) => {
      const { node: row } = rows[i];
      const texts = cellsOf(region, defects[region.image]);
      rows[i].draw(texts, `go to region ${texts[0]}, on image ${texts[1]}`, region.number === chosen);
      row.classList.toggle("av-here", region.image === image);
      row.style.setProperty("--length", texts[3]);
    });
    const key = `${chosen} ${order} ${regions.length}`;
    if (key !== last) reveal(rows[regions.findIndex(({ number }) => number === chosen)]?.node);
    last = key;
  }

  /** Scrolls to a row, without moving the page. @param {HTMLElement | undefined} row */
  function reveal(row) {
    if (!row) return;
    const [outer, inner] = [scroller.getBoundingClientRect(), row.getBoundingClientRect()];
    const head = table.tHead.offsetHeight;
    if (inner.top < outer.top + head) scroller.scrollTop -= outer.top + head - inner.top;
    else if (inner.bottom > outer.bottom) scroller.scrollTop += inner.bottom - outer.bottom;
  }
  return { node, draw: lazily(draw) };
}
