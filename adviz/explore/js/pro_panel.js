// PRO beside the picture: the overlap with each region at every false positive rate (FPR), up to a limit.

import { checkbox, choice, stepper } from "./controls.js";
import { curves } from "./curves.js";
import { pictureGiven, tilesGiven } from "./displayed.js";
import { fillOf } from "./filling.js";
import { h } from "./dom.js";
import { memo } from "./memo.js";
import { partKey } from "./store.js";
import { DEFINITIONS, overlapsOf, placeOf, regionAt, regionsOf } from "./regions.js";
import { HEADS, cellsOf, regionTable } from "./region_table.js";
import { tiles } from "./tiles.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {import("./types").Shown} Shown */
/** @typedef {import("./regions").RegionsPart} RegionsPart */
/** @typedef {import("./regions").Region} Region */
/**
 * PRO at the chosen FPR and limit.
 * @typedef {object} Pro
 * @property {RegionsPart} part
 * @property {{ each: Float64Array[], mean: Float64Array }} overlaps
 * @property {number} rate place of the FPR
 * @property {number} limit place of the limit
 * @property {Region[]} regions in their order
 */

const LIMITS = [0.05, 0.3, 1];
const BEYOND = 1.5; // times the limit, the end of the axis
const BEHIND = 1.1; // times the FPR, its end at least
const BESIDE = 600; // CSS pixels from which the chart leaves room for a tile
const TILE = 200;
const GAP = 24;
/** @type {[string, string][]} */
const CARDS = [
  ["PRO-global", "all thresholds, the FPR of all normal pixels"],
  ["PRO-global-200", "the same at 200 thresholds, from their lowest FPR on"],
  ["PRO-per-image", "each anomalous image with its own FPR, then their mean"],
  ["pixel AUROC", "no regions: every defect pixel weighs the same, at all FPR"],
];
/** @type {Record<string, string>} */
const SAID = { integral: "the worst first", area: "the smallest first", number: "by image" };

/** Says why there is no PRO; "": there is. @param {Now} now */
function impossible({ detector, found, one }) {
  if (found && !found.limits) return `${detector} has no maps: there is no PRO.`;
  if (!one.labels.includes(1)) return "No image is labelled anomalous: there is no region, and no PRO.";
  if (!one.masked) return "There are no masks: which pixels are defects is not known, and there is no PRO.";
  return "";
}

/** Reads PRO: null where there is none yet, or none at all. @returns {(now: Now) => Pro | null} */
function reader() {
  const overlapsIn = memo(overlapsOf);
  const listed = memo(regionsOf);
  return (now) => {
    const { store, category, detector, found, get } = now;
    if (!found || impossible(now)) return null;
    /** @type {RegionsPart | null} */
    const part = store.get(partKey("regions", category, detector, get("connectivity")));
    if (!part || part.undefined || !part.image) return null;
    const overlaps = overlapsIn(part);
    const rate = placeOf(part.rates, get("fpr"));
    const limit = placeOf(part.limits, get("limit"));
    return { part, overlaps, rate, limit, regions: listed(part, overlaps.each, rate, limit, get("region_order")) };
  };
}

/** Says what stands in place of PRO. @param {Now} now */
function lackOf(now) {
  const reason = impossible(now);
  if (reason) return reason;
  const part = now.store.peek(partKey("regions", now.category, now.detector, now.get("connectivity")));
  if (part?.undefined) return `PRO is undefined: ${part.undefined[0]}.`;
  return now.store.busy || now.get("busy") ? "PRO is being computed." : "PRO has not been computed.";
}

/**
 * The traits that go to a region.
 * @param {Now} now
 * @param {Region} region
 */
function goTo({ list }, { number, image }) {
  const hidden = list.includes(image) ? {} : { defect: "all", only: "all" };
  return { region: number, image, ...hidden };
}

