// Numbers of several things as a table, of which one is displayed.

import { h, own } from "./dom.js";
import { lazily } from "./memo.js";

/**
 * A table whose rows begin with a name; a click on one chooses it.
 * @param {(name: string) => void} choose
 * @param {string[]} titles of the columns
 */
export function valueTable(choose, titles) {
  const title = h("h2");
  const body = h("tbody");
  const head = h("thead", {}, h("tr", {}, ...titles.map((text) => h("th", { scope: "col" }, text))));
  const table = h("table.av-values", {}, head, body);
  const node = h("section.av-values-box", { tabindex: -1 }, title, table);
  /** @param {{ rows: string[][], chosen: string, title: string }} given */
  function draw({ rows, chosen, title: words }) {
    title.textContent = words;
    const focused = body.contains(document.activeElement);
    const buttons = rows.map(([name]) => {
      const pressed = String(name === chosen);
      const attributes = { type: "button", "aria-pressed": pressed, onclick: () => choose(name) };
      return own(h("button.av-value-name", attributes, name));
    });
    body.replaceChildren(
      ...rows.map(([name, ...texts], i) =>
        h(
          "tr",
          { class: name === chosen ? "av-chosen" : null },
          h("th", { scope: "row" }, h(`i.av-sample.av-tone-${i % 4}`), buttons[i]),
          ...texts.map((text) => h("td", {}, text)),
        ),
      ),
    );
    if (focused) buttons[rows.findIndex(([name]) => name === chosen)]?.focus();
  }
  return { node, draw: lazily(draw) };
}

