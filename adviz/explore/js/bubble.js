// What stands beside the pointer: a small picture and some words, never in the way of the pointer.

import { h } from "./dom.js";
import { clip } from "./format.js";

const AWAY = 14; // CSS pixels from the place that it speaks of

/**
 * Returns where a box of `size` goes: below its place or above it, inside `width` and, where it
 * can, `height`.
 * @param {[number, number]} place x, y that it speaks of
 * @param {[number, number]} size width, height
 * @param {number} width
 * @param {number} height
 * @returns {[number, number]} left, top
 */
export function besides([x, y], [wide, high], width, height) {
  const left = clip(x - wide / 2, 0, Math.max(0, width - wide));
  const below = y + AWAY;
  const above = y - AWAY - high;
  return [left, below + high > height && above >= -high / 2 ? above : below];
}

/**
 * A box beside a place of its parent, which has a position.
 * @returns {{ node: HTMLElement, show(place: [number, number], children: Node[], width: number,
 *   height: number): void, hide(): void }}
 */
export function bubble() {
  const node = h("div.av-bubble", { role: "tooltip", hidden: true });
  return {
    node,
    show(place, children, width, height) {
      node.replaceChildren(...children);
      node.hidden = false;
      const [left, top] = besides(place, [node.offsetWidth, node.offsetHeight], width, height);
      node.style.left = `${left}px`;
      node.style.top = `${top}px`;
    },
    hide() {
      node.hidden = true;
    },
  };
}
