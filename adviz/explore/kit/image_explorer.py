"""Explorers of test images: which category, detector and image, and how it is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import traitlets
from traitlets import Bool, Dict, Float, Int, List, TraitError, Unicode

from adviz.data import Split
from adviz.evaluation import Null
from adviz.explore.kit.explorer import Explorer
from adviz.explore.kit.packing import part_key
from adviz.explore.kit.source import Source
from adviz.explore.kit.tasks import Task
from adviz.prediction import Prediction

EVERYTHING = "all"
ONLY = ("all", "errors", "false positives", "false negatives")
SHOWN_AS = ("map", "outline")
ORDERS = ("score", "as stored")


class ImageExplorer(Explorer):
    """What explorers of test images share.

    All attributes can be read, set, observed and linked.

    Attributes
    ----------
    category, detector: what is displayed.
    defect: of the images that are gone through; "all" = every image.
    only: "all", or which errors of the threshold are gone through: "errors", "false positives",
        "false negatives".
    order: "score", the highest first, or "as stored".
    image: index into the test split, from 0.
    thresholds: "category/detector" -> chosen threshold of the image score; without an entry the one
        to begin with, the F1-optimal one.
    picked: [row, column] of a pixel; [] = the map's peak.
    zoom: [] = the whole image, or [row, column, magnification].
    limits: "category/detector" -> [low, high] of the map's colours; without an entry those that all
        its maps share.
    opacity: of the map over the image, 0 to 1.
    fade: whether low values of the map let more of the image through.
    contour: whether the ground truth is outlined.
    shown_as: "map", or "outline" where the map is at or above the threshold.
    """

    KINDS: tuple[str, ...] = ("small", "test", "found", "photo")
    STATE: tuple[str, ...] = (
        "category", "detector", "defect", "only", "order", "image", "thresholds", "picked",
        "zoom", "limits", "opacity", "fade", "contour", "shown_as",
    )  # fmt: skip
    ORDERS: tuple[str, ...] = ORDERS

    LABELS: ClassVar[Mapping[str, str]] = {
        "mean": "the mean of the normal images",
        "numbers": "metrics",
        "disagreement": "disagreement",
        "pixels": "the threshold of the pixels",
        "areas": "defect pixels",
    }
    ONE_OF: ClassVar[Mapping[str, Callable[[Any], Sequence[Any]]]] = {
        "category": lambda self: list(self.source.categories),
        "detector": lambda self: list(self.source.predictions[self.category]),
        "defect": lambda self: [EVERYTHING, *dict.fromkeys(self._test.defects)],
        "only": lambda _: ONLY,
        "order": lambda self: self.ORDERS,
        "shown_as": lambda _: SHOWN_AS,
    }
    source: Source

    category = Unicode().tag(sync=True)
    detector = Unicode().tag(sync=True)
    defect = Unicode(EVERYTHING).tag(sync=True)
    only = Unicode(EVERYTHING).tag(sync=True)
    order = Unicode("score").tag(sync=True)
    image = Int(0).tag(sync=True)
    thresholds = Dict().tag(sync=True)
    picked = List(Int()).tag(sync=True)
    zoom = List(Float()).tag(sync=True)
    limits = Dict().tag(sync=True)
    opacity = Float(0.7, min=0, max=1).tag(sync=True)
    fade = Bool(True).tag(sync=True)
    contour = Bool(True).tag(sync=True)
    shown_as = Unicode("map").tag(sync=True)

    def __init__(
        self,
        categories: Any,
        predictions: Any,
        *,
        nulls: Null | Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        source = Source.of(categories, predictions, nulls)
        category = next(iter(source.categories))
        detector = next(iter(source.predictions[category]))
        super().__init__(source, {"category": category, "detector": detector}, options=options)
        self.observe(self._compute_missing, ["category", "detector"])
        self._compute_missing()

    @property
    def threshold(self) -> float:
        """Image score from which on an image of this category and detector is predicted anomalous.

        Settable; `thresholds` holds those that were set. NaN: none was, and none can be told.
        """
        return self._threshold_of(self.category, self.detector)

    @threshold.setter
    def threshold(self, score: float) -> None:
        key = self._threshold_key(self.category, self.detector)
        self.thresholds = {**self.thresholds, key: float(score)}

    def _threshold_of(self, category: str, detector: str) -> float:
        """Return a person's choice, or where to start."""
        chosen = self.thresholds.get(self._threshold_key(category, detector))
        return float(self._first_threshold(category, detector) if chosen is None else chosen)

    def _threshold_key(self, category: str, detector: str) -> str:
        return f"{category}/{detector}"

    def _first_threshold(self, category: str, detector: str) -> float:
        """Return a threshold to begin with; NaN where one unlabelled image tells none."""
        threshold = self._facts_of(category, detector)["threshold"]
        return math.nan if threshold is None else float(threshold)

    @property
    def _key(self) -> str:
        return f"{self.category}/{self.detector}"

    @property
    def _test(self) -> Split:
        return self.source.categories[self.category].test

    def _facts_of(self, category: str, detector: str) -> dict[str, Any]:
        self.source.prediction(category, detector)  # says so where it is still to be computed
        return dict(self.source.facts["categories"][category]["detectors"][detector])

    @property
    def _map_limits(self) -> tuple[float, float] | None:
        return self._limits_of(self.category, self.detector)

    def _limits_of(self, category: str, detector: str) -> tuple[float, float] | None:
        """Return the ends of maps' colours: those chosen, else those that they all share."""
        chosen = self.limits.get(f"{category}/{detector}")
        ends = chosen or self._facts_of(category, detector)["limits"]
        return None if ends is None else (ends[0], ends[1])

    @property
    def prediction(self) -> Prediction:
        """The displayed detector's prediction of the displayed category.

        Raises
        ------
        RuntimeError: it has not been computed yet.
        """
        return self.source.prediction(self.category, self.detector)

    @traitlets.validate("image")
    def _check_image(self, proposal: Any) -> int:
        count = len(self._test)
        if not 0 <= proposal["value"] < count:
            raise TraitError(f"image must be between 0 and {count - 1}, got {proposal['value']}")
        return int(proposal["value"])

    @traitlets.validate("picked")
    def _check_picked(self, proposal: Any) -> list[int]:
        picked = list(proposal["value"])
        size = self._test.image_size
        inside = len(picked) == 2 and 0 <= picked[0] < size[0] and 0 <= picked[1] < size[1]
        if picked and not inside:
            raise TraitError(
                f"picked must be [] or [row, column] of an image of {size[0]}x{size[1]} pixels, "
                f"got {picked}"
            )
        return picked

    @traitlets.validate("thresholds")
    def _check_thresholds(self, proposal: Any) -> dict[str, float]:
        for key, value in proposal["value"].items():
            if not isinstance(value, int | float) or value != value or abs(value) == float("inf"):
                raise TraitError(f"a threshold must be a finite score, got {value} for {key}")
        return dict(proposal["value"])

    @traitlets.validate("limits")
    def _check_limits(self, proposal: Any) -> dict[str, list[float]]:
        for key, value in proposal["value"].items():
            if len(value) != 2 or not value[0] <= value[1]:
                raise TraitError(f"limits must be [low, high], got {value} for {key}")
        return {key: [float(end) for end in value] for key, value in proposal["value"].items()}

    @traitlets.observe("category")
    def _enter_category(self, _change: Any) -> None:
        """Keep what the new category has, and begin elsewhere for the rest."""
        test = self._test
        detectors = list(self.source.predictions[self.category])
        if self.detector not in detectors:
            self.detector = detectors[0]
        if self.defect not in (EVERYTHING, *test.defects):
            self.defect = EVERYTHING
        if self.image >= len(test):
            self.image = 0

    @traitlets.observe("image", "category")
    def _forget_pick(self, _change: Any) -> None:
        # _property_lock: the browser sets both itself, the pick after the image
        if self.picked and not self._property_lock:
            self.picked = []

    # parts

    def _first_parts(self) -> list[str]:
        """Return the keys of the parts that the first picture needs."""
        keys = [part_key("test", self.category, self.image)]
        if self.source.missing(self.category, self.detector) is None:
            keys.append(part_key("found", self.category, self.detector, self.image))
        return keys

    def _needed(self) -> list[tuple[str, str]]:
        """Return (category, detector) of the predictions that are displayed."""
        return [(self.category, self.detector)]

    def _compute_missing(self, _change: Any = None) -> None:
        """Compute predictions that are displayed and were given as functions; drop others."""
        needed = self._needed()
        self._tasks.stop(lambda key: isinstance(key, tuple) and key not in needed)
        for category, detector in reversed(needed):
            function = self.source.missing(category, detector)
            if function is None:
                continue
            task = Task(
                key=(category, detector),
                label=f"{category} · {detector}",
                run=function,
                done=partial(self._computed, category, detector),
                failed=self._fail,
            )
            self._tasks.add(task, first=True)

    def _computed(self, category: str, detector: str, prediction: Any) -> None:
        self.source.computed(category, detector, prediction)
        self.error = ""
        self.facts = self.source.facts

    def exported_state(self, images: Sequence[int] | None = None) -> dict[str, Any]:
        """Return the state that an exported page begins with: at an image that it holds."""
        elsewhere = images is not None and self.image not in images
        return self.state | ({"image": images[0], "picked": []} if images and elsewhere else {})
