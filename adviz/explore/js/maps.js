// Anomaly maps: from squared distances of patches, or as they were sent; their peak and values at a pixel.

import { cellOf } from "./grids.js";
import { countBelow } from "./search.js";

const STEPS = 65535; // of a map that is sent as 16 bit
const REACH = 4; // standard deviations at which the Gaussian is cut, as in adviz.maps.smooth

/**
 * Where a pixel's value comes from when values of locations are resized: locations and their weights.
 * @typedef {(pixel: number, cells: number, size: number) => [number, number][]} Enlarging
 */

/** Bilinear, centres at half pixels. @type {Enlarging} */
export const bilinear = (pixel, cells, size) => between(((pixel + 0.5) * cells) / size - 0.5, cells);

/**
 * Linear between the locations beside a place.
 * @param {number} place
 * @param {number} cells
 * @returns {[number, number][]}
 */
export function between(place, cells) {
  const from = Math.max(0, place);
  const low = Math.floor(from);
  const high = Math.min(low + 1, cells - 1);
  return [[low, 1 - (from - low)], [high, from - low]];
}

/**
 * Resize and then Gaussian blur of one axis as a matrix: pixel i is the sum of `count[i]` values from `first[i]` on,
 * each times its tap, of which there are `cells` for each pixel.
 * @typedef {{ first: Int32Array, count: Int32Array, taps: Float64Array }} Axis
 */
/** @type {Map<string, Axis>} */
const axes = new Map();
const KEPT = 32; // those of the last images, and of what a person tries

/**
 * Returns resize and blur of one axis.
 * @param {number} cells
 * @param {number} size pixels
 * @param {number} sigma pixels; 0: no blur
 * @param {Enlarging} [enlarge]
 * @param {typeof mirrored} [border] the pixel that stands for one beyond the border
 * @returns {Axis}
 */
export function axisOf(cells, size, sigma, enlarge = bilinear, border = mirrored) {
  const key = [cells, size, sigma, enlarge.name, border.name].join();
  const known = axes.get(key);
  if (known) return known;
  const taps = weights(cells, size, sigma, cells === size ? bilinear : enlarge, border);
  const first = new Int32Array(size);
  const count = new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const row = taps.subarray(i * cells, (i + 1) * cells);
    first[i] = row.findIndex(Boolean);
    let end = cells;
    while (!row[end - 1]) end -= 1;
    count[i] = end - first[i];
  }
  const axis = { first, count, taps };
  if (axes.size >= KEPT) axes.delete(/** @type {string} */ (axes.keys().next().value));
  axes.set(key, axis);
  return axis;
}

/**
 * @param {number} cells
 * @param {number} size
 * @param {number} sigma
 * @param {Enlarging} enlarge
 * @param {typeof mirrored} border
 */
function weights(cells, size, sigma, enlarge, border) {
  const matrix = new Float64Array(size * cells);
  const taps = gaussian(sigma);
  const reach = (taps.length - 1) / 2;
  const sources = Array.from({ length: size }, (_, pixel) => enlarge(pixel, cells, size));
  for (let i = 0; i < size; i++) {
    for (let tap = -reach; tap <= reach; tap++) {
      const value = taps[tap + reach];
      for (const [cell, weight] of sources[border(i + tap, size)]) matrix[i * cells + cell] += value * weight;
    }
  }
  return matrix;
}

/** The Gaussian's values at whole pixels, with the sum 1. @param {number} sigma */
function gaussian(sigma) {
  if (!sigma) return [1];
  const reach = Math.floor(REACH * sigma + 0.5);
  const values = [];
  for (let tap = -reach; tap <= reach; tap++) values.push(Math.exp(-0.5 * (tap / sigma) ** 2));
  const total = values.reduce((sum, value) => sum + value, 0);
  return values.map((value) => value / total);
}

/** The pixel that stands for one beyond the border: c b a | a b c. @param {number} place @param {number} size */
export function mirrored(place, size) {
  const period = 2 * size;
  const within = ((place % period) + period) % period;
  return within < size ? within : period - 1 - within;
}

/**
 * Returns values of locations resized to an image's size and smoothed.
 * @param {ArrayLike<number>} values (rows, columns)
 * @param {import("./types").Size} cells
 * @param {import("./types").Size} size pixels
 * @param {number} sigma pixels
 * @param {Enlarging} [enlarge]
 * @param {typeof mirrored} [border]
 * @returns {Float32Array} (size)
 */
export function smoothed(values, [rows, columns], [height, width], sigma, enlarge, border) {
  const down = axisOf(rows, height, sigma, enlarge, border);
  const across = axisOf(columns, width, sigma, enlarge, border);
  const wide = new Float64Array(rows * width);
  for (let x = 0; x < width; x++) {
    const start = across.first[x];
    const end = start + across.count[x];
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let c = start; c < end; c++) sum += values[row * columns + c] * across.taps[x * columns + c];
      wide[row * width + x] = sum;
    }
  }
  const map = new Float32Array(height * width);
  const line = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    for (let row = down.first[y]; row < down.first[y] + down.count[y]; row++) {
      const weight = down.taps[y * rows + row];
      for (let x = 0; x < width; x++) line[x] += weight * wide[row * width + x];
    }
    map.set(line, y * width);
  }
  return map;
}

