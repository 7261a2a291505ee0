// What a test image, and any patch of it, was compared with: the nearest normal patches or images,
// how far each is, and what each layer contributes.

import {
  boxIn,
  captions,
  compared,
  large,
  layersTitle,
  ranksTitle,
  ranksWords,
  remarks,
  small,
  smallTitle,
  stem,
  tableOf,
  title,
  why,
} from "./compared.js";
import { boxOf, cellOf, unpacked } from "./grids.js";
import { button, slider } from "./controls.js";
import { cards } from "./cards.js";
import { channelBars, layerBars, rankBars, scoreByK } from "./bars.js";
import { clip, evenly } from "./format.js";
import { crowd } from "./crowd.js";
import { explorer, initialize, smallOf } from "./explorer.js";
import { followsK, layersAt, mapOf, peak } from "./maps.js";
import { h } from "./dom.js";
import { memo } from "./memo.js";
import { partKey } from "./store.js";
import { picture, pictureControls } from "./picture.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {import("./compared").Compared} Compared */
/**
 * What there is of the current image.
 * @typedef {object} Seen
 * @property {import("./types").PicturePart} test
 * @property {import("./types").FoundPart | null} part null: its detector is being computed
 * @property {Float32Array | null} map
 * @property {Compared | null} compared
 */

const NARROW = 700; // CSS pixels of the explorer, below which everything is in one column
const FRACTION = 0.44; // of the explorer's width that the picture takes
const SMALLEST = 320; // CSS pixels of the picture
const LARGEST = 600;
const LEAST = 240; // CSS pixels of the explorer
const GUTTER = 24;
const TABLE = 264; // CSS pixels of the layers' table beside the bars
const BARS = 320; // CSS pixels of the bars beside it, at least
const FEW = 24; // bars that can stand beside the table

/** @type {[string, string][]} */
const HELP = [
  ["neighbours", "k: how many neighbours count; the map follows where it can"],
  ["whole images", "compare the image as a whole; a click on the image goes back to a patch"],
  ["click on a neighbour or its bar", "look at that one: it is shown large; a second click: none"],
  ["click on a score below the bars", "let that many neighbours count"],
];

/**
 * Returns a function that tells what there is of the current image, or null while it is fetched.
 * @returns {(now: Now) => Seen | null}
 */
function looking() {
  const mapped = memo(mapOf);
  const highest = memo(peak);
  return (now) => {
    const { store, category, detector, found, image, one, facts } = now;
    const test = store.get(partKey("test", category, image));
    const part = found && store.get(partKey("found", category, detector, image));
    if (!test || (found && !part)) return null;
    if (!found) return { test, part: null, map: null, compared: null };
    const wanted = { whole: now.get("whole"), k: now.get("k"), rank: now.get("rank") };
    const k = followsK(part, found) ? clip(wanted.k, 1, found.k) : found.k;
    const map = mapped(part, found, one.size, facts.sigma, k);
    const picked = now.get("picked");
    const pixel = picked.length ? picked : map && highest(map, one.size);
    return { test, part, map, compared: compared(part, found, one.size, pixel, wanted) };
  };
}

/** @param {number} wide of the explorer @returns {{ left: number, right: number }} */
function columns(wide) {
  const width = Math.max(wide, LEAST); // 0 before the page is laid out
  if (width < NARROW) return { left: Math.min(width, LARGEST), right: width };
  const left = clip(Math.round(FRACTION * width), SMALLEST, LARGEST);
  return { left, right: width - left - GUTTER };
}

/** @param {import("./types").Frame} frame @returns {import("./types").Parts} */
function build({ change }) {
  const look = looking();
  const unpack = memo(unpacked);
  const { node, draw: drawLeft, right } = page(change, unpack);
  const evidence = rightSide(change, right);

  /** @param {Now} now */
  function draw(now) {
    const seen = look(now);
    node.classList.toggle("av-stale", !seen);
    node.setAttribute("aria-busy", String(!seen));
    if (!seen) return; // what was there before stays until the next is there
    const widths = columns(now.width);
    drawLeft(now, seen, widths.left);
    right.hidden = !seen.compared;
    if (seen.compared) evidence.draw(now, seen, seen.compared, widths.right);
  }

  return {
    node,
    draw,
    ahead: (now) => ahead(now, look(now)?.compared ?? null),
    words(now) {
      const one = look(now)?.compared;
      if (!one) return "";
      if (one.kind === "images") return " · whole images";
      return one.pixel ? ` · pixel ${one.pixel.join(", ")}` : "";
    },
    table(now) {
      const seen = look(now);
      if (!seen?.compared || !seen.part || !now.found) return { head: [], rows: [] };
      const { pixel } = seen.compared;
      const layers = pixel ? layersAt(seen.part, now.found, pixel, now.one.size) : [];
      return tableOf(seen.compared, layers, now.one.trainNames);
    },
  };
}

