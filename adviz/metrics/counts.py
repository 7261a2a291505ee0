"""True and false positives at every threshold, from one sort: the basis of the exact metrics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TOP_BIT = np.uint32(0x80000000)
ALL_BITS = np.uint32(0xFFFFFFFF)


@dataclass(frozen=True, eq=False)
class Counts:
    """True and false positives at each of the T distinct scores, taken as a threshold.

    An item is predicted anomalous when its score is >= the threshold.

    Attributes
    ----------
    threshold: (T + 1,) the distinct scores, falling, after a first +inf at which no item is
        predicted anomalous.
    tp: (T + 1,) int64, true positives: anomalous items that are predicted anomalous.
    fp: (T + 1,) int64, false positives: normal items that are predicted anomalous.
    weight: (T + 1,) float64, summed weight of the true positives; empty without weights.
    """

    threshold: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
    weight: np.ndarray


def count(
    scores: np.ndarray,
    ids: np.ndarray,
    weights: np.ndarray | None = None,
    corners_only: bool = False,
) -> Counts:
    """Count true and false positives at every distinct score.

    Parameters
    ----------
    scores: (M,) finite float32 or float64. float32 takes the fast path; both are exact.
    ids: (M,) bool or uint32, 0 = normal, otherwise the number of the item's region.
    weights: (R + 1,) float64, weight of one item of region r; None to leave ``Counts.weight``
        empty.
    corners_only: leave out the thresholds between which only normal items are added, see
        `_corners`.

    Notes
    -----
    float32: the scores' bits, mapped to integers that sort the same way, share one uint64 with the
    region's number, so that a plain sort in place moves both and neither argsort nor gather is
    needed. float64: argsort, several times slower. Extra memory at the peak is about 20 bytes an
    item, and 40 more for every distinct score that is returned.
    """
    if scores.dtype == np.float32:
        sorted_scores, sorted_ids = _sorted_float32(scores, ids)
    else:
        sorted_scores, sorted_ids = _sorted_float64(scores, ids)
    anomalous = np.flatnonzero(sorted_ids)
    # Position of the last item of every distinct score: (T,), or fewer with `corners_only`
    is_last = np.ones(len(sorted_scores), bool)
    is_last[:-1] = sorted_scores[1:] != sorted_scores[:-1]
    last = np.flatnonzero(is_last)
    if corners_only:
        last = last[_corners(last, anomalous)]
    threshold = np.empty(len(last) + 1, scores.dtype)
    threshold[0] = np.inf
    distinct = sorted_scores[last]
    threshold[1:] = _score(distinct) if scores.dtype == np.float32 else distinct
    tp = np.zeros(len(last) + 1, np.int64)
    tp[1:] = np.searchsorted(anomalous, last, side="right")
    fp = np.zeros(len(last) + 1, np.int64)
    np.subtract(last + 1, tp[1:], out=fp[1:])
    if weights is None:
        return Counts(threshold, tp, fp, np.empty(0))
    summed = np.append(0.0, np.cumsum(weights[sorted_ids[anomalous]]))
    return Counts(threshold, tp, fp, summed[tp])


def _corners(last: np.ndarray, anomalous: np.ndarray) -> np.ndarray:
    """Return which of T thresholds to keep so that no curve and no metric changes, (T,) bool.

    Where only normal items are added, ROC and PRO run level and precision falls at one recall:
    straight lines, of which the two ends are enough. The best F1, too, is at a threshold that adds
    an anomalous item. Few pixels are anomalous.
    """
    adds = np.searchsorted(last, anomalous)  # number of the threshold that adds each of them
    keep = np.zeros(len(last), bool)
    keep[adds] = True
    keep[np.maximum(adds - 1, 0)] = True
    keep[-1:] = True
    return keep


def _sorted_float64(scores: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort scores and ids by falling score."""
    order = np.argsort(scores)[::-1]
    return scores[order], ids[order]


def _sorted_float32(scores: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort keys (see `_key`) and ids by falling score."""
    packed = _key(scores).astype(np.uint64)
    packed <<= np.uint64(32)
    packed |= ids
    packed.sort()
    ids = packed.astype(np.uint32)  # the low 32 bits
    packed >>= np.uint64(32)
    return packed.astype(np.uint32), ids


def _key(scores: np.ndarray) -> np.ndarray:
    """Map finite float32 to uint32 in *falling* order; -0.0 and 0.0 have one key."""
    bits = (scores + np.float32(0)).view(np.uint32)  # -0.0 + 0.0 = 0.0
    # Every bit of a negative number, the sign of a positive one
    flip = np.negative(bits >> 31) | TOP_BIT
    key: np.ndarray = ~(bits ^ flip)
    return key


def _score(key: np.ndarray) -> np.ndarray:
    """Invert `_key`."""
    rising = ~key
    bits: np.ndarray = rising ^ (((rising >> 31) + ALL_BITS) | TOP_BIT)
    return bits.view(np.float32)
