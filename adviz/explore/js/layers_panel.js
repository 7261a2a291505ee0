// What stands beside the picture in the explorer of layers: the mixer, every layer's map, metrics, values at a pixel.

import { OWN, mixer, toggled } from "./mixer.js";
import { fused, mixIn, mixOf, textOf } from "./fusing.js";
import { fusionTable, scopesOf, tableOf } from "./fusion_table.js";
import { blankPadding } from "./maps.js";
import { cellOf } from "./grids.js";
import { checkbox } from "./controls.js";
import { clip, number } from "./format.js";
import { h } from "./dom.js";
import { layerBars } from "./bars.js";
import { memo } from "./memo.js";
import { ofImage } from "./judging.js";
import { partKey } from "./store.js";
import { step } from "./decisions.js";
import { tiles } from "./tiles.js";
import { tilesGiven } from "./displayed.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {import("./types").Range} Range */
/** @typedef {import("./types").Shown} Shown */
/** @typedef {import("./types").Size} Size */
/** @typedef {import("./fusing").Mix} Mix */
/** @typedef {import("./fusing").Choices} Choices */
/**
 * `ways/C/D`; no names: the detector has no layers' maps.
 * @typedef {object} MixPart
 * @property {string[]} names the finest layer first
 * @property {string[]} labels
 * @property {Size[]} cells
 * @property {Range[]} limits of each layer's maps
 * @property {Range} shared of all
 * @property {Mix[]} own the detector's way to join them; empty: unknown
 */
/**
 * `fusion/C/D/mix`: of all test images.
 * @typedef {{ limits: Range, numbers: Record<string, number | null> }} FusionPart
 */
/**
 * @typedef {object} Seen
 * @property {MixPart} part
 * @property {Mix} mix
 * @property {boolean} isOwn
 * @property {Float32Array | null} map null: no layer has a weight above 0
 * @property {Float32Array[]} layers every layer's map, patch by patch
 * @property {Record<string, Float32Array>} values of locations: layer0, layer1, ...
 * @property {FusionPart | null | undefined} fusion null: still being computed; undefined: not in this file
 * @property {Range} limits of the fused map's colours
 */

const GAP = 16; // between tiles
const [LEAST, SMALL] = [92, 66]; // of a tile, CSS pixels; the latter where there is little room
const MOST = 190;
/** Of a fusion without a map. @type {FusionPart} */
const UNDEFINED = { limits: [0, 1], numbers: {} };

/** @param {Now} now @returns {Choices} */
const choicesOf = ({ get }) => ({
  layers: get("layers"),
  weights: get("weights"),
  join: get("join"),
  root: get("root"),
  sigma: get("sigma"),
});

/** Least and largest value. @param {Float32Array} map @returns {Range} */
function rangeOf(map) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of map) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low > high ? [0, 1] : [low, high];
}

/**
 * A layer's map as large as its image, every pixel as its location.
 * @param {ArrayLike<number>} values
 * @param {Size} cells
 * @param {Size} size
 * @param {ArrayLike<number> | undefined} box
 */
function spread(values, cells, [height, width], box) {
  const map = new Float32Array(height * width);
  const across = Array.from({ length: width }, (_, x) => cellOf([0, x], [height, width], cells)[1]);
  for (let y = 0; y < height; y++) {
    const start = cellOf([y, 0], [height, width], cells)[0] * cells[1];
    for (let x = 0; x < width; x++) map[y * width + x] = values[start + across[x]];
  }
  if (box) blankPadding(map, box, [height, width]);
  return map;
}

/**
 * Returns a function that fuses the layers of the displayed image; null while they are fetched.
 * @returns {(now: Now, shown: Shown) => Seen | null}
 */
