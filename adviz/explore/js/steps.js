// Curves that rise in steps, one for each value that a slider can have, and a rule that is dragged
// along them: what the gate of SPADE's first stage saves and loses.

import { h, own, set } from "./dom.js";
import { clip, number, percent } from "./format.js";
import { lazily, memo } from "./memo.js";
import { bottomAxis, leftAxis, scale, textWidth } from "./axes.js";
import { stable } from "./marks.js";

const RIGHT = 14; // CSS pixels
const BOTTOM = 40;
const LEGEND = 20; // height of a line of the legend
const COARSE = 10;

/**
 * @typedef {object} Curve
 * @property {string} name
 * @property {number[]} y fractions, one for each x
 * @property {"anomalous" | "good"} kind its colour; a curve that is not the first has dashes and
 *   another marker
 */
/**
 * @typedef {object} StepsGiven
 * @property {number[]} x rising fractions
 * @property {Curve[]} curves
 * @property {number} at index of the current step
 * @property {number[]} tau threshold of each step; the first may be -Infinity
 * @property {string} title
 * @property {string} xTitle
 * @property {string} yTitle
 * @property {number} width
 */

/**
 * Returns the path of a step curve: level up to the next x, where it rises.
 * @param {number[]} xs places
 * @param {number[]} ys
 * @returns {string}
 */
export function stepPath(xs, ys) {
  const parts = xs.map((x, i) =>
    i ? `H${x.toFixed(1)}V${ys[i].toFixed(1)}` : `M${x.toFixed(1)} ${ys[0].toFixed(1)}`,
  );
  return parts.join("");
}

/**
 * Returns the index of the step nearest to a value, of rising values.
 * @param {number[]} values
 * @param {number} value
 * @returns {number}
 */
export function nearestStep(values, value) {
  let best = 0;
  values.forEach((one, i) => {
    if (Math.abs(one - value) < Math.abs(values[best] - value)) best = i;
  });
  return best;
}

/**
 * @param {(chosen: { at: number, tau: number }) => void} change called with the step that was
 *   dragged to
 * @returns {import("./types").Component<StepsGiven> & { svg: SVGSVGElement }}
 */
