// What every control and key does, unfolded by "?": of those that are there.

import { h } from "./dom.js";

/**
 * @param {string} title the explorer's question
 * @param {import("./types").HelpEntry[]} entries
 */
export function helpPanel(title, entries) {
  const rows = entries.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]);
  const list = h("dl", {}, ...rows.flat());
  const node = h("aside.av-help", { hidden: true, "aria-label": "help" }, h("h2", {}, title), list);
  return {
    node,
    /** Hides what is not there. @param {any} now */
    draw(now) {
      entries.forEach(([, , isThere], i) => {
        for (const part of rows[i]) part.hidden = isThere ? !isThere(now) : false;
      });
    },
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
