// Handles of charts: sliders that are dragged along an axis, with words beside them.

import { h, set } from "./dom.js";
import { textWidth } from "./axes.js";

/** Height of the line in which a rule's grip and words stand, CSS pixels. */
export const GRIP = 22;
/** Steps of a key with Alt or Shift. */
export const COARSE = 20;

/**
 * @param {string} name for screen readers
 * @param {boolean} moves whether it is a slider
 * @param {SVGElement[]} children
 * @returns {SVGGElement}
 */
export function handle(name, moves, children) {
  const slider = { tabindex: 0, role: "slider", "aria-label": name, "aria-orientation": "horizontal" };
  return h(moves ? "g.av-threshold" : "g.av-fixed", moves ? slider : {}, ...children);
}

/**
 * Says where a handle stands.
 * @param {SVGElement} node
 * @param {{ low: number, high: number }} axis
 * @param {number} value
 * @param {string} words
 */
export function tell(node, { low, high }, value, words) {
  set(node, {
    "aria-valuemin": Math.min(low, value),
    "aria-valuemax": Math.max(high, value),
    "aria-valuenow": value,
    "aria-valuetext": words,
  });
}

/**
 * Writes a text right of its handle, left where only there is room for it, and returns from where to where both stand.
 * @param {SVGElement} said
 * @param {string} text
 * @param {number} x of the handle
 * @param {number} left
 * @param {number} right
 * @returns {[number, number]}
 */
export function say(said, text, x, left, right) {
  const wide = textWidth(text) + 14;
  const turned = x + wide > right && x - wide > left;
  set(said, { x: turned ? -12 : 12, "text-anchor": turned ? "end" : "start" });
  said.textContent = text;
  return turned ? [x - wide, x + 10] : [x - 10, x + wide];
}

/**
 * A line across a chart, with a grip and words above it.
 * @param {string} name for screen readers
 * @param {boolean} moves
 */
export function rule(name, moves) {
  const hit = h("rect.av-hit", { x: -12, y: -GRIP, width: 24, height: GRIP });
  const line = h("line.av-threshold-line", { x1: 0, x2: 0, y1: 0 });
  const grip = moves ? [h("path.av-grip", { d: "M-7 -17h14v9l-7 8l-7 -8z" })] : [];
  const said = h("text.av-threshold-text", { y: -5 });
  const node = handle(name, moves, [hit, line, ...grip, said]);
  return {
    node,
    /** What takes hold of it, which is as high as its grip. */
    hit,
    /**
     * Stands at x, and returns from where to where its words are.
     * @param {number} x
     * @param {{ top: number, bottom: number, right: number }} chart
     * @param {string} text
     */
    put(x, { top, bottom, right }, text) {
      set(node, { transform: `translate(${x.toFixed(2)} ${top})` });
      line.setAttribute("y2", String(bottom - top));
      return say(said, text, x, 0, right);
    },
  };
}