/**
 * The picture with its controls at the left, and a place for all else.
 * @param {import("./types").Change} change
 * @param {(bits: Uint8Array, count: number) => Uint8Array} unpack
 */
function page(change, unpack) {
  // Who picks a patch wants to see what that was compared with.
  const shown = picture((values) => {
    change(values.picked?.length ? { ...values, whole: false } : values);
  });
  const controls = pictureControls(change);
  const left = h("div.av-retrieval-left", {}, shown.node, controls.node);
  const right = h("div.av-retrieval-right");
  const node = h("div.av-retrieval", {}, left, right);

  /** @param {Now} now @param {Seen} seen @param {number} width */
  function draw(now, { test, map, compared: one }, width) {
    const { store, category, image, found } = now;
    const zoom = now.get("zoom");
    const key = partKey("photo/test", category, image);
    const photo = zoom.length ? store.get(key) : store.peek(key);
    const [rows, wide] = now.one.size;
    left.style.width = `${width}px`;
    const given = {
      image: test.image,
      photo: photo?.image ?? null,
      map,
      mask: test.mask ? unpack(test.mask, rows * wide) : null,
      size: now.one.size,
      cells: found?.cells ?? now.one.size,
      limits: now.get("limits")[now.key] ?? found?.limits ?? [0, 1],
      ends: found?.ends ?? [0, 1],
      opacity: now.get("opacity"),
      fade: now.get("fade"),
      contour: now.get("contour"),
      style: now.get("style"),
      level: levelOf(now),
      pixel: one && one.kind !== "images" ? one.pixel : null,
      zoom,
      name: now.one.names[image],
      unit: "anomaly score",
      width,
    };
    shown.draw(given);
    const masked = given.mask !== null;
    controls.show({ ...given, masked, mapped: map !== null });
  }
  return { node, draw, right };
}

/**
 * Returns where a map is outlined: at the threshold of scores that are maps' maxima, else at that
 * of pixels.
 * @param {Now} now
 */
function levelOf({ found, threshold, store, category, detector, get }) {
  if (!found || get("style") !== "outline") return null;
  if (found.peak) return threshold;
  return store.get(partKey("pixels", category, detector))?.threshold[0] ?? null;
}

/**
 * Everything beside the picture.
 * @param {import("./types").Change} change
 * @param {HTMLElement} node
 */
