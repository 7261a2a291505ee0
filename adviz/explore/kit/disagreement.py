"""Where do methods disagree? About which images are anomalous, and about where in an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from adviz import metrics
from adviz._support import progress
from adviz.core import maps
from adviz.prediction import Prediction

# Per side, that maps are averaged to: their last pixels are not what methods disagree about
CELLS = 16
NAN = float("nan")
Numbers = dict[str, float]


def percentile_ranks(scores: np.ndarray) -> np.ndarray:
    """Return the share of the other images whose score is lower, (..., N) in [0, 1].

    Equal scores share the middle.
    """
    count = scores.shape[-1]
    return np.asarray((_ranks(scores) - 1) / max(count - 1, 1))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 1 on along the last axis; equal values share their mean rank."""
    from scipy.stats import rankdata  # takes a second to import

    return np.asarray(rankdata(values, axis=-1))


def score_disagreement(scores: np.ndarray) -> np.ndarray:
    """Return how far apart methods rank each image.

    Parameters
    ----------
    scores: (M, N) float of M methods and N images, each in its own unit.

    Returns
    -------
    (N,) in [0, 1]: the largest minus the smallest of the methods' percentile ranks; at 0.4 some
        method has it 40 % of the other images higher than another has.
    """
    return np.asarray(np.ptp(percentile_ranks(scores), axis=0))


def map_disagreement(found: Sequence[Sequence[np.ndarray] | np.ndarray]) -> np.ndarray:
    """Return how differently methods order the places of each image.

    Parameters
    ----------
    found: of M >= 2 methods N maps (H, W), each in its own unit and size.

    Returns
    -------
    (N,) in [0, 2]: one minus the mean of Spearman's correlation over all pairs of methods, of the
        maps averaged over
    16 x 16 cells: 0 = all agree, 1 = no relation. A constant map has no order, and correlation 0
        with every other.

    Raises
    ------
    ValueError: fewer than two methods.
    """
    if len(found) < 2:
        raise ValueError(f"expected maps of at least two methods to compare, got {len(found)}")
    ranks = [_unit_ranks(values) for values in found]
    return np.asarray(
        1 - np.mean([(one * other).sum(1) for one, other in combinations(ranks, 2)], axis=0)
    )


def _unit_ranks(values: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Return (N, cells) ranks of cell averages, with mean 0 and length 1; 0 where all are equal."""
    small = []
    for one in progress.progress_bar(values, label="maps"):
        small.append(maps.resize(one[None], (CELLS, CELLS), "area"))
    cells = np.concatenate(small).reshape(len(values), -1)
    ranks = _ranks(cells)
    ranks -= ranks.mean(1, keepdims=True)
    length = np.linalg.norm(ranks, axis=1, keepdims=True)
    return np.asarray(np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0))


def highest_first(values: np.ndarray) -> np.ndarray:
    """Return the order of falling values; NaN come last, equal ones stay in order."""
    return np.argsort(np.where(np.isnan(values), np.inf, -values), kind="stable")


def compared(
    prediction: Prediction,
    labels: np.ndarray,
    masks: np.ndarray | None,
    known: np.ndarray | None = None,
) -> Numbers:
    """Return a method's numbers for the table: NaN where they are undefined.

    Parameters
    ----------
    labels: (N,) int: 0 good, 1 anomalous, -1 unlabelled, which are left out.
    masks: (N, H, W) bool; None = unknown.
    known: (N,) bool, the images whose masks are known; None = all that have a label.

    Returns
    -------
    "image_auroc", "false_positives" and "false_negatives" (images, at the best F1), "threshold" (of
    scores, there), "pixel_auroc", "pro" (PRO-global up to 0.3) and "pixel_threshold" (of maps, at
    the pixels' best F1).
    """
    kept = labels >= 0
    truth, scores = labels[kept] == 1, prediction.score[kept]
    best = metrics.f1_threshold(scores, truth)
    found = {
        "image_auroc": metrics.auroc(scores, truth),
        "threshold": best.threshold,
        "false_positives": best.false_positives,
        "false_negatives": best.false_negatives,
        **dict.fromkeys(("pixel_auroc", "pro", "pixel_threshold"), NAN),
    }
    judged = kept if known is None else known
    if prediction.anomaly_map is None or masks is None or not judged.any():
        return found
    maps = np.asarray(prediction.anomaly_map[judged], np.float32)
    valid = None if prediction.valid is None else prediction.valid[judged]
    pixels = metrics.pixel_metrics(maps, masks[judged], valid=valid)
    return {
        **found,
        "pixel_auroc": pixels.auroc,
        "pro": pixels.pro,
        "pixel_threshold": pixels.f1.threshold,
    }


@dataclass(frozen=True)
class Standing:
    """Where one image stands among all, for one method.

    Attributes
    ----------
    score: of the image.
    rank: 1 = the highest score; equal ones share the better rank.
    count: of the images.
    threshold: of scores; NaN where none is given and no image is known to be anomalous.
    verdict: "predicted anomalous: right", "predicted anomalous: false alarm", "predicted good:
        missed", ...; "" without a threshold.
    """

    score: float
    rank: int
    count: int
    threshold: float
    verdict: str


def standing(
    scores: np.ndarray, labels: np.ndarray, image: int, threshold: float | None = None
) -> Standing:
    """Return where one of N images stands: its rank, and what a threshold makes of it.

    Parameters
    ----------
    scores: (N,) float.
    labels: (N,) int: 0 good, 1 anomalous, -1 unlabelled, which take no part in choosing the
        threshold.
    threshold: of scores; None = the F1-optimal one.
    """
    score = float(scores[image])
    label = int(labels[image])
    if threshold is None:
        known = labels >= 0
        threshold = metrics.f1_threshold(scores[known], labels[known] == 1).threshold
    verdict = ""
    if threshold == threshold:
        positive = score >= threshold
        verdict = "predicted anomalous" if positive else "predicted good"
        if label >= 0:
            wrong = "false alarm" if positive else "missed"
            verdict += ": right" if positive == (label == 1) else f": {wrong}"
    return Standing(score, int(1 + (scores > score).sum()), len(scores), float(threshold), verdict)
