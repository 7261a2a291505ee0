// Where do detectors disagree? Every detector's map of an image, its metrics, and the scores of two of them.

import {
  METRICS,
  PENDING,
  comparedWords,
  disagreementOf,
  divisor,
  inWords,
  placeOf,
  scaleWords,
  shortly,
  standing,
  thresholdOf,
  tileWidth,
  whyUndefined,
} from "./standing.js";
import { askAhead, columns, pictureGiven, shownImage, tilesGiven } from "./displayed.js";
import { beside } from "./beside.js";
import { checkbox, select } from "./controls.js";
import { number, percent } from "./format.js";
import { detectorTable } from "./detector_table.js";
import { imageExplorer, initialize } from "./images.js";
import { h } from "./dom.js";
import { memo } from "./memo.js";
import { partKey } from "./store.js";
import { divided, quantileOf } from "./maps.js";
import { scatter } from "./scatter.js";
import { inRow, tiles } from "./tiles.js";
import { tip } from "./words.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {import("./types").Range} Range */
/** @typedef {import("./types").Shown} Shown */
/** @typedef {import("./standing").Numbers} Numbers */
/**
 * The displayed image by one detector.
 * @typedef {object} One
 * @property {Shown | null} shown null: still to come
 * @property {number | null} by what its maps are divided by
 * @property {Float32Array | null} map as it is drawn, perhaps divided
 * @property {Range} limits of its colours
 */

const TITLE = "Where do detectors disagree?";
export const ORDERS = ["disagreement of scores", "disagreement of maps"];
const RELATIVE = /** @type {Range} */ ([0, 2]); // of map / threshold: 1, the decision, is the middle
const WIDEST = 520; // CSS pixels of the scatter
/** @type {[string, string][]} */
const HELP = [
  ["click on a map, or a row", "choose the detector whose map lies over the image"],
  ["map / threshold", "divide each map by the F1-optimal threshold of its pixels: from 1 on, they count as a defect"],
  ["disagreement of scores", "how far apart detectors rank an image: the largest difference, 1 = of all images"],
  ["disagreement of maps", "how differently detectors order the places of an image: 0 = alike, 1 = without relation"],
];

/**
 * Returns the metrics of the category's detectors; null: still being computed.
 * @param {Now} now
 * @returns {Record<string, Numbers | null>}
 */
function numbersOf({ category, one, store }) {
  /** @type {Record<string, Numbers | null>} */
  const numbers = {};
  for (const [name, found] of Object.entries(one.detectors)) {
    const part = found && store.get(partKey("numbers", category, name));
    numbers[name] = part ? part.numbers : null;
  }
  return numbers;
}

/**
 * Returns a detector's scale: the chosen one, or that of all its maps.
 * @param {Now} now
 * @param {string} name
 * @param {number | null} by
 */
function limitsOf({ category, one, get }, name, by) {
  /** @type {Range | undefined} */
  const chosen = get("limits")[`${category}/${name}`];
  if (by) return chosen ? over(chosen, by) : RELATIVE;
  return chosen ?? one.detectors[name]?.limits ?? /** @type {Range} */ ([0, 1]);
}

/** @param {Range} range @param {number} by @returns {Range} */
const over = ([low, high], by) => [low / by, high / by];

/**
 * Reads what each detector found in the displayed image; those whose prediction is pending are left out.
 * @returns {(now: Now, numbers: Record<string, Numbers | null>) => Record<string, One>}
 */
function reader() {
  /** @type {Map<string, { read: ReturnType<typeof shownImage>, divide: typeof divided }>} */
  const kept = new Map(); // every detector's last map
  return (now, numbers) => {
    /** @type {Record<string, One>} */
    const all = {};
    for (const [name, found] of Object.entries(now.one.detectors)) {
      if (!found) continue;
      const tools = kept.get(name) ?? { read: shownImage(), divide: memo(divided) };
      kept.set(name, tools);
      const shown = tools.read({ ...now, detector: name, found });
      const map = shown?.map ?? null;
      const by = map && divisor(numbers[name], now.get("relative"));
      all[name] = { shown, by, map: map && by ? tools.divide(map, by) : map, limits: limitsOf(now, name, by) };
    }
    return all;
  };
}

/**
 * The large picture: the chosen detector's map over the image.
 * @param {import("./types").PictureGiven} given
 * @param {One} one
 * @param {Numbers | null} numbers
 * @returns {import("./types").PictureGiven}
 */
function largeGiven(given, { by, map, limits }, numbers) {
  if (!by) return { ...given, level: numbers?.pixel_threshold ?? given.level };
  const ends = /** @type {Range} */ ([0, Math.max(2, given.ends[1] / by)]);
  return { ...given, map, limits, ends, level: 1, unit: "map / threshold" };
}

/**
 * @param {Now} now
 * @param {Shown} shown
 * @param {Record<string, One>} all
 * @param {boolean} [dense] whether there is little room
 * @returns {import("./types").Tile[]}
 */
