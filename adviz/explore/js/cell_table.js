// A table of which one cell is picked: heads that stay in sight, arrow keys, and what a cell says in words under the
// pointer. It scrolls in its own place.

import { bubble } from "./bubble.js";
import { h, own } from "./dom.js";
import { lazily } from "./memo.js";

/**
 * The head of a row or column; those of one group stand under a common one.
 * @typedef {{ name: string, small: string, theirs: boolean, group: string }} Head
 */
/**
 * What stands in a cell: two texts, the second bold, and what is said of it under the pointer.
 * @typedef {{ texts: [string, string], tone: Tone, name: string, words: string[] }} Entry
 * @typedef {"" | "theirs" | "other" | "open" | "broken"} Tone
 */
/**
 * @typedef {object} Given
 * @property {string} label for screen readers
 * @property {string} corner what the rows are
 * @property {Head[]} rows
 * @property {Head[]} columns
 * @property {(Entry | null)[][]} cells null: there is none
 * @property {[number, number]} picked row, column
 * @property {boolean} stacked whether the second text stands below the first
 */

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

/**
 * Returns the next place that there is from one on, in one direction; null: there is none.
 * @param {unknown[][]} cells
 * @param {[number, number]} from
 * @param {[number, number]} by
 * @returns {[number, number] | null}
 */
export function nextPlace(cells, [row, column], [down, right]) {
  do {
    row += down;
    column += right;
    if (cells[row]?.[column]) return [row, column];
  } while (row >= 0 && row < cells.length && column >= 0 && column < cells[row].length);
  return null;
}

/** @param {Head} head @param {"row" | "col"} scope */
function headNode({ name, small, theirs }, scope) {
  const pieces = small.split(/(?<=[=_+])/).flatMap((text, i) => (i ? [h("wbr"), text] : [text])); // may break there
  const below = small ? h("small", {}, ...pieces) : null;
  return h(theirs ? "th.av-theirs" : "th", { scope }, name, small && " ", below);
}

/**
 * Returns the row of common heads; none where no column has a group.
 * @param {Head[]} columns
 */
function groupRow(columns) {
  if (!columns.some((one) => one.group)) return [];
  const heads = [h("th")];
  for (const [i, { group }] of columns.entries()) {
    const last = /** @type {HTMLTableCellElement} */ (heads[heads.length - 1]);
    if (i && columns[i - 1].group === group) last.colSpan += 1;
    else heads.push(h("th.av-group", { scope: "colgroup", colspan: 1 }, group));
  }
  return [h("tr", {}, ...heads)];
}

/** @param {Entry | null} entry @param {boolean} stacked */
function cellNode(entry, stacked) {
  if (!entry) return h("td");
  const [first, second] = entry.texts;
  const between = first && second && !stacked ? " | " : null;
  const tone = entry.tone && `.av-${entry.tone}`;
  return h(`td${tone}`, {}, first && h("span", {}, first), between, second && h("b", {}, second));
}

/**
 * @param {(place: [number, number]) => void} pick
 * @returns {import("./types").Component<Given>}
 */
