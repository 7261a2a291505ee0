// Several explorers as one workspace on one state: the picture large, beside it the views that were chosen.

import { arrange } from "./arrange.js";
import { bankPanel } from "./bankpanel.js";
import { checkbox, button } from "./controls.js";
import { ORDERS, comparePanel } from "./compare.js";
import { imageExplorer, initialize } from "./images.js";
import { story, storyGiven } from "./stories.js";
import { askAhead } from "./displayed.js";
import { clip } from "./format.js";
import { h } from "./dom.js";
import { largePicture } from "./beside.js";
import { layersPanel } from "./layers_panel.js";
import { proPanel } from "./pro_panel.js";
import { resultsPanel } from "./results.js";
import { retrievalPanel } from "./retrieval.js";
import { thresholdsPanel } from "./thresholds.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {import("./types").Panel} Panel */
/**
 * Widths in CSS pixels, columns and rows of panes, and whether a view stands beside the chart of scores. The last pane
 * is as wide as what its row leaves.
 * @typedef {{ left: number, columns: number, rows: number, pane: number, last: number, below: boolean }} Room
 */

/**
 * View's name -> what it puts beside the picture.
 * @type {Record<string, (frame: import("./types").ImageFrame) => Panel>}
 */
const PANELS = {
  results: resultsPanel,
  retrieval: retrievalPanel,
  compare: comparePanel,
  thresholds: thresholdsPanel,
  pro: proPanel,
  bank: bankPanel,
  layers: layersPanel,
};
const MIXER = "layers"; // it replaces the picture's map, which others divide or fill
const BELOW = "thresholds"; // stands beside the chart of scores where panes are many
const GAP = 16; // CSS pixels between columns
const LEAST = 400; // of a pane that has others beside it
const NARROW = 760; // of the desk, below which all stands in one column
const WIDE = 1080; // from which on there is room beside the chart of scores
const BESIDE = 296; // of that view
const INSIDE = 26; // CSS pixels of a pane's border, padding and scroll bar
const FOOT = 88; // below the picture: its scale and controls, less the line above the panes
const FEWEST = 340; // height of a pane
const LOW = 186; // of the gallery beside the chart of scores
const HEAD = 40; // of the gallery, and its distance from the picture's controls

/** @type {[string, string][]} */
const HELP = [
  ["views", "what stands beside the picture; all of them show one state"],
  ["n and b", "the next step of a story, and the one before"],
  ["best F1, 100% recall", "the threshold with the highest F1, and the highest one without a miss"],
  ["map / threshold", "divide each map by the F1-optimal threshold of its pixels: from 1 on, they count as a defect"],
  ["a layer's box and slider", "which layers enter the picture's map, and how much of each"],
  ["neighbours", "k: how many neighbours count; the map follows where it can"],
];

/**
 * How a desk of a width is divided.
 * @param {number} width
 * @param {string[]} names of its views
 * @returns {Room}
 */
export function roomOf(width, names) {
  if (width < NARROW) {
    return { left: Math.min(width, 560), columns: 1, rows: 1, pane: width, last: width, below: false };
  }
  const left = clip(Math.round(0.26 * width), 300, 520);
  const right = width - left - GAP;
  const most = Math.max(1, Math.floor((right + GAP) / (LEAST + GAP)));
  const below = width >= WIDE && names.includes(BELOW) && names.length > most;
  const count = Math.max(1, names.length - Number(below));
  const columns = Math.min(count, most);
  const pane = Math.floor((right - (columns - 1) * GAP) / columns);
  const rows = Math.ceil(count / columns);
  const free = rows * columns - count;
  return { left, columns, rows, pane, last: pane + free * (pane + GAP), below };
}

