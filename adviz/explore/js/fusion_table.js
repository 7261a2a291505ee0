// What a fusion achieves beside the detector itself: in this image, in all test images, over the categories.

import { PENDING } from "./standing.js";
import { h } from "./dom.js";
import { lazily } from "./memo.js";
import { metric } from "./format.js";
import { partKey } from "./store.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {Record<string, number>} Values NaN: undefined */
/**
 * Metrics of some images; null: still being computed; undefined: not in this file.
 * @typedef {{ title: string, fusion: Values | null | undefined, detector: Values | null, names: string[] }} Scope
 */

/** @type {Record<string, string>} */
const NAMES = { image_auroc: "image AUROC", pixel_auroc: "pixel AUROC", pro: "PRO-global" };
const PEAK = "The image score of a fusion is the maximum of its map.";
const ELSEWHERE = "Over all test images, this file holds the presets' metrics alone; a notebook measures every fusion.";

/** @param {{ numbers: Record<string, number | null> }} part @returns {Values} */
const valuesOf = ({ numbers }) =>
  Object.fromEntries(Object.keys(NAMES).map((name) => [name, numbers[name] ?? NaN]));

/**
 * The mean over those categories where a metric is defined.
 * @param {Values[]} all
 * @returns {Values}
 */
export function meanOf(all) {
  return Object.fromEntries(Object.keys(NAMES).map((name) => {
    const defined = all.map((values) => values[name]).filter((value) => !Number.isNaN(value));
    return [name, defined.reduce((sum, value) => sum + value, 0) / defined.length];
  }));
}

/** The mean of parts' numbers; null while one of them is missing. @param {any[]} parts */
const meanOfAll = (parts) => (parts.every(Boolean) ? meanOf(parts.map(valuesOf)) : null);

/**
 * @param {Now} now
 * @param {import("./layers_panel").Seen} seen
 * @param {{ fusion: Values, detector: Values }} image
 * @param {string} text of the mix
 * @param {string} why metrics of the image are undefined, behind its title
 * @returns {Scope[]}
 */
export function scopesOf({ facts, store, category, detector, one }, { mix, fusion }, image, text, why) {
  const names = Object.keys(NAMES);
  const own = store.get(partKey("numbers", category, detector));
  /** @type {Scope[]} */
  const scopes = [
    { title: `this image${why}`, ...image, names: names.slice(1) },
    {
      title: `all ${one.names.length} test images of ${category}`,
      fusion: fusion && valuesOf(fusion),
      detector: own && valuesOf(own),
      names,
    },
  ];
  if (Object.keys(facts.categories).length < 2) return scopes;
  const comparable = Object.keys(facts.categories).filter((name) => {
    if (!facts.categories[name].detectors[detector]) return false;
    const part = store.get(partKey("ways", name, detector));
    return part && mix.layers.every((layer) => part.names.includes(layer));
  });
  const there = fusion && Object.keys(fusion.numbers).length > 0;
  const fusions = there ? comparable.map((name) => store.get(partKey("fusion", name, detector, text))) : [fusion];
  const owns = comparable.map((name) => store.get(partKey("numbers", name, detector)));
  scopes.push({
    title: `mean of ${comparable.length} ${comparable.length === 1 ? "category" : "categories"}`,
    fusion: fusion === undefined ? undefined : meanOfAll(fusions),
    detector: meanOfAll(owns),
    names,
  });
  return scopes;
}

/** The signed difference in points. @param {number} fusion @param {number} detector */
export function points(fusion, detector) {
  const difference = (100 * (fusion - detector)).toFixed(1);
  if (difference === "NaN") return "";
  if (Number(difference) === 0) return "0.0";
  return fusion > detector ? `+${difference}` : difference.replace("-", "−");
}

/** The texts of a metric. @param {Scope} scope @param {string} name */
function texts({ fusion, detector }, name) {
  const first = fusion ? metric(fusion[name]) : fusion === null ? PENDING : "–";
  const second = detector ? metric(detector[name]) : PENDING;
  return [first, second, fusion && detector ? points(fusion[name], detector[name]) : ""];
}

/** For the menu's CSV. @param {Scope[]} scopes */
export function tableOf(scopes) {
  const rows = scopes.flatMap((scope) =>
    scope.names.map((name) => [scope.title, NAMES[name], ...texts(scope, name)]));
  return { head: ["images", "metric", "this fusion", "the detector", "difference in points"], rows };
}

/** The same as a table. */
export function fusionTable() {
  const heads = ["metric", "this fusion", "the detector", "points"].map((text) => h("th", { scope: "col" }, text));
  heads[3].title = "this fusion minus the detector, in points: hundredths";
  const table = h("table.av-numbers-table", { "aria-label": "Metrics" }, h("thead", {}, h("tr", {}, ...heads)));
  const note = h("p");
  const node = h("section.av-fusion-table", {}, h("h2", {}, "Metrics"), table, note);

  /** @param {Scope} scope @param {string} name */
  function row(scope, name) {
    const cells = texts(scope, name).map((text) => h("td", {}, text));
    return h("tr", {}, h("th", { scope: "row" }, NAMES[name]), ...cells);
  }

  /** @param {Scope[]} scopes */
  function draw(scopes) {
    const bodies = scopes.map((scope) => {
      const title = h("tr", {}, h("th", { scope: "rowgroup", colspan: 4 }, scope.title));
      return h("tbody", {}, title, ...scope.names.map((name) => row(scope, name)));
    });
    table.replaceChildren(table.tHead, ...bodies);
    note.textContent = scopes.some(({ fusion }) => fusion === undefined) ? ELSEWHERE : PEAK;
  }
  return { node, draw: lazily(draw) };
}