/** PRO by its definitions, each on a card. */
function definitions() {
  const cards = CARDS.map(([name, words]) => {
    const value = h("b");
    const said = h("span", {}, words);
    return { node: h("div.av-definition", {}, h("h2", {}, name), value, said), value, said };
  });
  return {
    node: h("div.av-definitions", {}, ...cards.map(({ node }) => node)),
    /** @param {Pro} pro */
    draw({ part, limit }) {
      const values = [...part.values.subarray(3 * limit, 3 * limit + 3), part.pixels.auroc];
      cards.forEach(({ value, said }, i) => {
        const reason = part.reasons[limit][DEFINITIONS[i]];
        value.textContent = reason ? "undefined" : values[i].toFixed(4);
        said.textContent = reason ?? CARDS[i][1];
      });
    },
  };
}

/**
 * The curves of the chart: PRO's, the chosen region's, PRO by its limit, and all other regions'.
 * @param {RegionsPart} part
 * @param {{ each: Float64Array[], mean: Float64Array }} overlaps
 * @param {number} chosen number of a region
 * @param {string[]} defects
 * @returns {import("./curves").Line[]}
 */
function linesOf(part, overlaps, chosen, defects) {
  const name = (/** @type {number} */ i) => `region ${i + 1} · ${defects[part.image[i]]}`;
  const byLimit = Float64Array.from(part.limits, (_, i) => part.values[3 * i]);
  /** @type {import("./curves").Line[]} */
  const lines = [{ name: "mean overlap", x: part.fpr, y: overlaps.mean, tone: 0 }];
  const own = overlaps.each[chosen - 1];
  if (own) lines.push({ name: `region ${chosen}`, x: part.fpr, y: own, tone: 2 });
  lines.push({ name: "PRO by its limit", x: part.limits, y: byLimit, tone: 3 });
  const tone = /** @type {const} */ (3);
  const others = overlaps.each.map((y, i) => ({ name: name(i), x: part.fpr, y, tone, thin: true }));
  return [...lines, ...others];
}

/**
 * The curve, the definitions and the regions. What is predicted anomalous is filled in the picture.
 * @param {import("./types").ImageFrame} frame
 */
