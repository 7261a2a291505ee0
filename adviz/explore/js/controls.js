// Controls that are the browser's own: they have a keyboard, a focus ring and a screen reader's words.
// Each is { node, show(value, ...) }: `show` brings it up to date and calls nothing.

import { h, own } from "./dom.js";

/** Numbers of controls: one row of them for all explorers on a page. @type {{ last: number }} */
const ids = (/** @type {any} */ (globalThis)[Symbol.for("adviz.controls")] ??= { last: 0 });

/**
 * @param {string} name
 * @param {string} text
 * @param {HTMLElement} control
 * @param {...Node} after
 */
function labelled(name, text, control, ...after) {
  ids.last += 1;
  control.id = `av-control-${ids.last}`;
  return h(`div.av-control.av-${name}`, {}, h("label", { for: control.id }, text), own(control), ...after);
}

/**
 * A choice of one of several names.
 * @param {string} name of its class, av-NAME
 * @param {string} text its label
 * @param {(value: string) => void} change
 */
export function select(name, text, change) {
  const control = h("select", { onchange: () => change(control.value) });
  const node = labelled(name, text, control);
  let shown = "";
  return {
    node,
    /** @param {string[]} options @param {string} value @param {string[]} [labels] */
    show(options, value, labels = options) {
      const key = JSON.stringify([options, labels]);
      if (key !== shown) {
        const entries = options.map((option, i) => h("option", { value: option }, labels[i]));
        control.replaceChildren(...entries);
      }
      shown = key;
      control.value = value;
      control.disabled = options.length < 2;
    },
  };
}

/**
 * A slider; what it is set to stands behind it.
 * @param {string} name
 * @param {string} text
 * @param {(value: number) => void} change
 * @param {{ min?: number, max?: number, step?: number | "any", say?: (value: number) => string }} [options]
 */
export function slider(name, text, change, options = {}) {
  const { min = 0, max = 1, step = "any", say = String } = options;
  const output = h("output");
  const control = h("input", { type: "range", min, max, step });
  control.addEventListener("input", () => change(Number(control.value)));
  const node = labelled(name, text, control, output);
  return {
    node,
    /** @param {number} value @param {{ min?: number, max?: number }} [limits] */
    show(value, limits = {}) {
      if (limits.min !== undefined) control.min = limits.min;
      if (limits.max !== undefined) control.max = limits.max;
      control.value = value;
      control.disabled = Number(control.min) >= Number(control.max);
      output.textContent = say(value);
      control.setAttribute("aria-valuetext", output.textContent || String(value));
    },
  };
}

/** @param {string} name @param {string} text @param {(checked: boolean) => void} change */
export function checkbox(name, text, change) {
  const control = h("input", { type: "checkbox", onchange: () => change(control.checked) });
  return {
    node: h(`label.av-check.av-${name}`, {}, own(control), text),
    /** @param {boolean} checked @param {boolean} [disabled] */
    show(checked, disabled = false) {
      control.checked = checked;
      control.disabled = disabled;
    },
  };
}

/**
 * @param {string} name
 * @param {string} text what stands on it
 * @param {string} title what it does
 * @param {() => void} click
 * @returns {HTMLButtonElement}
 */
export function button(name, text, title, click) {
  const attributes = { type: "button", title, "aria-label": title, onclick: click };
  return own(h(`button.av-button.av-${name}`, attributes, text));
}

/**
 * One thing after the other: the way back and on, and which it is.
 * @param {string} what is gone through, for screen readers
 * @param {string} ending of the buttons' classes, av-previousENDING and av-nextENDING
 * @param {string} before what the way back does
 * @param {string} after
 * @param {(by: number) => void} go
 */
export function stepper(what, ending, before, after, go) {
  const place = h("output.av-counter");
  const back = button(`previous${ending}`, "◀", before, () => go(-1));
  const on = button(`next${ending}`, "▶", after, () => go(1));
  return {
    node: h("div.av-stepper", { role: "group", "aria-label": what }, back, place, on),
    place,
    /** @param {number} at from 0; -1: none of them @param {number} count */
    show(at, count) {
      place.textContent = `${at < 0 ? "–" : at + 1} of ${count}`;
      back.disabled = count < 1;
      on.disabled = count < 1;
    },
  };
}

/**
 * A line of text.
 * @param {string} name
 * @param {string} text
 * @param {(value: string) => void} change called when it was left or Enter was pressed
 */
export function textField(name, text, change) {
  const control = h("input", { type: "text", onchange: () => change(control.value) });
  return {
    node: labelled(name, text, control),
    /** @param {string} value @param {boolean} [disabled] */
    show(value, disabled = false) {
      if (document.activeElement !== control) control.value = value;
      control.disabled = disabled;
    },
  };
}

/**
 * A choice of one of a few values, each on a button.
 * @template {string | number} Value
 * @param {string} name
 * @param {string} text its label
 * @param {Value[]} values
 * @param {(value: Value) => void} change
 */
export function choice(name, text, values, change) {
  const buttons = values.map((value) => button(name, String(value), `${text}: ${value}`, () => change(value)));
  return {
    node: h("div.av-control", { role: "group", "aria-label": text }, h("span.av-label", {}, text), ...buttons),
    /** @param {Value} value */
    show(value) {
      buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(values[i] === value)));
    },
  };
}
