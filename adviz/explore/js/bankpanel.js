// The memory bank in the plane beside a test image: the entries that its patches match are lit.

import { matchedRows } from "./bank.js";
import { cloud } from "./cloud.js";
import { drawPatch } from "./patches.js";
import { boxOf, cellAt, middleOf } from "./grids.js";
import { h } from "./dom.js";
import { memo } from "./memo.js";
import { ORANGE } from "./colours.js";
import { smallOf } from "./small.js";

/** @typedef {import("./bank").Points} Points */

const SIDE = 72; // CSS pixels of a patch
const HIGHEST = 300; // CSS pixels of the plane, so that the words below it are in sight
/** @type {number[]} */
const NONE = [];

/**
 * Returns the row of the bank that each patch of a test image matches, -1: none.
 * @param {import("./types").FoundPart} part
 * @param {number} count patches
 * @param {Points} points
 */
export function matches({ image, location }, count, points) {
  const { image: images, location: places } = points;
  const rows = new Int32Array(count).fill(-1);
  if (!image || !location) return rows;
  const each = location.length / count;
  const shared = image.length < location.length; // all patches search the same images
  let most = 1; // location numbers are below
  for (const place of places) most = Math.max(most, place + 1);
  /** @type {Map<number, number>} */
  const known = new Map();
  for (let row = 0; row < images.length; row++) known.set(images[row] * most + places[row], row);
  for (let i = 0; i < count; i++) {
    rows[i] = known.get(image[shared ? 0 : i * each] * most + location[i * each]) ?? -1;
  }
  return rows;
}

/**
 * The panel; the option `banks` says for each category which part holds its points. A click on an entry that is lit
 * picks a patch that matches it.
 * @param {import("./types").Frame} frame
 */
export function bankPanel({ change, store }) {
  /** @type {import("./types").Now} */
  let now;
  /** @type {Points | null} */
  let points = null;
  let rows = new Int32Array(0);
  /** @type {number[]} where the plane is looked at, which is nobody else's matter */
  let zoom = [];
  /** @type {() => void} */
  let again = () => {};
  const scatter = cloud((given) => {
    if (given.zoom) zoom = given.zoom;
    if (given.zoom) again();
    else if ("picked" in given) pick(given.picked);
  }, tip, { selects: false });
  const words = h("p");
  const nothing = h("p.av-note");
  const title = h("h2", {}, "memory bank: entries that this image matches");
  const node = h("section.av-bank-panel", {}, title, nothing, scatter.node, words);
  const matched = memo(matches);
  const lit = memo(matchedRows);
  const levels = memo((/** @type {number} */ count) => new Uint16Array(count));

  /** @param {number | null} row */
  function pick(row) {
    const { one, found } = now;
    if (row === null || !found) return change({ picked: [] });
    const place = rows.indexOf(row);
    if (place < 0) return undefined;
    return change({ picked: middleOf(cellAt(place, found.cells), one.size, found.cells) });
  }

  /** @param {number} row */
  function tip(row) {
    const { one, found } = now;
    if (!points || !found?.grid) return [];
    const { grid } = found;
    const canvas = h("canvas");
    const cell = cellAt(points.location[row], grid);
    const source = smallOf(now, "train", points.image[row]);
    store.ask();
    drawPatch(canvas, { source, size: one.trainSize, box: boxOf(cell, one.trainSize, grid), colour: ORANGE }, SIDE);
    const count = rows.filter((one_) => one_ === row).length;
    const said = [one.trainNames[points.image[row]], `location ${cell.join(", ")}`, `matched by ${count} patches`];
    return [canvas, h("div", {}, h("b", {}, `entry ${row}`), ...said.map((line) => h("div", {}, line)))];
  }

  /**
   * @param {import("./types").Now} next
   * @param {import("./types").Shown} shown
   * @param {number} width
   */
  function draw(next, shown, width) {
    now = next;
    const key = now.options.banks[now.category];
    points = key ? store.get(key) : null;
    const { found } = now;
    const none = !key || (found !== null && !found.grid);
    nothing.textContent = none ? "There is no memory bank of this category, or this detector has none." : "";
    for (const one of [scatter.node, words]) one.hidden = none || !points;
    if (!points || !found?.grid || width <= 0) return;
    rows = matched(shown.part, found.cells[0] * found.cells[1], points);
    again = () => draw(now, shown, width);
    const bright = lit(rows);
    const at = shown.cell ? rows[shown.cell[0] * found.cells[1] + shown.cell[1]] : -1;
    scatter.draw({
      plane: points,
      levels: levels(points.x.length),
      sorted: false,
      order: null,
      count: 0,
      ringed: false,
      picked: at < 0 ? null : at,
      stand: null,
      selected: null,
      lasso: NONE,
      lit: bright,
      zoom,
      label: `${points.x.length} entries in the plane, ${bright.length} of them matched: a click picks a patch`,
      width,
      height: Math.min(Math.round(width * 0.7), HIGHEST),
    });
    words.textContent = `${bright.length} of ${points.x.length} entries are the nearest of its ${rows.length} patches.`;
  }
  return { node, draw };
}
