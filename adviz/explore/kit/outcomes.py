"""Counts of errors at a threshold, the images that are errors, and a first threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adviz import metrics
from adviz.data import ANOMALOUS, GOOD, UNLABELLED

# Quantile of the scores that is the threshold where all images are unlabelled
UNLABELLED_QUANTILE = 0.95


@dataclass(frozen=True)
class Outcome:
    """The confusion matrix of a threshold; ratios are NaN where they are undefined.

    Attributes
    ----------
    threshold: an image is predicted anomalous when its score is >= this.
    true_positives, false_negatives: anomalous images, predicted anomalous and not.
    false_positives, true_negatives: good images, predicted anomalous and not.
    unlabelled_flagged, unlabelled_passed: unlabelled images, predicted anomalous and not; no ratio
        counts them.
    """

    threshold: float
    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int
    unlabelled_flagged: int
    unlabelled_passed: int

    @property
    def precision(self) -> float:
        """TP / (TP + FP), NaN where no labelled image is predicted anomalous."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """TP / (TP + FN), NaN without an anomalous image."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), NaN without an anomalous image."""
        if not self.true_positives + self.false_negatives:
            return float("nan")
        errors = self.false_positives + self.false_negatives
        return _ratio(2 * self.true_positives, 2 * self.true_positives + errors)


def outcome(scores: np.ndarray, labels: np.ndarray, threshold: float) -> Outcome:
    """Count the right and wrong predictions of a threshold.

    Parameters
    ----------
    scores: (N,) float, higher = more anomalous.
    labels: (N,) int: 0 good, 1 anomalous, -1 unlabelled.
    threshold: score units; an image with a score >= this is predicted anomalous.
    """
    positive = np.asarray(scores, np.float64) >= threshold  # (N,)

    def count(label: int, predicted: np.ndarray) -> int:
        return int(np.count_nonzero(predicted & (labels == label)))

    return Outcome(
        threshold,
        true_positives=count(ANOMALOUS, positive),
        false_negatives=count(ANOMALOUS, ~positive),
        false_positives=count(GOOD, positive),
        true_negatives=count(GOOD, ~positive),
        unlabelled_flagged=count(UNLABELLED, positive),
        unlabelled_passed=count(UNLABELLED, ~positive),
    )


class Wrong(NamedTuple):
    """Indices of the images that are errors at a threshold, the worst first; (n,) int64 each.

    Attributes
    ----------
    false_positives: good images predicted anomalous, falling scores.
    false_negatives: anomalous images not predicted anomalous, rising scores.
    unlabelled: unlabelled images predicted anomalous, falling scores; whether they are errors is
        unknown.
    """

    false_positives: np.ndarray
    false_negatives: np.ndarray
    unlabelled: np.ndarray


def wrong(scores: np.ndarray, labels: np.ndarray, threshold: float) -> Wrong:
    """Return the images that are errors at a threshold; arguments as for `outcome`."""
    scores = np.asarray(scores, np.float64)
    positive = scores >= threshold
    falling = np.argsort(-scores, kind="stable")
    rising = np.argsort(scores, kind="stable")
    return Wrong(
        false_positives=falling[(positive & (labels == GOOD))[falling]],
        false_negatives=rising[(~positive & (labels == ANOMALOUS))[rising]],
        unlabelled=falling[(positive & (labels == UNLABELLED))[falling]],
    )


def first_threshold(scores: np.ndarray, labels: np.ndarray) -> tuple[float, str]:
    """Return a threshold to begin with, and in words how it was chosen.

    With anomalous images that is the F1-optimal threshold; with good ones alone just above all of
    them; with unlabelled ones alone the 95th percentile. Arguments as for `outcome`.
    """
    scores = np.asarray(scores, np.float64)
    labelled = labels != UNLABELLED
    if (labels == ANOMALOUS).any():
        best = metrics.f1_threshold(scores[labelled], labels[labelled] == ANOMALOUS)
        return best.threshold, "F1-optimal"
    if labelled.any():
        return float(np.nextafter(scores[labelled].max(), np.inf)), "just above every good image"
    quantile = np.quantile(scores, UNLABELLED_QUANTILE, method="higher")
    return float(quantile), "the highest 5% of the images predicted anomalous"


def full_recall(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the highest threshold with 100 % recall, NaN without an anomalous image.

    Arguments as for `outcome`.
    """
    labelled = labels != UNLABELLED
    return metrics.full_recall_threshold(scores[labelled], labels[labelled] == ANOMALOUS)


def _ratio(part: int, total: int) -> float:
    return part / total if total else float("nan")
