// Axes of charts: from values to places and back, round ticks, and labels that do not cover each
// other.

import { h } from "./dom.js";
import { clip, number, ticks } from "./format.js";

const FEW = 4; // labels whose orders and sides are all tried
const LETTER = 6.6; // CSS pixels, where text cannot be measured
/** @type {CanvasRenderingContext2D | null | undefined} */
let ruler;

/**
 * Returns how wide a text of a chart is, CSS pixels.
 * @param {string} text
 * @returns {number}
 */
export function textWidth(text) {
  if (ruler === undefined) {
    ruler =
      typeof document === "undefined" ? null : document.createElement("canvas").getContext("2d");
    if (ruler) ruler.font = "600 12px system-ui, sans-serif";
  }
  return ruler ? ruler.measureText(text).width : LETTER * text.length;
}

/**
 * Shortens a text to a width, with "…" at its end.
 * @param {string} text
 * @param {number} width CSS pixels
 * @param {(text: string) => number} [measure]
 * @returns {string}
 */
export function shortened(text, width, measure = textWidth) {
  if (measure(text) <= width) return text;
  let kept = text.length - 1;
  while (kept > 1 && measure(`${text.slice(0, kept)}…`) > width) kept -= 1;
  return `${text.slice(0, kept).trimEnd()}…`;
}

/**
 * Returns the range of some values with room at both ends; [0, 1] where there is no finite one.
 * @param {Iterable<number>} values
 * @param {number} [room] fraction of the range
 * @returns {import("./types").Range}
 */
export function spread(values, room = 0.03) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  const more = room * (high - low) || Math.abs(low) * 0.01 || 1;
  return [low - more, high + more];
}

/**
 * @typedef {object} Scale
 * @property {(value: number) => number} place of a value, CSS pixels, inside the axis
 * @property {(place: number) => number} value at a place, not beyond the ends
 * @property {number} low
 * @property {number} high
 * @property {number} from
 * @property {number} to
 * @property {number} unit value units of a pixel
 */

/**
 * Maps values from `low` to `high` to pixels from `from` to `to` (which may be less than `from`).
 * @param {import("./types").Range} range
 * @param {number} from
 * @param {number} to
 * @returns {Scale}
 */
export function scale([low, high], from, to) {
  const unit = (high - low) / Math.max(1, Math.abs(to - from));
  const length = to - from || 1;
  const inside = (/** @type {number} */ fraction) =>
    clip(Number.isNaN(fraction) ? 0 : fraction, 0, 1);
  return {
    place: (value) => from + inside((value - low) / (high - low)) * (to - from),
    value: (place) => low + inside((place - from) / length) * (high - low),
    low,
    high,
    from,
    to,
    unit,
  };
}

/**
 * Rounds a value so that less than `unit` is lost, to have no digits that nobody chose.
 * @param {number} value
 * @param {number} unit
 * @returns {number}
 */
export function rounded(value, unit) {
  if (!(unit > 0)) return value;
  const decimals = clip(Math.ceil(-Math.log10(unit)), -12, 15);
  if (decimals >= 0) return Number(value.toFixed(decimals));
  const step = 10 ** -decimals;
  return Math.round(value / step) * step;
}

/**
 * Returns round ticks with labels of equal decimals that have room beside each other.
 * @param {Scale} axis
 * @param {number} [gap] at least so many pixels between labels
 * @param {(text: string) => number} [measure] width or height of a label
 * @returns {{ value: number, place: number, text: string }[]}
 */
export function tickLabels(axis, gap = 24, measure = textWidth) {
  const length = Math.abs(axis.to - axis.from);
  for (let count = Math.max(2, Math.floor(length / 40)); count > 0; count--) {
    const values = ticks(axis.low, axis.high, count);
    const step = values.length > 1 ? values[1] - values[0] : axis.high - axis.low;
    const texts = tickTexts(values, step);
    const widest = Math.max(0, ...texts.map(measure));
    const distance = (step / (axis.high - axis.low)) * length;
    if (distance >= widest + gap || count === 1) {
      return values.map((value, i) => ({ value, place: axis.place(value), text: texts[i] }));
    }
  }
  return [];
}

/** @param {number[]} values @param {number} step @returns {string[]} */
function tickTexts(values, step) {
  const largest = Math.max(0, ...values.map(Math.abs));
  if (largest >= 1e6 || step < 1e-5) return values.map((value) => number(value));
  const decimals = Math.max(0, -Math.floor(Math.log10(step * (1 + 1e-9))));
  return values.map((value) => value.toFixed(decimals));
}

/**
 * @typedef {object} PlacedLabel a label beside a vertical line: where its text begins, its side,
 *   its line of text from 0, the lowest
 * @property {number} at
 * @property {number} width
 * @property {"start" | "end"} side
 * @property {number} line
 */

/**
 * Puts labels beside their vertical lines, in as few lines of text as keep them apart from each
 * other and from the lines that come from labels above them.
 * @param {{ at: number, width: number }[]} labels where a line stands, and how wide its text is,
 *   CSS pixels
 * @param {number} left
 * @param {number} right no label goes beyond, where it can
 * @param {number} [gap] between a line and its text
 * @returns {PlacedLabel[]} in the order of `labels`
 */
