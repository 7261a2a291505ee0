// What a first stage saves and loses: only images whose score is above tau go on to the second one.

import { curves } from "./curves.js";
import { gating } from "./gating.js";
import { h } from "./dom.js";
import { memo } from "./memo.js";
import { number, percent } from "./format.js";
import { partKey } from "./store.js";

const CHART = 520; // most CSS pixels of the chart
/** @type {[string, string]} */
const TITLES = ["fraction of the images saved", "fraction lost"];

/**
 * Returns a tau to begin with: the highest that loses no anomalous image, else one that gates nothing away.
 * @param {import("./gating").Gating} found
 */
export function startOf(found) {
  return found.anomalous && found.free ? found.tau[found.free] : below(found);
}

/** A tau just below every score. @param {import("./gating").Gating} found */
function below({ tau }) {
  return tau[1] - 1e-6 * Math.max(1, Math.abs(tau[1]));
}

/**
 * @param {import("./types").Change} change sets `gates`
 * @returns {import("./types").Component<import("./types").Now>}
 */
export function gatePanel(change) {
  /** @type {import("./types").Now} */
  let now;
  /** @type {import("./gating").Gating} */
  let found;
  const measured = memo(gating);
  const chart = curves((saved) => {
    const at = found.saved.indexOf(saved);
    change({ gates: { ...now.get("gates"), [now.key]: at > 0 ? found.tau[at] : below(found) } });
  }, { atName: "τ of stage 1" });
  const head = h("tr", {}, h("td"), h("th", { scope: "col" }, "current"), h("th", { scope: "col" }, "of"));
  const body = h("tbody");
  const caption = h("caption", {}, "only images above τ go on");
  const table = h("table.av-gate-table", {}, caption, h("thead", {}, head), body);
  const note = h("p.av-note");
  const title = h("h2", {}, "The gate: τ of the first stage");
  const node = h(
    "section.av-gate",
    { "aria-label": "the gate" },
    title,
    h("div.av-gate-body", {}, chart.node, h("div", {}, table, note)),
  );

  return {
    node,
    draw(given) {
      now = given;
      const seconds = now.options.gate?.[now.detector];
      node.hidden = seconds === undefined || !now.found;
      if (seconds === undefined || !now.found) return;
      const areas = now.one.masked ? now.store.get(partKey("areas", now.category)) : null;
      found = measured(now.found.scores, now.one.labels, areas?.pixels ?? null);
      const at = found.at(now.get("gates")[now.key] ?? startOf(found));
      const atText = at > 0 ? `τ = ${number(found.tau[at])}` : "τ below all scores";
      chart.draw({
        curves: curvesOf(found),
        titles: TITLES,
        at: found.saved[at],
        atText,
        atWords: `${atText}: ${inWords(found, at)}`,
        atValues: found.saved,
        dots: true,
        xRange: [0, 1],
        yRange: [0, 1.03],
        title: "",
        width: Math.min(CHART, now.width),
      });
      const rows = rowsOf(found, at, seconds);
      body.replaceChildren(...rows.map(([name, ...texts]) => rowOf(name, texts)));
      note.textContent = wordsOf(now, found);
    },
  };
}

/** What is lost, as curves that rise in steps. @param {import("./gating").Gating} found */
export function curvesOf({ saved, imagesLost, pixelsLost, anomalous }) {
  const x = saved.flatMap((one) => [one, one]).slice(1);
  const lost = { "anomalous images": imagesLost.map((count) => count / anomalous), "defect pixels": pixelsLost };
  return Object.entries(lost).filter(([, y]) => y.every(Number.isFinite)).map(([name, values]) => {
    const tone = /** @type {0 | 1} */ (name === "defect pixels" ? 0 : 1);
    return { name, x, y: values.flatMap((one) => [one, one]).slice(0, -1), tone };
  });
}

/** @param {import("./gating").Gating} found @param {number} at */
function inWords({ saved, imagesLost, pixelsLost, anomalous }, at) {
  const words = [`${percent(saved[at])} of the images saved`];
  if (anomalous) words.push(`${percent(imagesLost[at] / anomalous, 1)} of anomalous images lost`);
  if (Number.isFinite(pixelsLost[at])) words.push(`${percent(pixelsLost[at], 1)} of defect pixels lost`);
  return words.join(", ");
}

/** @param {import("./gating").Gating} found @param {number} at @param {number} seconds */
function rowsOf({ saved, images, imagesLost, pixelsLost, anomalous }, at, seconds) {
  const count = Math.round(saved[at] * images);
  const rows = [
    ["images saved", `${count} (${percent(saved[at])})`, String(images)],
    ["seconds saved", (count * seconds).toFixed(2), (images * seconds).toFixed(2)],
  ];
  if (anomalous) {
    const lost = imagesLost[at];
    rows.push(["anomalous images lost", `${lost} (${percent(lost / anomalous)})`, String(anomalous)]);
  }
  if (Number.isFinite(pixelsLost[at])) rows.push(["defect pixels lost", percent(pixelsLost[at], 1), "100%"]);
  return rows;
}

/** @param {string} name @param {string[]} texts */
function rowOf(name, texts) {
  return h("tr", {}, h("th", { scope: "row" }, name), ...texts.map((text) => h("td", {}, text)));
}

/** What cannot be known about the gate, and what was gated away already. */
function wordsOf(
  /** @type {import("./types").Now} */ { options, key, one },
  /** @type {import("./gating").Gating} */ { anomalous },
) {
  const said = [];
  const skipped = options.skipped?.[key];
  if (skipped) said.push(`In this prediction ${skipped} images were not segmented already.`);
  if (!anomalous) said.push("No image is labelled anomalous: what would be lost cannot be known.");
  else if (!one.masked) said.push("There are no masks: how many defect pixels would be lost cannot be known.");
  return said.join(" ");
}
