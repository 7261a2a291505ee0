// What did a detector find? The map over the image, and beside it image, ground truth and map.

import { columns, lacking, pictureGiven, tilesGiven, tilesOf } from "./displayed.js";
import { beside } from "./beside.js";
import { imageExplorer, initialize } from "./images.js";
import { h } from "./dom.js";
import { tiles } from "./tiles.js";

const TILE_GAP = 16;

/** Width of a tile. @param {number} room */
const tileWidth = (room) => Math.min(300, Math.floor((room - 2 * TILE_GAP) / 3));

/** @param {import("./types").ImageFrame} frame @returns {import("./types").Panel} */
export function resultsPanel({ change }) {
  const row = tiles(null, change);
  const note = h("p.av-note");
  return {
    node: h("div.av-right", {}, row.node, note),
    draw(now, shown, width) {
      const given = pictureGiven(now, shown, width);
      const list = tilesOf(now, shown, shown.map, given.limits, null);
      row.draw(tilesGiven(list, shown, given, tileWidth(width)));
      note.textContent = lacking(list);
    },
  };
}

/** @param {import("./types").ImageFrame} frame @returns {import("./types").ImageParts} */
function build(frame) {
  const { gallery } = frame;
  const panel = resultsPanel(frame);
  panel.node.append(gallery);
  const parts = beside("results", () => panel)(frame);
  return {
    ...parts,
    gallery: { shape: "grid", width: ({ width }) => columns(width).right },
    draw(now) {
      const { left, right } = columns(now.width);
      // the gallery ends where the controls below the picture do
      gallery.style.setProperty("--gallery-height", `${Math.max(250, left + 10 - tileWidth(right))}px`);
      parts.draw(now);
    },
  };
}

export default {
  initialize,
  render: (/** @type {any} */ given) =>
    imageExplorer(given, {
      title: "What did a detector find in an image?",
      state: [],
      help: [],
      build,
    }),
};
