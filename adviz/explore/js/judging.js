// How well one map finds the defects of its image: pixel AUROC and PRO, as adviz.metrics.auroc_and_pro.

import { countBelow } from "./search.js";
import { memo } from "./memo.js";

const LIMIT = 0.3; // of the false-positive rate, up to which PRO counts

/**
 * Numbers the connected regions of a mask; pixels that touch at a corner are connected.
 * @param {ArrayLike<number>} mask
 * @param {import("./types").Size} size
 * @returns {{ ids: Int32Array, areas: number[] }} ids from 1; areas[0] is no region's
 */
export function regions(mask, [height, width]) {
  const ids = new Int32Array(height * width);
  const areas = [0];
  /** @type {number[]} */
  const open = [];
  for (let start = 0; start < ids.length; start++) {
    if (!mask[start] || ids[start]) continue;
    const id = areas.length;
    areas.push(0);
    ids[start] = id;
    open.push(start);
    while (open.length) {
      const at = /** @type {number} */ (open.pop());
      areas[id] += 1;
      const y = Math.floor(at / width);
      const x = at % width;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const next = row * width + column;
          if (!mask[next] || ids[next]) continue;
          ids[next] = id;
          open.push(next);
        }
      }
    }
  }
  return { ids, areas };
}

const regionsOf = memo(regions);

/**
 * Counts the normal pixels above each anomalous one, and those not below it. Anomalous pixels are few: to sort them
 * and look up the normal ones is quicker than the other way round.
 * @param {Float32Array} map
 * @param {ArrayLike<number>} mask
 * @param {Float32Array} anomalous their values, rising
 */
function normalAbove(map, mask, anomalous) {
  const above = new Float64Array(anomalous.length + 2);
  const atLeast = new Float64Array(anomalous.length + 2);
  const ends = new Uint32Array(anomalous.length); // where another value begins
  for (let i = ends.length - 1; i >= 0; i--) ends[i] = anomalous[i] === anomalous[i + 1] ? ends[i + 1] : i + 1;
  let normal = 0;
  for (let i = 0; i < map.length; i++) {
    const value = map[i];
    if (mask[i] || Number.isNaN(value)) continue;
    normal += 1;
    const below = countBelow(anomalous, value);
    above[below] += 1;
    atLeast[anomalous[below] === value ? ends[below] : below] += 1;
  }
  for (const counts of [above, atLeast]) for (let i = anomalous.length; i > 0; i--) counts[i] += counts[i + 1];
  return { above: above.subarray(1), atLeast: atLeast.subarray(1), normal };
}

/**
 * Returns the pixel AUROC and PRO of a map, NaN where they are undefined; pixels without a value do not count.
 * @param {Float32Array} map NaN in padding
 * @param {ArrayLike<number> | null} mask
 * @param {import("./types").Size} size
 * @returns {{ pixel_auroc: number, pro: number }}
 */
export function ofImage(map, mask, size) {
  const undefinedOnes = { pixel_auroc: NaN, pro: NaN };
  if (!mask) return undefinedOnes;
  const { ids, areas } = regionsOf(mask, size);
  const count = areas.length - 1;
  if (!count) return undefinedOnes;
  const anomalous = map.filter((_, i) => mask[i]).sort();
  const { above, atLeast, normal } = normalAbove(map, mask, anomalous);
  if (!normal) return undefinedOnes;
  let auroc = 0;
  let pro = 0;
  for (let i = 0; i < map.length; i++) {
    if (!ids[i]) continue;
    const place = countBelow(anomalous, map[i]);
    const before = above[place] / normal;
    const after = atLeast[place] / normal;
    auroc += (1 - (before + after) / 2) / anomalous.length;
    pro += areaOf(before, after) / (areas[ids[i]] * count * LIMIT);
  }
  return { pixel_auroc: auroc, pro };
}

/**
 * The area under a step that rises while the false-positive rate goes from `before` to `after`.
 * @param {number} before
 * @param {number} after
 */
function areaOf(before, after) {
  if (after <= LIMIT) return LIMIT - (before + after) / 2;
  return before < LIMIT ? (LIMIT - before) ** 2 / (2 * (after - before)) : 0;
}
