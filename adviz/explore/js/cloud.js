// Hundreds of thousands of points in the plane on a canvas: coloured, some ringed, lit or selected; one is picked.

import { button } from "./controls.js";
import { bubble } from "./bubble.js";
import { h, own, set, sharp } from "./dom.js";
import { clip } from "./format.js";
import { gestures } from "./gestures.js";
import { ahead, thinned } from "./lasso.js";
import { nearest } from "./marks.js";
import { lazily, memo } from "./memo.js";
import { byLevel, circles, dotSize, dots, markedRows, spots } from "./points.js";
import { CORNERS, MINUS, PLUS, iconButton } from "./picture.js";
import { clamped, closer, panned, viewOf } from "./zoom.js";

const MARGIN = 16; // CSS pixels round the points
const REACH = 14; // CSS pixels within which a pointer finds a point
const CORNERS_MOST = 240; // of a lasso
const CROWD = 700; // rings in sight, beyond which they are drawn fine
const NUMBERED = 5; // first choices whose number stands beside their ring
const LEAST_STEP = 5; // CSS pixels that an arrow key goes at least
const TWICE = 2;
const REST = 90; // milliseconds that a pointer rests before what is under it may be asked for
const FAINT = 0.35; // how much is seen of points that are not selected
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const LOOP = "M5.5 11.5C2 10.5 1.5 6.5 4 4.5S11 2.5 13 5s.5 6-3.5 6.5S5 12.5 4.5 14.5";

/**
 * @typedef {object} Plane
 * @property {ArrayLike<number>} x whole numbers of steps
 * @property {ArrayLike<number>} y
 * @property {ArrayLike<number>} frame start of x, start of y, step of both
 */
/**
 * @typedef {object} CloudGiven
 * @property {Plane} plane
 * @property {Uint16Array} levels of the points: 0 grey, 1 to 256 a colour, 257 marked
 * @property {boolean} sorted whether higher levels lie on top
 * @property {Uint32Array | null} order what is ringed: its first `count`; null: none
 * @property {number} count
 * @property {boolean} ringed whether rings are drawn, which would hide colours
 * @property {number | null} picked
 * @property {number | null} stand what stands for the picked point
 * @property {Uint8Array | null} selected 0 or 1
 * @property {number[]} lasso [x, y, x, y, ...] in the plane
 * @property {number[]} lit points that are lit, such as the matches of an image
 * @property {number[]} zoom [] = all of it, else [x, y, magnification]
 * @property {string} label
 * @property {number} width CSS pixels
 * @property {number} height
 */

/**
 * The plane as an image whose pixels are its steps, y downwards, of the shape of a canvas: zoom.js looks at it.
 * @param {Plane} plane
 * @param {number} width CSS pixels
 * @param {number} height
 */
export function sheet({ x, y, frame }, width, height) {
  let right = 1;
  let top = 1;
  for (let i = 0; i < x.length; i++) {
    if (x[i] > right) right = x[i];
    if (y[i] > top) top = y[i];
  }
  const each = Math.max(right / (width - 2 * MARGIN), top / (height - 2 * MARGIN)); // one scale for both axes
  /** @type {import("./types").Size} */
  const size = [height * each, width * each];
  const left = (size[1] - right) / 2;
  const low = (size[0] - top) / 2;
  /** @param {number} across @param {number} up steps @returns {[number, number]} row, column */
  const place = (across, up) => [size[0] - up - low, across + left];
  return {
    size,
    /**
     * Steps of the plane at a place of the image.
     * @param {number} row
     * @param {number} column
     * @returns {[number, number]}
     */
    steps: (row, column) => [column - left, size[0] - row - low],
    place,
    /** A place of the image as one of the plane, and back. @param {number} row @param {number} column */
    told(row, column) {
      const [across, up] = this.steps(row, column);
      return [frame[0] + frame[2] * across, frame[1] + frame[2] * up].map((value) => Number(value.toPrecision(7)));
    },
    /** @param {number} across @param {number} up */
    meant: (across, up) => place((across - frame[0]) / frame[2], (up - frame[1]) / frame[2]),
    /** A zoom of the image as one of the plane, and back. @param {number[]} zoom */
    toldZoom(zoom) {
      return zoom.length === 3 ? [...this.told(zoom[0], zoom[1]), zoom[2]] : [];
    },
    /** @param {number[]} zoom */
    meantZoom(zoom) {
      return zoom.length === 3 ? clamped(...this.meant(zoom[0], zoom[1]), zoom[2], size) : [];
    },
  };
}