export function proPanel({ change, dense }) {
  const read = reader();
  const lines = memo(linesOf);
  /** @type {Now} */
  let now;
  /** @type {Pro | null} */
  let pro = null;
  const limit = choice("limit", "limit", LIMITS, (value) => change({ limit: value }));
  const touching = choice("connectivity", "connectivity", [8, 4], (value) => {
    change({ connectivity: value, region: 0 });
  });
  const [before, after] = ["before", "after"].map((way) => `the region ${way}, in the table's order`);
  const steps = stepper("region", "-region", before, after, stepBy);
  const chart = curves((x) => change({ limit: x }), {
    onPoint: (x) => pro && change({ fpr: pro.part.rates[placeOf(pro.part.fpr, x)] }),
    onCurve: (index) => go(index - named() + 1),
    atName: "limit of PRO",
    pointName: "false positive rate",
  });
  const fill = checkbox("filled", "filled", (filled) => change({ filled }));
  const map = tiles(null, change);
  const painted = memo(fillOf);
  const cards = definitions();
  const table = regionTable(go, (order) => change({ region_order: order }));
  const note = h("p.av-note");
  const charts = h("div.av-pro-charts", {}, chart.node, map.node);
  const all = [charts, cards.node, table.node];
  const controls = h("div.av-controls", {}, limit.node, touching.node, steps.node, fill.node);
  const node = h("div.av-right.av-pro", {}, controls, note, ...all);

  /** How many curves of the chart come before the regions'. */
  function named() {
    return pro && pro.overlaps.each[now.get("region") - 1] ? 3 : 2;
  }

  /** @param {number} number */
  function go(number) {
    const region = pro?.regions.find((one) => one.number === number);
    if (region) change(goTo(now, region));
  }

  /** @param {number} by */
  function stepBy(by) {
    if (!pro?.regions.length) return;
    const at = pro.regions.findIndex(({ number }) => number === now.get("region"));
    const next = at < 0 ? (by > 0 ? 0 : pro.regions.length - 1) : at + by;
    go(pro.regions[Math.min(pro.regions.length - 1, Math.max(0, next))].number);
  }

  /** @param {Pro} known @param {number} width */
  function drawChart({ part, overlaps, rate, limit: end }, width) {
    const { get, one } = now;
    const reach = part.limits[end];
    const value = part.values[3 * end];
    const fpr = part.fpr[rate];
    chart.draw({
      title: "",
      titles: ["false positive rate of the pixels", "overlap"],
      curves: lines(part, overlaps, get("region"), one.defects),
      xRange: [0, Math.min(1, Math.max(BEYOND * reach, BEHIND * fpr))],
      yRange: [0, 1.02],
      at: reach,
      atText: `PRO up to ${reach}: ${value.toFixed(3)}`,
      atValues: part.limits,
      fill: true,
      point: fpr,
      pointText: `FPR ${fpr.toFixed(4)}: overlap ${overlaps.mean[rate].toFixed(3)}`,
      pointValues: part.fpr,
      width,
      height: 320,
    });
  }

  /**
   * The map, outlined where it is predicted anomalous.
   * @param {Shown} shown
   * @param {Pro} known
   */
  function drawMap(shown, { part, rate }) {
    const given = pictureGiven(now, shown, TILE);
    /** @type {import("./types").Tile} */
    const tile = {
      title: "map",
      lines: ["dashed: predicted anomalous"],
      kind: "map",
      map: shown.map,
      limits: given.limits,
      level: part.threshold[rate],
      chosen: false,
    };
    map.draw(tilesGiven([tile], shown, given, TILE));
  }

  return {
    node,
    /** @param {Now} next @param {Shown} shown @param {number} width */
    draw(next, shown, width) {
      now = next;
      pro = read(now);
      limit.show(now.get("limit"));
      touching.show(now.get("connectivity"));
      fill.show(now.get("filled"), !shown.mask);
      for (const one of all) one.hidden = !pro;
      controls.hidden = Boolean(impossible(now));
      steps.node.hidden = !pro;
      fill.node.hidden = !pro;
      note.textContent = pro ? unknown(shown) : lackOf(now);
      if (!pro) return;
      const { regions } = pro;
      const chosen = now.get("region");
      const at = regions.findIndex(({ number }) => number === chosen);
      steps.place.textContent = at < 0 ? `${regions.length} regions` : `region ${at + 1} of ${regions.length}`;
      const beside = width >= BESIDE;
      map.node.hidden = !beside;
      drawChart(pro, beside ? width - TILE - GAP : width);
      if (beside) drawMap(shown, pro);
      cards.draw(pro);
      table.draw({
        regions,
        defects: now.one.defects,
        chosen,
        image: now.image,
        order: now.get("region_order"),
        title: `Regions, ${SAID[now.get("region_order")]}`,
      });
    },
    /** @param {Now} next @param {Shown} shown @param {import("./types").PictureGiven} given */
    given(next, { map: values, mask }, given) {
      const known = read(next);
      if (!known || !values || given.unit) return given; // another view divides the map
      const threshold = known.part.threshold[known.rate];
      const { image, get, one } = next;
      const chosen = known.regions.filter((region) => region.number === get("region") && region.image === image);
      return {
        ...given,
        fill: mask && get("filled") ? painted(values, mask, one.size, threshold) : null,
        frames: chosen.map(({ box }) => ({ box, text: "" })),
        dashed: threshold,
        level: threshold,
        pixel: dense || get("picked").length ? given.pixel : null, // alone, no need to show the peak
      };
    },
    /** A pick in a region chooses it. @param {import("./types").Values} values */
    set(values) {
      if (!pro || values.picked?.length !== 2) return values;
      const region = regionAt(pro.regions.filter(({ image }) => image === now.image), values.picked);
      return region ? { ...values, region } : values;
    },
    /** @param {Now} next */
    words(next) {
      const known = read(next);
      if (!known) return ` · ${lackOf(next)}`;
      const { part, overlaps, rate } = known;
      return ` · FPR ${part.fpr[rate].toFixed(4)}, mean overlap ${overlaps.mean[rate].toFixed(3)}`;
    },
    /** @param {Now} next */
    table(next) {
      const regions = read(next)?.regions ?? [];
      const rows = regions.map((one) => cellsOf(one, next.one.defects[one.image]));
      return { head: HEADS.map(([head]) => head), rows };
    },
  };
}

/** @param {Shown} shown */
const unknown = ({ mask }) => (mask ? "" : "The ground truth of this image is not known: it has no part in PRO.");
