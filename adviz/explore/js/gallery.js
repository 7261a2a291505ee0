// Small pictures of images, in one line that is scrolled or in several. Only those in sight are
// made: a gallery of thousands costs no more than one of fifty.

import { button } from "./controls.js";
import { h, own, set, sharp } from "./dom.js";
import { clip, number } from "./format.js";
import { drawSmall } from "./small.js";
import { lazily, same } from "./memo.js";
import { isError, sentence, toneOf, verdict } from "./verdicts.js";

const SIDE = 84; // CSS pixels of a picture
const STEP = 98; // from one picture to the next in a line
const LINES = 41; // height of the text below
const NOTE = 17; // height of a note
const EDGE = 12; // border, padding and the space below
const MARGIN = 4; // pictures, or lines of them, that are made beyond what is in sight

/**
 * Returns the first of the lines or columns in sight and the one after the last.
 * @param {number} scroll CSS pixels
 * @param {number} extent of what is in sight
 * @param {number} step
 * @param {number} count
 * @param {number} [margin] so many more at both ends
 * @returns {[number, number]}
 */
export function visible(scroll, extent, step, count, margin = 0) {
  const first = Math.floor(Math.max(0, scroll) / step) - margin;
  const last = Math.ceil((Math.max(0, scroll) + extent) / step) + margin;
  return [clip(first, 0, count), clip(last, 0, count)];
}

/**
 * Returns where to scroll so that a line or column is wholly in sight: nowhere if it is, else it
 * comes to the middle.
 * @param {number} at its number
 * @param {number} step
 * @param {number} scroll
 * @param {number} extent
 * @returns {number}
 */
export function broughtIntoSight(at, step, scroll, extent) {
  const start = at * step;
  if (start >= scroll && start + step <= scroll + extent) return scroll;
  return Math.max(0, start - (extent - step) / 2);
}

/**
 * Returns the place in the list that a key goes to, or -1.
 * @param {string} key
 * @param {number} at
 * @param {number} count
 * @param {number} columns 0: all are in one line
 * @returns {number}
 */
export function keyed(key, at, count, columns) {
  const down = columns || 1;
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: down, ArrowUp: -down, Home: -count, End: count }[key];
  if (!by || !count) return -1;
  const next = at + by;
  if (Math.abs(by) === columns && (next < 0 || next >= count)) return at;
  return clip(next, 0, count - 1);
}

/**
 * @param {import("./types").Change} change sets `image`; is called with nothing when pictures come
 *   into sight that are not there yet, so that they are asked for
 * @param {Node} [tools] what stands behind the title
 * @returns {import("./types").Component<import("./types").GalleryGiven>}
 */
