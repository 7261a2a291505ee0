// How many entries each image gave, as bars.

import { leftAxis, scale, shortened, tickWidth } from "./axes.js";
import { bubble } from "./bubble.js";
import { h, own, placeIn, set, sharp } from "./dom.js";
import { clip } from "./format.js";
import { lazily } from "./memo.js";
import { coloured } from "./painting.js";

const HEIGHT = 150; // CSS pixels
const TOP = 26;
const BOTTOM = 8;

/** @typedef {{ title: string, counts: Uint32Array, names: string[], chosen: number, width: number }} CountsGiven */

/** Names and counts of those that gave most, or least. @param {CountsGiven} given @param {boolean} most */
export function extremes({ counts: values, names }, most) {
  const way = most ? -1 : 1;
  const order = Array.from(values, (_, i) => i).sort((a, b) => way * (values[a] - values[b]) || a - b);
  return order.slice(0, 3).map((i) => `${names[i]} (${values[i]})`).join(", ");
}

/**
 * @param {(image: number) => void} choose
 * @param {(image: number) => Node[]} tip
 * @returns {import("./types").Component<CountsGiven>}
 */
export function counts(choose, tip) {
  const title = h("h2");
  const bars = h("path.av-count-bars");
  const mine = h("path.av-count-mine");
  const even = h("line.av-level");
  const axis = h("g");
  const group = h("g.av-count-handle", { tabindex: 0, role: "slider" }, bars, even, mine);
  const label = "entries from every training image";
  const svg = h("svg.av-chart.av-counts", { role: "group", "aria-label": label }, axis, group);
  const beside = bubble();
  const words = h("p");
  const node = h("section.av-counts-box", {}, title, h("div.av-chart-box", {}, own(svg), beside.node), words);
  /** @type {CountsGiven} */
  let now;
  let left = 0;
  let each = 1;

  /** @param {CountsGiven} given */
  function draw(given) {
    now = given;
    const { counts: values, names, width, chosen } = given;
    const high = Math.max(1, ...values);
    const total = values.reduce((sum, one) => sum + one, 0);
    const down = scale([0, high], HEIGHT - BOTTOM, TOP);
    left = Math.ceil(tickWidth(down)) + 12;
    each = (width - left - 4) / values.length;
    const gap = each > 4 ? 1 : 0;
    const bar = (/** @type {number} */ value, /** @type {number} */ i) => {
      const foot = HEIGHT - BOTTOM;
      const top = Math.min(down.place(value), foot - (value ? 1 : 0)).toFixed(2);
      return `M${(left + i * each).toFixed(2)} ${foot}V${top}h${(each - gap).toFixed(2)}V${foot}z`;
    };
    title.textContent = given.title;
    set(svg, { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` });
    bars.setAttribute("d", Array.from(values, bar).join(""));
    mine.setAttribute("d", `${bar(values[chosen], chosen)}M${left + (chosen + 0.5) * each} ${HEIGHT - 6}l-4 6h8z`);
    const level = down.place(total / values.length);
    set(even, { x1: left, x2: width - 4, y1: level, y2: level });
    axis.replaceChildren(...leftAxis(down, left - 4, "entries"));
    set(group, {
      "aria-label": "training image, by its entries",
      "aria-valuemin": 1,
      "aria-valuemax": values.length,
      "aria-valuenow": chosen + 1,
      "aria-valuetext": `${names[chosen]}: ${values[chosen]}`,
    });
    const spread = `dashed: ${Number((total / values.length).toPrecision(3))} each, if spread evenly`;
    words.textContent =
      `${spread} · orange: ${shortened(names[chosen], 160)} (${values[chosen]}) · most: ${extremes(given, true)} · `
      + `least: ${extremes(given, false)}`;
  }

  /** @param {PointerEvent} event */
  function under(event) {
    const place = Math.floor((placeIn(svg, event)[0] - left) / each);
    return place >= 0 && place < now.counts.length ? place : -1;
  }
  svg.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (!now || event.pointerType === "touch") return;
    const image = under(event);
    svg.style.cursor = image < 0 ? "default" : "pointer";
    if (image < 0) beside.hide();
    else beside.show([left + (image + 0.5) * each, TOP + 20], tip(image), now.width, HEIGHT);
  });
  svg.addEventListener("pointerleave", () => beside.hide());
  svg.addEventListener("click", (/** @type {PointerEvent} */ event) => {
    const image = under(event);
    if (image >= 0) choose(image);
  });
  group.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const count = now.counts.length;
    const single = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
    const by = { ...single, Home: -count, End: count }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    choose(clip(now.chosen + by, 0, count - 1));
    event.preventDefault();
  });
  return { node, draw: lazily(draw) };
}

/**
 * How many entries lie at every position, all training images together.
 * @param {(place: number) => void} choose
 */
export function positionMap(choose) {
  const canvas = h("canvas.av-positions", { role: "img" });
  const words = h("p");
  const node = h("section", {}, h("h2", {}, "chosen patches by position"), canvas, words);
  /** @type {{ counts: Uint32Array, grid: import("./types").Size }} */
  let now;
  let most = 1;
  const side = 180;
  /** @param {MouseEvent} event */
  function under(event) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - top) / height) * now.grid[0]);
    const column = Math.floor(((event.clientX - left) / width) * now.grid[1]);
    return clip(row, 0, now.grid[0] - 1) * now.grid[1] + clip(column, 0, now.grid[1] - 1);
  }
  /** @param {number} place -1: none */
  function tell(place) {
    const at = `${Math.floor(place / now.grid[1])}, ${place % now.grid[1]}`;
    const said = place < 0 ? "" : ` · location ${at}: ${now.counts[place]}`;
    words.textContent = `0 (dark) to ${most} (bright)${said}`;
  }
  canvas.addEventListener("pointermove", (/** @type {MouseEvent} */ event) => now && tell(under(event)));
  canvas.addEventListener("pointerleave", () => now && tell(-1));
  canvas.addEventListener("click", (/** @type {MouseEvent} */ event) => choose(under(event)));
  /** @param {{ counts: Uint32Array, grid: import("./types").Size }} given */
  function draw(given) {
    now = given;
    const [rows, across] = given.grid;
    most = Math.max(1, ...given.counts);
    const high = Math.round((side * rows) / across);
    const context = sharp(canvas, side, high);
    context.imageSmoothingEnabled = false;
    context.drawImage(coloured(Float32Array.from(given.counts), rows, across, 0, most, false), 0, 0, side, high);
    canvas.setAttribute("aria-label", `chosen patches by position, at most ${most} at one`);
    tell(-1);
  }
  return { node, draw: lazily(draw) };
}
