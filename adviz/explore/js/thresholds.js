// Where should the line be drawn between good and anomalous, and what goes wrong on either side of it?

import {
  askAhead,
  drawingOf,
  lacking,
  pictureGiven,
  shownImage,
  tilesGiven,
  tilesOf,
} from "./displayed.js";
import { button, checkbox, textField } from "./controls.js";
import { clip, number } from "./format.js";
import { decide } from "./decisions.js";
import { displayedError, mistakes, wordsOf } from "./mistakes.js";
import { errorsOf, linesOf, markOf, totalOf, withMark } from "./sharing.js";
import { imageExplorer, initialize } from "./images.js";
import { gatePanel } from "./gate.js";
import { h } from "./dom.js";
import { matrix } from "./matrix.js";
import { memo } from "./memo.js";
import { partKey } from "./store.js";
import { picture, pictureControls } from "./picture.js";
import { tagging } from "./tagging.js";
import { tiles } from "./tiles.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {import("./types").Range} Range */
/**
 * What maps are held against.
 * @typedef {object} PixelLine
 * @property {number | null} level
 * @property {string} said which it is and why, or why there is none
 */

const GAP = 24; // CSS pixels between the columns
const TILE_GAP = 16; // between tiles
const LEAST_OF_THREE = 380; // room for three of them
const NARROW = 760; // below which all stands in one column
/** @type {Range} */
const RATIOS = [0, 2]; // the scale of map / threshold: 1, the decision, is its middle

