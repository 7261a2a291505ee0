// The frame of every explorer: it draws once after several changes, and has the status line, undo, help, keys and menu
// that all explorers share.

import { button } from "./controls.js";
import { h } from "./dom.js";
import { helpPanel } from "./help.js";
import { history } from "./history.js";
import { someOf, stateOf } from "./state.js";
import { menu } from "./menu.js";
import { openStore } from "./store.js";

/** @typedef {import("./types").Model} Model */
/** @typedef {import("./types").Values} Values */
/** @typedef {{ model: Model, el: HTMLElement, signal?: AbortSignal }} Place */
/**
 * What an explorer's module says of itself.
 * @template Now
 * @typedef {object} Spec
 * @property {string} title its question
 * @property {string[]} state names of the traits that it draws from, and that undo brings back
 * @property {import("./types").HelpEntry[]} help
 * @property {(frame: import("./types").Frame) => Parts<Now>} build
 */
/**
 * What it hands to the frame. `Now` is what the state means, in the explorer's own terms.
 * @template Now
 * @typedef {object} Parts
 * @property {Node[]} controls the first line
 * @property {Node[]} nodes everything below the status line
 * @property {(width: number) => Now} read what the state means, in an explorer of `width` CSS pixels
 * @property {(now: Now) => void} draw
 * @property {(now: Now) => string} words the status line
 * @property {(now: Now) => { head: string[], rows: (string | number)[][] }} table for the menu's CSV
 * @property {(now: Now) => string} name of what is displayed, for names of files
 * @property {(now: Now, values: Values) => Values} [settle] the traits that what a person did sets
 * @property {(now: Now, values: Values) => Values | null} [follow] what follows from what was set
 * @property {(now: Now, event: KeyboardEvent) => boolean} [press] whether a key means something
 * @property {(now: Now) => void} [ahead] asks for what is likely wanted next
 */

const OTHERS = ["facts", "options", "busy", "error", "said"];
const AHEAD = 60; // milliseconds of rest after which the neighbours of an image are asked for
/** @type {import("./types").HelpEntry[]} */
const HELP = [
  ["right click, or ⋯", "copy or download what is shown, copy the Python line that restores it"],
  ["Ctrl+Z, or ↶", "undo what was changed here; Ctrl+Shift+Z, or ↷, does it again"],
  ["?", "show or hide this list"],
];

/**
 * Shows an explorer.
 * @template Now
 * @param {Place} place
 * @param {Spec<Now>} spec
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
  const names = spec.state;
  const steps = history();
  const closing = new AbortController(); // of what listens outside of the explorer
  const store = openStore(model, later);
  const parts = spec.build({ model, store, change });
  const read = () => parts.read(root.clientWidth);

  /** @param {Values} values */
  function put(values) {
    for (const [name, value] of Object.entries(values)) model.set(name, value);
  }

  /** @param {Values} values */
  function change(values) {
    store.retry();
    const before = stateOf(model, names);
    put(parts.settle ? parts.settle(read(), values) : values);
    put(parts.follow?.(read(), values) ?? {});
    const changed = names.filter((name) => model.get(name) !== before[name]);
    steps.record(someOf(before, changed), stateOf(model, changed), performance.now());
    draw(); // before the kernel is told: what has to be asked for goes first
    model.save_changes();
  }

  /** @param {Values | null} values of a step back or forward */
  function restore(values) {
    if (!values) return;
    store.retry();
    put(values);
    draw();
    model.save_changes();
  }

  const status = h("div.av-status", { role: "status", "aria-live": "polite" });
  const progress = h("span.av-progress");
  const stop = button("stop", "stop", "stop this work", () => store.stop());
  const busy = h("div.av-busy", { hidden: true }, progress, stop);
  const panel = helpPanel(spec.title, [...spec.help, ...HELP]);
  const tools = menu({
    state: () => stateOf(model, names),
    table: () => parts.table(read()),
    name: () => parts.name(read()),
    root: () => root,
  });
  const undo = button("undo", "↶", "undo (Ctrl+Z)", () => restore(steps.back()));
  const redo = button("redo", "↷", "redo (Ctrl+Shift+Z)", () => restore(steps.forward()));
  const help = button("help", "?", "what every control and key does", () => panel.toggle());
  const root = h(
    "div.av-explorer",
    { tabindex: -1, role: "group", "aria-label": spec.title },
    h("div.av-controls", {}, ...parts.controls, h("span.av-tools", {}, undo, redo, help, tools.button)),
    h("div.av-line", {}, status, busy),
    panel.node,
    ...parts.nodes,
    tools.node,
  );
  el.append(root);

  addEventListener("keydown", (event) => keepKey(root, event), { capture: true, signal: closing.signal });
  root.addEventListener("keydown", onKey, true);
  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("select, textarea, input[type=text]")) return;
    const held = event.ctrlKey || event.metaKey;
    if (held && event.key.toLowerCase() === "z") restore(event.shiftKey ? steps.forward() : steps.back());
    else if (held || event.altKey) return;
    else if (event.key === "?") panel.toggle();
    else if (event.key === "Escape" && panel.close()) help.focus();
    else if (!parts.press?.(read(), event)) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would take the key for itself
  }

  /** @type {ReturnType<typeof setTimeout> | null} */
  let rest = null;
  let drawings = 0;
  function draw() {
    try {
      const now = read();
      parts.draw(now);
      panel.draw(now);
      say(model.get("error") || silence(), parts.words(now));
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
