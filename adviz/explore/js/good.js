// What a number means: how few of the good images' numbers are as large.

/** @typedef {import("./types").GoodTable} GoodTable */
/** @typedef {import("./types").GoodFacts} GoodFacts */

/** What is counted. @type {Record<"score" | "pixels" | "nearest", string>} */
const COUNTED = { score: "good images", pixels: "good pixels", nearest: "good patches" };

/**
 * Returns how many good values are as large as a value, or larger.
 * @param {GoodTable} good
 * @param {number} value
 */
export function atLeast({ values, atLeast: counts, beyond, count }, value) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  if (!low) return count;
  return values[low - 1] === value ? counts[low - 1] : beyond[low - 1];
}

/**
 * Says how strange a number is, with the count that this rests on; never "100 %". As `Null.in_words`.
 * @param {GoodTable} good
 * @param {number} value
 * @param {string} counted what there are so many of
 */
export function strangerThan(good, value, counted) {
  const beyond = atLeast(good, value);
  const all = `${good.count.toLocaleString("en")} ${counted}`;
  if (!beyond) return `stranger than all ${all}`;
  const rest = beyond / good.count;
  const decimals = Math.max(0, Math.ceil(-Math.log10(rest)) - 1);
  const scale = 10 ** decimals;
  const below = Math.floor(100 * (1 - rest) * scale + 1e-6) / scale; // rounded down
  return `stranger than ${Number(below.toFixed(decimals))} % of ${all}`;
}

/**
 * Says of a number what it means, "" where the good images are not known.
 * @param {GoodFacts | null | undefined} good
 * @param {"score" | "pixels" | "nearest"} what
 * @param {number} value
 */
export function inUnits(good, what, value) {
  const table = good?.[what];
  return table && Number.isFinite(value) ? strangerThan(table, value, COUNTED[what]) : "";
}
