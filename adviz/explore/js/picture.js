// An image under its anomaly map, on which a pixel is picked and which can be looked at closely.

import { ORANGE, RIM } from "./colours.js";
import { checkbox, select, slider } from "./controls.js";
import { frame, h, own, sharp } from "./dom.js";
import { clip, number, percent } from "./format.js";
import { gestures } from "./gestures.js";
import { inUnits } from "./good.js";
import { boxOf, cellOf, middleOf } from "./grids.js";
import { lazily, memo } from "./memo.js";
import { DASHED, LEVEL, TRUTH, coloured, levelPath, outlinePath, show, stroke } from "./painting.js";
import { colourScale } from "./ranges.js";
import { closer, panned, placeOf, revealing, shownSize, viewOf } from "./zoom.js";

/** Locations that an arrow key moves with Alt. */
const FAR = 8;
/** What a key or button magnifies. */
const TWICE = 2;
/** CSS pixels of the frame round the picked location at least. */
const LEAST = 9;
/** Opacity of what is filled in place of a map. */
const FILLED = 0.75;
/** CSS pixels of an image's pixel from which on the picked one is framed, too. */
const LARGE = 8;
/** Milliseconds that a hint stays. */
const HINT = 1600;
/** @type {Record<string, [number, number]>} */
const ARROWS = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};
const KEYS = "arrow keys pick a patch (with Alt eight further), Escape goes back to the highest value, "
  + "plus and minus magnify, 0 shows all, Shift and arrow keys move, m hides the map while it is held";

/** Drawings on buttons, in a square of 16. */
export const PLUS = "M8 3v10M3 8h10";
export const MINUS = "M3 8h10";
export const CORNERS = "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3";
const EYE = "M1.5 8 Q8 1.5 14.5 8 Q8 14.5 1.5 8 M8 6 a2 2 0 1 1 0 4 a2 2 0 1 1 0 -4";

/** @typedef {import("./types").PictureGiven} PictureGiven */

/**
 * A scaled copy of an image or a map as it is seen, kept until something else is seen.
 * @returns {(
 *   image: ImageBitmap | OffscreenCanvas, top: number, left: number, height: number, width: number,
 *   rows: number, columns: number, across: number, down: number, ratio: number,
 * ) => OffscreenCanvas}
 */
function layer() {
  const canvas = new OffscreenCanvas(1, 1);
  return memo((image, top, left, height, width, rows, columns, across, down, ratio) => {
    canvas.width = Math.round(across * ratio); // empties it, too
    canvas.height = Math.round(down * ratio);
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const box = /** @type {import("./types").Box} */ ([top, left, height, width]);
    const fine = image instanceof ImageBitmap && width === columns; // once an image, not with every turn of a wheel
    show(context, image, box, [rows, columns], across, down, fine);
    return canvas;
  });
}

/**
 * Returns a function that paints what is given; only what has changed is made anew.
 * @param {HTMLCanvasElement} canvas
 */
function painter(canvas) {
  const colours = memo(coloured);
  const truth = memo(outlinePath);
  const level = memo(levelPath);
  const below = layer();
  const above = layer();

  /** @param {PictureGiven} given @param {boolean} peeking without the map */
  return (given, peeking) => {
    const { size, map, mask, limits } = given;
    const [rows, columns] = size;
    const { across, down } = shownSize(given.width, size);
    const { box, times } = viewOf(given.zoom, size);
    const scale = across / box[3];
    const context = sharp(canvas, across, down);
    const ratio = globalThis.devicePixelRatio || 1;
    const image = times > 1 && given.photo ? given.photo : given.image;

    /** @param {ReturnType<typeof layer>} layered @param {ImageBitmap | OffscreenCanvas} content */
    const put = (layered, content) => {
      const drawn = layered(content, ...box, rows, columns, across, down, ratio);
      context.drawImage(drawn, 0, 0, across, down);
    };
    context.imageSmoothingEnabled = false; // layers are as large as the canvas
    put(below, image);
    const painted = map && !peeking && !given.fill;
    if (given.fill && !peeking) {
      context.globalAlpha = FILLED;
      put(above, given.fill.canvas);
      context.globalAlpha = 1;
    }
    if (painted && given.style !== "outline") {
      context.globalAlpha = given.opacity;
      put(above, colours(map, rows, columns, limits[0], limits[1], given.fade));
      context.globalAlpha = 1;
    }
    if (mask && given.contour) stroke(context, truth(mask, rows, columns), box, scale, TRUTH);
    if (painted && given.style === "outline" && given.level !== null) {
      stroke(context, level(map, rows, columns, given.level), box, scale, LEVEL);
    }
    if (painted && given.style !== "outline" && given.dashed != null) {
      stroke(context, level(map, rows, columns, given.dashed), box, scale, DASHED);
    }
    frames(context, given.frames ?? [], box, scale);
    if (!given.pixel) return;
    const [top, left, height, width] = boxOf(cellOf(given.pixel, size, given.cells), size, given.cells);
    frame(context, [top - box[0], left - box[1], height, width], scale, RIM, { least: LEAST });
    if (scale < LARGE) return;
    const [row, column] = given.pixel;
    frame(context, [row - box[0], column - box[1], 1, 1], scale, RIM, { line: 1 });
  };
}

