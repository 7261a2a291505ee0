// What patches and whole images were compared with. The Python of it is adviz/explore/kit/evidence.py.

const ROUNDING = 1e-5; // relative, of a mean of float32

/**
 * The neighbours of one patch or image in the order in which they were found.
 * @typedef {object} Ranked
 * @property {number[]} distance squared; NaN where not segmented
 * @property {number[]} image training images
 * @property {number[] | null} score with the first 1, 2, ... of them; null where their number does not matter
 */

/**
 * Returns what a patch was compared with: its first k neighbours, nearest first.
 * @param {import("./types").FoundPart} part
 * @param {import("./types").DetectorFacts} found
 * @param {import("./types").Pixel} cell
 * @param {number} k
 * @returns {import("./types").Match[]} none where the image was not segmented
 */
export function matches(part, found, cell, k) {
  const every = ranked(part, found, cell);
  const { grid } = found;
  const { location } = part;
  if (!every || !grid || !location) return [];
  const at = start(found, cell);
  const list = every.distance.slice(0, k).map((distance, i) => {
    const place = location[at + i];
    const row = Math.floor(place / grid[1]);
    return match(i, distance, every.image[i], [row, place % grid[1]]);
  });
  // Array.sort is stable: equal distances stay in the order in which they were found.
  return list.filter(known).sort((a, b) => a.distance - b.distance);
}

/**
 * Returns all neighbours of a patch in the order in which they were found, and what the patch's score is with the
 * first of them: of retrieved images the running minimum. null without neighbours.
 * @param {import("./types").FoundPart} part
 * @param {import("./types").DetectorFacts} found
 * @param {import("./types").Pixel} cell
 * @returns {Ranked | null}
 */
export function ranked(part, found, cell) {
  if (!found.k || !part.distance || !part.image) return null;
  const at = start(found, cell);
  const distance = Array.from(part.distance.subarray(at, at + found.k));
  // One list of images for all patches, or one for each.
  const from = part.image.length > found.k ? at : 0;
  const image = Array.from(part.image.subarray(from, from + found.k));
  const score = found.order === "retrieval" ? runningMinimum(distance) : null;
  return { distance, image, score };
}

/**
 * Returns the first k neighbours of the whole image in the order in which they were found; their cell is [0, 0].
 * @param {import("./types").FoundPart} part
 * @param {import("./types").DetectorFacts} found
 * @param {number} k
 * @returns {import("./types").Match[]}
 */
export function wholeMatches(part, found, k) {
  const every = wholeRanked(part, found);
  if (!every) return [];
  const list = every.distance.slice(0, k).map((distance, i) => match(i, distance, every.image[i], [0, 0]));
  return list.filter(known);
}

/**
 * Returns the neighbours of the whole image, and the mean of their first 1, 2, ... squared distances: DN2's score.
 * null without any.
 * @param {import("./types").FoundPart} part
 * @param {import("./types").DetectorFacts} found
 * @returns {Ranked | null}
 */
export function wholeRanked(part, found) {
  if (!found.wholeK || !part.wholeDistance || !part.wholeImage) return null;
  const distance = Array.from(part.wholeDistance);
  const image = Array.from(part.wholeImage);
  return { distance, image, score: runningMean(distance) };
}

/**
 * Returns of how many of the first values a number is the mean, but for the last digits of float32; 0: of none.
 * @param {number[]} values
 * @param {number} mean
 */
export function countWithMean(values, mean) {
  const means = runningMean(values);
  return 1 + means.findIndex((one) => Math.abs(one - mean) <= ROUNDING * Math.abs(mean));
}

/**
 * Says whether the retrieved images are not those whose patches were searched: they were chosen otherwise.
 * @param {import("./types").FoundPart} part
 * @param {import("./types").DetectorFacts} found
 * @returns {boolean}
 */
export function elsewhere(part, found) {
  const searched = ranked(part, found, [0, 0]);
  const retrieved = wholeRanked(part, found);
  if (!searched || !retrieved || !segmented(part)) return false;
  const count = Math.min(searched.image.length, retrieved.image.length);
  const first = searched.image.slice(0, count);
  return first.some((image, i) => image !== retrieved.image[i]);
}

/**
 * Says whether the patches of an image were compared: not where its score was too low for a second stage.
 * @param {import("./types").FoundPart} part
 * @returns {boolean}
 */
export function segmented(part) {
  return !part.distance || !part.distance.every(Number.isNaN);
}

/**
 * Where a patch's neighbours begin.
 * @param {import("./types").DetectorFacts} found
 * @param {import("./types").Pixel} cell
 */
function start(found, [row, column]) {
  return (row * found.cells[1] + column) * found.k;
}

/**
 * @param {number} i place among those found, from 0
 * @param {number} distance
 * @param {number} image
 * @param {import("./types").Pixel} cell
 * @returns {import("./types").Match}
 */
function match(i, distance, image, cell) {
  return { rank: i + 1, distance, image, cell };
}

/** @param {import("./types").Match} one */
function known({ distance }) {
  return Number.isFinite(distance);
}

/** @param {number[]} values */
function runningMinimum(values) {
  let least = Infinity;
  return values.map((value) => {
    least = Math.min(least, value);
    return least;
  });
}

/** @param {number[]} values */
function runningMean(values) {
  let sum = 0;
  return values.map((value, i) => {
    sum += value;
    return sum / (i + 1);
  });
}
