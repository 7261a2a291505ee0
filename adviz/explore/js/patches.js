// Patches of images, cut out with a little of what is round them; each is a button.

import { arrange } from "./arrange.js";
import { surroundings } from "./cards.js";
import { frame, h, own, sharp } from "./dom.js";
import { lazily } from "./memo.js";

/** @typedef {import("./types").Box} Box */
/**
 * @typedef {object} Patch
 * @property {number} row what a click chooses
 * @property {import("./types").Small | null} source where its image lies; null: not there yet
 * @property {import("./types").Size} size of the image, in pixels of `box`
 * @property {Box} box
 * @property {string} colour of its frame
 * @property {string[]} lines below
 * @property {string} said
 */

/**
 * Draws a patch and what is round it into a square.
 * @param {HTMLCanvasElement} canvas
 * @param {Pick<Patch, "source" | "size" | "box" | "colour">} patch
 * @param {number} side CSS pixels
 */
export function drawPatch(canvas, { source, size: [high, wide], box, colour }, side) {
  const context = sharp(canvas, side, side);
  if (!source) return;
  const [top, left, across] = surroundings(box);
  const scale = side / across;
  const { image, x, y, width, height } = source;
  context.imageSmoothingEnabled = (scale * wide) / width < 3;
  context.drawImage(image, x, y, width, height, -left * scale, -top * scale, wide * scale, high * scale);
  frame(context, [box[0] - top, box[1] - left, box[2], box[3]], scale, colour, { line: 1.5 });
}

/**
 * Patches beside each other. Only one of them is reached by Tab, the others by the arrow keys.
 * @param {(row: number) => void} choose
 * @param {string} label
 */
export function patches(choose, label) {
  const title = h("h2");
  const list = own(h("div.av-patches-list", { role: "group", "aria-label": label }));
  const node = h("section.av-patches", {}, title, list);
  /** @type {ReturnType<typeof one>[]} */
  const made = [];
  let reached = 0;

  /** @param {Event} event */
  const placeOf = (event) => made.findIndex(({ node: button }) => button.contains(/** @type {Node} */ (event.target)));
  list.addEventListener("click", (/** @type {Event} */ event) => {
    const place = placeOf(event);
    if (place >= 0) choose(made[place].row());
  });
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, Home: -made.length, End: made.length }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    const count = list.children.length;
    reach(Math.min(count - 1, Math.max(0, placeOf(event) + by)));
    made[reached].node.focus();
    event.preventDefault();
  });
  /** @param {number} place */
  function reach(place) {
    reached = place;
    made.forEach(({ node: button }, i) => (button.tabIndex = i === place ? 0 : -1));
  }

  /** @param {{ title: string, list: Patch[], side: number }} given */
  function draw(given) {
    title.textContent = given.title;
    while (made.length < given.list.length) made.push(one());
    given.list.forEach((patch, i) => made[i].draw({ ...patch, side: given.side }));
    arrange(list, made.slice(0, given.list.length).map((each) => each.node));
    reach(Math.min(reached, Math.max(0, given.list.length - 1)));
  }
  return { node, draw: lazily(draw) };
}

function one() {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const text = h("span");
  const node = h("button.av-patch", { type: "button" }, canvas, text);
  let row = -1;
  /** @param {Patch & { side: number }} given */
  function draw(given) {
    row = given.row;
    drawPatch(canvas, given, given.side);
    node.style.width = `${given.side}px`;
    node.title = given.said;
    node.setAttribute("aria-label", given.said);
    text.replaceChildren(...given.lines.map((line) => h("span", {}, line)));
  }
  return { node, row: () => row, draw: lazily(draw) };
}
