// What a state means: the displayed image, its decision, and the images that are gone through; and what follows for
// other traits from what a person did.

import { clip } from "./format.js";
import { decide, filtered, firstThreshold, fullRecall } from "./decisions.js";
import { memo } from "./memo.js";
import { partKey } from "./store.js";

/** @typedef {import("./types").Model} Model */
/** @typedef {import("./types").Now} Now */
/** @typedef {import("./types").Values} Values */

/** The traits of all explorers. */
export const SHARED =
  "category detector defect only order image thresholds picked zoom limits opacity fade contour shown_as".split(" ");

/** Reads what a state means. @param {Model} model */
export function reader(model) {
  const decided = memo(decide);
  const listed = memo(listOf);
  const stored = memo(among);
  const looked = memo(lookedAt);
  const pooledStart = memo(startOfAll);
  return (/** @type {import("./types").Store} */ store, /** @type {number} */ width) => {
    const facts = model.get("facts");
    const names = Object.keys(facts.categories);
    const category = names.includes(model.get("category")) ? model.get("category") : names[0];
    const one = facts.categories[category];
    const detectors = Object.keys(one.detectors);
    const chosen = model.get("detector");
    const detector = detectors.includes(chosen) ? chosen : detectors[0];
    const found = one.detectors[detector];
    const key = `${category}/${detector}`;
    const pooled = Boolean(model.get("pooled"));
    const start = pooled ? pooledStart(facts, detector) : found && startOf(found);
    const threshold = found && (model.get("thresholds")[pooled ? `*/${detector}` : key] ?? start.threshold);
    const decision = found && threshold !== null && decided(found.scores, one.labels, threshold);
    const disagreement = disagreementOf(store, category, one, model.get("order"));
    /** @type {Now} */
    const now = {
      facts,
      options: model.get("options") ?? {},
      category,
      one,
      detector,
      found,
      key,
      image: clip(model.get("image"), 0, one.names.length - 1),
      threshold,
      marks: start ? start.marks : {},
      decision: decision || null,
      defect: model.get("defect"),
      only: model.get("only"),
      order: model.get("order"),
      list: [],
      within: looked(one.defects, model.get("defect"), model.get("options")?.images ?? null),
      width,
      store,
      get: (name) => model.get(name),
    };
    const list = listed(one, found, now.decision, now.defect, now.only, now.order, disagreement);
    now.list = stored(list, now.options.images ?? null);
    return now;
  };
}

/**
 * Those of a list that an exported page holds; null: all.
 * @param {number[]} list
 * @param {number[] | null} some
 */
const among = (list, some) => (some ? list.filter((image) => some.includes(image)) : list);

/**
 * Whether each image has a defect, and is in the page.
 * @param {string[]} defects
 * @param {string} defect "all": any
 * @param {number[] | null} some that an exported page holds; null: all
 */
function lookedAt(defects, defect, some) {
  const there = some && new Set(some);
  return defects.map((one, image) => (defect === "all" || one === defect) && (!there || there.has(image)));
}

/** The threshold to begin with, and those worth knowing. @param {import("./types").DetectorFacts} found */
function startOf(found) {
  /** @type {Record<string, number>} */
  const marks = {};
  if (found.threshold !== null) marks[found.thresholdName] = found.threshold;
  if (found.fullRecall !== null) marks["100% recall"] = found.fullRecall;
  return { threshold: found.threshold, marks };
}

/** The same for one threshold of all categories. @param {import("./types").Facts} facts @param {string} detector */
function startOfAll(facts, detector) {
  /** @type {number[]} */
  const scores = [];
  /** @type {number[]} */
  const labels = [];
  for (const one of Object.values(facts.categories)) {
    const found = one.detectors[detector];
    if (!found) continue;
    scores.push(...found.scores);
    labels.push(...one.labels);
  }
  const first = firstThreshold(scores, labels);
  const every = fullRecall(scores, labels);
  /** @type {Record<string, number>} */
  const marks = { [first.name]: first.threshold };
  if (every !== null) marks["100% recall"] = every;
  return { threshold: first.threshold, marks };
}

/**
 * @param {import("./types").CategoryFacts} one
 * @param {import("./types").DetectorFacts | null} found
 * @param {import("./types").Decision | null} decision
 * @param {string} defect
 * @param {string} only
 * @param {string} order
 * @param {ArrayLike<number> | null} disagreement
 */
function listOf(one, found, decision, defect, only, order, disagreement) {
  return filtered(one, found, decision, { defect, only, order, disagreement });
}

/**
 * Reads how far detectors disagree: null while it, or one of their predictions, is being computed.
 * @param {import("./types").Store} store
 * @param {string} category
 * @param {import("./types").CategoryFacts} one
 * @param {string} order
 */
function disagreementOf(store, category, one, order) {
  const all = Object.values(one.detectors).every(Boolean);
  if (!all || !order.startsWith("disagreement")) return null;
  const part = store.get(partKey("disagreement", category));
  if (!part) return null;
  return (order === "disagreement of maps" ? part.maps : part.scores) ?? null;
}

/** Some traits of a model. @param {Model} model @param {string[]} names @returns {Values} */
export const stateOf = (model, names) => Object.fromEntries(names.map((name) => [name, model.get(name)]));

/** Some entries. @param {Values} values @param {string[]} names @returns {Values} */
export const someOf = (values, names) => Object.fromEntries(names.map((name) => [name, values[name]]));

/**
 * Returns the traits that what a person did sets: `threshold` and `limits` belong to the current detector, and another
 * image has another pick. `state` is a whole one, as a story's.
 * @param {Now} now
 * @param {Values} values
 * @returns {Values}
 */
export function settled(now, values) {
  if ("state" in values) return values.state;
  const { threshold, limits, ...others } = values;
  /** @type {Values} */
  const set = { ...others };
  if ("threshold" in values) {
    const key = now.get("pooled") ? `*/${now.detector}` : now.key;
    set.thresholds = withEntry(now.get("thresholds"), key, threshold);
  }
  if ("limits" in values) set.limits = withEntry(now.get("limits"), now.key, limits);
  const moved = "image" in values || "category" in values;
  if (moved && !("picked" in values) && now.get("picked").length) set.picked = [];
  if ("category" in values && values.category !== now.category) {
    set.image ??= 0;
    set.defect ??= "all";
    set.zoom = [];
  }
  return set;
}

/**
 * Returns a copy of a dictionary with an entry, or without it where the value is null.
 * @param {Record<string, any>} entries
 * @param {string} key
 * @param {any} value
 */
function withEntry(entries, key, value) {
  const copy = { ...entries };
  if (value === null) delete copy[key];
  else copy[key] = value;
  return copy;
}
