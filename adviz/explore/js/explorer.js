// The frame of every explorer: it reads the state, draws once after several changes, and has the controls, the status
// line, the gallery and the chart of scores that all explorers share.

import { decide, filtered, firstThreshold, fullRecall, step } from "./decisions.js";
import { button, select } from "./controls.js";
import { clip, number } from "./format.js";
import { columns } from "./displayed.js";
import { gallery } from "./gallery.js";
import { drawSmall, smallOf } from "./small.js";
import { h, sharp } from "./dom.js";
import { helpPanel } from "./help.js";
import { history } from "./history.js";
import { memo } from "./memo.js";
import { menu } from "./menu.js";
import { openStore, partKey } from "./store.js";
import { strip } from "./strip.js";
import { verdict } from "./verdicts.js";

/** @typedef {import("./types").Model} Model */
/** @typedef {import("./types").Now} Now */
/** @typedef {import("./types").Values} Values */
/**
 * What an explorer's module says of itself.
 * @typedef {object} Spec
 * @property {string} title its question
 * @property {string[]} state names of the traits that it draws from, beside those of all explorers
 * @property {[string, string][]} help a control or key, and what it does
 * @property {string[]} [orders] orders of the images beside "score" and "as stored"
 * @property {"row" | "grid"} [gallery] "grid": `build` gives the gallery a place of its own, beside other things
 * @property {(frame: import("./types").Frame) => import("./types").Parts} build
 */

const SHARED =
  "category detector defect only order image thresholds picked zoom limits opacity fade contour shown_as".split(" ");
