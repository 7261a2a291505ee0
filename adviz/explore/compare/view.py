"""Detectors side by side, the images on which they disagree most first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets
from traitlets import Bool, Unicode

from adviz import plots
from adviz.data import Category
from adviz.evaluation import Null
from adviz.explore.kit.disagreement import (
    Numbers,
    highest_first,
    score_disagreement,
    standing,
)
from adviz.explore.kit.image_explorer import EVERYTHING, ImageExplorer
from adviz.explore.kit.outcomes import wrong
from adviz.explore.kit.packing import names_of, part_key
from adviz.plots import StaticFigure
from adviz.prediction import Prediction

BY_SCORES = "disagreement of scores"
BY_MAPS = "disagreement of maps"
RELATIVE = (0.0, 2.0)  # of map / threshold: 1, the decision, is the middle of the scale
NAN = float("nan")


def compare(
    categories: Category | Mapping[str, Category],
    predictions: Prediction | Mapping[str, Any],
    *,
    nulls: Null | Mapping[str, Any] | None = None,
) -> CompareView:
    """Show detectors side by side, image by image, beginning where they disagree most.

    Parameters
    ----------
    categories, predictions: as for `explore.results`; detectors, or configurations of one, by the
        names to show.
    nulls: as for `explore.results`; all maps are on one scale then, whose middle is what one good
        pixel of a thousand exceeds.

    Returns
    -------
    A `CompareView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: as `explore.results`.

    Examples
    --------
    >>> from adviz import DN2
    >>> other = DN2().fit(train).predict(test)
    >>> view = explore.compare(category, {"PatchCore": prediction, "DN2": other})
    >>> view.x, view.y
    ('PatchCore', 'DN2')
    """
    return CompareView(categories, predictions, nulls=nulls)


class CompareView(ImageExplorer):
    """Step through the images in an order of disagreement.

    Every detector's map, score, rank and verdict follow. Detectors have different units, so each
    map has its own printed scale, from percentiles over all test images, unless maps are divided by
    their thresholds, or nulls tell what is rare among good pixels. The state is that of
    `ImageExplorer`, where `detector` is the one whose map lies over the image, and:

    Attributes
    ----------
    order: also "disagreement of scores", at first, and "disagreement of maps"; another starts at
        its first image.
    relative: whether maps are divided by the F1-optimal thresholds of their pixels.
    x, y: detectors of the chart of two detectors' scores.
    """

    MODULE = "compare.js"
    KINDS = (*ImageExplorer.KINDS, "numbers", "quantiles", "disagreement")
    STATE = (*ImageExplorer.STATE, "relative", "x", "y")
    ORDERS = (*ImageExplorer.ORDERS, BY_SCORES, BY_MAPS)
    ONE_OF: ClassVar[Mapping[str, Any]] = dict.fromkeys("xy", lambda self: self._detectors)

    order = Unicode(BY_SCORES).tag(sync=True)
    relative = Bool(False).tag(sync=True)
    x = Unicode().tag(sync=True)
    y = Unicode().tag(sync=True)

    def __init__(
        self,
        categories: Any,
        predictions: Any,
        *,
        nulls: Null | Mapping[str, Any] | None = None,
    ) -> None:
        self._begins_later = False
        super().__init__(categories, predictions, nulls=nulls)
        self._follow()

    def _follow(self) -> None:
        """Begin to follow the order of the images, and measure what is displayed."""
        self._begins_later = self._pending()
        self.observe(self._begin, ["category", "order"])
        self.observe(self._began, "image")
        self.observe(self._measure, "category")
        self._measure()

    # state

    @traitlets.default("image")
    def _image_to_begin_with(self) -> int:
        return self.listed[0]

    @traitlets.default("x")
    def _x_to_begin_with(self) -> str:
        return self._detectors[0]

    @traitlets.default("y")
    def _y_to_begin_with(self) -> str:
        return self._detectors[:2][-1]

    @traitlets.observe("category")
    def _enter_axes(self, _change: Any) -> None:
        """Keep the axes' detectors where the new category has them."""
        if self.x not in self._detectors:
            self.x = self._x_to_begin_with()
        if self.y not in self._detectors:
            self.y = self._y_to_begin_with()

    @property
    def _detectors(self) -> list[str]:
        return list(self.source.predictions[self.category])

    @property
    def _found(self) -> dict[str, Prediction]:
        """Predictions of the category that have been computed, by detectors."""
        return {
            name: self.source.prediction(self.category, name)
            for name in self._detectors
            if self.source.missing(self.category, name) is None
        }

    def _pending(self) -> bool:
        return len(self._found) < len(self._detectors)

    def _begin(self, _change: Any = None) -> None:
        """Show the first image of the order; a browser that changed it does so itself."""
        if self._property_lock:
            return
        self._begins_later = self._pending() and self.order in (BY_SCORES, BY_MAPS)
        if images := self.listed:
            later = self._begins_later
            self.image = images[0]
            self._begins_later = later

    def _began(self, _change: Any) -> None:
        self._begins_later = False  # another image was chosen meanwhile

    @property
    def filtered(self) -> bool:
        """Whether a filter is set, of defects or of errors."""
        return (self.defect, self.only) != (EVERYTHING, EVERYTHING)

    @property
    def listed(self) -> list[int]:
        """The images that the filters keep, in their order: all where none is left."""
        test = self._test
        kept = np.ones(len(test), bool)
        if self.defect != EVERYTHING:
            kept &= np.asarray(test.defects) == self.defect
        if self.only != EVERYTHING:
            kept &= self._errors(test.labels)
        values = self._ordered_by()
        order = np.arange(len(test)) if values is None else highest_first(values)
        return [int(image) for image in order if kept[image]] or order.tolist()

    def _errors(self, labels: np.ndarray) -> np.ndarray:
        """Return which images are errors of the kind that is looked at, (N,) bool."""
        found = self._found.get(self.detector)
        if found is None:
            return np.ones(len(labels), bool)
        images = wrong(found.score, labels, self.threshold)
        shown = np.zeros(len(labels), bool)
        if self.only != "false negatives":
            shown[images.false_positives] = True
        if self.only != "false positives":
            shown[images.false_negatives] = True
        return shown

    def _ordered_by(self) -> np.ndarray | None:
        """Return what the images are ordered by, the highest first; None = they are not."""
        if self.order != "score":
            return self.disagreement
        found = self._found.get(self.detector)
        return None if found is None else found.score

    # what detectors are compared by

    @property
    def table(self) -> dict[str, Numbers]:
        """Detector -> its metrics in this category (see `kit.disagreement.compared`).

        As far as computed: `wait` for all.
        """
        keys = {name: self._numbers_key(name) for name in self._detectors}
        return {
            name: _as_floats(self.source.part(key)["numbers"])
            for name, key in keys.items()
            if not self.source.slow(key)
        }

    @property
    def disagreement(self) -> np.ndarray | None:
        """How far detectors disagree about each image, by `order`, (N,).

        None where the images are not ordered by it, or cannot be.
        """
        if self._pending():
            return None
        if self.order == BY_SCORES:
            return score_disagreement(np.stack([one.score for one in self._found.values()]))
        if self.order == BY_MAPS:
            maps = self.source.part(part_key("disagreement", self.category)).get("maps")
            return None if maps is None else np.asarray(maps)
        return None

    def _numbers_key(self, detector: str) -> str:
        return part_key("numbers", self.category, detector)

    # parts

    def _first_parts(self) -> list[str]:
        found = [part_key("found", self.category, name, self.image) for name in self._found]
        return [part_key("test", self.category, self.image), *found]

    def _needed(self) -> list[tuple[str, str]]:
        """Return all of the category, the chosen detector first."""
        names = sorted(self._detectors, key=lambda name: name != self.detector)
        return [(self.category, name) for name in names]

    def _computed(self, category: str, detector: str, prediction: Any) -> None:
        super()._computed(category, detector, prediction)
        if category != self.category:
            return
        self._measure()
        if self._begins_later and not self._pending():
            self._begin()

    def _measure(self, _change: Any = None) -> None:
        """Compute the metrics that are missing, for the table and the browser."""
        keys = self._numbers_keys()
        self._tasks.stop(lambda key: _is_numbers(key) and key not in keys)
        self._answer(self, {"ask": [key for key in keys if self._is_slow(key)]}, [])

    def _numbers_keys(self) -> list[str]:
        return [self._numbers_key(name) for name in self._found]

    def export_keys(
        self,
        *,
        images: Sequence[int] | None = None,
        k: int | None = None,
        photos: bool = False,
    ) -> list[str]:
        """Return the keys of the parts that an exported page asks for; no training images."""
        keys = super().export_keys(images=images, k=k, photos=photos)
        return [key for key in keys if names_of(key)[1] != "train"]

    # pictures

    def static(self) -> StaticFigure:
        """Return the row of the displayed image as a matplotlib figure."""
        sample = self.source.sample(self.category, self.image)
        shown = {name: self._shown_map(name) for name in self._found}
        limits = {name: self._limits_for(name) for name in shown if shown[name] is not None}
        return plots.comparison_row(
            sample.image,
            sample.mask,
            shown,
            limits=limits,
            captions={name: self._caption(name) for name in shown},
            title=self._title(),
        )

    def _title(self) -> str:
        count = len(self._test)
        words = [self.category, f"image {self.image + 1} of {count}"]
        values = self.disagreement
        if values is not None:
            words.append(f"{self.order} {values[self.image]:.3g}")
        if self.relative:
            words.append("map / threshold")
        return " · ".join(words)

    def _caption(self, detector: str) -> str:
        """Return rank and verdict, the latter short: panels stand close to each other."""
        threshold = self._threshold_of(self.category, detector)
        one = standing(self._found[detector].score, self._test.labels, self.image, threshold)
        predicted, _, outcome = one.verdict.removeprefix("predicted ").partition(": ")
        if outcome in ("false alarm", "missed"):
            words = outcome
        elif outcome:
            words = f"{predicted}: {outcome}"
        else:
            words = one.verdict
        return f"rank {one.rank} of {one.count}\n{words}"

    def _divisor(self, detector: str) -> float | None:
        """Return what a detector's maps are divided by; None = they are not."""
        threshold = self.table.get(detector, {}).get("pixel_threshold", NAN)
        return threshold if self.relative and threshold > 0 else None

    def _shown_map(self, detector: str) -> np.ndarray | None:
        maps = self._found[detector].anomaly_map
        if maps is None:
            return None
        return np.asarray(maps[self.image] / (self._divisor(detector) or 1.0))

    def _limits_for(self, detector: str) -> tuple[float, float]:
        by = self._divisor(detector)
        limits = self._limits_of(self.category, detector)
        if limits is None or (by is not None and f"{self.category}/{detector}" not in self.limits):
            return RELATIVE
        return limits[0] / (by or 1.0), limits[1] / (by or 1.0)


def _is_numbers(key: Any) -> bool:
    return isinstance(key, str) and names_of(key)[0] == "numbers"


def _as_floats(numbers: Any) -> Numbers:
    return {name: NAN if value is None else value for name, value in numbers.items()}
