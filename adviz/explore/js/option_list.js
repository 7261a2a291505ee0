// A list of named options: which are flipped, and in which order. Rows are dragged, or moved by their buttons.

import { h, own } from "./dom.js";
import { lazily } from "./memo.js";

/** @typedef {{ options: { name: string, text: string }[], flipped: string[] }} Given in their order */

/**
 * Returns names with one of them at another place; it stays between the ends.
 * @param {string[]} names
 * @param {string} name
 * @param {number} place
 */
export function moved(names, name, place) {
  const others = names.filter((one) => one !== name);
  const at = Math.min(Math.max(place, 0), others.length);
  return [...others.slice(0, at), name, ...others.slice(at)];
}

/**
 * @param {(order: string[]) => void} reorder
 * @param {(flipped: string[]) => void} flip
 * @returns {import("./types").Component<Given>}
 */
export function optionList(reorder, flip) {
  const list = h("ol.av-option-list");
  const node = own(h("section.av-options", {}, h("h2", {}, "What is flipped, in this order"), list));
  /** @type {string[]} */
  let names = [];
  /** @type {string[]} */
  let flipped = [];
  let dragged = "";

  /** @param {string} name @param {string} text @param {number} place */
  function rowOf(name, text, place) {
    const check = h("input", { type: "checkbox" });
    check.checked = flipped.includes(name);
    check.addEventListener("change", () => {
      flip(names.filter((one) => (one === name ? check.checked : flipped.includes(one))));
    });
    /** @param {string} sign @param {string} way @param {number} by */
    const mover = (sign, way, by) => {
      const title = `flip ${name} one position ${way}`;
      const off = place + by < 0 || place + by >= names.length;
      const attributes = { type: "button", title, "aria-label": title, "data-by": by, disabled: off };
      const one = h(`button.av-button.av-${by < 0 ? "up" : "down"}`, attributes, sign);
      one.addEventListener("click", () => {
        reorder(moved(names, name, place + by));
        const row = [...list.children].find((other) => other.dataset.name === name);
        const next = row?.querySelector(`button[data-by="${by}"]:enabled`) ?? row?.querySelector("button:enabled");
        next?.focus();
      });
      return one;
    };
    const grip = h("span.av-drag", { "aria-hidden": "true" }, "⠿");
    const label = h("label.av-check", { title: text }, check, h("span", {}, text));
    const ways = [mover("▲", "earlier", -1), mover("▼", "later", 1)];
    return h("li", { "data-name": name, draggable: "true" }, grip, label, ...ways);
  }

  const rowAt = (/** @type {Event} */ event) => /** @type {HTMLElement | null} */ (
    /** @type {Element} */ (event.target).closest("li")
  );
  list.addEventListener("dragstart", (/** @type {DragEvent} */ event) => {
    dragged = rowAt(event)?.dataset.name ?? "";
    if (event.dataTransfer) event.dataTransfer.effectAllowed = "move";
    event.dataTransfer?.setData("text/plain", dragged); // Firefox drags nothing else
  });
  list.addEventListener("dragover", (/** @type {DragEvent} */ event) => {
    if (!dragged) return;
    event.preventDefault();
    const over = rowAt(event)?.dataset.name;
    for (const row of list.children) row.classList.toggle("av-over", row.dataset.name === over && over !== dragged);
  });
  list.addEventListener("drop", (/** @type {DragEvent} */ event) => {
    const over = rowAt(event)?.dataset.name;
    if (!dragged || !over) return;
    event.preventDefault();
    if (over !== dragged) reorder(moved(names, dragged, names.indexOf(over)));
  });
  list.addEventListener("dragend", () => {
    dragged = "";
    for (const row of list.children) row.classList.remove("av-over");
  });

  return {
    node,
    draw: lazily((/** @type {Given} */ { options, flipped: chosen }) => {
      names = options.map(({ name }) => name);
      flipped = chosen;
      const focused = /** @type {HTMLElement | null} */ (document.activeElement?.closest(".av-option-list li"));
      const ticked = list.contains(focused) && document.activeElement instanceof HTMLInputElement;
      const held = ticked && focused?.dataset.name;
      list.replaceChildren(...options.map(({ name, text }, i) => rowOf(name, text, i)));
      if (!held) return;
      const row = [...list.children].find((one) => one.dataset.name === held);
      row?.querySelector("input")?.focus();
    }),
  };
}
