// What one detector's thresholds decide in all categories: each has its own, or all share one.

import { decide, wrong } from "./decisions.js";

/**
 * A category with the threshold that holds for it.
 * @typedef {object} Line
 * @property {string} category
 * @property {import("./types").CategoryFacts} one
 * @property {import("./types").DetectorFacts} found
 * @property {number} threshold
 * @property {import("./types").Decision} decision
 */
/** @typedef {"false positive" | "false negative" | "unlabelled"} ErrorKind */
/**
 * @typedef {object} ErrorEntry
 * @property {ErrorKind} kind "unlabelled": predicted anomalous, and whether that is wrong is unknown
 * @property {string} category
 * @property {number} image
 * @property {string} name
 * @property {string} defect
 * @property {number} score
 * @property {number} threshold
 */

/** @type {ErrorKind[]} */
export const KINDS = ["false positive", "false negative", "unlabelled"];

/**
 * Returns the categories that the detector has judged, with their thresholds.
 * @param {import("./types").Facts} facts
 * @param {string} detector
 * @param {Record<string, number>} chosen thresholds that a person chose, by "category/detector"
 * @param {number | null} common the one that all share; null: each has its own
 * @returns {Line[]}
 */
export function linesOf(facts, detector, chosen, common) {
  const lines = [];
  for (const [category, one] of Object.entries(facts.categories)) {
    const found = one.detectors[detector];
    const threshold = common ?? chosen[`${category}/${detector}`] ?? found?.threshold ?? null;
    if (!found || threshold === null) continue;
    lines.push({ category, one, found, threshold, decision: decide(found.scores, one.labels, threshold) });
  }
  return lines;
}

/**
 * Adds up what thresholds decide.
 * @param {Line[]} lines
 * @returns {import("./types").Decision}
 */
export function totalOf(lines) {
  // Each image is judged as by a threshold of 0: how far its score is above its own threshold.
  const scores = lines.flatMap(({ found, threshold }) => found.scores.map((score) => (score >= threshold ? 0 : -1)));
  const labels = lines.flatMap(({ one }) => one.labels);
  return decide(scores, labels, 0);
}

/**
 * Lists the errors of all categories, the worst of each kind first: those farthest from their threshold, in units of
 * it, for categories have scales of their own.
 * @param {Line[]} lines
 * @returns {ErrorEntry[]}
 */
export function errorsOf(lines) {
  /** @type {Record<ErrorKind, ErrorEntry[]>} */
  const found = { "false positive": [], "false negative": [], unlabelled: [] };
  for (const line of lines) {
    const { falsePositives, falseNegatives, unlabelled } = wrong(line.decision.kinds, line.found.scores);
    [falsePositives, falseNegatives, unlabelled].forEach((images, i) => {
      const kind = KINDS[i];
      found[kind].push(...images.map((image) => entryOf(kind, line, image)));
    });
  }
  return KINDS.flatMap((kind) => found[kind].sort((a, b) => distance(b) - distance(a)));
}

/** @param {ErrorKind} kind @param {Line} line @param {number} image @returns {ErrorEntry} */
function entryOf(kind, { category, one, found, threshold }, image) {
  return {
    kind,
    category,
    image,
    name: one.names[image],
    defect: one.defects[image],
    score: found.scores[image],
    threshold,
  };
}

/** @param {ErrorEntry} error */
function distance({ score, threshold }) {
  return Math.abs(score - threshold) / (Math.abs(threshold) || 1);
}

/**
 * Returns the tag and the note that a person gave an image.
 * @param {Record<string, Record<string, [string, string]>>} marks by "category/detector" and image
 * @param {string} category
 * @param {string} detector
 * @param {number} image
 * @returns {[string, string]}
 */
export function markOf(marks, category, detector, image) {
  return marks[`${category}/${detector}`]?.[image] ?? ["", ""];
}

/**
 * Returns marks with another tag and note of an image; with neither it is forgotten.
 * @param {Record<string, Record<string, [string, string]>>} marks
 * @param {string} key "category/detector"
 * @param {number} image
 * @param {[string, string]} mark
 * @returns {Record<string, Record<string, [string, string]>>}
 */
export function withMark(marks, key, image, mark) {
  const { [key]: old = {}, ...others } = marks;
  /** @type {Record<string, [string, string]>} */
  const kept = { ...old, [image]: mark };
  if (!mark.some(Boolean)) delete kept[image];
  return Object.keys(kept).length ? { ...others, [key]: kept } : others;
}
