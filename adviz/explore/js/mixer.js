// The controls of a fusion: which layers enter, how much of each, how they are joined, and presets.

import { arrange } from "./arrange.js";
import { button, checkbox, select, slider } from "./controls.js";
import { h } from "./dom.js";
import { lazily } from "./memo.js";
import { presets } from "./fusing.js";

/** @typedef {import("./fusing").Mix} Mix */
/** @typedef {import("./fusing").Choices} Choices */
/**
 * @typedef {object} MixerGiven
 * @property {string[]} names
 * @property {string[]} labels
 * @property {Mix} mix
 * @property {Choices} chosen
 * @property {boolean} isOwn whether the mix is the detector's own
 * @property {boolean} hasOwn whether that is known
 */

export const OWN = "the detector's own";
const FREE = "own choice";
const HEAVIEST = 5;
const WIDEST = 16; // of sigma, pixels
/** @type {Choices} */
export const NOTHING = { layers: [], weights: {}, join: "", root: null, sigma: null };

/**
 * Returns the layers that enter when one is let in or left out; at least one stays.
 * @param {MixerGiven} given
 * @param {string} name
 */
export function toggled({ names, mix }, name) {
  const some = names.filter((other) => (other === name) !== mix.layers.includes(other));
  return some.length ? some : mix.layers;
}

/** Names the preset that a mix agrees with. @param {MixerGiven} given */
export function presetOf({ names, mix, isOwn }) {
  if (isOwn) return OWN;
  if (mix.weights.some((weight) => weight !== 1)) return FREE;
  const name = mix.layers.join(" + ");
  return name in presets(names) ? name : FREE;
}

/** @param {import("./types").Change} change */
export function mixer(change) {
  /** @type {MixerGiven} */
  let now;
  const preset = select("preset", "preset", (name) => {
    if (name === OWN) change(NOTHING);
    else if (name !== FREE) change({ layers: presets(now.names)[name], weights: {} });
  });
  const join = select("join", "fusion", (value) => change({ join: value }));
  const root = checkbox("root", "root", (value) => change({ root: value }));
  root.node.title = "square root of the fused map";
  const say = (/** @type {number} */ value) => value.toFixed(1);
  const sigma = slider("sigma", "sigma (px)", (value) => change({ sigma: value }), { max: WIDEST, step: 0.5, say });
  sigma.node.title = "standard deviation of the smoothing";
  const ways = h("div.av-controls", {}, preset.node, join.node, root.node, sigma.node);
  const list = h("div.av-weights");
  const note = h("p.av-note");
  const node = h("section.av-mixer", { role: "group", "aria-label": "fusion of the layers" }, ways, list, note);
  /** @type {ReturnType<typeof oneRow>[]} */
  const rows = [];

  /** @param {number} index */
  function oneRow(index) {
    const name = () => now.names[index];
    const enters = checkbox("layer", "", () => change({ layers: toggled(now, name()) }));
    const words = h("span");
    enters.node.append(words);
    const weight = slider("weight", "", (value) => {
      change({ weights: { ...now.chosen.weights, [name()]: value } });
    }, { max: HEAVIEST, step: 0.1, say: (value) => `× ${value.toFixed(1)}` });
    const label = /** @type {HTMLElement} */ (weight.node.querySelector("label"));
    const only = button("only", "only", "let this layer enter alone", () => change({ layers: [name()] }));
    return {
      nodes: [enters.node, weight.node, only],
      /** @param {MixerGiven} given */
      draw({ labels, names, mix, chosen }) {
        const place = mix.layers.indexOf(names[index]);
        const last = place >= 0 && mix.layers.length === 1;
        words.textContent = labels[index];
        label.textContent = `weight of ${labels[index]}`;
        only.title = `let ${labels[index]} enter alone`;
        only.setAttribute("aria-label", `only ${labels[index]}`);
        only.setAttribute("aria-pressed", String(last));
        enters.show(place >= 0, last); // one of them has to stay
        enters.node.title = last ? "at least one layer enters" : "";
        weight.show(place >= 0 ? mix.weights[place] : chosen.weights[names[index]] ?? 1);
        weight.node.classList.toggle("av-out", place < 0);
      },
    };
  }

  /** @param {MixerGiven} given */
  function draw(given) {
    now = given;
    const { names, mix, hasOwn } = given;
    preset.show([...(hasOwn ? [OWN] : []), ...Object.keys(presets(names)), FREE], presetOf(given));
    join.show(["sum", "mean", "product"], mix.join);
    root.show(mix.root);
    sigma.show(mix.sigma);
    while (rows.length < names.length) rows.push(oneRow(rows.length));
    arrange(list, rows.slice(0, names.length).flatMap((row) => row.nodes));
    rows.slice(0, names.length).forEach((row) => row.draw(given));
    note.textContent = mix.weights.some(Boolean) ? "" : "No layer has a weight above 0: there is no map.";
  }
  return { node, preset: preset.node, draw: lazily(draw) };
}
