// Small pictures of one image side by side: the image, its ground truth, maps of several detectors or layers.
// A pixel is picked in all of them at once, and they show the same part of the image.

import { GRADIENT } from "./colours.js";
import { h, own, sharp } from "./dom.js";
import { resized } from "./arrange.js";
import { clip, number } from "./format.js";
import { gestures } from "./gestures.js";
import { lazily, memo } from "./memo.js";
import { DASHED, TRUTH, coloured, levelPath, outlinePath, show, stroke, whitened } from "./painting.js";
import { placeOf, shownSize, viewOf } from "./zoom.js";

/** CSS pixels between tiles; also in tiles.css. */
const GAP = 16;

/** @typedef {import("./types").Tile} Tile */
/** @typedef {import("./types").TilesGiven} TilesGiven */
/** @typedef {import("./types").Pixel} Pixel */

/**
 * How many tiles stand in a row so that rows are as even as can be: 5, then 3 + 2, then 2 + 2 + 1.
 * @param {number} count
 * @param {number} width of a tile
 * @param {number} room
 * @returns {number}
 */
export function inRow(count, width, room) {
  const most = Math.max(1, Math.floor((room + GAP) / (width + GAP)));
  const rows = Math.max(1, Math.ceil(count / most));
  return Math.max(1, Math.ceil(count / rows));
}

/** @param {Tile} tile */
const hasMap = ({ kind, map }) => (kind === "map" || kind === "overlay") && map !== null;

/**
 * What the drawing of a tile follows from: nothing else makes it drawn again.
 * @param {Tile} tile
 * @param {TilesGiven} given
 */
function drawing(tile, given) {
  const { kind, map, limits, level } = tile;
  const { image, mask, size, zoom, width } = given;
  const mapped = hasMap(tile);
  const overlay = kind === "overlay";
  return {
    kind,
    size,
    zoom,
    width,
    ratio: globalThis.devicePixelRatio || 1,
    image: kind === "image" || overlay ? image : null,
    map: mapped ? map : null,
    limits: mapped ? limits : null,
    level: mapped ? level : null,
    truth: kind === "truth" ? mask : null,
    contour: given.contour && (kind === "image" || mapped) ? mask : null,
    opacity: overlay ? given.opacity : 1,
    fade: overlay && given.fade,
  };
}

/**
 * Returns a function that draws a tile's picture where it has changed.
 * @param {HTMLCanvasElement} canvas
 */
function painter(canvas) {
  const colours = memo(coloured);
  const white = memo(whitened);
  const outlined = memo(outlinePath);
  const reached = memo(levelPath);
  let drawn = 0;

  /** @param {ReturnType<typeof drawing>} what */
  function paint({ size, zoom, width, image, map, limits, level, truth, contour, opacity, fade }) {
    const [rows, columns] = size;
    const { across, down } = shownSize(width, size);
    const { box } = viewOf(zoom, size);
    const scale = across / box[3];
    const context = sharp(canvas, across, down);
    if (image) show(context, image, box, size, across, down);
    if (map && limits) {
      const painted = colours(map, rows, columns, limits[0], limits[1], fade);
      context.globalAlpha = opacity;
      show(context, painted, box, size, across, down);
      context.globalAlpha = 1;
    }
    if (truth) {
      context.fillStyle = "#000";
      context.fillRect(0, 0, across, down);
      show(context, white(truth, columns), box, size, across, down);
    }
    if (contour) stroke(context, outlined(contour, rows, columns), box, scale, TRUTH);
    if (map && level !== null) stroke(context, reached(map, rows, columns, level), box, scale, DASHED);
    drawn += 1;
    canvas.dataset.drawn = String(drawn);
  }
  return lazily(paint);
}

/** A mark that shows on any photograph. */
function cross() {
  const path = "M9 1v5M9 12v5M1 9h5M12 9h5";
  const under = h("path", { d: path, stroke: "#000", "stroke-width": 4 });
  const over = h("path", { d: path, stroke: "#fff", "stroke-width": 2 });
  return h("svg.av-tile-cross", { viewBox: "0 0 18 18", "aria-hidden": "true" }, under, over);
}

/** The colours of a map, what their ends stand for, and the value at the cross. */
function legend() {
  const tick = h("i.av-tile-tick");
  const bar = h("div.av-tile-bar", {}, tick);
  const low = h("span");
  const value = h("b", { title: "at the cross" });
  const high = h("span");
  bar.style.background = GRADIENT;
  const node = h("div.av-tile-scale", {}, bar, h("div.av-tile-numbers", {}, low, value, high));
  return {
    node,
    /** @param {Tile} tile @param {Pixel | null} pixel @param {import("./types").Size} size */
    show(tile, pixel, size) {
      const mapped = hasMap(tile);
      node.hidden = !mapped;
      if (!mapped || !tile.map) return;
      const [least, most] = tile.limits;
      const span = (most - least) / 10;
      low.textContent = number(least, span);
      high.textContent = number(most, span);
      const here = pixel ? tile.map[pixel[0] * size[1] + pixel[1]] : NaN;
      const known = !Number.isNaN(here);
      value.textContent = known ? number(here, span) : "";
      tick.hidden = !known;
      if (known) tick.style.left = `${100 * clip((here - least) / (most - least || 1), 0, 1)}%`;
    },
  };
}

