// Lines of values against values. A rule across them and a point on the first one are dragged.

import { bottomAxis, leftAxis, rounded, scale, shortened, spread, textWidth, tickWidth } from "./axes.js";
import { bubble } from "./bubble.js";
import { COARSE, GRIP, handle, rule as ruler, say, tell } from "./rule.js";
import { h, own, placeIn, set } from "./dom.js";
import { clip, number } from "./format.js";
import { lazily, memo } from "./memo.js";
import { countUpTo } from "./search.js";
import { outline, stable } from "./marks.js";

/** @typedef {import("./types").Range} Range */
/**
 * @typedef {object} Line
 * @property {string} name
 * @property {ArrayLike<number>} x rising
 * @property {ArrayLike<number>} y
 * @property {0 | 1 | 2 | 3} tone its colour and dashes
 * @property {boolean} [marks] whether each of its values is a mark
 * @property {boolean} [thin] one of many in the background: not in the legend, a click chooses it
 */
/**
 * @typedef {object} CurvesGiven
 * @property {string} title above; "": none
 * @property {[string, string]} titles of the axes
 * @property {Line[]} curves
 * @property {boolean} [logX]
 * @property {Range | null} [xRange] null: all values
 * @property {Range | null} [yRange]
 * @property {number | null} [at] where a rule stands
 * @property {string} [atText] said beside it
 * @property {string} [atWords] the same for screen readers
 * @property {boolean} [dots] whether each curve has a mark where it meets the rule
 * @property {ArrayLike<number>} [atValues] rising values that it can have; absent: any
 * @property {boolean} [fill] whether the area below the first curve is filled up to `at`
 * @property {number | null} [point] x of a point on the first curve
 * @property {string} [pointText]
 * @property {ArrayLike<number>} [pointValues]
 * @property {number} width
 * @property {number} [height] of all of it
 */
/**
 * @typedef {object} Handle
 * @property {SVGGElement} node
 * @property {(x: number) => void} move
 * @property {() => number | null | undefined} x
 * @property {() => ArrayLike<number> | undefined} values
 */

const RIGHT = 14; // CSS pixels
const BOTTOM = 40;
const LEGEND = 20; // height of a line of the legend
const REACH = 14;
const MARK = 8;
/** Shapes of marks by tone, as those of dots. */
const SHAPES = /** @type {const} */ (["good", "anomalous", "unlabelled", "good"]);

/**
 * Returns a line's value at x, between its points and level beyond its ends.
 * @param {{ x: ArrayLike<number>, y: ArrayLike<number> }} line
 * @param {number} x
 */
export function valueAt({ x: xs, y: ys }, x) {
  const next = countUpTo(xs, x);
  if (next === 0) return ys[0];
  if (next === xs.length) return ys[next - 1];
  const way = (x - xs[next - 1]) / (xs[next] - xs[next - 1]);
  return ys[next - 1] + way * (ys[next] - ys[next - 1]);
}

/**
 * Returns the points of a line inside a range, and where it enters and leaves it.
 * @param {{ x: ArrayLike<number>, y: ArrayLike<number> }} line
 * @param {Range} range
 * @returns {[number, number][]}
 */
export function within(line, [low, high]) {
  const { x, y } = line;
  /** @type {[number, number][]} */
  const points = [];
  if (!x.length || x[0] > high || x[x.length - 1] < low) return points;
  if (x[0] < low) points.push([low, valueAt(line, low)]);
  for (let i = 0; i < x.length && x[i] <= high; i++) if (x[i] >= low) points.push([x[i], y[i]]);
  if (x[x.length - 1] > high) points.push([high, valueAt(line, high)]);
  return points.filter((point) => point.every(Number.isFinite));
}

/**
 * Returns a path through points; those that lie within a pixel of the one before are left out.
 * @param {[number, number][]} points CSS pixels
 */
