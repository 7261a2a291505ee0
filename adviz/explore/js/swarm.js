// Dots beside each other along a line, so that none hides another.

const MOST_EXACT = 5000; // dots; more are a cloud in which nobody counts them
const TIGHT = 0.9; // of a diameter, between two rows of dots
const GOLDEN = 0.618034; // of its multiples the fractions fill 0 to 1 evenly

/**
 * Returns how far to move each dot off the line, both ways: rows of dots that do not touch, or for thousands of dots
 * clouds as thick as the dots are many.
 * @param {ArrayLike<number>} places along the line, CSS pixels
 * @param {number} diameter CSS pixels
 * @param {number} most CSS pixels that a dot may be off
 * @returns {number[]} CSS pixels, between -most and most
 */
export function swarm(places, diameter, most) {
  return places.length > MOST_EXACT ? cloud(places, diameter, most) : rows(places, diameter, most);
}

/** @param {ArrayLike<number>} places @param {number} diameter @param {number} most */
function rows(places, diameter, most) {
  const height = TIGHT * diameter;
  const levels = [0];
  for (let level = 1; level * height <= most; level++) levels.push(level, -level);
  // Place of the last dot in each level
  const last = new Float64Array(levels.length).fill(-Infinity);
  const offsets = new Array(places.length).fill(0);
  const order = Array.from(places, (_, i) => i).sort((a, b) => places[a] - places[b]);
  for (const [count, i] of order.entries()) {
    const free = last.findIndex((place) => places[i] - place >= diameter);
    const at = free < 0 ? count % levels.length : free; // all are full: some dots lie over others
    last[at] = places[i];
    offsets[i] = levels[at] * height;
  }
  return offsets;
}

/** @param {ArrayLike<number>} places @param {number} diameter @param {number} most */
function cloud(places, diameter, most) {
  /** @param {number} place */
  const binOf = (place) => Math.floor(place / diameter);
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const place of Array.from(places)) {
    const bin = binOf(place);
    counts.set(bin, (counts.get(bin) ?? 0) + 1);
  }
  /** @type {Map<number, number>} */
  const seen = new Map();
  return Array.from(places, (place) => {
    const bin = binOf(place);
    const number = seen.get(bin) ?? 0;
    seen.set(bin, number + 1);
    const spread = Math.min(most, diameter * (Number(counts.get(bin)) - 1) / 2);
    const way = (0.5 + number * GOLDEN) % 1;
    return spread * (2 * way - 1);
  });
}