/**
 * A scatter of many points.
 * @param {import("./types").Change} change sets { picked }, { lasso } or { zoom }
 * @param {(row: number, rests: boolean) => Node[]} tip what stands beside the pointer at a point; `rests`: it stays
 *   there, and what is missing may be asked for
 * @param {{ selects?: boolean }} [options] selects: whether points can be selected
 * @returns {import("./types").Component<CloudGiven> & { canvas: HTMLCanvasElement }}
 */
export function cloud(change, tip, options = {}) {
  const { selects = true } = options;
  const attributes = { tabindex: 0, role: "application", "aria-roledescription": "scatter to pick from" };
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas.av-cloud-marks", attributes));
  const outline = h("path.av-cloud-lasso");
  const link = h("path.av-cloud-link");
  const marks = ["stand", "picked", "pointed"].map((name) => h(`circle.av-cloud-${name}`, { r: 7 }));
  const under = ["stand", "picked"].map(() => h("circle.av-cloud-under", { r: 7 }));
  const cover = h("svg.av-cloud-over", { "aria-hidden": "true" }, outline, link, ...under, ...marks);
  const samples = ["grey", "marked", "ink", "paper", "lit"].map((name) => h(`i.av-cloud-${name}`, { hidden: true }));
  const beside = bubble();
  const said = h("div.av-unseen", { "aria-live": "polite" });
  const drawing = "outline points to select them (Shift and a drag; key l)";
  const around = iconButton("lasso", drawing, LOOP, () => hold(!lassoing));
  const nearer = iconButton("nearer", "magnify (key +, or Ctrl + wheel)", PLUS, () => magnify(TWICE));
  const further = iconButton("further", "magnify less (key -)", MINUS, () => magnify(1 / TWICE));
  const whole = iconButton("whole", "all points (key 0, or a double click)", CORNERS, () => look([]));
  const zooming = h("div.av-zooming", { role: "group", "aria-label": "scatter" }, around, nearer, further, whole);
  const clear = button("clear-lasso", "clear selection", "clear selection (Escape)", () => {
    change({ lasso: [], chosen: [] });
    canvas.focus();
  });
  const hint = h("span.av-badge.av-hint", { "aria-hidden": "true" }, "Ctrl + wheel magnifies");
  const tools = [hint, zooming, clear, beside.node, said];
  const stage = h("div.av-stage.av-cloud-stage", {}, canvas, cover, ...tools, ...samples);
  const node = h("div.av-cloud", {}, stage);
  own(canvas);
  around.hidden = !selects;

  /** @type {CloudGiven} */
  let now;
  /** @type {ReturnType<typeof sheet>} */
  let paper;
  /** @type {number[]} of the sheet */
  let zoom = [];
  let box = /** @type {import("./types").Box} */ ([0, 0, 1, 1]);
  let lassoing = false;
  /** @type {number[] | null} [x, y, ...] CSS pixels */
  let path = null;
  let pointed = -1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let hinted;
  let keyed = false;
  const papers = memo(sheet);
  const painting = memo(byLevel);
  const selection = memo(markedRows);
  const sight = memo(inSight);
  const [below, above, over] = [dots(), dots(), memo(paintRings)];
  const layer = /** @type {HTMLCanvasElement} */ (h("canvas")); // of rings

  const scale = () => now.width / box[3]; // CSS pixels of a step
  /** @param {[number, number]} place row, column of the sheet @returns {[number, number]} CSS pixels */
  const shown = ([row, column]) => [(column - box[1]) * scale(), (row - box[0]) * scale()];
  /** @param {number} row */
  const at = (row) => shown(paper.place(now.plane.x[row], now.plane.y[row]));
  /** Place of the sheet. @param {number} x @param {number} y CSS pixels @returns {[number, number]} */
  const placeUnder = (x, y) => [box[0] + y / scale(), box[1] + x / scale()];
  /** Steps under a place of the canvas. @param {number} x @param {number} y CSS pixels */
  const stepsAt = (x, y) => paper.steps(...placeUnder(x, y));

  /** @param {CloudGiven} given */
  function draw(given) {
    now = given;
    paper = papers(given.plane, given.width, given.height);
    zoom = paper.meantZoom(given.zoom);
    const view = viewOf(zoom, paper.size);
    box = view.box;
    paint(given);
    stage.style.width = `${given.width}px`;
    stage.style.height = `${given.height}px`;
    stage.classList.toggle("av-magnified", view.times > 1);
    if (view.times === 1 && (further.matches(":focus") || whole.matches(":focus"))) nearer.focus();
    further.hidden = view.times === 1;
    whole.hidden = view.times === 1;
    clear.hidden = !given.selected;
    canvas.setAttribute("aria-label", given.label);
    canvas.dataset.drawn = String(Number(canvas.dataset.drawn ?? 0) + 1);
    drawOver();
    if (keyed) said.textContent = given.picked === null ? "" : wordsOf(tip(given.picked, false));
    keyed = false;
  }

  /** Puts together what is painted of it; only what has changed is painted anew. @param {CloudGiven} given */
  function paint({ plane, width, height, levels, sorted, selected, ...given }) {
    const seen = sight(plane, width, height, box.join(), globalThis.devicePixelRatio || 1);
    const order = sorted ? painting(levels) : null;
    const inks = samples.map((sample) => getComputedStyle(sample).color).join("|");
    const context = sharp(canvas, width, height);
    context.imageSmoothingEnabled = false; // layers are as large as the canvas
    const put = (/** @type {HTMLCanvasElement} */ painted) => context.drawImage(painted, 0, 0, width, height);
    context.globalAlpha = selected ? FAINT : 1;
    put(below(seen, levels, order, inks));
    context.globalAlpha = 1;
    if (selected) put(above(seen, levels, selection(selected, order), inks));
    put(over(seen, given.order, given.count, given.ringed, given.lit, inks));
  }

  /**
   * Where points lie on the canvas.
   * @param {Plane} plane
   * @param {number} width CSS pixels
   * @param {number} height
   * @param {string} _box what is seen
   * @param {number} ratio pixels of a CSS pixel
   */
  function inSight(plane, width, height, _box, ratio) {
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    const diameter = dotSize(plane.x.length, paper.size[1] / box[3]);
    const edge = Math.max(1, Math.round(diameter * ratio));
    const each = scale() * ratio;
    const [row, column] = paper.place(0, 0);
    const places = spots(plane, each, (column - box[1]) * each, (row - box[0]) * each, wide, high, edge);
    return { places, wide, high, edge, width, height, diameter };
  }

  /**
   * @param {import("./points.js").Sight} seen
   * @param {Uint32Array | null} order @param {number} count @param {boolean} ringed
   * @param {number[]} lit @param {string} inks
   */
  function paintRings({ width, height, diameter }, order, count, ringed, lit, inks) {
    const context = sharp(layer, width, height);
    const [, , ink, background, shine] = inks.split("|");
    /** @param {Iterable<number>} rows */
    const displayed = (rows) =>
      Array.from(rows, at).filter(([x, y]) => x > -9 && y > -9 && x < width + 9 && y < height + 9);
    const first = order && ringed ? order.subarray(0, count) : [];
    const places = displayed(first);
    const fine = places.length > CROWD;
    const radius = diameter / 2;
    circles(context, places, radius + (fine ? 1 : 2.5), [[fine ? 1.5 : 3, background], [fine ? 0.75 : 1.25, ink]]);
    circles(context, displayed(new Set(lit)), radius + 3.5, [[4, background], [2, shine]]);
    numbers(context, first.slice(0, NUMBERED), ink, background);
    return layer;
  }

  /** Numbers of the first choices; one that would lie over another is left out. */
  function numbers(
    /** @type {CanvasRenderingContext2D} */ context,
    /** @type {ArrayLike<number>} */ rows,
    /** @type {string} */ ink,
    /** @type {string} */ background,
  ) {
    /** @type {[number, number][]} */
    const placed = [];
    context.font = "600 12px system-ui, sans-serif";
    context.lineJoin = "round";
    Array.from(rows, at).forEach(([x, y], i) => {
      if (placed.some(([left, top]) => Math.abs(left - x) < 12 && Math.abs(top - y) < 14)) return;
      placed.push([x, y]);
      context.lineWidth = 4;
      context.strokeStyle = background;
      context.strokeText(String(i + 1), x + 7, y - 5);
      context.fillStyle = ink;
      context.fillText(String(i + 1), x + 7, y - 5);
    });
  }

  function drawOver() {
    const { width, height, picked, stand } = now;
    set(cover, { width, height, viewBox: `0 0 ${width} ${height}` });
    const points = path ?? shownLasso();
    outline.setAttribute("d", points.length > 3 ? `M${chunked(points)}${path ? "" : "z"}` : "");
    const places = [stand === picked ? null : stand, picked, pointed < 0 ? null : pointed].map((row) =>
      row === null ? null : at(row),
    );
    [...marks, ...under].forEach((mark, i) => {
      const place = places[i % 3];
      mark.style.display = place ? "" : "none";
      if (place) set(mark, { cx: place[0], cy: place[1] });
    });
    const [one, other] = places;
    link.setAttribute("d", one && other ? `M${one}L${other}` : "");
  }

  function shownLasso() {
    const { lasso } = now;
    return lasso.flatMap((x, i) => (i % 2 ? [] : shown(paper.meant(x, lasso[i + 1]))));
  }

  /** @param {number} x @param {number} y CSS pixels */
  const within = (x, y) => x >= 0 && y >= 0 && x <= now.width && y <= now.height;

  /** @param {number[]} wanted of the sheet */
  const look = (wanted) => change({ zoom: paper.toldZoom(wanted) });

  /** @param {number} factor */
  function magnify(factor) {
    if (!now) return;
    const middle = /** @type {[number, number]} */ ([0.5, 0.5]);
    const [x, y] = now.picked === null ? [-1, -1] : at(now.picked);
    look(closer(zoom, factor, within(x, y) ? [y / now.height, x / now.width] : middle, paper.size));
  }

  /** @param {boolean} held */
  function hold(held) {
    lassoing = held;
    around.setAttribute("aria-pressed", String(held));
    stage.classList.toggle("av-lassoing", held);
  }

  /** Point near a place, one that is lit before all others. @param {number} across @param {number} up steps */
  function near(across, up) {
    const { plane: { x, y }, lit } = now;
    const reach = REACH / scale();
    const bright = nearest(lit.map((row) => x[row]), lit.map((row) => y[row]), across, up, reach);
    return bright < 0 ? nearest(x, y, across, up, reach) : lit[bright];
  }

  /** @param {number} row -1: none */
  function point(row) {
    if (row === pointed) return;
    pointed = row;
    clearTimeout(resting);
    drawOver();
    if (row < 0) return beside.hide();
    const show = (/** @type {boolean} */ rests) => {
      if (pointed === row) beside.show(at(row), tip(row, rests), now.width, now.height);
    };
    show(false);
    resting = setTimeout(() => show(true), REST);
  }

  /** Selects what is drawn round. @param {number[]} points CSS pixels */
  function select(points) {
    const corners = thinned(points, CORNERS_MOST);
    const lasso = corners.flatMap((x, i) => (i % 2 ? [] : paper.told(...placeUnder(x, corners[i + 1]))));
    change({ lasso: lasso.length > 5 ? lasso : [], chosen: [] });
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  function placeOn(event) {
    const { left, top } = canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  // before gestures.js listens: a lasso is none of its drags
  canvas.addEventListener("pointerdown", (event) => {
    if (!now || !selects || event.button !== 0 || !(lassoing || event.shiftKey)) return;
    event.stopImmediatePropagation();
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    point(-1);
    path = placeOn(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!path) return;
    event.stopImmediatePropagation();
    path.push(...placeOn(event));
    drawOver();
  });
  for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) {
    canvas.addEventListener(end, (event) => {
      if (!path) return;
      event.stopImmediatePropagation();
      const points = path;
      path = null;
      hold(false);
      if (end === "pointerup") select(points);
      drawOver();
    });
  }
  canvas.addEventListener("pointermove", (event) => {
    if (now && event.pointerType !== "touch" && !event.buttons) point(near(...stepsAt(...placeOn(event))));
  });
  gestures(canvas, {
    size: () => (now ? paper.size : null),
    zoom: () => zoom,
    pick([row, column]) {
      const found = near(...paper.steps(row, column));
      const picked = found < 0 ? null : found;
      if (picked !== now.picked) change({ picked });
    },
    look,
    hover: (pixel) => pixel ?? point(-1),
    hint() {
      hint.classList.add("av-shown");
      clearTimeout(hinted);
      hinted = setTimeout(() => hint.classList.remove("av-shown"), 1600);
    },
  });

  /** @param {number} rank from 1 */
  function choose(rank) {
    if (now.order?.length) change({ picked: now.order[clip(rank, 1, now.count) - 1] });
  }

  /** Whether the key means something. @param {KeyboardEvent} event */
  function press({ key, shiftKey }) {
    const arrow = ARROWS[key];
    const { plane, picked, order, count } = now;
    keyed = true;
    if (arrow && shiftKey) look(panned(zoom, -arrow[1] / 4, arrow[0] / 4, paper.size));
    else if (arrow) {
      const from = picked ?? nearest(plane.x, plane.y, ...stepsAt(now.width / 2, now.height / 2), Infinity);
      const next = picked === null ? from : ahead(plane.x, plane.y, from, ...arrow, LEAST_STEP / scale());
      if (next >= 0) change({ picked: next, ...followed(next) });
    } else if (key === "PageDown" || key === "PageUp") {
      const rank = picked === null || !order ? 0 : order.subarray(0, count).indexOf(picked) + 1;
      choose(rank + (key === "PageDown" ? 1 : -1));
    } else if (key === "Home") choose(1);
    else if (key === "End") choose(count);
    else if (key === "Escape") escape();
    else if (selects && key === "s") select([0, 0, now.width, 0, now.width, now.height, 0, now.height]);
    else if (selects && key === "l") hold(!lassoing);
    else if (key === "+" || key === "=") magnify(TWICE);
    else if (key === "-" || key === "_") magnify(1 / TWICE);
    else if (key === "0") look([]);
    else return false;
    return true;
  }

  function escape() {
    if (path || lassoing) {
      path = null;
      hold(false);
      drawOver();
    } else if (now.picked !== null) change({ picked: null });
    else change({ lasso: [], chosen: [] });
  }

  /** What is seen goes along with a pick that leaves it. @param {number} row */
  function followed(row) {
    const [x, y] = at(row);
    if (within(x, y) || !zoom.length) return {};
    return { zoom: paper.toldZoom(clamped(...paper.place(now.plane.x[row], now.plane.y[row]), zoom[2], paper.size)) };
  }

  canvas.addEventListener("keydown", (event) => {
    if (!now || event.ctrlKey || event.metaKey || event.altKey) return;
    if (press(event)) event.preventDefault();
  });
  return { node, draw: lazily(draw), canvas };
}

/** @param {Node[]} nodes */
const wordsOf = (nodes) => nodes.map((one) => one.textContent).join(" ");

/** Corners of a path, "x y x y ...". @param {number[]} points */
const chunked = (points) => points.map((value) => value.toFixed(1)).join(" ");
