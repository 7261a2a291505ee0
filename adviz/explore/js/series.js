// One image as something about it changes step by step: its maps and scores follow a slider.

import { curves } from "./curves.js";
import { explorer } from "./explorer.js";
import { h } from "./dom.js";
import { number } from "./format.js";
import { sentMap } from "./maps.js";
import { partKey } from "./store.js";
import { slider } from "./controls.js";
import { tiles } from "./tiles.js";

/** @typedef {import("./types").Range} Range */
/**
 * @typedef {object} SeriesFacts
 * @property {string} name what the values are
 * @property {number[]} values rising
 * @property {import("./types").Size} size
 * @property {Record<string, { relative: number[], limits: Range }>} detectors relative: scores / threshold
 */
/**
 * @typedef {object} Now
 * @property {number} width
 * @property {SeriesFacts} facts
 * @property {number} step
 * @property {number[]} picked
 * @property {number[]} zoom
 * @property {number} opacity
 */

const TILE = 300; // CSS pixels at most
const GAP = 16;
const WIDEST = 1000;
/** @type {[string, string][]} */
const HELP = [
  ["drag the slider or the chart's rule", "go from step to step; arrow keys and [ ], too"],
  ["click a picture", "read out every map there; with Ctrl the wheel magnifies"],
];

/** The step whose value is nearest. @param {number[]} values @param {number} value */
export function stepOf(values, value) {
  let best = 0;
  values.forEach((one, i) => {
    if (Math.abs(one - value) < Math.abs(values[best] - value)) best = i;
  });
  return best;
}

/** What a score means. @param {number} relative */
export function verdict(relative) {
  return `${relative.toFixed(2)} times its threshold, predicted ${relative >= 1 ? "anomalous" : "good"}`;
}

/** Lines of the chart: one for each detector, and their threshold. @param {SeriesFacts} facts */
export function linesOf({ values, detectors }) {
  const found = Object.entries(detectors).map(([name, { relative }], i) => ({
    name,
    x: values,
    y: relative,
    tone: /** @type {0 | 1 | 2} */ (i % 3),
    marks: true,
  }));
  const ends = [values[0], values[values.length - 1]];
  return [...found, { name: "threshold", x: ends, y: [1, 1], tone: /** @type {3} */ (3) }];
}

/** @param {import("./types").Frame} frame @returns {import("./explorer").Parts<Now>} */
function build({ model, store, change }) {
  const { name, values } = /** @type {SeriesFacts} */ (model.get("facts"));
  const go = (/** @type {number} */ step) => change({ value: values[Math.max(0, Math.min(values.length - 1, step))] });
  const say = (/** @type {number} */ step) => number(values[step]);
  const control = slider("step", name, go, { max: values.length - 1, step: 1, say });
  const pictures = tiles(null, change);
  const chart = curves((x) => change({ value: x }), { atName: name });

  /** @param {Now} now the pictures of a step; null: they are still to come */
  function shown({ facts, step }) {
    const picture = store.get(partKey("image", step));
    const maps = Object.keys(facts.detectors).map((detector) => {
      const part = store.get(partKey("map", detector, step));
      return part && decoded(part);
    });
    return picture && maps.every(Boolean) ? { image: picture.image, maps } : null;
  }

  /** @type {WeakMap<object, Float32Array | null>} */
  const known = new WeakMap();
  /** @param {any} part */
  function decoded(part) {
    if (!known.has(part)) known.set(part, sentMap(part));
    return known.get(part) ?? null;
  }

  /** @param {Now} now */
  function drawPictures(now) {
    const found = shown(now);
    if (!found) return; // the former ones stay until the next are there
    const { facts, step, width } = now;
    const all = Object.entries(facts.detectors);
    const count = all.length + 1;
    const wide = Math.min(TILE, Math.max(130, Math.floor((Math.min(width, WIDEST) - GAP * (count - 1)) / count)));
    const base = { lines: [], level: null, chosen: false };
    const plain = { ...base, title: `${name}: ${say(step)}`, kind: /** @type {const} */ ("image"), map: null };
    const mapped = all.map(([title, { relative, limits }], i) => ({
      ...base,
      title,
      kind: /** @type {const} */ ("overlay"),
      map: found.maps[i] ?? null,
      limits,
      lines: [verdict(relative[step])],
    }));
    pictures.draw({
      tiles: [{ ...plain, limits: [0, 1] }, ...mapped],
      image: found.image,
      mask: null,
      size: facts.size,
      zoom: now.zoom,
      pixel: now.picked.length ? /** @type {import("./types").Pixel} */ (now.picked) : null,
      opacity: now.opacity,
      fade: true,
      contour: false,
      width: wide,
    });
  }

  return {
    controls: [control.node],
    nodes: [pictures.node, h("div.av-series", {}, chart.node)],
    read(width) {
      const facts = model.get("facts");
      const step = stepOf(facts.values, model.get("value"));
      const { opacity } = model.get("options");
      return { width, facts, step, picked: model.get("picked"), zoom: model.get("zoom"), opacity };
    },
    draw(now) {
      const { facts, step, width } = now;
      control.show(step);
      drawPictures(now);
      const list = linesOf(facts);
      const most = Math.max(...list.flatMap(({ y }) => y));
      chart.draw({
        title: "",
        titles: [name, "score / threshold"],
        curves: list,
        yRange: [0, 1.05 * most],
        at: facts.values[step],
        atText: say(step),
        atValues: facts.values,
        width: Math.min(WIDEST, width),
        height: 280,
      });
    },
    words({ facts, step }) {
      const said = Object.entries(facts.detectors).map(([one, { relative }]) => `${one} ${verdict(relative[step])}`);
      return [`${name}: ${say(step)}`, ...said].join(" · ");
    },
    press({ step }, { key }) {
      const by = { "[": -1, "]": 1 }[key];
      if (by) go(step + by);
      return Boolean(by);
    },
    ahead({ facts }) {
      facts.values.forEach((_, step) => {
        store.get(partKey("image", step));
        for (const one of Object.keys(facts.detectors)) store.get(partKey("map", one, step));
      });
    },
    table({ facts }) {
      const all = Object.entries(facts.detectors);
      return {
        head: [name, ...all.map(([one]) => `${one}: score / threshold`)],
        rows: facts.values.map((value, i) => [value, ...all.map(([, { relative }]) => relative[i])]),
      };
    },
    name: () => name,
  };
}

export default {
  render: (/** @type {any} */ given) =>
    explorer(given, { title: "What if the image changes?", state: ["value", "picked", "zoom"], help: HELP, build }),
};
