// Which layer sees the defect, and how should layers be joined? Every layer's map, and controls to fuse them.

import { beside } from "./beside.js";
import { imageExplorer, initialize } from "./images.js";
import { layersPanel } from "./layers_panel.js";

const STATE = ["layers", "weights", "join", "root", "sigma", "own_scale"];
/** @type {[string, string][]} */
const HELP = [
  ["a layer's box, or its map's title", "let the layer enter, or leave it out; only: it enters alone"],
  ["a layer's slider", "its weight: a factor in a sum or mean, an exponent in a product"],
  ["preset", "the detector's own way to join its layers, where it was found out, and the papers' choices of layers"],
  ["root, sigma", "square root of the fused map, and the Gaussian that smooths it"],
];

export default {
  initialize,
  render: (/** @type {any} */ given) =>
    imageExplorer(given, {
      title: "Which layer sees the defect, and how should layers be fused?",
      state: STATE,
      help: HELP,
      build: beside("layered", layersPanel),
    }),
};