/** A map in units of a value. @param {Float32Array} map @param {number} by */
export const divided = (map, by) => map.map((value) => value / by);

/**
 * Returns each patch's squared distance with its first k neighbours, NaN where it has none; null without distances.
 * @param {import("./types").FoundPart} part
 * @param {import("./types").DetectorFacts} found
 * @param {number} k matters where neighbours lie in retrieved images
 * @returns {Float32Array | null} (cells)
 */
export function cellScores(part, found, k) {
  const { distance, cells } = part;
  if (cells && (!distance || k >= found.k)) return cells; // in a file with fewer neighbours: those of all
  if (!distance) return null;
  const first = found.order === "retrieval" ? Math.min(k, found.k) : found.k;
  const scores = new Float32Array(distance.length / found.k).fill(NaN);
  for (let cell = 0; cell < scores.length; cell++) {
    for (let rank = 0; rank < first; rank++) {
      const value = distance[cell * found.k + rank];
      if (!(value >= scores[cell])) scores[cell] = value; // NaN is no distance, and smaller than none
    }
  }
  return scores;
}

/**
 * Says whether the map changes where fewer neighbours count.
 * @param {import("./types").FoundPart} part
 * @param {import("./types").DetectorFacts} found
 * @returns {boolean}
 */
export function followsK(part, found) {
  const follows = !part.map && found.root !== null;
  return follows && found.order === "retrieval" && part.distance !== undefined;
}

/**
 * Returns the anomaly map with the first k neighbours, NaN in padding; null where there is none.
 * A map that was sent always wins.
 * @param {import("./types").FoundPart} part
 * @param {import("./types").DetectorFacts} found
 * @param {import("./types").Size} size of the image, pixels
 * @param {number} sigma pixels
 * @param {number} k
 * @returns {Float32Array | null} (size)
 */
export function mapOf(part, found, size, sigma, k) {
  const map = sentMap(part) ?? mapOfCells(part, found, size, sigma, k);
  if (map && part.box) blankPadding(map, part.box, size);
  return map;
}

/** @param {import("./types").FoundPart} part */
export function sentMap({ map, range }) {
  if (!map || !range) return null;
  const [low, high] = range;
  return Float32Array.from(map, (value) => low + value / STEPS * (high - low));
}

/**
 * @param {import("./types").FoundPart} part
 * @param {import("./types").DetectorFacts} found
 * @param {import("./types").Size} size
 * @param {number} sigma
 * @param {number} k
 */
function mapOfCells(part, found, size, sigma, k) {
  if (found.root === null) return null;
  const squared = cellScores(part, found, k);
  if (!squared || squared.every(Number.isNaN)) return null; // not segmented
  const values = found.root ? squared.map(Math.sqrt) : squared;
  return smoothed(values, found.cells, size, sigma);
}

/**
 * Writes NaN where a map lies outside of its image: there is nothing to be seen, not even 0.
 * @param {Float32Array} map
 * @param {ArrayLike<number>} box top, left, bottom, right
 * @param {import("./types").Size} size
 */
export function blankPadding(map, box, [height, width]) {
  const [top, left, bottom, right] = Array.from(box);
  for (let row = 0; row < height; row++) {
    const start = row * width;
    if (row < top || row >= bottom) {
      map.fill(NaN, start, start + width);
      continue;
    }
    map.fill(NaN, start, start + left);
    map.fill(NaN, start + right, start + width);
  }
}

/**
 * Returns the highest pixel of a map, the first of several; null where all are NaN.
 * @param {Float32Array} map
 * @param {import("./types").Size} size
 * @returns {import("./types").Pixel | null}
 */
export function peak(map, [, width]) {
  let best = -1;
  let highest = -Infinity;
  for (let i = 0; i < map.length; i++) {
    const higher = map[i] > highest || (best < 0 && map[i] === highest);
    if (!higher) continue;
    best = i;
    highest = map[i];
  }
  return best < 0 ? null : [Math.floor(best / width), best % width];
}

/**
 * Returns the value of each layer's map at a pixel of the image.
 * @param {import("./types").FoundPart} part
 * @param {import("./types").DetectorFacts} found
 * @param {import("./types").Pixel} pixel
 * @param {import("./types").Size} size of the image, pixels
 * @returns {{ name: string, label: string, value: number }[]}
 */
export function layersAt(part, found, pixel, size) {
  const values = [];
  for (const [i, { name, label, cells }] of found.layers.entries()) {
    const layer = part[`layer${i}`];
    if (!layer) continue;
    const [row, column] = cellOf(pixel, size, cells);
    values.push({ name, label, value: layer[row * cells[1] + column] });
  }
  return values;
}

/**
 * Returns the fraction of values that are lower than one, between known quantiles by linear interpolation.
 * @param {number} value
 * @param {ArrayLike<number>} quantiles rising, at equal steps from 0 to 1
 * @returns {number} 0 to 1
 */
export function quantileOf(value, quantiles) {
  const last = quantiles.length - 1;
  const low = countBelow(quantiles, value);
  if (low === 0) return 0;
  if (low > last) return 1;
  const before = quantiles[low - 1];
  const way = (value - before) / (quantiles[low] - before);
  return (low - 1 + way) / last;
}
