"""What one run of one configuration found on one category.

Its numbers in points, its scores and its maps.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from adviz import metrics, plots
from adviz.data import Category, Split
from adviz.evaluation import Result, evaluate
from adviz.explore.deviations.flips import Flips, Step, key, options
from adviz.explore.kit.tasks import Stopped
from adviz.prediction import Prediction

METRICS = {"image AUROC": "image_auroc", "pixel AUROC": "pixel_auroc", "PRO": "pro"}


@dataclass(frozen=True, eq=False)
class Run:
    """One run.

    Attributes
    ----------
    prediction: its scores and maps; neighbours and layers' maps, which take more memory, are
        dropped.
    split: the images it is of, as they were read.
    points: metric -> value in per cent, NaN where it is undefined.
    reasons: metric -> why it is NaN, or which images it leaves out.
    pro_name: the definition of PRO.
    limits: (low, high) of its maps' colours; None without maps.
    """

    prediction: Prediction
    split: Split
    points: dict[str, float]
    reasons: dict[str, str]
    pro_name: str
    limits: tuple[float, float] | None


def record(category: Category, answer: Any) -> Run:
    """Return the record of what a run answered.

    Parameters
    ----------
    category: what was run on.
    answer: a Prediction of the category's test images; or (prediction, split) where these were read
        in another way; or (prediction, split, result) where the prediction was evaluated in another
        way than ``evaluate`` does.

    Raises
    ------
    TypeError: another answer.
    ValueError: a prediction or a split of another number of images.
    """
    prediction, split, result = _parts(category, answer)
    if not len(prediction) == len(split) == len(category.test):
        raise ValueError(
            f"expected a prediction of the {len(category.test)} test images of {category.name}, "
            "got one of "
            f"{len(prediction)} images, and a split of {len(split)}"
        )
    found = evaluate(prediction, split) if result is None else result
    maps = prediction.anomaly_map
    return Run(
        prediction=dataclasses.replace(prediction, layer_maps={}, neighbors={}),
        split=split,
        points={name: 100 * getattr(found, attribute) for name, attribute in METRICS.items()},
        reasons={name: found.reasons.get(attribute, "") for name, attribute in METRICS.items()},
        pro_name=found.pro_name,
        limits=None if maps is None else plots.shared_limits(prediction.unpadded()),
    )


def _parts(category: Category, answer: Any) -> tuple[Prediction, Split, Result | None]:
    parts = answer if isinstance(answer, tuple) else (answer,)
    kinds = (Prediction, Split, Result)
    if not 1 <= len(parts) <= 3 or not all(
        isinstance(part, kind) for part, kind in zip(parts, kinds, strict=False)
    ):
        got = ", ".join(type(part).__name__ for part in parts)
        raise TypeError(
            f"expected run to return a Prediction, and after it its Split and its Result, got {got}"
        )
    split = parts[1] if len(parts) > 1 else category.test
    return parts[0], split, parts[2] if len(parts) > 2 else None


class Runs:
    """All runs that were made, each once.

    Parameters
    ----------
    categories: by name.
    function: of (category's name, options that are flipped with the target's values); see `record`
        for its answer.

    Attributes
    ----------
    made: (category, what differs from the start) -> run.
    """

    def __init__(
        self, categories: Mapping[str, Category], function: Callable[[str, dict[str, Any]], Any]
    ) -> None:
        self._categories, self._function = categories, function
        self.made: dict[tuple[str, frozenset[tuple[str, str]]], Run] = {}

    def found(self, category: str, flips: Flips, names: Sequence[str]) -> Run | None:
        """Return the run in which these options are flipped, in whatever order.

        None where it was not made.
        """
        return self.made.get((category, key(flips, names)))

    def make(self, category: str, flips: Flips, names: Sequence[str]) -> None:
        """Run and keep it.

        Raises
        ------
        RuntimeError: the function failed, or what it returned is of no use; category and options
            are named.
        """
        chosen = options(flips, names)
        try:
            self.made[category, key(flips, names)] = record(
                self._categories[category], self._function(category, dict(chosen))
            )
        except Stopped:
            raise
        except Exception as error:
            raise RuntimeError(f"{category} with {chosen or 'nothing flipped'}: {error}") from error

    def path(
        self,
        category: str,
        flips: Flips,
        steps: Sequence[Step],
        flipped: Sequence[str],
        metric: str,
    ) -> Path:
        """Return a category's values of a metric, in points, from the start over all steps."""

        def points(names: Sequence[str]) -> float:
            run = self.found(category, flips, names)
            return math.nan if run is None else run.points[metric]

        return Path(
            points(()),
            [(points(step.before), points(step.after)) for step in steps],
            points(flipped),
        )


class Path(NamedTuple):
    """Points at the start, before and after each step, and at the end.

    NaN where they are not known.
    """

    start: float
    steps: list[tuple[float, float]]
    end: float

    @property
    def known(self) -> bool:
        """Whether every number of it is."""
        return not np.isnan([self.start, self.end, *np.ravel(self.steps)]).any()


def mean(paths: Sequence[Path]) -> Path:
    """Return the mean of those paths, all of the same steps, that are known in full.

    NaN where none is.
    """
    known = [path for path in paths if path.known]
    if not known:
        return Path(math.nan, [(math.nan, math.nan)] * len(paths[0].steps), math.nan)
    steps = np.mean([path.steps for path in known], axis=0).tolist()
    start, end = (
        float(np.mean([getattr(path, name) for path in known])) for name in ("start", "end")
    )
    return Path(start, [(before, after) for before, after in steps], end)


def smallest_step(labels: np.ndarray) -> float:
    """Return what one good and one anomalous image that change places move image AUROC by, points.

    NaN without both.
    """
    pairs = int((labels == 0).sum()) * int((labels == 1).sum())
    return 100 / pairs if pairs else math.nan


def interval(pairs: list[tuple[Run, Run]], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the difference of image AUROC, after - before.

    Averaged over categories, in points.

    Parameters
    ----------
    pairs: (before, after) of each category; each category's images are drawn on their own, see
        `auroc_differences`.
    level: share of the draws that lie inside, in (0, 1).

    Returns
    -------
    (low, high); NaN without a pair, or where a category has no good or no anomalous image.
    """
    draws = []
    for seed, (before, after) in enumerate(pairs):
        known = np.asarray(before.split.labels) >= 0
        scores = [run.prediction.score[known] for run in (before, after)]
        draws.append(
            metrics.auroc_differences(scores[0], scores[1], before.split.labels[known], seed=seed)
        )
    if not draws:
        return math.nan, math.nan
    low, high = np.quantile(100 * np.mean(draws, axis=0), ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)


def standing(scores: np.ndarray, labels: np.ndarray, image: int) -> str:
    """Say how an image's score compares with those of the other kind.

    Image AUROC depends on nothing else.
    """
    if labels[image] == 1:
        good = scores[labels == 0]
        return (
            f"above {(good < scores[image]).sum()} of {len(good)} good images" if len(good) else ""
        )
    bad = scores[labels == 1]
    if labels[image] != 0 or not len(bad):
        return ""
    return f"below {(bad > scores[image]).sum()} of {len(bad)} anomalous images"
