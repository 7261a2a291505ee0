// Places among rising values.

/**
 * Returns how many values a test holds for, which holds up to one of them.
 * @param {ArrayLike<number>} values
 * @param {(value: number) => boolean} holds
 */
function countWhile(values, holds) {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(values[middle])) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many rising values are not above one. @param {ArrayLike<number>} values @param {number} value */
export const countUpTo = (values, value) => countWhile(values, (one) => one <= value);

/** How many are below it. @param {ArrayLike<number>} values @param {number} value */
export const countBelow = (values, value) => countWhile(values, (one) => one < value);
