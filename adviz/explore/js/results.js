// What did a detector find? The map over the image, and beside it image, ground truth and map.

import { askAhead, columns, drawingOf, lacking, pictureGiven, shownImage } from "./displayed.js";
import { explorer, initialize } from "./explorer.js";
import { h } from "./dom.js";
import { picture, pictureControls } from "./picture.js";
import { tiles } from "./tiles.js";

const TILE_GAP = 16;

/** @param {import("./types").Frame} frame @returns {import("./types").Parts} */
function build({ change, gallery }) {
  const large = picture(change);
  const drawing = pictureControls(change);
  const row = tiles(null, change);
  const note = h("p.av-note");
  const node = h(
    "div.av-body",
    {},
    h("div.av-left", {}, large.node, drawing.node),
    h("div.av-right", {}, row.node, note, gallery),
  );
  const read = shownImage();
  return {
    node,
    draw(now) {
      const shown = read(now);
      drawing.show(drawingOf(now, shown));
      if (!shown) return; // the former picture stays until the next is there
      const { left, right } = columns(now.width);
      const width = Math.min(300, Math.floor((right - 2 * TILE_GAP) / 3));
      // the gallery ends where the controls below the picture do
      gallery.style.setProperty("--gallery-height", `${Math.max(250, left + 10 - width)}px`);
      const given = pictureGiven(now, shown, left);
      large.draw(given);
      row.draw({
        tiles: tilesOf(shown, given.limits),
        image: shown.image,
        mask: shown.mask,
        size: now.one.size,
        zoom: given.zoom,
        pixel: shown.pixel,
        opacity: given.opacity,
        fade: given.fade,
        contour: given.contour,
        width,
      });
      note.textContent = lacking(shown);
    },
    ahead: askAhead,
    words: () => "",
  };
}

/**
 * @param {import("./types").Shown} shown
 * @param {import("./types").Range} limits
 * @returns {import("./types").Tile[]}
 */
function tilesOf({ map, mask }, limits) {
  /** @type {Omit<import("./types").Tile, "title" | "kind">} */
  const plain = { lines: [], map: null, limits, level: null, chosen: false };
  /** @type {import("./types").Tile[]} */
  const list = [{ ...plain, title: "image", kind: "image" }];
  if (mask) list.push({ ...plain, title: "ground truth", kind: "truth" });
  if (map) list.push({ ...plain, title: "map", kind: "map", map });
  return list;
}

export default {
  initialize,
  render: (/** @type {any} */ given) =>
    explorer(given, { title: "What did a detector find in an image?", state: [], help: [], gallery: "grid", build }),
};
