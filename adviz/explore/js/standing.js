// Where an image stands among all, for one detector, and the words for what detectors are compared by.
// Labels: 1 anomalous, 0 good, -1 unlabelled.

import { metric, number } from "./format.js";
import { partKey } from "./store.js";

/** @typedef {import("./types").CategoryFacts} CategoryFacts */
/** @typedef {import("./types").DetectorFacts} DetectorFacts */
/** @typedef {import("./types").Now} Now */
/**
 * `numbers/C/D`: a detector's metrics; null where they are undefined. Thresholds are F1-optimal ones.
 * @typedef {object} Numbers
 * @property {number | null} image_auroc
 * @property {number | null} threshold
 * @property {number | null} false_positives
 * @property {number | null} false_negatives
 * @property {number | null} pixel_auroc
 * @property {number | null} pro
 * @property {number | null} pixel_threshold
 */

export const PENDING = "…";
export const UNDEFINED = "undefined";
/** @type {[string, string][]} heads of the metrics' table, and what they mean */
export const METRICS = [
  ["image AUROC", "how well scores tell anomalous images from good ones: 1 = completely, 0.5 = not at all"],
  ["pixel AUROC", "how well maps tell defective pixels from normal ones: 1 = completely, 0.5 = not at all"],
  ["PRO-global", "per-region overlap, up to a false-positive rate of 0.3"],
  ["FP + FN at best F1", "false alarms and missed images at the F1-optimal threshold of scores"],
];
const SPACE = 16; // between tiles, CSS pixels
const LEAST = 124; // of a tile: narrower, a map is no picture any more
const MOST = 280;

/**
 * Returns an image's rank: 1 = the highest score; equal scores share the better rank.
 * @param {number[]} scores
 * @param {number} image
 */
export function rankOf(scores, image) {
  return 1 + scores.filter((score) => score > scores[image]).length;
}

/**
 * Says what a threshold makes of a score, and whether that is right.
 * @param {number} score
 * @param {number} label
 * @param {number} threshold
 */
export function verdictOf(score, label, threshold) {
  const positive = score >= threshold;
  const predicted = positive ? "predicted anomalous" : "predicted good";
  if (label < 0) return predicted;
  if (positive === (label === 1)) return `${predicted}: right`;
  return positive ? `${predicted}: false alarm` : `${predicted}: missed`;
}

/**
 * Returns the threshold of scores that holds for a detector: the chosen one, or the one to begin with.
 * @param {Now} now
 * @param {string} detector
 * @returns {number | null} null: its prediction is still to be computed
 */
export function thresholdOf({ category, one, get }, detector) {
  const found = one.detectors[detector];
  return found && (get("thresholds")[`${category}/${detector}`] ?? found.threshold);
}

/**
 * Returns score, rank and verdict of the displayed image.
 * @param {Now} now
 * @param {string} detector
 * @returns {[number, number, string] | ["", "", string]}
 */
export function placeOf(now, detector) {
  const { one, image } = now;
  const found = one.detectors[detector];
  const threshold = thresholdOf(now, detector);
  if (!found || threshold === null) return ["", "", "is being computed"];
  const score = found.scores[image];
  return [score, rankOf(found.scores, image), verdictOf(score, one.labels[image], threshold)];
}

/**
 * The same in words, a line each.
 * @param {Now} now
 * @param {string} detector
 * @returns {string[]}
 */
export function standing(now, detector) {
  const [score, rank, verdict] = placeOf(now, detector);
  if (score === "") return [verdict];
  return [`score ${number(score)}`, `rank ${rank} of ${now.one.names.length}`, verdict];
}

/**
 * The same where there is little room: "rank 1 · right".
 * @param {Now} now
 * @param {string} detector
 */
export function shortly(now, detector) {
  const [score, rank, verdict] = placeOf(now, detector);
  return score === "" ? verdict : `rank ${rank} · ${verdict.replace(/^predicted .*: /, "")}`;
}

/**
 * Returns a detector's metrics as texts, one for each of `METRICS`.
 * @param {Numbers | null} numbers null: still being computed
 */
export function inWords(numbers) {
  if (!numbers) return METRICS.map(() => PENDING);
  const { image_auroc, pixel_auroc, pro, false_positives, false_negatives } = numbers;
  const three = [image_auroc, pixel_auroc, pro].map((value) => metric(value ?? NaN));
  const errors = false_positives === null ? UNDEFINED : `${false_positives} + ${false_negatives}`;
  return [...three, errors];
}

