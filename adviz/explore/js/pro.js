// How does PRO come about? The picture, filled where it is predicted anomalous, beside it the curve and all regions.

import { askAhead, columns, drawingOf, pictureGiven, shownImage } from "./displayed.js";
import { imageExplorer, initialize } from "./images.js";
import { h } from "./dom.js";
import { picture, pictureControls } from "./picture.js";
import { proPanel } from "./pro_panel.js";

/** @type {[string, string][]} */
const HELP = [
  ["drag the point on the curve", "the FPR: how many normal pixels may be predicted anomalous; arrow keys, too"],
  ["drag the limit, or choose it", "the FPR up to which PRO is the mean height of the curve"],
  ["click on a region", "in the table, the chart or the image: frame it, and highlight its own curve"],
  ["filled", "what is predicted anomalous: blue in the defects, striped elsewhere; else the map is shown"],
];

/** @param {import("./types").ImageFrame} frame @returns {import("./types").ImageParts} */
function build(frame) {
  const panel = proPanel(frame);
  const large = picture((values) => frame.change(panel.set(values)));
  const drawing = pictureControls(frame.change);
  const node = h("div.av-body", {}, h("div.av-left", {}, large.node, drawing.node), panel.node);
  const look = shownImage();
  return {
    node,
    draw(now) {
      const shown = look(now);
      const { left, right } = columns(now.width);
      const known = drawingOf(now, shown);
      const given = shown && panel.given(now, shown, pictureGiven(now, shown, left));
      drawing.show({ ...known, mapped: known.mapped && !given?.fill });
      if (!shown || !given) return; // the former picture stays until the next is there
      large.draw(given);
      panel.draw(now, shown, right);
    },
    ahead: askAhead,
    words: (now) => panel.words(now),
    table: (now) => panel.table(now),
  };
}

/** A region belongs to its category. @param {{ model: import("./types").Model }} given */
function begin(given) {
  const { model } = given;
  let last = model.get("category");
  initialize(given);
  model.on("change:category", () => {
    if (model.get("category") === last) return;
    last = model.get("category");
    if (!model.get("region")) return;
    model.set("region", 0);
    model.save_changes();
  });
}

export default {
  initialize: begin,
  render: (/** @type {any} */ given) =>
    imageExplorer(given, {
      title: "How does PRO come about?",
      state: ["fpr", "limit", "connectivity", "region", "region_order", "filled"],
      help: HELP,
      build,
    }),
};
