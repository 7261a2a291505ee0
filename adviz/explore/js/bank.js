// What the state of the coreset explorer means: the bank's points, their colours, what is chosen and selected of them.

import { clip, number, percent } from "./format.js";
import { cellAt } from "./grids.js";
import { insideOf } from "./lasso.js";
import { partKey } from "./store.js";

/** @typedef {import("./types").Size} Size */
/** @typedef {import("./types").Range} Range */
/**
 * What is known of a sampler. Lists are as long as `sizes`; null: not known yet.
 * @typedef {object} SamplerFacts
 * @property {number[]} sizes coresets that are looked at
 * @property {boolean} proxies
 * @property {boolean} covered whether the distances to its coresets are known
 * @property {(number | null)[]} radius
 * @property {(number | null)[]} farthest largest distance of any row to the coreset
 * @property {Record<string, Record<string, number | null>>} results size -> metric -> value
 * @property {Record<string, Usage>} usage
 * @property {number[]} predicted sizes of banks that test images were compared with
 * @property {number[]} tested those of them that tell which entries these matched
 */
/** @typedef {{ rows: number, used: number, share: number, row: number, times: number, patches: number }} Usage */
/**
 * @typedef {object} BankFacts
 * @property {Size} size of test images, pixels
 * @property {Size} trainSize
 * @property {string[]} names
 * @property {string[]} trainNames
 * @property {string[]} defects
 * @property {Size} grid locations of a training image
 * @property {number} total rows
 * @property {number} dimensions
 * @property {Range} limits ends of the axis of sizes
 * @property {boolean} learned
 * @property {{ undefined: string[], fewer: string[] }} reasons
 * @property {Record<string, SamplerFacts>} samplers
 */
/**
 * `points/C` of BankSource, and what follows from it.
 * @typedef {object} Points
 * @property {Uint16Array} x
 * @property {Uint16Array} y
 * @property {Float64Array} frame start of x, start of y, step of both
 * @property {Float64Array} held
 * @property {Uint16Array | Uint32Array} image
 * @property {Uint16Array | Uint32Array} location
 */
/** @typedef {{ distance: Uint16Array, most: Float64Array, nearest: Uint16Array | Uint32Array }} Distances */
/** @typedef {{ distance: Float32Array, row: Int32Array, grid: Uint16Array }} Tested */
/**
 * @typedef {object} BankNow what the state means
 * @property {any} facts
 * @property {Record<string, any>} options
 * @property {string} category
 * @property {BankFacts} one
 * @property {string} sampler
 * @property {SamplerFacts} found
 * @property {number} size of the coreset
 * @property {number} at its place among `found.sizes`
 * @property {string} colour
 * @property {number} image
 * @property {number | null} picked
 * @property {number | null} test
 * @property {number} width
 * @property {import("./types").Store} store
 * @property {(name: string) => any} get
 */

export const DISTANCE = "distance to the coreset";
export const COLOURS = [DISTANCE, "order of choice", "training image", "row in the image", "column in the image"];
/** Levels of points: grey, 256 colours from 1 on, what is marked. */
export const GREY = 0;
export const MARKED = 257;
const START = 0.01; // of the rows, which are shown first
const METRICS = { image_auroc: "image AUROC", pixel_auroc: "pixel AUROC", pro: "PRO" };
const TONES = /** @type {const} */ ([0, 1, 2, 3]);

/** Prints how many entries of a bank. @param {number} count */
export const entries = (count) => (count === 1 ? "1 entry" : `${count} entries`);

/** Prints a fraction in per cent, with two digits that matter. @param {number} value */
export const fraction = (value) => (value < 0.995 ? `${Number((100 * value).toPrecision(2))}%` : percent(value));

/**
 * Returns the place of the size nearest to the one that is wanted, as a ratio. Python's twin is `CoresetView.size`.
 * @param {number[]} sizes
 * @param {number} wanted
 */
export function nearestSize(sizes, wanted) {
  const apart = sizes.map((size) => Math.abs(Math.log(size / wanted)));
  return apart.indexOf(Math.min(...apart));
}

