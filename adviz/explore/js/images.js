// What all explorers of test images share: which category, detector and image are looked at, the gallery, and the chart
// of scores.

import { columns } from "./displayed.js";
import { controls } from "./bar.js";
import { explorer } from "./explorer.js";
import { gallery } from "./gallery.js";
import { h } from "./dom.js";
import { SHARED, reader, settled } from "./state.js";
import { scoreTable, tip, titleOf, words } from "./words.js";
import { smallOf } from "./small.js";
import { step } from "./decisions.js";
import { strip } from "./strip.js";

/** @typedef {import("./types").Model} Model */
/** @typedef {import("./types").Now} Now */
/** @typedef {import("./types").Values} Values */
/**
 * What the module of such an explorer says of itself.
 * @typedef {object} ImageSpec
 * @property {string} title its question
 * @property {string[]} state names of the traits that it draws from, beside those of all explorers of test images
 * @property {import("./types").HelpEntry[]} help
 * @property {string[]} [orders] orders of the images beside "score" and "as stored"
 * @property {(frame: import("./types").ImageFrame) => import("./types").ImageParts} build
 */

const severalImages = (/** @type {Now} */ { one }) => one.names.length > 1;
const severalDetectors = (/** @type {Now} */ { one }) => Object.keys(one.detectors).length > 1;

/** @type {import("./types").HelpEntry[]} */
const HELP = [
  ["[ and ]", "previous and next image of the gallery, in its order and with its filters", severalImages],
  ["1 to 9", "another detector", severalDetectors],
  ["click on the image", "pick a patch; arrow keys move the pick, Escape gives it up (the map's peak is shown then)"],
  [
    "Ctrl + wheel, pinch, + and -",
    "zoom into the image, to the pixels of its file if they are here; 0 or a double click goes back",
  ],
  ["m, held", "hide the map"],
  ["click on a dot, a thumbnail, a bar", "go to what it stands for", severalImages],
  ["drag the threshold", "in the chart of scores; arrow keys move it where it has the focus", severalImages],
];

/** What another explorer, Python or a person changed belongs to another image: a pick does not. */
export function initialize(/** @type {{ model: Model }} */ { model }) {
  const image = () => `${model.get("category")}/${model.get("image")}`;
  let last = image();
  function forgetPick() {
    if (image() === last) return; // marimo also tells where nothing has changed
    last = image();
    if (!model.get("picked").length) return;
    model.set("picked", []);
    model.save_changes();
  }
  // one event a call: marimo's model does not understand a list of them
  model.on("change:image", forgetPick);
  model.on("change:category", forgetPick);
}

/**
 * Shows an explorer of test images.
 * @param {import("./explorer").Place} place
 * @param {ImageSpec} spec
 */
export function imageExplorer(place, spec) {
  return explorer(place, {
    title: spec.title,
    state: [...SHARED, ...spec.state],
    help: [...spec.help, ...HELP],
    build: (frame) => withImages(frame, spec),
  });
}

/**
 * @param {import("./types").Frame} frame
 * @param {ImageSpec} spec
 * @returns {import("./explorer").Parts<Now>}
 */
function withImages({ model, store, change }, spec) {
  const look = reader(model);
  /** @type {Now} */
  let shown;
  const choosing = controls(change, spec.orders ?? []);
  const scores = strip(change, (image) => tip(shown, image));
  const images = gallery(change);
  const parts = spec.build({ model, store, change, gallery: images.node });
  const below = h("section.av-scores", {}, parts.gallery ? null : images.node);
  (parts.strip?.place ?? below).append(scores.node);

  /** @param {Now} now */
  function drawShared(now) {
    const { one, found, decision } = now;
    images.draw({
      title: titleOf(now),
      list: now.list,
      image: now.image,
      scores: found?.scores ?? null,
      kinds: decision?.kinds ?? null,
      names: one.names,
      defects: one.defects,
      notes: {},
      small: (image) => smallOf(now, "test", image),
      empty: "No image is left by these filters.",
      width: parts.gallery?.width(now) ?? now.width,
      shape: parts.gallery?.shape ?? "row",
    });
    const alone = one.names.length < 2; // one photograph has nothing to be compared with
    images.node.hidden = alone;
    scores.node.hidden = !found || alone;
    if (!found) return;
    scores.draw({
      scores: found.scores,
      defects: one.defects,
      kinds: decision?.kinds ?? null,
      threshold: now.threshold,
      marks: now.marks,
      image: now.image,
      names: one.names,
      within: now.within,
      width: parts.strip?.width(now) ?? now.width,
      dense: parts.strip?.dense ?? false,
    });
  }

  return {
    controls: choosing.nodes,
    nodes: [parts.node, below],
    read: (width) => look(store, width),
    draw(now) {
      shown = now;
      parts.node.style.setProperty("--left", `${columns(now.width).left}px`);
      choosing.show(now);
      drawShared(now);
      if (now.found) parts.draw(now); // else the former picture stays
    },
    words: (now) => words(now) + (parts.words?.(now) ?? ""),
    table: (now) => parts.table?.(now) ?? scoreTable(now),
    name: (now) => now.one.names[now.image],
    settle: settled,
    follow(now, values) {
      const filters = "defect" in values || "only" in values;
      const gone = filters && now.list.length > 0 && !now.list.includes(now.image);
      return gone ? { image: now.list[0], picked: [] } : null;
    },
    press(now, { key }) {
      const by = { "[": -1, "]": 1 }[key];
      const detector = Object.keys(now.one.detectors)[Number(key) - 1];
      if (by) change({ image: step(now.list, now.image, by) });
      else if (key >= "1" && key <= "9" && detector) change({ detector });
      else return parts.press?.(now, key) ?? false;
      return true;
    },
    ahead: (now) => parts.ahead?.(now),
  };
}
