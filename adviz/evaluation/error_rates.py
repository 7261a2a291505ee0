"""What the errors that were counted say of the rates on further images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adviz.evaluation.inputs import check_inputs

if TYPE_CHECKING:
    from adviz.evaluation.threshold import NamedSplit, Threshold
    from adviz.prediction import Prediction


@dataclass(frozen=True)
class ErrorRate:
    """How many of some images were wrong, and what that says of others.

    Attributes
    ----------
    count, of: wrong images, and all of their kind.
    confidence: of the interval and of what is promised.

    Examples
    --------
    >>> from adviz.evaluation import ErrorRate
    >>> ErrorRate(1, 20)
    ErrorRate(1 of 20: 5.0 %, with 95 % confidence 0.1 to 24.9 %)
    """

    count: int
    of: int
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not (0 <= self.count <= self.of and self.of >= 1 and 0 < self.confidence < 1):
            raise ValueError(
                "expected a count from 0 to the number of images, at least one, and a confidence "
                f"between 0 and 1, got {self.count} of {self.of} and {self.confidence}"
            )

    @property
    def rate(self) -> float:
        """The fraction that was wrong."""
        return self.count / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """(low, high): the rate's two-sided interval (Clopper and Pearson 1934).

        It holds the true rate in at least `confidence` of all draws of independent images.
        """
        from scipy.stats import binomtest

        found = binomtest(self.count, self.of).proportion_ci(self.confidence, method="exact")
        return float(found.low), float(found.high)

    @property
    def promise(self) -> float:
        """The rate that is not exceeded, with this confidence: the one-sided upper limit."""
        from scipy.stats import beta

        if self.count == self.of:
            return 1.0
        return float(beta.ppf(self.confidence, self.count + 1, self.of - self.count))

    def images_for(self, rate: float) -> int:
        """Return how many further images, all of them right, would let `promise` be at most `rate`.

        Examples
        --------
        >>> from adviz.evaluation import ErrorRate
        >>> ErrorRate(0, 112).images_for(0.02)
        37
        """
        if not 0 < rate < 1:
            raise ValueError(f"expected a rate above 0 and below 1, got {rate}")
        fewest = 0
        most = 1
        while ErrorRate(self.count, self.of + most, self.confidence).promise > rate:
            most *= 2
        while fewest < most:
            middle = (fewest + most) // 2
            if ErrorRate(self.count, self.of + middle, self.confidence).promise > rate:
                fewest = middle + 1
            else:
                most = middle
        return fewest

    def __repr__(self) -> str:
        low, high = (100 * end for end in self.interval)
        return (
            f"ErrorRate({self.count} of {self.of}: {100 * self.rate:.1f} %, with "
            f"{100 * self.confidence:g} % confidence {low:.1f} to {high:.1f} %)"
        )


@dataclass(frozen=True)
class ErrorRates:
    """The errors of a threshold on some images.

    Attributes
    ----------
    false_alarms: good images that are predicted anomalous; None = there was no good image.
    misses: anomalous images that are predicted good; None = there was no anomalous one.
    optimistic: whether the threshold was set on exactly these images, or the good ones of them:
        then the intervals are too low. An overlap, and training images, are not noticed.

    Examples
    --------
    >>> from adviz import calibrate
    >>> threshold = calibrate(prediction, category.test, rule="full_recall")
    >>> rates = threshold.error_rates(prediction, category.test)
    >>> rates.misses, rates.optimistic
    (ErrorRate(0 of 26: 0.0 %, with 95 % confidence 0.0 to 13.2 %), True)
    """

    false_alarms: ErrorRate | None
    misses: ErrorRate | None
    optimistic: bool


def error_rates(
    threshold: Threshold, prediction: Prediction, split: NamedSplit, confidence: float
) -> ErrorRates:
    """Return the errors of a threshold; see `Threshold.error_rates`."""
    check_inputs(prediction, split, "error_rates")
    labels = np.asarray(split.labels)
    predicted = threshold.is_anomalous(prediction)
    optimistic = threshold.is_set_on(split)

    def rate(label: int) -> ErrorRate | None:
        is_kind = labels == label
        of = int(np.count_nonzero(is_kind))
        if not of:
            return None
        wrong = int(np.count_nonzero(is_kind & (predicted != bool(label))))
        return ErrorRate(wrong, of, confidence)

    return ErrorRates(rate(0), rate(1), optimistic)