function looking() {
  const fuse = memo((
    /** @type {Seen["values"]} */ values, /** @type {MixPart} */ part, /** @type {string} */ text,
    /** @type {Size} */ size, /** @type {ArrayLike<number> | undefined} */ box,
  ) => {
    const mix = mixIn(text);
    const chosen = mix.layers.map((name) => {
      const i = part.names.indexOf(name);
      return { values: values[`layer${i}`], cells: part.cells[i] };
    });
    const map = fused(chosen, mix, size);
    if (map && box) blankPadding(map, box, size);
    return map;
  });
  const enlarge = memo((
    /** @type {Seen["values"]} */ values, /** @type {MixPart} */ part, /** @type {Size} */ size,
    /** @type {ArrayLike<number> | undefined} */ box,
  ) => part.cells.map((cells, i) => spread(values[`layer${i}`], cells, size, box)));
  const range = memo(rangeOf);

  return (now, shown) => {
    const { store, category, detector, image, one, found } = now;
    /** @type {MixPart | null} */
    const part = store.get(partKey("ways", category, detector));
    if (!part?.names.length || !found) return null;
    const values = store.get(partKey("layers", category, detector, image));
    if (!values) return null;
    const own = part.own[0] ?? null;
    const mix = mixOf(part.names, own, choicesOf(now));
    const text = textOf(mix);
    const map = fuse(values, part, text, one.size, shown.part.box);
    const isOwn = own !== null && text === textOf(own);
    const measured = map ? store.get(partKey("fusion", category, detector, text)) : UNDEFINED;
    /** @type {FusionPart | null | undefined} */
    const fusion = measured && !measured.numbers ? undefined : measured;
    const all = isOwn ? found.limits : fusion?.limits;
    const limits = all ?? (map ? range(map) : UNDEFINED.limits);
    return { part, mix, isOwn, map, layers: enlarge(values, part, one.size, shown.part.box), values, fusion, limits };
  };
}

/**
 * What the large picture is given: the fused map, where that is not the detector's own.
 * @param {Now} now
 * @param {Seen} seen
 * @param {import("./types").PictureGiven} given
 * @returns {import("./types").PictureGiven}
 */
function largeGiven(now, { map, isOwn, limits }, given) {
  if (isOwn) return given;
  const chosen = now.get("limits")[now.key] ?? limits;
  const [low, high] = map ? rangeOf(map) : limits;
  const ends = /** @type {Range} */ ([Math.min(low, limits[0]), Math.max(high, limits[1])]);
  return { ...given, map, limits: chosen, ends, level: (chosen[0] + chosen[1]) / 2, unit: "fused map" };
}

/** @param {Now} now @param {Seen} seen */
function mixerGiven(now, { part, mix, isOwn }) {
  const { names, labels, own } = part;
  return { names, labels, mix, chosen: choicesOf(now), isOwn, hasOwn: own.length > 0 };
}

/**
 * What stands beside the picture: the mixer, every map, metrics, and the layers' values at the picked pixel.
 * @param {import("./types").ImageFrame} frame
 * @returns {import("./types").Panel}
 */