function tilesOf(now, shown, all, dense) {
  /** @type {import("./types").Tile} */
  const truth = {
    title: "ground truth",
    lines: [],
    kind: "truth",
    map: null,
    limits: [0, 1],
    level: null,
    chosen: false,
  };
  const found = Object.entries(all).map(([name, { by, map, limits }]) => ({
    ...truth,
    title: name,
    lines: dense ? [shortly(now, name)] : standing(now, name),
    kind: map ? /** @type {const} */ ("map") : /** @type {const} */ ("none"),
    map,
    limits,
    level: by ? 1 : null,
    chosen: name === now.detector,
  }));
  return shown.mask ? [truth, ...found] : found;
}

/**
 * @param {Now} now
 * @param {Record<string, Numbers | null>} numbers
 */
function metricsGiven({ category, detector, one }, numbers) {
  const rows = Object.entries(numbers).map(([name, known]) => ({ name, cells: inWords(known) }));
  const title = `Metrics of the ${one.names.length} test images of ${category}`;
  return { title, heads: METRICS, rows, chosen: detector, note: whyUndefined(one, numbers) };
}

/**
 * The value of every detector's map at a pixel, and the fraction of all its pixels that are lower.
 * @param {Now} now
 * @param {Shown} shown
 * @param {Record<string, One>} all
 */
function readOutGiven(now, { pixel }, all) {
  const { category, detector, one, get, store } = now;
  /** @type {[string, string][]} */
  const heads = [
    ["map", "value of the map at the pixel"],
    ["lower pixels", "how many pixels of all test images have a lower value, by the detector's map"],
  ];
  const relative = get("relative");
  if (relative) heads.splice(1, 0, ["map / threshold", "from 1 on the pixel counts as a defect"]);
  const rows = Object.entries(all).map(([name, { shown, by, map }]) => {
    if (!shown?.map || !map || !pixel) return { name, cells: heads.map((_, i) => (i ? "" : "no map")) };
    const at = pixel[0] * one.size[1] + pixel[1];
    const value = shown.map[at];
    if (Number.isNaN(value)) return { name, cells: heads.map((_, i) => (i ? "" : "padding")) };
    const [low, high] = one.detectors[name]?.ends ?? [0, 0];
    const quantiles = store.get(partKey("quantiles", category, name));
    const quotient = by ? number(map[at], 1) : "";
    const values = [number(value, (high - low) / 10), ...(relative ? [quotient] : [])];
    return { name, cells: [...values, lower(value, quantiles?.values ?? null)] };
  });
  const picked = get("picked").length ? "picked" : `peak of ${detector}'s map`;
  const title = pixel ? `Row ${pixel[0]}, column ${pixel[1]}: ${picked}` : "Click the image to read out a pixel";
  return { title, heads, rows: pixel ? rows : [], chosen: detector, note: "" };
}

/** @param {number} value @param {ArrayLike<number> | null} quantiles null: still being computed */
const lower = (value, quantiles) => (quantiles ? percent(quantileOf(value, quantiles), 1) : PENDING);

/** The detectors of the scatter: the chosen ones, or else the first two. @param {Now} now */
function axesOf({ one, get }) {
  const names = Object.keys(one.detectors);
  const first = names[0];
  const second = names[1] ?? first;
  const x = /** @type {string} */ (get("x"));
  const y = /** @type {string} */ (get("y"));
  return { names, x: names.includes(x) ? x : first, y: names.includes(y) ? y : second };
}

/** A chart of two detectors' scores, and which two. @param {import("./types").Change} change */
function scoresOfTwo(change) {
  /** @type {Now | null} */
  let now = null;
  const x = select("scatter-x", "scatter x", (value) => change({ x: value }));
  const y = select("scatter-y", "scatter y", (value) => change({ y: value }));
  const chart = scatter(change, (image) => (now ? tip(now, image) : []));
  const note = h("p.av-note");
  const node = h("section.av-two", {}, h("div.av-two-axes", {}, x.node, y.node), chart.node, note);
  return {
    node,
    /** @param {Now} next @param {number} width */
    draw(next, width) {
      now = next;
      const { one } = now;
      const axes = axesOf(now);
      x.show(axes.names, axes.x);
      y.show(axes.names, axes.y);
      node.style.width = `${width}px`;
      const across = one.detectors[axes.x];
      const up = one.detectors[axes.y];
      const pending = [...new Set([axes.x, axes.y])].filter((name) => !one.detectors[name]);
      chart.node.hidden = !across || !up;
      note.textContent = pending.length ? `${pending.join(" and ")}: being computed.` : "";
      if (!across || !up) return;
      chart.draw({
        x: across.scores,
        y: up.scores,
        labels: one.labels,
        titles: [axes.x, axes.y],
        thresholds: [thresholdOf(now, axes.x), thresholdOf(now, axes.y)],
        image: now.image,
        names: one.names,
        within: now.within,
        width,
      });
    },
  };
}

/**
 * A person's other order or category begins at its first image, as soon as the order is known.
 * @param {import("./types").ImageFrame} frame
 */
