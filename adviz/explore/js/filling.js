// What is predicted anomalous in an image, as in `plots.region_fill`: blue in the defects, striped elsewhere.

import { FOUND, WRONG } from "./colours.js";
import { painted } from "./painting.js";

/** A colour as a pixel of an ImageData: alpha, blue, green, red. @param {string} hex */
const pixelOf = (hex) => parseInt(`ff${hex.slice(5, 7)}${hex.slice(3, 5)}${hex.slice(1, 3)}`, 16);
const BLUE = pixelOf(FOUND);
const VERMILLION = pixelOf(WRONG);
const STRIPE = 6; // pixels of an image

/**
 * @typedef {object} Filled
 * @property {Uint32Array<ArrayBuffer>} pixels of an ImageData
 * @property {number} found defect pixels that are predicted anomalous
 * @property {number} defect pixels
 * @property {number} wrong normal pixels that are predicted anomalous
 * @property {number} normal pixels, without padding
 */

/**
 * @param {Float32Array} map NaN in padding
 * @param {Uint8Array} mask
 * @param {number} columns
 * @param {number} threshold
 * @returns {Filled}
 */
export function filled(map, mask, columns, threshold) {
  const pixels = new Uint32Array(map.length);
  const counts = { found: 0, defect: 0, wrong: 0, normal: 0 };
  for (let i = 0; i < map.length; i++) {
    const predicted = map[i] >= threshold;
    if (mask[i]) {
      counts.defect += 1;
      if (!predicted) continue;
      counts.found += 1;
      pixels[i] = BLUE;
    } else if (!Number.isNaN(map[i])) {
      counts.normal += 1;
      if (!predicted) continue;
      counts.wrong += 1;
      const row = Math.floor(i / columns);
      if ((row + i - row * columns) % (2 * STRIPE) < STRIPE) pixels[i] = VERMILLION;
    }
  }
  return { pixels, ...counts };
}

/**
 * What the picture is given to paint in place of a map.
 * @param {Float32Array} map
 * @param {Uint8Array} mask
 * @param {import("./types").Size} size
 * @param {number} threshold
 */
export function fillOf(map, mask, [, columns], threshold) {
  const { pixels, found, defect, wrong, normal } = filled(map, mask, columns, threshold);
  const canvas = painted(pixels, columns);
  const inside = defect ? `blue: ${found} of ${defect} defect pixels found` : "no defect";
  return { canvas, words: `${inside} · striped: ${wrong} of ${normal} normal pixels predicted anomalous` };
}
