// What became of an image, in words and as the class of its colour.

/** @type {Record<import("./types").Kind, string>} */
const WORDS = {
  "true positive": "found",
  "true negative": "passed",
  "false positive": "false alarm",
  "false negative": "missed",
  "unlabelled, predicted anomalous": "predicted anomalous",
  "unlabelled, predicted good": "predicted good",
};

/**
 * Says what became of an image; "" where nothing is decided.
 * @param {import("./types").Kind | undefined} kind
 */
export const verdict = (kind) => (kind ? WORDS[kind] : "");

/** Whether a decision is known to be wrong. @param {import("./types").Kind | undefined} kind */
export const isError = (kind) => kind === "false positive" || kind === "false negative";

/**
 * @typedef {"good" | "anomalous" | "unlabelled"} Tone what is known of an image: its colour and
 *   shape
 */

/**
 * Returns what is known of an image.
 * @param {string} defect
 * @param {import("./types").Kind} [kind]
 * @returns {Tone}
 */
export function toneOf(defect, kind) {
  if (kind) {
    if (kind.startsWith("unlabelled")) return "unlabelled";
    return kind === "true negative" || kind === "false positive" ? "good" : "anomalous";
  }
  return defect === "good" || defect === "unlabelled" ? defect : "anomalous";
}

/**
 * Returns a line that says all of an image: "broken/001 · broken · score 167.8 · missed".
 * @param {string} name
 * @param {string} defect
 * @param {string} score as printed; "" where there is none
 * @param {import("./types").Kind} [kind]
 * @returns {string}
 */
export function sentence(name, defect, score, kind) {
  const parts = [name, defect, score && `score ${score}`, verdict(kind)];
  return parts.filter(Boolean).join(" · ");
}
