// What can be taken away from an explorer: a picture, a chart, a table, the line of Python that restores its state.

import { button } from "./controls.js";
import { h } from "./dom.js";
import { same } from "./memo.js";
import { withDots } from "./marks.js";

/**
 * @typedef {object} Source
 * @property {() => Record<string, any>} state
 * @property {() => { head: string[], rows: (string | number)[][] }} table
 * @property {() => string} name of the displayed image, for names of files
 * @property {() => HTMLElement} root
 */

/** State that need not be said: it is what an explorer begins with. @type {Record<string, any>} */
const DEFAULTS = {
  defect: "all",
  only: "all",
  thresholds: {},
  picked: [],
  zoom: [],
  limits: {},
  opacity: 0.7,
  fade: true,
  contour: true,
  shown_as: "map",
  rank: 0,
  whole: false,
  pooled: false,
  relative: false,
  gates: {},
  marks: {},
};
const CHARTS = "svg.av-chart, svg.av-ranks-chart"; // other drawings are icons and marks
/** CSS that a drawing needs outside of its page. */
const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity",
  "font-size", "font-weight", "font-family", "text-anchor", "display", "visibility",
];

/** Prints a value as Python does. @param {any} value @returns {string} */
export function python(value) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null || value === undefined) return "None";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const entries = Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${python(one)}`);
  return `{${entries.join(", ")}}`;
}

/** The line of Python that restores a state. @param {Record<string, any>} state */
export function pythonLine(state) {
  const said = Object.entries(state).filter(([name, value]) => !same(value, DEFAULTS[name]));
  return `view.state = ${python(Object.fromEntries(said))}`;
}

/** A table as CSV (RFC 4180). @param {{ head: string[], rows: (string | number)[][] }} table */
export function csv({ head, rows }) {
  const field = (/** @type {string | number} */ value) => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...rows].map((row) => row.map(field).join(",")).join("\r\n") + "\r\n";
}

/** A drawing with its styles written into it, on the colour of its page. @param {SVGElement} svg */
function alone(svg) {
  const copy = /** @type {SVGElement} */ (svg.cloneNode(true));
  const originals = [svg, ...svg.querySelectorAll("*")];
  const copies = [copy, ...copy.querySelectorAll("*")];
  originals.forEach((original, i) => {
    const computed = getComputedStyle(original);
    const style = STYLES.map((name) => `${name}:${computed.getPropertyValue(name)}`).join(";");
    copies[i].setAttribute("style", style);
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const paper = getComputedStyle(svg.closest(".av-explorer") ?? svg).getPropertyValue("--paper");
  copy.style.background = paper;
  return new XMLSerializer().serializeToString(copy);
}

/** @param {Blob} blob @param {string} name */
function download(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
const pngOf = (canvas) =>
  new Promise((done, failed) => {
    canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("the picture is empty"))));
  });

/**
 * A button, and the menu that it and a right click open.
 * @param {Source} source
 */
export function menu(source) {
  const node = h("div.av-takeaway", { role: "menu", "aria-label": "copy and download", popover: "manual" });
  const opener = button("menu", "⋯", "copy or download what is shown", () => toggle(opener));
  opener.setAttribute("aria-haspopup", "menu");
  /** @type {HTMLElement | null} */
  let target = null;
  let closing = 0; // when it closes by itself, soon after it was used

  const picture = () => {
    const near = target?.closest("canvas, .av-picture")?.closest("canvas");
    return /** @type {HTMLCanvasElement} */ (near ?? source.root().querySelector(".av-picture canvas, canvas"));
  };
  const chart = () => {
    const near = target?.closest(CHARTS);
    const charts = [...source.root().querySelectorAll(CHARTS)].filter((one) => one.getClientRects().length);
    const ofScores = charts.find((one) => one.closest(".av-scores"));
    return /** @type {SVGSVGElement | undefined} */ (near ?? ofScores ?? charts[0]);
  };
  const file = (/** @type {string} */ ending) => `${source.name().replace(/[^\w.-]+/g, "_")}.${ending}`;

  const chartEntry = "download the chart (SVG)"; // of a chart, if there is one
  /** @type {[string, () => Promise<string> | string][]} */
  const entries = [
    ["copy the picture", async () => {
      const blob = await pngOf(picture());
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
      return "copied";
    }],
    ["download the picture (PNG)", async () => {
      download(await pngOf(picture()), file("png"));
      return "downloaded";
    }],
    [chartEntry, () => {
      const svg = /** @type {SVGSVGElement} */ (chart());
      const text = withDots(svg, () => alone(svg));
      download(new Blob([text], { type: "image/svg+xml" }), file("svg"));
      return "downloaded";
    }],
    ["download the numbers (CSV)", () => {
      download(new Blob([csv(source.table())], { type: "text/csv" }), file("csv"));
      return "downloaded";
    }],
    ["copy the Python line of this state", async () => {
      await navigator.clipboard.writeText(pythonLine(source.state()));
      return "copied";
    }],
  ];
  const said = h("div.av-menu-said", { role: "status" });
  const items = entries.map(([text, act]) => h("button.av-menu-item", {
    type: "button",
    role: "menuitem",
    onclick: async () => {
      try {
        said.textContent = await act();
      } catch (error) {
        said.textContent = `not possible here: ${/** @type {Error} */ (error).message}`;
      }
      clearTimeout(closing);
      closing = Number(setTimeout(close, 900));
    },
  }, text));
  node.append(...items, said);

  /** @param {number} x @param {number} y of the window */
  function openAt(x, y) {
    said.textContent = "";
    clearTimeout(closing); // it was used a moment ago
    items.forEach((item, i) => {
      item.hidden = entries[i][0] === chartEntry && !chart();
    });
    node.showPopover();
    const { width, height } = node.getBoundingClientRect();
    node.style.left = `${Math.max(4, Math.min(x, innerWidth - width - 4))}px`;
    node.style.top = `${Math.max(4, Math.min(y, innerHeight - height - 4))}px`;
    items[0].focus({ preventScroll: true });
  }
  function close() {
    if (!node.matches(":popover-open")) return;
    const inside = node.contains(document.activeElement);
    node.hidePopover();
    if (inside) opener.focus({ preventScroll: true });
  }
  /** @param {HTMLElement} from */
  function toggle(from) {
    if (node.matches(":popover-open")) return close();
    target = null;
    const box = from.getBoundingClientRect();
    openAt(box.right - 240, box.bottom + 2);
  }

  node.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const there = items.filter((item) => !item.hidden);
    const place = there.indexOf(/** @type {any} */ (document.activeElement));
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) there[(place + by + there.length) % there.length].focus();
    else if (event.key === "Escape" || event.key === "Tab") close();
    else if (event.key !== "Enter" && event.key !== " ") return;
    if (event.key !== "Enter" && event.key !== " ") event.preventDefault();
    event.stopPropagation();
  });
  node.addEventListener("focusout", (/** @type {FocusEvent} */ event) => {
    const next = /** @type {Node | null} */ (event.relatedTarget);
    if (!next || (!node.contains(next) && next !== opener)) close();
  });
  // a right click anywhere in the explorer that is no text to be copied
  queueMicrotask(() => source.root().addEventListener("contextmenu", (event) => {
    const place = /** @type {HTMLElement} */ (event.target);
    if (place.closest("input, select")) return;
    event.preventDefault();
    event.stopPropagation();
    target = place;
    openAt(event.clientX, event.clientY);
  }));
  return { button: opener, node };
}
