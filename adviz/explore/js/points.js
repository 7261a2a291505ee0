// Hundreds of thousands of points as pixels: where they lie, in which order and how clear they are painted.

import { MAP } from "./colours.js";
import { h } from "./dom.js";
import { clip } from "./format.js";
import { memo } from "./memo.js";

const SPARSE = 2000; // points, up to which every one is seen fully
/** Of 255: how much is seen of a pixel on which so many points lie. */
const DENSITY = [0, 150, 190, 215, 235, 245, 255];
const MOST = DENSITY.length - 1;

/**
 * @typedef {object} Sight
 * @property {Int32Array} places pixels of the points, see `spots`
 * @property {number} wide pixels of the canvas
 * @property {number} high
 * @property {number} edge pixels of a point
 * @property {number} diameter of a point, CSS pixels
 * @property {number} width of the canvas, CSS pixels
 * @property {number} height
 */

/**
 * Returns points in the order in which they are painted: the lower levels first, those of a level as they come.
 * @param {Uint16Array} levels
 */
export function byLevel(levels) {
  const starts = new Uint32Array(259);
  for (let i = 0; i < levels.length; i++) starts[levels[i] + 1] += 1;
  for (let level = 1; level < starts.length; level++) starts[level] += starts[level - 1];
  const order = new Uint32Array(levels.length);
  for (let i = 0; i < levels.length; i++) order[starts[levels[i]]++] = i;
  return order;
}

/** Pixels of a disc, as steps from its middle. @param {number} side its diameter @returns {[number, number][]} */
export function disc(side) {
  const middle = (side - 1) / 2;
  const start = -Math.floor(side / 2);
  /** @type {[number, number][]} */
  const pixels = [];
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const far = Math.hypot(row - middle, column - middle) > side / 2 + 0.1;
      if (!far) pixels.push([row + start, column + start]);
    }
  }
  return pixels;
}

/**
 * Returns the pixel that each point lies on, in a picture of `wide` x `high` pixels with `edge` more round it: a
 * point at its end needs no care. -1: out of sight.
 * @param {import("./cloud.js").Plane} plane
 * @param {number} each pixels of a step
 * @param {number} left pixel of the plane's start
 * @param {number} low
 * @param {number} wide
 * @param {number} high
 * @param {number} edge
 */
export function spots({ x, y }, each, left, low, wide, high, edge) {
  const found = new Int32Array(x.length);
  const half = edge / 2;
  for (let i = 0; i < found.length; i++) {
    const column = left + x[i] * each;
    const row = low - y[i] * each;
    const seen = column > -half && row > -half && column < wide + half && row < high + half;
    // adding before it is cut off: it is above 0
    found[i] = seen ? ((row + edge + 0.5) | 0) * (wide + 2 * edge) + ((column + edge + 0.5) | 0) : -1;
  }
  return found;
}

/**
 * Paints points as discs: a pixel has the colour of the last one, and is the clearer the more of them lie on it.
 * @param {Uint32Array} pixels of a picture, empty
 * @param {Int32Array} places as `spots` gives them
 * @param {Uint32Array | null} rows of the points, the last on top; null: all as they come
 * @param {Uint16Array} levels
 * @param {Uint32Array} palette colours of levels, their opacity left out
 * @param {number[]} offsets of a disc's pixels
 * @param {boolean} dense whether pixels of few points are less clear
 */
export function paintDots(pixels, places, rows, levels, palette, offsets, dense) {
  const counts = new Uint8Array(pixels.length);
  const count = rows ? rows.length : places.length;
  for (let n = 0; n < count; n++) {
    const i = rows ? rows[n] : n;
    const place = places[i];
    if (place < 0) continue;
    const value = palette[levels[i]];
    for (let dot = 0; dot < offsets.length; dot++) {
      const pixel = place + offsets[dot];
      pixels[pixel] = value;
      if (counts[pixel] < MOST) counts[pixel] += 1;
    }
  }
  for (let i = 0; i < pixels.length; i++) {
    if (counts[i]) pixels[i] |= (dense ? DENSITY[counts[i]] : 255) << 24;
  }
}

/** Rows that are marked, in the order of `rows` (null: as they come). */
export function markedRows(/** @type {Uint8Array} */ marks, /** @type {Uint32Array | null} */ rows) {
  const found = new Uint32Array(marks.length);
  let count = 0;
  for (let n = 0; n < marks.length; n++) {
    const i = rows ? rows[n] : n;
    if (marks[i]) found[count++] = i;
  }
  return found.subarray(0, count);
}

/** Diameter of a point among so many, CSS pixels. @param {number} count @param {number} times magnification */
export function dotSize(count, times) {
  const alone = Math.sqrt(120_000 / Math.max(1, count));
  return clip(alone * Math.sqrt(times), 1.6, 8);
}

/** A colour as a pixel of an ImageData, without opacity. @param {string} text such as "rgb(1, 2, 3)" */
function pixelOf(text) {
  const [red, green, blue] = (text.match(/[\d.]+/g) ?? ["0", "0", "0"]).map(Number);
  return ((blue << 16) | (green << 8) | red) >>> 0;
}

/** Returns a function that paints points on a canvas of its own. */
export function dots() {
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas"));
  return memo((
    /** @type {Sight} */ { places, wide, high, edge },
    /** @type {Uint16Array} */ levels,
    /** @type {Uint32Array | null} */ rows,
    /** @type {string} */ inks,
  ) => {
    Object.assign(canvas, { width: wide, height: high });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const across = wide + 2 * edge;
    const image = context.createImageData(across, high + 2 * edge);
    const offsets = disc(edge).map(([down, right]) => down * across + right);
    const dense = places.length > SPARSE;
    paintDots(new Uint32Array(image.data.buffer), places, rows, levels, paletteOf(inks), offsets, dense);
    context.putImageData(image, -edge, -edge);
    return canvas;
  });
}

/** Colours of all levels, as pixels without opacity. @param {string} inks of the style sheet */
function paletteOf(inks) {
  const [grey, marked] = inks.split("|").map(pixelOf);
  return Uint32Array.from({ length: 258 }, (_, level) => {
    const step = 3 * (level - 1);
    return level === 0 ? grey : level > 256 ? marked : (MAP[step + 2] << 16) | (MAP[step + 1] << 8) | MAP[step];
  });
}

/**
 * Draws circles, each ink over all of the former one's.
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number][]} places
 * @param {number} radius
 * @param {[number, string][]} inks widths of lines and their colours
 */
export function circles(context, places, radius, inks) {
  context.beginPath();
  for (const [x, y] of places) {
    context.moveTo(x + radius, y);
    context.arc(x, y, radius, 0, 2 * Math.PI);
  }
  for (const [width, ink] of inks) {
    context.lineWidth = width;
    context.strokeStyle = ink;
    context.stroke();
  }
}
