// How does PRO come about? The picture, filled where it is predicted anomalous, beside it the curve and all regions.

import { beside } from "./beside.js";
import { imageExplorer, initialize } from "./images.js";
import { proPanel } from "./pro_panel.js";

/** @type {[string, string][]} */
const HELP = [
  ["drag the point on the curve", "the FPR: how many normal pixels may be predicted anomalous; arrow keys, too"],
  ["drag the limit, or choose it", "the FPR up to which PRO is the mean height of the curve"],
  ["click on a region", "in the table, the chart or the image: frame it, and highlight its own curve"],
  ["filled", "what is predicted anomalous: blue in the defects, striped elsewhere; else the map is shown"],
];

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
      build: beside("regions-body", proPanel),
    }),
};
