// Numbers of a patch as bars: distances by rank, the score with fewer neighbours, and what layers
// and channels contribute.

import { arrange } from "./arrange.js";
import { clip, evenly, percent } from "./format.js";
import { h, own, placeIn, set } from "./dom.js";
import { lazily } from "./memo.js";

const LEFT = 50; // CSS pixels of the numbers left of the bars
const TOP = 8;
const HIGH = 92; // CSS pixels of the longest bar
const WIDEST = 30; // CSS pixels of a bar with its gap
const BELOW = 30; // CSS pixels of the mark and the ranks below the bars
const APART = 28; // CSS pixels between two ranks that are printed
const CLOSE = 18; // at least, beside the first and the chosen one
const TWO_LINES = 420; // CSS pixels, below which what is said of a bar can need two lines
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500];
const STOPS = [1, 2, 3, 5, 10, 20, 50, 100, 200]; // numbers of neighbours whose score is printed
const CHANNELS = 8;

/**
 * @typedef {object} RankGiven
 * @property {number[]} distance in the order in which the neighbours were found
 * @property {number[] | null} score with the first 1, 2, ... of them
 * @property {number} k how many count; the bars after them are empty
 * @property {number} nearest rank of the nearest of them; 0: is not marked
 * @property {number} chosen rank; 0: none
 * @property {string[]} names
 * @property {number} width
 * @property {"score" | "mean"} what `score` is, of a patch or of whole images
 */

/**
 * Distances by rank, of which one can be chosen: `choose` is called with its rank, 0 is none.
 * @param {(rank: number) => void} choose
 */
export function rankBars(choose) {
  const bars = h("g");
  const pointed = h("rect.av-bar-pointed", { visibility: "hidden" });
  const svg = own(h("svg.av-ranks-chart", { tabindex: 0, role: "slider" }, bars, pointed));
  const said = h("div.av-ranks-said");
  const node = h("div.av-ranks", {}, svg, said);
  svg.setAttribute("aria-label", "neighbour that is looked at, by rank");
  /** @type {RankGiven} */
  let now;
  let wide = WIDEST;
  let dragged = 0;

  /** The rank under the pointer; 0: none. @param {PointerEvent} event */
  function rankAt(event) {
    const rank = Math.floor((placeIn(svg, event)[0] - LEFT) / wide) + 1;
    return rank >= 1 && rank <= now.distance.length ? rank : 0;
  }

  /** @param {number} rank */
  function point(rank) {
    pointed.setAttribute("visibility", rank ? "visible" : "hidden");
    if (rank) set(pointed, column(rank, wide));
    const text = rank || now.chosen ? textOf(now, rank || now.chosen) : "";
    said.textContent = text || "click a bar to see that neighbour";
    said.classList.toggle("av-asks", !text);
  }

  svg.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    const rank = rankAt(event);
    if (!rank) return;
    svg.focus({ preventScroll: true });
    svg.setPointerCapture(event.pointerId);
    dragged = rank;
    choose(rank === now.chosen ? 0 : rank);
  });
  svg.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const rank = rankAt(event);
    if (dragged && rank && rank !== dragged) {
      dragged = rank;
      choose(rank);
    }
    point(rank);
  });
  const release = () => {
    dragged = 0;
  };
  svg.addEventListener("lostpointercapture", release);
  svg.addEventListener("pointerleave", () => point(0));
  svg.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const rank = rankAfter(event.key, now.chosen, now.distance.length);
    if (rank === null) return;
    if (rank !== now.chosen) choose(rank);
    event.preventDefault();
  });

  /** @param {RankGiven} given */
  function draw(given) {
    now = given;
    wide = Math.min(WIDEST, (given.width - LEFT - 2) / given.distance.length);
    set(svg, {
      width: LEFT + wide * given.distance.length + 2,
      height: TOP + HIGH + BELOW,
      "aria-valuemin": 0,
      "aria-valuemax": given.distance.length,
      "aria-valuenow": given.chosen,
      "aria-valuetext": given.chosen ? textOf(given, given.chosen) : "none",
    });
    // Nothing moves while bars are pointed at.
    said.style.minHeight = given.score && given.width < TWO_LINES ? "2.8em" : "1.4em";
    bars.replaceChildren(...drawn(given, wide));
    point(0);
  }
  return { node, draw: lazily(draw) };
}

/**
 * Returns the rank that a key goes to, or null where it goes nowhere.
 * @param {string} key
 * @param {number} rank
 * @param {number} count
 */