function beginning({ model, change }) {
  /** @type {Now | null} */
  let now = null;
  let wanted = false;
  let from = 0; // the image that was shown then

  function begin() {
    if (!wanted || !now) return;
    const { category, order, image, list } = now;
    if (category !== model.get("category") || order !== model.get("order")) return; // its prediction is pending
    if (disagreementOf(now) === null) return;
    wanted = false;
    if (list.length && list[0] !== image) change({ image: list[0] });
  }

  return {
    /** @param {Element} root the frame, whose controls are persons' only way to say so */
    listen(root) {
      root.addEventListener("change", ({ target }) => {
        if (!(/** @type {Element} */ (target).closest(".av-order, .av-category"))) return;
        wanted = true;
        from = model.get("image");
        begin();
      });
    },
    /** @param {Now} next */
    draw(next) {
      now = next;
      if (next.image !== from || next.get("picked").length) wanted = false; // somebody went on
      if (wanted) queueMicrotask(begin); // after this drawing
    },
  };
}

/**
 * @param {import("./types").ImageFrame} frame
 * @param {HTMLElement} [below] the picture, where the scatter stands if there is more room
 * @returns {import("./types").Panel}
 */
export function comparePanel(frame, below) {
  const { store, change } = frame;
  /** @type {Record<string, One>} */
  let all = {};
  /** @type {number | null} what the large picture's map was divided by */
  let dividedBy = null;

  /** @param {string} name */
  const choose = (name) => change({ detector: name });
  const relative = checkbox("relative", "map / threshold", (value) => change({ relative: value }));
  const scales = h("p.av-scales");
  const row = tiles((index) => choose(tileNames[index]), change);
  const note = h("p.av-note");
  const metrics = detectorTable("metrics", choose);
  const readOut = detectorTable("pixel", choose);
  const two = scoresOfTwo(change);
  const tables = h("div.av-paired", {}, metrics.node, readOut.node);
  const scalesLine = h("div.av-scales-line", {}, relative.node, scales);
  const node = h("div.av-right", {}, scalesLine, row.node, note, tables);
  const read = reader();
  const start = beginning(frame);
  /** @type {string[]} of the tiles' detectors */
  let tileNames = [];
  let listening = false;

  /** @param {Now} now @param {Shown} shown @param {number} width */
  function draw(now, shown, width) {
    const root = node.closest(".av-explorer");
    if (!listening && root) start.listen(root);
    listening = root !== null;
    start.draw(now);
    const numbers = numbersOf(now);
    const next = read(now, numbers);
    if (Object.values(next).some((one) => !one.shown)) return; // the former maps stay until the next are there
    all = next;
    relative.show(now.get("relative"));
    const anchored = Object.keys(numbers).filter((name) => now.one.detectors[name]?.anchored);
    scales.textContent = scaleWords(numbers, now.get("relative"), anchored);
    const list = tilesOf(now, shown, all, frame.dense);
    tileNames = list.map(({ title }) => title);
    const wide = tileWidth(list.length, width);
    row.draw(tilesGiven(list, shown, pictureGiven(now, shown, wide), wide));
    // the scatter stands where there is room: below the picture, if tiles fill several rows beside it
    const free = below && width < now.width && inRow(list.length, wide, width) < list.length;
    const place = free ? below : node;
    if (two.node.parentNode !== place) place.append(two.node);
    note.textContent = shown.mask ? "" : "There is no ground truth of this image.";
    metrics.draw(metricsGiven(now, numbers));
    readOut.draw(readOutGiven(now, shown, all));
    two.draw(now, Math.min(WIDEST, free ? columns(now.width).left : width));
  }

  return {
    node,
    tools: scalesLine,
    draw,
    given(now, shown, given) {
      const numbers = numbersOf(now);
      const one = given.unit ? null : read(now, numbers)[now.detector]; // else another view changed the map
      dividedBy = one?.by ?? null;
      return one ? largeGiven(given, one, numbers[now.detector]) : given;
    },
    // Limits are those of maps, also while their quotient is drawn.
    set(values) {
      const { limits } = values;
      return limits && dividedBy ? { ...values, limits: [limits[0] * dividedBy, limits[1] * dividedBy] } : values;
    },
    ahead(now) {
      for (const name of Object.keys(now.one.detectors)) askAhead({ ...now, detector: name });
    },
    words: comparedWords,
    table(now) {
      const numbers = numbersOf(now);
      store.ask();
      const head = ["detector", "score", "rank", "verdict", ...METRICS.map(([name]) => name)];
      const rows = Object.entries(numbers).map(([name, known]) => {
        return [name, ...placeOf(now, name), ...inWords(known)];
      });
      return { head, rows };
    },
  };
}

const build = beside("compare", comparePanel);

export default {
  initialize,
  render: (/** @type {any} */ given) =>
    imageExplorer(given, { title: TITLE, state: ["relative", "x", "y"], help: HELP, orders: ORDERS, build }),
};
