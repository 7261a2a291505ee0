// What is displayed of what an image, or a patch of it, was compared with, and how it is called.

import { boxOf, cellOf } from "./grids.js";
import {
  countWithMean,
  elsewhere,
  matches,
  ranked,
  segmented,
  wholeMatches,
  wholeRanked,
} from "./neighbors.js";
import { evenly } from "./format.js";
import { followsK } from "./maps.js";
import { inUnits } from "./good.js";

export const SHOWN = 4; // nearest patches side by side
export const RETRIEVED = 10; // whole images that are shown large
export const CROWD = 60; // small pictures
const PLACES = ["nearest", "2nd", "3rd", "4th"];
const MEAN = "no neighbours: beside the mean of the normal images";
const LEAST =
  "the patch's score with the images up to there, the running minimum (Eq. 3, one neighbour)";
const UNSEGMENTED =
  "This image was not segmented: its image score is below the detector's threshold.";

/** @typedef {import("./types").FoundPart} FoundPart */
/** @typedef {import("./types").DetectorFacts} DetectorFacts */
/** @typedef {import("./types").CategoryFacts} CategoryFacts */
/** @typedef {import("./types").Match} Match */
/** @typedef {import("./types").Pixel} Pixel */
/**
 * @typedef {object} Compared
 * @property {"patches" | "images" | "layers" | "nothing"} kind what there is to show
 * @property {boolean} segmented false: patches were not compared in this image
 * @property {Pixel | null} pixel that is explained
 * @property {Pixel | null} cell the location it lies in
 * @property {number} most neighbours that were found; 0: none
 * @property {number} k how many of them count
 * @property {Match[]} near these, patches nearest first, whole images by rank
 * @property {Match[]} every all neighbours by rank
 * @property {import("./neighbors").Ranked | null} ranks distances and scores with fewer; null: none
 * @property {number} nearest rank of the nearest patch of the first k; 0: is not marked
 * @property {number} chosen rank that a person looks at; 0: none
 */

/**
 * Returns what is compared: a patch where there are its neighbours or layers' maps, else the image.
 * @param {FoundPart} part
 * @param {DetectorFacts} found
 * @param {import("./types").Size} size of the image
 * @param {Pixel | null} pixel
 * @param {boolean} whole whether whole images are wanted
 * @param {number} wantedK
 * @param {number} rank that is looked at
 * @returns {Compared}
 */
export function compared(part, found, size, pixel, whole, wantedK, rank) {
  const kind = kindOf(found, pixel, whole);
  const cell = pixel && cellOf(pixel, size, found.cells);
  const most = kind === "patches" ? found.k : kind === "images" ? found.wholeK : 0;
  const k = Math.min(wantedK, most);
  /** @type {Compared} */
  const seen = {
    kind,
    segmented: found.k === 0 || segmented(part),
    pixel,
    cell,
    most,
    k,
    near: [],
    every: [],
    ranks: null,
    nearest: 0,
    chosen: 0,
  };
  if (kind === "patches" && cell) {
    seen.near = matches(part, found, cell, k);
    seen.every = byRank(matches(part, found, cell, most));
    seen.ranks = ranked(part, found, cell);
    seen.nearest = seen.near[0]?.rank ?? 0;
  }
  if (kind === "images") {
    seen.near = wholeMatches(part, found, k);
    seen.every = wholeMatches(part, found, most);
    seen.ranks = wholeRanked(part, found);
  }
  if (seen.every.length < most) seen.ranks = null; // some are NaN
  if (seen.every.some((one) => one.rank === rank)) seen.chosen = rank;
  return seen;
}

/** @param {DetectorFacts} found @param {Pixel | null} pixel @param {boolean} whole */
function kindOf(found, pixel, whole) {
  const finer = found.k > 0 || found.layers.length > 0;
  if (found.wholeK && (whole || !finer || !pixel)) return "images";
  if (!pixel || !finer) return "nothing";
  return found.k ? "patches" : "layers";
}

/** @param {Match[]} list */
const byRank = (list) => [...list].sort((a, b) => a.rank - b.rank);

/**
 * Returns the neighbours that are shown large: the first, and the chosen one in place of the last.
 * @param {Compared} seen
 * @returns {Match[]}
 */
export function large({ kind, near, every, chosen }) {
  const shown = near.slice(0, kind === "images" ? RETRIEVED : SHOWN);
  const extra = every.find((one) => one.rank === chosen);
  if (!extra || shown.some((one) => one.rank === chosen)) return shown;
  if (shown.length < SHOWN) return [...shown, extra];
  return [...shown.slice(0, -1), extra];
}

