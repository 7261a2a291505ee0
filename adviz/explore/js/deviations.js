// Which differences between two configurations change a metric, one option at a time?

import { ALONE, CUMULATIVE, TOGETHER, meanPath, pathOf, remarks, runName, signed } from "./runs.js";
import { button, select, stepper } from "./controls.js";
import { cellTable } from "./cell_table.js";
import { explorer } from "./explorer.js";
import { h } from "./dom.js";
import { memo } from "./memo.js";
import { optionList } from "./option_list.js";
import { partKey } from "./store.js";
import { step as stepped } from "./decisions.js";
import { stepsOf, wantedRuns } from "./runs.js";
import { tiles } from "./tiles.js";
import { unpacked } from "./grids.js";
import { sentMap } from "./maps.js";
import { waterfall } from "./waterfall.js";

/** @typedef {import("./runs.js").Option} Option */
/** @typedef {import("./runs.js").Path} Path */
/** @typedef {import("./runs.js").Run} Run */
/** @typedef {import("./runs.js").Step} Step */
/**
 * What a state means.
 * @typedef {object} Now
 * @property {any} facts
 * @property {boolean} exported
 * @property {string} target
 * @property {string} mode
 * @property {string} metric
 * @property {string} category
 * @property {Option[]} options in their order
 * @property {string[]} flipped
 * @property {Step} step
 * @property {Record<string, Path>} paths category -> its way; with several, their mean
 * @property {number} wanted runs
 * @property {number} missing
 * @property {Set<string>} pending categories that lack runs
 * @property {string} end what the last column is called
 * @property {{ defects: string[], count: number } | null} one the displayed category; null: the mean
 * @property {string} defect
 * @property {number} image
 * @property {number[]} list images that are gone through
 * @property {number} width
 * @property {import("./types").Store} store
 * @property {(name: string) => any} get
 */

const MEAN = "mean";
const EVERYTHING = "all";
const MISSING = "Run, and the maps before and after the step will be here.";
const ABSENT = "These runs are not in this file: in a notebook they are made.";
const STATE = "target mode metric category orders flips step defect image picked zoom".split(" ");
const GAP = 16; // CSS pixels between tiles
const WIDEST = 1600; // of the chart
const NARROW = 760; // of an explorer, below which two maps stand in a row
const METRICS_OF_RANKS = "image AUROC";

/**
 * @param {import("./types").Model} model
 * @param {import("./types").Store} store
 * @returns {(width: number) => Now}
 */
function reader(model, store) {
  return (width) => {
    const get = (/** @type {string} */ name) => model.get(name);
    const [facts, target, category] = [get("facts"), get("target"), get("category")];
    const mode = get("mode");
    /** @type {Option[]} */
    const known = facts.targets[target];
    const order = get("orders")[target] ?? known.map(({ name }) => name);
    const options = order.map((/** @type {string} */ name) => known.find((one) => one.name === name));
    const chosen = get("flips")[target] ?? order;
    const flipped = order.filter((/** @type {string} */ name) => chosen.includes(name));
    const names = Object.keys(facts.categories);
    /** @type {Record<string, Path>} */
    const paths = {};
    for (const name of names) paths[name] = pathOf(facts.runs[name], options, flipped, mode, get("metric"));
    if (names.length > 1) paths[MEAN] = meanPath(Object.values(paths));
    const wanted = wantedRuns(options, flipped, mode);
    const lacks = (/** @type {string} */ name) => wanted.filter((run) => !facts.runs[name][run]).length;
    const missing = names.reduce((sum, name) => sum + lacks(name), 0);
    const pending = new Set(names.filter(lacks));
    if (missing) pending.add(MEAN);
    const steps = stepsOf(flipped, mode);
    const step = steps.find(({ name }) => name === get("step")) ?? { name: TOGETHER, before: [], after: flipped };
    const one = facts.categories[category] ?? null;
    const some = get("options")?.images ?? null;
    const all = one ? one.defects.map((/** @type {string} */ _, /** @type {number} */ i) => i) : [];
    const wants = (/** @type {number} */ i) =>
      (get("defect") === EVERYTHING || one.defects[i] === get("defect")) && (!some || some.includes(i));
    return {
      facts, target, category, mode, options, flipped, paths, missing, pending, step, one, width, store, get,
      exported: Boolean(get("options")?.exported),
      metric: get("metric"),
      wanted: wanted.length * names.length,
      end: flipped.length === known.length ? target : TOGETHER,
      defect: get("defect"),
      image: one ? Math.min(get("image"), one.count - 1) : 0,
      list: all.filter(wants),
    };
  };
}

