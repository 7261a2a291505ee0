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
  scoredBy,
  small,
  smallTitle,
  stem,
  strange,
  tableOf,
  title,
  why,
} from "./compared.js";
import { beside } from "./beside.js";
import { boxOf, cellOf } from "./grids.js";
import { button, slider } from "./controls.js";
import { cards } from "./cards.js";
import { channelBars, layerBars, rankBars, scoreByK } from "./bars.js";
import { crowd } from "./crowd.js";
import { evenly } from "./format.js";
import { imageExplorer, initialize } from "./images.js";
import { h } from "./dom.js";
import { layersAt } from "./maps.js";
import { memo } from "./memo.js";
import { partKey } from "./store.js";
import { smallOf } from "./small.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {import("./compared").Compared} Compared */
/** @typedef {import("./types").Shown & { compared: Compared }} Seen the image and its neighbours */

const LEAST = 240; // CSS pixels beside the picture, before the page is laid out
/** Widths of a card where there is little room. @type {import("./types").Range} */
const SMALL = [68, 112];
const GUTTER = 24;
const TABLE = 264; // CSS pixels of the layers' table beside the bars
const BARS = 320; // CSS pixels of the bars beside it, at least
const FEW = 24; // bars that can stand beside the table

/** @param {Now} now */
const hasNeighbors = ({ found }) => Boolean(found && (found.k || found.wholeK));
/** Whether whole images are compared as well as something finer. @param {Now} now */
const hasBoth = ({ found }) => Boolean(found?.wholeK && (found.k || found.layers.length));
/** Whether a score depends on how many neighbours count. @param {Now} now */
const hasScores = ({ found }) => Boolean(found?.wholeK || found?.order === "retrieval");

/** @type {import("./types").HelpEntry[]} */
const HELP = [
  ["neighbours", "k: how many neighbours count; the map follows where it can", hasNeighbors],
  ["whole images", "compare the image as a whole; a click on the image goes back to a patch", hasBoth],
  ["click on a neighbour or its bar", "look at that one: it is shown large; a second click: none", hasNeighbors],
  ["click on a score below the bars", "let that many neighbours count", hasScores],
];

/** @param {import("./types").ImageFrame} frame @returns {import("./types").Panel} */
export function retrievalPanel({ change, dense }) {
  const side = rightSide(change, dense ? SMALL : undefined);
  const explained = memo(compared);

  /** @param {Now} now @param {import("./types").Shown | null} shown @returns {Seen | null} */
  function look({ found, one, get }, shown) {
    if (!found || !shown) return null;
    const wanted = /** @type {const} */ ([get("whole"), get("k"), get("rank")]);
    return { ...shown, compared: explained(shown.part, found, one.size, shown.pixel, ...wanted) };
  }

  return {
    node: side.node,
    tools: side.tools,
    draw(now, shown, width) {
      const seen = look(now, shown);
      if (seen) side.draw(now, seen, Math.max(LEAST, width));
    },
    given: (now, shown, given) => (isWhole(look(now, shown)) ? { ...given, pixel: null } : given),
    // Who picks a patch wants to see what that was compared with.
    set: (values) => (values.picked?.length ? { ...values, whole: false } : values),
    ahead(now, shown) {
      askSharper(now, look(now, shown));
    },
    words(now, shown) {
      if (isWhole(look(now, shown))) return " · whole images";
      return shown?.pixel ? ` · pixel ${shown.pixel.join(", ")}` : "";
    },
    table(now, shown) {
      const seen = look(now, shown);
      if (!seen || !now.found) return { head: [], rows: [] };
      const layers = seen.pixel ? layersAt(seen.part, now.found, seen.pixel, now.one.size) : [];
      return tableOf(seen.compared, layers, now.one.trainNames);
    },
  };
}

/** Whether whole images are compared. @param {Seen | null} seen */
const isWhole = (seen) => seen?.compared.kind === "images";

/**
 * Everything beside the picture.
 * @param {import("./types").Change} change
 * @param {import("./types").Range} [widths] of a card
 */
