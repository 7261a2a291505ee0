// The cases that cases.py has written, and how close numbers must be.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const TYPES = {
  f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array, u2: Uint16Array, u4: Uint32Array,
};

/** Arrays are objects of their dtype and their bytes as base64. */
function revived(_key, value) {
  if (!value || typeof value !== "object" || !("dtype" in value)) return value;
  const bytes = Uint8Array.from(Buffer.from(value.data, "base64"));
  return new TYPES[value.dtype](bytes.buffer);
}

const path = process.env.ADVIZ_CASES;
if (!path) throw new Error("ADVIZ_CASES must be the path of a file that tests/javascript/cases.py has written");
export const cases = JSON.parse(readFileSync(path, "utf8"), revived);

/** Compares numbers: equal, both NaN, or `tolerance` of the larger one apart. */
export function close(found, expected, tolerance, what) {
  assert.equal(found.length, expected.length, `${what}: how many`);
  for (let i = 0; i < found.length; i++) {
    if (Object.is(found[i], expected[i])) continue;
    const error = Math.abs(found[i] - expected[i]);
    const within = tolerance * Math.max(Math.abs(found[i]), Math.abs(expected[i]));
    assert.ok(error <= within, `${what}[${i}]: ${found[i]} is not ${expected[i]}`);
  }
}