/** @param {import("./types").Model} model */
export function reader(model) {
  return (/** @type {import("./types").Store} */ store, /** @type {number} */ width) => {
    const facts = model.get("facts");
    const names = Object.keys(facts.categories);
    const category = names.includes(model.get("category")) ? model.get("category") : names[0];
    /** @type {BankFacts} */
    const one = facts.categories[category];
    const samplers = Object.keys(one.samplers);
    const sampler = samplers.includes(model.get("sampler")) ? model.get("sampler") : samplers[0];
    const found = one.samplers[sampler];
    const at = nearestSize(found.sizes, model.get("budget"));
    /** @type {BankNow} */
    const now = {
      facts,
      options: model.get("options") ?? {},
      category,
      one,
      sampler,
      found,
      size: found.sizes[at],
      at,
      colour: model.get("colour"),
      image: clip(model.get("image"), 0, one.trainNames.length - 1),
      picked: model.get("picked"),
      test: model.get("test"),
      width,
      store,
      get: (name) => model.get(name),
    };
    return now;
  };
}

/**
 * Reads the parts of the displayed bank. Distances to a coreset that are being fetched are those of the last one.
 * @returns {(now: BankNow) => { points: Points, order: Uint32Array, distances: Distances | null,
 *   tested: Tested | null } | null} null while they are fetched
 */
export function bankParts() {
  /** @type {{ key: string, distances: Distances | null }} */
  let last = { key: "", distances: null };
  return ({ store, category, sampler, found, size, test }) => {
    const points = store.get(partKey("points", category));
    const order = store.get(partKey("order", category, sampler))?.order;
    const key = partKey("", category, sampler);
    if (last.key !== key) last = { key, distances: null };
    const distances = found.covered ? store.get(partKey("distances", category, sampler, size)) : null;
    if (distances) last.distances = distances;
    const known = test !== null && found.tested.includes(size);
    const tested = known ? store.get(partKey("tested", category, sampler, size, test)) : null;
    return points && order ? { points, order, distances: distances ?? last.distances, tested } : null;
  };
}

/**
 * Returns the scale of distances to coresets of a size: the same for all samplers that have it.
 * @param {BankFacts} one
 * @param {number} size
 * @returns {Range | null}
 */
export function distanceLimits(one, size) {
  const known = Object.values(one.samplers).map(({ sizes, farthest }) => farthest[sizes.indexOf(size)] ?? -1);
  const most = Math.max(...known);
  return most < 0 ? null : [0, most || 1];
}

/**
 * Returns what every point's colour stands for, as a level; and the ends of the scale of the 256 colours, null where
 * none is needed. Levels that are higher lie on top where they are `sorted`.
 * @param {string} colour
 * @param {Points} points
 * @param {Uint32Array} order
 * @param {number} size
 * @param {Distances | null} distances
 * @param {Range | null} limits of distances
 * @param {number} image
 * @param {Size} grid
 * @returns {{ levels: Uint16Array, scale: Range | null, sorted: boolean }}
 */
export function pointLevels(colour, points, order, size, distances, limits, image, grid) {
  const levels = new Uint16Array(points.x.length);
  const colourOf = (/** @type {number} */ value) => 1 + Math.round(255 * clip(value, 0, 1));
  if (colour === "row in the image" || colour === "column in the image") {
    const [rows, columns] = grid;
    const down = colour === "row in the image";
    const most = Math.max(1, (down ? rows : columns) - 1);
    for (let i = 0; i < levels.length; i++) {
      const place = points.location[i];
      levels[i] = colourOf((down ? Math.floor(place / columns) : place % columns) / most);
    }
    return { levels, scale: [0, most], sorted: false };
  }
  if (colour === "training image") {
    for (let i = 0; i < levels.length; i++) levels[i] = points.image[i] === image ? MARKED : GREY;
    return { levels, scale: null, sorted: true };
  }
  if (colour === "order of choice") {
    const last = Math.max(2, size);
    for (let rank = size; rank >= 1; rank--) levels[order[rank - 1]] = colourOf((last - rank) / (last - 1));
    return { levels, scale: [size, 1], sorted: true };
  }
  if (!distances || !limits) return { levels, scale: null, sorted: false };
  const each = (255 * distances.most[0]) / 65535 / (limits[1] || 1);
  for (let i = 0; i < levels.length; i++) levels[i] = 1 + Math.min(255, Math.round(distances.distance[i] * each));
  return { levels, scale: limits, sorted: true };
}

