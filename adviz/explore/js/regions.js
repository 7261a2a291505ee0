// Numbers of regions at every false positive rate (FPR): `kit/regions.py` makes the part that they are read from.

import { countUpTo } from "./search.js";

/**
 * `regions/CATEGORY/DETECTOR/CONNECTIVITY`; R regions, K rates, M limits.
 * @typedef {object} RegionsPart
 * @property {string[]} [undefined] why there is nothing else
 * @property {Int32Array} image (R)
 * @property {Int32Array} area (R)
 * @property {Int32Array} box (R, 4)
 * @property {Float64Array} auroc (R)
 * @property {Uint16Array | Uint32Array} counts (R, K) pixels that are predicted anomalous from this rate on
 * @property {Float64Array} integrals (R, M)
 * @property {Float64Array} rates (K) FPR that can be asked for
 * @property {Float64Array} fpr (K) that there is: the highest one not above
 * @property {Float32Array | Float64Array} threshold (K)
 * @property {Float64Array} limits (M)
 * @property {Float64Array} values (M, 3) PRO by definition
 * @property {Record<string, string>[]} reasons (M) why some are NaN
 * @property {{ auroc: number, normal: number }} pixels
 */
/**
 * @typedef {object} Region
 * @property {number} number from 1
 * @property {number} image
 * @property {number} area
 * @property {import("./types").Box} box
 * @property {number} overlap
 * @property {number} integral
 * @property {number} auroc
 * @property {number} adds to PRO
 * @property {number} weight in PRO
 * @property {number} pixelWeight in the pixel AUROC
 */

export const DEFINITIONS = ["global", "global-200", "per-image"];
export const ORDERS = ["integral", "area", "number"];

/**
 * Returns each region's overlap at every rate, and their mean.
 * @param {RegionsPart} part
 */
export function overlapsOf({ area, counts, rates }) {
  const each = Array.from(area, (pixels, region) => {
    let sum = 0;
    const from = region * rates.length;
    return Float64Array.from(counts.subarray(from, from + rates.length), (count) => (sum += count) / pixels);
  });
  const mean = new Float64Array(rates.length);
  for (const one of each) one.forEach((value, i) => (mean[i] += value / each.length));
  return { each, mean };
}

/**
 * Returns where a value stands among rising ones that include it.
 * @param {ArrayLike<number>} values
 * @param {number} value
 */
export const placeOf = (values, value) => Math.max(0, countUpTo(values, value + 1e-9) - 1);

/**
 * Returns all regions at a rate and a limit.
 * @param {RegionsPart} part
 * @param {Float64Array[]} overlaps
 * @param {number} rate its place among the rates
 * @param {number} limit its place among the limits
 * @param {string} order
 * @returns {Region[]}
 */
export function regionsOf(part, overlaps, rate, limit, order) {
  const { image, area, box, auroc, integrals, limits } = part;
  const pixels = area.reduce((sum, one) => sum + one, 0);
  const weight = 1 / area.length;
  const all = Array.from(area, (own, i) => {
    const integral = integrals[i * limits.length + limit];
    return {
      number: i + 1,
      image: image[i],
      area: own,
      box: /** @type {import("./types").Box} */ (Array.from(box.subarray(4 * i, 4 * i + 4))),
      overlap: overlaps[i][rate],
      integral,
      auroc: auroc[i],
      adds: integral * weight,
      weight,
      pixelWeight: own / pixels,
    };
  });
  if (order === "area") all.sort((a, b) => a.area - b.area || a.number - b.number);
  if (order === "integral") all.sort((a, b) => a.integral - b.integral || a.number - b.number);
  return all;
}

/**
 * Returns the smallest region whose frame holds a defect's pixel; 0: none.
 * @param {Region[]} regions of the image
 * @param {import("./types").Pixel} pixel
 */
export function regionAt(regions, [row, column]) {
  const holding = regions.filter(({ box: [top, left, height, width] }) =>
    row >= top && row < top + height && column >= left && column < left + width);
  holding.sort((a, b) => a.area - b.area);
  return holding[0]?.number ?? 0;
}
