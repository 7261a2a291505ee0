// What a first stage saves and loses: only images whose score is above tau are looked at a second time (SPADE 3.2).
// The Python of it is adviz/explore/thresholds/gating.py.

const ANOMALOUS = 1;

/**
 * The first entry gates nothing away; the others hold from every distinct score on.
 * @typedef {object} Gating
 * @property {number[]} tau rising, -Infinity first
 * @property {number[]} saved fraction of all images that are not segmented
 * @property {number[]} imagesLost anomalous images that are not segmented
 * @property {number[]} pixelsLost fraction of all defect pixels that lie in them; NaN where no masks are known
 * @property {number} anomalous how many anomalous images there are
 * @property {number} images
 * @property {number} free the last entry that loses no anomalous image
 * @property {(tau: number) => number} at the entry that holds for a value of tau
 */

/**
 * Returns what a first stage saves and loses at every tau.
 * @param {number[]} scores of the first stage
 * @param {number[]} labels 1 anomalous, 0 good, -1 unlabelled
 * @param {ArrayLike<number> | null} [areas] defect pixels of every image; null: not known
 * @returns {Gating}
 */
export function gating(scores, labels, areas = null) {
  const order = scores.map((_, i) => i).sort((a, b) => scores[a] - scores[b]);
  const tau = [-Infinity];
  const passed = [0];
  const imagesLost = [0];
  const pixelsGone = [0];
  let lost = 0;
  let gone = 0;
  for (const [place, i] of order.entries()) {
    const anomalous = labels[i] === ANOMALOUS;
    if (anomalous) lost += 1;
    if (anomalous && areas) gone += areas[i];
    const next = order[place + 1];
    if (next !== undefined && scores[next] === scores[i]) continue; // equal scores go together
    tau.push(scores[i]);
    passed.push(place + 1);
    imagesLost.push(lost);
    pixelsGone.push(gone);
  }
  return {
    tau,
    saved: passed.map((count) => count / scores.length),
    imagesLost,
    // 0 / 0 = NaN: without defect pixels no fraction of them is lost
    pixelsLost: pixelsGone.map((pixels) => pixels / gone),
    anomalous: lost,
    images: scores.length,
    free: imagesLost.lastIndexOf(0),
    at: (value) => tau.reduce((entry, one, i) => (one <= value ? i : entry), 0),
  };
}