/**
 * First and last run of the displayed categories where both were made.
 * @param {Now} now
 * @returns {Record<string, [Run, Run]>}
 */
function endsOf({ facts, category, options, flipped }) {
  const shown = category in facts.categories ? [category] : Object.keys(facts.categories);
  const last = runName(options, flipped);
  const made = shown.filter((name) => facts.runs[name][""] && facts.runs[name][last]);
  return Object.fromEntries(made.map((name) => [name, [facts.runs[name][""], facts.runs[name][last]]]));
}

/** @param {Now} now */
function remarksOf(now) {
  const { facts, category, options, flipped, metric, store } = now;
  const ends = endsOf(now);
  const count = Object.keys(ends).length;
  const whose = category in facts.categories ? category : "+";
  const needed = metric === METRICS_OF_RANKS && count > 0;
  const part = needed ? store.get(partKey("interval", whose, runName(options, flipped), count)) : null;
  const way = `${facts.start} → ${now.end}`;
  return { ends, words: remarks({ ...now, way, ends, interval: part?.interval ?? null }) };
}

/** The displayed image, as both runs of the step saw it, and how they differ. */
function shownMaps() {
  const mapOf = memo(sentMap);
  const otherMap = memo(sentMap);
  const [unpack, other] = [memo(unpacked), memo(unpacked)];

  /** @param {Now} now */
  return ({ facts, category, options, step, image, store }) => {
    const names = [runName(options, step.before), runName(options, step.after)];
    /** @type {Run[]} */
    const runs = names.map((name) => facts.runs[category][name]);
    if (!runs[0] || !runs[1]) return null;
    const parts = names.map((name) => store.get(partKey("run", category, name, image)));
    const pictures = runs.map(({ read }) => store.get(partKey("picture", category, read, image)));
    const change = store.get(partKey("change", category, names[0], names[1], image));
    if (!change || parts.includes(null) || pictures.includes(null)) return null;
    const added = step.after.filter((/** @type {string} */ name) => !step.before.includes(name));
    const units = options.filter(({ name, unit }) => unit && added.includes(name));
    const limits = limitsOf(runs, units.length > 0);
    const sides = runs.map(({ size }, i) => ({
      size,
      image: pictures[i].image,
      mask: pictures[i].mask ? [unpack, other][i](pictures[i].mask, size[0] * size[1]) : null,
      map: [mapOf, otherMap][i](parts[i]),
      words: parts[i].words[0],
      limits: limits[i],
      read: runs[i].read,
    }));
    return { sides, change, units: units.map(({ name }) => name) };
  };
}

/**
 * The colours of both maps: on one scale, unless their unit changes.
 * @param {Run[]} runs
 * @param {boolean} own
 * @returns {import("./types").Range[]}
 */
function limitsOf(runs, own) {
  const [first, second] = runs.map(({ limits }) => limits);
  if (own || !first || !second) return [first ?? [0, 1], second ?? [0, 1]];
  /** @type {import("./types").Range} */
  const both = [Math.min(first[0], second[0]), Math.max(first[1], second[1])];
  return [both, both];
}

