"""What did the detectors find? One test image after the other, with its ground truth and its anomaly map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from adviz import metrics, plots
from adviz.data import Category
from adviz.explore.view import Stepper, View, labelled
from adviz.plots import StaticFigure
from adviz.prediction import Prediction


def results(categories: Category | Mapping[str, Category], predictions: Prediction | Mapping[str, Any]) -> ResultsView:
    """Show what detectors found, image by image.

    Parameters
    ----------
    categories: one category, or several by name.
    predictions: a prediction of the category's test images, or several by the detectors' names; with several
        categories, category's name -> such a mapping.

    Returns
    -------
    A `ResultsView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: nothing to show, a category without predictions, or a prediction of another number of images.
    """
    return ResultsView(*by_name(categories, predictions))


def by_name(
    categories: Category | Mapping[str, Category], predictions: Prediction | Mapping[str, Any]
) -> tuple[Mapping[str, Category], Mapping[str, Mapping[str, Prediction]]]:
    """Return categories by name, and for each of them predictions by detector, whichever way they were given."""
    if isinstance(predictions, Prediction):
        predictions = {predictions.detector or "detector": predictions}
    if isinstance(categories, Category):
        return {categories.name: categories}, {categories.name: predictions}
    return categories, predictions


class ResultsView(View):
    """Pick a category, a detector and an image; the row image | ground truth | map | overlay follows.

    All maps of one detector and category share one printed colour scale. The state is plain data, readable and
    settable: `category` and `detector` (names), `image` (index into the test split, from 0).
    """

    def __init__(self, categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Prediction]]) -> None:
        _check(categories, predictions)
        self._categories, self._predictions = categories, predictions
        self._limits: dict[tuple[str, str], tuple[float, float] | None] = {}
        self._category = labelled(
            widgets.Dropdown(options=list(categories), description="category"), "category", self._change_category
        )
        self._detector = labelled(
            widgets.Dropdown(options=list(predictions[self.category]), description="detector"), "detector", self._redraw
        )
        self._images = Stepper("image", self._redraw)
        super().__init__([self._category, self._detector, self._images])
        self._images.reset(len(self._prediction))
        self._redraw()

    @property
    def category(self) -> str:
        """Name of the category on show."""
        return str(self._category.value)

    @category.setter
    def category(self, name: str) -> None:
        self._category.value = name

    @property
    def detector(self) -> str:
        """Name of the detector on show."""
        return str(self._detector.value)

    @detector.setter
    def detector(self, name: str) -> None:
        self._detector.value = name

    @property
    def image(self) -> int:
        """Index of the test image on show, from 0."""
        return int(self._images.slider.value) - 1

    @image.setter
    def image(self, index: int) -> None:
        if not 0 <= index < len(self._prediction):
            raise ValueError(f"image must be between 0 and {len(self._prediction) - 1}, got {index}")
        self._images.slider.value = index + 1

    @property
    def _prediction(self) -> Prediction:
        return self._predictions[self.category][self.detector]

    def _change_category(self, _change: Any = None) -> None:
        with self.hold_sync():
            names, detector = list(self._predictions[self.category]), self.detector
            if names != list(self._detector.options):
                self._detector.options = names
                self._detector.value = detector if detector in names else names[0]
            self._images.reset(len(self._prediction))
        self._redraw()

    def _draw(self) -> tuple[StaticFigure, str]:
        sample = self._categories[self.category].test[self.image]
        known = {0: "good", 1: f"anomalous: {sample.defect}", None: "unlabelled"}[sample.label]
        place = f"image {self.image + 1} of {len(self._prediction)}"
        return self._figure(), " · ".join([self.category, self.detector, place, known, self._verdict()])

    def _figure(self) -> StaticFigure:
        sample, maps = self._categories[self.category].test[self.image], self._prediction.anomaly_map
        one = None if maps is None else maps[self.image]
        return plots.anomaly_row(sample.image, sample.mask, one, limits=self._shared_limits())

    def _shared_limits(self) -> tuple[float, float] | None:
        key = self.category, self.detector
        if key not in self._limits:
            maps = self._prediction.anomaly_map
            self._limits[key] = None if maps is None else plots.shared_limits(list(maps))
        return self._limits[key]

    def _verdict(self) -> str:
        """Return the image's score and what the category's best threshold (by F1) makes of it."""
        scores, labels = self._prediction.score, self._categories[self.category].test.labels
        text = f"score {scores[self.image]:.4g}"
        if not (labels == 1).any():
            return text
        best = metrics.f1_threshold(scores[labels >= 0], labels[labels >= 0] == 1).threshold
        flagged = "flagged" if scores[self.image] >= best else "not flagged"
        return f"{text}, {flagged} at the F1-optimal threshold {best:.4g}"


def _check(categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Prediction]]) -> None:
    if not categories:
        raise ValueError("expected at least one category to show, got none")
    for name, category in categories.items():
        if not predictions.get(name):
            there = ", ".join(key for key, found in predictions.items() if found) or "no category"
            raise ValueError(f"expected predictions for category {name!r}, got them for {there}")
        for detector, prediction in predictions[name].items():
            if len(prediction) != len(category.test):
                raise ValueError(
                    f"expected {detector}'s prediction of the {len(category.test)} test images of {name}, "
                    f"got one of {len(prediction)} images"
                )
