"""Thresholds on scores and the errors at them: best F1, 100 % recall."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adviz.metrics.checks import checked_pair
from adviz.metrics.counts import Counts, count
from adviz.metrics.curves import auroc


class F1Threshold(NamedTuple):
    """The threshold with the best F1 and the errors at it; all NaN without an anomalous item.

    Attributes
    ----------
    threshold: one of the observed scores; predicted anomalous is what has a score >= threshold.
    f1: 2 TP / (2 TP + FP + FN), in (0, 1].
    false_positives: int, normal items predicted anomalous.
    false_negatives: int, anomalous items predicted normal.

    Examples
    --------
    >>> best = metrics.f1_threshold(prediction.score, category.test.labels)
    >>> best._fields
    ('threshold', 'f1', 'false_positives', 'false_negatives')
    """

    threshold: float
    f1: float
    false_positives: float
    false_negatives: float


def f1_threshold(scores: np.ndarray, labels: np.ndarray) -> F1Threshold:
    """Return the threshold with the highest F1 among the observed scores.

    Of equally good ones it is the highest.

    Parameters
    ----------
    scores: (M,) raw scores; higher = more anomalous. For one threshold over several categories,
        concatenate them.
    labels: (M,) 0 or False = normal, 1 or True = anomalous.

    Raises
    ------
    ValueError: NaN or infinite scores, labels other than 0 and 1, shapes that differ.

    Notes
    -----
    The threshold is chosen on the labels that it is evaluated on, as PatchCore's misclassification
    counts are: optimistic.

    Examples
    --------
    >>> metrics.f1_threshold(np.array([0.1, 0.4, 0.3, 0.8]), np.array([0, 0, 1, 1]))
    F1Threshold(threshold=0.3, f1=0.8, false_positives=1, false_negatives=0)
    """
    return f1_of(count(*checked_pair(scores, labels), corners_only=True))


def f1_of(counts: Counts) -> F1Threshold:
    """Return the best F1 over all thresholds."""
    n_anomalous = counts.tp[-1]
    if not n_anomalous:
        return F1Threshold(*[float("nan")] * 4)
    f1 = 2 * counts.tp / (counts.tp + counts.fp + n_anomalous)
    best = int(f1.argmax())  # the first maximum: thresholds fall, so it is the highest
    return F1Threshold(
        threshold=float(counts.threshold[best]),
        f1=float(f1[best]),
        false_positives=int(counts.fp[best]),
        false_negatives=int(n_anomalous - counts.tp[best]),
    )


def full_recall_threshold(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the highest threshold with 100 % recall: the lowest score of an anomalous item.

    NaN without an anomalous item. Arguments and errors as in `f1_threshold`.

    Examples
    --------
    >>> metrics.full_recall_threshold(np.array([0.1, 0.4, 0.3, 0.8]), np.array([0, 0, 1, 1]))
    0.3
    """
    scores, labels = checked_pair(scores, labels)
    return float(scores[labels].min()) if labels.any() else float("nan")


def false_positives_at_full_recall(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return how many normal items are predicted anomalous at `full_recall_threshold`.

    An int; NaN without an anomalous item. Arguments and errors as in `f1_threshold`.

    Examples
    --------
    >>> scores, labels = np.array([0.1, 0.4, 0.3, 0.8]), np.array([0, 0, 1, 1])
    >>> metrics.false_positives_at_full_recall(scores, labels)
    1
    """
    scores, labels = checked_pair(scores, labels)
    if not labels.any():
        return float("nan")
    lowest = scores[labels].min()
    return int(np.count_nonzero(scores[~labels] >= lowest))


def perfect(scores: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether every anomalous item outranks every normal one (AUROC = 1).

    False where AUROC is undefined.

    Examples
    --------
    >>> metrics.perfect(np.array([0.1, 0.4, 0.8]), np.array([0, 0, 1]))
    True
    """
    return auroc(scores, labels) == 1
