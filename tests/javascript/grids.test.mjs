// Locations, boxes and masks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { boxOf, cellOf, middleOf, outline, unpacked } from "../../adviz/explore/js/grids.js";
import { cases } from "./read_cases.mjs";

for (const { size, grid, boxes } of cases.grids) {
  const all = boxes.map((_, i) => [Math.floor(i / grid[1]), i % grid[1]]);

  test(`boxes of ${grid} locations over ${size} pixels`, () => {
    assert.deepEqual(all.map((cell) => boxOf(cell, size, grid)), boxes);
  });

  if (grid[0] > size[0]) continue; // several locations in a pixel

  test(`the middle of each of ${grid} locations over ${size} pixels lies in its box and leads back to it`, () => {
    for (const [i, cell] of all.entries()) {
      const [top, left, height, width] = boxes[i];
      const middle = middleOf(cell, size, grid);
      assert.ok(middle[0] >= top && middle[0] < top + height, cell);
      assert.ok(middle[1] >= left && middle[1] < left + width, cell);
      assert.deepEqual(cellOf(middle, size, grid), cell);
    }
  });
}

for (const { shape, mask, bits } of cases.masks) {
  test(`a mask of ${shape} pixels is unpacked`, () => assert.deepEqual(unpacked(bits, mask.length), mask));

  test(`the outline of a mask of ${shape} pixels separates inside from outside, once`, () => {
    const [height, width] = shape;
    const inside = (y, x) => y >= 0 && y < height && x >= 0 && x < width && mask[y * width + x] > 0;
    const expected = new Set();
    for (let y = 0; y <= height; y++) {
      for (let x = 0; x <= width; x++) {
        if (inside(y, x) !== inside(y - 1, x)) expected.add(`${x},${y},${x + 1},${y}`);
        if (inside(y, x) !== inside(y, x - 1)) expected.add(`${x},${y},${x},${y + 1}`);
      }
    }
    const found = outline(mask, height, width).flatMap(units);
    assert.equal(found.length, expected.size);
    assert.deepEqual(new Set(found), expected);
  });
}

/** The edges of single pixels that a longer edge consists of. */
function units([x0, y0, x1, y1]) {
  const length = x1 - x0 + y1 - y0;
  const [dx, dy] = [(x1 - x0) / length, (y1 - y0) / length];
  return Array.from({ length }, (_, i) => [x0 + i * dx, y0 + i * dy])
    .map(([x, y]) => `${x},${y},${x + dx},${y + dy}`);
}

test("a straight side is one edge, and pixels that touch at a corner have their own", () => {
  assert.equal(outline([1, 1, 1, 1, 1, 1], 2, 3).length, 4);
  assert.equal(outline([1, 0, 0, 1], 2, 2).length, 8);
});
