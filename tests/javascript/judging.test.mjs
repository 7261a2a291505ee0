// Metrics of one map are those of adviz.metrics.
import assert from "node:assert/strict";
import { test } from "node:test";
import { meanOf, points, tableOf } from "../../adviz/explore/js/fusion_table.js";
import { ofImage, regions } from "../../adviz/explore/js/judging.js";
import { cases, close } from "./read_cases.mjs";

for (const [number, { map, mask, size, metrics }] of cases.judged.entries()) {
  test(`metrics of map ${number}`, () => {
    const found = ofImage(map, mask, size);
    close([found.pixel_auroc, found.pro], metrics, 1e-9, "pixel AUROC and PRO");
  });
}

test("without ground truth nothing is defined", () => {
  assert.deepEqual(ofImage(Float32Array.of(1), null, [1, 1]), { pixel_auroc: NaN, pro: NaN });
});

test("pixels that touch at a corner are one region", () => {
  const mask = [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1];
  const { ids, areas } = regions(mask, [4, 3]);
  assert.deepEqual(Array.from(ids), [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 2]);
  assert.deepEqual(areas, [0, 2, 2]);
});

test("differences are points with their sign", () => {
  assert.equal(points(0.912, 0.9), "+1.2");
  assert.equal(points(0.9, 0.912), "−1.2");
  assert.equal(points(0.9, 0.90001), "0.0");
  assert.equal(points(NaN, 0.9), "");
});

test("means are over what is defined", () => {
  const one = { image_auroc: 0.5, pixel_auroc: NaN, pro: NaN };
  const mean = meanOf([one, { ...one, image_auroc: 1, pro: 0.25 }]);
  assert.deepEqual(mean, { image_auroc: 0.75, pixel_auroc: NaN, pro: 0.25 });
});

test("what is pending or not in a file is no number", () => {
  const detector = { pixel_auroc: 0.5, pro: NaN };
  const scope = { title: "all", detector, names: ["pixel_auroc", "pro"] };
  const cells = (fusion) => tableOf([{ ...scope, fusion }]).rows.map((row) => row.slice(2));
  assert.deepEqual(cells(null), [["…", "0.500", ""], ["…", "undefined", ""]]);
  assert.deepEqual(cells(undefined), [["–", "0.500", ""], ["–", "undefined", ""]]);
  assert.deepEqual(cells({ pixel_auroc: 0.625, pro: 0.5 })[0], ["0.625", "0.500", "+12.5"]);
});