/**
 * Frames boxes, and writes their texts right of them where they do not lie over each other.
 * @param {CanvasRenderingContext2D} context
 * @param {{ box: import("./types").Box, text: string }[]} list
 * @param {import("./types").Box} seen
 * @param {number} scale CSS pixels of an image pixel
 */
function frames(context, list, seen, scale) {
  /** @type {[number, number][]} */
  const placed = [];
  for (const { box: [top, left, height, width], text } of list) {
    const [y, x] = [top - seen[0], left - seen[1]];
    frame(context, [y, x, height, width], scale, ORANGE, { least: LEAST - 4, line: 1.5 });
    const at = /** @type {[number, number]} */ ([(x + width) * scale + 2, y * scale + 9]);
    const near = placed.some((other) => Math.abs(other[0] - at[0]) < 26 && Math.abs(other[1] - at[1]) < 12);
    if (!text || near) continue;
    placed.push(at);
    context.font = "600 11px system-ui, sans-serif";
    context.lineWidth = 3;
    context.lineJoin = "round";
    context.strokeStyle = "#000";
    context.strokeText(text, ...at);
    context.fillStyle = RIM;
    context.fillText(text, ...at);
  }
}

/**
 * What there is to know about a pixel.
 * @param {PictureGiven} given
 * @param {import("./types").Pixel | null} pixel
 * @returns {string}
 */
function words(given, pixel) {
  if (!pixel) return given.map ? "click, or use the arrow keys, to pick a pixel" : "";
  const at = pixel[0] * given.size[1] + pixel[1];
  const said = [`row ${pixel[0]}, column ${pixel[1]}`];
  if (given.map) {
    const value = given.map[at];
    const span = (given.ends[1] - given.ends[0]) / 10;
    said.push(`${given.unit || "map"} ${Number.isNaN(value) ? "undefined" : number(value, span)}`);
  }
  if (given.mask) said.push(given.mask[at] ? "defect" : "normal");
  return said.join(" · ");
}

/**
 * What the value of a pixel means, and what the middle of the colours stands for.
 * @param {PictureGiven} given
 * @param {import("./types").Pixel | null} pixel
 */
function meaning({ map, good, anchored, size, unit }, pixel) {
  if (!map || unit || !good?.pixels) return "";
  const said = pixel ? inUnits(good, "pixels", map[pixel[0] * size[1] + pixel[1]]) : "";
  if (!said) return anchored ? "middle of the colours: stranger than 99.9 % of good pixels" : "";
  const middle = anchored ? "middle of the colours: than 99.9 %" : "";
  return [said, middle].filter(Boolean).join(" · ");
}

/** How close, and which pixels. @param {PictureGiven} given @param {number} times */
function badgeText({ photo, size }, times) {
  const [rows, columns] = size;
  const side = rows === columns ? `${rows}` : `${columns} × ${rows}`;
  return `${times.toFixed(1)}× · ${photo ? "original pixels" : `network's ${side} px`}`;
}

/**
 * What the line stands for that is drawn in place of colours; "": colours are drawn.
 * @param {PictureGiven} given
 */
function lineText({ style, level, unit, ends, fill }) {
  if (fill) return fill.words;
  if (style !== "outline") return "";
  if (level === null) return "no threshold of pixels to draw a line at";
  return `orange line: ${unit || "map"} ≥ ${number(level, (ends[1] - ends[0]) / 10)}`;
}

