// What a threshold decides, a threshold to begin with, and the images that filters keep. The Python of it is
// adviz/explore/kit/outcomes.py. Labels: 1 anomalous, 0 good, -1 unlabelled; an image with a score >= the threshold
// is predicted anomalous.

import { clip } from "./format.js";

const ANOMALOUS = 1;
const UNLABELLED = -1;
const UNLABELLED_QUANTILE = 0.95; // of the scores: the first threshold where all images are unlabelled

/** @type {Record<string, import("./types").Kind[]>} */
const KINDS_OF_ERRORS = {
  errors: ["false positive", "false negative"],
  "false positives": ["false positive"],
  "false negatives": ["false negative"],
};

/**
 * @param {number} score
 * @param {number} label
 * @param {number} threshold
 * @returns {import("./types").Kind}
 */
function kindOf(score, label, threshold) {
  const positive = score >= threshold;
  if (label === UNLABELLED) return positive ? "unlabelled, predicted anomalous" : "unlabelled, predicted good";
  if (label === ANOMALOUS) return positive ? "true positive" : "false negative";
  return positive ? "false positive" : "true negative";
}

/** NaN where it is undefined. @param {number} part @param {number} total */
const ratio = (part, total) => (total ? part / total : NaN);

/**
 * Counts the right and wrong predictions of a threshold; unlabelled images are in no ratio.
 * @param {number[]} scores
 * @param {number[]} labels
 * @param {number} threshold
 * @returns {import("./types").Decision}
 */
export function decide(scores, labels, threshold) {
  const kinds = scores.map((score, i) => kindOf(score, labels[i], threshold));
  /** @param {import("./types").Kind} kind */
  const count = (kind) => kinds.filter((one) => one === kind).length;
  const truePositives = count("true positive");
  const trueNegatives = count("true negative");
  const falsePositives = count("false positive");
  const falseNegatives = count("false negative");
  const anomalous = truePositives + falseNegatives;
  const good = trueNegatives + falsePositives;
  const errors = falsePositives + falseNegatives;
  return {
    kinds,
    truePositives,
    trueNegatives,
    falsePositives,
    falseNegatives,
    unlabelledPositives: count("unlabelled, predicted anomalous"),
    unlabelledNegatives: count("unlabelled, predicted good"),
    precision: ratio(truePositives, truePositives + falsePositives),
    recall: ratio(truePositives, anomalous),
    f1: anomalous ? ratio(2 * truePositives, 2 * truePositives + errors) : NaN,
    falsePositiveRate: ratio(falsePositives, good),
    accuracy: ratio(truePositives + trueNegatives, anomalous + good),
  };
}

/**
 * Returns the observed score with the highest F1 as a threshold, of equally good ones the highest.
 * Unlabelled images take no part.
 * @param {number[]} scores
 * @param {number[]} labels
 * @returns {number} NaN without an anomalous image
 */
export function bestThreshold(scores, labels) {
  const order = falling(scores).filter((i) => labels[i] !== UNLABELLED);
  const anomalous = order.filter((i) => labels[i] === ANOMALOUS).length;
  let best = NaN;
  let bestF1 = 0;
  let truePositives = 0;
  for (const [place, i] of order.entries()) {
    if (labels[i] === ANOMALOUS) truePositives += 1;
    const next = order[place + 1];
    if (next !== undefined && scores[next] === scores[i]) continue; // a threshold takes all equal scores
    const f1 = 2 * truePositives / (place + 1 + anomalous);
    if (f1 <= bestF1) continue;
    bestF1 = f1;
    best = scores[i];
  }
  return best;
}

/**
 * Returns a threshold to begin with, and how it was chosen: F1-optimal with anomalous images, just above all images
 * where only good ones are labelled, else the 95th percentile.
 * @param {number[]} scores
 * @param {number[]} labels
 * @returns {{ threshold: number, name: string }}
 */
export function firstThreshold(scores, labels) {
  if (labels.includes(ANOMALOUS)) {
    return { threshold: bestThreshold(scores, labels), name: "F1-optimal" };
  }
  const good = scores.filter((_, i) => labels[i] !== UNLABELLED);
  if (good.length) {
    return { threshold: above(highest(good)), name: "just above every good image" };
  }
  const rising = [...scores].sort((a, b) => a - b);
  const place = Math.ceil((scores.length - 1) * UNLABELLED_QUANTILE);
  return { threshold: rising[place], name: "the highest 5% of the images predicted anomalous" };
}

