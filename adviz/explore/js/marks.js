// Many dots: elements of an SVG, or beyond MANY of them on a canvas that lies under it. Both look
// the same and are hit the same way. Dots are made once; afterwards only those change that look
// different than before.

import { h, set, sharp } from "./dom.js";
import { same } from "./memo.js";

/** So many dots are elements; more are drawn on the canvas. */
export const MANY = 5000;
const WRONG = 1;
const FAINT = 2;
const LOOKS = 4;
/** @type {import("./verdicts").Tone[]} */
const TONES = ["good", "anomalous", "unlabelled"];

/**
 * How a dot looks, as a number: whether its decision is wrong, and whether it is outside of what is
 * looked at.
 * @param {boolean} wrong
 * @param {boolean} faint
 */
export const look = (wrong, faint) => (wrong ? WRONG : 0) + (faint ? FAINT : 0);

/** Diameter of a dot among so many, CSS pixels. @param {number} count */
export function diameter(count) {
  if (count <= 300) return 9;
  if (count <= 1000) return 7.5;
  if (count <= 3000) return 6;
  return count <= MANY ? 5 : 4;
}

/** @param {import("./verdicts").Tone} tone @param {number} state */
function classes(tone, state) {
  const wrong = state & WRONG ? " av-wrong" : "";
  const faint = state & FAINT ? " av-faint" : "";
  return `av-dot av-${tone}${wrong}${faint}`;
}

/**
 * Returns the path of a dot round (x, y): a circle, a diamond or a square.
 * @param {import("./verdicts").Tone} tone
 * @param {number} x
 * @param {number} y
 * @param {number} size its diameter
 * @returns {string}
 */
export function outline(tone, x, y, size) {
  const r = size / 2;
  if (tone === "good")
    return `M${x - r} ${y}a${r} ${r} 0 1 0 ${size} 0a${r} ${r} 0 1 0 ${-size} 0z`;
  if (tone === "unlabelled") {
    const side = size * 0.9;
    return `M${x - side / 2} ${y - side / 2}h${side}v${side}h${-side}z`;
  }
  const d = r * 1.25;
  return `M${x} ${y - d}l${d} ${d}l${-d} ${d}l${-d} ${-d}z`;
}

/**
 * Draws a dot as an element of its own, such as in a legend.
 * @param {import("./verdicts").Tone} tone
 * @param {number} x
 * @param {number} y
 * @param {number} size
 * @returns {SVGElement}
 */
export function dot(tone, x, y, size) {
  return h("path", { class: classes(tone, 0), d: outline(tone, x, y, size) });
}

/**
 * Returns the index of the place nearest to (x, y) within `reach`, or -1.
 * @param {ArrayLike<number>} xs
 * @param {ArrayLike<number>} ys
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @returns {number}
 */
export function nearest(xs, ys, x, y, reach) {
  let best = -1;
  let least = reach ** 2;
  for (let i = 0; i < xs.length; i++) {
    const distance = (xs[i] - x) ** 2 + (ys[i] - y) ** 2;
    if (distance < least) {
      best = i;
      least = distance;
    }
  }
  return best;
}

/**
 * Returns the index after or before `current` among `members`, by `values`; the ends stay where
 * they are.
 * @param {number[]} members
 * @param {ArrayLike<number>} values
 * @param {number} current
 * @param {number} by
 * @returns {number}
 */
export function stepped(members, values, current, by) {
  const order = [...members].sort((a, b) => values[a] - values[b] || a - b);
  if (!order.length) return current;
  let at = order.indexOf(current);
  if (at < 0) {
    // outside of the members: go on from where it would stand
    at = order.filter((i) => values[i] <= values[current]).length - (by > 0 ? 1 : 0);
  }
  return order[Math.min(order.length - 1, Math.max(0, at + by))];
}

/**
 * Returns a function that gives back the former value where the new one is the same: what is made
 * of it can be kept.
 * @returns {<Value>(value: Value) => Value}
 */
export function stable() {
  /** @type {any} */
  let last;
  return (value) => {
    if (!same(last, value)) last = value;
    return last;
  };
}

/** @type {WeakMap<Element, () => void>} */
const repaint = new WeakMap();