/**
 * Says why metrics of detectors are undefined, each reason once.
 * @param {CategoryFacts} one
 * @param {Record<string, Numbers | null>} numbers of its detectors
 * @returns {string} "" where all are defined
 */
export function whyUndefined(one, numbers) {
  /** @type {Set<string>} */
  const reasons = new Set();
  for (const [name, known] of Object.entries(numbers)) {
    const found = one.detectors[name];
    if (!known || !found) continue;
    if (known.image_auroc === null) reasons.add("of scores without good and anomalous images");
    if (known.pixel_auroc !== null && known.pro !== null) continue;
    if (!one.masked) reasons.add("of pixels without ground truth");
    else if (!found.limits) reasons.add(`of pixels for ${name}, which has no maps`);
    else reasons.add("of pixels without normal and defective ones");
  }
  return reasons.size ? `Metrics are undefined ${[...reasons].join("; ")}.` : "";
}

/**
 * Returns what a detector's maps are divided by.
 * @param {Numbers | null} numbers
 * @param {boolean} relative whether they are
 * @returns {number | null} null: they are not, or the threshold is undefined or pending
 */
export function divisor(numbers, relative) {
  const threshold = numbers?.pixel_threshold ?? 0;
  return relative && threshold > 0 ? threshold : null;
}

/**
 * Says what the maps' colours mean, and which thresholds are undefined or pending.
 * @param {Record<string, Numbers | null>} numbers of all detectors
 * @param {boolean} relative
 * @param {string[]} [anchored] detectors whose scale has its middle at what is rare among good pixels
 */
export function scaleWords(numbers, relative, anchored = []) {
  const detectors = Object.keys(numbers);
  if (!relative && anchored.length === detectors.length) {
    return "the middle of every scale: stranger than 99.9 % of good pixels";
  }
  if (!relative) {
    const others = anchored.length
      ? ` (${anchored.join(", ")}: the middle is stranger than 99.9 % of good pixels)`
      : "";
    return `each detector on its own scale: percentiles 0.5 to 99.8 of all its maps${others}`;
  }
  const names = detectors.filter((name) => !divisor(numbers[name], true));
  const pending = names.filter((name) => !numbers[name]);
  const without = names.filter((name) => numbers[name]);
  const words = ["1 = the F1-optimal threshold of its pixels"];
  if (without.length) words.push(`that of ${without.join(", ")} is undefined without maps and ground truth`);
  if (pending.length) words.push(`that of ${pending.join(", ")} is being computed`);
  return words.join("; ");
}

/**
 * Returns the disagreement that images are ordered by: undefined where there is none, null while it is computed.
 * @param {Now} now
 * @returns {ArrayLike<number> | null | undefined}
 */
export function disagreementOf({ store, category, order }) {
  if (!order.startsWith("disagreement")) return undefined;
  const part = store.peek(partKey("disagreement", category));
  if (!part) return null;
  return order === "disagreement of maps" ? part.maps : part.scores;
}

/** Continues the status line. @param {Now} now */
export function comparedWords(now) {
  const { one, detector, image, order } = now;
  const values = disagreementOf(now);
  const pending = Object.keys(one.detectors).filter((name) => !one.detectors[name] && name !== detector);
  const waits = pending.length ? ` · ${pending.join(", ")} ${pending.length > 1 ? "are" : "is"} being computed` : "";
  if (values === undefined && order.startsWith("disagreement")) return ` · ${order} undefined${waits}`;
  if (values === undefined) return waits;
  if (values === null) return waits || ` · ${order} is being computed`;
  return ` · ${order} ${Number(values[image].toPrecision(3))}${waits}`;
}

/**
 * Returns the width of tiles that fill their room in even rows: 5, then 3 + 2, then 2 + 2 + 1.
 * @param {number} count
 * @param {number} room
 */
export function tileWidth(count, room) {
  const most = Math.max(1, Math.floor((room + SPACE) / (LEAST + SPACE)));
  const rows = Math.ceil(count / most);
  const columns = Math.max(1, Math.ceil(count / rows));
  const width = Math.floor((room - (columns - 1) * SPACE) / columns);
  return Math.min(MOST, width);
}
