// The steps from one value to another, a bar each from the value before to that after. A click on a bar chooses its
// step.

import { axisEnds, signed } from "./runs.js";
import { bottomAxis, scale, shortened, textWidth } from "./axes.js";
import { h, own, set } from "./dom.js";
import { lazily } from "./memo.js";

/**
 * @typedef {object} Given
 * @property {[string, number]} start name and points
 * @property {{ name: string, text: string, points: [number, number] }[]} steps
 * @property {[string, number]} end
 * @property {string} whole name of the step that is all of them
 * @property {string} chosen name of a step
 * @property {string} quantity of the axis
 * @property {string} unknown what is said where points are NaN
 * @property {string} label
 * @property {number} width
 */

const ROW = 28;
const BAR = 18;
const TOP = 4;
const RIGHT = 56; // room for a number behind a bar
const AXIS = 42;

/**
 * @param {(step: string) => void} choose
 * @returns {import("./types").Component<Given>}
 */
export function waterfall(choose) {
  const ground = h("g");
  const rows = h("g");
  const svg = h("svg.av-chart.av-waterfall", { role: "group" }, ground, rows);
  const node = own(h("div.av-chart-box", {}, svg));
  /** @type {SVGGElement[]} */
  const bars = [];
  /** @type {string[]} */
  let names = []; // of each row's step

  /** @param {Event} event */
  const indexOf = (event) => {
    const row = /** @type {Element} */ (event.target).closest?.(".av-step");
    return row ? bars.indexOf(/** @type {SVGGElement} */ (row)) : -1;
  };
  svg.addEventListener("click", (/** @type {Event} */ event) => {
    const index = indexOf(event);
    if (index > 0) choose(names[index]);
  });
  svg.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const index = indexOf(event);
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (index < 1) return;
    if (event.key === "Enter" || event.key === " ") choose(names[index]);
    else if (by && names[index + by] && index + by > 0) {
      choose(names[index + by]);
      bars[index + by].focus();
    } else return;
    event.preventDefault();
  });

  /** @param {Given} given */
  function draw({ start, steps, end, whole, chosen, quantity, unknown, label, width }) {
    const texts = [start[0], ...steps.map(({ text }) => text), end[0]];
    const left = Math.min(0.42 * width, 300, Math.max(...texts.map(textWidth)) + 18);
    const all = [start[1], end[1], ...steps.flatMap(({ points }) => points)];
    const ends = axisEnds(all);
    const axis = scale(ends, left, width - RIGHT);
    const bottom = TOP + ROW * texts.length;
    set(svg, { width, height: bottom + AXIS, viewBox: `0 0 ${width} ${bottom + AXIS}`, "aria-label": label });
    names = ["", ...steps.map(({ name }) => name), whole];
    /** @type {[number, number][]} */
    const points = [[NaN, start[1]], ...steps.map((step) => step.points), [NaN, end[1]]];
    const cut = ends[0] > 0 ? " (the axis is cut)" : "";
    ground.replaceChildren(...linksOf(points, axis), ...bottomAxis(axis, bottom, `${quantity}, points${cut}`));
    while (bars.length > texts.length) bars.pop()?.remove();
    while (bars.length < texts.length) {
      const row = h("g");
      bars.push(row);
      rows.append(row);
    }
    texts.forEach((text, i) => {
      const total = i === 0 || i === texts.length - 1;
      drawRow(bars[i], { text, points: points[i], total, row: i, left, width, axis, unknown });
      if (i === 0) return; // nothing lies before the start
      bars[i].classList.add("av-step");
      bars[i].classList.toggle("av-chosen", names[i] === chosen);
      set(bars[i], { tabindex: 0, role: "button", "aria-pressed": names[i] === chosen });
    });
  }

  /**
   * Lines from the end of each bar to the next one, where that begins there.
   * @param {[number, number][]} points
   * @param {import("./axes.js").Scale} axis
   */
  function linksOf(points, axis) {
    return points.slice(1).flatMap(([before, after], i) => {
      const value = Number.isNaN(before) ? after : before;
      if (Number.isNaN(value) || Math.abs(points[i][1] - value) > 1e-9) return [];
      const x = axis.place(value);
      const y = TOP + ROW * i + (ROW + BAR) / 2;
      return [h("line.av-link", { x1: x, x2: x, y1: y, y2: y + ROW - BAR })];
    });
  }

  /**
   * @param {SVGGElement} group
   * @param {{ text: string, points: [number, number], total: boolean, row: number, left: number, width: number,
   *   axis: import("./axes.js").Scale, unknown: string }} one
   */
  function drawRow(group, { text, points: [before, after], total, row, left, width, axis, unknown }) {
    const y = TOP + ROW * row;
    const middle = y + ROW / 2 + 4;
    const known = !Number.isNaN(after) && (total || !Number.isNaN(before));
    const change = after - before;
    const said = !known ? unknown : total ? after.toFixed(1) : signed(change);
    const from = total ? axis.from : axis.place(before);
    const to = known ? axis.place(after) : axis.from;
    const down = known && !total && change < 0;
    const x = down ? Math.min(from, to) - 6 : known ? Math.max(from, to) + 6 : axis.from + 4;
    const tone = total ? "av-total" : down ? "av-loss" : "av-gain";
    const wide = Math.max(1.5, Math.abs(to - from));
    const details = total || !known ? "" : `: ${before.toFixed(1)} → ${after.toFixed(1)}`;
    const parts = [
      h("title", {}, `${text}${details}, ${said}`),
      h("rect.av-hit", { x: 0, y: y + 1, width, height: ROW - 2 }),
      h("text.av-row", { x: left - 10, y: middle, "text-anchor": "end" }, shortened(text, left - 14)),
      known && h(`rect.${tone}`, { x: Math.min(from, to), y: y + (ROW - BAR) / 2, width: wide, height: BAR }),
      h(`text.${known ? "av-value" : "av-tick"}`, { x, y: middle, "text-anchor": down ? "end" : "start" }, said),
    ];
    group.replaceChildren(...parts.filter(Boolean));
  }

  return { node, draw: lazily(draw) };
}
