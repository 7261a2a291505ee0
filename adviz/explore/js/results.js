// What did a detector find? The map over the image, and beside it image, ground truth and map.

import {
  askAhead,
  columns,
  drawingOf,
  lacking,
  pictureGiven,
  shownImage,
  tilesGiven,
  tilesOf,
} from "./displayed.js";
import { imageExplorer, initialize } from "./images.js";
import { h } from "./dom.js";
import { picture, pictureControls } from "./picture.js";
import { tiles } from "./tiles.js";

const TILE_GAP = 16;

/** @param {import("./types").ImageFrame} frame @returns {import("./types").ImageParts} */
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
      const list = tilesOf(now, shown, shown.map, given.limits, null);
      row.draw(tilesGiven(list, shown, given, width));
      note.textContent = lacking(list);
    },
    ahead: askAhead,
  };
}

export default {
  initialize,
  render: (/** @type {any} */ given) =>
    imageExplorer(given, {
      title: "What did a detector find in an image?",
      state: [],
      help: [],
      gallery: "grid",
      build,
    }),
};