function rightSide(change, node) {
  const choose = (/** @type {number} */ rank) => change({ rank });
  const count = slider("k", "neighbours", (k) => change({ k }), { min: 1, step: 1 });
  let isWhole = false;
  const words = "compare whole images, not a patch";
  const whole = button("whole-images", "whole images", words, () => change({ whole: !isWhole }));
  whole.setAttribute("aria-label", "whole images");
  const controls = h("div.av-controls", {}, count.node, whole);

  const nearest = cards(choose);
  const nearestTitle = h("h4");
  const note = h("p");
  const found = h("section", {}, nearestTitle, nearest.node, note);

  const bars = rankBars(choose);
  const scores = scoreByK(change);
  const barsTitle = h("h4");
  const barsWords = h("p");
  const barsNotes = h("div");
  const below = [scores.node, barsWords, barsNotes];
  const ranks = h("section.av-by-rank", {}, barsTitle, bars.node, ...below);

  const layers = layerBars();
  const channels = channelBars();
  const waiting = h("p", {}, "channels: …");
  const contributions = h("section.av-contributions", {}, layers.node, channels.node, waiting);

  const all = crowd(choose);
  const allTitle = h("h4");
  const everyOne = h("section", {}, allTitle, all.node);
  node.append(controls, found, h("div.av-numbers", {}, ranks, contributions), everyOne);

  /** @param {Now} now @param {Compared} one */
  function drawControls(now, one) {
    const finer = now.found && (now.found.k > 0 || now.found.layers.length > 0);
    isWhole = one.kind === "images";
    count.node.hidden = one.most < 1;
    if (one.most) count.show(one.k, { min: 1, max: one.most });
    whole.hidden = !finer || !now.found?.wholeK;
    whole.disabled = isWhole && !now.get("whole"); // without a patch there is nothing to go back to
    whole.setAttribute("aria-pressed", String(isWhole));
    controls.hidden = count.node.hidden && whole.hidden;
  }

  /** @param {Now} now @param {Seen} seen @param {Compared} one @param {number} width */
  function drawCards(now, seen, one, width) {
    const detector = /** @type {import("./types").DetectorFacts} */ (now.found);
    const matches = one.kind === "layers" ? [meanCard(now, one)] : matchCards(now, one);
    const mine = one.kind === "patches" || one.kind === "layers" ? mineCard(now, seen, one) : null;
    nearestTitle.textContent = title(one, detector);
    nearestTitle.hidden = !matches.length;
    nearest.node.hidden = !matches.length;
    if (matches.length) nearest.draw({ mine, matches, width });
    note.textContent = why(one, detector, now.detector);
    note.hidden = !note.textContent;
    found.hidden = nearest.node.hidden && note.hidden;
  }

  /**
   * @param {Now} now
   * @param {import("./types").FoundPart} part
   * @param {Compared} one
   * @param {number} width
   */
  function drawRanks(now, part, one, width) {
    const detector = /** @type {import("./types").DetectorFacts} */ (now.found);
    const { ranks: known, k, nearest: best, chosen } = one;
    ranks.hidden = !known || known.distance.length < 2;
    if (!known || ranks.hidden) return;
    const names = known.image.map((image) => stem(now.one.trainNames[image]));
    barsTitle.textContent = ranksTitle(one);
    bars.draw({ ...known, k, nearest: best, chosen, names, width });
    scores.node.hidden = !known.score;
    if (known.score) scores.draw({ score: known.score, k });
    barsWords.textContent = ranksWords(one);
    barsNotes.replaceChildren(...remarks(one, part, detector).map((text) => h("p", {}, text)));
  }

  /** @param {Now} now @param {import("./types").FoundPart} part @param {Compared} one */
  function drawContributions(now, part, one) {
    const detector = /** @type {import("./types").DetectorFacts} */ (now.found);
    const pixel = one.kind === "images" ? null : one.pixel;
    const values = pixel ? layersAt(part, detector, pixel, now.one.size) : [];
    const finite = values.length > 0 && values.every(({ value }) => Number.isFinite(value));
    const unit = now.options.units?.[now.detector] ?? "";
    layers.node.hidden = !finite;
    if (finite) layers.draw({ title: layersTitle(detector, unit), layers: values, unit });
    const key = channelKey(now, one);
    const known = key && now.store.peek(key);
    channels.node.hidden = !known;
    if (known) channels.draw({ values: known.values });
    waiting.hidden = !key || Boolean(known);
    contributions.hidden = !finite && !key;
  }

  /** @param {Now} now @param {Compared} one @param {number} width */
  function drawCrowd(now, one, width) {
    const detector = /** @type {import("./types").DetectorFacts} */ (now.found);
    const list = small(one);
    everyOne.hidden = !list.length;
    if (!list.length) return;
    const texts = evenly(list.map((match) => match.distance));
    const thumbs = list.map((match, i) => ({
      rank: match.rank,
      image: match.image,
      box: boxIn(match, one, detector, now.one),
      best: match.rank === one.nearest,
      said: `rank ${match.rank} · ${stem(now.one.trainNames[match.image])} · d² = ${texts[i]}`,
    }));
    allTitle.textContent = smallTitle(one, detector, list.length);
    all.draw({
      list: thumbs,
      size: now.one.trainSize,
      small: (image) => smallOf(now, "train", image),
      chosen: one.chosen,
      width,
    });
  }

  /** @param {Now} now @param {Seen} seen @param {Compared} one @param {number} width */
  function draw(now, seen, one, width) {
    const part = /** @type {import("./types").FoundPart} */ (seen.part);
    drawControls(now, one);
    drawCards(now, seen, one, width);
    drawContributions(now, part, one);
    const both = !contributions.hidden && one.ranks !== null && one.most > 1;
    const beside = both && one.most <= FEW && width >= BARS + GUTTER + TABLE;
    drawRanks(now, part, one, beside ? width - GUTTER - TABLE : width);
    ranks.style.width = beside ? `${width - GUTTER - TABLE}px` : "100%";
    contributions.style.width = beside ? `${TABLE}px` : "100%";
    drawCrowd(now, one, width);
  }
  return { draw };
}

