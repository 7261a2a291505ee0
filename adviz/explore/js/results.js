// What did a detector find? Image, ground truth, map, and the map over the image.

import { askAhead, columns, lacking, pictureGiven, shownImage } from "./displayed.js";
import { explorer, initialize } from "./explorer.js";
import { h } from "./dom.js";
import { picture, pictureControls } from "./picture.js";
import { tiles } from "./tiles.js";

/** @param {import("./types").Frame} frame @returns {import("./types").Parts} */
function build({ change }) {
  const large = picture(change);
  const drawing = pictureControls(change);
  const row = tiles(null, change);
  const note = h("p.av-note");
  const node = h(
    "div.av-body",
    {},
    h("div.av-left", {}, large.node, drawing.node),
    h("div.av-right", {}, row.node, note),
  );
  const read = shownImage();
  return {
    node,
    draw(now) {
      drawing.show(now);
      const shown = read(now);
      if (!shown) return; // the former picture stays until the next is there
      const { left, right } = columns(now.width);
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
        width: Math.min(300, Math.floor((right - 12) / 2)),
      });
      note.textContent = lacking(shown);
    },
    ahead: askAhead,
    words: () => "",
  };
}

/** @param {import("./types").Shown} shown @param {import("./types").Range} limits @returns {import("./types").Tile[]} */
function tilesOf({ map, mask }, limits) {
  /** @type {Omit<import("./types").Tile, "title" | "kind">} */
  const plain = { lines: [], map: null, limits, level: null, chosen: false };
  /** @type {import("./types").Tile[]} */
  const list = [{ ...plain, title: "image", kind: "image" }];
  if (mask) list.push({ ...plain, title: "ground truth", kind: "truth" });
  if (map) list.push({ ...plain, title: "map", kind: "map", map });
  if (map) list.push({ ...plain, title: "overlay", kind: "overlay", map });
  return list;
}

export default {
  initialize,
  render: (/** @type {any} */ given) =>
    explorer(given, { title: "What did a detector find in an image?", state: [], help: [], build }),
};