/**
 * Returns the neighbours that are shown small, by rank: of patches all unless they are large
 * already, of whole images those after the large ones.
 * @param {Compared} seen
 * @returns {Match[]}
 */
export function small({ kind, near }) {
  if (kind === "images") return near.slice(RETRIEVED, RETRIEVED + CROWD);
  return near.length > SHOWN ? byRank(near).slice(0, CROWD) : [];
}

/**
 * Returns the title of the large pictures.
 * @param {Compared} seen
 * @param {DetectorFacts} found
 */
export function title({ kind, near }, found) {
  const count = near.length;
  if (kind === "layers") return MEAN;
  if (!count) return "";
  if (kind === "images") {
    const most = Math.min(count, RETRIEVED);
    return most === 1 ? "the normal image most like it" : `the ${most} normal images most like it`;
  }
  const most = Math.min(count, SHOWN);
  if (count === 1) return "the nearest normal patch";
  if (found.order === "retrieval") {
    const part = most < count ? `: ${most} of them` : "";
    return `the nearest patch of each of ${count} normal images${part}`;
  }
  return `the ${most} nearest normal patches${most < count ? ` of ${count}` : ""}`;
}

/**
 * Says how strange the distance to the nearest neighbour is; "": good images' distances are not known.
 * @param {Compared} seen
 * @param {DetectorFacts} found
 */
export function strange({ kind, near, k, most }, found) {
  const ofAll = k === most || found.order === "distance"; // as the good images' distances are
  if (kind !== "patches" || !near.length || !ofAll) return "";
  const meaning = inUnits(found.good, "nearest", near[0].distance);
  return meaning && `the nearest patch's distance: ${meaning}`;
}

/**
 * Returns the title of the distances by rank.
 * @param {Compared} seen
 */
export function ranksTitle({ kind, ranks }) {
  if (kind === "images") return "squared distance of the retrieved images";
  if (ranks && !ranks.score) return "squared distance of the nearest patches";
  return "squared distance of the nearest patch of each image that was searched";
}

/**
 * @typedef {object} Scored
 * @property {number} count of retrieved images, the first of them, over which the score is a mean
 * @property {boolean} squared whether of their squared distances, else of the distances
 */

/**
 * Returns of how many retrieved images the image's score is the mean; null: of none.
 * @param {Compared} seen
 * @param {number} score
 * @returns {Scored | null}
 */
export function scoredBy({ kind, ranks }, score) {
  if (kind !== "images" || !ranks) return null;
  const ofSquares = countWithMean(ranks.distance, score);
  if (ofSquares) return { count: ofSquares, squared: true };
  const count = countWithMean(ranks.distance.map(Math.sqrt), score);
  return count ? { count, squared: false } : null;
}

/**
 * Says what the marks in the bars of distances mean.
 * @param {Compared} seen
 * @param {DetectorFacts} found
 * @param {Scored | null} scored
 */
export function ranksWords({ kind, ranks, most, k, nearest }, found, scored) {
  const words = [`rank 1 to ${most}`, `filled: the first k = ${k}`];
  if (nearest) words.push("orange, dashed, ▲: the nearest of them");
  if (!ranks?.score) {
    words.push("k chooses what is shown here", ofSeveral(found));
  } else {
    words.push(`the line: ${kind === "images" ? average(scored) : LEAST}`);
  }
  return words.join("; ");
}

/** Says whether more than the nearest neighbour counts. @param {DetectorFacts} found */
function ofSeveral({ root, limits }) {
  if (root !== null) return "the map is made of the nearest alone";
  const what = limits ? "score and map are" : "the score is";
  return `whether ${what} made of one or of several of them, the prediction does not say`;
}

/** Says what the mean over the retrieved images has to do with the score. @param {Scored | null} scored */
function average(scored) {
  if (!scored) return "the mean up to there, which is not the score of the image";
  if (scored.squared) {
    return `the mean up to there; that of the first ${scored.count} is the score of the image (DN2's Eq. 2)`;
  }
  const those = `the mean of the first ${scored.count} distances, not squared`;
  return `the mean up to there; the score of the image is ${those}`;
}

/**
 * Returns the title of the small pictures.
 * @param {Compared} seen
 * @param {DetectorFacts} found
 * @param {number} count
 */
