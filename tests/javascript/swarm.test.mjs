// Dots beside each other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { swarm } from "../../adviz/explore/js/swarm.js";

/** Places that look random: fractions of multiples of a root. */
const scattered = (count, length) => Array.from({ length: count }, (_, i) => ((i * Math.SQRT2) % 1) ** 2 * length);

test("dots keep apart, and a lonely one lies on the line", () => {
  const places = [...scattered(60, 300), 900];
  const offsets = swarm(places, 8, 80);
  assert.equal(offsets.at(-1), 0);
  for (let i = 0; i < places.length; i++) {
    for (let j = 0; j < i; j++) {
      const apart = Math.hypot(places[i] - places[j], offsets[i] - offsets[j]);
      assert.ok(apart >= 0.9 * 8 - 1e-9, `${i} and ${j} are ${apart} apart`);
    }
  }
});

for (const count of [0, 1, 500, 6000]) {
  test(`${count} dots stay within their room, the same every time`, () => {
    const places = scattered(count, 300);
    const offsets = swarm(places, 8, 20);
    assert.equal(offsets.length, count);
    assert.ok(offsets.every((offset) => Math.abs(offset) <= 20));
    assert.deepEqual(swarm(places, 8, 20), offsets);
  });
}

test("thousands of dots are a cloud, thicker where they are more", () => {
  const places = [...new Array(6000).fill(4), 100, 101];
  const offsets = swarm(places, 8, 20);
  assert.ok(Math.max(...offsets.slice(0, 6000)) > 19);
  assert.ok(Math.min(...offsets.slice(0, 6000)) < -19);
  assert.ok(offsets.slice(6000).every((offset) => Math.abs(offset) <= 4));
});
