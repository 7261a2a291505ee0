// What was compared, large: each picture with its patch framed, and below it the patch enlarged.

import { arrange } from "./arrange.js";
import { clip } from "./format.js";
import { frame, h, own, sharp } from "./dom.js";
import { lazily } from "./memo.js";
import { ORANGE } from "./colours.js";

const CONTEXT = 1.5; // sizes of the patch on each side of it, in the enlargement
const TALLEST = 1.5; // height of a picture, divided by its width
const SQUARES = 3; // CSS pixels of a pixel from which on it is drawn as a square
const GAP = 8; // CSS pixels between cards
const LEAST = 112; // CSS pixels, width of a card with an enlargement
const LEAST_WHOLE = 100; // without
const MOST = 208;
const MARK = 8; // CSS pixels, side of the smallest frame that is seen

/** @typedef {import("./types").Box} Box */
/** @typedef {import("./types").Size} Size */
/**
 * @typedef {object} CardGiven
 * @property {ImageBitmap | null} image null: not there yet
 * @property {ImageBitmap | null} photo the same region from the original file, for the enlargement
 * @property {Box | null} box of the patch; null: the whole image was compared
 * @property {Size} size of the image, in pixels of `box`
 * @property {string} heading
 * @property {string[]} lines below
 * @property {"mine" | "match" | "chosen"} kind
 * @property {number} rank what a click chooses; 0: nothing
 * @property {string} said under the pointer, and by screen readers
 * @property {number} width CSS pixels of a picture
 * @property {boolean} beside the enlargement stands beside the picture, not below
 */
/** @typedef {Omit<CardGiven, "width" | "beside">} Card */

/**
 * Returns the part of an image that an enlarged patch shows: the patch and what is round it.
 * @param {Box} box
 * @returns {Box}
 */
export function surroundings([top, left, height, width]) {
  const side = Math.max(height, width) * (1 + 2 * CONTEXT);
  return [top + height / 2 - side / 2, left + width / 2 - side / 2, side, side];
}

/**
 * Returns how many cards stand in a row: as many as fit, in even rows, none alone in the last.
 * @param {number} count
 * @param {number} width of all, CSS pixels
 * @param {number} [least] width of a card
 */
export function columnsOf(count, width, least = LEAST) {
  const room = Math.max(1, Math.floor((width + GAP) / (least + GAP)));
  if (count <= room) return Math.max(1, count);
  for (let columns = room; columns > 1; columns -= 1) {
    const rows = Math.ceil(count / columns);
    const even = Math.ceil(count / rows);
    if (even > 1 && count % even !== 1) return even;
  }
  return Math.min(2, room);
}

/**
 * A picture with its patch, and the patch enlarged. A click calls `choose` with the rank, or with
 * 0 where it is chosen already.
 * @param {(rank: number) => void} choose
 */
export function card(choose) {
  const heading = h("div.av-card-title");
  const whole = h("canvas", { "aria-hidden": "true" });
  const cut = h("canvas.av-card-cut", { "aria-hidden": "true" });
  const text = h("div.av-card-text");
  const pictures = h("div.av-card-pictures", {}, whole, cut);
  const click = own(h("button.av-card-choose", { type: "button", onclick: press }));
  const node = h("div.av-card", {}, heading, pictures, text, click);
  let rank = 0;
  let chosen = false;

  function press() {
    choose(chosen ? 0 : rank);
  }

  /** @param {CardGiven} given */
  function draw(given) {
    rank = given.rank;
    chosen = given.kind === "chosen";
    node.className = `av-card av-${given.kind}`;
    node.classList.toggle("av-beside", given.beside);
    node.classList.toggle("av-waits", !given.image);
    heading.textContent = given.heading;
    text.replaceChildren(...given.lines.map((line) => h("div", {}, line)));
    node.title = rank ? "" : given.said;
    click.hidden = !rank;
    click.title = chosen ? `${given.said} · click again to choose none` : given.said;
    click.setAttribute("aria-label", given.said);
    click.setAttribute("aria-pressed", String(chosen));
    cut.hidden = !given.box;
    drawWhole(whole, given);
    if (given.box) drawCut(cut, given, given.box);
  }
  return { node, draw: lazily(draw) };
}

/** @param {HTMLCanvasElement} canvas @param {CardGiven} given */
function drawWhole(canvas, { image, box, size: [high, wide], width }) {
  const scale = Math.min(width / wide, (TALLEST * width) / high);
  const context = sharp(canvas, Math.round(wide * scale), Math.round(high * scale));
  if (!image) return;
  context.imageSmoothingEnabled = scale < SQUARES;
  context.drawImage(image, 0, 0, wide * scale, high * scale);
  if (box) frame(context, box, scale, ORANGE, { least: MARK });
}

/** @param {HTMLCanvasElement} canvas @param {CardGiven} given @param {Box} box */
function drawCut(canvas, { image, photo, size: [high, wide], width }, box) {
  const context = sharp(canvas, width, width);
  const source = photo ?? image;
  if (!source) return;
  const [top, left, side] = surroundings(box);
  const scale = width / side;
  context.imageSmoothingEnabled = (scale * wide) / source.width < SQUARES;
  context.drawImage(source, -left * scale, -top * scale, wide * scale, high * scale);
  frame(context, [box[0] - top, box[1] - left, box[2], box[3]], scale, ORANGE);
}

/**
 * Cards side by side: the patch that was picked, and what it was compared with.
 * @param {(rank: number) => void} choose
 */
export function cards(choose) {
  const mine = card(choose);
  /** @type {ReturnType<typeof card>[]} */
  const others = [];
  const node = h("div.av-cards");

  /** @param {{ mine: Card | null, matches: Card[], width: number, range?: import("./types").Range }} given */
  function draw(given) {
    const count = given.matches.length + (given.mine ? 1 : 0);
    const enlarged = given.matches.some((one) => one.box !== null);
    const columns = columnsOf(count, given.width, enlarged ? given.range?.[0] ?? LEAST : LEAST_WHOLE);
    const width = clip(Math.floor((given.width + GAP) / columns) - GAP, 1, given.range?.[1] ?? MOST);
    const alone = given.mine !== null && columns === 2 && count > 2 && count % 2 === 1;
    node.style.gridTemplateColumns = `repeat(${columns}, ${width}px)`;
    while (others.length < given.matches.length) others.push(card(choose));
    given.matches.forEach((one, i) => others[i].draw({ ...one, width, beside: false }));
    const nodes = others.slice(0, given.matches.length).map((one) => one.node);
    if (given.mine) {
      mine.draw({ ...given.mine, width, beside: alone });
      nodes.unshift(mine.node);
    }
    arrange(node, nodes);
  }
  return { node, draw: lazily(draw) };
}
