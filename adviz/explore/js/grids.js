// Pixels, the locations of a grid that lies over an image, and masks. Sizes and grids are [rows, columns].

/**
 * Returns the location of a grid that a pixel lies in.
 * @param {import("./types").Pixel} pixel
 * @param {import("./types").Size} size of the image, pixels
 * @param {import("./types").Size} grid
 * @returns {import("./types").Pixel}
 */
export function cellOf(pixel, size, grid) {
  const row = Math.floor(pixel[0] * grid[0] / size[0]);
  const column = Math.floor(pixel[1] * grid[1] / size[1]);
  return [row, column];
}

/**
 * Returns the pixel in the middle of a location.
 * @param {import("./types").Pixel} cell
 * @param {import("./types").Size} size of the image, pixels
 * @param {import("./types").Size} grid
 * @returns {import("./types").Pixel}
 */
export function middleOf(cell, size, grid) {
  const row = Math.floor((cell[0] + 0.5) * size[0] / grid[0]);
  const column = Math.floor((cell[1] + 0.5) * size[1] / grid[1]);
  return [row, column];
}

/**
 * Returns the pixels of a location, at least one.
 * @param {import("./types").Pixel} cell
 * @param {import("./types").Size} size of the image, pixels
 * @param {import("./types").Size} grid
 * @returns {import("./types").Box}
 */
export function boxOf(cell, size, grid) {
  const [top, height] = span(cell[0], size[0], grid[0]);
  const [left, width] = span(cell[1], size[1], grid[1]);
  return [top, left, height, width];
}

/**
 * Start and length of one of `count` places along a side, pixels.
 * @param {number} place
 * @param {number} side
 * @param {number} count
 */
function span(place, side, count) {
  const start = Math.floor(place * side / count);
  const end = Math.floor((place + 1) * side / count);
  return [start, Math.max(1, end - start)];
}

/**
 * Says whether a pixel belongs to an image, not to its padding.
 * @param {import("./types").Pixel} pixel
 * @param {ArrayLike<number>} edges top, left, bottom, right: a part's `box`
 * @returns {boolean}
 */
export function insideBox([row, column], edges) {
  const [top, left, bottom, right] = Array.from(edges);
  return row >= top && row < bottom && column >= left && column < right;
}

/**
 * Undoes numpy.packbits: eight values a byte, the first in its highest bit.
 * @param {Uint8Array} bits
 * @param {number} count of the values
 * @returns {Uint8Array} 0 or 1
 */
export function unpacked(bits, count) {
  const values = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const byte = bits[i >> 3];
    values[i] = (byte >> (7 - (i & 7))) & 1;
  }
  return values;
}

/**
 * Returns the edges between the inside and the outside of a mask, each as long as it is straight.
 * @param {ArrayLike<number>} mask (height, width), above 0 inside
 * @param {number} height
 * @param {number} width
 * @returns {[number, number, number, number][]} x0, y0, x1, y1; pixel (row, column) begins at x = column, y = row
 */
export function outline(mask, height, width) {
  /** @param {number} y @param {number} x */
  const inside = (y, x) => y >= 0 && y < height && x >= 0 && x < width && mask[y * width + x] > 0;
  /** @type {[number, number, number, number][]} */
  const edges = [];
  for (let y = 0; y <= height; y++) {
    const runs = runsOf(width, (x) => Number(inside(y, x)) - Number(inside(y - 1, x)));
    for (const [start, end] of runs) edges.push([start, y, end, y]);
  }
  for (let x = 0; x <= width; x++) {
    const runs = runsOf(height, (y) => Number(inside(y, x)) - Number(inside(y, x - 1)));
    for (const [start, end] of runs) edges.push([x, start, x, end]);
  }
  return edges;
}

/**
 * Start and end of the runs in which a step has one value that is not 0: mask regions that touch at a corner
 * have edges of their own.
 * @param {number} count
 * @param {(place: number) => number} step
 */
function runsOf(count, step) {
  const runs = [];
  let start = 0;
  let running = 0;
  for (let place = 0; place <= count; place++) {
    const here = place < count ? step(place) : 0;
    if (here === running) continue;
    if (running) runs.push([start, place]);
    start = place;
    running = here;
  }
  return runs;
}