export function cellTable(pick) {
  const head = h("thead");
  const body = h("tbody");
  const table = h("table.av-cell-table", { role: "grid" }, head, body);
  const box = h("div.av-cell-box", {}, table);
  const beside = bubble();
  const node = own(h("div.av-cells", {}, box, beside.node));
  /** @type {Given} */
  let now;
  /** @type {HTMLTableRowElement[]} without the heads of groups */
  let lines = [];

  const at = (/** @type {[number, number]} */ [row, column]) => lines[row]?.cells[column + 1];

  const drawTable = lazily((/** @type {Omit<Given, "picked">} */ { corner, rows, columns, cells, stacked, label }) => {
    const held = table.contains(document.activeElement);
    table.setAttribute("aria-label", label);
    table.classList.toggle("av-stacked", stacked);
    const first = headNode({ name: corner, small: "", theirs: false, group: "" }, "col");
    head.replaceChildren(...groupRow(columns), h("tr", {}, first, ...columns.map((one) => headNode(one, "col"))));
    lines = rows.map((one, i) => {
      return h("tr", {}, headNode(one, "row"), ...cells[i].map((cell) => cellNode(cell, stacked)));
    });
    body.replaceChildren(
      ...lines.flatMap((line, i) => {
        const { group } = rows[i];
        if (!group || (i && rows[i - 1].group === group)) return [line];
        const common = h("th.av-group", { scope: "rowgroup", colspan: columns.length + 1 }, group);
        return [h("tr", {}, common), line];
      }),
    );
    beside.hide();
    if (held) box.dataset.held = "";
  });

  /** @param {Given} given */
  function draw(given) {
    now = given;
    const { picked, ...rest } = given;
    drawTable(rest);
    const focused = table.contains(document.activeElement) || "held" in box.dataset;
    delete box.dataset.held;
    for (const one of table.querySelectorAll("[aria-selected]")) {
      one.removeAttribute("aria-selected");
      one.removeAttribute("tabindex");
    }
    const cell = at(picked);
    if (!cell) return;
    cell.setAttribute("aria-selected", "true");
    cell.setAttribute("tabindex", "0"); // the one that Tab comes to
    if (focused) cell.focus({ preventScroll: true });
    requestAnimationFrame(() => reveal(cell));
  }

  /** Scrolls the box, not the page, so that a cell is in sight beside the heads. @param {HTMLElement} cell */
  function reveal(cell) {
    const { offsetTop: top, offsetLeft: left, offsetHeight: high, offsetWidth: wide } = cell;
    const corner = head.rows[head.rows.length - 1].cells[0];
    const upper = Math.min(box.scrollTop, top - head.offsetHeight);
    box.scrollTop = Math.max(upper, top + high - box.clientHeight);
    const nearer = Math.min(box.scrollLeft, left - corner.offsetWidth);
    box.scrollLeft = Math.max(nearer, left + wide - box.clientWidth);
  }

  /** @param {Event} event @returns {[number, number] | null} */
  function placeOf(event) {
    const cell = /** @type {Element} */ (event.target).closest("td");
    if (!cell) return null;
    const row = lines.indexOf(/** @type {HTMLTableRowElement} */ (cell.parentElement));
    const column = cell.cellIndex - 1;
    return now.cells[row]?.[column] ? [row, column] : null;
  }

  table.addEventListener("click", (/** @type {Event} */ event) => {
    const place = placeOf(event);
    if (!place) return;
    at(place).tabIndex = 0;
    at(place).focus({ preventScroll: true });
    pick(place);
  });
  table.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey) return;
    const [row] = now.picked;
    const by = ARROWS[event.key];
    /** @type {[number, number] | null} */
    let to = null;
    if (by) to = nextPlace(now.cells, now.picked, by);
    else if (event.key === "Home") to = nextPlace(now.cells, [row, -1], [0, 1]);
    else if (event.key === "End") to = nextPlace(now.cells, [row, now.columns.length], [0, -1]);
    else return;
    event.preventDefault();
    beside.hide();
    if (to) pick(to);
  });
  table.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const place = event.pointerType === "touch" ? null : placeOf(event);
    if (!place) return beside.hide();
    const { name, words } = /** @type {Entry} */ (now.cells[place[0]][place[1]]);
    const cell = at(place).getBoundingClientRect();
    const frame = node.getBoundingClientRect();
    const text = h("div", {}, h("b", {}, name), ...words.map((one) => h("div", {}, one)));
    const x = cell.left + cell.width / 2 - frame.left;
    beside.show([x, cell.bottom - frame.top - 8], [text], node.clientWidth, Infinity);
  });
  table.addEventListener("pointerleave", () => beside.hide());
  return { node, draw };
}
