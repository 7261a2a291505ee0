// Which patches does a coreset keep, which does it leave out, and what does that cost?

import {
  COLOURS,
  DISTANCE,
  VALUES,
  bankParts,
  cellsOf,
  counted,
  curvesOf,
  distanceAt,
  distanceLimits,
  entries,
  evenly,
  fraction,
  kept,
  matchedRows,
  pointLevels,
  reader,
  remarks,
  rowsOf,
  selection,
  sentence,
  settled,
  spreadOut,
  valuesOf,
} from "./bank.js";
import { resized } from "./arrange.js";
import { boxOf, cellAt, cellOf, middleOf, unpacked } from "./grids.js";
import { button, select, slider } from "./controls.js";
import { cards } from "./cards.js";
import { cloud } from "./cloud.js";
import { GRADIENT, LEFT_OUT, ORANGE } from "./colours.js";
import { columns } from "./displayed.js";
import { counts, positionMap } from "./counts.js";
import { curves } from "./curves.js";
import { explorer } from "./explorer.js";
import { clip, number, percent } from "./format.js";
import { gallery } from "./gallery.js";
import { h, sharp } from "./dom.js";
import { memo } from "./memo.js";
import { drawPatch, patches } from "./patches.js";
import { drawSmall, smallOf } from "./small.js";
import { partKey } from "./store.js";
import { picture } from "./picture.js";
import { valueTable } from "./values.js";

/** @typedef {import("./bank").BankNow} BankNow */
/** @typedef {import("./types").Values} Values */

const STATE = "category sampler budget colour image picked lasso chosen zoom test patch closeup opacity".split(" ");
const GAP = 24;
const CROPS = 24; // patches of a selection that are shown
const NUMBERED = 5; // chosen locations of an image whose number is written beside them
const PATCH = 72; // CSS pixels of a patch
const TIP = 72;
const CHART = 216; // CSS pixels of a curve, at least
const AHEAD = [1, -1, 2, -2]; // sizes that are asked for beside the displayed one
/** @type {number[]} */
const NONE = [];

/** @type {[string, string][]} */
const HELP = [
  ["coreset size", "how many of the nested order of choice are kept; a drag or a click on a curve sets it, too"],
  ["click on a point or a patch", "pick it: its image and the chosen patch nearest to it follow"],
  ["arrow keys on the scatter", "the nearest point in that direction; with Shift they move what is seen"],
  ["Page Down, Page Up, Home", "the next, the previous and the first choice of the sampler"],
  ["drag with Shift, l, s", "select points by an outline (l: the next drag draws one; s: all that is seen)"],
  ["Escape", "give up the pick, then the selection"],
  ["wheel with Ctrl, pinch, + and -", "zoom into the scatter or the image; 0 or a double click goes back"],
  ["[ and ]", "previous and next training image"],
  ["m, held", "hide the distances over the image"],
  ["click on a test image", "see how near its patches are to the bank; the entries that they match are lit"],
];

/**
 * What stands beside the pointer at a training image.
 * @param {BankNow} now
 * @param {number} image
 * @param {string[]} lines
 */
function imageTip(now, image, lines) {
  const canvas = h("canvas");
  const context = sharp(canvas, TIP, TIP);
  const small = smallOf(/** @type {any} */ (now), "train", image);
  now.store.ask();
  if (small) drawSmall(context, small, TIP);
  return [canvas, h("div", {}, h("b", {}, now.one.trainNames[image]), ...lines.map((line) => h("div", {}, line)))];
}

