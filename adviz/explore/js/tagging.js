// What kind of error is the displayed image? A person's choice and note, what is suggested and why, and the file that
// they are kept in.

import { button, select, textField } from "./controls.js";
import { h } from "./dom.js";
import { lazily } from "./memo.js";

/** By label of the image; `kit/error_tags.py` is its twin. @type {Record<string, string[]>} */
const TAGS = {
  "0": ["nominal variance", "label ambiguity", "background"],
  "1": ["nominal variance", "localised but under-weighted", "not recovered", "cropped away", "fine-grained"],
  "-1": [],
};
const NONE = "none yet";
const FILE = "error_tags.json";
const LASTS = "Tags last until this page is closed. ⋯ downloads them with the numbers (CSV).";

/**
 * @typedef {object} TaggingGiven
 * @property {string} place names the image and detector that tag and note belong to
 * @property {number} label
 * @property {boolean} wrong whether the image is an error, or may be one
 * @property {string} tag
 * @property {string} note
 * @property {[string, string][]} suggestions [tag, why]
 * @property {string} said what became of saving or loading
 * @property {boolean} files whether there is a kernel that saves and loads
 */

/**
 * @param {(mark: [string, string], place: string) => void} mark called with tag and note of a place
 * @param {(what: "save" | "load", path: string) => void} use saves or loads all tags
 * @returns {import("./types").Component<TaggingGiven>}
 */
export function tagging(mark, use) {
  /** @type {TaggingGiven} */
  let now;
  const tag = select("tag", "error type", (value) => mark([value, now.note], now.place));
  const choice = /** @type {HTMLSelectElement} */ (tag.node.querySelector("select"));
  // A note belongs to the image at which it was begun, even if another one is displayed meanwhile.
  let begun = { place: "", tag: "" };
  const note = textField("note", "note", (value) => mark([begun.tag, value], begun.place));
  note.node.addEventListener("focusin", () => {
    begun = { place: now.place, tag: now.tag };
  });
  const hint = h("p.av-suggestion");
  const none = h("p.av-tag-none");
  const lasts = h("p.av-tag-none", {}, LASTS);
  const file = textField("file", "file", () => {});
  const path = /** @type {HTMLInputElement} */ (file.node.querySelector("input"));
  path.value = FILE;
  const write = () => use("save", path.value);
  const save = button("save-tags", "save tags", "save tags: write all of them to the file", write);
  const read = () => use("load", path.value);
  const load = button("load-tags", "load tags", "load tags from the file", read);
  const said = h("p.av-tag-said", { role: "status" });
  const files = h("div.av-tag-file", {}, file.node, save, load, said);
  const node = h(
    "section.av-tagging",
    { "aria-label": "tag of the displayed image" },
    h("div.av-tag-line", {}, tag.node, note.node),
    none,
    hint,
    lasts,
    files,
  );

  /** @param {TaggingGiven} given */
  function draw(given) {
    now = given;
    const suggested = new Set(given.suggestions.map(([name]) => name));
    const names = [...new Set(["", ...TAGS[given.label], given.tag])];
    tag.show(names, given.tag, names.map((name) => labelOf(name, suggested)));
    const open = given.wrong || Boolean(given.tag || given.note);
    choice.disabled = !open || names.length < 2;
    note.show(given.note, !open);
    none.textContent = open ? "" : "The displayed image is no error at this threshold: there is nothing to tag.";
    hint.replaceChildren(...(given.wrong ? explained(given.suggestions) : []));
    lasts.hidden = given.files || !(given.tag || given.note);
    files.hidden = !given.files;
    said.textContent = given.said;
    said.classList.toggle("av-error", given.said.startsWith("Error"));
  }

  return { node, draw: lazily(draw) };
}

/** @param {string} name @param {Set<string>} suggested */
function labelOf(name, suggested) {
  if (!name) return NONE;
  return suggested.has(name) ? `${name} (suggested)` : name;
}

/** Says what is suggested and why. @param {[string, string][]} suggestions @returns {(Node | string)[]} */
function explained(suggestions) {
  if (!suggestions.length) return [];
  const parts = suggestions.map(([name, why]) => h("span", {}, h("b", {}, name), `: ${why}`));
  return ["suggested, not chosen: ", ...parts.flatMap((part, i) => (i ? ["; ", part] : [part]))];
}
