// Locations, pixels and masks. (A stand-in until the module of the same name is merged.)

/**
 * @param {import("./types").Pixel} pixel
 * @param {import("./types").Size} size
 * @param {import("./types").Size} grid
 * @returns {import("./types").Pixel}
 */
export function cellOf([row, column], size, grid) {
  return [Math.floor(row * grid[0] / size[0]), Math.floor(column * grid[1] / size[1])];
}

/**
 * @param {import("./types").Pixel} cell
 * @param {import("./types").Size} size
 * @param {import("./types").Size} grid
 * @returns {import("./types").Pixel}
 */
export function middleOf([row, column], size, grid) {
  return [
    Math.floor((row + 0.5) * size[0] / grid[0]),
    Math.floor((column + 0.5) * size[1] / grid[1]),
  ];
}

/**
 * @param {import("./types").Pixel} cell
 * @param {import("./types").Size} size
 * @param {import("./types").Size} grid
 * @returns {import("./types").Box}
 */
export function boxOf(cell, size, grid) {
  const ends = cell.map((place, i) => {
    const start = Math.floor(place * size[i] / grid[i]);
    return [start, Math.max(start + 1, Math.floor((place + 1) * size[i] / grid[i]))];
  });
  return [ends[0][0], ends[1][0], ends[0][1] - ends[0][0], ends[1][1] - ends[1][0]];
}

/**
 * numpy.packbits, undone.
 * @param {Uint8Array} bits
 * @param {number} count
 * @returns {Uint8Array}
 */
export function unpacked(bits, count) {
  const found = new Uint8Array(count);
  for (let i = 0; i < count; i += 1) found[i] = (bits[i >> 3] >> (7 - (i & 7))) & 1;
  return found;
}

/**
 * Edges between pixels inside and outside of a mask: [x0, y0, x1, y1] one after the other.
 * @param {Uint8Array} mask
 * @param {number} height
 * @param {number} width
 * @returns {number[][]}
 */
export function outline(mask, height, width) {
  /** @type {number[][]} */
  const edges = [];
  /** @param {number} y @param {number} x */
  const inside = (y, x) => y >= 0 && y < height && x >= 0 && x < width && mask[y * width + x] > 0;
  for (let y = 0; y <= height; y += 1) {
    for (let x = 0; x <= width; x += 1) {
      if (inside(y, x) !== inside(y - 1, x)) edges.push([x, y, x + 1, y]);
      if (inside(y, x) !== inside(y, x - 1)) edges.push([x, y, x, y + 1]);
    }
  }
  return edges;
}
