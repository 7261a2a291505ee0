// Points of the plane: which lie inside of an outline, and which is the next in a direction.

const LANES = 512; // the plane is cut into so many lanes; of an outline a point meets only the edges of its lane

/**
 * Returns a function that says whether a point lies inside of an outline, by the even-odd rule. Python's twin is
 * `Bank.inside`.
 * @param {ArrayLike<number>} outline [x, y, x, y, ...]
 * @returns {(x: number, y: number) => boolean}
 */
export function insideOf(outline) {
  const count = outline.length >> 1;
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < count; i++) {
    low = Math.min(low, outline[2 * i + 1]);
    high = Math.max(high, outline[2 * i + 1]);
  }
  const step = (high - low) / LANES || 1;
  const laneOf = (/** @type {number} */ y) => Math.min(LANES - 1, Math.max(0, Math.floor((y - low) / step)));
  /** @type {number[][]} numbers of the edges in each lane */
  const lanes = Array.from({ length: LANES }, () => []);
  for (let i = 0; i < count; i++) {
    const ends = [laneOf(outline[2 * i + 1]), laneOf(outline[2 * ((i + 1) % count) + 1])];
    for (let lane = Math.min(...ends); lane <= Math.max(...ends); lane++) lanes[lane].push(i);
  }
  return (x, y) => {
    if (!(y >= low && y <= high)) return false;
    const edges = lanes[laneOf(y)];
    let within = false;
    for (let n = 0; n < edges.length; n++) {
      const at = 2 * edges[n];
      const next = at + 2 < 2 * count ? at + 2 : 0;
      const y0 = outline[at + 1];
      const y1 = outline[next + 1];
      if (y0 > y === y1 > y) continue;
      const x1 = outline[next];
      if (x < ((outline[at] - x1) * (y - y1)) / (y0 - y1) + x1) within = !within;
    }
    return within;
  };
}

/**
 * Returns an outline of at most `most` corners, evenly those of a longer one.
 * @param {number[]} outline [x, y, x, y, ...]
 * @param {number} most
 * @returns {number[]}
 */
export function thinned(outline, most) {
  const count = outline.length >> 1;
  if (count <= most) return outline;
  return Array.from({ length: most }, (_, i) => Math.floor((i * count) / most)).flatMap((i) => [
    outline[2 * i],
    outline[2 * i + 1],
  ]);
}

/**
 * Returns the nearest point in a direction: within 45 degrees of it and at least `least` away, those straight ahead
 * first; -1: there is none.
 * @param {ArrayLike<number>} xs
 * @param {ArrayLike<number>} ys
 * @param {number} from where to start
 * @param {number} across -1, 0 or 1
 * @param {number} up
 * @param {number} least
 * @returns {number}
 */
export function ahead(xs, ys, from, across, up, least) {
  let best = -1;
  let shortest = Infinity;
  for (let i = 0; i < xs.length; i++) {
    const right = xs[i] - xs[from];
    const above = ys[i] - ys[from];
    const along = right * across + above * up;
    const aside = Math.abs(right * up) + Math.abs(above * across);
    if (along < least || aside > along) continue;
    const length = along + 2 * aside;
    if (length < shortest) {
      best = i;
      shortest = length;
    }
  }
  return best;
}