function rankAfter(key, rank, count) {
  const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[key];
  if (step) return clip(rank + step, 1, count);
  if (key === "Escape" && !rank) return null; // the page's own
  return { Home: 1, End: count, Escape: 0 }[key] ?? null;
}

/** @param {RankGiven} given @param {number} rank */
function textOf({ distance, score, names, k, what }, rank) {
  const texts = evenly(distance);
  const words = [`rank ${rank}`, names[rank - 1], `d² = ${texts[rank - 1]}`];
  if (score) words.push(`${what} with the first ${rank}: ${evenly(score)[rank - 1]}`);
  if (rank > k) words.push(`not among the first ${k}`);
  return words.join(" · ");
}

/** @param {RankGiven} given @param {number} wide @returns {Node[]} */
function drawn({ distance, score, k, nearest, chosen }, wide) {
  const count = distance.length;
  const top = Math.max(...distance) || 1;
  const base = TOP + HIGH;
  const gap = wide > 6 ? 1 : wide > 3 ? 0.5 : 0;
  const end = LEFT + wide * count;
  const y = (/** @type {number} */ value) => base - (HIGH * value) / top;
  const middle = (/** @type {number} */ rank) => LEFT + wide * (rank - 0.5);
  /** @type {Node[]} */
  const nodes = [
    h("text.av-bar-tick.av-end", { x: LEFT - 6, y: TOP + 4 }, evenly([top])[0]),
    h("text.av-bar-tick.av-end", { x: LEFT - 6, y: base + 4 }, "0"),
    h("line.av-bar-rule", { x1: LEFT, x2: end, y1: TOP, y2: TOP }),
  ];
  distance.forEach((value, i) => {
    const kind = i + 1 > k ? "out" : i + 1 === nearest ? "best" : "in";
    const place = { x: LEFT + wide * i + gap, width: wide - 2 * gap };
    nodes.push(h(`rect.av-bar.av-bar-${kind}`, { ...place, y: y(value), height: base - y(value) }));
  });
  if (score) {
    const x = (/** @type {number} */ rank) => LEFT + wide * rank;
    const steps = score.map((value, i) => `${x(i)},${y(value)} ${x(i + 1)},${y(value)}`);
    nodes.push(h("polyline.av-score-under", { points: steps.join(" ") }));
    nodes.push(h("polyline.av-score-line", { points: steps.join(" ") }));
  }
  nodes.push(h("line.av-bar-axis", { x1: LEFT, x2: end, y1: base, y2: base }));
  if (nearest) {
    const x = middle(nearest);
    const triangle = `M${x - 5} ${base + 10}L${x} ${base + 3}L${x + 5} ${base + 10}Z`;
    nodes.push(h("path.av-bar-mark", { d: triangle }));
  }
  for (const rank of printed(count, wide, chosen)) {
    const kind = rank === chosen ? "av-bar-tick av-now" : "av-bar-tick";
    nodes.push(h("text", { class: kind, x: middle(rank), y: base + 25 }, String(rank)));
  }
  if (chosen) nodes.push(h("rect.av-bar-chosen", column(chosen, wide)));
  return nodes;
}

/** The place of a bar from the axis to the top. @param {number} rank @param {number} wide */
function column(rank, wide) {
  return { x: LEFT + wide * (rank - 1), y: TOP - 4, width: wide, height: HIGH + 4 };
}

/**
 * Returns the ranks that are printed: the chosen one, the first, round ones where there is room.
 * @param {number} count
 * @param {number} wide
 * @param {number} chosen
 */
function printed(count, wide, chosen) {
  const step = STEPS.find((one) => one * wide >= (one === 1 ? CLOSE : APART)) ?? count;
  const ranks = chosen ? [chosen] : [];
  const free = (/** @type {number} */ rank) =>
    ranks.every((other) => Math.abs(rank - other) * wide >= CLOSE);
  if (free(1)) ranks.push(1);
  for (let rank = step; rank <= count; rank += step) if (free(rank)) ranks.push(rank);
  return ranks;
}

/**
 * The score with fewer neighbours; a click asks for that many.
 * @param {import("./types").Change} change
 */
