// What each flipped option is worth, from the numbers of the runs that were made. Python's flips.py and runs.py are
// its twins.

/** @typedef {{ name: string, text: string, before: string, after: string, number: number, unit: boolean }} Option */
/** @typedef {{ name: string, before: string[], after: string[] }} Step */
/**
 * What is known of a run.
 * @typedef {object} Run
 * @property {Record<string, number | null>} points
 * @property {Record<string, string>} reasons
 * @property {string} pro
 * @property {import("./types").Range | null} limits
 * @property {import("./types").Size} size
 * @property {number} read which of the ways the images were read in
 */
/** Points at the start, before and after each step, and at the end; NaN: not known.
 * @typedef {{ start: number, steps: [number, number][], end: number }} Path */

export const CUMULATIVE = "one after the other";
export const ALONE = "each alone";
export const TOGETHER = "all together";
const NOTHING = 0.05; // points; what is printed as 0.0

/** One step for each option. @param {string[]} flipped @param {string} mode @returns {Step[]} */
export function stepsOf(flipped, mode) {
  if (mode === ALONE) return flipped.map((name) => ({ name, before: [], after: [name] }));
  return flipped.map((name, i) => ({ name, before: flipped.slice(0, i), after: flipped.slice(0, i + 1) }));
}

/** The name of a run. @param {Option[]} options @param {string[]} names that are flipped */
export function runName(options, names) {
  const numbers = options.filter(({ name, number }) => names.includes(name) && number >= 0).map((one) => one.number);
  return numbers.sort((a, b) => a - b).join("-");
}

/**
 * Names of the runs of all configurations that are needed, each of these once, the start first.
 * @param {Option[]} options
 * @param {string[]} flipped
 * @param {string} mode
 */
export function wantedRuns(options, flipped, mode) {
  /** @type {string[][]} */
  const names = [[], ...stepsOf(flipped, mode).map((step) => step.after), flipped];
  return [...new Map(names.map((one) => [one.join("\n"), runName(options, one)])).values()];
}

/**
 * A category's way from the start to the end.
 * @param {Record<string, Run>} runs
 * @param {Option[]} options
 * @param {string[]} flipped
 * @param {string} mode
 * @param {string} metric
 * @returns {Path}
 */
export function pathOf(runs, options, flipped, mode, metric) {
  const points = (/** @type {string[]} */ names) => runs[runName(options, names)]?.points[metric] ?? NaN;
  const steps = stepsOf(flipped, mode).map(({ before, after }) =>
    /** @type {[number, number]} */ ([points(before), points(after)]));
  return { start: points([]), steps, end: points(flipped) };
}

/** Whether every number of a way is known. @param {Path} path */
export function isKnown({ start, steps, end }) {
  return [start, end, ...steps.flat()].every((value) => !Number.isNaN(value));
}

/** The mean of those ways that are known in full. @param {Path[]} paths @returns {Path} */
export function meanPath(paths) {
  const known = paths.filter(isKnown);
  const mean = (/** @type {(path: Path) => number} */ of) =>
    known.length ? known.reduce((sum, path) => sum + of(path), 0) / known.length : NaN;
  return {
    start: mean(({ start }) => start),
    steps: paths[0].steps.map((_, i) => [mean(({ steps }) => steps[i][0]), mean(({ steps }) => steps[i][1])]),
    end: mean(({ end }) => end),
  };
}

/** A difference in points, as Python's `signed`. @param {number} value */
export function signed(value) {
  if (Number.isNaN(value)) return "n/a";
  if (Math.abs(value) < NOTHING) return "0.0";
  return `${value > 0 ? "+" : ""}${value.toFixed(1)}`;
}

/** Both ends of the axis: all values, with room for the numbers beside the bars. @param {number[]} values */
export function axisEnds(values) {
  const known = values.filter((value) => !Number.isNaN(value));
  if (!known.length) return /** @type {import("./types").Range} */ ([0, 100]);
  const low = Math.min(...known);
  const high = Math.max(...known);
  const span = Math.max(high - low, 0.5); // noise does not fill the chart
  return /** @type {import("./types").Range} */ ([low - 0.25 * span, high + 0.2 * span]);
}

/**
 * Sentences on how much the displayed numbers can bear.
 * @param {object} given
 * @param {string} given.mode
 * @param {string} given.metric
 * @param {Record<string, Path>} given.paths category -> its way, the mean's among them
 * @param {string} given.category the displayed one
 * @param {string} given.way its start and end in words
 * @param {Record<string, [Run, Run]>} given.ends first and last run of the categories that count
 * @param {{ low: number | null, high: number | null, pair: Record<string, number | null> } | null} given.interval
 * @returns {string[]}
 */
export function remarks({ mode, metric, paths, category, way, ends, interval }) {
  const path = paths[category];
  const change = path.end - path.start;
  const words = [];
  if (mode === ALONE && isKnown(path) && path.steps.length > 1) {
    const added = path.steps.reduce((sum, [before, after]) => sum + after - before, 0);
    words.push(`Alone, the flips add up to ${signed(added)}; all together they make ${signed(change)}.`);
  } else if (mode !== ALONE && path.steps.length > 1) {
    words.push("The order decides what each step is worth, not what all of them make together.");
  }
  const known = Object.keys(ends).filter((name) => isKnown(paths[name]));
  const partial = !(category in ends) && known.length < Object.keys(paths).length - 1;
  if (isKnown(path) && partial) words.push(`The mean is of ${known.join(" and ")} alone.`);
  if (metric === "image AUROC" && known.length && interval) {
    const [low, high] = [interval.low ?? NaN, interval.high ?? NaN].map(signed);
    const one = known.map((name) => `${interval.pair[name]?.toFixed(2) ?? "n/a"} on ${name}`).join(", ");
    words.push(`${way}: ${signed(change)} points, 95% interval ${low} to ${high} `
      + "(paired bootstrap over the test images).");
    words.push(`A good and an anomalous image that swap ranks move it by this many points: ${one}.`);
  }
  for (const [name, [first, last]] of Object.entries(ends)) {
    const reason = first.reasons[metric] || last.reasons[metric];
    if (!reason) continue;
    const lacks = first.points[metric] === null || last.points[metric] === null;
    words.push(lacks ? `${name} has no ${metric}: ${reason}.` : `${metric} of ${name}: ${reason}.`);
  }
  return words;
}