/** @param {number[]} values */
function highest(values) {
  return values.reduce((most, value) => Math.max(most, value));
}

/**
 * The next larger number, as numpy.nextafter(value, inf): the bits of a float, read as an integer, count up away
 * from 0.
 * @param {number} value
 */
function above(value) {
  if (value === 0) return Number.MIN_VALUE;
  if (!Number.isFinite(value)) return value;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigInt64(0);
  view.setBigInt64(0, value > 0 ? bits + 1n : bits - 1n);
  return view.getFloat64(0);
}

/**
 * Returns the highest threshold with 100 % recall, the lowest score of an anomalous image; null without any.
 * @param {number[]} scores
 * @param {number[]} labels
 * @returns {number | null}
 */
export function fullRecall(scores, labels) {
  const anomalous = scores.filter((_, i) => labels[i] === ANOMALOUS);
  if (!anomalous.length) return null;
  return anomalous.reduce((least, score) => Math.min(least, score));
}

/**
 * Returns the images that are errors, the worst first: false alarms by falling scores, missed ones by rising ones.
 * @param {import("./types").Kind[]} kinds
 * @param {number[]} scores
 * @returns {{ falsePositives: number[], falseNegatives: number[], unlabelled: number[] }} unlabelled ones that are
 *   predicted anomalous: whether they are errors is unknown
 */
export function wrong(kinds, scores) {
  const fall = falling(scores);
  const rise = scores.map((_, i) => i).sort((a, b) => scores[a] - scores[b]);
  return {
    falsePositives: fall.filter((i) => kinds[i] === "false positive"),
    falseNegatives: rise.filter((i) => kinds[i] === "false negative"),
    unlabelled: fall.filter((i) => kinds[i] === "unlabelled, predicted anomalous"),
  };
}

/**
 * Returns the order of falling values; equal ones stay in their order, NaN come last.
 * @param {ArrayLike<number>} values
 * @returns {number[]}
 */
export function falling(values) {
  const order = Array.from(values, (_, i) => i);
  return order.sort((a, b) => {
    const missing = Number(Number.isNaN(values[a])) - Number(Number.isNaN(values[b]));
    return missing || values[b] - values[a] || 0; // NaN beside NaN: equal
  });
}

/**
 * Returns the images that filters keep, in an order.
 * @param {import("./types").CategoryFacts} one
 * @param {import("./types").DetectorFacts | null} found
 * @param {import("./types").Decision | null} decision null: no image is known to be an error, and all are kept
 * @param {{ defect: string, only: string, order: string, disagreement?: ArrayLike<number> | null }} filters
 *   order: "score", "as stored" or "disagreement of ...", by the values that are given
 * @returns {number[]}
 */
export function filtered(one, found, decision, { defect, only, order, disagreement = null }) {
  const wanted = KINDS_OF_ERRORS[only];
  return ordered(one.names.length, order, found, disagreement).filter((i) => {
    const shown = defect === "all" || one.defects[i] === defect;
    const asked = !wanted || !decision || wanted.includes(decision.kinds[i]);
    return shown && asked;
  });
}

/**
 * All images in an order; as stored where what orders them is still to be computed.
 * @param {number} count
 * @param {string} order
 * @param {import("./types").DetectorFacts | null} found
 * @param {ArrayLike<number> | null} disagreement
 */
function ordered(count, order, found, disagreement) {
  if (order === "score" && found) return falling(found.scores);
  if (order.startsWith("disagreement") && disagreement) return falling(disagreement);
  return Array.from({ length: count }, (_, i) => i);
}

/**
 * Returns the image that comes `by` places after one in a list, at most the last; the first where the list lacks it.
 * @param {number[]} list
 * @param {number} image
 * @param {number} by negative: before
 * @returns {number} the same image where the list is empty
 */
export function step(list, image, by) {
  if (!list.length) return image;
  const at = list.indexOf(image);
  const next = at < 0 ? 0 : clip(at + by, 0, list.length - 1);
  return list[next];
}
