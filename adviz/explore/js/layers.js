// Which layer sees the defect, and how should layers be joined? Every layer's map, and controls to fuse them.

import { askAhead, columns, drawingOf, pictureGiven, shownImage } from "./displayed.js";
import { layersPanel, rangeOf } from "./layers_panel.js";
import { picture, pictureControls } from "./picture.js";
import { OWN } from "./mixer.js";
import { h } from "./dom.js";
import { imageExplorer, initialize } from "./images.js";
import { partKey } from "./store.js";
import { step } from "./decisions.js";
import { tableOf } from "./fusion_table.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {import("./types").Range} Range */
/** @typedef {import("./types").Shown} Shown */
/** @typedef {import("./layers_panel").Seen} Seen */

const STATE = ["layers", "weights", "join", "root", "sigma", "own_scale"];
/** @type {[string, string][]} */
const HELP = [
  ["a layer's box, or its map's title", "let the layer enter, or leave it out; only: it enters alone"],
  ["a layer's slider", "its weight: a factor in a sum or mean, an exponent in a product"],
  ["preset", "the detector's own way to join its layers, where it was found out, and the papers' choices of layers"],
  ["root, sigma", "square root of the fused map, and the Gaussian that smooths it"],
];

/**
 * What the large picture is given: the fused map.
 * @param {Now} now
 * @param {Shown} shown
 * @param {Seen} seen
 * @param {number} width
 * @returns {import("./types").PictureGiven}
 */
function largeGiven(now, shown, { map, isOwn, limits }, width) {
  const given = pictureGiven(now, shown, width);
  const unit = "fused map";
  if (isOwn) return { ...given, map, unit };
  const chosen = now.get("limits")[now.key] ?? limits;
  const [low, high] = map ? rangeOf(map) : limits;
  const ends = /** @type {Range} */ ([Math.min(low, limits[0]), Math.max(high, limits[1])]);
  return { ...given, map, limits: chosen, ends, level: (chosen[0] + chosen[1]) / 2, unit };
}

/** @param {import("./types").ImageFrame} frame @returns {import("./types").ImageParts} */
function build(frame) {
  const { change } = frame;
  const large = picture(change);
  const drawing = pictureControls(change);
  const panel = layersPanel(frame);
  const left = h("div.av-left", {}, large.node, drawing.node);
  const node = h("div.av-body", {}, left, h("div.av-right", {}, panel.node));
  const read = shownImage();

  /** @param {Now} now */
  function seenIn(now) {
    const shown = read(now);
    const seen = shown && panel.look(now, shown);
    return seen && { shown, seen };
  }

  return {
    node,
    draw(now) {
      const both = seenIn(now);
      drawing.show(drawingOf(now, both?.shown ?? null));
      if (!both) return; // the former picture stays until the next is there
      const { left: wide, right } = columns(now.width);
      if (both.seen.map) large.draw(largeGiven(now, both.shown, both.seen, wide));
      panel.draw(now, both.shown, right);
    },
    ahead(now) {
      askAhead(now);
      for (const by of [1, -1]) {
        const next = step(now.list, now.image, by);
        now.store.get(partKey("layers", now.category, now.detector, next));
      }
      for (const detector of Object.keys(now.one.detectors)) {
        if (!now.one.detectors[detector]) continue;
        now.store.get(partKey("ways", now.category, detector));
        now.store.get(partKey("layers", now.category, detector, now.image));
      }
    },
    words(now) {
      const both = seenIn(now);
      if (!both) return "";
      const { mix, isOwn } = both.seen;
      const way = [mix.layers.join(" + "), mix.join, ...(mix.root ? ["root"] : []), `sigma ${mix.sigma}`];
      return ` · fusion: ${way.join(", ")}${isOwn ? ` (${OWN} way)` : ""}`;
    },
    table(now) {
      const both = seenIn(now);
      return both ? tableOf(panel.scopes(now, both.shown, both.seen)) : { head: [], rows: [] };
    },
  };
}

export default {
  initialize,
  render: (/** @type {any} */ given) =>
    imageExplorer(given, {
      title: "Which layer sees the defect, and how should layers be fused?",
      state: STATE,
      help: HELP,
      build,
    }),
};
