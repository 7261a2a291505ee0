// What a count says of a rate: the interval of Clopper and Pearson. The Python of it is
// adviz/evaluation/error_rates.py.

export const CONFIDENCE = 0.95;
const HALVINGS = 50;

/** Natural logarithms of 0!, 1!, ... as far as they were needed. @type {number[]} */
const factorials = [0];

/** @param {number} n */
function logFactorial(n) {
  while (factorials.length <= n) factorials.push(factorials[factorials.length - 1] + Math.log(factorials.length));
  return factorials[n];
}

/** The probability of exactly `count` of `of`. @param {number} count @param {number} of @param {number} rate */
function chance(count, of, rate) {
  const ways = logFactorial(of) - logFactorial(count) - logFactorial(of - count);
  return Math.exp(ways + count * Math.log(rate) + (of - count) * Math.log1p(-rate));
}

/**
 * The probability of `count` or more of `of`, from the side of the mean on which terms fall.
 * @param {number} count at least 1
 * @param {number} of
 * @param {number} rate above 0, below 1
 */
function tail(count, of, rate) {
  const odds = rate / (1 - rate);
  let sum = 0;
  if (count > of * rate) {
    let term = chance(count, of, rate);
    for (let i = count; i <= of && term > 0; i += 1) {
      sum += term;
      term *= ((of - i) / (i + 1)) * odds;
    }
    return sum;
  }
  let term = chance(count - 1, of, rate);
  for (let i = count - 1; i >= 0 && term > 0; i -= 1) {
    sum += term;
    term *= i / (of - i + 1) / odds;
  }
  return 1 - sum;
}

/**
 * Returns where the tail, which rises with the rate, reaches a probability.
 * @param {number} count
 * @param {number} of
 * @param {number} p
 */
function rateOfTail(count, of, p) {
  let low = 0;
  let high = 1;
  for (let i = 0; i < HALVINGS; i += 1) {
    const middle = (low + high) / 2;
    if (tail(count, of, middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Returns between which rates the true one lies, unless this is one of few unlucky draws.
 * @param {number} count
 * @param {number} of at least 1
 * @param {number} [confidence]
 * @returns {import("./types").Range}
 */
export function clopperPearson(count, of, confidence = CONFIDENCE) {
  const beside = (1 - confidence) / 2;
  const low = count ? rateOfTail(count, of, beside) : 0;
  const high = count < of ? rateOfTail(count + 1, of, 1 - beside) : 1;
  return [low, high];
}