/** @param {import("./types").ImageFrame} frame @returns {import("./types").ImageParts} */
function build({ model, change }) {
  /** @type {Now} */
  let now;
  /** The ends of the scale of map / threshold; a look, no choice: it is not kept. @type {Range} */
  let ratios = RATIOS;

  // the displayed image
  const look = (/** @type {import("./types").Values} */ values) => {
    if (!("limits" in values) || !divides(now, pixelLine(now))) return change(values);
    ratios = values.limits ?? RATIOS;
    change({});
  };
  const large = picture(look);
  const drawing = pictureControls(change);
  const relative = checkbox("relative", "map / threshold", (checked) => change({ relative: checked }));
  relative.node.title = "divides the map by the threshold of its pixels: 1 is the decision";
  const row = tiles(null, change);
  const said = h("p.av-note");
  const tag = tagging(
    (mark, place) => {
      const { key, image } = JSON.parse(place);
      change({ marks: withMark(model.get("marks"), key, image, mark) });
    },
    (what, path) => model.send({ tags: what, path }),
  );

  // what the threshold decides
  const place = h("div.av-strip-place");
  const jumps = thresholdControls(change);
  const here = matrix(change);
  const everywhere = matrix(change);
  const others = matrix(change);
  others.node.classList.add("av-only-costs");
  const wrong = mistakes(go, change);
  const gate = gatePanel(change);
  const displayed = h(
    "div.av-left",
    {},
    large.node,
    h("div.av-drawing", {}, drawing.node, relative.node),
    said,
    tag.node,
    row.node,
  );
  const several = Object.keys(model.get("facts").categories).length > 1;
  const matrices = h(
    "section.av-matrices",
    { "aria-label": "what the threshold does" },
    here.node,
    several ? everywhere.node : others.node,
  );
  const deciding = h("section.av-deciding", { "aria-label": "threshold" }, jumps.node, place);
  const decided = h("div.av-right", {}, deciding, matrices, wrong.node, several ? others.node : null);
  const node = h("div.av-thresholds", {}, h("div.av-body", {}, displayed, decided), gate.node);

  const read = shownImage();
  const lined = memo(linesOf);
  const total = memo(totalOf);
  const listed = memo(errorsOf);
  const divided = memo(ratioOf);
  const costs = memo(costsOf);
  const linesNow = () => {
    const common = now.get("pooled") ? now.threshold : null;
    return lined(now.facts, now.detector, now.get("thresholds"), common);
  };

  /** Shows an image of any category. @param {import("./sharing").ErrorEntry} error */
  function go({ category, image, defect, kind }) {
    /** @type {import("./types").Values} */
    const values = category === now.category ? { image } : { category, image };
    const filters = { "false positive": "false positives", "false negative": "false negatives", unlabelled: "" };
    if (![defect, "all"].includes(now.defect)) values.defect = "all";
    if (!["all", "errors", filters[kind]].includes(now.only)) values.only = "all";
    if (kind === "unlabelled") values.only = "all";
    change(values);
  }

  /** @param {number} left */
  function drawImage(left) {
    const pixels = pixelLine(now);
    relative.show(now.get("relative"));
    relative.node.hidden = now.found?.limits === null;
    const shown = read(now);
    drawing.show(drawingOf(now, shown));
    if (!shown) return; // the former picture stays until the next is there
    const given = pictureGiven(now, shown, left);
    const { level } = pixels;
    const ratio = divides(now, pixels);
    const map = shown.map && ratio ? divided(shown.map, /** @type {number} */ (level)) : shown.map;
    const reached = ratio ? 1 : level;
    large.draw({
      ...given,
      map,
      limits: ratio ? ratios : given.limits,
      ends: ratio ? RATIOS : given.ends,
      level: reached ?? given.level,
      dashed: reached,
      unit: ratio ? "map / threshold" : "",
    });
    const list = tilesOf(now, shown, map, ratio ? ratios : given.limits, reached);
    row.draw(tilesGiven(list, shown, given, tileWidth(left)));
    const undivided = now.get("relative") && shown.map && !ratio && level !== null;
    const words = [
      lacking(list),
      ratio ? "The map is divided by the threshold of the pixels: 1 is the decision." : "",
      undivided ? "Nothing positive to divide the map by: it is shown as it is." : "",
      pixels.said,
    ];
    said.textContent = words.filter(Boolean).join(" ");
  }

  /** @param {import("./sharing").ErrorEntry[]} errors */
  function drawTag(errors) {
    const { category, detector, key, image, one, store } = now;
    const kind = errors[displayedError(now, errors)]?.kind;
    const guess = kind === "false negative" ? store.get(partKey("guess", category, detector, image)) : null;
    const [chosen, note] = markOf(now.get("marks"), category, detector, image);
    tag.draw({
      place: JSON.stringify({ key, image }),
      label: one.labels[image],
      wrong: Boolean(kind),
      tag: chosen,
      note,
      suggestions: guess?.tags ?? [],
      said: now.get("said") ?? "",
      files: !now.options.exported,
    });
  }

  /** @param {import("./sharing").Line[]} lines */
  function drawCounts(lines) {
    const { found, one, category, decision, threshold, only, marks } = now;
    here.node.hidden = !decision;
    others.node.hidden = !decision || !one.labels.some((label) => label >= 0); // else errors cost nobody knows what
    everywhere.node.hidden = lines.length < 2;
    if (!found || !decision || threshold === null) return;
    const given = { threshold, only };
    here.draw({ ...given, decision, title: category });
    others.draw({ ...given, decision, title: category, costs: costs(found.scores, one.labels, threshold, marks) });
    if (lines.length < 2) return;
    const rule = now.get("pooled") ? "one threshold" : "each at its own threshold";
    everywhere.draw({ ...given, decision: total(lines), title: `${lines.length} categories, ${rule}` });
  }

  return {
    node,
    strip: { place, width: ({ width }) => columns(width).right },
    draw(given) {
      now = given;
      const { left, right } = columns(now.width);
      const lines = linesNow();
      const errors = listed(lines);
      displayed.style.width = `${left}px`;
      jumps.show(now);
      drawCounts(lines);
      wrong.draw(now, errors, right);
      drawTag(errors);
      gate.draw(now);
      drawImage(left);
    },
    ahead(given) {
      askAhead(given);
      const errors = listed(linesNow());
      const next = errors[displayedError(given, errors) + 1];
      if (!next) return;
      given.store.get(partKey("test", next.category, next.image));
      given.store.get(partKey("found", next.category, given.detector, next.image));
    },
    table(given) {
      const head = ["number", "kind", "category", "image", "name", "defect", "score", "threshold", "tag", "note"];
      const rows = listed(linesNow()).map((error, i) => {
        const [, note] = markOf(given.get("marks"), error.category, given.detector, error.image);
        const { kind, category, image, name, defect, score, threshold } = error;
        return [i + 1, kind, category, image, name, defect, score, threshold, wordsOf(given, error), note];
      });
      return { head, rows };
    },
  };
}

/** Widths of the picture and of what stands beside it. @param {number} width of the explorer */
function columns(width) {
  if (width < NARROW) return { left: Math.min(width, 560), right: width };
  const left = clip(Math.round(0.34 * width), 300, 560);
  return { left, right: width - left - GAP };
}

