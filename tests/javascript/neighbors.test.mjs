// What patches and images were compared with is what adviz.explore.kit.evidence says.
import assert from "node:assert/strict";
import { test } from "node:test";
import { boxOf, cellOf } from "../../adviz/explore/js/grids.js";
import {
  elsewhere, matches, ranked, segmented, wholeMatches, wholeRanked,
} from "../../adviz/explore/js/neighbors.js";
import { cases, close } from "./read_cases.mjs";

const ROUNDED = 1e-6; // Python adds up float32

for (const one of cases.evidence) {
  const { part, facts, size, k } = one;

  test(`neighbours: ${one.name}`, () => {
    const cell = cellOf(one.pixel, size, facts.cells);
    assert.deepEqual(cell, one.cell);
    assert.deepEqual(boxOf(cell, size, facts.cells), one.box);
    const found = matches(part, facts, cell, k);
    assert.deepEqual(found.map((match) => match.rank), Array.from(one.rank));
    assert.deepEqual(found.map((match) => match.image), Array.from(one.image));
    assert.deepEqual(found.map((match) => boxOf(match.cell, one.trainSize, facts.grid)), one.boxes);
    close(found.map((match) => match.distance), one.distance, 0, "distance");
    assert.equal(segmented(part), one.segmented);
    assert.equal(elsewhere(part, facts), one.elsewhere);
  });

  test(`by rank: ${one.name}`, () => {
    compare(ranked(part, facts, one.cell), one.ranked);
    compare(wholeRanked(part, facts), one.whole);
    const retrieved = wholeMatches(part, facts, k);
    const expected = one.whole ?? { distance: [], image: [] };
    assert.deepEqual(retrieved.map((match) => match.image), Array.from(expected.image.slice(0, k)));
    assert.deepEqual(retrieved.map((match) => match.distance), Array.from(expected.distance.slice(0, k)));
    assert.deepEqual(retrieved.map((match) => match.rank), retrieved.map((_, i) => i + 1));
  });
}

function compare(found, expected) {
  if (!expected) {
    assert.equal(found, null);
    return;
  }
  close(found.distance, expected.distance, 0, "distance");
  assert.deepEqual(found.image, Array.from(expected.image));
  if (!expected.score) assert.equal(found.score, null);
  else close(found.score, expected.score, ROUNDED, "score");
}

test("every form of neighbours is among the cases", () => {
  const forms = cases.evidence.map(({ facts, part, ...one }) => [
    facts.order, part.image?.length > facts.k, one.elsewhere, one.segmented,
  ].join());
  for (const form of [
    "retrieval,false,false,true", "retrieval,false,true,true", "distance,true,false,true", ",false,false,true",
    "retrieval,false,false,false",
  ]) assert.ok(forms.includes(form), form);
});
