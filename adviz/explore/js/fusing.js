// Layers' maps joined to one: explore/layers/mixing.py in the browser.

import { between, bilinear, mirrored, smoothed } from "./maps.js";

/** @typedef {import("./types").Size} Size */
/** @typedef {"sum" | "mean" | "product"} Join */
/** @typedef {{ values: ArrayLike<number>, cells: Size }} Layer */
/**
 * One way to join layers; `Mix` of mixing.py says what each means.
 * @typedef {object} Mix
 * @property {string[]} layers
 * @property {number[]} weights
 * @property {Join} join
 * @property {boolean} root
 * @property {number} sigma
 * @property {keyof typeof ENLARGED} enlarge
 * @property {keyof typeof BORDERS} border
 */
/**
 * What a person chose of it; "" and null, and layers without an entry: nothing.
 * @typedef {object} Choices
 * @property {string[]} layers
 * @property {Record<string, number>} weights
 * @property {Join | ""} join
 * @property {boolean | null} root
 * @property {number | null} sigma
 */

const ENLARGED = {
  bilinear,
  "bilinear, corners aligned": aligned,
  bicubic,
  nearest: /** @type {import("./maps").Enlarging} */ (pixel, cells, size) => [[Math.floor((pixel * cells) / size), 1]],
};
const BORDERS = { reflect: mirrored, mirror: centred };
const SHARPNESS = -0.75; // of torch's bicubic

/** The corners' centres stay where they are. @type {import("./maps").Enlarging} */
function aligned(pixel, cells, size) {
  return between(size > 1 ? (pixel * (cells - 1)) / (size - 1) : 0, cells);
}

/** @type {import("./maps").Enlarging} */
function bicubic(pixel, cells, size) {
  const place = ((pixel + 0.5) * cells) / size - 0.5;
  const low = Math.floor(place);
  return [-1, 0, 1, 2].map((step) => {
    const cell = Math.min(cells - 1, Math.max(0, low + step));
    return [cell, cubic(Math.abs(place - low - step))];
  });
}

/** @param {number} x distance of a sample, 0 to 2 */
function cubic(x) {
  const a = SHARPNESS;
  return x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((x - 5) * x + 8) * a * x - 4 * a;
}

/** The pixel that stands for one beyond the border: c b | a b c. @param {number} place @param {number} size */
function centred(place, size) {
  const period = Math.max(1, 2 * (size - 1));
  const within = ((place % period) + period) % period;
  return within < size ? within : period - within;
}

/**
 * Returns values of locations resized and smoothed.
 * @param {ArrayLike<number>} values
 * @param {Size} cells
 * @param {Size} size
 * @param {number} sigma
 * @param {Mix} mix
 */
function enlarged(values, cells, size, sigma, { enlarge, border }) {
  return smoothed(values, cells, size, sigma, ENLARGED[enlarge], BORDERS[border]);
}

/**
 * The latest layers at their image's size: they stay while weights are moved.
 * @type {Map<unknown, { key: string, map: Float32Array }>}
 */
const latest = new Map();
const LATEST = 8;

/** @param {Layer} layer @param {Size} size @param {number} sigma @param {Mix} mix */
function enlargedOnce({ values, cells }, size, sigma, mix) {
  const key = [...cells, ...size, sigma, mix.enlarge, mix.border].join();
  const known = latest.get(values);
  if (known?.key === key) return known.map;
  const map = enlarged(values, cells, size, sigma, mix);
  latest.delete(values);
  latest.set(values, { key, map });
  if (latest.size > LATEST) latest.delete(latest.keys().next().value);
  return map;
}

/**
 * Joins layers where they have one grid; negative values count as 0 in products and under the root.
 * @param {ArrayLike<number>[]} parts
 * @param {number[]} factors
 * @param {Mix} mix
 */
function joined(parts, factors, { join, root }) {
  const product = join === "product";
  const values = new Float32Array(parts[0].length).fill(product ? 1 : 0);
  const total = join === "mean" ? factors.reduce((sum, factor) => sum + factor, 0) : 1;
  parts.forEach((part, k) => {
    const factor = product ? factors[k] : factors[k] / total;
    for (let i = 0; i < values.length; i++) {
      if (!product) values[i] += factor * part[i];
      else values[i] *= factor === 1 ? Math.max(0, part[i]) : Math.max(0, part[i]) ** factor;
    }
  });
  return root ? values.map((value) => Math.sqrt(Math.max(0, value))) : values;
}

/**
 * Returns the fused map of an image. Resize and blur are one matrix where nothing but a sum lies between them.
 * @param {Layer[]} layers those of the mix, in its order
 * @param {Mix} mix
 * @param {Size} size pixels
 * @returns {Float32Array | null} (size); null: no layer has a weight above 0
 */
export function fused(layers, mix, size) {
  const entering = layers.filter((_, i) => mix.weights[i] > 0);
  const factors = mix.weights.filter((weight) => weight > 0);
  if (!entering.length) return null;
  const { cells } = entering[0];
  const met = entering.every((layer) => layer.cells[0] === cells[0] && layer.cells[1] === cells[1]);
  if (met) {
    const values = joined(entering.map((layer) => layer.values), factors, mix);
    return enlarged(values, cells, size, mix.sigma, mix);
  }
  const linear = mix.join !== "product" && !mix.root; // then each layer can be smoothed before they are joined
  const large = entering.map((layer) => enlargedOnce(layer, size, linear ? mix.sigma : 0, mix));
  const values = joined(large, factors, mix);
  return linear || !mix.sigma ? values : enlarged(values, size, size, mix.sigma, mix);
}

/** A number as Python writes it, too. @param {number} value */
const short = (value) => Number(value.toFixed(6));

/**
 * Returns the mix that choices make of a detector's own: where nothing was chosen, it holds. Python's `chosen_mix`.
 * @param {string[]} names of all layers
 * @param {Mix | null} own
 * @param {Choices} chosen
 * @returns {Mix}
 */
export function mixOf(names, own, chosen) {
  const some = names.filter((name) => chosen.layers.includes(name));
  const layers = some.length ? some : names;
  return {
    layers,
    weights: layers.map((name) => short(chosen.weights[name] ?? 1)),
    join: chosen.join || (own?.join ?? "sum"),
    root: chosen.root ?? own?.root ?? false,
    sigma: short(chosen.sigma ?? own?.sigma ?? 4),
    enlarge: own?.enlarge ?? "bilinear",
    border: own?.border ?? "reflect",
  };
}

/** Names a mix in keys of parts: Python's `Mix.as_text`. @param {Mix} mix */
export function textOf({ layers, weights: factors, join, root, sigma, enlarge, border }) {
  return JSON.stringify([layers, factors, join, root, sigma, enlarge, border]);
}

/** Reads what `textOf` wrote. @param {string} text @returns {Mix} */
export function mixIn(text) {
  const [layers, factors, join, root, sigma, enlarge, border] = JSON.parse(text);
  return { layers, weights: factors, join, root, sigma, enlarge, border };
}

/**
 * Returns choices of layers by name: each alone, and cumulative from the deepest. Python's `presets`.
 * @param {string[]} names the finest first
 * @returns {Record<string, string[]>}
 */
export function presets(names) {
  const sums = names.map((_, i) => names.slice(names.length - 1 - i)).slice(1);
  return Object.fromEntries([...names.map((name) => [name]), ...sums].map((some) => [some.join(" + "), some]));
}
