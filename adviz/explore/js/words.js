// What the frame says of the displayed images: the status line, titles, the pointer's text, all scores as a table.

import { ONLY, ONLY_LABELS } from "./bar.js";
import { drawSmall, smallOf } from "./small.js";
import { h, sharp } from "./dom.js";
import { inUnits } from "./good.js";
import { number } from "./format.js";
import { verdict } from "./verdicts.js";

/** @typedef {import("./types").Now} Now */

const TIP = 72; // CSS pixels, of the picture beside the pointer

/** The pointer's text at an image. @param {Now} now @param {number} image */
export function tip(now, image) {
  const { one, found, decision, options } = now;
  const canvas = h("canvas");
  const context = sharp(canvas, TIP, TIP);
  const small = smallOf(now, "test", image);
  now.store.ask();
  if (small) drawSmall(context, small, TIP);
  const score = found ? `score ${number(found.scores[image])}` : "";
  const absent = options.images && !options.images.includes(image) ? "not in this file" : "";
  const meaning = found ? inUnits(found.good, "score", found.scores[image]) : "";
  const lines = [one.names[image], score, meaning, verdict(decision?.kinds[image]), absent];
  const text = lines.filter(Boolean).map((line) => h("div", {}, line));
  return [canvas, h("div", {}, h("b", {}, `image ${image + 1}`), ...text)];
}

/** @param {Now} now */
export function titleOf({ list, one, order, defect, only }) {
  const kind = ONLY_LABELS[ONLY.indexOf(only)];
  const what = defect === "all" ? kind : `${defect}, ${kind}`;
  const sorted = order === "score" ? "the highest score first" : order;
  return `${list.length} of ${one.names.length} · ${what} · ${sorted}`;
}

/** The status line: what is displayed and what is thought of it. @param {Now} now */
export function words({ category, detector, one, found, image, threshold, decision }) {
  const label = one.labels[image];
  const known = label === 1 ? `anomalous: ${one.defects[image]}` : label === 0 ? "good" : "unlabelled";
  const list = [category, detector, `image ${image + 1} of ${one.names.length}`, known];
  if (one.names.length < 2) list.splice(2, label < 0 ? 2 : 1); // a photograph that is judged alone
  if (!found) return [...list, "the prediction is being computed"].join(" · ");
  const meaning = inUnits(found.good, "score", found.scores[image]);
  const score = `score ${number(found.scores[image])}${meaning && ` (${meaning})`}`;
  if (!decision || threshold === null) return [...list, score].join(" · ");
  const kind = decision.kinds[image];
  const flagged = found.scores[image] >= threshold ? "predicted anomalous" : "predicted good";
  const wrong = { "false positive": ": a false alarm", "false negative": ": missed" };
  const remark = wrong[/** @type {keyof typeof wrong} */ (kind)] ?? "";
  list.push(`${score}, ${flagged} at ${number(threshold)}${remark}`);
  return list.join(" · ");
}

/** Every image's score as a table. @param {Now} now */
export function scoreTable({ one, found, decision, list }) {
  const head = ["image", "name", "defect", "label", "score", "outcome"];
  const rows = list.map((image) => [
    image,
    one.names[image],
    one.defects[image],
    one.labels[image],
    found ? found.scores[image] : "",
    decision ? decision.kinds[image] : "",
  ]);
  return { head, rows };
}