/**
 * Returns which points are selected, 0 or 1: those inside of a lasso, else those that were chosen; null: none.
 * @param {Points} points
 * @param {number[]} lasso
 * @param {number[]} chosen
 * @returns {Uint8Array | null}
 */
export function selection({ x, y, frame }, lasso, chosen) {
  if (!lasso.length && !chosen.length) return null;
  const marks = new Uint8Array(x.length);
  if (lasso.length) {
    const inside = insideOf(lasso);
    const [left, low, step] = frame;
    for (let i = 0; i < marks.length; i++) marks[i] = Number(inside(left + step * x[i], low + step * y[i]));
  } else for (const row of chosen) marks[row] = 1;
  return marks;
}

/**
 * Whether each row is among the first of the order, 0 or 1.
 * @param {Uint32Array} order
 * @param {number} size
 * @param {number} total
 */
export function kept(order, size, total) {
  const marks = new Uint8Array(total);
  for (let rank = 0; rank < size; rank++) marks[order[rank]] = 1;
  return marks;
}

/**
 * Returns how many of the first rows of the order come from each image, or lie at each location.
 * @param {Uint32Array} order
 * @param {number} size
 * @param {ArrayLike<number>} places of all rows
 * @param {number} count of places
 */
export function counted(order, size, places, count) {
  const counts = new Uint32Array(count);
  for (let rank = 0; rank < size; rank++) counts[places[order[rank]]] += 1;
  return counts;
}

/** Row of each location of an image, -1: none. @param {Points} points @param {number} image @param {number} count */
export function rowsOf(points, image, count) {
  const rows = new Int32Array(count).fill(-1);
  for (let i = 0; i < points.image.length; i++) if (points.image[i] === image) rows[points.location[i]] = i;
  return rows;
}

/** Turns steps of distance into numbers. @param {Distances} distances @param {number} row */
export const distanceAt = ({ distance, most }, row) => (distance[row] / 65535) * most[0];

/**
 * Returns quantity -> a curve for each sampler; what is not known is left out, samplers are not.
 * @param {BankFacts} one
 */
export function curvesOf(one) {
  /** @type {Record<string, (found: SamplerFacts) => [number, number | null | undefined][]>} */
  const quantities = {
    "covering radius": ({ sizes, radius }) => sizes.map((size, i) => [size, radius[i]]),
  };
  for (const [key, title] of Object.entries(METRICS)) {
    quantities[title] = ({ results }) => Object.entries(results).map(([size, found]) => [Number(size), found[key]]);
  }
  quantities["fraction of the bank used"] = ({ usage }) =>
    Object.entries(usage).map(([size, found]) => [Number(size), found.share]);
  const found = Object.entries(quantities).map(([title, read]) => {
    const curves = Object.entries(one.samplers).map(([name, sampler], i) => {
      const known = read(sampler).filter(([, value]) => value != null).sort((a, b) => a[0] - b[0]);
      const x = known.map(([size]) => size);
      const y = known.map(([, value]) => Number(value));
      return { name, x, y, tone: TONES[i % TONES.length], marks: known.length < 12 };
    });
    return { title, curves };
  });
  return found.filter(({ curves }) => curves.some(({ x }) => x.length));
}

/**
 * What is known of every sampler at a size, as texts: name, covering radius, metrics, use.
 * @param {BankFacts} one
 * @param {number} size
 */
export function valuesOf(one, size) {
  const shown = (/** @type {number | null | undefined} */ value) => (value == null ? "–" : value.toFixed(3));
  return Object.entries(one.samplers).map(([name, { sizes, radius, results, usage }]) => {
    const known = radius[sizes.indexOf(size)];
    const used = usage[size];
    const metrics = Object.keys(METRICS).map((key) => shown(results[size]?.[key]));
    const far = !sizes.includes(size) ? "–" : known == null ? "…" : number(known);
    return [name, far, ...metrics, used ? `${fraction(used.share)} (${used.used})` : "–"];
  });
}
export const VALUES = ["sampler", "covering radius", ...Object.values(METRICS), "fraction of the bank used"];

