// A range on a scale of colours: two handles, each the browser's own slider.

import { GRADIENT, MAP } from "./colours.js";
import { h, own } from "./dom.js";
import { clip, number } from "./format.js";

/** @param {number} step of the 256 colours */
const colour = (step) => `rgb(${MAP.slice(3 * step, 3 * step + 3).join(" ")})`;

/**
 * Two handles on a bar that shows the colour of every value.
 * @param {string} name of its class, av-NAME
 * @param {string} text what it is the range of
 * @param {(ends: import("./types").Range) => void} change
 */
export function range(name, text, change) {
  const controls = ["lower", "upper"].map((which) => {
    const label = `${text}, ${which} end`;
    return h("input", { type: "range", step: "any", "aria-label": label, title: label });
  });
  const track = h("i.av-range-track");
  const node = h(`div.av-range.av-${name}`, { role: "group", "aria-label": text }, track);
  node.append(...controls.map(own));
  track.style.setProperty("--first", colour(0));
  track.style.setProperty("--last", colour(255));
  track.style.setProperty("--gradient", GRADIENT);
  controls.forEach((control, i) => {
    control.addEventListener("input", () => {
      const values = controls.map((one) => Number(one.value));
      const crossed = values[0] > values[1];
      if (crossed) values[i] = values[1 - i];
      if (crossed) control.value = values[i];
      change(/** @type {import("./types").Range} */ (values));
    });
  });
  return {
    node,
    /** @param {import("./types").Range} values @param {import("./types").Range} ends of the bar */
    show([low, high], [least, most]) {
      const span = most - least;
      controls.forEach((control, i) => {
        control.min = least;
        control.max = most;
        control.value = i ? high : low;
        control.disabled = !(span > 0);
        control.setAttribute("aria-valuetext", number(i ? high : low, span / 10));
      });
      /** @param {number} value */
      const at = (value) => clip((value - least) / (span || 1), 0, 1);
      node.style.setProperty("--low", String(at(low)));
      node.style.setProperty("--high", String(at(high)));
      node.classList.toggle("av-range-full", at(low) > 0.5);
    },
  };
}

/**
 * The scale of a map's colours below it: what its ends stand for, and a way back.
 * @param {import("./types").Change} change called with { limits }
 */
export function colourScale(change) {
  const bar = range("limits", "colour scale", (limits) => change({ limits }));
  const low = h("span.av-scale-low");
  const high = h("span.av-scale-high");
  const reset = own(h("button.av-button.av-scale-reset", {
    type: "button",
    title: "back to the scale that all maps of this detector share",
    onclick: () => change({ limits: null }),
  }, "reset"));
  const coloured = [low, bar.node, high, reset];
  const line = h("span.av-scale-line");
  const node = h("div.av-scale", {}, ...coloured, line);
  return {
    node,
    /**
     * `words`: said in place of the bar where a map is not in colours; "": it is.
     * @param {import("./types").Range} limits
     * @param {import("./types").Range} ends
     * @param {string} words
     */
    show(limits, ends, words) {
      for (const part of coloured) part.hidden = words !== "";
      line.hidden = words === "";
      line.textContent = words;
      bar.show(limits, ends);
      const span = (ends[1] - ends[0]) / 10;
      const [least, most] = ends.map((value) => number(value, span));
      bar.node.title = `the bar goes from ${least} to ${most}; colours end at its handles`;
      const widest = Math.max(...[...limits, ...ends].map((value) => number(value, span).length));
      [low, high].forEach((end, i) => {
        end.textContent = number(limits[i], span);
        end.style.minWidth = `${widest}ch`;
      });
    },
  };
}
