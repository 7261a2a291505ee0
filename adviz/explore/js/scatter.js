// The scores of two detectors against each other: what both find, and what only one of them does.

import { h, own, set } from "./dom.js";
import { clip, number } from "./format.js";
import { lazily, memo } from "./memo.js";
import { bottomAxis, leftAxis, scale, shortened, spread, textWidth, tickWidth } from "./axes.js";
import { bubble } from "./bubble.js";
import { diameter, dot, look, marks, stable, stepped } from "./marks.js";

const TOP = 48; // CSS pixels: legend and title of the vertical axis
const BOTTOM = 40;
const RIGHT = 12;
const REACH = 12;
const ROOM = 0.09; // of the vertical axis, above and below all marks: what quadrants are called stands there
/** @type {import("./verdicts").Tone[]} */
const TONES = ["good", "anomalous", "unlabelled"];

/** @param {number} label @returns {import("./verdicts").Tone} */
const toneOfLabel = (label) => (label === 0 ? "good" : label > 0 ? "anomalous" : "unlabelled");

/**
 * Returns the axes and the places of all images.
 * @param {number[]} x
 * @param {number[]} y
 * @param {number} thresholdX NaN: none
 * @param {number} thresholdY
 * @param {number} width
 */
export function scatterLayout(x, y, thresholdX, thresholdY, width) {
  const wide = clip(width, 220, 640);
  const high = Math.round(clip(wide * 0.8, 260, 460));
  const bottom = high - BOTTOM;
  const down = scale(spread([...y, thresholdY], ROOM), bottom, TOP);
  const left = Math.ceil(tickWidth(down)) + 12;
  const across = scale(spread([...x, thresholdX]), left, wide - RIGHT);
  return {
    width: wide,
    height: high,
    left,
    right: wide - RIGHT,
    top: TOP,
    bottom,
    across,
    down,
    size: diameter(x.length),
    xs: x.map(across.place),
    ys: y.map(down.place),
  };
}

/**
 * @param {import("./types").Change} change sets `image`
 * @param {(image: number) => Node[]} tip what stands beside the pointer at a dot
 * @returns {import("./types").Component<import("./types").ScatterGiven> & { svg: SVGSVGElement }}
 */