/** What cannot be shown, and why. @param {BankNow} now */
export function remarks({ one, found, sampler, size }) {
  const words = [];
  if (found.proxies) {
    words.push("Learned proxies are no patches: rings and radius are those of the patch nearest to each.");
  }
  words.push(...one.reasons.undefined.map((reason) => `Metrics are undefined: ${reason}.`));
  words.push(...one.reasons.fewer.map((reason) => `Metrics of the pixels: ${reason}.`));
  const all = Object.values(one.samplers);
  if (all.every(({ predicted, results }) => !predicted.length && !Object.keys(results).length)) {
    words.push("There are no predictions: usage and metrics are not known.");
  } else if (!found.usage[size] && found.predicted.length) {
    const sizes = found.predicted.join(", ");
    words.push(`AUROC, PRO and use are known for ${sizes} entries of ${sampler}: move the coreset size there.`);
  }
  return words;
}

/** The status line. @param {BankNow} now @param {number} selected */
export function sentence(now, selected) {
  const { category, sampler, size, at, one, found, picked } = now;
  const radius = found.radius[at];
  const used = found.usage[size];
  const words = [category, sampler, `${entries(size)} of ${one.total} (${fraction(size / one.total)})`];
  words.push(radius === null ? "covering radius: not computed yet" : `covering radius ${number(radius)}`);
  if (used) words.push(`${fraction(used.share)} of the bank used at test time`);
  if (picked !== null) words.push(`entry ${picked} picked`);
  if (selected) words.push(`${entries(selected)} selected`);
  if (now.test !== null) words.push(`test image ${one.names[now.test]}`);
  return words.join(" · ");
}

/**
 * The traits that what a person did sets: the image follows a pick, a pick its image; another category begins anew.
 * @param {BankNow} now
 * @param {Points | null} points
 * @param {import("./types").Values} values
 * @returns {import("./types").Values}
 */
export function settled(now, points, values) {
  if ("category" in values && values.category !== now.category) {
    const one = now.facts.categories[values.category];
    const samplers = Object.keys(one.samplers);
    return {
      ...values,
      sampler: samplers.includes(now.sampler) ? now.sampler : samplers[0],
      budget: Math.max(1, Math.round(START * one.total)),
      image: 0,
      picked: null,
      lasso: [],
      chosen: [],
      zoom: [],
      test: null,
      patch: [],
      closeup: [],
    };
  }
  const set = { ...values };
  if (points && values.picked != null) set.image = points.image[values.picked];
  const left = "image" in set && points && now.picked !== null && points.image[now.picked] !== set.image;
  if (left && !("picked" in set)) set.picked = null;
  if ("test" in set && set.test !== now.test) Object.assign(set, { patch: set.patch ?? [], closeup: [] });
  return set;
}

/**
 * Some of a list, evenly along it.
 * @param {number[]} list
 * @param {number} most
 */
export function evenly(list, most) {
  if (list.length <= most) return list;
  return Array.from({ length: most }, (_, i) => list[Math.round((i * (list.length - 1)) / (most - 1))]);
}

/**
 * Values of locations as a map of pixels, NaN where there is none.
 * @param {ArrayLike<number>} values
 * @param {Int32Array | null} rows whose values the locations have; null: the values are those of the locations
 * @param {number} unit of the values
 * @param {import("./types").Size} grid
 * @param {import("./types").Size} size
 */
export function spreadOut(values, rows, unit, grid, size) {
  const map = new Float32Array(size[0] * size[1]);
  const across = Array.from({ length: size[1] }, (_, column) => Math.floor((column * grid[1]) / size[1]));
  for (let row = 0; row < size[0]; row++) {
    const start = Math.floor((row * grid[0]) / size[0]) * grid[1];
    for (let column = 0; column < size[1]; column++) {
      const place = start + across[column];
      const at = rows ? rows[place] : place;
      map[row * size[1] + column] = at < 0 ? NaN : values[at] * unit;
    }
  }
  return map;
}

/** The different rows that patches match. @param {Int32Array} rows -1: none */
export const matchedRows = (rows) => [...new Set(rows)].filter((row) => row >= 0);

/** Locations whose match is a row. @param {Int32Array} rows @param {number} row @param {import("./types").Size} grid */
export function cellsOf(rows, row, grid) {
  /** @type {import("./types").Pixel[]} */
  const cells = [];
  rows.forEach((one, place) => {
    if (one === row) cells.push(cellAt(place, grid));
  });
  return cells;
}