export function scoreByK(change) {
  /** @type {Map<number, ReturnType<typeof make>>} */
  const made = new Map();
  const label = h("span.av-by-k-name");
  const what = "score by number of neighbours";
  const node = h("div.av-by-k", { role: "group", "aria-label": what }, label);

  /** @param {number} k */
  function make(k) {
    const name = h("span");
    const score = h("b");
    const button = own(h("button", { type: "button" }, name, score));
    button.addEventListener("click", () => change({ k }));
    return { node: button, name, score };
  }

  /**
   * `scored`: the number with which it is the score of the image; 0: there is none to be marked.
   * @param {{ score: number[], k: number, what: "score" | "mean", scored: number }} given
   */
  function draw({ score, k, what: kind, scored }) {
    const every = [...new Set([...STOPS, k, scored, score.length])];
    const stops = every.filter((stop) => stop > 0 && stop <= score.length);
    stops.sort((a, b) => a - b);
    label.textContent = kind;
    const texts = evenly(score);
    const nodes = stops.map((stop) => {
      const one = made.get(stop) ?? make(stop);
      made.set(stop, one);
      const text = texts[stop - 1];
      const isScore = stop === scored;
      one.name.textContent = isScore ? `k = ${stop}: the score` : `k = ${stop}`;
      one.score.textContent = text;
      one.node.classList.toggle("av-is-score", isScore);
      const more = isScore ? ", which is the score of the image" : "";
      const title = `the ${kind} with k = ${stop} is ${text}${more}; click: k = ${stop}`;
      set(one.node, { "aria-pressed": stop === k, title });
      return one.node;
    });
    arrange(node, [label, ...nodes]);
  }
  return { node, draw: lazily(draw) };
}

/** @typedef {{ label: string, value: number }} Layer */

/** A heading and a table. @param {string} kind */
function titled(kind) {
  const heading = h("h2");
  const note = h("p");
  const body = h("tbody");
  const table = h("table.av-parts", {}, body);
  const node = h(`div.av-parts-box${kind}`, {}, heading, table, note);
  return {
    node,
    /** @param {string} title @param {Node[]} rows @param {string} [more] */
    show(title, rows, more = "") {
      heading.textContent = title;
      table.setAttribute("aria-label", title);
      body.replaceChildren(...rows);
      note.textContent = more;
      note.hidden = !more;
    },
  };
}

/** The layers' values at a patch, as a table with bars. */
export function layerBars() {
  const { node, show } = titled("");

  /** @param {{ title: string, layers: Layer[], unit: string }} given */
  function draw({ title, layers, unit }) {
    const values = layers.map((layer) => layer.value);
    const rest = unit.startsWith("1 - ") ? unit.slice(4) : "";
    const texts = evenly(values);
    const total = sumOf(values);
    const rows = layers.map(({ label, value }, i) => {
      const more = rest ? [h("td", {}, `${rest} ${(1 - value).toFixed(3)}`)] : [];
      return row(label, texts[i], value / total, Math.abs(value) / total, more);
    });
    show(title, rows);
  }
  return { node, draw: lazily(draw) };
}

/** The channels that add most to the distance of a patch, as a table with bars to both sides. */
export function channelBars() {
  const { node, show } = titled(".av-signed");

  /** @param {{ values: ArrayLike<number> }} given one for each channel */
  function draw({ values }) {
    const every = Array.from(values);
    const order = every.map((_, channel) => channel);
    order.sort((a, b) => Math.abs(every[b]) - Math.abs(every[a]) || a - b);
    const most = order.slice(0, CHANNELS);
    const shown = most.map((channel) => every[channel]);
    const largest = Math.max(...shown.map(Math.abs)) || 1;
    const total = sumOf(every);
    const texts = evenly(shown);
    node.classList.toggle("av-both", shown.some((value) => value < 0));
    const rows = most.map((channel, i) =>
      row(`channel ${channel}`, texts[i], shown[i] / total, shown[i] / largest, []),
    );
    show("the channels that add most", rows, `per cent of the sum of all ${every.length} channels`);
  }
  return { node, draw: lazily(draw) };
}

/** Of the absolute values; never 0. @param {number[]} values */
const sumOf = (values) => values.reduce((sum, value) => sum + Math.abs(value), 0) || 1;

/**
 * @param {string} name
 * @param {string} text
 * @param {number} fraction of the sum
 * @param {number} length of the bar, -1 to 1
 * @param {Node[]} more
 */
function row(name, text, fraction, length, more) {
  const portion = percent(Math.abs(fraction));
  const bar = h("i", { style: `--length: ${Math.abs(length).toFixed(4)}` });
  if (length < 0) bar.className = "av-minus";
  const title = `${name}: ${text}, ${portion} of the sum`;
  const head = h("th", { scope: "row" }, name);
  const numbers = [h("td", {}, text), h("td", {}, portion)];
  const drawing = h("td.av-part", { "aria-hidden": "true" }, bar);
  return h("tr", { title }, head, ...numbers, drawing, ...more);
}