export function pathOf(points) {
  let [lastX, lastY] = [NaN, NaN];
  const kept = points.filter(([x, y], i) => {
    if (i && i < points.length - 1 && Math.abs(x - lastX) < 0.7 && Math.abs(y - lastY) < 0.7) return false;
    [lastX, lastY] = [x, y];
    return true;
  });
  return kept.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/**
 * Returns an axis of logarithms whose places and values are those of the numbers themselves.
 * @param {Range} range above 0
 * @param {number} from
 * @param {number} to
 * @returns {import("./axes").Scale}
 */
export function logScale([low, high], from, to) {
  const logs = scale([Math.log10(low), Math.log10(high)], from, to);
  return {
    ...logs,
    place: (value) => logs.place(Math.log10(value)),
    value: (place) => 10 ** logs.value(place),
    low,
    high,
  };
}

/**
 * Labels of such an axis: powers of ten, and 2 and 5 times them where there is room.
 * @param {import("./axes").Scale} axis
 */
export function logLabels(axis) {
  /** @param {number[]} factors */
  const made = (factors) => {
    const found = [];
    for (let power = Math.floor(Math.log10(axis.low)); 10 ** power <= axis.high; power++) {
      for (const factor of factors) {
        const value = factor * 10 ** power;
        const inside = value >= axis.low * (1 - 1e-9) && value <= axis.high * (1 + 1e-9);
        const text = value >= 1e6 || value < 1e-4 ? value.toExponential(0) : String(Number(value.toPrecision(6)));
        if (inside) found.push({ place: axis.place(value), text });
      }
    }
    return found;
  };
  const choices = [[1, 2, 5], [1, 3], [1]].map(made);
  const fits = (/** @type {{ place: number, text: string }[]} */ labels) =>
    labels.every(({ place, text }, i) => {
      const before = labels[i - 1];
      return !before || place - before.place > (textWidth(text) + textWidth(before.text)) / 2 + 12;
    });
  return choices.find(fits) ?? choices[2].filter((_, i) => i % 2 === 0);
}

/** @param {number[]} values @returns {Range} */
function ends(values) {
  const finite = values.filter(Number.isFinite);
  const low = finite.reduce((a, b) => Math.min(a, b), Infinity);
  const high = finite.reduce((a, b) => Math.max(a, b), -Infinity);
  if (low > high) return [0, 1];
  return low < high ? [low, high] : spread([low]);
}

/**
 * Where everything stands that does not move with the handles.
 * @param {Line[]} list
 * @param {boolean} logX
 * @param {Range | null} xRange
 * @param {Range | null} yRange
 * @param {boolean} ruled whether a rule has its words above
 * @param {number} width
 * @param {number} height
 */
export function curvesLayout(list, logX, xRange, yRange, ruled, width, height) {
  const wide = Math.max(200, Math.round(width));
  const named = list.filter(({ thin }) => !thin);
  let at = 0;
  let line = 0;
  const entries = (named.length > 1 ? named : []).map(({ name, tone, marks }) => {
    const text = shortened(name, wide - 34);
    const need = textWidth(text) + 34;
    if (at && at + need > wide) {
      at = 0;
      line += 1;
    }
    const entry = { x: at, y: 13 + line * LEGEND, text, tone, marks };
    at += need + 20;
    return entry;
  });
  const lift = ruled ? GRIP + 8 : 10;
  const top = (entries.length ? (line + 1) * LEGEND + 6 : 0) + 14 + lift;
  const high = Math.max(top + 120 + BOTTOM, Math.round(height));
  const right = wide - (logX ? 2 * RIGHT : RIGHT); // the last label of an axis may be long
  const bottom = high - BOTTOM;
  const rangeX = xRange ?? ends(list.flatMap(({ x }) => Array.from(x)));
  const seen = list.map((curve) => within(curve, rangeX));
  const down = scale(yRange ?? spread(seen.flat().map(([, y]) => y), 0.05), bottom, top);
  const left = Math.ceil(tickWidth(down)) + 12;
  const across = (logX ? logScale : scale)(rangeX, left, right);
  const places = seen.map((points) =>
    points.map(([x, y]) => /** @type {[number, number]} */ ([across.place(x), down.place(y)])),
  );
  return { width: wide, height: high, left, right, top, bottom, lift, across, down, entries, places };
}

/**
 * @param {((x: number) => void) | null} onAt the rule was moved; null: it stays
 * @param {object} [options]
 * @param {(x: number) => void} [options.onPoint] the point was moved
 * @param {(index: number) => void} [options.onCurve] a thin curve was clicked
 * @param {string} [options.atName] of the rule, for screen readers
 * @param {string} [options.pointName]
 * @returns {import("./types").Component<CurvesGiven> & { svg: SVGSVGElement }}
 */
export function curves(onAt, options = {}) {
  const { onPoint, onCurve, atName = "", pointName = "" } = options;
  const title = h("h2");
  const ground = h("g");
  const area = h("path.av-line-area");
  const lines = h("g");
  const pointed = h("circle.av-line-pointed", { r: 5 });
  const drop = h("line.av-line-drop", { x1: 0, x2: 0, y1: 0 });
  const pointSaid = h("text.av-threshold-text");
  const dot = [h("circle.av-hit", { r: 16 }), drop, h("circle.av-line-point", { r: 7 }), pointSaid];
  const met = h("g");
  const { node: ruleNode, hit, put } = ruler(atName, onAt !== null);
  ruleNode.append(met);
  const rule = {
    node: ruleNode,
    move: (/** @type {number} */ x) => onAt?.(x),
    x: () => now.at,
    values: () => now.atValues,
  };
  const point = {
    node: handle(pointName, Boolean(onPoint), dot),
    move: (/** @type {number} */ x) => onPoint?.(x),
    x: () => now.point,
    values: () => now.pointValues,
  };
  const svg = h("svg.av-chart.av-curves", { role: "group" }, area, ground, lines, rule.node, point.node, pointed);
  const beside = bubble();
  const node = h("div.av-chart-box.av-curves-box", {}, title, h("div.av-chart-box", {}, own(svg), beside.node));
  const layout = memo(curvesLayout);
  const [curvesOf, xRangeOf, yRangeOf] = [stable(), stable(), stable()];
  /** @type {CurvesGiven} */
  let now;
  /** @type {ReturnType<typeof curvesLayout>} */
  let shown;
  let titles = "";
  /** @type {Handle | null} */
  let dragged = null;
  /** @type {Range | null | undefined} */
  let held; // the axis does not move below what is dragged along it

  /** @param {CurvesGiven} given */
  function draw(given) {
    now = given;
    title.textContent = given.title;
    title.hidden = !given.title;
    svg.setAttribute("aria-label", given.title || `${given.titles[1]} against ${given.titles[0]}`);
    const xRange = held !== undefined ? held : xRangeOf(given.xRange ?? null);
    const ruled = given.at != null;
    const high = given.height ?? clip(0.62 * given.width, 220, 360);
    const list = curvesOf(given.curves);
    const next = layout(list, Boolean(given.logX), xRange, yRangeOf(given.yRange ?? null), ruled, given.width, high);
    const words = given.titles.join(" / ");
    if (next !== shown || words !== titles) {
      shown = next;
      titles = words;
      drawLines();
    }
    drawRule();
    drawPoint();
  }

  function drawLines() {
    const { width, height, left, right, bottom, lift, across, down, entries, places } = shown;
    set(svg, { width, height, viewBox: `0 0 ${width} ${height}` });
    const labels = now.logX ? logLabels(across) : undefined;
    const legend = entries.flatMap(({ x, y, text, tone, marks }) => [
      h("path", { class: `av-line av-tone-${tone}`, d: `M${x} ${y - 4}h26` }),
      marks && markAt(tone, x + 13, y - 4),
      h("text.av-legend", { x: x + 33, y }, text),
    ]);
    ground.replaceChildren(
      ...legend.filter(Boolean),
      ...bottomAxis(across, bottom, shortened(now.titles[0], right - left), labels),
      ...leftAxis(down, left, shortened(now.titles[1], width), 0, lift),
    );
    const drawn = now.curves.map(({ tone, marks, thin }, i) =>
      h(
        "g",
        {},
        h("path", { class: `av-line av-tone-${tone}${thin ? " av-thin" : ""}`, d: pathOf(places[i]) }),
        ...(marks ? places[i].map(([x, y]) => markAt(tone, x, y)) : []),
      ),
    );
    // the first lies above all others
    lines.replaceChildren(...drawn.reverse());
    hover(null);
  }

  /** @param {0 | 1 | 2 | 3} tone @param {number} x @param {number} y */
  function markAt(tone, x, y) {
    return h("path", { class: `av-line-mark av-tone-${tone}`, d: outline(SHAPES[tone], x, y, MARK) });
  }

  function drawRule() {
    const { at, atText = "", atWords = atText, fill, dots } = now;
    const { left, top, bottom, across, down } = shown;
    rule.node.style.display = at == null ? "none" : "";
    area.style.display = at == null || !fill ? "none" : "";
    if (at == null) return;
    const x = across.place(at);
    put(x, shown, atText);
    hit.setAttribute("height", String(bottom - top + GRIP));
    if (onAt) tell(rule.node, across, at, atWords || number(at));
    const marked = dots ? now.curves : [];
    met.replaceChildren(...marked.map((curve) => markAt(curve.tone, 0, down.place(valueAt(curve, at)) - top)));
    if (!fill || !now.curves.length) return;
    const points = within(now.curves[0], [across.low, Math.min(at, across.high)]);
    const places = points.map(([px, py]) => /** @type {[number, number]} */ ([across.place(px), down.place(py)]));
    area.setAttribute("d", `${pathOf([[left, bottom], ...places, [x, bottom]])}Z`);
  }

  function drawPoint() {
    const { point: at, pointText = "" } = now;
    const { left, right, bottom, top, across, down } = shown;
    point.node.style.display = at == null ? "none" : "";
    if (at == null) return;
    const x = across.place(at);
    const y = down.place(valueAt(now.curves[0], at));
    const below = y + 24 > bottom - 6 ? -14 : 24;
    set(point.node, { transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})` });
    drop.setAttribute("y2", String(bottom - y));
    pointSaid.setAttribute("y", String(Math.max(below, top - y + 14)));
    say(pointSaid, pointText, x, left, right);
    if (onPoint) tell(point.node, across, at, pointText || number(at));
  }

  /**
   * The curve's place that is nearest to one of the chart, above or below it.
   * @param {[number, number]} place
   * @returns {{ index: number, x: number, y: number, place: [number, number] } | null}
   */
  function under([px, py]) {
    const { across, down, left, right, top, bottom } = shown;
    if (px < left - REACH || px > right + REACH || py < top - 4 || py > bottom + 4) return null;
    let best = null;
    let least = REACH;
    now.curves.forEach((curve, index) => {
      if (!curve.x.length) return;
      const x = curve.marks ? nearestOf(curve.x, across.value(px), across.place) : across.value(px);
      const y = valueAt(curve, x);
      const place = /** @type {[number, number]} */ ([across.place(x), down.place(y)]);
      const away = Math.hypot(place[0] - px, place[1] - py) + (curve.thin ? 3 : 0);
      if (!(away < least) || x < curve.x[0] || x > curve.x[curve.x.length - 1]) return;
      least = away;
      best = { index, x, y, place };
    });
    return best;
  }

  /** @param {ReturnType<typeof under>} found */
  function hover(found) {
    pointed.style.display = found ? "" : "none";
    if (!found) {
      beside.hide();
      return;
    }
    const { name, marks } = now.curves[found.index];
    const [titleX, titleY] = now.titles;
    const spanX = marks || now.logX ? 0 : (shown.across.high - shown.across.low) / 10;
    const spanY = (shown.down.high - shown.down.low) / 10;
    const words = [name, `${titleX}: ${number(found.x, spanX)}`, `${titleY}: ${number(found.y, spanY)}`];
    set(pointed, { cx: found.place[0], cy: found.place[1] });
    const text = h("div", {}, ...words.filter(Boolean).map((one) => h("div", {}, one)));
    beside.show(found.place, [text], shown.width, shown.height);
  }

  /** What the pointer takes hold of. @param {PointerEvent} event @returns {Handle | null} */
  function grabbed(event) {
    const target = /** @type {Node} */ (event.target);
    const [x, y] = placeIn(svg, event);
    if (onPoint && point.node.contains(target)) return point;
    if (onAt && rule.node.contains(target)) return rule;
    if (y > shown.bottom + 6 || x < shown.left - REACH) return null;
    if (onAt && now.at != null && (y < shown.top || !onPoint)) return y < shown.top - GRIP ? null : rule;
    return onPoint && now.point != null && y >= shown.top ? point : null;
  }

  /** @param {Handle} one @param {number} px */
  function moveTo(one, px) {
    const { across } = shown;
    const value = across.value(clip(px, across.from, across.to));
    const values = one.values();
    if (values) one.move(nearestOf(values, value, across.place));
    else one.move(now.logX ? Number(value.toPrecision(3)) : clip(rounded(value, across.unit), across.low, across.high));
  }

  svg.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    if (event.button !== 0 || !now) return;
    const one = grabbed(event);
    const place = placeIn(svg, event);
    const inside = one?.node.contains(/** @type {Node} */ (event.target));
    const found = inside ? null : under(place);
    if (found && onCurve && now.curves[found.index].thin) {
      onCurve(found.index);
      return;
    }
    if (!one) return;
    event.preventDefault();
    svg.setPointerCapture(event.pointerId);
    one.node.focus({ preventScroll: true });
    hover(null);
    dragged = one;
    held = now.xRange ?? null;
    if (inside) return;
    if (found && now.curves[found.index].marks) one.move(found.x);
    else moveTo(one, place[0]);
  });
  svg.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (!now) return;
    if (dragged) {
      moveTo(dragged, placeIn(svg, event)[0]);
      return;
    }
    const found = under(placeIn(svg, event));
    const one = grabbed(event);
    const chosen = found && onCurve && now.curves[found.index].thin;
    svg.style.cursor = chosen ? "pointer" : one ? "ew-resize" : "default";
    const grips = one?.node.contains(/** @type {Node} */ (event.target));
    if (event.pointerType !== "touch") hover(grips ? null : found);
  });
  const release = () => {
    if (!dragged) return;
    dragged = null;
    held = undefined;
    draw(now);
  };
  svg.addEventListener("lostpointercapture", release);
  svg.addEventListener("pointerleave", () => hover(null));

  svg.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || !now) return;
    if (event.key === "Escape") hover(null);
    const one = [rule, point].find((handled) => handled.node === event.target);
    const x = one?.x();
    if (!one || x == null || !press(one, x, event)) return;
    event.preventDefault();
  });

  /** @param {Handle} one @param {number} x @param {KeyboardEvent} event */
  function press(one, x, { key, altKey, shiftKey }) {
    const { across } = shown;
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[key];
    const page = { PageUp: 1, PageDown: -1 }[key];
    const values = one.values();
    if (key === "Home") moveTo(one, across.from);
    else if (key === "End") moveTo(one, across.to);
    else if (by && values && !altKey && !shiftKey) one.move(nextOf(values, x, by));
    else if (by) moveTo(one, across.place(x) + by * (altKey || shiftKey ? COARSE : 1));
    else if (page && now.curves[0]?.marks) one.move(nextOf(now.curves[0].x, x, page));
    else if (page) moveTo(one, across.place(x) + page * COARSE);
    else return false;
    return true;
  }

  return { node, draw: lazily(draw), svg };
}

/**
 * The value of rising ones that is nearest to another.
 * @param {ArrayLike<number>} values
 * @param {number} wanted
 * @param {(value: number) => number} [place] where a value stands, of which the nearest is meant
 */
export function nearestOf(values, wanted, place = (value) => value) {
  const next = Math.min(countUpTo(values, wanted), values.length - 1);
  const before = Math.max(0, next - 1);
  const nearer = place(wanted) - place(values[before]) <= place(values[next]) - place(wanted);
  return nearer ? values[before] : values[next];
}

/**
 * The value after or before another; the last one stays.
 * @param {ArrayLike<number>} xs rising
 * @param {number} x
 * @param {number} by 1 or -1
 */
export function nextOf(xs, x, by) {
  const values = Array.from(xs);
  if (by > 0) return values.find((one) => one > x) ?? values[values.length - 1];
  return values.reverse().find((one) => one < x) ?? values[values.length - 1];
}