/** What stands in place of a picture. @param {Tile} tile @param {TilesGiven} given */
function missing(tile, given) {
  if (tile.kind === "image") return "";
  if (tile.kind === "truth") return given.mask ? "" : "no ground truth";
  return hasMap(tile) ? "" : "no map";
}

/**
 * @param {() => void} choose
 * @param {(canvas: HTMLCanvasElement) => void} listen
 */
function oneTile(choose, listen) {
  const button = own(h("button.av-tile-title", { type: "button", onclick: choose }));
  const heading = h("div.av-tile-title");
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { role: "img" }));
  const none = h("span.av-tile-none", { "aria-hidden": "true" });
  const mark = cross();
  const row = h("i.av-tile-row");
  const column = h("i.av-tile-column");
  const stage = h("div.av-tile-stage", {}, canvas, none, row, column, mark);
  const scale = legend();
  const below = h("div.av-tile-lines");
  const node = h("div.av-tile", {}, button, heading, stage, scale.node, below);
  const paint = painter(canvas);
  const write = lazily((/** @type {string[]} */ lines) => {
    below.replaceChildren(...lines.map((line) => h("div", {}, line)));
  });
  listen(canvas);

  /** @param {Element} sign @param {[number, number] | null} place */
  function put(sign, place) {
    sign.classList.toggle("av-away", !place);
    if (!place) return;
    const { style } = /** @type {HTMLElement} */ (sign);
    style.setProperty("--down", `${100 * place[0]}%`);
    style.setProperty("--across", `${100 * place[1]}%`);
  }

  return {
    node,
    /** @param {Tile} tile @param {TilesGiven} given @param {boolean} choosable */
    draw(tile, given, choosable) {
      const { across, down } = shownSize(given.width, given.size);
      for (const one of [button, heading]) {
        one.textContent = tile.title;
        one.title = tile.title;
      }
      button.hidden = !choosable;
      heading.hidden = choosable;
      button.setAttribute("aria-pressed", String(tile.chosen));
      node.classList.toggle("av-chosen", choosable && tile.chosen);
      node.classList.toggle("av-choosable", choosable);
      stage.style.width = `${across}px`;
      stage.style.height = `${down}px`;
      none.textContent = missing(tile, given);
      const said = [tile.title, none.textContent, ...tile.lines].filter(Boolean);
      canvas.setAttribute("aria-label", said.join(", "));
      paint(drawing(tile, given));
      write(tile.lines);
    },
    /** @param {Tile} tile @param {TilesGiven} given @param {Pixel | null} hovered */
    point(tile, given, hovered) {
      const { zoom, size, pixel } = given;
      put(mark, pixel && placeOf(pixel, zoom, size));
      const place = hovered && placeOf(hovered, zoom, size);
      put(row, place);
      put(column, place);
      scale.show(tile, hovered || pixel, size);
    },
  };
}

/**
 * A click picks the pixel under it in all tiles and chooses the tile, if it is one of a map.
 * @param {((index: number) => void) | null} choose
 * @param {import("./types").Change} change called with { picked } or { zoom }
 * @param {((index: number) => void) | null} [picking] what a pick chooses; titles always choose
 */
export function tiles(choose, change, picking = choose) {
  const grid = h("div.av-tiles-grid");
  const room = h("div"); // is as wide as there is room, and never changes its height
  const node = h("div.av-tiles", {}, room, grid);
  /** @type {ReturnType<typeof oneTile>[]} */
  const shown = [];
  /** @type {TilesGiven | null} */
  let now = null;
  /** @type {Pixel | null} */
  let hovered = null;

  /** @param {Tile} tile */
  const choosable = ({ kind }) => choose !== null && kind !== "image" && kind !== "truth";

  function arrange() {
    if (!now || !room.clientWidth) return;
    const { across } = shownSize(now.width, now.size);
    const wide = Math.min(now.width, Math.max(across, 88));
    const columns = inRow(now.tiles.length, wide, room.clientWidth);
    grid.style.gridTemplateColumns = `repeat(${columns}, ${wide}px)`;
  }

  function point() {
    const given = now;
    if (given) shown.forEach((one, i) => one.point(given.tiles[i], given, hovered));
  }

  /** @param {number} index */
  function made(index) {
    /** @param {HTMLCanvasElement} canvas */
    const listen = (canvas) => gestures(canvas, {
      size: () => (now ? now.size : null),
      zoom: () => (now ? now.zoom : []),
      pick(picked) {
        const tile = now && now.tiles[index];
        hovered = picked;
        if (picking && tile && choosable(tile) && !tile.chosen) picking(index);
        change({ picked });
      },
      look: (zoom) => change({ zoom }),
      hover(pixel) {
        hovered = pixel;
        point();
      },
      hint() {},
    });
    return oneTile(() => choose?.(index), listen);
  }

  /** @param {TilesGiven} given */
  function draw(given) {
    now = given;
    resized(grid, shown, given.tiles.length, made);
    node.classList.toggle("av-magnified", viewOf(given.zoom, given.size).times > 1);
    shown.forEach((one, i) => one.draw(given.tiles[i], given, choosable(given.tiles[i])));
    point();
    arrange();
  }

  new ResizeObserver(arrange).observe(room);
  return { node, draw: lazily(draw) };
}