export function smallTitle({ kind }, found, count) {
  if (kind === "images") return "the next, by rank";
  const where =
    found.order === "retrieval"
      ? `where the nearest patches lie in ${count} normal images`
      : `where the ${count} nearest patches lie in the normal images`;
  return `${where}, by rank; ▲ is the nearest of all`;
}

/**
 * Returns remarks: the map cannot follow k, the retrieved images are others.
 * @param {Compared} seen
 * @param {FoundPart} part
 * @param {DetectorFacts} found
 * @returns {string[]}
 */
export function remarks({ kind, k }, part, found) {
  const notes = [];
  const fewer = found.order === "retrieval" && k < found.k && found.limits !== null;
  if (kind === "patches" && fewer && !followsK(part, found)) {
    const what = "the prediction does not tell what it is with fewer.";
    notes.push(`The map is that of k = ${found.k} neighbours: ${what}`);
  }
  if ((kind === "patches" || kind === "images") && elsewhere(part, found)) {
    const what =
      kind === "patches"
        ? "were not retrieved, they were chosen otherwise"
        : "are not those whose patches are searched";
    notes.push(`These images ${what}; the retrieved ones give the image's score alone.`);
  }
  return notes;
}

/**
 * Says why there is nothing large to show, or no layers' contributions to the pixel; "": there are.
 * @param {Compared} seen
 * @param {DetectorFacts} found
 * @param {string} detector
 */
export function why({ kind, pixel, segmented: isSegmented }, found, detector) {
  if (!isSegmented && (kind === "patches" || !pixel)) return UNSEGMENTED;
  const finer = found.k > 0 || found.layers.length > 0;
  if (finer && !pixel) return `${detector} compares patches: pick a pixel.`;
  if (finer && kind === "images") return "";
  if (found.layers.length) return "";
  if (found.k) return `${detector} does not split its distance by layer.`;
  if (found.wholeK && !pixel) return "";
  if (found.wholeK) {
    return `${detector} compares whole images: nothing was looked up for a single pixel.`;
  }
  const known = found.limits ? "its value on the map" : "nothing";
  return `${detector} gives neither neighbours nor layers' maps: of a pixel ${known} is known.`;
}

/**
 * Returns the title of the layers' values.
 * @param {DetectorFacts} found
 * @param {string} unit
 */
export function layersTitle(found, unit) {
  if (found.searched === "patch") return "each layer's contribution to the squared distance";
  return `each layer's map at this pixel${unit ? `, ${unit}` : ""}`;
}

/** A file's name without its folder, which the normal images share. @param {string} name */
export const stem = (name) => name.slice(name.lastIndexOf("/") + 1);

/**
 * Returns what is said of neighbours: above a large picture, below it, and under the pointer.
 * @param {Match[]} shown
 * @param {Compared} seen
 * @param {DetectorFacts} found
 * @param {string[]} names
 * @returns {{ heading: string, lines: string[], said: string }[]}
 */
export function captions(shown, { kind, near, chosen }, found, names) {
  const texts = evenly(shown.map((one) => one.distance));
  const byName = kind === "patches" && found.order === "retrieval";
  return shown.map(({ rank, image }, i) => {
    const name = stem(names[image]);
    const place = kind === "images" ? String(rank) : (PLACES[i] ?? "");
    const first = near[i]?.rank === rank ? place : `rank ${rank}`;
    return {
      heading: rank === chosen ? `${first} · chosen` : first,
      lines: [`d² = ${texts[i]}`, byName ? `rank ${rank} · ${name}` : name],
      said: `rank ${rank} · ${name} · d² = ${texts[i]}`,
    };
  });
}

/**
 * Returns where neighbours lie: the box of each patch in its training image, null for whole images.
 * @param {Match} match
 * @param {Compared} seen
 * @param {DetectorFacts} found
 * @param {CategoryFacts} one
 */
export function boxIn({ cell }, { kind }, found, one) {
  return kind === "patches" && found.grid ? boxOf(cell, one.trainSize, found.grid) : null;
}

/**
 * Returns what is displayed as a table.
 * @param {Compared} seen
 * @param {{ label: string, value: number }[]} layers
 * @param {string[]} names of the training images
 */
export function tableOf({ kind, every }, layers, names) {
  if (kind === "layers") {
    return { head: ["layer", "value"], rows: layers.map(({ label, value }) => [label, value]) };
  }
  const head = ["rank", "training image", "name", "row", "column", "squared distance"];
  const rows = every.map(({ rank, image, cell, distance }) => {
    const place = kind === "patches" ? cell : ["", ""];
    return [rank, image, names[image], ...place, distance];
  });
  return { head, rows };
}
