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
 * Returns the location with a number, counted along rows.
 * @param {number} place
 * @param {import("./types").Size} grid
 * @returns {import("./types").Pixel}
 */
export const cellAt = (place, grid) => [Math.floor(place / grid[1]), place % grid[1]];

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
  // Inside or not, in a frame of one pixel that is outside
  const wide = width + 2;
  const inside = new Int8Array(wide * (height + 2));
  for (let y = 0; y < height; y++) {
    const start = (y + 1) * wide + 1;
    for (let x = 0; x < width; x++) inside[start + x] = Number(mask[y * width + x] > 0);
  }
  /** @type {[number, number, number, number][]} */
  const edges = [];
  for (let y = 0; y <= height; y++) {
    const runs = runsOf(inside, (y + 1) * wide + 1, wide, 1, width);
    for (const [start, end] of runs) edges.push([start, y, end, y]);
  }
  for (let x = 0; x <= width; x++) {
    const runs = runsOf(inside, wide + x + 1, 1, wide, height);
    for (const [start, end] of runs) edges.push([x, start, x, end]);
  }
  return edges;
}

/**
 * Start and end of the runs of pixels along a line that differ in one way from those across it: where regions of
 * a mask touch at a corner, each has an edge of its own.
 * @param {Int8Array} inside
 * @param {number} first pixel after the line
 * @param {number} across from a pixel to the one before the line
 * @param {number} along from a pixel to the next
 * @param {number} count of pixels along the line
 */
function runsOf(inside, first, across, along, count) {
  /** @type {[number, number][]} */
  const runs = [];
  let start = 0;
  let running = 0;
  for (let place = 0; place < count; place++) {
    const at = first + place * along;
    const here = inside[at] - inside[at - across];
    if (here === running) continue;
    if (running) runs.push([start, place]);
    start = place;
    running = here;
  }
  if (running) runs.push([start, count]);
  return runs;
}