const OTHERS = ["facts", "options", "busy", "error", "said"];
const ONLY = ["all", "errors", "false positives", "false negatives"];
const ONLY_LABELS = ["all images", "errors", "false alarms", "missed"];
const TIP = 72; // CSS pixels, of the picture beside the pointer
const AHEAD = 60; // milliseconds of rest after which the neighbours of an image are asked for
/** @type {[string, string][]} */
const HELP = [
  ["[ and ]", "previous and next image of the gallery, in its order and with its filters"],
  ["1 to 9", "another detector"],
  ["click on the image", "pick a patch; arrow keys move the pick, Escape gives it up (the map's peak is shown then)"],
  ["wheel, pinch, + and -", "zoom into the image, to the pixels of its file; 0 or a double click goes back"],
  ["m, held", "hide the map"],
  ["click on a dot, a thumbnail, a bar", "go to what it stands for"],
  ["drag the threshold", "in the chart of scores; arrow keys move it where it has the focus"],
  ["right click, or ⋯", "copy or download what is shown, copy the Python line that restores it"],
  ["Ctrl+Z, or ↶", "undo what was changed here; Ctrl+Shift+Z, or ↷, does it again"],
  ["?", "show or hide this list"],
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

/** Reads what a state means. @param {Model} model */
function reader(model) {
  const decided = memo(decide);
  const listed = memo(listOf);
  const stored = memo(among);
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

/**
 * Shows an explorer.
 * @param {{ model: Model, el: HTMLElement, signal?: AbortSignal }} place
 * @param {Spec} spec
 */
export function explorer({ model, el, signal }, spec) {
  let waiting = false;
  function later() {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      draw();
    });
  }
  const names = [...SHARED, ...spec.state];
  const steps = history();
  const closing = new AbortController(); // of what listens outside of the explorer
  const store = openStore(model, later);
  const look = reader(model);
  const read = () => look(store, root.clientWidth);

  /** @param {Values} values */
  function change(values) {
    store.retry();
    const before = stateOf(model, names);
    for (const [name, value] of Object.entries(settled(read(), values))) model.set(name, value);
    const next = read();
    const filters = "defect" in values || "only" in values;
    if (filters && next.list.length && !next.list.includes(next.image)) {
      model.set("image", next.list[0]);
      model.set("picked", []);
    }
    const changed = names.filter((name) => model.get(name) !== before[name]);
    steps.record(someOf(before, changed), stateOf(model, changed), performance.now());
    draw(); // before the kernel is told: what has to be asked for goes first
    model.save_changes();
  }

  /** @param {Values | null} values of a step back or forward */
  function restore(values) {
    if (!values) return;
    store.retry();
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    draw();
    model.save_changes();
  }

  const status = h("div.av-status", { role: "status", "aria-live": "polite" });
  const progress = h("span.av-progress");
  const stop = button("stop", "stop", "stop this work", () => store.stop());
  const busy = h("div.av-busy", { hidden: true }, progress, stop);
  const choosing = controls(change, spec.orders ?? []);
  const scores = strip(change, (image) => tip(read(), image));
  const images = gallery(change);
  const parts = spec.build({ model, store, change, gallery: images.node });
  const panel = helpPanel(spec.title, [...spec.help, ...HELP]);
  const tools = menu({
    state: () => stateOf(model, names),
    table: () => parts.table?.(read()) ?? scoreTable(read()),
    name: () => read().one.names[read().image],
    root: () => root,
  });
  const undo = button("undo", "↶", "undo (Ctrl+Z)", () => restore(steps.back()));
  const redo = button("redo", "↷", "redo (Ctrl+Shift+Z)", () => restore(steps.forward()));
  const help = button("help", "?", "what every control and key does", () => panel.toggle());
  const below = h("section.av-scores", {}, spec.gallery === "grid" ? null : images.node);
  (parts.strip?.place ?? below).append(scores.node);
  const root = h(
    "div.av-explorer",
    { tabindex: -1, role: "group", "aria-label": spec.title },
    h("div.av-controls", {}, ...choosing.nodes, h("span.av-tools", {}, undo, redo, help, tools.button)),
    h("div.av-line", {}, status, busy),
    panel.node,
    parts.node,
    below,
    tools.node,
  );
  el.append(root);

  addEventListener("keydown", (event) => keepKey(root, event), { capture: true, signal: closing.signal });
  root.addEventListener("keydown", onKey, true);
  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("select, textarea, input[type=text]")) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      restore(event.shiftKey ? steps.forward() : steps.back());
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const by = { "[": -1, "]": 1 }[event.key];
    const now = read();
    const detector = Object.keys(now.one.detectors)[Number(event.key) - 1];
    if (by) change({ image: step(now.list, now.image, by) });
    else if (event.key === "?") panel.toggle();
    else if (event.key === "Escape" && panel.close()) help.focus();
    else if (event.key >= "1" && event.key <= "9" && detector) change({ detector });
    else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take the key for itself
  }

  /** @type {ReturnType<typeof setTimeout> | null} */
  let rest = null;
  let drawings = 0;
  function draw() {
    try {
      const now = read();
      root.style.setProperty("--left", `${columns(now.width).left}px`);
      choosing.show(now);
      drawShared(now);
      if (now.found) parts.draw(now); // else the former picture stays
      say(model.get("error") || silence(), words(now) + (parts.words?.(now) ?? ""));
      if (!store.busy && !rest) rest = setTimeout(lookAhead, AHEAD);
    } catch (error) {
      const problem = `Error: ${/** @type {Error} */ (error).message}`;
      if (status.textContent !== problem) console.error(error);
      say(problem, "");
    }
    undo.disabled = !steps.canGoBack;
    redo.disabled = !steps.canGoForward;
    const work = store.cut ? "" : model.get("busy");
    busy.hidden = !work;
    progress.textContent = work;
    store.ask();
    drawings += 1;
    root.dataset.drawn = String(drawings);
  }

  function silence() {
    if (store.cut) return "The kernel was restarted or shut down: run this cell again.";
    if (!store.silent || model.get("busy")) return "";
    return "The kernel does not answer: it runs another cell, or was restarted (then run this cell again).";
  }

  /** @param {string} problem @param {string} text */
  function say(problem, text) {
    status.classList.toggle("av-error", Boolean(problem));
    status.textContent = problem || text;
    status.title = status.textContent;
  }

  function lookAhead() {
    rest = null;
    if (store.busy || !root.isConnected) return;
    try {
      parts.ahead?.(read());
    } catch {
      // what is wrong with another image is said when it is displayed
    }
    store.ask();
  }

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
      width: spec.gallery === "grid" ? columns(now.width).right : now.width,
      shape: spec.gallery ?? "row",
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
      filter: now.defect,
      width: parts.strip?.width(now) ?? now.width,
    });
  }

  const events = [...names, ...OTHERS].map((name) => `change:${name}`);
  for (const event of events) model.on(event, later);
  const watch = new ResizeObserver(later);
  watch.observe(root);
  draw();

  function close() {
    closing.abort();
    watch.disconnect();
    for (const event of events) model.off(event, later);
    if (rest) clearTimeout(rest);
    store.close();
  }
  signal?.addEventListener("abort", close);
  return signal ? undefined : close;
}

/**
 * Keeps keys of an explorer away from the page's shortcuts. Notebook 7 listens on the document before any element
 * does, and would take the arrows, M or Z for its cells. Its shortcuts are off where the focused element says so, which
 * JupyterLab reads, too. Others with Ctrl, such as save, are the page's.
 * @param {HTMLElement} root
 * @param {KeyboardEvent} event
 */
function keepKey(root, event) {
  const target = event.target;
  if (!(target instanceof Element) || !root.contains(target)) return;
  const held = event.ctrlKey || event.metaKey;
  const own = !held || event.key.toLowerCase() === "z";
  target.toggleAttribute("data-lm-suppress-shortcuts", own);
}

