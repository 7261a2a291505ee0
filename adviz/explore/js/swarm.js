// Dots beside each other instead of on each other.

/**
 * Returns an offset for each of the places (pixels) so that dots of one diameter do not cover each
 * other where there is room; none is larger than `most`.
 * @param {number[]} places
 * @param {number} diameter
 * @param {number} most
 * @returns {number[]}
 */
export function swarm(places, diameter, most) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]);
  const levels = [0];
  for (let n = 1; n * diameter * 0.9 <= most; n++) levels.push(n, -n);
  /** @type {number[]} */
  const last = levels.map(() => -Infinity);
  const offsets = new Array(places.length).fill(0);
  for (const i of order) {
    const free = last.findIndex((place) => places[i] - place >= diameter);
    const chosen = free < 0 ? i % levels.length : free;
    last[chosen] = places[i];
    offsets[i] = levels[chosen] * diameter * 0.9;
  }
  return offsets;
}