/**
 * Calls `call` when the page's theme changes, as long as `owner` lives.
 * @param {Element} owner
 * @param {() => void} call
 */
function onTheme(owner, call) {
  repaint.set(owner, call);
  const reference = new WeakRef(owner);
  const query = globalThis.matchMedia("(prefers-color-scheme: dark)");
  const observer = new MutationObserver(tell);
  function tell() {
    const alive = reference.deref();
    if (alive) repaint.get(alive)?.();
    else {
      observer.disconnect();
      query.removeEventListener("change", tell);
    }
  }
  observer.observe(document.body, { attributes: true });
  query.addEventListener("change", tell);
}

/** @type {WeakMap<Element, HTMLCanvasElement>} */
const canvases = new WeakMap();

/**
 * Calls `call` while a chart's dots are in its SVG, also those that are on the canvas: to store the
 * chart.
 * @template Answer
 * @param {SVGSVGElement} svg
 * @param {() => Answer} call
 * @returns {Answer}
 */
export function withDots(svg, call) {
  const group = svg.querySelector(".av-dots");
  const canvas = group && canvases.get(group);
  if (!group || !canvas || canvas.hidden) return call();
  const [width, height] = ["width", "height"].map((name) => svg.getAttribute(name));
  const image = document.createElementNS("http://www.w3.org/2000/svg", "image");
  set(image, { href: canvas.toDataURL(), width, height });
  group.append(image);
  svg.classList.remove("av-crowded");
  try {
    return call();
  } finally {
    image.remove();
    svg.classList.add("av-crowded");
  }
}

/**
 * The dots of a chart, and the ring round one of them.
 * @returns what goes into the chart: what lies `under` the SVG, `group` and `ring` in it
 */
