// A story told on a desk: one sentence after the other, each with the state that shows it.

import { button } from "./controls.js";
import { h } from "./dom.js";
import { lazily, same } from "./memo.js";

/** @typedef {import("./types").Now} Now */
/** @typedef {{ sentence: string, state: import("./types").Values }} Step */
/** @typedef {{ steps: Step[], step: number, changed: boolean }} StoryGiven */

/**
 * The sentence of a step, and the way to the others.
 * @param {import("./types").Change} change sets `state`, a whole one with `step`
 */
export function story(change) {
  /** @type {StoryGiven} */
  let now = { steps: [], step: 0, changed: false };

  /** @param {number} step @returns {boolean} whether there is such a step */
  function go(step) {
    const to = now.steps[step];
    if (to) change({ state: { ...to.state, step } });
    return Boolean(to);
  }

  const back = button("story-back", "◀ back", "back: the step before (b)", () => go(now.step - 1));
  const next = button("story-next", "next ▶", "next: the step after (n)", () => go(now.step + 1));
  const again = button("story-again", "as told", "as told: show what this step tells, as at first", () => go(now.step));
  const count = h("span.av-story-count");
  const sentence = h("p.av-story-sentence", { "aria-live": "polite" });
  const way = h("div.av-story-way", {}, again, back, count, next);
  const node = h("section.av-story", { "aria-label": "story", hidden: true }, sentence, way);

  /** @param {StoryGiven} given */
  function draw(given) {
    now = given;
    const { steps, step, changed } = given;
    node.hidden = !steps.length;
    if (!steps.length) return;
    sentence.textContent = steps[step].sentence;
    count.textContent = `step ${step + 1} of ${steps.length}`;
    back.disabled = step === 0;
    next.disabled = step === steps.length - 1;
    again.style.visibility = changed ? "visible" : "hidden";
  }

  return {
    node,
    draw: lazily(draw),
    /** Answers n and b. @param {string} key */
    press: (key) => key === "n" || key === "b" ? go(now.step + (key === "n" ? 1 : -1)) : false,
  };
}

/** What a story is given. @param {Now} now @returns {StoryGiven} */
export function storyGiven({ get }) {
  /** @type {Step[]} */
  const steps = get("steps") ?? [];
  const step = Math.min(get("step") ?? 0, Math.max(0, steps.length - 1));
  const state = steps[step]?.state ?? {};
  const changed = Object.keys(state).some((name) => !same(get(name), state[name]));
  return { steps, step, changed };
}
