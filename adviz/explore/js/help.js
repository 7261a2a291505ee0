// What every control and key does, unfolded by "?".

import { h } from "./dom.js";

/**
 * @param {string} title the explorer's question
 * @param {[string, string][]} entries a control or key, and what it does
 */
export function helpPanel(title, entries) {
  const rows = entries.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]);
  const node = h("aside.av-help", { hidden: true, "aria-label": "help" }, h("h2", {}, title), h("dl", {}, ...rows));
  return {
    node,
    toggle() {
      node.hidden = !node.hidden;
    },
    /** Hides it, and says whether it was shown. */
    close() {
      const shown = !node.hidden;
      node.hidden = true;
      return shown;
    },
  };
}
