// What a person changed, one step after the other, so that each can be undone.

import { same } from "./memo.js";

/** @typedef {import("./types").Values} Values */
/** @typedef {{ before: Values, after: Values, time: number }} Step */

const MOST = 100; // steps
const GESTURE = 700; // milliseconds: what changes the same traits within that is one step, such as a drag

/** @param {Values} a @param {Values} b */
const sameNames = (a, b) => same(Object.keys(a).sort(), Object.keys(b).sort());

/** Remembers the last steps. */
export function history() {
  /** @type {Step[]} */
  let done = [];
  /** @type {Step[]} */
  let undone = [];
  return {
    /**
     * @param {Values} before what the traits were
     * @param {Values} after what they were set to
     * @param {number} time milliseconds
     */
    record(before, after, time) {
      if (same(before, after)) return;
      const last = done[done.length - 1];
      undone = [];
      if (last && sameNames(last.before, before) && time - last.time < GESTURE) {
        last.after = after;
        last.time = time;
        return;
      }
      done = [...done, { before, after, time }].slice(-MOST);
    },
    /** Returns what to set to be one step back; null where there is none. @returns {Values | null} */
    back() {
      const step = done.pop();
      if (!step) return null;
      step.time = -Infinity; // what is done next is no part of it
      undone.push(step);
      return step.before;
    },
    /** Returns what to set to be one step on again; null where nothing was undone. @returns {Values | null} */
    forward() {
      const step = undone.pop();
      if (!step) return null;
      done.push(step);
      return step.after;
    },
    get canGoBack() {
      return done.length > 0;
    },
    get canGoForward() {
      return undone.length > 0;
    },
  };
}
