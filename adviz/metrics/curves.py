"""ROC and precision-recall curves and the areas under them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adviz.metrics.checks import checked_pair
from adviz.metrics.counts import Counts, count

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve over falling thresholds; NaN along an axis that is undefined.

    Attributes
    ----------
    x: (P,) float, false positive rate (ROC, PRO) or recall (precision-recall), rising from 0.
    y: (P,) float, true positive rate, precision or mean overlap per region.
    threshold: (P,) float, in the unit of the scores, falling from +inf; predicted anomalous is what
        has a score >= threshold.

    Examples
    --------
    >>> curve = metrics.roc_curve(np.array([0.1, 0.4, 0.8]), np.array([0, 1, 1]))
    >>> curve.x, curve.y, curve.threshold
    (array([0., 0., 0., 1.]), array([0. , 0.5, 1. , 1. ]), array([inf, 0.8, 0.4, 0.1]))
    """

    x: np.ndarray
    y: np.ndarray
    threshold: np.ndarray

    def __post_init__(self) -> None:
        shapes = [np.shape(values) for values in (self.x, self.y, self.threshold)]
        if len(set(shapes)) != 1 or len(shapes[0]) != 1:
            raise ValueError(f"x, y and threshold must share one shape (P,), got {shapes}")

    def __len__(self) -> int:
        """Return the number of points."""
        return len(self.x)

    def __repr__(self) -> str:
        return f"Curve({len(self)} points)"

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for every point: x, y and threshold.

        Examples
        --------
        >>> metrics.roc_curve(prediction.score, category.test.labels).to_frame()["y"].max()
        np.float64(1.0)
        """
        import pandas as pd

        return pd.DataFrame({"x": self.x, "y": self.y, "threshold": self.threshold})

    def thinned(self, n: int = 1000) -> Curve:
        """Return at most n of the points, for display, evenly spread along the curve.

        Both ends stay. The spread is measured as ``|dx| + |dy|``, so that steep parts keep their
        points. Metrics use the full curve.

        Examples
        --------
        >>> curve = metrics.roc_curve(prediction.score, category.test.labels)
        >>> len(curve.thinned(5).x)
        5
        """
        if n < 2:
            raise ValueError(f"n must be at least 2, the two ends of the curve, got {n}")
        if len(self) <= n:
            return self
        length = np.zeros(len(self))  # along the curve, up to each point
        for axis in (self.x, self.y):
            if not np.isnan(axis).any():
                length[1:] += np.abs(np.diff(axis))
        np.cumsum(length, out=length)
        points = np.searchsorted(length, np.linspace(0, length[-1], n))
        points[-1] = len(self) - 1
        points = np.unique(points)
        return Curve(self.x[points], self.y[points], self.threshold[points])


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the area under the ROC curve.

    That is how often an anomalous item outranks a normal one, ties counting half.

    Parameters
    ----------
    scores: (M,) raw scores of images, or of pixels through ``ravel()``; higher = more anomalous.
        float32 is fastest.
    labels: (M,) 0 or False = normal, 1 or True = anomalous.

    Returns
    -------
    area: in [0, 1]; NaN without an anomalous or without a normal item (`undefined_reason` says
        which).

    Raises
    ------
    ValueError: NaN or infinite scores, labels other than 0 and 1, shapes that differ.

    Notes
    -----
    Equals scikit-learn's ``roc_auc_score``: exact, over all thresholds.

    Examples
    --------
    >>> metrics.auroc(np.array([0.1, 0.4, 0.3, 0.8]), np.array([0, 0, 1, 1]))
    0.75
    """
    return auroc_of(count(*checked_pair(scores, labels), corners_only=True))


def average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the average precision: the area under the precision-recall curve, not interpolated.

    scikit-learn's definition, ``sum((recall[t] - recall[t - 1]) * precision[t])`` over falling
    thresholds t; arguments and errors as in `auroc`. NaN without an anomalous item (scikit-learn: 0
    and a warning); 1 without a normal one, for there is nothing to get wrong.

    Examples
    --------
    >>> round(metrics.average_precision(np.array([0.1, 0.4, 0.3, 0.8]), np.array([0, 0, 1, 1])), 3)
    0.833
    """
    return average_precision_of(count(*checked_pair(scores, labels), corners_only=True))


def roc_curve(scores: np.ndarray, labels: np.ndarray) -> Curve:
    """Return the ROC curve with one point per distinct score.

    It runs from (0, 0) at +inf to (1, 1) at the lowest score. x is the false positive rate, NaN
    without a normal item; y the true positive rate, NaN without an anomalous one. Arguments and
    errors as in `auroc`.

    Examples
    --------
    >>> metrics.roc_curve(np.array([0.1, 0.4, 0.8]), np.array([0, 1, 1])).y
    array([0. , 0.5, 1. , 1. ])
    """
    return roc_of(count(*checked_pair(scores, labels)))


def precision_recall_curve(scores: np.ndarray, labels: np.ndarray) -> Curve:
    """Return precision (y) against recall (x), one point per distinct score.

    The first point, recall 0 and precision 1 at +inf, is a convention, since no item is predicted
    anomalous there; without an anomalous item x is NaN. These are scikit-learn's points in the
    opposite order. Arguments and errors as in `auroc`.

    Examples
    --------
    >>> curve = metrics.precision_recall_curve(np.array([0.1, 0.4, 0.8]), np.array([0, 1, 1]))
    >>> curve.x, curve.y
    (array([0. , 0.5, 1. , 1. ]), ...)
    """
    return precision_recall_of(count(*checked_pair(scores, labels)))


def auroc_of(counts: Counts) -> float:
    """Return the area under the ROC curve; NaN without one of the classes."""
    n_pairs = float(counts.tp[-1]) * counts.fp[-1]
    if not n_pairs:
        return float("nan")
    height = (counts.tp[1:] + counts.tp[:-1]).astype(float)
    return float(np.dot(np.diff(counts.fp), height) / 2 / n_pairs)


def average_precision_of(counts: Counts) -> float:
    """Return the average precision; NaN without an anomalous item."""
    if not counts.tp[-1]:
        return float("nan")
    return float(np.dot(np.diff(counts.tp), precision_of(counts)[1:]) / counts.tp[-1])


def roc_of(counts: Counts) -> Curve:
    """Return the ROC curve."""
    return Curve(fraction_of_last(counts.fp), fraction_of_last(counts.tp), counts.threshold)


def precision_recall_of(counts: Counts) -> Curve:
    """Return the precision-recall curve."""
    return Curve(fraction_of_last(counts.tp), precision_of(counts), counts.threshold)


def precision_of(counts: Counts) -> np.ndarray:
    """Return the precision at every threshold; 1 where no item is predicted anomalous."""
    precision: np.ndarray = counts.tp / np.maximum(counts.tp + counts.fp, 1)
    precision[0] = 1
    return precision


def fraction_of_last(counts: np.ndarray) -> np.ndarray:
    """Divide cumulative counts by their last, the total; NaN where that is 0."""
    if not counts[-1]:
        return np.full(len(counts), np.nan)
    return np.asarray(counts / counts[-1])
