// Small pictures, which lie on sheets: kit/pictures.py makes these.

import { partKey } from "./store.js";

/** @typedef {import("./types").Small} Small */

/**
 * Returns where an image's small picture lies on a sheet of its kind, or null while that is made.
 * @param {import("./types").Now} now
 * @param {"test" | "train"} split
 * @param {number} image
 * @returns {Small | null}
 */
export function smallOf({ facts, category, one, store }, split, image) {
  const page = Math.floor(image / facts.page);
  const sheet = store.get(partKey("small", split, category, page));
  return sheet && placed(facts, sheet.image, split === "test" ? one.size : one.trainSize, image);
}

/**
 * Returns where an image's small picture lies on its sheet: the longer side fills a square, the other is centred.
 * @param {import("./types").Facts} facts
 * @param {ImageBitmap} sheet
 * @param {import("./types").Size} size of the image
 * @param {number} image
 * @returns {Small}
 */
export function placed(facts, sheet, [high, wide], image) {
  const place = image % facts.page;
  const row = Math.floor(place / facts.columns);
  const column = place % facts.columns;
  const scale = facts.small / Math.max(high, wide);
  const height = Math.max(1, Math.round(high * scale));
  const width = Math.max(1, Math.round(wide * scale));
  return {
    image: sheet,
    x: column * facts.small + Math.floor((facts.small - width) / 2),
    y: row * facts.small + Math.floor((facts.small - height) / 2),
    width,
    height,
  };
}

/**
 * Draws a small picture into the middle of a square of `side`.
 * @param {CanvasRenderingContext2D} context
 * @param {Small} small
 * @param {number} side
 */
export function drawSmall(context, { image, x, y, width, height }, side) {
  const scale = side / Math.max(width, height);
  const across = width * scale;
  const down = height * scale;
  context.drawImage(image, x, y, width, height, (side - across) / 2, (side - down) / 2, across, down);
}