/** @param {Now} now @param {Seen} seen @param {Compared} one @returns {import("./cards").Card} */
function mineCard(now, { test }, one) {
  const { size, names } = now.one;
  const cell = /** @type {import("./types").Pixel} */ (one.cell);
  const cells = /** @type {import("./types").DetectorFacts} */ (now.found).cells;
  const photo = now.store.peek(partKey("photo/test", now.category, now.image));
  const lines = [`location ${cell.join(", ")}`, stem(names[now.image])];
  return {
    image: test.image,
    photo: photo?.image ?? null,
    box: boxOf(cell, size, cells),
    size,
    heading: "this patch",
    lines,
    kind: "mine",
    rank: 0,
    said: `this patch: location ${cell.join(", ")} of ${names[now.image]}`,
  };
}

/** @param {Now} now @param {Compared} one @returns {import("./cards").Card} */
function meanCard(now, one) {
  const { trainSize, size } = now.one;
  const cells = /** @type {import("./types").DetectorFacts} */ (now.found).cells;
  const pixel = /** @type {import("./types").Pixel} */ (one.pixel);
  return {
    image: now.store.get(partKey("mean", now.category))?.image ?? null,
    photo: null,
    box: boxOf(cellOf(pixel, size, cells), trainSize, cells),
    size: trainSize,
    heading: "mean",
    lines: ["of the normal images"],
    kind: "match",
    rank: 0,
    said: "the mean of the normal images, at the same location",
  };
}

/** @param {Now} now @param {Compared} one @returns {import("./cards").Card[]} */
function matchCards(now, one) {
  const detector = /** @type {import("./types").DetectorFacts} */ (now.found);
  const { store, category } = now;
  const shown = large(one);
  const texts = captions(shown, one, detector, now.one.trainNames);
  return shown.map((match, i) => ({
    ...texts[i],
    image: store.get(partKey("train", category, match.image))?.image ?? null,
    photo: store.peek(partKey("photo/train", category, match.image))?.image ?? null,
    box: boxIn(match, one, detector, now.one),
    size: now.one.trainSize,
    kind: match.rank === one.chosen ? "chosen" : "match",
    rank: match.rank,
  }));
}

/**
 * Returns the key of the channels' part, or null where there is none.
 * @param {Now} now
 * @param {Compared} one
 */
function channelKey({ options, category, detector, image }, { cell, kind }) {
  if (!cell || kind === "images" || !options.channels?.includes(detector)) return null;
  return partKey("channels", category, detector, image, ...cell);
}

/**
 * Asks for what sharpens the cards and explains the patch, then for the next images, then for the
 * other detectors.
 * @param {Now} now
 * @param {Compared | null} one
 */
function ahead(now, one) {
  const { store, category, detector, image, list } = now;
  const keys = [];
  const channels = one && channelKey(now, one);
  if (channels) keys.push(channels);
  if (one?.cell && one.kind !== "images") {
    keys.push(partKey("photo/test", category, image));
    for (const match of large(one)) keys.push(partKey("photo/train", category, match.image));
  }
  const place = list.indexOf(image);
  for (const next of [list[place + 1], list[place - 1]]) {
    if (next === undefined) continue;
    keys.push(partKey("test", category, next));
    if (now.found) keys.push(partKey("found", category, detector, next));
  }
  for (const [name, known] of Object.entries(now.one.detectors)) {
    if (known) keys.push(partKey("found", category, name, image));
  }
  for (const key of keys) {
    try {
      store.get(key);
    } catch {
      // It is not displayed, so what went wrong with it is said when it is.
    }
  }
}

const SPEC = {
  title: "what was this compared with?",
  state: ["k", "rank", "whole"],
  help: HELP,
  withoutDetector: true,
  build,
};

export default {
  initialize,
  render: (/** @type {any} */ given) => explorer(given, SPEC),
};
