// How is the training going? The loss of every epoch, while it goes on.

import { curves } from "./curves.js";
import { explorer } from "./explorer.js";
import { h } from "./dom.js";
import { number } from "./format.js";

/**
 * @typedef {object} Now
 * @property {number} width
 * @property {string} title
 * @property {number} epochs
 * @property {(number | null)[]} losses null: not finite
 * @property {number} epoch that is looked at; 0: the last
 */

const WIDEST = 900; // CSS pixels
const MANY = 60; // epochs, each of which is no longer marked
/** @type {[string, string][]} */
const HELP = [["drag the rule, or click", "look at an epoch; arrow keys, too; at the last it follows the training"]];

/** The epochs that are done, and their losses. @param {Now} now */
function line({ losses }) {
  const known = losses.map((loss, i) => ({ x: i + 1, y: loss ?? NaN }));
  return { x: known.map(({ x }) => x), y: known.map(({ y }) => y) };
}

/** The status line. @param {Now} now */
function words({ losses, epochs, epoch }) {
  const done = losses.length;
  if (!done) return `epoch 0 of ${epochs}: not started`;
  const at = epoch || done;
  const loss = losses[at - 1];
  const said = `epoch ${at} of ${epochs} · loss ${loss === null ? "undefined" : loss.toFixed(3)}`;
  return epoch ? `${said} · ${done} epochs are done` : said;
}

/** @param {import("./types").Frame} frame @returns {import("./explorer").Parts<Now>} */
function build({ model, change }) {
  const last = () => model.get("facts").losses.length;
  const chart = curves((x) => change({ epoch: x === last() ? 0 : x }), { atName: "epoch" });
  return {
    controls: [],
    nodes: [h("div.av-training", {}, chart.node)],
    read(width) {
      const { title, epochs, losses } = model.get("facts");
      const chosen = model.get("epoch");
      return { width, title, epochs, losses, epoch: chosen < losses.length ? chosen : 0 };
    },
    draw(now) {
      const { title, epochs, losses, epoch } = now;
      const { x, y } = line(now);
      const at = epoch || losses.length || null;
      const most = Math.max(0, ...y.filter(Number.isFinite));
      const loss = at && losses[at - 1];
      chart.draw({
        title,
        titles: ["epoch", "loss"],
        curves: [{ name: "", x, y, tone: 0, marks: losses.length <= MANY }],
        xRange: [1, Math.max(2, epochs, losses.length)],
        yRange: [0, 1.05 * most || 1],
        at,
        atText: at ? `epoch ${at}${loss === null ? "" : `: ${number(Number(loss))}`}` : "",
        atValues: x,
        width: Math.min(WIDEST, now.width),
        height: 300,
      });
    },
    words,
    table: ({ losses }) => ({ head: ["epoch", "loss"], rows: losses.map((loss, i) => [i + 1, loss ?? ""]) }),
    name: ({ title }) => title || "training",
  };
}

export default {
  render: (/** @type {any} */ given) =>
    explorer(given, { title: "How is the training going?", state: ["epoch"], help: HELP, build }),
};