/** What is said of points that are not known. @param {Now} now */
function unknownWords({ pending, category, exported }) {
  if (!pending.has(category)) return "undefined";
  return exported ? "not in this file" : "not run yet";
}

/** What stands over the maps before and after. @param {Now} now */
function titlesOf({ facts, options, step, end }) {
  const option = options.find(({ name }) => name === step.name);
  return option ? [option.before, option.after].map((value) => `${step.name}: ${value}`) : [facts.start, end];
}

/** The maps of an image before and after the chosen step. @param {import("./types").Change} change */
function beforeAndAfter(change) {
  const note = h("p.av-note");
  const rows = [tiles(null, change), tiles(null, change), tiles(null, change)];
  const node = h("div.av-maps", {}, h("div.av-map-rows", {}, ...rows.map((row) => row.node)), note);
  const read = shownMaps();

  /** @param {Now} now @param {HTMLElement} heading */
  function draw(now, heading) {
    heading.textContent = now.one ? `Maps before and after: ${now.step.name}` : "Maps before and after a step";
    const shown = now.one && read(now);
    const ready = now.one && ["before", "after"].every((side) =>
      now.facts.runs[now.category][runName(now.options, now.step[/** @type {"before" | "after"} */ (side)])]);
    if (!now.one) note.textContent = "Choose a category to see its maps before and after a step.";
    else if (!ready) note.textContent = now.exported ? ABSENT : MISSING;
    for (const { node: row } of rows) row.hidden = !ready;
    if (!shown) return; // the former maps stay until the next are there
    const { sides: [before, after], change: found, units } = shown;
    const same = before.read === after.read;
    const columns = now.width < NARROW ? 2 : same ? 5 : 3;
    const width = Math.floor(Math.min(300, (now.width - (columns - 1) * GAP) / columns));
    const pixel = now.get("picked").length ? now.get("picked") : null;
    const common = { zoom: now.get("zoom"), pixel, opacity: 1, fade: false, contour: true, width };
    const titles = titlesOf(now);
    /** @type {import("./types").Tile} */
    const plain = { title: "", kind: "image", lines: [], map: null, limits: [0, 1], level: null, chosen: false };
    /** @type {(i: 0 | 1) => import("./types").Tile} */
    const mapTile = (i) => {
      const { map, limits, words } = shown.sides[i];
      return { ...plain, title: titles[i], kind: "map", map, limits, lines: [words].filter(Boolean) };
    };
    /** @type {(side: typeof before, when: string) => import("./types").Tile[]} */
    const seen = ({ size }, when) => [
      { ...plain, title: `image${when}`, lines: same ? [] : [`${size[0]} x ${size[1]} px`] },
      { ...plain, title: `ground truth${when}`, kind: "truth" },
    ];
    const { limit, unit: changed } = found.change;
    const lines = found.image ? ["orange: higher after, purple: lower", `± ${limit.toPrecision(3)} ${changed}`] : [];
    const lists = same
      ? [[...seen(before, ""), mapTile(0), mapTile(1)], []]
      : [[...seen(before, " before"), mapTile(0)], [...seen(after, " after"), mapTile(1)]];
    lists.push(found.image ? [{ ...plain, title: "after - before", lines }] : []);
    rows.forEach((row, i) => {
      const list = lists[i];
      const { image, mask, size } = i ? after : before;
      row.node.hidden = !list.length;
      row.node.style.width = `${list.length * (width + GAP) - GAP}px`;
      if (list.length) row.draw({ ...common, image: i === 2 ? found.image : image, mask, size, tiles: list });
    });
    const named = units.join(", ");
    const unit = named && `${named} changes the unit of the maps: each is on a scale of its own.`;
    note.textContent = [unit, found.change.words].filter(Boolean).join(" ");
  }
  return { node, draw };
}

/**
 * @param {import("./types").Frame} frame
 * @returns {import("./explorer").Parts<Now>}
 */
