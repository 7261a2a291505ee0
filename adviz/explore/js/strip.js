// All image scores as dots, a row for each defect type. A click on a dot goes to its image; the
// threshold is dragged.

import { COARSE, rule, tell } from "./rule.js";
import { h, own, placeIn, set } from "./dom.js";
import { clip, number } from "./format.js";
import { lazily, memo } from "./memo.js";
import { bottomAxis, placeLabels, rounded, scale, shortened, spread, textWidth } from "./axes.js";
import { bubble } from "./bubble.js";
import { diameter, look, marks, stable, stepped } from "./marks.js";
import { swarm } from "./swarm.js";
import { isError, sentence, toneOf } from "./verdicts.js";

const RIGHT = 12; // CSS pixels right of the axis
const LINE = 20; // height of a line of labels above the rows
const AXIS = 40; // height of the axis with its labels
const ROW = 30; // least height of a row
const SWARM = 36; // the farthest that a dot lies from the middle of its row
const FEW = 4; // rows: where there is little room, more of them are lower
const REACH = 12; // from a dot within which it is hit
const GRAB = 7; // from the threshold's line within which it is

/**
 * Lists the rows: good images first, then each defect type, unlabelled ones last.
 * @param {string[]} defects of the images
 * @returns {{ name: string, members: number[] }[]}
 */
export function rowsOf(defects) {
  const weight = (/** @type {string} */ name) => Number(name !== "good") + Number(name === "unlabelled");
  const names = [...new Set(defects)].sort((a, b) => weight(a) - weight(b) || a.localeCompare(b));
  /** @type {Record<string, number[]>} */
  const members = Object.fromEntries(names.map((name) => [name, []]));
  defects.forEach((name, i) => members[name].push(i));
  return names.map((name) => ({ name, members: members[name] }));
}

/**
 * Returns where everything stands that does not move with the threshold.
 * @param {number[]} scores
 * @param {string[]} defects
 * @param {Record<string, number>} others thresholds with names
 * @param {number} width
 * @param {(text: string) => number} [measure]
 * @param {boolean} [dense] whether there is little room
 */
export function stripLayout(scores, defects, others, width, measure = textWidth, dense = false) {
  const wide = Math.max(220, width);
  const groups = rowsOf(defects);
  const part = Math.min(1, FEW / groups.length);
  const [row, farthest, space] = dense ? [22 * part, 11 * part ** 2, 4 * part] : [ROW, SWARM, 10];
  const texts = groups.map(({ name, members }) => `${name} (${members.length})`);
  const widest = Math.min(wide * 0.3, 180);
  const left = Math.min(widest, Math.max(0, ...texts.map(measure))) + 18;
  const named = Object.entries(others).filter(([, value]) => Number.isFinite(value));
  const axis = scale(spread(scores), left, wide - RIGHT);
  const labels = named.map(([name, value]) => ({ at: axis.place(value), width: measure(name) }));
  const placed = placeLabels(labels, 0, wide);
  const lines = placed.length ? 1 + Math.max(...placed.map((label) => label.line)) : 0;
  const top = LINE * (lines + 1) + 4;
  const size = diameter(scores.length);

  const xs = new Float64Array(scores.length);
  const ys = new Float64Array(scores.length);
  let y = top;
  const rows = groups.map(({ name, members }, n) => {
    const places = members.map((i) => axis.place(scores[i]));
    const offsets = swarm(places, size, farthest);
    const reach = offsets.reduce((most, offset) => Math.max(most, Math.abs(offset)), 0);
    const height = Math.max(row, 2 * reach + size + space);
    const middle = y + height / 2;
    members.forEach((i, at) => {
      xs[i] = places[at];
      ys[i] = middle + offsets[at];
    });
    y += height;
    return { name, text: texts[n], middle };
  });
  const ticks = named.map(([name, value], n) => ({ name, value, ...placed[n] }));
  const [right, height] = [wide - RIGHT, y + AXIS];
  return { width: wide, height, left, right, top, bottom: y, axis, rows, ticks, size, xs, ys };
}

/**
 * The chart of all scores.
 * @param {import("./types").Change} change sets `image` or `threshold`
 * @param {(image: number) => Node[]} tip what stands beside the pointer at a dot
 * @returns {import("./types").Component<import("./types").StripGiven> & { svg: SVGSVGElement }}
 */