export function layersPanel({ change, dense }) {
  const look = looking();
  /** @type {import("./mixer").MixerGiven | null} */
  let mixing = null;
  const controls = mixer(change);
  const scale = checkbox("own-scale", "each layer on its own scale", (value) => change({ own_scale: value }));
  const whole = tiles(null, change);
  const each = tiles((index) => {
    if (mixing) change({ layers: toggled(mixing, mixing.names[index]) });
  }, change, null);
  const maps = h("div.av-layer-maps", {}, whole.node, each.node);
  const head = h("div.av-scales-line", {}, h("h2", {}, "Every layer's map"), scale.node);
  const table = fusionTable();
  const bars = layerBars();
  const value = h("p.av-fused-value");
  const readOut = h("section.av-layer-values", {}, bars.node, value);
  const numbers = h("div.av-paired", {}, table.node, readOut);
  const note = h("p.av-note");
  const body = h("div.av-layers-body", {}, controls.node, h("section", {}, head, maps), numbers);
  const node = h("div.av-right", {}, h("div.av-layers", {}, note, body));
  const judge = memo(ofImage);
  const judgeOwn = memo(ofImage);

  /** @param {Now} now @param {Shown} shown @param {Seen} seen @param {number} width */
  function drawMaps(now, shown, seen, width) {
    const { part, mix, map, isOwn, fusion } = seen;
    const { size } = now.one;
    const said = isOwn ? "the same" : fusion ? "" : "colours of this image"; // else those of all
    /** @type {import("./types").Tile} */
    const plain = { title: "", lines: [], kind: "map", map: null, limits: [0, 1], level: null, chosen: false };
    const ownLimits = now.found?.limits ?? seen.limits;
    const joined = [
      { ...plain, title: "detector's own", map: shown.map, limits: ownLimits },
      { ...plain, title: "fused", map, limits: seen.limits, lines: [said].filter(Boolean) },
    ];
    const alone = part.names.map((name, i) => {
      const place = mix.layers.indexOf(name);
      const limits = now.get("own_scale") ? part.limits[i] : part.shared;
      const lines = [place < 0 ? "left out" : `× ${mix.weights[place]}`];
      return { ...plain, title: name, map: seen.layers[i], limits, lines, chosen: place >= 0 };
    });
    const count = joined.length + alone.length;
    const wide = clip(Math.floor((width - (count - 1) * GAP) / count), dense ? SMALL : LEAST, MOST);
    const given = /** @type {import("./types").PictureGiven} */ ({
      size, zoom: now.get("zoom"), opacity: 1, fade: false, contour: now.get("contour"),
    });
    for (const [row, list] of /** @type {const} */ ([[whole, joined], [each, alone]])) {
      row.node.style.width = `${Math.min(width, list.length * (wide + GAP) - GAP)}px`;
      row.draw(tilesGiven(list, shown, given, wide));
    }
  }

  /** @param {Now} now @param {Shown} shown @param {Seen} seen */
  function drawValues({ one }, { pixel }, { part, map, values }) {
    readOut.hidden = !pixel;
    if (!pixel) return;
    const layers = part.labels.map((label, i) => {
      const [row, column] = cellOf(pixel, one.size, part.cells[i]);
      return { label, value: values[`layer${i}`][row * part.cells[i][1] + column] };
    });
    bars.draw({ title: `Layers at row ${pixel[0]}, column ${pixel[1]}`, layers, unit: "" });
    const here = map ? map[pixel[0] * one.size[1] + pixel[1]] : NaN;
    value.textContent = Number.isNaN(here) ? "" : `fused map: ${number(here)}`;
  }

  /** @param {Now} now @param {Shown} shown @param {Seen} seen */
  function scopes(now, shown, seen) {
    const { size } = now.one;
    const nothing = { pixel_auroc: NaN, pro: NaN };
    const image = {
      fusion: seen.map ? judge(seen.map, shown.mask, size) : nothing,
      detector: shown.map ? judgeOwn(shown.map, shown.mask, size) : nothing,
    };
    const none = shown.mask ? ", without a defect" : ", without ground truth";
    return scopesOf(now, seen, image, textOf(seen.mix), Number.isNaN(image.detector.pro) ? none : "");
  }

  /** Whether the displayed detector has layers' maps; null: still to come. @param {Now} now */
  function layered({ store, category, detector }) {
    const part = store.get(partKey("ways", category, detector));
    return part && part.names.length > 0;
  }

  return {
    node,
    tools: controls.preset,
    draw(now, shown, width) {
      const none = layered(now) === false;
      body.hidden = none;
      note.textContent = none ? `${now.detector} has no layers' maps.` : "";
      const seen = look(now, shown);
      if (!seen) return;
      mixing = mixerGiven(now, seen);
      controls.draw(mixing);
      scale.show(now.get("own_scale"));
      drawMaps(now, shown, seen, width);
      drawValues(now, shown, seen);
      table.draw(scopes(now, shown, seen));
    },
    given(now, shown, given) {
      if (layered(now) === false) return given;
      const seen = look(now, shown);
      return seen && largeGiven(now, seen, given);
    },
    ahead(now) {
      const { store, category, one, list, image } = now;
      for (const by of [1, -1]) store.get(partKey("layers", category, now.detector, step(list, image, by)));
      for (const [detector, found] of Object.entries(one.detectors)) {
        if (!found) continue;
        store.get(partKey("ways", category, detector));
        store.get(partKey("layers", category, detector, image));
      }
    },
    words(now, shown) {
      const seen = shown && look(now, shown);
      if (!seen || (dense && seen.isOwn)) return "";
      const { mix, isOwn } = seen;
      const way = [mix.layers.join(" + "), mix.join, ...(mix.root ? ["root"] : []), `sigma ${mix.sigma}`];
      return ` · fusion: ${way.join(", ")}${isOwn ? ` (${OWN} way)` : ""}`;
    },
    table(now, shown) {
      const seen = shown && look(now, shown);
      return seen ? tableOf(scopes(now, shown, seen)) : { head: [], rows: [] };
    },
  };
}