export function marks() {
  const canvas = /** @type {HTMLCanvasElement} */ (
    h("canvas.av-dots-canvas", { "aria-hidden": "true" })
  );
  const backdrop = /** @type {HTMLElement} */ (h("div.av-backdrop", { hidden: true }));
  const group = /** @type {SVGGElement} */ (h("g.av-dots"));
  const under = h("circle.av-ring-under");
  const over = h("circle.av-ring");
  const ring = /** @type {SVGGElement} */ (h("g.av-ring-group", {}, under, over));
  const samples = TONES.flatMap((tone) =>
    [0, 1, 2, 3].map((state) => h("path", { class: classes(tone, state) })),
  );
  const inks = h("g", { visibility: "hidden" }, ...samples);

  canvases.set(group, canvas);

  let xs = new Float64Array(0);
  let ys = new Float64Array(0);
  /** @type {import("./verdicts").Tone[]} */
  let tones = [];
  let size = 9;
  let width = 0;
  let height = 0;
  /** @type {ArrayLike<number>} */
  let states = [];
  /** @type {SVGElement[]} */
  let elements = [];
  /** @type {HTMLCanvasElement[] | null} */
  let stamps = null;
  let told = false;
  const crowded = () => xs.length > MANY;

  /**
   * Makes all dots anew.
   * @param {ArrayLike<number>} across
   * @param {ArrayLike<number>} down
   * @param {import("./verdicts").Tone[]} kinds
   * @param {{ size: number, width: number, height: number }} options
   */
  function place(across, down, kinds, options) {
    xs = Float64Array.from(across);
    ys = Float64Array.from(down);
    tones = kinds;
    ({ size, width, height } = options);
    states = new Uint8Array(xs.length).fill(crowded() ? 255 : 0);
    stamps = null;
    canvas.hidden = !crowded();
    backdrop.hidden = true;
    group.ownerSVGElement?.classList.toggle("av-crowded", crowded());
    group.style.setProperty("--rim", size > 6 ? "1.5px" : `${size > 4 ? 1 : 0.75}px`);
    elements = [];
    if (crowded()) {
      sharp(canvas, width, height);
      group.replaceChildren(inks);
      if (!told) onTheme(canvas, again);
      told = true;
      return;
    }
    for (let i = 0; i < xs.length; i++) {
      const x = Number(xs[i].toFixed(2));
      const y = Number(ys[i].toFixed(2));
      elements.push(h("path", { class: classes(tones[i], 0), d: outline(tones[i], x, y, size) }));
    }
    group.replaceChildren(...elements);
  }

  /**
   * Gives every dot its look; those that had it are left alone.
   * @param {ArrayLike<number>} wanted
   */
  function paint(wanted) {
    let low = Infinity;
    let high = -Infinity;
    for (let i = 0; i < wanted.length; i++) {
      if (wanted[i] === states[i]) continue;
      if (elements.length) elements[i].setAttribute("class", classes(tones[i], wanted[i]));
      low = Math.min(low, xs[i]);
      high = Math.max(high, xs[i]);
    }
    states = wanted;
    if (crowded() && low <= high) band(low - size * 1.5, high + size * 1.5);
  }

  function again() {
    if (!crowded() || !canvas.isConnected) return;
    stamps = null;
    band(0, width);
  }

  /** Draws what lies between two places. @param {number} left @param {number} right */
  function band(left, right) {
    const context = canvas.getContext("2d");
    if (!context) return;
    stamps ??= stamped();
    const ratio = canvas.width / width;
    const half = stamps[0].width / 2;
    const from = Math.max(0, Math.floor(left * ratio));
    const to = Math.min(canvas.width, Math.ceil(right * ratio));
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(from, 0, to - from, canvas.height);
    context.clip();
    context.clearRect(from, 0, to - from, canvas.height);
    for (let i = 0; i < xs.length; i++) {
      const x = xs[i] * ratio;
      if (x < from - half || x > to + half) continue;
      const stamp = stamps[TONES.indexOf(tones[i]) * LOOKS + states[i]];
      if (stamp) context.drawImage(stamp, Math.round(x - half), Math.round(ys[i] * ratio - half));
    }
    context.restore();
  }

  /**
   * Draws one dot of each tone and look, in the colours of the style sheet.
   * @returns {HTMLCanvasElement[]}
   */
  function stamped() {
    const ratio = canvas.width / width;
    const side = 2 * Math.ceil(((size * 1.25) / 2 + 2) * ratio);
    return samples.map((sample, n) => {
      const ink = getComputedStyle(sample);
      const stamp = document.createElement("canvas");
      stamp.width = side;
      stamp.height = side;
      const context = /** @type {CanvasRenderingContext2D} */ (stamp.getContext("2d"));
      context.scale(ratio, ratio);
      const middle = side / ratio / 2;
      const path = new Path2D(outline(TONES[Math.floor(n / LOOKS)], middle, middle, size));
      const whole = Number(ink.opacity);
      context.globalAlpha = whole * Number(ink.fillOpacity);
      context.fillStyle = ink.fill;
      context.fill(path);
      context.globalAlpha = whole;
      context.strokeStyle = ink.stroke;
      context.lineWidth = parseFloat(ink.strokeWidth);
      context.stroke(path);
      return stamp;
    });
  }

  /**
   * Shades a part of the chart below the dots; `rect` does so where they are elements.
   * @param {SVGElement} rect
   * @param {{ x: number, y: number, width: number, height: number }} box
   */
  function shade(rect, box) {
    const wide = Math.max(0, box.width);
    const high = Math.max(0, box.height);
    set(rect, { ...box, width: wide, height: high });
    backdrop.hidden = !crowded();
    if (backdrop.hidden) return;
    const [left, top, across, down] = [box.x, box.y, wide, high].map((value) => `${value}px`);
    Object.assign(backdrop.style, { left, top, width: across, height: down });
  }

  /** Rings a dot; -1: none. @param {number} i */
  function circle(i) {
    const shown = i >= 0 && i < xs.length;
    ring.style.display = shown ? "" : "none";
    if (!shown) return;
    const radius = size / 2 + 4.5;
    for (const one of [under, over]) set(one, { cx: xs[i], cy: ys[i], r: radius });
  }

  return {
    under: [backdrop, canvas],
    group,
    ring,
    place,
    paint,
    circle,
    shade,
    /** @param {number} i @returns {[number, number]} */
    at: (i) => [xs[i], ys[i]],
    /** @param {number} x @param {number} y @param {number} reach */
    nearest: (x, y, reach) => nearest(xs, ys, x, y, reach),
  };
}
