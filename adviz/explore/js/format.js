// Numbers as people read them: four significant digits, or as many decimals as a scale needs.

/** @param {number} value @param {number} low @param {number} high */
export const clip = (value, low, high) => Math.min(high, Math.max(low, value));

/**
 * Prints a number with four significant digits, or with the decimals that a step of `span` needs.
 * @param {number} value
 * @param {number} [span]
 * @returns {string}
 */
export function number(value, span = 0) {
  if (span > 1e-4 && span < 1e5) {
    return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(span))));
  }
  return String(Number(value.toPrecision(4)));
}

/**
 * Prints numbers with the same decimals, four significant digits of the largest.
 * @param {number[]} values
 * @returns {string[]}
 */
export function evenly(values) {
  const span = Math.max(0, ...values.map(Math.abs)) / 10;
  return values.map((value) => number(value, span));
}

/** Prints a fraction as a percentage: 25%. @param {number} fraction @param {number} [decimals] */
export const percent = (fraction, decimals = 0) => `${(100 * fraction).toFixed(decimals)}%`;

/** Prints a metric with three decimals; "undefined" where there is none. @param {number} value */
export const metric = (value) => (Number.isNaN(value) ? "undefined" : value.toFixed(3));

/**
 * Returns round values of an axis, about `count` of them.
 * @param {number} low
 * @param {number} high
 * @param {number} count
 * @returns {number[]}
 */
export function ticks(low, high, count) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 5, 10].find((one) => one * power >= raw * (1 - 1e-9)) ?? 10;
  const step = factor * power;
  const values = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) {
    values.push(Number(value.toPrecision(12)));
  }
  return values;
}
