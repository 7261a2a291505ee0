// The controls that all explorers have: what is looked at, and the images one after the other.

import { select, stepper } from "./controls.js";
import { step } from "./decisions.js";

/** @typedef {import("./types").Now} Now */

/** Which errors are gone through, and how that is called. */
export const ONLY = ["all", "errors", "false positives", "false negatives"];
export const ONLY_LABELS = ["all images", "errors", "false alarms", "missed"];

/**
 * Category, detector, filters, order, and the images one after the other.
 * @param {import("./types").Change} change
 * @param {string[]} orders
 */
export function controls(change, orders) {
  /** @type {Now} */
  let now;
  const category = select("category", "category", (value) => change({ category: value }));
  const detector = select("detector", "detector", (value) => change({ detector: value }));
  const defect = select("defect", "defect", (value) => change({ defect: value }));
  const only = select("only", "show", (value) => change({ only: value }));
  const order = select("order", "order", (value) => change({ order: value }));
  const go = (/** @type {number} */ by) => change({ image: step(now.list, now.image, by) });
  const images = stepper("image", "", "previous image ([)", "next image (])", go);
  return {
    nodes: [category.node, detector.node, defect.node, only.node, order.node, images.node],
    /** @param {Now} next */
    show(next) {
      now = next;
      const names = Object.keys(now.facts.categories);
      category.show(names, now.category);
      category.node.hidden = names.length < 2;
      const detectors = Object.keys(now.one.detectors);
      detector.show(detectors, now.detector);
      detector.node.hidden = detectors.length < 2; // the status line names it
      defect.show(["all", ...new Set(now.one.defects)], now.defect);
      only.show(ONLY, now.only, ONLY_LABELS);
      order.show(["score", "as stored", ...orders], now.order);
      const alone = now.one.names.length < 2;
      for (const node of [defect.node, only.node, order.node, images.node]) node.hidden = alone;
      images.show(now.list.indexOf(now.image), now.list.length);
    },
  };
}
