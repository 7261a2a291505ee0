// Galleries of the errors of all categories: false alarms, missed images, and unlabelled ones that are predicted
// anomalous. A click goes to an image, also to one of another category.

import { KINDS, markOf } from "./sharing.js";
import { stepper } from "./controls.js";
import { clip, number } from "./format.js";
import { gallery } from "./gallery.js";
import { h } from "./dom.js";
import { partKey } from "./store.js";
import { placed, smallOf } from "./small.js";

/** @typedef {import("./sharing").ErrorEntry} ErrorEntry */
/** @typedef {import("./types").Now} Now */

/** @type {Record<import("./sharing").ErrorKind, string>} */
const TITLES = {
  "false positive": "False alarms: good images predicted anomalous",
  "false negative": "Missed: anomalous images predicted good",
  unlabelled: "Unlabelled images predicted anomalous: whether these are errors is unknown",
};
const GAP = 24; // CSS pixels between galleries
const LEAST = 240; // of a gallery that has others beside it

/**
 * Returns what is thought to be the kind of an error: a person's tag, else what is suggested, with a question mark.
 * @param {Now} now
 * @param {ErrorEntry} error
 * @returns {string} "" where nothing is known, or not yet
 */
export function wordsOf({ store, detector, get }, { kind, category, image }) {
  const [tag] = markOf(get("marks"), category, detector, image);
  if (tag || kind !== "false negative") return tag;
  const part = store.peek(partKey("guess", category, detector, image));
  const names = (part?.tags ?? []).map((/** @type {[string, string]} */ one) => one[0]);
  return names.length ? `${names.join(" or ")}?` : "";
}

/** The error that is displayed, or -1. @param {Now} now @param {ErrorEntry[]} errors */
export function displayedError({ category, image }, errors) {
  return errors.findIndex((error) => error.category === category && error.image === image);
}

/**
 * Asks for what is suggested for a missed image that nobody tagged.
 * @param {Now} now
 * @param {ErrorEntry} error
 */
function askForGuess({ store, detector, get }, { kind, category, image }) {
  const [tag] = markOf(get("marks"), category, detector, image);
  if (kind === "false negative" && !tag) store.get(partKey("guess", category, detector, image));
}

/** A small picture with the map over it, or without where there is none. @param {Now} now @param {ErrorEntry} error */
function overlayOf(now, { category, image }) {
  const { facts, detector, store } = now;
  const one = facts.categories[category];
  if (!one.detectors[detector]?.limits) return smallOf({ ...now, category, one }, "test", image);
  const sheet = store.get(partKey("maps", category, detector, Math.floor(image / facts.page)));
  return sheet && placed(facts, sheet.image, one.size, image);
}

/**
 * @param {(error: ErrorEntry) => void} go
 * @param {import("./types").Change} change
 */
export function mistakes(go, change) {
  /** @type {Now} */
  let now;
  /** @type {ErrorEntry[]} */
  let errors = [];
  const title = h("h2");
  const stepTo = (/** @type {number} */ by) => {
    const at = displayedError(now, errors);
    go(errors[at < 0 ? 0 : clip(at + by, 0, errors.length - 1)]);
  };
  const [before, after] = ["previous", "next"].map((way) => `${way} error, of any category`);
  const steps = stepper("error", "-error", before, after, stepTo);
  const galleries = KINDS.map((kind) => {
    const one = gallery((values) => ("image" in values ? go(errors[values.image]) : change(values)));
    one.node.classList.add(`av-of-${kind.replace(" ", "-")}`);
    return { kind, ...one };
  });
  const small = (/** @type {number} */ i) => {
    askForGuess(now, errors[i]);
    return overlayOf(now, errors[i]);
  };
  const node = h(
    "section.av-errors",
    { "aria-label": "errors" },
    h("div.av-errors-head", {}, title, steps.node),
    h("div.av-errors-galleries", {}, ...galleries.map((one) => one.node)),
  );

  return {
    node,
    /** @param {Now} given @param {ErrorEntry[]} list @param {number} width */
    draw(given, list, width) {
      now = given;
      errors = list;
      const several = Object.keys(now.facts.categories).length > 1;
      const at = displayedError(now, errors);
      title.textContent = several ? "Errors of all categories, the worst first" : "Errors, the worst first";
      steps.show(at, errors.length);
      const places = errors.map((_, i) => i);
      const scored = errors.map(({ score }, i) => `${i + 1} · ${number(score)}`);
      const words = errors.map((error) => wordsOf(now, error));
      const shown = galleries.filter(({ kind }) => kind !== "unlabelled" || errors.some((one) => one.kind === kind));
      const beside = width >= 2 * LEAST + GAP ? 2 : 1; // a third one has a line of its own
      node.style.setProperty("--beside", String(beside));
      for (const one of galleries) {
        one.node.hidden = !shown.includes(one);
        if (one.node.hidden) continue;
        const mine = places.filter((i) => errors[i].kind === one.kind);
        one.draw({
          title: `${TITLES[one.kind]} (${mine.length})`,
          list: mine,
          image: at,
          scores: null,
          kinds: null,
          names: scored,
          defects: errors.map((error) => whatOf(error, several)),
          notes: Object.fromEntries(mine.filter((i) => words[i]).map((i) => [i, words[i]])),
          small,
          empty: "none at this threshold",
          width: Math.floor((width - (beside - 1) * GAP) / beside),
          shape: "grid",
        });
      }
    },
  };
}

/**
 * Defect and category; the galleries' titles say which images are good.
 * @param {ErrorEntry} error
 * @param {boolean} several
 */
function whatOf({ kind, category, defect }, several) {
  if (!several) return defect;
  return kind === "false negative" ? `${defect} · ${category}` : category;
}