function build({ model, store, change }) {
  const read = reader(model, store);
  /** @type {Now} */
  let shown;
  const targets = select("target", "target", (target) => change({ target, step: TOGETHER }));
  const modes = select("mode", "flips", (mode) => change({ mode }));
  const metrics = select("metric", "metric", (metric) => change({ metric }));
  const categories = select("category", "category", (category) => change({ category }));
  const run = button("run", "", "compute what is missing, in the background", () => model.send({ run: true }));
  const list = optionList(
    (order) => change({ orders: { ...model.get("orders"), [shown.target]: order } }),
    (flipped) => change({ flips: { ...model.get("flips"), [shown.target]: flipped } }),
  );
  const points = cellTable(([row, column]) => {
    const category = Object.keys(shown.paths)[row];
    change({ category, step: shown.flipped[column - 1] ?? TOGETHER });
  });
  const said = h("div.av-remarks");
  const chart = waterfall((step) => change({ step }));
  const chartTitle = h("h2");
  const heading = h("h2");
  const defects = select("defect", "defect", (defect) => change({ defect }));
  const go = (/** @type {number} */ by) => change({ image: stepped(shown.list, shown.image, by), picked: [] });
  const place = stepper("image", "", "previous image ([)", "next image (])", go);
  const images = h("div.av-image-choice", {}, defects.node, place.node);
  const maps = beforeAndAfter(change);
  const pointsTitle = h("h2", {}, "Points at both ends, and what each step changes");
  const right = h("section.av-points", {}, pointsTitle, points.node, said);
  const nodes = [
    h("div.av-way", {}, list.node, right),
    h("section.av-worth", {}, chartTitle, chart.node),
    h("section.av-before-after", {}, heading, images, maps.node),
  ];

  /** @param {Now} now */
  function drawControls(now) {
    const { facts } = now;
    targets.show(Object.keys(facts.targets), now.target);
    modes.show([CUMULATIVE, ALONE], now.mode);
    metrics.show(facts.metrics, now.metric);
    categories.show(Object.keys(now.paths), now.category);
    run.textContent = now.missing ? `run ${now.missing} missing` : "nothing missing";
    run.setAttribute("aria-label", run.textContent);
    run.disabled = !now.missing;
    run.hidden = now.exported;
    list.draw({ options: now.options.map(({ name, text }) => ({ name, text })), flipped: now.flipped });
  }

  /** @param {Now} now */
  function drawPoints(now) {
    const { facts, paths, flipped, category, step, pending } = now;
    const names = Object.keys(paths);
    const heads = [facts.start, ...flipped, now.end];
    const head = (/** @type {string} */ name) => ({ name, small: "", theirs: false });
    const cells = names.map((name) => {
      const { start, steps, end } = paths[name];
      const unknown = pending.has(name) ? "…" : "undefined";
      /** @param {number} value @param {string} known */
      const text = (value, known) => (Number.isNaN(value) ? unknown : known);
      const values = [start, ...steps.map(([before, after]) => after - before), end];
      const ends = [0, values.length - 1];
      return values.map((value, i) => {
        const known = ends.includes(i) ? value.toFixed(1) : signed(value);
        const between = ends.includes(i) || Number.isNaN(value) ? [] : steps[i - 1].map((one) => one.toFixed(1));
        const words = [between.length ? `${between.join(" → ")}, ${known} points` : text(value, `${known} points`)];
        const tone = Number.isNaN(value) ? "open" : "";
        return { texts: ["", text(value, known)], tone, name: `${name} · ${heads[i]}`, words };
      });
    });
    const column = flipped.indexOf(step.name) + 1 || heads.length - 1;
    points.draw(/** @type {import("./cell_table.js").Given} */ ({
      label: "points of the metric, and differences",
      corner: "category",
      rows: names.map(head),
      columns: heads.map(head),
      cells,
      picked: [names.indexOf(category), column],
      stacked: false,
    }));
  }

  /** @param {Now} now */
  function drawChart(now) {
    const { facts, paths, category, options, flipped, metric } = now;
    const path = paths[category];
    const { ends, words } = remarksOf(now);
    said.replaceChildren(...words.map((text) => h("p", {}, text)));
    const definitions = new Set(Object.values(ends).flat().map(({ pro }) => pro));
    const quantity = metric === "PRO" && definitions.size ? [...definitions].sort().join(" / ") : metric;
    const title = `${category}: ${facts.start} → ${now.end}, ${now.mode}`;
    chartTitle.textContent = title;
    chart.draw({
      start: [facts.start, path.start],
      steps: flipped.map((name, i) => ({
        name,
        text: options.find((one) => one.name === name)?.text ?? name,
        points: path.steps[i],
      })),
      end: [now.end, path.end],
      whole: TOGETHER,
      chosen: now.step.name,
      quantity,
      unknown: unknownWords(now),
      label: `what each step is worth, ${title}: up and down arrow keys go through the steps`,
      width: Math.min(now.width, WIDEST),
    });
  }

  /** @param {Now} now */
  function drawImages(now) {
    images.hidden = !now.one;
    if (now.one) {
      defects.show([EVERYTHING, ...new Set(now.one.defects)], now.defect);
      place.show(now.list.indexOf(now.image), now.list.length);
    }
    maps.draw(now, heading);
  }

  return {
    controls: [targets.node, modes.node, metrics.node, categories.node, run],
    nodes,
    read,
    draw(now) {
      shown = now;
      drawControls(now);
      drawPoints(now);
      drawChart(now);
      drawImages(now);
    },
    words(now) {
      const words = [`${now.facts.start} → ${now.end}`, now.mode, now.metric, now.category];
      words.push(`${now.wanted - now.missing} of ${now.wanted} runs`);
      if (now.one) words.push(`image ${now.image + 1} of ${now.one.count}: ${now.one.defects[now.image]}`);
      return `${now.facts.stopped ? "stopped · " : ""}${words.join(" · ")}`;
    },
    table({ facts, flipped, end, paths }) {
      const rows = Object.entries(paths).map(([name, { start, steps, end: last }]) =>
        [name, start, ...steps.map(([before, after]) => after - before), last]);
      return { head: ["category", facts.start, ...flipped, end], rows };
    },
    name: ({ facts, category, end }) => `${category}_${facts.start}_${end}`,
    settle: (now, values) => ("category" in values && values.category !== now.category
      ? { defect: EVERYTHING, image: 0, picked: [], ...values }
      : values),
    follow({ list: kept, image, one }) {
      return one && kept.length && !kept.includes(image) ? { image: kept[0], picked: [] } : null;
    },
    press(now, { key }) {
      const count = { "[": -1, "]": 1 }[key];
      if (!count || !now.one) return false;
      go(count);
      return true;
    },
    ahead(now) {
      if (!now.one) return;
      const image = stepped(now.list, now.image, 1);
      for (const names of [now.step.before, now.step.after]) {
        const name = runName(now.options, names);
        const made = now.facts.runs[now.category][name];
        if (!made) continue;
        now.store.get(partKey("run", now.category, name, image));
        now.store.get(partKey("picture", now.category, made.read, image));
      }
    },
  };
}

export default {
  render: (/** @type {import("./explorer").Place} */ place) =>
    explorer(place, {
      title: "Which differences between two configurations matter?",
      state: STATE,
      help: [
        ["tick an option, ▲ and ▼, drag its row", "what is flipped, and in which order"],
        ["run", "compute what is missing, one run after the other; stop keeps what is done"],
        ["click on a bar, up and down arrow keys", "the maps before and after that step"],
        ["click on a number, arrow keys", "its category and its step"],
        ["[ and ]", "previous and next image"],
        ["click on a map, Ctrl + wheel", "pick a pixel in all of them, look closer"],
      ],
      build,
    }),
};
