// The displayed image, as all explorers of test images show it: its parts, the large picture, and the room for it.

import { cellOf, unpacked } from "./grids.js";
import { mapOf, peak } from "./maps.js";
import { memo } from "./memo.js";
import { partKey } from "./store.js";
import { step } from "./decisions.js";

/** @typedef {import("./types").Now} Now */

const GAP = 24; // between the picture and what stands beside it
const NARROW = 760; // of an explorer, below which all stands below each other

/** Width of the large picture in an explorer of `width`, and of what is left beside it. @param {number} width */
export function columns(width) {
  if (width < NARROW) return { left: Math.min(width, 560), right: width };
  const left = Math.min(640, Math.max(320, Math.round(0.44 * width)));
  return { left, right: width - left - GAP };
}

/**
 * Reads the parts of the displayed image: null while one of them is missing. The map is that of the neighbours which
 * count, where fewer can.
 * @returns {(now: Now) => import("./types").Shown | null}
 */
export function shownImage() {
  const anomaly = memo(mapOf);
  const highest = memo(peak);
  const unpack = memo((/** @type {Uint8Array} */ bits, /** @type {import("./types").Size} */ size) =>
    unpacked(bits, size[0] * size[1]),
  );
  return ({ store, category, detector, one, found, facts, image, get }) => {
    const test = store.get(partKey("test", category, image));
    const part = store.get(partKey("found", category, detector, image));
    if (!test || !part || !found) return null;
    const k = found.order === "retrieval" ? get("k") ?? Infinity : Infinity;
    const map = anomaly(part, found, one.size, facts.sigma, k);
    const picked = get("picked");
    const pixel = picked.length ? picked : map && highest(map, one.size);
    return {
      image: test.image,
      mask: test.mask ? unpack(test.mask, one.size) : null,
      part,
      map,
      pixel,
      cell: pixel && cellOf(pixel, one.size, found.cells),
    };
  };
}

/**
 * What the large picture is given.
 * @param {Now} now
 * @param {import("./types").Shown} shown
 * @param {number} width
 * @returns {import("./types").PictureGiven}
 */
export function pictureGiven(now, shown, width) {
  const { one, found, store, category, image, get } = now;
  const zoom = get("zoom");
  const photo = zoom.length ? store.get(partKey("photo/test", category, image)) : null;
  const limits = get("limits")[now.key] ?? found?.limits ?? [0, 1];
  return {
    image: shown.image,
    photo: photo?.image ?? null,
    map: shown.map,
    mask: shown.mask,
    size: one.size,
    cells: found?.cells ?? one.size,
    limits,
    ends: found?.ends ?? limits,
    good: meaningOf(now),
    anchored: Boolean(found?.anchored) && limits === found?.limits,
    opacity: get("opacity"),
    fade: get("fade"),
    contour: get("contour"),
    style: get("shown_as"),
    level: levelOf(now, limits),
    pixel: shown.pixel,
    zoom,
    name: one.names[image],
    unit: "",
    width,
  };
}

/**
 * What the good images' maps were; null: not known, or of another number of neighbours.
 * @param {Now} now
 */
function meaningOf({ found, get }) {
  const fewer = found?.order === "retrieval" && (get("k") ?? Infinity) < found.k;
  return fewer ? null : found?.good;
}

/**
 * The value that an outline of the map is drawn at: the threshold where it is one of pixels, else the scale's middle.
 * @param {Now} now
 * @param {import("./types").Range} limits
 */
function levelOf({ found, threshold }, limits) {
  return found?.peak && threshold !== null ? threshold : (limits[0] + limits[1]) / 2;
}

/**
 * How the map is drawn, for the controls below the large picture.
 * @param {Now} now
 * @param {import("./types").Shown | null} shown
 */
export function drawingOf({ get, one, found }, shown) {
  return {
    opacity: get("opacity"),
    fade: get("fade"),
    contour: get("contour"),
    style: get("shown_as"),
    masked: shown ? shown.mask !== null : one.masked, // until it is there: as it is expected
    mapped: shown ? shown.map !== null : found?.limits !== null,
  };
}

/** Asks for the next and the previous image, and for this one by the other detectors. @param {Now} now */
export function askAhead({ store, category, one, detector, list, image }) {
  for (const by of [1, -1]) {
    const next = step(list, image, by);
    store.get(partKey("test", category, next));
    if (one.detectors[detector]) store.get(partKey("found", category, detector, next));
  }
  for (const [name, found] of Object.entries(one.detectors)) {
    if (found) store.get(partKey("found", category, name, image));
  }
}

/**
 * The image, its ground truth and its map. Where other images or detectors of the category have one, its place stays
 * and says that there is none: nothing moves.
 * @param {Now} now
 * @param {import("./types").Shown} shown
 * @param {Float32Array | null} map as it is drawn
 * @param {import("./types").Range} limits
 * @param {number | null} level
 * @returns {import("./types").Tile[]}
 */
export function tilesOf({ one }, { mask }, map, limits, level) {
  /** @type {Omit<import("./types").Tile, "title" | "kind">} */
  const plain = { lines: [], map: null, limits, level: null, chosen: false };
  /** @type {import("./types").Tile[]} */
  const list = [{ ...plain, title: "image", kind: "image" }];
  if (mask || one.masked) list.push({ ...plain, title: "ground truth", kind: "truth" });
  const mapped = Object.values(one.detectors).some((found) => found?.limits);
  if (map || mapped) list.push({ ...plain, title: "map", kind: "map", map, level });
  return list;
}

/**
 * What a row of tiles is given.
 * @param {import("./types").Tile[]} list
 * @param {import("./types").Shown} shown
 * @param {import("./types").PictureGiven} given to the large picture, which they follow
 * @param {number} width of one
 * @returns {import("./types").TilesGiven}
 */
export function tilesGiven(list, shown, given, width) {
  const { size, zoom, opacity, fade, contour } = given;
  const { image, mask, pixel } = shown;
  return { tiles: list, image, mask, size, zoom, pixel, opacity, fade, contour, width };
}

/** Says what there is no place for. @param {import("./types").Tile[]} list */
export function lacking(list) {
  const missing = ["ground truth", "map"].filter((title) => list.every((one) => one.title !== title));
  return missing.length ? `There is no ${missing.join(" and no ")} of this image.` : "";
}
