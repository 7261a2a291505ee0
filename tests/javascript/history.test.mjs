// Steps that are undone and done again; a drag is one step.
import assert from "node:assert/strict";
import { test } from "node:test";
import { history } from "../../adviz/explore/js/history.js";

const SECOND = 1000;

test("steps are undone and done again in order", () => {
  const steps = history();
  steps.record({ image: 0 }, { image: 1 }, 0);
  steps.record({ detector: "A" }, { detector: "B" }, SECOND);
  assert.deepEqual(steps.back(), { detector: "A" });
  assert.deepEqual(steps.back(), { image: 0 });
  assert.equal(steps.back(), null);
  assert.deepEqual(steps.forward(), { image: 1 });
  assert.deepEqual(steps.forward(), { detector: "B" });
  assert.equal(steps.forward(), null);
});

test("what changes the same traits at once is one step, as a drag", () => {
  const steps = history();
  steps.record({ picked: [] }, { picked: [1, 1] }, 0);
  steps.record({ picked: [1, 1] }, { picked: [1, 2] }, 50);
  steps.record({ picked: [1, 2] }, { picked: [1, 3] }, 100);
  steps.record({ picked: [1, 3] }, { picked: [9, 9] }, 100 + SECOND);
  assert.deepEqual(steps.back(), { picked: [1, 3] });
  assert.deepEqual(steps.back(), { picked: [] });
  assert.equal(steps.canGoBack, false);
  assert.deepEqual(steps.forward(), { picked: [1, 3] });
});

test("something new after an undo forgets what was undone", () => {
  const steps = history();
  steps.record({ k: 5 }, { k: 4 }, 0);
  steps.back();
  steps.record({ k: 5 }, { k: 3 }, 10);
  assert.equal(steps.canGoForward, false);
  assert.deepEqual(steps.back(), { k: 5 });
});

test("what changes nothing is no step, and only the last hundred are kept", () => {
  const steps = history();
  steps.record({ image: 1 }, { image: 1 }, 0);
  assert.equal(steps.canGoBack, false);
  for (let i = 0; i < 120; i++) steps.record({ image: i }, { image: i + 1 }, i * SECOND);
  let count = 0;
  while (steps.back()) count += 1;
  assert.equal(count, 100);
});
