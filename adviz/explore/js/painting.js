// What pictures are painted with: maps in colours, lines round masks, what a zoom shows.

import { AMBER, MAP, RIM } from "./colours.js";
import { outline } from "./grids.js";

/** Of 255: how much of the lowest values is seen where a map fades. */
const FAINTEST = 50;
/** CSS pixels of an image's pixel from which on each is seen as a square. */
const SQUARES = 6;
/** Pixels of an image for one of the screen from which on their means are drawn, which takes ten times as long. */
const MANY = 1.5;

/** White inside black: what is known. Widths are CSS pixels. */
export const TRUTH = { under: "#000", over: RIM, line: 1.5, dash: [] };
/** Orange inside black: where a map reaches its level. */
export const LEVEL = { under: "#000", over: AMBER, line: 1.75, dash: [] };
/** The same where colours lie below it. */
export const DASHED = { under: "#000", over: RIM, line: 1.25, dash: [4, 3] };

/**
 * The 256 colours as pixels of an ImageData, low ones fainter where the map fades.
 * @param {boolean} fade
 */
function pixelsOf(fade) {
  const pixels = new Uint8ClampedArray(4 * 256);
  for (let step = 0; step < 256; step += 1) {
    const seen = fade ? FAINTEST + ((255 - FAINTEST) * step) / 255 : 255;
    pixels.set([...MAP.slice(3 * step, 3 * step + 3), seen], 4 * step);
  }
  return new Uint32Array(pixels.buffer);
}

const SOLID = pixelsOf(false);
const FADED = pixelsOf(true);

/**
 * Paints a map in colours, one pixel for each value; nothing where there is none (NaN).
 * @param {Float32Array} map
 * @param {number} rows
 * @param {number} columns
 * @param {number} low
 * @param {number} high
 * @param {boolean} fade
 * @returns {OffscreenCanvas}
 */
export function coloured(map, rows, columns, low, high, fade) {
  const pixels = new Uint32Array(rows * columns);
  const colours = fade ? FADED : SOLID;
  const steps = 255 / (high - low || 1);
  for (let i = 0; i < map.length; i += 1) {
    const step = (map[i] - low) * steps;
    if (step <= 0) pixels[i] = colours[0];
    else if (step >= 255) pixels[i] = colours[255];
    else if (!Number.isNaN(step)) pixels[i] = colours[Math.round(step)];
  }
  return painted(pixels, columns);
}

/**
 * A canvas of pixels: alpha, blue, green, red.
 * @param {Uint32Array<ArrayBuffer>} pixels
 * @param {number} columns
 */