/** @param {string} path */
const drawing = (path) => h("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, h("path", { d: path }));

/**
 * A button of the picture, with a drawing on it.
 * @param {string} name
 * @param {string} title
 * @param {string} path
 * @param {() => void} click
 * @returns {HTMLButtonElement}
 */
export function iconButton(name, title, path, click) {
  const attributes = { type: "button", title, "aria-label": title, onclick: click };
  return own(h(`button.av-icon.av-${name}`, attributes, drawing(path)));
}

/**
 * A button that hides the map while it is pressed.
 * @param {(hidden: boolean) => void} hide
 * @returns {HTMLButtonElement}
 */
function peekButton(hide) {
  const icon = drawing(EYE);
  const node = h("button.av-button.av-peek", {
    type: "button",
    title: "hold to hide the map (key m)",
    "aria-label": "hold to hide the map",
  }, icon, h("span", {}, "hold to hide the map"));
  /** @param {boolean} hidden */
  const hold = (hidden) => {
    node.classList.toggle("av-held", hidden);
    hide(hidden);
  };
  node.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0) return;
    node.setPointerCapture(event.pointerId);
    hold(true);
  });
  for (const end of ["pointerup", "pointercancel", "blur"]) {
    node.addEventListener(end, () => hold(false));
  }
  node.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    hold(true);
  });
  node.addEventListener("keyup", () => hold(false));
  node.addEventListener("contextmenu", (/** @type {Event} */ event) => event.preventDefault()); // a long touch
  return own(node);
}

/**
 * @param {import("./types").Change} change called with { picked }, { zoom } or { limits }
 * @param {{ scale?: boolean }} [options] scale: whether the scale of colours stands below
 */
export function picture(change, options = {}) {
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas.av-picture-canvas", {
    tabindex: 0,
    role: "application",
    "aria-roledescription": "image to pick from",
  }));
  const badge = h("span.av-badge", { hidden: true });
  const hint = h("span.av-badge.av-hint", { "aria-hidden": "true" }, "Ctrl + wheel magnifies");
  const nearer = iconButton("nearer", "magnify (key +, or Ctrl + wheel)", PLUS, () => magnify(TWICE));
  const further = iconButton("further", "magnify less (key -)", MINUS, () => magnify(1 / TWICE));
  const whole = iconButton("whole", "the whole image (key 0, or a double click)", CORNERS, () => look([]));
  const buttons = [nearer, further, whole];
  const zooming = h("div.av-zooming", { role: "group", "aria-label": "magnification" }, ...buttons);
  const stage = h("div.av-stage", {}, canvas, badge, hint, zooming);
  const read = h("div.av-readout");
  const peek = peekButton((hidden) => hide("button", hidden));
  const said = h("div.av-unseen", { "aria-live": "polite" });
  const scale = colourScale(change);
  const means = h("div.av-meaning", { hidden: true });
  const node = h("div.av-picture", {}, stage, h("div.av-foot", {}, read, peek), means, said);
  if (options.scale !== false) node.append(scale.node);

  const paint = painter(canvas);
  /** @type {PictureGiven | null} */
  let now = null;
  /** @type {import("./types").Pixel | null} */
  let hovered = null;
  /** @type {Set<string>} */
  const hiding = new Set(); // what is held down so that the map is hidden
  let keyed = false; // the pick was moved by a key, which is said aloud
  let drawn = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let hinted;

  /** @param {PictureGiven} given */
  function draw(given) {
    const before = now;
    now = given;
    repaint();
    const { across } = shownSize(given.width, given.size);
    node.style.width = `${given.width}px`;
    stage.style.width = `${across}px`;
    canvas.setAttribute("aria-label", `${given.name}: ${KEYS}`);
    drawZoom(given);
    peek.hidden = !given.map;
    scale.node.hidden = !given.map;
    if (given.map) scale.show(given.limits, given.ends, lineText(given));
    if (before && before.image !== given.image) hovered = null;
    tell();
    if (keyed) said.textContent = [words(given, given.pixel), means.textContent].filter(Boolean).join(" · ");
    keyed = false;
  }

  /** @param {PictureGiven} given */
  function drawZoom(given) {
    const { times } = viewOf(given.zoom, given.size);
    const near = times > 1;
    badge.hidden = !near;
    badge.textContent = near ? badgeText(given, times) : "";
    if (!near && (further.matches(":focus") || whole.matches(":focus"))) nearer.focus();
    further.hidden = !near;
    whole.hidden = !near;
    stage.classList.toggle("av-magnified", near);
    if (near) hint.classList.remove("av-shown");
  }

  function repaint() {
    if (!now) return;
    paint(now, hiding.size > 0);
    drawn += 1;
    canvas.dataset.drawn = String(drawn);
  }

  function tell() {
    if (!now) return;
    const pixel = hovered || now.pixel;
    read.textContent = words(now, pixel);
    means.textContent = meaning(now, pixel);
    means.hidden = !means.textContent;
  }

  /** @param {string} by @param {boolean} hidden */
  function hide(by, hidden) {
    if (hiding.has(by) === hidden) return;
    if (hidden) hiding.add(by);
    else hiding.delete(by);
    repaint();
  }

  /** @param {number[]} zoom */
  const look = (zoom) => change({ zoom });

  /** Round the pick where it is seen. @param {number} factor */
  function magnify(factor) {
    if (!now) return;
    const { pixel, zoom, size } = now;
    const place = (pixel && placeOf(pixel, zoom, size)) || /** @type {[number, number]} */ ([0.5, 0.5]);
    look(closer(zoom, factor, place, size));
  }

  /**
   * Moves the pick by locations; what is seen of the picture follows it.
   * @param {PictureGiven} given
   * @param {number} down
   * @param {number} across
   */
  function step({ pixel, size, cells, zoom }, down, across) {
    /** @type {import("./types").Pixel} */
    const from = pixel || [size[0] >> 1, size[1] >> 1];
    const [row, column] = cellOf(from, size, cells);
    /** @type {import("./types").Pixel} */
    const cell = [clip(row + down, 0, cells[0] - 1), clip(column + across, 0, cells[1] - 1)];
    const moved = revealing(zoom, boxOf(cell, size, cells), size);
    hovered = null;
    keyed = true;
    const picked = middleOf(cell, size, cells);
    change(zoom.length ? { picked, zoom: moved } : { picked });
  }

  /** Whether the key means something. @param {PictureGiven} given @param {KeyboardEvent} event */
  function press(given, event) {
    const { key, altKey, shiftKey } = event;
    const arrow = ARROWS[key];
    const far = altKey ? FAR : 1;
    if (arrow && shiftKey) look(panned(given.zoom, arrow[0] / 4, arrow[1] / 4, given.size));
    else if (arrow) step(given, arrow[0] * far, arrow[1] * far);
    else if (key === "Escape") change({ picked: [] });
    else if (key === "+" || key === "=") magnify(TWICE);
    else if (key === "-" || key === "_") magnify(1 / TWICE);
    else if (key === "0") look([]);
    else if (key === "m" || key === "M") hide("key", true);
    else return false;
    return true;
  }

  canvas.addEventListener("keydown", (event) => {
    if (!now || event.ctrlKey || event.metaKey) return; // the browser's own
    if (press(now, event)) event.preventDefault();
  });
  canvas.addEventListener("keyup", (event) => {
    if (event.key === "m" || event.key === "M") hide("key", false);
  });
  canvas.addEventListener("blur", () => hide("key", false));
  own(canvas);
  gestures(canvas, {
    size: () => (now ? now.size : null),
    zoom: () => (now ? now.zoom : []),
    pick: (picked) => {
      hovered = picked;
      change({ picked });
    },
    look,
    hover: (pixel) => {
      hovered = pixel;
      tell();
    },
    hint: () => {
      hint.classList.add("av-shown");
      clearTimeout(hinted);
      hinted = setTimeout(() => hint.classList.remove("av-shown"), HINT);
    },
  });
  return { node, draw: lazily(draw), canvas };
}