/** Width of a tile: three in a row where their scales of colours have room. @param {number} room */
function tileWidth(room) {
  const count = room < LEAST_OF_THREE ? 2 : 3;
  return Math.floor((room - (count - 1) * TILE_GAP) / count);
}

/** What the map is held against. @param {Now} now @returns {PixelLine} */
function pixelLine({ found, threshold, one, store, category, detector }) {
  if (!found || found.limits === null) return { level: null, said: "" };
  if (found.peak && threshold !== null) {
    return lineWords(threshold, "the threshold of the image score, which is the maximum of the map");
  }
  if (!one.masked) {
    const said = "The score is not the map's maximum and there are no masks: no threshold of pixels is known.";
    return { level: null, said };
  }
  const part = store.get(partKey("pixels", category, detector));
  if (!part) return { level: null, said: "The threshold of the pixels is being computed." };
  if (!part.threshold) return { level: null, said: "No threshold of pixels is known." };
  return lineWords(part.threshold[0], "the F1-optimal threshold of the pixels, as the score is not the map's maximum");
}

/** @param {number} level @param {string} why @returns {PixelLine} */
function lineWords(level, why) {
  return { level, said: `Dashed: map ≥ ${number(level)}, ${why}.` };
}

/** Whether the map is shown divided by its threshold. @param {Now} now @param {PixelLine} pixels */
function divides(now, { level }) {
  return Boolean(now.get("relative")) && level !== null && level > 0;
}

/** @param {Float32Array} map @param {number} level */
function ratioOf(map, level) {
  return map.map((value) => value / level);
}

/**
 * What the current threshold and others cost.
 * @param {number[]} scores
 * @param {number[]} labels
 * @param {number} threshold
 * @param {Record<string, number>} marks
 */
function costsOf(scores, labels, threshold, marks) {
  return Object.entries({ current: threshold, ...marks }).map(([name, value]) => ({
    name,
    threshold: value,
    decision: decide(scores, labels, value),
  }));
}

/** The threshold as a number, thresholds worth a jump, and whether all categories share one. */
function thresholdControls(/** @type {import("./types").Change} */ change) {
  /** @type {Now} */
  let now;
  const field = textField("threshold-field", "threshold", (text) => {
    const value = Number(text.replace(",", "."));
    if (text.trim() && Number.isFinite(value)) change({ threshold: value });
    else shown();
  });
  const input = /** @type {HTMLInputElement} */ (field.node.querySelector("input"));
  input.inputMode = "decimal";
  const shown = () => {
    input.value = now.threshold === null ? "" : number(now.threshold);
  };
  // without an entry the threshold is the one to begin with
  const toBest = () => change({ threshold: null });
  const best = button("best", "best F1", "best F1: the threshold with the highest F1", toBest);
  const toFull = () => change({ threshold: now.marks["100% recall"] });
  const full = button("full", "100% recall", "100% recall: the highest threshold without a miss", toFull);
  const pooled = checkbox("pooled", "one threshold for all categories", (checked) => change({ pooled: checked }));
  return {
    node: h("div.av-deciding-line", {}, field.node, best, full, pooled.node),
    /** @param {Now} next */
    show(next) {
      now = next;
      if (document.activeElement !== input) shown();
      best.disabled = !("F1-optimal" in now.marks);
      full.disabled = !("100% recall" in now.marks);
      const several = Object.keys(now.facts.categories).length > 1;
      pooled.node.hidden = !several;
      pooled.show(Boolean(now.get("pooled")));
    },
  };
}

/** @type {[string, string][]} */
const HELP = [
  ["best F1, 100% recall", "the threshold with the highest F1, and the highest one without a miss"],
  ["one threshold for all", "all categories share one threshold instead of having one each"],
  ["◀ ▶ beside the errors", "the errors of all categories one after the other, the worst first"],
  ["map / threshold", "divides the map by the threshold of its pixels: 1 is the decision"],
  ["error type, note", "say what kind of error the displayed image is; save and load keep that in a file"],
  ["τ", "of the first stage: only images with a score above it are segmented; drag it, or use arrow keys"],
];

export default {
  initialize,
  render: (/** @type {any} */ given) =>
    imageExplorer(given, {
      title: "Where should the line be drawn, and what goes wrong on either side of it?",
      state: ["pooled", "relative", "gates", "marks"],
      help: HELP,
      build,
    }),
};