export function gallery(change, tools) {
  const title = h("h2");
  const list = h("div.av-gallery-list", { role: "listbox" });
  const scroller = h("div.av-gallery-scroller", {}, own(list));
  const back = button("gallery-back", "‹", "earlier images", () => page(-1));
  const on = button("gallery-on", "›", "further images", () => page(1));
  const empty = h("p.av-gallery-empty");
  const head = h("div.av-gallery-head", {}, title, tools);
  const node = h("div.av-gallery", {}, head, h("div.av-gallery-line", {}, back, scroller, on), empty);
  /** @type {Map<number, ReturnType<typeof thumbnail>>} image -> what is there of it */
  const made = new Map();
  /** @type {import("./types").GalleryGiven} */
  let now;
  let columns = 0;
  let step = STEP;
  let cursor = 0; // place in the list that has the focus, or would get it
  let scrolledTo = "";
  let waiting = 0;

  const row = () => now.shape === "row";
  const extent = () => (row() ? scroller.clientWidth : scroller.clientHeight);
  const scrolled = () => (row() ? scroller.scrollLeft : scroller.scrollTop);
  /** @param {number} to */
  const scroll = (to) => scroller.scrollTo(row() ? { left: to } : { top: to });
  /** @param {number} place */
  const lineOf = (place) => (columns ? Math.floor(place / columns) : place);

  /** @param {import("./types").GalleryGiven} given */
  function draw(given) {
    const listChanged = !now || !same(now.list, given.list);
    const focused = now ? now.list[cursor] : -1;
    now = given;
    const { list: images, shape } = given;
    title.textContent = given.title;
    head.hidden = !given.title && !tools;
    list.setAttribute("aria-label", given.title || "images");
    list.setAttribute("aria-orientation", row() ? "horizontal" : "vertical");
    node.setAttribute("data-shape", shape);
    empty.textContent = given.empty;
    empty.hidden = images.length > 0;
    scroller.hidden = images.length === 0;
    arrange();
    const place = images.indexOf(given.image);
    const kept = hasFocus() ? images.indexOf(focused) : place;
    if (kept >= 0) cursor = kept;
    cursor = clip(cursor, 0, Math.max(0, images.length - 1));
    const key = `${given.image} ${shape} ${columns}`;
    if (place >= 0 && (key !== scrolledTo || listChanged)) bring(place);
    scrolledTo = key;
    fill();
  }

  /** Gives the list its size, so that the scroll bar says how much there is. */
  function arrange() {
    const { list: images, notes, width } = now;
    const noted = Object.keys(notes).length ? NOTE : 0;
    const high = SIDE + LINES + noted + (row() ? 6 : EDGE);
    const long = images.length * STEP;
    const inside = (scroller.clientWidth || width) - 4; // its padding
    back.hidden = !row() || long + 4 <= width;
    on.hidden = back.hidden;
    columns = row() ? 0 : Math.max(1, Math.floor((inside + 6) / STEP));
    step = row() ? STEP : high;
    list.style.width = row() ? `${long}px` : "auto";
    list.style.height = `${row() ? high : Math.ceil(images.length / columns) * high}px`;
  }

  /** Makes what is in sight, and takes away what is not. */
  function fill() {
    const { list: images } = now;
    const lines = columns ? Math.ceil(images.length / columns) : images.length;
    const across = columns || 1;
    const seen = extent() || (row() ? now.width : 3 * step);
    const [first, last] = visible(scrolled(), seen, step, lines, columns ? 1 : MARGIN);
    const wanted = new Set(images.slice(first * across, last * across));
    if (images.length) wanted.add(images[cursor]);
    const focused = hasFocus();
    for (const [image, one] of made) {
      if (wanted.has(image)) continue;
      one.node.remove();
      made.delete(image);
    }
    waiting = 0;
    /** @type {Node | null} */
    let after = null;
    for (let place = images.length - 1; place >= 0; place--) {
      if (!wanted.has(images[place])) continue;
      const one = show(images[place], place);
      // in the list's order, as screen readers go through them
      if (one.nextSibling !== after || one.parentNode !== list) list.insertBefore(one, after);
      after = one;
    }
    if (focused && !hasFocus()) made.get(images[cursor])?.node.focus({ preventScroll: true });
    ends();
  }

  /** @param {number} image @param {number} place @returns {HTMLElement} */
  function show(image, place) {
    const one = made.get(image) ?? thumbnail();
    made.set(image, one);
    const small = now.small(image);
    if (!small) waiting += 1;
    const x = (columns ? place % columns : place) * STEP;
    const y = columns ? lineOf(place) * step : 0;
    const score = now.scores ? number(now.scores[image]) : "";
    const kind = now.kinds?.[image];
    const defect = now.defects[image];
    const note = now.notes[image] ?? "";
    one.picture(small);
    one.text({
      x,
      y,
      place,
      count: now.list.length,
      image,
      chosen: image === now.image,
      reached: place === cursor,
      title: sentence(now.names[image], defect, score, kind) + (note && ` · ${note}`),
      score: score || now.names[image],
      word: isError(kind) ? verdict(kind) : defect,
      wrong: isError(kind),
      tone: toneOf(defect, kind),
      note,
    });
    return one.node;
  }

  /** Brings a place of the list into sight. @param {number} place */
  function bring(place) {
    const to = broughtIntoSight(lineOf(place), step, scrolled(), extent());
    if (to !== scrolled()) scroll(to);
  }

  /** The arrows at the ends of a line know whether there is more. */
  function ends() {
    if (!row()) return;
    const most = scroller.scrollWidth - scroller.clientWidth;
    back.setAttribute("aria-disabled", String(scroller.scrollLeft <= 1));
    on.setAttribute("aria-disabled", String(scroller.scrollLeft >= most - 1));
  }

  /** @param {number} by */
  function page(by) {
    const whole = Math.max(1, Math.floor(scroller.clientWidth / STEP) - 1) * STEP;
    const still = globalThis.matchMedia("(prefers-reduced-motion: reduce)").matches;
    scroller.scrollBy({ left: by * whole, behavior: still ? "auto" : "smooth" });
  }

  /** @returns {boolean} */
  function hasFocus() {
    const root = /** @type {Document | ShadowRoot} */ (node.getRootNode());
    return list.contains(root.activeElement ?? null);
  }

  /** @param {Event} event @returns {number} its place in the list, or -1 */
  function placeOf(event) {
    const option = /** @type {Element} */ (event.target).closest?.("[role=option]");
    return option ? Number(option.getAttribute("data-place")) : -1;
  }

  /** @param {number} place */
  function choose(place) {
    if (place < 0) return;
    cursor = place;
    // it is in sight: nothing moves under the pointer
    scrolledTo = `${now.list[place]} ${now.shape} ${columns}`;
    change({ image: now.list[place] });
    fill();
  }

  list.addEventListener("click", (/** @type {Event} */ event) => choose(placeOf(event)));
  list.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = placeOf(event);
    if (at < 0) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(at);
      return;
    }
    const next = keyed(event.key, at, now.list.length, columns);
    if (next < 0) return;
    event.preventDefault();
    cursor = next;
    bring(next);
    fill();
    made.get(now.list[next])?.node.focus({ preventScroll: true });
  });
  list.addEventListener("focusout", (/** @type {FocusEvent} */ event) => {
    if (list.contains(/** @type {Node | null} */ (event.relatedTarget))) return;
    const place = now.list.indexOf(now.image);
    if (place < 0 || place === cursor) return;
    cursor = place; // whoever comes back begins at the displayed image
    queueMicrotask(fill);
  });
  scroller.addEventListener("scroll", () => {
    if (!now) return;
    fill();
    if (waiting) change({});
  });
  scroller.addEventListener("wheel", (/** @type {WheelEvent} */ event) => {
    if (!now || !row() || event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    const unit = event.deltaMode === 1 ? 32 : 1;
    const most = scroller.scrollWidth - scroller.clientWidth;
    const to = clip(scroller.scrollLeft + event.deltaY * unit, 0, most);
    if (Math.abs(to - scroller.scrollLeft) < 1) return; // at its end: the page scrolls
    event.preventDefault();
    scroller.scrollLeft = to;
  }, { passive: false });

  const once = lazily(draw);
  return {
    node,
    draw(given) {
      if (waiting) draw(given);
      else once(given);
    },
  };
}