export function scatter(change, tip) {
  const dots = marks();
  const beside = bubble();
  const ground = h("g");
  const svg = h(
    "svg.av-chart.av-scatter",
    { tabindex: 0, role: "group" },
    ground,
    dots.group,
    dots.ring,
  );
  const live = h("div.av-unseen", { "aria-live": "polite" });
  const node = h("div.av-chart-box", {}, ...dots.under, own(svg), beside.node, live);
  const layout = memo(scatterLayout);
  const [xOf, yOf, labelsOf] = [stable(), stable(), stable()];
  /** @type {ReturnType<typeof scatterLayout>} */
  let shown;
  /** @type {number[]} */
  let labels = [];
  /** @type {import("./types").ScatterGiven} */
  let now;

  /** @param {import("./types").ScatterGiven} given */
  function draw(given) {
    now = given;
    const [levelX, levelY] = given.thresholds.map((level) => level ?? NaN);
    const next = layout(xOf(given.x), yOf(given.y), levelX, levelY, given.width);
    const known = labelsOf(given.labels);
    if (next !== shown || known !== labels) {
      shown = next;
      labels = known;
      dots.place(shown.xs, shown.ys, labels.map(toneOfLabel), shown);
      beside.hide();
    }
    dots.paint(Uint8Array.from(given.within, (one) => look(false, !one)));
    drawGround();
    dots.circle(given.image);
  }

  function drawGround() {
    const { width, height, left, right, top, bottom, across, down } = shown;
    const [titleX, titleY] = now.titles;
    const [levelX, levelY] = now.thresholds;
    set(svg, {
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      "aria-label":
        `scores of ${titleX} and ${titleY}: left and right arrow keys go to the next image by ` +
        `${titleX}, up and down by ${titleY}`,
    });
    const parts = [
      ...legend(),
      ...bottomAxis(across, bottom, shortened(`${titleX}: image score`, right - left)),
      ...leftAxis(down, left, shortened(`${titleY}: image score`, right)),
    ];
    const x = levelX === null ? null : across.place(levelX);
    const y = levelY === null ? null : down.place(levelY);
    if (x !== null) {
      const said = `threshold of ${titleX}: ${number(levelX ?? NaN)}`;
      parts.push(h("line.av-level", { x1: x, x2: x, y1: top, y2: bottom }, h("title", {}, said)));
    }
    if (y !== null) {
      const said = `threshold of ${titleY}: ${number(levelY ?? NaN)}`;
      parts.push(h("line.av-level", { x1: left, x2: right, y1: y, y2: y }, h("title", {}, said)));
    }
    const shade = h("rect.av-predicted");
    dots.shade(shade, { x: left, y: top, width: 0, height: 0 });
    if (x !== null && y !== null) parts.push(shade, ...quadrants(x, y, shade));
    ground.replaceChildren(...parts);
  }

  /**
   * Shades where both predict anomalous, and says in each quadrant who does.
   * @param {number} x
   * @param {number} y
   * @param {SVGElement} shade
   */
  function quadrants(x, y, shade) {
    const { left, right, top, bottom } = shown;
    const [titleX, titleY] = now.titles;
    /** @type {[string, number, number, "start" | "end", number, number][]} */
    const corners = [
      ["both predicted anomalous", right - 6, top + 15, "end", right - x, y - top],
      [`only ${titleY}`, left + 6, top + 15, "start", x - left, y - top],
      [`only ${titleX}`, right - 6, bottom - 7, "end", right - x, bottom - y],
      ["neither", left + 6, bottom - 7, "start", x - left, bottom - y],
    ];
    dots.shade(shade, { x, y: top, width: right - x, height: y - top });
    const words = corners.flatMap(([text, at, line, anchor, wide, high]) => {
      if (high < 20) return [];
      const short = text.replace(" predicted anomalous", "");
      const said = textWidth(text) + 12 <= wide ? text : short;
      if (textWidth(said) + 12 > wide) return [];
      return [h("text.av-quadrant", { x: at, y: line, "text-anchor": anchor }, said)];
    });
    return words;
  }

  /** Shapes and counts of what there is, in a line above the chart. */
  function legend() {
    let x = 6;
    const present = TONES.filter((tone) => labels.some((label) => toneOfLabel(label) === tone));
    return present.flatMap((tone) => {
      const count = labels.filter((label) => toneOfLabel(label) === tone).length;
      const text = `${tone} (${count})`;
      const entry = [dot(tone, x, 9, 9), h("text.av-legend", { x: x + 9, y: 13 }, text)];
      x += textWidth(text) + 28;
      return entry;
    });
  }

  /** @param {PointerEvent} event */
  function under(event) {
    const box = svg.getBoundingClientRect();
    return dots.nearest(event.clientX - box.left, event.clientY - box.top, REACH);
  }

  /** @param {number} i */
  function point(i) {
    if (i < 0) beside.hide();
    else beside.show(dots.at(i), tip(i), shown.width, shown.height);
  }

  svg.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (!now) return;
    const i = under(event);
    svg.style.cursor = i >= 0 ? "pointer" : "default";
    if (event.pointerType !== "touch") point(i);
  });
  svg.addEventListener("pointerleave", () => point(-1));
  svg.addEventListener("click", (/** @type {PointerEvent} */ event) => {
    const i = under(event);
    if (i >= 0) change({ image: i });
  });
  svg.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || !now) return;
    if (event.key === "Escape") point(-1);
    const along = event.key === "ArrowLeft" || event.key === "ArrowRight" ? now.x : now.y;
    const by = /** @type {Record<string, number>} */ ({
      ArrowRight: 1,
      ArrowUp: 1,
      ArrowLeft: -1,
      ArrowDown: -1,
    })[event.key];
    if (!by) return;
    event.preventDefault();
    const members = along.map((_, i) => i).filter((i) => now.within[i]);
    const image = stepped(members, along, now.image, by * (event.altKey ? 10 : 1));
    change({ image });
    const [titleX, titleY] = now.titles;
    const numbers = `${titleX} ${number(now.x[image])}, ${titleY} ${number(now.y[image])}`;
    live.textContent = `${now.names[image]}, ${numbers}`;
  });

  return { node, draw: lazily(draw), svg };
}