function rightSide(change, widths) {
  const choose = (/** @type {number} */ rank) => change({ rank });
  const count = slider("k", "neighbours", (k) => change({ k }), { min: 1, step: 1 });
  let together = false;
  const words = "compare whole images, not a patch";
  const whole = button("whole-images", "whole images", words, () => change({ whole: !together }));
  whole.setAttribute("aria-label", "whole images");
  const controls = h("div.av-controls", {}, count.node, whole);

  const nearest = cards(choose);
  const nearestTitle = h("h2");
  const note = h("p");
  const found = h("section", {}, nearestTitle, nearest.node, note);

  const bars = rankBars(choose);
  const scores = scoreByK(change);
  const barsTitle = h("h2");
  const barsWords = h("p");
  const barsNotes = h("div");
  const below = [scores.node, barsWords, barsNotes];
  const ranks = h("section.av-by-rank", {}, barsTitle, bars.node, ...below);

  const layers = layerBars();
  const channels = channelBars();
  const waiting = h("p", {}, "channels: …");
  const contributions = h("section.av-contributions", {}, layers.node, channels.node, waiting);

  const all = crowd(choose);
  const allTitle = h("h2");
  const everyOne = h("section", {}, allTitle, all.node);
  const numbers = h("div.av-numbers", {}, ranks, contributions);
  const node = h("div.av-right", { hidden: true }, controls, found, numbers, everyOne);

  /** @param {Now} now @param {Compared} one */
  function drawControls(now, one) {
    const finer = now.found && (now.found.k > 0 || now.found.layers.length > 0);
    together = one.kind === "images";
    count.node.hidden = one.most < 1;
    if (one.most) count.show(one.k, { min: 1, max: one.most });
    whole.hidden = !finer || !now.found?.wholeK;
    whole.disabled = together && !now.get("whole"); // without a patch there is nothing to go back to
    whole.setAttribute("aria-pressed", String(together));
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
    if (matches.length) nearest.draw({ mine, matches, width, range: widths });
    note.textContent = why(one, detector, now.detector) || strange(one, detector);
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
    const scored = scoredBy(one, detector.scores[now.image]);
    const what = one.kind === "images" ? "mean" : "score";
    bars.draw({ ...known, k, nearest: best, chosen, names, width, what });
    scores.node.hidden = !known.score;
    if (known.score) {
      scores.draw({ score: known.score, k, what, scored: scored?.squared ? scored.count : 0 });
    }
    barsWords.textContent = ranksWords(one, detector, scored);
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

  /** @param {Now} now @param {Seen} seen @param {number} width */
  function draw(now, seen, width) {
    const { compared: one, part } = seen;
    node.hidden = false;
    drawControls(now, one);
    drawCards(now, seen, one, width);
    drawContributions(now, part, one);
    const both = !contributions.hidden && one.ranks !== null && one.most > 1;
    const inLine = both && one.most <= FEW && width >= BARS + GUTTER + TABLE;
    drawRanks(now, part, one, inLine ? width - GUTTER - TABLE : width);
    ranks.style.width = inLine ? `${width - GUTTER - TABLE}px` : "100%";
    contributions.style.width = inLine ? `${TABLE}px` : "100%";
    drawCrowd(now, one, width);
  }
  return { node, tools: controls, draw };
}

/** @param {Now} now @param {Seen} seen @param {Compared} one @returns {import("./cards").Card} */
function mineCard(now, { image }, one) {
  const { size, names } = now.one;
  const cell = /** @type {import("./types").Pixel} */ (one.cell);
  const cells = /** @type {import("./types").DetectorFacts} */ (now.found).cells;
  const photo = now.store.peek(partKey("photo/test", now.category, now.image));
  const lines = [`location ${cell.join(", ")}`, stem(names[now.image])];
  return {
    image,
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
 * Asks for what sharpens the enlargements and explains the patch.
 * @param {Now} now
 * @param {Seen | null} seen
 */
function askSharper(now, seen) {
  const { store, category, image } = now;
  if (!seen || seen.compared.kind === "images" || !seen.cell) return;
  const channels = channelKey(now, seen.compared);
  if (channels) store.get(channels);
  store.get(partKey("photo/test", category, image));
  for (const match of large(seen.compared)) {
    store.get(partKey("photo/train", category, match.image));
  }
}

export default {
  initialize,
  render: (/** @type {any} */ given) =>
    imageExplorer(given, {
      title: "What was an image, or a patch of it, compared with?",
      state: ["k", "rank", "whole"],
      help: HELP,
      build: beside("retrieval", retrievalPanel),
    }),
};
