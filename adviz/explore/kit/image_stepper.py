"""Test images one after the other, in explorers whose pages the kernel draws."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz import metrics, plots
from adviz.data import Category
from adviz.explore.kit import markup, theme
from adviz.explore.kit.checked import Found, check, check_prediction
from adviz.explore.kit.texts import computing, lacking
from adviz.explore.kit.view import Stepper, View, labelled, value_of
from adviz.plots import StaticFigure
from adviz.prediction import Prediction

EVERYTHING = "all"
KEPT = 256  # images held in memory; reading and resizing one takes longer than showing it


class SteppedView(View):
    """Pick a category, a detector and an image: what explorers drawn by the kernel begin with.

    All maps of one detector and category share one printed colour scale. The state is plain data,
    readable and settable: `category`, `detector` and `defect` (names; "all" = every image), `image`
    (index into the test split, from 0).
    """

    def __init__(
        self, categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Found]]
    ) -> None:
        check(categories, predictions)
        self._categories = categories
        self._predictions = {name: dict(found) for name, found in predictions.items()}
        self._limits: dict[tuple[str, str], tuple[float, float] | None] = {}
        self._photo = lru_cache(KEPT)(self._read)
        self._pending: tuple[str, str] | None = None  # what is being computed
        self._category = labelled(
            widgets.Dropdown(options=list(categories), description="category"),
            "category",
            self._change_category,
        )
        self._detector = labelled(
            widgets.Dropdown(options=list(predictions[self.category]), description="detector"),
            "detector",
            self._redraw,
        )
        self._defect = labelled(
            widgets.Dropdown(options=[EVERYTHING], description="defect"), "defect", self._filter
        )
        self._images = Stepper("image", self._redraw)
        super().__init__([self._category, self._detector, self._defect, self._images])
        self._change_category()

    category = value_of("category", "Name of the displayed category.")
    detector = value_of("detector", "Name of the displayed detector.")
    defect = value_of(
        "defect", 'Name of the defect type whose images are gone through; "all" = every image.'
    )

    @property
    def image(self) -> int:
        """Index of the displayed test image, from 0, in the whole test split."""
        return self._shown[int(self._images.slider.value) - 1]

    @image.setter
    def image(self, index: int) -> None:
        if index not in self._shown:
            raise ValueError(
                f"image must be one of the {len(self._shown)} test images of defect "
                f"{self.defect!r} "
                f"({min(self._shown)} to {max(self._shown)}), got {index}"
            )
        self._images.slider.value = self._shown.index(index) + 1

    @property
    def _prediction(self) -> Prediction:
        found = self._predictions[self.category][self.detector]
        if not isinstance(found, Prediction):
            raise TypeError(f"{self.detector} has not been computed yet: wait() for it")
        return found

    def _change_category(self, _change: Any = None) -> None:
        """Offer the category's detectors and defects, and start at its first image."""
        names, detector = list(self._predictions[self.category]), self.detector
        with self._together():
            if names != list(self._detector.options):
                self._detector.options = names
                self._detector.value = detector if detector in names else names[0]
            self._defect.options = [
                EVERYTHING,
                *dict.fromkeys(self._categories[self.category].test.defects),
            ]
            self._filter()

    def _filter(self, _change: Any = None) -> None:
        """Go through the images of one defect type, or through all."""
        defects = self._categories[self.category].test.defects
        self._shown = [
            index for index, defect in enumerate(defects) if self.defect in (EVERYTHING, defect)
        ]
        with self._together():
            self._images.reset(len(self._shown))

    def _redraw(self, change: Any = None) -> None:
        """Draw the current state; a missing prediction is computed in the background first."""
        found = self._predictions[self.category]
        waiting = {
            name: p for name in self._needed() if not isinstance(p := found[name], Prediction)
        }
        if not waiting or self._quiet:
            super()._redraw(change)
            return
        name, compute = next(iter(waiting.items()))
        key = self.category, name
        if not (self.busy and self._pending == key):
            self._pending = key
            self._say(computing(f"{key[0]} · {key[1]}"))
            self._compute(
                f"{key[0]} · {key[1]}", compute, lambda result: self._computed(key, result)
            )

    def _needed(self) -> list[str]:
        """Return the names of the predictions that are shown."""
        return [self.detector]

    def _computed(self, key: tuple[str, str], result: Any) -> None:
        check_prediction(key[0], self._categories[key[0]], key[1], result)
        self._predictions[key[0]][key[1]] = result
        self._redraw()

    def _draw(self) -> tuple[str, str]:
        return self._html(), " · ".join(
            [self.category, self.detector, self._place(), self._verdict()]
        )

    def _place(self) -> str:
        """Return which image is displayed, and what is known of it."""
        sample = self._sample
        known = {0: "good", 1: f"anomalous: {sample.defect}", None: "unlabelled"}[sample.label]
        return f"image {self.image + 1} of {len(self._categories[self.category].test)} · {known}"

    def _html(self) -> str:
        """Return image | ground truth | map | overlay with the scale of the maps."""
        sample, maps, limits = self._sample, self._prediction.anomaly_map, self._shared_limits()
        parts = [markup.tile(sample.image, title="image", width=260)]
        if sample.mask is not None:
            truth = np.repeat(np.uint8(255) * sample.mask[..., None], 3, axis=2)
            parts.append(markup.tile(truth, title="ground truth", width=260))
        if maps is not None and limits is not None:
            one = maps[self.image]
            parts.append(markup.tile(plots.heat(one, limits), title="map", width=260))
            parts.append(
                markup.tile(
                    plots.overlay(sample.image, one, limits=limits), title="overlay", width=260
                )
            )
        missing = [
            name for name, part in (("ground truth", sample.mask), ("map", maps)) if part is None
        ]
        words = [theme.note(lacking(missing))] if missing else []
        bar = [] if limits is None else [markup.scale(limits)]
        return markup.row(markup.in_pairs(parts)) + markup.row([*bar, *words], gap=24)

    def static(self) -> StaticFigure:
        """Return the row of the displayed image as a matplotlib figure."""
        sample, maps = self._sample, self._prediction.anomaly_map
        one = None if maps is None else maps[self.image]
        return plots.anomaly_row(sample.image, sample.mask, one, limits=self._shared_limits())

    @property
    def _sample(self) -> Any:
        return self._photo(self.category, "test", self.image)

    def _read(self, category: str, split: str, index: int) -> Any:
        """Return a `Sample`; called through a cache, `_photo`."""
        return getattr(self._categories[category], split)[index]

    def _shared_limits(self) -> tuple[float, float] | None:
        key = self.category, self.detector
        if key not in self._limits:
            maps = self._prediction.anomaly_map
            self._limits[key] = (
                None if maps is None else plots.shared_limits(self._prediction.unpadded())
            )
        return self._limits[key]

    def _verdict(self) -> str:
        """Return the image's score and what the category's best threshold (by F1) makes of it."""
        scores, labels = self._prediction.score, self._categories[self.category].test.labels
        text = f"score {scores[self.image]:.4g}"
        if not (labels == 1).any():
            return text
        best = metrics.f1_threshold(scores[labels >= 0], labels[labels >= 0] == 1).threshold
        flagged, label = scores[self.image] >= best, labels[self.image]
        wrong = (
            " (a false alarm)"
            if flagged and label == 0
            else " (missed)"
            if not flagged and label == 1
            else ""
        )
        verdict = "anomalous" if flagged else "good"
        return f"{text}, predicted {verdict} at the F1-optimal threshold {best:.4g}{wrong}"
