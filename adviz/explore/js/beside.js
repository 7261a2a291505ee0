// The large picture with its controls, and what stands beside it.

import { askAhead, columns, drawingOf, pictureGiven, shownImage } from "./displayed.js";
import { h } from "./dom.js";
import { picture, pictureControls } from "./picture.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {import("./types").Panel} Panel */

/**
 * The large picture, which panels may change: what it is given, and what a hand on it sets.
 * @param {import("./types").Change} change
 * @param {() => Panel[]} panels
 */
export function largePicture(change, panels) {
  const large = picture((values) => change(panels().reduce((set, panel) => panel.set?.(set) ?? set, values)));
  const drawing = pictureControls(change);
  const controls = h("div.av-drawing", {}, drawing.node);
  const read = shownImage();
  return {
    node: h("div.av-left", {}, large.node, controls),
    controls,
    read,
    /**
     * Draws it; the former picture stays until the next is there, which is returned.
     * @param {Now} now
     * @param {number} width
     */
    draw(now, width) {
      const shown = read(now);
      const known = drawingOf(now, shown);
      const plain = shown && pictureGiven(now, shown, width);
      const given = shown && panels().reduce(
        (one, panel) => (one && panel.given ? panel.given(now, shown, one) : one), plain);
      drawing.show({ ...known, mapped: known.mapped && !given?.fill });
      if (given) large.draw(given);
      return shown;
    },
  };
}

/**
 * Returns an explorer's `build`: the large picture, and its panel on the right.
 * @param {string} name of its class, av-NAME
 * @param {(frame: import("./types").ImageFrame, below: HTMLElement) => Panel} panelOf
 * @returns {(frame: import("./types").ImageFrame) => import("./types").ImageParts}
 */
export function beside(name, panelOf) {
  return (frame) => {
    /** @type {Panel[]} */
    const panels = [];
    const large = largePicture(frame.change, () => panels);
    const panel = panelOf(frame, large.node);
    panels.push(panel);
    const node = h(`div.av-body.av-${name}`, {}, large.node, panel.node);
    return {
      node,
      draw(now) {
        const { left, right } = columns(now.width);
        const shown = large.draw(now, left);
        node.classList.toggle("av-stale", !shown);
        if (shown) panel.draw(now, shown, right);
      },
      ahead(now) {
        panel.ahead?.(now, large.read(now));
        askAhead(now);
      },
      words: (now) => panel.words?.(now, large.read(now)) ?? "",
      table: panel.table && ((now) => panel.table?.(now, large.read(now)) ?? { head: [], rows: [] }),
    };
  };
}