/** @param {import("./types").ImageFrame} frame @returns {import("./types").ImageParts} */
function build(frame) {
  const { model, change, gallery } = frame;
  /** @type {Map<string, { panel: Panel, node: HTMLElement }>} */
  const made = new Map();
  /** @returns {string[]} */
  const views = () => model.get("views").filter((/** @type {string} */ name) => name in PANELS);

  /** A view in its pane, made when it is first shown. @param {string} name */
  function paneOf(name) {
    const known = made.get(name);
    if (known) return known;
    const panel = PANELS[name]({ ...frame, dense: true });
    const close = button("pane-close", "×", `remove ${name}`, () => toggle(name, false));
    const head = h("div.av-pane-head", {}, h("span", {}, name), panel.tools, close);
    const node = h(`section.av-pane.av-pane-${name}`, { "aria-label": name }, head, panel.node);
    made.set(name, { panel, node });
    return { panel, node };
  }

  /** Adds or removes a view. @param {string} name @param {boolean} wanted */
  function toggle(name, wanted) {
    const others = views().filter((one) => one !== name);
    change({ views: wanted ? [...others, name] : others });
    if (!wanted) choices.find((one) => one.name === name)?.box.node.querySelector("input")?.focus();
  }

  const told = story(change);
  const large = largePicture(change, () =>
    views().sort((a, b) => Number(b === MIXER) - Number(a === MIXER)).map((name) => paneOf(name).panel));
  const choices = offered(model).map((name) => ({
    name,
    box: checkbox(`view-${name}`, name, (wanted) => toggle(name, wanted)),
  }));
  const choosing = h(
    "div.av-desk-views",
    { role: "group", "aria-label": "views" },
    h("span", {}, "views"),
    ...choices.map(({ box }) => box.node),
  );
  const none = h("p.av-note", {}, "Nothing stands beside the picture: choose a view.");
  const panes = h("div.av-panes");
  const scores = h("div.av-strip-place");
  const side = h("div.av-desk-side", {}, choosing, panes, none);
  const body = h("div.av-body", {}, large.node, side);
  const below = h("div.av-desk-below", {}, gallery, scores);
  const node = h("div.av-desk", {}, told.node, body, below);
  const roomAt = (/** @type {number} */ width) => roomOf(width, views());

  /**
   * Puts the panes where they belong; those that stay keep their focus. Beside several rows of panes the gallery
   * stands below the picture.
   * @param {string[]} names
   * @param {Room} room
   */
  function place(names, room) {
    for (const { box, name } of choices) box.show(names.includes(name));
    const beside = names.filter((name) => !room.below || name !== BELOW);
    arrange(panes, beside.map((name) => paneOf(name).node));
    if (room.rows > 1 && gallery.parentNode !== large.node) large.node.append(gallery);
    const last = room.below ? [paneOf(BELOW).node] : [];
    arrange(below, room.rows > 1 ? [scores, ...last] : [gallery, scores, ...last]);
    panes.hidden = !beside.length;
    none.hidden = names.length > 0;
  }

  return {
    node,
    gallery: { shape: "grid", width: ({ width }) => roomAt(width).left },
    strip: {
      place: scores,
      dense: true,
      width({ width }) {
        const { left, rows, below: taken } = roomAt(width);
        const taking = (rows > 1 || width < NARROW ? 0 : left + GAP) + (taken ? BESIDE + GAP : 0);
        return width - taking;
      },
    },
    draw(now) {
      const names = views();
      const room = roomAt(now.width);
      const [rows, across] = now.one.size;
      const high = Math.max(FEWEST, Math.round((room.left * rows) / across) + FOOT);
      node.style.setProperty("--desk-left", `${room.left}px`);
      node.style.setProperty("--panes", String(room.columns));
      node.style.setProperty("--last", String(1 + Math.round((room.last - room.pane) / (room.pane + GAP))));
      node.style.setProperty("--pane-height", `${high}px`);
      node.style.setProperty("--gallery-height", `${room.rows > 1 ? (room.rows - 1) * (high + GAP) - HEAD : LOW}px`);
      told.draw(storyGiven(now));
      place(names, room);
      const shown = large.draw(now, room.left);
      node.classList.toggle("av-stale", !shown);
      if (!shown) return;
      const last = panes.lastElementChild;
      for (const name of names) {
        const one = paneOf(name);
        const wide = one.node === last ? room.last : room.pane;
        one.panel.draw(now, shown, (room.below && name === BELOW ? BESIDE : wide) - INSIDE);
      }
    },
    press: (_now, key) => told.press(key),
    ahead(now) {
      for (const name of views()) paneOf(name).panel.ahead?.(now, large.read(now));
      askAhead(now);
    },
    words: (now) => views().map((name) => paneOf(name).panel.words?.(now, large.read(now)) ?? "").join(""),
    table(now) {
      const [first] = views().map((name) => paneOf(name).panel).filter(({ table }) => table);
      return first?.table?.(now, large.read(now)) ?? { head: [], rows: [] };
    },
  };
}

/**
 * The views that can be chosen: an exported page has those that it began with, and those that its story shows.
 * @param {import("./types").Model} model
 */
function offered(model) {
  const { banks } = model.get("options") ?? {};
  const names = Object.keys(PANELS).filter((name) => name !== "bank" || Object.keys(banks ?? {}).length);
  if (!model.get("options")?.exported) return names;
  const steps = model.get("steps") ?? [];
  const there = [...model.get("views"), ...steps.flatMap((/** @type {any} */ { state }) => state.views)];
  return names.filter((name) => there.includes(name));
}

const STATE = (
  "views step k rank whole pooled relative gates marks x y fpr limit connectivity region region_order filled "
  + "layers weights join root sigma own_scale"
).split(" ");

export default {
  initialize,
  render: (/** @type {any} */ given) =>
    imageExplorer(given, {
      title: "One image, seen by several explorers",
      state: STATE,
      help: HELP,
      orders: ORDERS,
      build,
    }),
};
