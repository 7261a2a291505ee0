"""`drift`: a test whether further images are stranger than the good ones that a detector knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adviz.evaluation.null import Distribution, Null
from adviz.prediction import Prediction

POWER = 0.8  # with which the detectable shift is found


@dataclass(frozen=True)
class Shift:
    """Whether the numbers of some images are larger than those of the good ones.

    Attributes
    ----------
    stranger: of all pairs of one of these images and a good one, the fraction in which this one's
        number is larger (ties count half): 0.5 = alike. It is Mann and Whitney's U / (m n).
    p_value: of `stranger` or more if these images are like the good ones, one-sided, made larger
        for the number of tests (Holm).
    detectable: the least `stranger` that would be found in four of five such draws.
    """

    stranger: float
    p_value: float
    detectable: float


@dataclass(frozen=True, eq=False)
class Drift:
    """What `drift` found.

    Attributes
    ----------
    p_values: (m,) float, of every image's score, see `Null.p_values`.
    shifts: "score", and every layer of which the null has the images' means -> `Shift`.
    n_good: images of the null.
    level: p-value up to which a shift counts as found.

    Examples
    --------
    >>> from adviz import Null, PaDiM, drift
    >>> padim = PaDiM(layers=(8, 16)).fit(train)
    >>> null = Null.of(padim.predict_left_out(train))
    >>> drift(null, padim.predict(test)).found  # more than half of these images are anomalous
    True
    """

    p_values: np.ndarray
    shifts: dict[str, Shift]
    n_good: int
    level: float

    @property
    def found(self) -> bool:
        """Whether any of the tests found a shift."""
        return any(shift.p_value <= self.level for shift in self.shifts.values())

    def __repr__(self) -> str:
        tests = "; ".join(
            f"{name}: stranger in {100 * shift.stranger:.0f} % of pairs, p = {shift.p_value:.2g}"
            for name, shift in self.shifts.items()
        )
        seen = max(shift.detectable for shift in self.shifts.values())
        return (
            f"Drift({'found' if self.found else 'not found'}: {len(self.p_values)} images against "
            f"{self.n_good} good ones; {tests}; a shift to {100 * seen:.0f} % would be found with "
            f"{100 * POWER:.0f} % power)"
        )


def drift(null: Null, prediction: Prediction, *, level: float = 0.05) -> Drift:
    """Test whether images are stranger than the good ones that a null was made of.

    Parameters
    ----------
    null: of the same detector.
    prediction: of images that are thought to be good, such as those of one day, each of another
        part. Anomalous ones among them are strange, too.
    level: p-value up to which a shift counts as found, of all tests together.

    Raises
    ------
    ValueError: a null of another detector, backbone or weights, no image, or a level that is not
        between 0 and 1.

    Notes
    -----
    Scores and, of every layer, the mean over an image's locations are compared with those of the
    good images by Mann and Whitney's test: it asks which of two is larger, so that it holds for any
    distribution. Where training images that were left out are scored too high, as by a small memory
    bank that was chosen among them (docs/units-of-good.md), a shift must be larger to be found.
    Detectors whose left-out images are exact, and nulls of good images that were set aside, have no
    such bias.

    Examples
    --------
    >>> from adviz import Null, drift
    >>> left_out = detector.predict_left_out(train)
    >>> drift(Null.of(left_out), left_out).shifts["score"].stranger
    0.5
    """
    null.check(prediction)
    if not len(prediction):
        raise ValueError("expected a prediction of at least one image, got none")
    if not 0 < level < 1:
        raise ValueError(f"expected a level above 0 and below 1, got {level}")
    today = {"score": np.asarray(prediction.score)}
    for layer, values in prediction.layer_maps.items():
        if f"mean {layer}" in null.good:
            today[layer] = values.mean((1, 2))
    good = {name: null.good["score" if name == "score" else f"mean {name}"] for name in today}
    found = [_compared(today[name], _sample(good[name])) for name in today]
    adjusted = _holm([p_value for _, p_value in found])
    shifts = {}
    for name, (stranger, _), p_value in zip(today, found, adjusted, strict=True):
        detectable = _detectable(len(prediction), good[name].count, level / len(today))
        shifts[name] = Shift(stranger, p_value, detectable)
    p_values = null.p_values(prediction.score, "score")
    return Drift(p_values, shifts, null.n_images, level)


def _sample(good: Distribution) -> np.ndarray:
    """Return the values of a distribution, those of a step as often as there are in it."""
    return np.repeat(good.values, -np.diff(good.at_least, append=0))


def _compared(today: np.ndarray, good: np.ndarray) -> tuple[float, float]:
    """Return the fraction of pairs in which today's is larger, and its one-sided p-value."""
    from scipy.stats import mannwhitneyu

    u, p_value = mannwhitneyu(today, good, alternative="greater")
    return float(u / (len(today) * len(good))), float(p_value)


def _holm(p_values: list[float]) -> list[float]:
    """Return p-values of which the least is below a level by chance as seldom as it says."""
    adjusted = np.empty(len(p_values))
    largest = 0.0
    for rank, place in enumerate(np.argsort(p_values)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return [float(p_value) for p_value in adjusted]


def _detectable(m: int, n: int, level: float) -> float:
    """Return the fraction of pairs that is found with `POWER` (normal approximation)."""
    from scipy.stats import norm

    deviation = np.sqrt((m + n + 1) / (12 * m * n))
    return float(min(1.0, 0.5 + (norm.isf(level) + norm.ppf(POWER)) * deviation))
