// All neighbours small, by rank, the patch marked in each.

import { arrange } from "./arrange.js";
import { clip } from "./format.js";
import { frame, h, own, sharp } from "./dom.js";
import { lazily } from "./memo.js";
import { ORANGE } from "./colours.js";

const LEAST = 46; // CSS pixels, width of a small picture
const MOST = 64;
const TALLEST = 1.5; // height of a picture, divided by its width
const EDGE = 3; // CSS pixels of padding and border of a button
const GAP = 4;
const MARK = 7; // CSS pixels, side of the smallest frame that is seen

/** @typedef {import("./types").Box} Box */
/**
 * @typedef {object} Thumb
 * @property {number} rank
 * @property {number} image training image
 * @property {Box | null} box of the patch; null: whole images were compared
 * @property {boolean} best the nearest of all
 * @property {string} said under the pointer, and by screen readers
 */
/**
 * @typedef {object} CrowdGiven
 * @property {Thumb[]} list
 * @property {import("./types").Size} size of the images
 * @property {(image: number) => import("./types").Small | null} small
 * @property {number} chosen rank; 0: none
 * @property {number} width
 */

/**
 * Small pictures of neighbours; a click calls `choose` with the rank, or with 0 where it is chosen
 * already. Only one of them is reached by Tab, the others by the arrow keys.
 * @param {(rank: number) => void} choose
 */
export function crowd(choose) {
  const node = own(h("div.av-crowd", { role: "group", "aria-label": "neighbours by rank" }));
  /** @type {ReturnType<typeof thumb>[]} */
  const made = [];
  /** @type {number[]} */
  let ranks = [];
  let chosen = 0;
  let columns = 1;

  /** @param {Event} event */
  function placeOf(event) {
    const button = /** @type {Element} */ (event.target).closest("button");
    return made.findIndex((one) => one.node === button);
  }
  node.addEventListener("click", (/** @type {Event} */ event) => {
    const place = placeOf(event);
    if (place >= 0) choose(ranks[place] === chosen ? 0 : ranks[place]);
  });
  node.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const along = { ArrowRight: 1, ArrowLeft: -1, Home: -ranks.length, End: ranks.length };
    const steps = { ...along, ArrowDown: columns, ArrowUp: -columns };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (!step) return;
    const place = clip(placeOf(event) + step, 0, ranks.length - 1);
    made[place].node.focus();
    if (ranks[place] !== chosen) choose(ranks[place]);
    event.preventDefault();
  });

  /** @param {CrowdGiven} given */
  function draw({ list, size, small, chosen: rank, width }) {
    columns = evenRow(list.length, width);
    const across = clip(Math.floor((width + GAP) / columns) - GAP - 2 * EDGE, 1, MOST);
    node.style.gridTemplateColumns = `repeat(${columns}, ${across + 2 * EDGE}px)`;
    ranks = list.map((one) => one.rank);
    chosen = rank;
    const first = Math.max(0, ranks.indexOf(rank));
    while (made.length < list.length) made.push(thumb());
    list.forEach((one, i) => {
      const place = small(one.image);
      const state = { chosen: one.rank === rank, reached: i === first };
      made[i].draw({ ...one, ...state, place, size, width: across });
    });
    arrange(node, made.slice(0, list.length).map((one) => one.node));
  }
  return { node, draw };
}

/**
 * Returns how many pictures stand in a row, so that all rows but the last are full and that nearly.
 * @param {number} count
 * @param {number} width of all, CSS pixels
 */
function evenRow(count, width) {
  const room = Math.max(1, Math.floor((width + GAP) / (LEAST + 2 * EDGE + GAP)));
  const rows = Math.ceil(count / room);
  return Math.max(1, rows > 1 ? Math.ceil(count / rows) : room);
}

/** A small picture: what is in it is drawn only where it changed. */
function thumb() {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const name = h("span");
  const node = h("button.av-crowd-one", { type: "button" }, canvas, name);

  const paint = lazily((/** @type {any} */ { place, box, size: [high, wide], width }) => {
    const scale = Math.min(width / wide, (TALLEST * width) / high);
    const context = sharp(canvas, Math.round(wide * scale), Math.round(high * scale));
    if (!place) return;
    const { image, x, y, width: across, height: down } = place;
    context.drawImage(image, x, y, across, down, 0, 0, wide * scale, high * scale);
    if (box) frame(context, box, scale, ORANGE, { least: MARK, line: 1.5 });
  });
  const tell = lazily((/** @type {any} */ { rank, best, said, chosen, reached }) => {
    name.textContent = best ? `${rank} ▲` : String(rank);
    node.title = said;
    node.setAttribute("aria-label", best ? `${said}, the nearest` : said);
    node.setAttribute("aria-pressed", String(chosen));
    node.tabIndex = reached ? 0 : -1;
  });

  /** @param {any} given */
  function draw({ place, box, size, width, rank, best, said, chosen, reached }) {
    paint({ place, box, size, width });
    tell({ rank, best, said, chosen, reached });
  }
  return { node, draw };
}