/** Some traits of a model. @param {Model} model @param {string[]} names @returns {Values} */
const stateOf = (model, names) => Object.fromEntries(names.map((name) => [name, model.get(name)]));

/** Some entries. @param {Values} values @param {string[]} names @returns {Values} */
const someOf = (values, names) => Object.fromEntries(names.map((name) => [name, values[name]]));

/**
 * Returns the traits that what a person did sets: `threshold` and `limits` belong to the current detector, and another
 * image has another pick.
 * @param {Now} now
 * @param {Values} values
 * @returns {Values}
 */
function settled(now, values) {
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

/** The pointer's text at an image. @param {Now} now @param {number} image */
export function tip(now, image) {
  const { one, found, decision } = now;
  const canvas = h("canvas");
  const context = sharp(canvas, TIP, TIP);
  const small = smallOf(now, "test", image);
  now.store.ask();
  if (small) drawSmall(context, small, TIP);
  const score = found ? `score ${number(found.scores[image])}` : "";
  const lines = [one.names[image], score, verdict(decision?.kinds[image])];
  const text = lines.filter(Boolean).map((line) => h("div", {}, line));
  return [canvas, h("div", {}, h("b", {}, `image ${image + 1}`), ...text)];
}

/** @param {Now} now */
function titleOf({ list, one, order, defect, only }) {
  const kind = ONLY_LABELS[ONLY.indexOf(only)];
  const what = defect === "all" ? kind : `${defect}, ${kind}`;
  const sorted = order === "score" ? "the highest score first" : order;
  return `${list.length} of ${one.names.length} · ${what} · ${sorted}`;
}

/** The status line: what is displayed and what is thought of it. @param {Now} now */
function words({ category, detector, one, found, image, threshold, decision }) {
  const label = one.labels[image];
  const known = label === 1 ? `anomalous: ${one.defects[image]}` : label === 0 ? "good" : "unlabelled";
  const list = [category, detector, `image ${image + 1} of ${one.names.length}`, known];
  if (!found) return [...list, "the prediction is being computed"].join(" · ");
  if (!decision || threshold === null) return [...list, `score ${number(found.scores[image])}`].join(" · ");
  const kind = decision.kinds[image];
  const flagged = found.scores[image] >= threshold ? "predicted anomalous" : "predicted good";
  const wrong = { "false positive": ": a false alarm", "false negative": ": missed" };
  const remark = wrong[/** @type {keyof typeof wrong} */ (kind)] ?? "";
  list.push(`score ${number(found.scores[image])}, ${flagged} at ${number(threshold)}${remark}`);
  return list.join(" · ");
}

/** Every image's score as a table. @param {Now} now */
function scoreTable({ one, found, decision, list }) {
  const head = ["image", "name", "defect", "label", "score", "outcome"];
  const rows = list.map((image) => [
    image,
    one.names[image],
    one.defects[image],
    one.labels[image],
    found ? found.scores[image] : "",
    decision ? decision.kinds[image] : "",
  ]);
  return { head, rows };
}

/**
 * Category, detector, filters, order, and the images one after the other.
 * @param {import("./types").Change} change
 * @param {string[]} orders
 */
function controls(change, orders) {
  /** @type {Now} */
  let now;
  const category = select("category", "category", (value) => change({ category: value }));
  const detector = select("detector", "detector", (value) => change({ detector: value }));
  const defect = select("defect", "defect", (value) => change({ defect: value }));
  const only = select("only", "show", (value) => change({ only: value }));
  const order = select("order", "order", (value) => change({ order: value }));
  const count = h("output.av-counter");
  const go = (/** @type {number} */ by) => change({ image: step(now.list, now.image, by) });
  const stepper = h(
    "div.av-stepper",
    { role: "group", "aria-label": "image" },
    button("previous", "◀", "previous image ([)", () => go(-1)),
    count,
    button("next", "▶", "next image (])", () => go(1)),
  );
  return {
    nodes: [category.node, detector.node, defect.node, only.node, order.node, stepper],
    /** @param {Now} next */
    show(next) {
      now = next;
      const names = Object.keys(now.facts.categories);
      category.show(names, now.category);
      category.node.hidden = names.length < 2;
      detector.show(Object.keys(now.one.detectors), now.detector);
      defect.show(["all", ...new Set(now.one.defects)], now.defect);
      only.show(ONLY, now.only, ONLY_LABELS);
      order.show(["score", "as stored", ...orders], now.order);
      const alone = now.one.names.length < 2;
      for (const node of [defect.node, only.node, order.node, stepper]) node.hidden = alone;
      const place = now.list.indexOf(now.image);
      count.textContent = `${place < 0 ? "–" : place + 1} of ${now.list.length}`;
    },
  };
}