export function painted(pixels, columns) {
  const data = new ImageData(new Uint8ClampedArray(pixels.buffer), columns);
  const canvas = new OffscreenCanvas(data.width, data.height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.putImageData(data, 0, 0);
  return canvas;
}

/** Names a corner between pixels. @param {number} x @param {number} y */
const corner = (x, y) => x * 65536 + y;

/**
 * Paints a mask white, and nothing elsewhere.
 * @param {Uint8Array} mask
 * @param {number} columns
 */
export function whitened(mask, columns) {
  return painted(Uint32Array.from(mask, (inside) => (inside ? 0xffffffff : 0)), columns);
}

/**
 * Chains edges between pixels to lines through their corners, so that dashes run on and corners are closed.
 * @param {ArrayLike<ArrayLike<number>>} edges [x0, y0, x1, y1], each of them horizontal or vertical
 * @returns {[number, number][][]} of each line the corners where it turns
 */
export function lines(edges) {
  /** @type {Map<number, number[]>} */
  const meeting = new Map();
  const all = Array.from(edges);
  /** @param {number} x @param {number} y @param {number} edge */
  const meet = (x, y, edge) => {
    const key = corner(x, y);
    const there = meeting.get(key);
    if (there) there.push(edge);
    else meeting.set(key, [edge]);
  };
  all.forEach((edge, i) => {
    meet(edge[0], edge[1], i);
    meet(edge[2], edge[3], i);
  });
  const used = new Uint8Array(all.length);
  const found = [];
  for (let first = 0; first < all.length; first += 1) {
    if (!used[first]) found.push(followed(first, all, meeting, used));
  }
  return found;
}

/**
 * One line from an edge on, until it closes or ends.
 * @param {number} first
 * @param {ArrayLike<number>[]} edges
 * @param {Map<number, number[]>} meeting edges at each corner
 * @param {Uint8Array} used
 * @returns {[number, number][]}
 */
function followed(first, edges, meeting, used) {
  const [x0, y0] = [edges[first][0], edges[first][1]];
  /** @type {[number, number][]} */
  const line = [[x0, y0]];
  let [x, y] = [x0, y0];
  let direction = "";
  /** @type {number | undefined} */
  let next = first;
  while (next !== undefined) {
    used[next] = 1;
    const edge = edges[next];
    const back = edge[2] === x && edge[3] === y;
    const [toX, toY] = back ? [edge[0], edge[1]] : [edge[2], edge[3]];
    const turn = toX === x ? "down" : "across";
    if (turn === direction) line.pop();
    line.push([toX, toY]);
    direction = turn;
    [x, y] = [toX, toY];
    next = meeting.get(corner(x, y))?.find((one) => !used[one]);
  }
  return line;
}

/**
 * The line round a mask, in image pixels.
 * @param {Uint8Array} mask
 * @param {number} rows
 * @param {number} columns
 * @returns {Path2D}
 */
export function outlinePath(mask, rows, columns) {
  const path = new Path2D();
  for (const line of lines(outline(mask, rows, columns))) {
    const [[startX, startY], ...rest] = line;
    const [endX, endY] = line[line.length - 1];
    const closed = startX === endX && startY === endY;
    path.moveTo(startX, startY);
    for (const [x, y] of closed ? rest.slice(0, -1) : rest) path.lineTo(x, y);
    if (closed) path.closePath();
  }
  return path;
}

/**
 * The line round where a map reaches a level, in image pixels.
 * @param {Float32Array} map
 * @param {number} rows
 * @param {number} columns
 * @param {number} level
 * @returns {Path2D}
 */
export function levelPath(map, rows, columns, level) {
  const mask = Uint8Array.from(map, (value) => (value >= level ? 1 : 0));
  return outlinePath(mask, rows, columns);
}

/**
 * Draws a line twice, so that it shows on any photograph. `scale`: CSS pixels of an image pixel.
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {Path2D} path in image pixels
 * @param {import("./types").Box} box what is seen
 * @param {number} scale
 * @param {{ under: string, over: string, line: number, dash: number[] }} style
 */
export function stroke(context, path, [top, left], scale, { under, over, line, dash }) {
  context.save();
  context.scale(scale, scale);
  context.translate(-left, -top);
  context.lineJoin = "round";
  for (const [thickness, ink, dashes] of /** @type {[number, string, number[]][]} */ ([
    [line + 2, under, []],
    [line, over, dash],
  ])) {
    context.lineWidth = thickness / scale;
    context.strokeStyle = ink;
    context.setLineDash(dashes.map((length) => length / scale));
    context.stroke(path);
  }
  context.restore();
}

/**
 * Draws the part of an image, or of a map, that is seen.
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context in CSS pixels
 * @param {ImageBitmap | OffscreenCanvas} image of any resolution
 * @param {import("./types").Box} box what is seen, pixels of `size`
 * @param {import("./types").Size} size
 * @param {number} across CSS pixels
 * @param {number} down
 * @param {boolean} [fine] slowly, with smooth edges
 */
export function show(context, image, [top, left, height, width], size, across, down, fine = false) {
  const more = image.width / size[1];
  const moreDown = image.height / size[0];
  const each = across / (width * more); // CSS pixels of one of its pixels
  const many = each * (globalThis.devicePixelRatio || 1) < 1 / MANY;
  context.imageSmoothingEnabled = each < SQUARES;
  context.imageSmoothingQuality = fine ? "high" : many ? "medium" : "low";
  const from = /** @type {const} */ ([left * more, top * moreDown, width * more, height * moreDown]);
  context.drawImage(image, ...from, 0, 0, across, down);
}