export function placeLabels(labels, left, right, gap = 5) {
  const rightFirst = labels.map((_, i) => i).sort((a, b) => labels[b].at - labels[a].at);
  const few = labels.length <= FEW;
  const orders = few ? permutations(rightFirst) : [rightFirst, [...rightFirst].reverse()];
  const masks = few ? 2 ** labels.length : 1;
  let best = inOrder(rightFirst, 0);
  for (let mask = 0; mask < masks; mask++) {
    for (const order of orders) {
      if (!best.crossed && !best.lines) return best.found;
      const other = inOrder(order, mask);
      const fewer = other.crossed - best.crossed || other.lines - best.lines;
      if (fewer < 0) best = other;
    }
  }
  return best.found;

  /**
   * Gives each label in turn the lowest line in which it has room.
   * @param {number[]} order
   * @param {number} mask its bit i says that label i stands left of its line, where it can stand on
   *   both sides
   */
  function inOrder(order, mask) {
    /** @type {PlacedLabel[]} */
    const placed = [];
    /** @type {PlacedLabel[]} */
    const found = [];
    let crossed = 0;
    for (const i of order) {
      const { at, width } = labels[i];
      const sides = sidesOf(at, width);
      const side = sides[(mask >> i) & 1] ?? sides[0];
      const free = lineOf({ at, width, side, line: 0 }, placed);
      if (!free) crossed += 1;
      found[i] = free ?? { at, width, side, line: placed.length };
      placed.push(found[i]);
    }
    return { found, crossed, lines: Math.max(0, ...found.map((label) => label.line)) };
  }

  /**
   * The sides on which a label has room; the right one where none has.
   * @param {number} at
   * @param {number} width
   */
  function sidesOf(at, width) {
    /** @type {("start" | "end")[]} */
    const sides = [];
    if (at + gap + width <= right) sides.push("start");
    if (at - gap - width >= left) sides.push("end");
    return sides.length ? sides : [/** @type {const} */ ("start")];
  }

  /**
   * A label in the lowest line in which it has room, or null.
   * @param {PlacedLabel} label
   * @param {PlacedLabel[]} placed
   */
  function lineOf(label, placed) {
    for (let line = 0; line <= labels.length; line++) {
      const here = { ...label, line };
      if (placed.every((other) => apart(here, other, gap))) return here;
    }
    return null;
  }
}

/**
 * All orders of some values, the given one first.
 * @param {number[]} values
 * @returns {number[][]}
 */
function permutations(values) {
  if (values.length < 2) return [values];
  return values.flatMap((first, i) => {
    const rest = values.filter((_, n) => n !== i);
    return permutations(rest).map((order) => [first, ...order]);
  });
}

/**
 * Returns from where to where a label's text goes.
 * @param {PlacedLabel} label
 * @param {number} [gap]
 * @returns {[number, number]}
 */
export function labelSpan({ at, width, side }, gap = 5) {
  return side === "start" ? [at + gap, at + gap + width] : [at - gap - width, at - gap];
}

/**
 * Whether two labels cover neither each other nor each other's line.
 * @param {PlacedLabel} one
 * @param {PlacedLabel} other
 * @param {number} gap
 */
function apart(one, other, gap) {
  const [left, right] = labelSpan(one, gap);
  const [start, end] = labelSpan(other, gap);
  if (one.line === other.line) {
    // a line that begins in the same line of text must not run through it either
    const whole = Math.min(left, one.at) - gap >= Math.max(end, other.at);
    return whole || Math.min(start, other.at) - gap >= Math.max(right, one.at);
  }
  const [upper, from, to] = one.line > other.line ? [one, start, end] : [other, left, right];
  return upper.at < from - 2 || upper.at > to + 2;
}

/**
 * Draws a horizontal axis: a line, ticks below it, its title at the right end of the next line.
 * @param {Scale} axis
 * @param {number} y
 * @param {string} title
 * @param {{ place: number, text: string }[]} [labels]
 * @returns {SVGElement[]}
 */
export function bottomAxis(axis, y, title, labels = tickLabels(axis)) {
  const parts = [h("line.av-axis", { x1: axis.from, x2: axis.to, y1: y, y2: y })];
  for (const { place, text } of labels) {
    parts.push(h("line.av-axis", { x1: place, x2: place, y1: y, y2: y + 4 }));
    parts.push(h("text.av-tick", { x: place, y: y + 17, "text-anchor": "middle" }, text));
  }
  parts.push(h("text.av-axis-title", { x: axis.to, y: y + 34, "text-anchor": "end" }, title));
  return parts;
}

/**
 * Draws a vertical axis: a line, ticks left of it, its title above it.
 * @param {Scale} axis
 * @param {number} x
 * @param {string} title
 * @param {number} [left] where the title begins
 * @param {number} [lift] how far above the axis it stands
 * @returns {SVGElement[]}
 */
export function leftAxis(axis, x, title, left = 0, lift = 10) {
  const parts = [h("line.av-axis", { x1: x, x2: x, y1: axis.from, y2: axis.to })];
  for (const { place, text } of tickLabels(axis, 18, () => 12)) {
    parts.push(h("line.av-axis", { x1: x - 4, x2: x, y1: place, y2: place }));
    parts.push(h("text.av-tick", { x: x - 8, y: place + 4, "text-anchor": "end" }, text));
  }
  parts.push(h("text.av-axis-title", { x: left, y: axis.to - lift }, title));
  return parts;
}

/**
 * Returns how wide the labels of a vertical axis are.
 * @param {Scale} axis
 * @returns {number}
 */
export function tickWidth(axis) {
  return Math.max(0, ...tickLabels(axis, 18, () => 12).map(({ text }) => textWidth(text)));
}