/**
 * How a map is drawn.
 * @param {import("./types").Change} change called with { opacity }, { contour }, { fade } or { shown_as }
 */
export function pictureControls(change) {
  const opacity = slider("opacity", "opacity", (value) => change({ opacity: value }), { say: percent });
  const truth = checkbox("contour", "ground truth", (contour) => change({ contour }));
  const fade = checkbox("fade", "fade low values", (value) => change({ fade: value }));
  const style = select("style", "shown as", (value) => change({ shown_as: value }));
  const input = /** @type {HTMLInputElement} */ (opacity.node.querySelector("input"));
  const checks = h("div.av-picture-checks", {}, truth.node, fade.node);
  const node = h("div.av-picture-controls", {}, opacity.node, style.node, checks);
  return {
    node,
    /**
     * `masked`: whether there is a ground truth; `mapped`: whether there is a map.
     * @param {{
     *   opacity: number, contour: boolean, fade: boolean, style: string, masked?: boolean, mapped?: boolean,
     * }} values
     */
    show(values) {
      const { masked = true, mapped = true } = values;
      const colours = mapped && values.style !== "outline";
      opacity.show(values.opacity);
      input.disabled = !colours;
      truth.node.hidden = !masked;
      for (const one of [opacity, style, fade]) one.node.hidden = !mapped;
      truth.show(values.contour, !masked);
      fade.show(values.fade, !colours);
      style.show(mapped ? ["map", "outline"] : [values.style], values.style);
    },
  };
}