/** @param {import("./types").Frame} frame @returns {import("./explorer").Parts<BankNow>} */
function build({ model, store, change }) {
  const look = reader(model);
  const parts = bankParts();
  const levels = memo(pointLevels);
  const limitsOf = memo(distanceLimits);
  const selected = memo(selection);
  const inBank = memo(kept);
  const perImage = memo(counted);
  const perPlace = memo(counted);
  const rows = memo(rowsOf);
  const curvesNow = memo(curvesOf);
  const unpack = memo(unpacked);
  const spread = memo(spreadOut);
  const matched = memo(matchedRows);
  const parted = memo((/** @type {Uint8Array} */ marks, /** @type {Uint8Array} */ bank) => {
    /** @type {number[][]} left out, in the bank */
    const found = [[], []];
    for (let row = 0; row < marks.length; row++) if (marks[row]) found[bank[row]].push(row);
    return found;
  });
  /** @type {BankNow} */
  let now;
  /** @type {ReturnType<typeof parts>} */
  let data = null;

  const category = select("category", "category", (value) => change({ category: value }));
  const sampler = select("sampler", "sampler", (value) => change({ sampler: value }));
  const colour = select("colour", "colour", (value) => change({ colour: value }));
  const size = slider("size", "coreset size", (at) => change({ budget: now.found.sizes[at] }), {
    step: 1,
    say: (at) => (now ? `${now.found.sizes[at]} · ${fraction(now.found.sizes[at] / now.one.total)}` : ""),
  });
  const count = h("output.av-counter");
  const stepper = h(
    "div.av-stepper",
    { role: "group", "aria-label": "training image" },
    "training image",
    button("previous", "◀", "previous training image ([)", () => step(-1)),
    count,
    button("next", "▶", "next training image (])", () => step(1)),
  );
  /** @param {number} by */
  function step(by) {
    change({ image: clip(now.image + by, 0, now.one.trainNames.length - 1), test: null });
  }

  // the scatter
  const scatter = cloud(change, pointTip);
  const low = h("span");
  const high = h("span");
  const bar = h("i.av-legend-bar");
  bar.style.background = GRADIENT;
  const meaning = h("span.av-legend-text");
  const legend = h("div.av-cloud-legend", {}, low, bar, high, meaning);
  const plane = h("p");
  const left = h("div.av-left", {}, scatter.node, legend, plane);

  // the image, and what is picked
  const large = picture(onPicture, { scale: false });
  const opacity = slider("opacity", "opacity", (value) => change({ opacity: value }), { say: percent });
  const back = button("training", "back to training images", "back to training images", () =>
    change({ test: null }),
  );
  const imageTitle = h("h2");
  const imageWords = h("p");
  const tools = h("div.av-controls", {}, opacity.node, back);
  const imageBox = h("section.av-bank-image", {}, imageTitle, large.node, tools, imageWords);
  const pickTitle = h("h2", {}, "the picked patch and what stands for it");
  const pair = cards((rank) => {
    const stand = standOf();
    if (rank === 2 && stand) change({ picked: stand.row });
  });
  const first = patches((row) => change({ picked: row }), "first choices");
  const pickWords = h("p");
  const pickBox = h("section.av-bank-pick", {}, pickTitle, pair.node, first.node, pickWords);
  const body = h("div.av-body", {}, left, h("div.av-right.av-bank", {}, imageBox, pickBox));

  const chosen = patches((row) => change({ picked: row }), "selected patches");
  const charts = h("div.av-bank-charts");
  /** @type {ReturnType<typeof curves>[]} */
  const drawn = [];
  const values = valueTable((name) => change({ sampler: name }), VALUES);
  const notes = h("div.av-bank-notes");
  const bars = counts(
    (image) => change({ image, test: null }),
    (image) => imageTip(now, image, data ? [entries(perImageCounts()[image])] : []),
  );
  const positions = positionMap(onPosition);
  const used = patches((row) => change({ picked: row }), "most used entry");
  const numbers = h("div.av-bank-numbers", {}, bars.node, positions.node, used.node);
  const tests = gallery(({ image }) => change(image === undefined ? {} : { test: image }));
  const below = h("div.av-bank-below", {}, chosen.node, charts, values.node, notes, numbers, tests.node);

  const shown = () => /** @type {NonNullable<typeof data>} */ (data);
  const perImageCounts = () => perImage(shown().order, now.size, shown().points.image, now.one.trainNames.length);

  /** @param {number} row */
  const boxOfRow = (row) => boxOf(cellOfRow(row), now.one.trainSize, now.one.grid);
  /** @param {number} row */
  const cellOfRow = (row) => cellAt(shown().points.location[row], now.one.grid);
  /** @param {number} row */
  function where(row) {
    return `${now.one.trainNames[shown().points.image[row]]} · location ${cellOfRow(row).join(", ")}`;
  }
  /** Number of the choice of a row, from 1; 0: it is not chosen. @param {number} row */
  const rankOf = (row) => shown().order.subarray(0, now.size).indexOf(row) + 1;
  /**
   * Where a row's image is: the image itself if it is there, else its small picture.
   * @param {number} row
   * @param {boolean} [ask] whether it is asked for
   */
  function sourceOf(row, ask = true) {
    const image = shown().points.image[row];
    const key = partKey("train", now.category, image);
    const found = (ask ? store.get(key) : store.peek(key))?.image;
    if (found) return { image: found, x: 0, y: 0, width: found.width, height: found.height };
    return smallOf(/** @type {any} */ (now), "train", image);
  }
  /** The chosen row that stands for the picked one, and how far it is; null: there is none, or it is not known. */
  function standOf() {
    if (now.picked === null || !data?.distances) return null;
    const row = data.order[data.distances.nearest[now.picked]];
    return { row, distance: distanceAt(data.distances, now.picked) };
  }

  /** @param {number} row @param {boolean} rests */
  function pointTip(row, rests) {
    if (!data) return [];
    const canvas = h("canvas");
    const source = sourceOf(row, rests);
    const box = boxOfRow(row);
    drawPatch(canvas, { source, size: now.one.trainSize, box, colour: ORANGE }, TIP);
    store.ask();
    const rank = rankOf(row);
    const far = data.distances && !rank ? `distance ${number(distanceAt(data.distances, row))}` : "";
    const said = [now.one.trainNames[data.points.image[row]], `location ${cellOfRow(row).join(", ")}`];
    said.push(rank ? `choice ${rank}` : "not chosen", far);
    return [canvas, h("div", {}, h("b", {}, `entry ${row}`), ...said.filter(Boolean).map((one) => h("div", {}, one)))];
  }

  /** What a click or a key on the large picture means. @param {Values} given */
  function onPicture(given) {
    if (given.zoom) change({ closeup: given.zoom });
    if (!given.picked || !data) return;
    const tested = now.test !== null;
    const grid = tested ? gridOfTest() : now.one.grid;
    const cell = given.picked.length ? cellOf(given.picked, tested ? now.one.size : now.one.trainSize, grid) : [];
    const row = (tested ? data.tested?.row : locations())?.[cell[0] * grid[1] + cell[1]] ?? -1;
    change({ ...(tested && { patch: cell }), picked: row < 0 ? null : row });
  }
  /** @returns {import("./types").Size} */
  const gridOfTest = () => (data?.tested ? [data.tested.grid[0], data.tested.grid[1]] : now.one.grid);
  const locations = () => rows(shown().points, now.image, now.one.grid[0] * now.one.grid[1]);

  /** @param {number} place */
  function onPosition(place) {
    const row = locations()[place];
    if (row >= 0) change({ picked: row, test: null });
  }

  function drawControls() {
    const { facts, one, found, at } = now;
    const names = Object.keys(facts.categories);
    category.show(names, now.category);
    category.node.hidden = names.length < 2;
    sampler.show(Object.keys(one.samplers), now.sampler);
    colour.show(COLOURS, now.colour);
    size.show(at, { min: 0, max: found.sizes.length - 1 });
    count.textContent = `${now.image + 1} of ${one.trainNames.length}`;
  }

  /** @param {number} width */
  function drawScatter(width) {
    const { one, get } = now;
    const { points, order, distances, tested } = shown();
    const limits = limitsOf(one, now.size);
    const image = now.colour === "training image" ? now.image : -1;
    const found = levels(now.colour, points, order, now.size, distances, limits, image, one.grid);
    const marks = selected(points, get("lasso"), get("chosen"));
    const stand = standOf();
    scatter.draw({
      plane: points,
      levels: found.levels,
      sorted: found.sorted,
      order,
      count: now.size,
      ringed: now.colour !== "order of choice",
      picked: now.picked,
      stand: stand ? stand.row : null,
      selected: marks,
      lasso: get("lasso"),
      lit: tested ? matched(tested.row) : NONE,
      zoom: get("zoom"),
      label: `${points.x.length} patches in the plane, ${now.size} of them chosen: ${HELP[2].join(": ")}`,
      width,
      height: Math.round(width * 0.82),
    });
    drawLegend(found.scale);
    const held = Array.from(points.held, (one_) => percent(one_)).join(" + ");
    const rings = now.colour === "order of choice" ? "" : ` Rings: the ${entries(now.size)} of the coreset.`;
    const lit = tested ? " Lit: those that patches of the test image match." : "";
    const variance = ` The plane holds ${held} of the variance of ${one.dimensions} dimensions.`;
    plane.textContent = `${points.x.length} patches.${rings}${lit}${variance}`;
    return marks;
  }

  /** @param {import("./types").Range | null} scale */
  function drawLegend(scale) {
    for (const part of [low, bar, high]) part.hidden = !scale;
    if (scale) [low.textContent, high.textContent] = scale.map((end) => number(end));
    /** @type {Record<string, string>} */
    const words = {
      [DISTANCE]: scale ? `${DISTANCE}; the farthest on top` : "grey: the distances are not known yet",
      "order of choice": "number of the choice; grey: not chosen",
      "training image": "orange: patches of the displayed training image; grey: all others",
    };
    meaning.textContent = words[now.colour] ?? `${now.colour}, from 0`;
  }

  /** @param {number} width */
  function drawImage(width) {
    const { one, test, get } = now;
    const { distances, tested, order, points } = shown();
    const isTest = test !== null;
    const split = isTest ? "test" : "train";
    const number_ = isTest ? test : now.image;
    const part = store.get(partKey(split, now.category, number_));
    back.hidden = !isTest;
    const name = isTest ? one.names[number_] : one.trainNames[number_];
    imageTitle.textContent = `${isTest ? "test" : "training"} image ${name}`;
    if (!part) return;
    const shape = isTest ? one.size : one.trainSize;
    const grid = isTest ? gridOfTest() : one.grid;
    const limits = limitsOf(one, now.size) ?? [0, 1];
    const map = isTest
      ? tested && spread(tested.distance, null, 1, grid, shape)
      : distances && spread(distances.distance, locations(), distances.most[0] / 65535, grid, shape);
    const closeup = get("closeup");
    const farthest = isTest && tested ? Math.max(limits[1], ...tested.distance) : limits[1];
    const patch = get("patch");
    const cell = isTest ? (patch.length ? patch : null) : now.picked === null ? null : cellOfRow(now.picked);
    const mine = isTest ? [] : chosenOf(order, now.size, points.image, now.image);
    const same = isTest && tested && now.picked !== null ? cellsOf(tested.row, now.picked, grid) : [];
    const framed = isTest ? same.map((one_) => ({ cell: one_, text: "" })) : mine;
    large.draw({
      image: part.image,
      photo: closeup.length ? (store.get(partKey(`photo/${split}`, now.category, number_))?.image ?? null) : null,
      map,
      mask: isTest && part.mask ? unpack(part.mask, shape[0] * shape[1]) : null,
      size: shape,
      cells: grid,
      limits,
      ends: [0, farthest],
      opacity: get("opacity"),
      fade: true,
      contour: true,
      style: "map",
      level: null,
      pixel: cell && middleOf(cell, shape, grid),
      frames: framed.map(({ cell: one_, text }) => ({ box: boxOf(one_, shape, grid), text })),
      zoom: closeup,
      name,
      unit: "distance",
      width,
    });
    opacity.show(get("opacity"));
    opacity.node.hidden = !map;
    const scale = map ? `Colours: ${DISTANCE}, 0 to ${number(limits[1])}. ` : "";
    const those = mine.length === 1 ? "its chosen patch" : `its ${mine.length} chosen patches, the first numbered`;
    const frames = mine.length ? `Frames: ${those}.` : "None of its patches was chosen.";
    imageWords.textContent = scale + (isTest ? testWords() : frames);
  }

  /** Chosen locations of an image; the first few have numbers. */
  const chosenOf = memo((
    /** @type {Uint32Array} */ order,
    /** @type {number} */ count_,
    /** @type {ArrayLike<number>} */ images,
    /** @type {number} */ image,
  ) => {
    const mine = [];
    for (let rank = 0; rank < count_; rank++) {
      if (images[order[rank]] !== image) continue;
      mine.push({ cell: cellOfRow(order[rank]), text: mine.length < NUMBERED ? String(rank + 1) : "" });
    }
    return mine;
  });

  function testWords() {
    const { tested } = shown();
    if (!tested) {
      const sizes = now.found.tested.join(", ");
      return sizes
        ? `What its patches match is known for ${sizes} entries of ${now.sampler}: move the coreset size there.`
        : `There is no prediction with the entries of ${now.sampler}.`;
    }
    const different = new Set(tested.row).size;
    return `Its ${tested.row.length} patches match ${entries(different)} of ${now.size}, which are lit in the scatter.`
      + " A click on a patch picks the entry; framed: all patches that match it.";
  }

  /** @param {number} width */
  function drawPick(width) {
    const { picked, one } = now;
    for (const part of [pickWords, first.node]) part.hidden = picked !== null;
    for (const part of [pair.node, pickTitle]) part.hidden = picked === null;
    if (picked === null) {
      drawFirst(width);
      return;
    }
    const rank = rankOf(picked);
    const stand = rank ? null : standOf();
    /**
     * @param {number} row
     * @param {string} heading
     * @param {string[]} said
     * @param {number} place
     * @returns {import("./cards").Card}
     */
    const card = (row, heading, said, place) => ({
      image: store.get(partKey("train", now.category, shown().points.image[row]))?.image ?? null,
      photo: null,
      box: boxOfRow(row),
      size: one.trainSize,
      heading,
      lines: [one.trainNames[shown().points.image[row]], `location ${cellOfRow(row).join(", ")}`, ...said],
      kind: place ? "match" : "mine",
      rank: place,
      said: `${heading}: ${where(row)}, ${said.join(", ")}`,
    });
    const mine = card(picked, "this patch", [rank ? `choice ${rank}` : "not chosen"], 0);
    const far = stand && [`choice ${rankOf(stand.row)}`, `distance ${number(stand.distance)}`];
    const other = stand && far && card(stand.row, "nearest chosen patch", far, 2);
    pair.draw({ mine, matches: other ? [other] : [], width: Math.min(width, 2 * 208 + 8) });
  }

  /** The first choices, where nothing is picked. @param {number} width */
  function drawFirst(width) {
    const across = Math.max(2, Math.floor((width + 8) / (PATCH + 8)));
    const few = Array.from(shown().order.subarray(0, Math.min(now.size, 3 * across)));
    first.draw({
      title: few.length > 1 ? `the first ${few.length} choices` : "the first choice",
      side: PATCH,
      list: few.map((row, i) => patchOf(row, [String(i + 1)], `choice ${i + 1}: ${where(row)}`)),
    });
    pickWords.textContent = "Click a point or a patch to see the chosen patch nearest to it.";
  }

  /**
   * @param {number} row
   * @param {string[]} words below it
   * @param {string} said
   * @param {string} [ink] of its frame
   */
  function patchOf(row, words, said, ink = ORANGE) {
    return { row, source: sourceOf(row), size: now.one.trainSize, box: boxOfRow(row), colour: ink, lines: words, said };
  }

  /** @param {Uint8Array | null} marks */
  function drawSelection(marks) {
    chosen.node.hidden = !marks;
    if (!marks) return 0;
    const { order } = shown();
    const bank = inBank(order, now.size, marks.length);
    const [outside, inside] = parted(marks, bank);
    const all = inside.length + outside.length;
    const expected = Number(((all * now.size) / now.one.total).toPrecision(3));
    const keptOnes = evenly(inside, CROPS / 2);
    const few = [...keptOnes, ...evenly(outside, CROPS - keptOnes.length)];
    const rest = all - few.length;
    const known = `${inside.length} of them in the bank (${expected} if drawn evenly)`;
    chosen.draw({
      title: `${entries(all)} selected, ${known}${rest ? `; ${few.length} shown, ${rest} more` : ""}`,
      side: PATCH,
      list: few.map((row) => {
        const fate = bank[row] ? "kept" : "left out";
        return patchOf(row, [fate], `${fate}: ${where(row)}`, bank[row] ? ORANGE : LEFT_OUT);
      }),
    });
    return all;
  }
  function drawCharts() {
    const { one, width } = now;
    const found = curvesNow(one);
    const across = Math.max(1, Math.min(found.length, Math.floor((width + GAP) / (CHART + GAP))));
    resized(charts, drawn, found.length, () => curves(toSize, { atName: "coreset size" }));
    found.forEach(({ title, curves: list }, i) => {
      drawn[i].draw({
        title,
        titles: ["coreset size", ""],
        curves: list,
        logX: true,
        xRange: [one.limits[0] / 1.3, one.limits[1] * 1.3],
        at: now.get("budget"),
        atText: String(now.size),
        width: Math.floor((width + GAP) / across) - GAP,
        height: 250,
      });
    });
  }
  /** @param {number} x */
  function toSize(x) {
    const before = now.get("budget");
    const next = Math.round(x);
    const moved = next === before && x !== before ? before + Math.sign(x - before) : next;
    change({ budget: clip(moved, 1, now.one.limits[1]) });
  }

  function drawNumbers() {
    const { one, width, found, size: entriesNow } = now;
    const { order, points } = shown();
    const usage = found.usage[entriesNow];
    const narrow = width < 760;
    const wide = narrow ? width : Math.min(560, width - 220 - (usage ? 200 : 0) - 2 * GAP);
    bars.draw({
      title: "entries from every training image",
      counts: perImageCounts(),
      names: one.trainNames,
      chosen: now.image,
      width: wide,
    });
    positions.draw({
      counts: perPlace(order, entriesNow, points.location, one.grid[0] * one.grid[1]),
      grid: one.grid,
    });
    used.node.hidden = !usage;
    if (!usage) return;
    const times = `nearest of ${usage.times} of ${usage.patches} test patches`;
    used.draw({
      title: "most used entry",
      side: 120,
      list: [patchOf(usage.row, [where(usage.row), times], `most used entry: ${where(usage.row)}, ${times}`)],
    });
  }

  function drawTests() {
    const { one, options } = now;
    const any = Object.values(one.samplers).some(({ tested }) => tested.length);
    tests.node.hidden = !any;
    if (!any) return;
    tests.draw({
      title: "test images: how near are their patches to the bank?",
      list: one.names.map((_, i) => i).filter((i) => !options.images || options.images.includes(i)),
      image: now.test ?? -1,
      scores: null,
      kinds: null,
      names: one.names,
      defects: one.defects,
      notes: {},
      small: (image) => smallOf(/** @type {any} */ (now), "test", image),
      empty: "",
      width: now.width,
      shape: "row",
    });
  }

  let count_ = 0; // selected

  return {
    controls: [category.node, sampler.node, size.node, colour.node, stepper],
    nodes: [body, below],
    read: (width) => look(store, width),
    draw(next) {
      now = next;
      body.style.setProperty("--left", `${columns(now.width).left}px`);
      drawControls();
      data = parts(now);
      if (!data) return;
      const { left: wide, right } = columns(now.width);
      const marks = drawScatter(wide);
      const narrow = now.width < 760;
      const half = narrow ? Math.min(right, 420) : Math.max(240, Math.floor((right - GAP) / 2));
      imageBox.style.width = `${half}px`;
      drawImage(half);
      drawPick(narrow ? right : right - half - GAP);
      count_ = drawSelection(marks);
      drawCharts();
      values.draw({ rows: valuesOf(now.one, now.size), chosen: now.sampler, title: valuesTitle(now) });
      notes.replaceChildren(...remarks(now).map((words) => h("p.av-note", {}, words)));
      drawNumbers();
      drawTests();
    },
    words: (next) => sentence(next, count_),
    table: (next) => ({ head: VALUES, rows: valuesOf(next.one, next.size) }),
    name: (next) => `${next.category}-${next.sampler}-${next.size}`,
    settle: (next, given) => settled(next, data?.points ?? null, given),
    press(next, { key }) {
      if (key !== "[" && key !== "]") return false;
      now = next;
      step(key === "[" ? -1 : 1);
      return true;
    },
    ahead(next) {
      const { found, at, category: name, sampler: by } = next;
      for (const way of found.covered ? AHEAD : []) {
        const other = found.sizes[at + way];
        if (other) store.get(partKey("distances", name, by, other));
      }
      for (const by_ of [1, -1]) {
        const image = clip(next.image + by_, 0, next.one.trainNames.length - 1);
        store.get(partKey("train", name, image));
      }
    },
  };
}

/** @param {BankNow} now */
const valuesTitle = ({ size, one }) => `with ${entries(size)} (${fraction(size / one.total)} of ${one.total})`;

export default {
  render: (/** @type {any} */ given) =>
    explorer(given, { title: "Which patches does a coreset keep?", state: STATE, help: HELP, build }),
};
