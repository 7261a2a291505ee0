// What part of an image is looked at, and where its pixels lie on the screen.
// A zoom is [] (all of the image) or [row, column of the middle, magnification].

import { clip } from "./format.js";

export const MOST = 32;

/** Digits that a person could notice; also what the kernel gets. @param {number} value */
const rounded = (value) => Math.round(value * 1000) / 1000;

/**
 * The zoom with this middle and magnification, moved so that no empty margin shows.
 * @param {number} row
 * @param {number} column
 * @param {number} magnification
 * @param {import("./types").Size} size
 * @returns {number[]}
 */
export function clamped(row, column, magnification, [height, width]) {
  const times = Math.min(MOST, magnification);
  if (!(times > 1.001)) return [];
  const half = 0.5 / times;
  const middle = [
    clip(row, half * height, (1 - half) * height),
    clip(column, half * width, (1 - half) * width),
  ];
  return [...middle, times].map(rounded);
}

/**
 * The part of the image that a zoom shows: its edges, in image pixels, and how many times it is magnified.
 * @param {number[]} zoom
 * @param {import("./types").Size} size
 * @returns {{ box: import("./types").Box, times: number }}
 */
export function viewOf(zoom, size) {
  const [high, wide] = size;
  const known = zoom.length === 3 && zoom.every(Number.isFinite);
  const valid = known ? clamped(zoom[0], zoom[1], zoom[2], size) : [];
  if (!valid.length) return { box: [0, 0, high, wide], times: 1 };
  const [row, column, times] = valid;
  const height = high / times;
  const width = wide / times;
  const top = clip(row - height / 2, 0, high - height);
  const left = clip(column - width / 2, 0, wide - width);
  return { box: [top, left, height, width], times };
}

/**
 * The zoom that shows a point of the image at a place of the picture.
 * @param {[number, number]} point row, column; not whole numbers
 * @param {[number, number]} place fractions: [0, 0] is the upper left corner, [1, 1] the lower right
 * @param {number} magnification
 * @param {import("./types").Size} size
 * @returns {number[]}
 */
export function zoomTo([row, column], [down, across], magnification, size) {
  const times = clip(magnification, 1, MOST);
  const middleRow = row + (0.5 - down) * size[0] / times;
  const middleColumn = column + (0.5 - across) * size[1] / times;
  return clamped(middleRow, middleColumn, times, size);
}

/**
 * The point of the image that a zoom shows at a place of the picture.
 * @param {[number, number]} place
 * @param {number[]} zoom
 * @param {import("./types").Size} size
 * @returns {[number, number]}
 */
export function pointAt([down, across], zoom, size) {
  const [top, left, height, width] = viewOf(zoom, size).box;
  return [top + down * height, left + across * width];
}

/**
 * The pixel at a place of the picture; places outside give the nearest.
 * @param {[number, number]} place
 * @param {number[]} zoom
 * @param {import("./types").Size} size
 * @returns {import("./types").Pixel}
 */
export function pixelAt(place, zoom, size) {
  const [row, column] = pointAt(place, zoom, size);
  return [clip(Math.floor(row), 0, size[0] - 1), clip(Math.floor(column), 0, size[1] - 1)];
}

/**
 * Where the middle of a pixel lies in the picture; null where the zoom does not show it.
 * @param {import("./types").Pixel} pixel
 * @param {number[]} zoom
 * @param {import("./types").Size} size
 * @returns {[number, number] | null}
 */
export function placeOf([row, column], zoom, size) {
  const [top, left, height, width] = viewOf(zoom, size).box;
  const down = (row + 0.5 - top) / height;
  const across = (column + 0.5 - left) / width;
  const inside = down >= 0 && down <= 1 && across >= 0 && across <= 1;
  return inside ? [down, across] : null;
}

/**
 * The zoom `factor` times as close, with the point at `place` where it is.
 * @param {number[]} zoom
 * @param {number} factor
 * @param {[number, number]} place
 * @param {import("./types").Size} size
 * @returns {number[]}
 */
export function closer(zoom, factor, place, size) {
  const times = viewOf(zoom, size).times * factor;
  return zoomTo(pointAt(place, zoom, size), place, times, size);
}

/**
 * The zoom moved by fractions of what it shows.
 * @param {number[]} zoom
 * @param {number} down
 * @param {number} across
 * @param {import("./types").Size} size
 * @returns {number[]}
 */
export function panned(zoom, down, across, size) {
  const { times } = viewOf(zoom, size);
  return zoomTo(pointAt([0.5 + down, 0.5 + across], zoom, size), [0.5, 0.5], times, size);
}

/**
 * The zoom moved just as far as a box needs to be seen whole.
 * @param {number[]} zoom
 * @param {import("./types").Box} box image pixels
 * @param {import("./types").Size} size
 * @returns {number[]}
 */
export function revealing(zoom, box, size) {
  const { box: seen, times } = viewOf(zoom, size);
  if (times === 1) return [];
  const middle = [0, 1].map((axis) => {
    const start = box[axis];
    const end = start + box[axis + 2];
    const room = seen[axis + 2];
    const first = end - start > room ? (start + end - room) / 2 : clip(seen[axis], end - room, start);
    return first + room / 2;
  });
  return clamped(middle[0], middle[1], times, size);
}

/**
 * CSS pixels of a picture that is `width` wide; images that stand are narrower, so that they fit on a screen.
 * @param {number} width
 * @param {import("./types").Size} size
 * @returns {{ across: number, down: number }}
 */
export function shownSize(width, [high, wide]) {
  const across = Math.max(1, Math.round(Math.min(width, 1.5 * width * wide / high)));
  return { across, down: Math.max(1, Math.round(across * high / wide)) };
}