export function steps(change) {
  const title = h("h2");
  const ground = h("g");
  const line = h("line.av-threshold-line");
  const grip = h("path.av-grip", { d: "M-7 -17h14v9l-7 8l-7 -8z" });
  const said = h("text.av-threshold-text", { y: -5 });
  const dots = h("g");
  const hit = h("rect.av-hit", { x: -12, width: 24 });
  const handle = h(
    "g.av-threshold",
    { tabindex: 0, role: "slider", "aria-label": "τ of stage 1", "aria-orientation": "horizontal" },
    hit,
    line,
    grip,
    said,
    dots,
  );
  const svg = h("svg.av-chart.av-steps", { role: "group" }, ground, own(handle));
  const node = h("div.av-steps-box", {}, title, svg);
  const layout = memo(makeLayout);
  const [xOf, curvesOf] = [stable(), stable()];
  /** @type {StepsGiven} */
  let now;
  /** @type {ReturnType<typeof makeLayout>} */
  let shown;
  let titles = "";
  let dragged = false;

  /** @param {StepsGiven} given */
  function draw(given) {
    now = given;
    title.textContent = given.title;
    title.hidden = !given.title;
    svg.setAttribute("aria-label", given.title || `${given.yTitle} against ${given.xTitle}`);
    const next = layout(xOf(given.x), curvesOf(given.curves), given.width);
    const words = `${given.xTitle} / ${given.yTitle}`;
    if (next !== shown || words !== titles) {
      shown = next;
      titles = words;
      drawGround();
    }
    drawRule();
  }

  function drawGround() {
    const { width, height, left, bottom, across, down, curves, entries } = shown;
    set(svg, { width, height, viewBox: `0 0 ${width} ${height}` });
    const legend = entries.flatMap(({ x, y, name, classes }) => [
      h("path", { class: `av-curve ${classes}`, d: `M${x} ${y - 4}h26` }),
      h("text.av-legend", { x: x + 33, y }, name),
    ]);
    ground.replaceChildren(
      ...legend,
      ...bottomAxis(across, bottom, now.xTitle),
      ...leftAxis(down, left, now.yTitle, 0, 28),
      ...curves.map(({ xs, ys, classes, name }) =>
        h("path", { class: `av-curve ${classes}`, d: stepPath(xs, ys) }, h("title", {}, name)),
      ),
    );
  }

  function drawRule() {
    const { right, top, bottom, across, curves } = shown;
    const at = clip(now.at, 0, now.x.length - 1);
    const x = across.place(now.x[at]);
    const tau = now.tau[at];
    const text = Number.isFinite(tau) ? `τ = ${number(tau)}` : "τ below all scores";
    const wide = textWidth(text) + 14;
    const turned = x + wide > right;
    set(handle, {
      transform: `translate(${x.toFixed(2)} ${top})`,
      "aria-valuemin": 0,
      "aria-valuemax": now.x.length - 1,
      "aria-valuenow": at,
      "aria-valuetext": `${text}: ${inWords(at)}`,
    });
    set(line, { x1: 0, x2: 0, y1: 0, y2: bottom - top });
    set(hit, { y: -20, height: bottom - top + 20 });
    set(said, { x: turned ? -12 : 12, "text-anchor": turned ? "end" : "start" });
    said.textContent = text;
    const marksOf = curves.map(({ ys, values, classes, name }, n) => {
      const y = ys[at] - top;
      const words = h("title", {}, `${name}: ${percent(values[at], 1)}`);
      if (n === 0)
        return h("circle", { class: `av-curve-dot ${classes}`, cx: 0, cy: y, r: 5 }, words);
      return h(
        "rect",
        { class: `av-curve-dot ${classes}`, x: -4.5, y: y - 4.5, width: 9, height: 9 },
        words,
      );
    });
    dots.replaceChildren(...marksOf);
  }

  /** @param {number} at @returns {string} */
  function inWords(at) {
    const parts = shown.curves.map(
      ({ name, values }) => `${percent(values[at], 1)} of ${name} lost`,
    );
    return [`${percent(now.x[at])} of the images saved`, ...parts].join(", ");
  }

  /** @param {number} at */
  function goTo(at) {
    const next = clip(at, 0, now.x.length - 1);
    if (next !== now.at) change({ at: next, tau: now.tau[next] });
  }

  /** @param {PointerEvent} event */
  function follow(event) {
    const x = event.clientX - svg.getBoundingClientRect().left;
    goTo(nearestStep(now.x, shown.across.value(x)));
  }

  svg.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0 || !now) return;
    const y = event.clientY - svg.getBoundingClientRect().top;
    if (y < shown.top - LEGEND || y > shown.bottom + 6) return;
    dragged = true;
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
    handle.focus({ preventScroll: true });
    follow(event);
  });
  svg.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (dragged) follow(event);
  });
  const release = () => {
    dragged = false;
  };
  svg.addEventListener("pointerup", release);
  svg.addEventListener("lostpointercapture", release);
  handle.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || !now) return;
    const by = /** @type {Record<string, number>} */ ({
      ArrowRight: 1,
      ArrowUp: 1,
      ArrowLeft: -1,
      ArrowDown: -1,
      PageUp: COARSE,
      PageDown: -COARSE,
      Home: -Infinity,
      End: Infinity,
    })[event.key];
    if (!by) return;
    event.preventDefault();
    goTo(now.at + by * (event.altKey || event.shiftKey ? COARSE : 1));
  });

  return { node, draw: lazily(draw), svg };
}

/** @param {number[]} x @param {Curve[]} curves @param {number} width */
function makeLayout(x, curves, width) {
  const wide = clip(width, 220, 560);
  const classes = curves.map(({ kind }, n) => `av-${kind}${n ? " av-dashed" : ""}`);
  const known = curves.map((curve, n) => ({ ...curve, classes: classes[n] }));
  const drawn = known.filter(({ y }) => y.length === x.length && y.every(Number.isFinite));

  // the legend, above everything: as many lines as it needs
  let at = 0;
  let line = 0;
  const entries = drawn.map(({ name, classes: one }) => {
    const need = textWidth(name) + 33;
    if (at && at + need > wide) {
      at = 0;
      line += 1;
    }
    const entry = { x: at, y: 13 + line * LEGEND, name, classes: one };
    at += need + 22;
    return entry;
  });
  const head = (entries.length ? line + 1 : 0) * LEGEND;
  const top = head + 46; // the title of the axis, and the handle
  const bottom = top + Math.round(clip(wide * 0.4, 130, 200));
  const left = 36;
  const right = wide - RIGHT;
  const across = scale([0, 1], left, right);
  const down = scale([0, 1.03], bottom, top);
  const paths = drawn.map(({ name, y, classes: one }) => ({
    name,
    classes: one,
    values: y,
    xs: x.map(across.place),
    ys: y.map(down.place),
  }));
  return {
    width: wide,
    height: bottom + BOTTOM,
    left,
    right,
    top,
    bottom,
    across,
    down,
    curves: paths,
    entries,
  };
}
