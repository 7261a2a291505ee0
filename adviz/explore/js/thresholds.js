// Where should the line be drawn between good and anomalous, and what goes wrong on either side of it?

import { askAhead, lacking, pictureGiven, tilesGiven, tilesOf } from "./displayed.js";
import { button, checkbox, textField } from "./controls.js";
import { clip, number } from "./format.js";
import { decide } from "./decisions.js";
import { divided as over } from "./maps.js";
import { displayedError, mistakes, wordsOf } from "./mistakes.js";
import { errorsOf, linesOf, markOf, totalOf, withMark } from "./sharing.js";
import { gatePanel } from "./gate.js";
import { h } from "./dom.js";
import { imageExplorer, initialize } from "./images.js";
import { largePicture } from "./beside.js";
import { matrix } from "./matrix.js";
import { memo } from "./memo.js";
import { partKey } from "./store.js";
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
const UNIT = "map / threshold";

/**
 * What stands in it elsewhere where somebody gives it a place: chart of scores, tag and gate; and it needs no image.
 * @typedef {object} Decided
 * @property {HTMLElement} place
 * @property {HTMLElement} tag
 * @property {HTMLElement} gate
 * @property {(now: Now, shown: import("./types").Shown | null, width: number) => void} draw
 */

/**
 * What the threshold decides.
 * @param {import("./types").ImageFrame} frame
 * @returns {import("./types").Panel & Decided}
 */
export function thresholdsPanel({ model, change }) {
  /** @type {Now} */
  let now;
  /** The ends of the scale of map / threshold; a look, no choice: it is not kept. @type {Range} */
  let ratios = RATIOS;
  let dividing = false; // whether the large picture's map is divided here

  const tag = tagging(
    (mark, place) => {
      const { key, image } = JSON.parse(place);
      change({ marks: withMark(model.get("marks"), key, image, mark) });
    },
    (what, path) => model.send({ tags: what, path }),
  );
  const place = h("div.av-strip-place");
  const jumps = thresholdControls(change);
  const here = matrix(change);
  const everywhere = matrix(change);
  const others = matrix(change);
  others.node.classList.add("av-only-costs");
  const wrong = mistakes(go, change);
  const gate = gatePanel(change);
  const several = Object.keys(model.get("facts").categories).length > 1;
  const matrices = h(
    "section.av-matrices",
    { "aria-label": "what the threshold does" },
    here.node,
    several ? everywhere.node : others.node,
  );
  const deciding = h("section.av-deciding", { "aria-label": "threshold" }, jumps.node, place);
  const last = [several ? others.node : null, tag.node, gate.node];
  const node = h("div.av-right.av-decided", {}, deciding, matrices, wrong.node, ...last);

  const lined = memo(linesOf);
  const total = memo(totalOf);
  const listed = memo(errorsOf);
  const divided = memo(over);
  const costs = memo(costsOf);
  /** @param {Now} given */
  const linesAt = ({ get, threshold, facts, detector }) =>
    lined(facts, detector, get("thresholds"), get("pooled") ? threshold : null);

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
    place,
    tag: tag.node,
    gate: gate.node,
    draw(given, _shown, width) {
      now = given;
      const lines = linesAt(now);
      const errors = listed(lines);
      jumps.show(now);
      drawCounts(lines);
      wrong.draw(now, errors, width);
      drawTag(errors);
      gate.draw(now);
    },
    given(given, shown, drawn) {
      now = given;
      const pixels = pixelLine(now);
      const { level } = pixels;
      dividing = !drawn.unit && divides(now, pixels);
      if (drawn.unit) return drawn; // another panel changes the map
      if (!shown.map || !dividing) return { ...drawn, level: level ?? drawn.level, dashed: level };
      const map = divided(shown.map, /** @type {number} */ (level));
      return { ...drawn, map, limits: ratios, ends: RATIOS, level: 1, dashed: 1, unit: UNIT };
    },
    set(values) {
      if (!("limits" in values) || !dividing) return values;
      const { limits, ...rest } = values;
      ratios = limits ?? RATIOS;
      return rest;
    },
    ahead(given) {
      const errors = listed(linesAt(given));
      const next = errors[displayedError(given, errors) + 1];
      if (!next) return;
      given.store.get(partKey("test", next.category, next.image));
      given.store.get(partKey("found", next.category, given.detector, next.image));
    },
    table(given) {
      const head = ["number", "kind", "category", "image", "name", "defect", "score", "threshold", "tag", "note"];
      const rows = listed(linesAt(given)).map((error, i) => {
        const [, note] = markOf(given.get("marks"), error.category, given.detector, error.image);
        const { kind, category, image, name, defect, score, threshold } = error;
        return [i + 1, kind, category, image, name, defect, score, threshold, wordsOf(given, error), note];
      });
      return { head, rows };
    },
  };
}

/** @param {import("./types").ImageFrame} frame @returns {import("./types").ImageParts} */
function build(frame) {
  const { change } = frame;
  const decided = thresholdsPanel(frame);
  const large = largePicture(change, () => [decided]);
  const relative = checkbox("relative", "map / threshold", (checked) => change({ relative: checked }));
  relative.node.title = "divides the map by the threshold of its pixels: 1 is the decision";
  const row = tiles(null, change);
  const said = h("p.av-note");
  large.controls.append(relative.node);
  large.node.append(said, decided.tag, row.node);
  const node = h("div.av-thresholds", {}, h("div.av-body", {}, large.node, decided.node), decided.gate);

  /** @param {Now} now @param {import("./types").Shown} shown @param {number} left */
  function drawTiles(now, shown, left) {
    const given = pictureGiven(now, shown, left);
    const { map, limits, dashed, unit } = decided.given?.(now, shown, given) ?? given;
    const list = tilesOf(now, shown, map, limits, dashed ?? null);
    row.draw(tilesGiven(list, shown, given, tileWidth(left)));
    const pixels = pixelLine(now);
    const undivided = now.get("relative") && shown.map && !unit && pixels.level !== null;
    const words = [
      lacking(list),
      unit ? "The map is divided by the threshold of the pixels: 1 is the decision." : "",
      undivided ? "Nothing positive to divide the map by: it is shown as it is." : "",
      pixels.said,
    ];
    said.textContent = words.filter(Boolean).join(" ");
  }

  return {
    node,
    strip: { place: decided.place, width: ({ width }) => columns(width).right },
    draw(now) {
      const { left, right } = columns(now.width);
      large.node.style.width = `${left}px`;
      relative.show(now.get("relative"));
      relative.node.hidden = now.found?.limits === null;
      const shown = large.draw(now, left);
      decided.draw(now, shown, right);
      if (shown) drawTiles(now, shown, left); // the former ones stay until the next are there
    },
    ahead(now) {
      askAhead(now);
      decided.ahead?.(now, null);
    },
    table: (now) => decided.table?.(now, null) ?? { head: [], rows: [] },
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