export function strip(change, tip) {
  const dots = marks();
  const beside = bubble();
  const shade = h("rect.av-predicted");
  const ground = h("g");
  const others = h("g");
  const bad = h("text.av-side", { "text-anchor": "end" }, "predicted anomalous →");
  const fine = h("text.av-side", {}, "← predicted good");
  const { node: handle, put } = rule("threshold", true);
  const purpose = "image scores: left and right arrow keys go to the next image by score";
  const parts = [shade, ground, bad, fine, dots.group, others, dots.ring, handle];
  const svg = h("svg.av-chart.av-strip", { tabindex: 0, role: "group", "aria-label": purpose }, ...parts);
  const live = h("div.av-unseen", { "aria-live": "polite" });
  const node = h("div.av-chart-box", {}, ...dots.under, own(svg), beside.node, live);
  const layout = memo(stripLayout);
  /** @type {Map<string, SVGGElement>} */
  const buttons = new Map();
  /** @type {ReturnType<typeof stripLayout>} */
  let shown;
  /** @type {import("./types").StripGiven} */
  let now;
  let tones = "";
  let dragged = false;
  let wasDragged = false; // the click at its end chooses nothing
  const [scoresOf, defectsOf, marksOf] = [stable(), stable(), stable()];

  /** @param {import("./types").StripGiven} given */
  function draw(given) {
    now = given;
    const worthKnowing = marksOf(given.marks);
    const { scores, defects, width, dense } = given;
    const next = layout(scoresOf(scores), defectsOf(defects), worthKnowing, width, textWidth, dense);
    const kinds = given.defects.map((defect, i) => toneOf(defect, given.kinds?.[i]));
    const key = kinds.join();
    if (next !== shown || key !== tones) {
      shown = next;
      tones = key;
      drawGround();
      dots.place(shown.xs, shown.ys, kinds, shown);
      beside.hide();
    }
    dots.paint(Uint8Array.from(given.within, (one, i) => look(isError(given.kinds?.[i]), !one)));
    dots.circle(given.image);
    drawThreshold();
  }

  function drawGround() {
    const { width, height, left, right, rows, axis, bottom } = shown;
    set(svg, { width, height, viewBox: `0 0 ${width} ${height}` });
    const lines = rows.flatMap(({ name, text, middle }) => [
      h("line.av-rule", { x1: left, x2: right, y1: middle, y2: middle }),
      h("text.av-row", { x: left - 10, y: middle + 4, "text-anchor": "end" }, h("title", {}, name),
        shortened(text, left - 16)),
    ]);
    ground.replaceChildren(...lines, ...bottomAxis(axis, bottom, "image score"));
    drawOthers();
  }

  function drawOthers() {
    const { ticks, top, bottom } = shown;
    const names = new Set(ticks.map(({ name }) => name));
    for (const [name, button] of buttons) {
      if (names.has(name)) continue;
      button.remove();
      buttons.delete(name);
    }
    for (const { name, value, at, side, line: level, width } of ticks) {
      const button = buttons.get(name) ?? h("g.av-other", { tabindex: 0, role: "button", "data-name": name });
      buttons.set(name, button);
      if (!button.parentNode) others.append(button);
      const y = top - LINE * (level + 1) - 2;
      const start = side === "start";
      const x = start ? at - 4 : at - width - 9;
      button.replaceChildren(
        // a screen reader takes its words from the title
        h("title", {}, `${name}: set the threshold to ${number(value)}`),
        h("line.av-other-line", { x1: at, x2: at, y1: y - 14, y2: bottom }),
        h("rect.av-hit", { x, y: y - 16, width: width + 13, height: LINE }),
        h("text.av-other-text", { x: start ? at + 5 : at - 5, y: y - 2, "text-anchor": side }, name),
      );
    }
  }

  function drawThreshold() {
    const { threshold } = now;
    const { axis, left, right, top, bottom } = shown;
    const none = threshold === null || Number.isNaN(threshold);
    for (const one of [handle, shade, bad, fine]) one.style.display = none ? "none" : "";
    if (none) {
      dots.shade(shade, { x: left, y: top, width: 0, height: 0 });
      return;
    }
    const x = axis.place(threshold);
    dots.shade(shade, { x, y: top, width: right - x, height: bottom - top });
    tell(handle, axis, threshold, `${number(threshold)}${errorsInWords()}`);
    const [from, to] = put(x, shown, `threshold ${number(threshold)}`);
    const y = top - 6;
    set(bad, { x: right, y });
    set(fine, { x: left, y });
    const badFrom = right - textWidth(bad.textContent) - 8;
    const fineTo = left + textWidth(fine.textContent) + 8;
    bad.style.display = badFrom < to || crossed(badFrom, right) ? "none" : "";
    fine.style.display = fineTo > from || crossed(left, fineTo) ? "none" : "";
  }

  /**
   * Whether the line of another threshold runs between two places.
   * @param {number} from
   * @param {number} to
   */
  function crossed(from, to) {
    return shown.ticks.some(({ at }) => at > from - 3 && at < to + 3);
  }

  function errorsInWords() {
    if (!now.kinds) return "";
    const alarms = now.kinds.filter((kind) => kind === "false positive").length;
    const missed = now.kinds.filter((kind) => kind === "false negative").length;
    return `: ${alarms} false alarms, ${missed} missed`;
  }

  /**
   * What is under the pointer: the threshold's handle or a dot.
   * @param {PointerEvent} event
   * @returns {{ dot: number, grabs: boolean }}
   */
  function under(event) {
    const [x, y] = placeIn(svg, event);
    const dot = y < shown.top - 2 || y > shown.bottom ? -1 : dots.nearest(x, y, REACH);
    if (now.threshold === null) return { dot, grabs: false };
    const reach = event.pointerType === "touch" ? 2 * GRAB : GRAB;
    const away = Math.abs(x - shown.axis.place(now.threshold));
    const inHeader = y > shown.top - LINE - 2 && y < shown.top && x > shown.left - 8;
    if (inHeader) return { dot: -1, grabs: true };
    if (y > shown.bottom + 6 || y < shown.top) return { dot, grabs: false };
    if (dot < 0) return { dot, grabs: away < reach };
    const [dotX, dotY] = dots.at(dot);
    const onDot = Math.hypot(dotX - x, dotY - y) < shown.size / 2 + 1.5;
    return { dot, grabs: away < 4 && !onDot };
  }

  /** @param {number} x */
  function cutAt(x) {
    const { axis } = shown;
    change({ threshold: clip(rounded(axis.value(x), axis.unit / 2), axis.low, axis.high) });
  }

  /** @param {number} i */
  function point(i) {
    if (i < 0) beside.hide();
    else beside.show(dots.at(i), tip(i), shown.width, shown.height);
  }

  /**
   * The other threshold whose label an event comes from.
   * @param {Event} event
   * @returns {string | null}
   */
  function otherAt(event) {
    const button = /** @type {Element} */ (event.target).closest?.(".av-other");
    return button?.getAttribute("data-name") ?? null;
  }

  /**
   * Whether an event is on the text of another threshold, not on its line.
   * @param {PointerEvent} event
   */
  function isOnLabel(event) {
    return placeIn(svg, event)[1] < shown.top - LINE - 2;
  }

  svg.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0 || !now) return;
    dragged = under(event).grabs && !isOnLabel(event);
    wasDragged = dragged;
    if (!dragged) return;
    const [x] = placeIn(svg, event);
    svg.setPointerCapture(event.pointerId);
    event.preventDefault();
    handle.focus({ preventScroll: true });
    point(-1);
    const gripped = Math.abs(x - shown.axis.place(now.threshold ?? 0)) < 12;
    if (!gripped) cutAt(x);
  });
  svg.addEventListener("click", (/** @type {PointerEvent} */ event) => {
    if (!now || wasDragged) return;
    const { dot } = under(event);
    const label = otherAt(event);
    if (dot >= 0) change({ image: dot });
    else if (label !== null) change({ threshold: now.marks[label] });
  });
  svg.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (!now) return;
    if (dragged) {
      cutAt(placeIn(svg, event)[0]);
      return;
    }
    const { dot, grabs } = under(event);
    const label = otherAt(event) !== null && isOnLabel(event);
    svg.style.cursor = label || (dot >= 0 && !grabs) ? "pointer" : grabs ? "ew-resize" : "default";
    if (event.pointerType !== "touch") point(grabs || label ? -1 : dot);
  });
  const release = () => {
    dragged = false;
  };
  svg.addEventListener("lostpointercapture", release);
  svg.addEventListener("pointerleave", () => point(-1));

  svg.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || !now) return;
    if (event.key === "Escape") point(-1);
    const other = otherAt(event);
    if (other !== null && (event.key === "Enter" || event.key === " ")) {
      change({ threshold: now.marks[other] });
      event.preventDefault();
      return;
    }
    const moved = event.target === handle ? moveThreshold(event) : moveImage(event);
    if (moved) event.preventDefault();
  });

  /** @param {KeyboardEvent} event @returns {boolean} */
  function moveThreshold(event) {
    const { axis, left, right } = shown;
    if (event.key === "Home") cutAt(left);
    else if (event.key === "End") cutAt(right);
    else {
      const single = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };
      const by = { ...single, PageUp: COARSE, PageDown: -COARSE }[event.key];
      if (!by || now.threshold === null) return false;
      const coarse = event.altKey || event.shiftKey ? COARSE : 1;
      cutAt(axis.place(now.threshold) + clip(by * coarse, -COARSE, COARSE));
    }
    return true;
  }

  /** @param {KeyboardEvent} event @returns {boolean} */
  function moveImage(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!by) return false;
    const all = now.scores.map((_, i) => i);
    const members = all.filter((i) => now.within[i]);
    const image = stepped(members, now.scores, now.image, by * (event.altKey ? 10 : 1));
    change({ image });
    const kind = now.kinds?.[image];
    live.textContent = sentence(now.names[image], now.defects[image], number(now.scores[image]), kind);
    return true;
  }

  return { node, draw: lazily(draw), svg };
}
