"""What goes wrong at a threshold, from plain arrays: counts, the images that are errors, and what kind they may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adviz import metrics
from adviz.data import ANOMALOUS, GOOD, UNLABELLED

FALSE_POSITIVE_TAGS = ("nominal variance", "label ambiguity", "background")
FALSE_NEGATIVE_TAGS = (
    "nominal variance",
    "localised but under-weighted",
    "not recovered",
    "cropped away",
    "fine-grained",
)
# By what the image is
TAGS = {GOOD: FALSE_POSITIVE_TAGS, ANOMALOUS: FALSE_NEGATIVE_TAGS, UNLABELLED: ()}
CROPPED = 0.05  # of the defect's area: with less than that left, it is called cropped away
# Of the image's area: a defect below that is called fine-grained, at 224 x 224 pixels 100 pixels
FINE = 0.002
# Quantile at which unlabelled images are flagged until a person says otherwise
UNLABELLED_SHARE = 0.95


@dataclass(frozen=True)
class Outcome:
    """How many images a threshold flags, by what they are; ratios are NaN where they are undefined.

    Attributes
    ----------
    threshold: an image is flagged when its score is >= this.
    true_positives, false_negatives: anomalous images, flagged and not.
    false_positives, true_negatives: good images, flagged and not.
    unlabelled_flagged, unlabelled_passed: unlabelled images, which no ratio counts.
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
        """TP / (TP + FP), NaN where nothing labelled is flagged."""
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
        return _ratio(
            2 * self.true_positives,
            2 * self.true_positives + self.false_positives + self.false_negatives,
        )

    def __add__(self, other: Outcome) -> Outcome:
        """Count the images of both; the threshold is NaN where the two differ."""
        counts = (a + b for a, b in zip(_counts(self), _counts(other), strict=True))
        return Outcome(
            self.threshold if self.threshold == other.threshold else float("nan"), *counts
        )


def outcome(scores: np.ndarray, labels: np.ndarray, threshold: float) -> Outcome:
    """Count what a threshold does to images.

    Parameters
    ----------
    scores: (N,) float, higher = more anomalous.
    labels: (N,) int: 0 good, 1 anomalous, -1 unlabelled.
    threshold: score units; flagged is what has a score >= this.
    """
    flagged = np.asarray(scores, np.float64) >= threshold
    counts = [
        int(np.count_nonzero(flagged[labels == label])) for label in (ANOMALOUS, GOOD, UNLABELLED)
    ]
    whole = [int(np.count_nonzero(labels == label)) for label in (ANOMALOUS, GOOD, UNLABELLED)]
    (tp, fp, unknown), (anomalous, good, unlabelled) = counts, whole
    return Outcome(threshold, tp, anomalous - tp, fp, good - fp, unknown, unlabelled - unknown)


class Wrong(NamedTuple):
    """The images of a test split that are errors at a threshold, the worst first; indices, (n,) int64 each.

    Attributes
    ----------
    false_positives: good and flagged, falling scores.
    false_negatives: anomalous and not flagged, rising scores.
    unlabelled: flagged without being labelled, falling scores; whether they are errors cannot be
        known.
    """

    false_positives: np.ndarray
    false_negatives: np.ndarray
    unlabelled: np.ndarray


def wrong(scores: np.ndarray, labels: np.ndarray, threshold: float) -> Wrong:
    """Return which images are errors at a threshold; arguments as for `outcome`."""
    scores = np.asarray(scores, np.float64)
    flagged, falling = scores >= threshold, np.argsort(-scores, kind="stable")
    high = [falling[(flagged & (labels == label))[falling]] for label in (GOOD, UNLABELLED)]
    rising = np.argsort(scores, kind="stable")
    return Wrong(high[0], rising[(~flagged & (labels == ANOMALOUS))[rising]], high[1])


def first_threshold(scores: np.ndarray, labels: np.ndarray) -> tuple[float, str]:
    """Return where to draw the line before a person does, and in words why there.

    With anomalous images that is the F1-optimal threshold; with good ones alone just above all of
    them; with unlabelled ones alone the 95th percentile. Arguments as for `outcome`.
    """
    known = labels != UNLABELLED
    if (labels == ANOMALOUS).any():
        return metrics.f1_threshold(
            scores[known], labels[known] == ANOMALOUS
        ).threshold, "F1-optimal"
    scores = np.asarray(scores, np.float64)
    if known.any():
        return float(np.nextafter(scores[known].max(), np.inf)), "just above every good image"
    return float(
        np.quantile(scores, UNLABELLED_SHARE, method="higher")
    ), "flags the highest 5% of the images"


def full_recall(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the highest threshold that flags every anomalous image; NaN without one. Arguments as for `outcome`."""
    known = labels != UNLABELLED
    return metrics.full_recall_threshold(scores[known], labels[known] == ANOMALOUS)


def score_is_peak(scores: np.ndarray, maps: np.ndarray) -> bool:
    """Return whether every image's score is its map's maximum, up to rounding; (N,) and (N, H, W)."""
    return bool(np.allclose(scores, maps.max(axis=(1, 2)), rtol=1e-5, atol=0))


def suggest(
    mask: np.ndarray | None, one: np.ndarray | None, kept: float | None
) -> list[tuple[str, str]]:
    """Suggest what kind of error an anomalous image is that was not flagged.

    Parameters
    ----------
    mask: (H, W) bool, the defect as the detectors are judged by; None = not known.
    one: (H, W) float, the anomaly map; None = none.
    kept: share of the original mask that resize and crop left, as in `adviz.data.audit`; None = not
        known.

    Returns
    -------
    (tag, reason) pairs, the likeliest first, of: cropped away (less than 5 % is left, nothing else
        is said then); localised but under-weighted (the map's highest pixel lies in the mask),
        otherwise not recovered; and fine-grained (the defect covers less than 0.2 % of the image).
        Empty where neither mask nor map tells anything.
    """
    if kept is not None and kept < CROPPED:
        return [("cropped away", f"{kept:.0%} of the defect is left after resize and crop")]
    if mask is None or not mask.any():
        return []
    found = []
    if one is not None:
        row, column = np.unravel_index(int(one.argmax()), one.shape)
        away = _distance(mask, (int(row), int(column)))
        found.append(
            ("localised but under-weighted", "the map's highest pixel lies in the defect")
            if not away
            else ("not recovered", f"the map's highest pixel is {away:.0f} px from the defect")
        )
    area = int(mask.sum())
    if area / mask.size < FINE:
        found.append(("fine-grained", f"{area} px, {area / mask.size:.2%} of the image"))
    return found


def _distance(mask: np.ndarray, pixel: tuple[int, int]) -> float:
    """Return how far a pixel is from the nearest one of a mask; 0 inside."""
    rows, columns = np.nonzero(mask)
    return float(np.hypot(rows - pixel[0], columns - pixel[1]).min())


def _counts(outcome: Outcome) -> tuple[int, ...]:
    return (
        outcome.true_positives,
        outcome.false_negatives,
        outcome.false_positives,
        outcome.true_negatives,
        outcome.unlabelled_flagged,
        outcome.unlabelled_passed,
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