/** One small picture with its text. */
function thumbnail() {
  const canvas = h("canvas", { "aria-hidden": "true" });
  const frame = h("div.av-thumb-picture", {}, canvas);
  const score = h("div.av-thumb-score");
  const word = h("div.av-thumb-word");
  const note = h("div.av-thumb-note");
  const node = h("div.av-thumb", { role: "option" }, frame, score, word, note);
  return {
    node,
    picture: lazily((/** @type {import("./types").Small | null} */ small) => {
      const context = sharp(canvas, SIDE, SIDE);
      frame.classList.toggle("av-there", Boolean(small));
      if (small) drawSmall(context, small, SIDE);
    }),
    text: lazily((/** @type {Record<string, any>} */ given) => {
      node.style.transform = `translate(${given.x}px, ${given.y}px)`;
      const wrong = given.wrong ? " av-wrong" : "";
      node.className = `av-thumb av-tone-${given.tone}${wrong}${given.chosen ? " av-chosen" : ""}`;
      set(node, {
        "data-place": given.place,
        "data-image": given.image,
        "aria-setsize": given.count,
        "aria-posinset": given.place + 1,
        "aria-selected": given.chosen,
        title: given.title,
        tabindex: given.reached ? 0 : -1,
      });
      score.textContent = given.score;
      word.textContent = given.word;
      note.textContent = given.note;
    }),
  };
}
