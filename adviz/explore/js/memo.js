// Doing nothing twice: answers that are kept, and drawings that are skipped where nothing has changed.

/**
 * Returns a function that remembers its last answer: the same arguments (by identity) give the same object.
 * @template {any[]} Given
 * @template Answer
 * @param {(...given: Given) => Answer} make
 * @returns {(...given: Given) => Answer}
 */
export function memo(make) {
  /** @type {Given | null} */
  let last = null;
  /** @type {Answer} */
  let answer;
  return (...given) => {
    if (!last || given.some((value, i) => value !== /** @type {Given} */ (last)[i])) {
      answer = make(...given);
      last = given;
    }
    return answer;
  };
}

/**
 * Says whether two values are the same: arrays and plain objects by what is in them, all else by identity.
 * @param {any} a
 * @param {any} b
 * @returns {boolean}
 */
export function same(a, b) {
  if (Object.is(a, b)) return true;
  if (!a || !b || typeof a !== "object") return false;
  const kind = Object.getPrototypeOf(a);
  if (kind !== Object.getPrototypeOf(b)) return false;
  if (Array.isArray(a)) return a.length === b.length && a.every((value, i) => same(value, b[i]));
  if (kind !== Object.prototype) return false;
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => name in b && same(a[name], b[name]));
}

/**
 * Returns a function that calls `draw` only where `given` is not the same as last time.
 * @template Given
 * @param {(given: Given) => void} draw
 * @returns {(given: Given) => void}
 */
export function lazily(draw) {
  /** @type {Given | undefined} */
  let last;
  return (given) => {
    if (last !== undefined && same(last, given)) return;
    draw(given);
    last = given;
  };
}
