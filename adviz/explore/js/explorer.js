// The frame of every explorer: it reads the state, draws once after several changes, and has the controls, the status
// line, the gallery and the chart of scores that all explorers share.

import { button } from "./controls.js";
import { columns } from "./displayed.js";
import { controls } from "./bar.js";
import { gallery } from "./gallery.js";
import { h } from "./dom.js";
import { helpPanel } from "./help.js";
import { history } from "./history.js";
import { SHARED, reader, settled, someOf, stateOf } from "./state.js";
import { menu } from "./menu.js";
import { openStore } from "./store.js";
import { scoreTable, tip, titleOf, words } from "./words.js";
import { smallOf } from "./small.js";
import { step } from "./decisions.js";
import { strip } from "./strip.js";

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

const OTHERS = ["facts", "options", "busy", "error", "said"];
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
      within: now.within,
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
