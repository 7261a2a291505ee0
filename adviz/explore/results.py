"""Test images one after the other, with ground truth and anomaly map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adviz import plots
from adviz.data import Category
from adviz.evaluation import Null
from adviz.explore.kit.image_explorer import ImageExplorer
from adviz.plots import StaticFigure
from adviz.prediction import Prediction


def results(
    categories: Category | Mapping[str, Category],
    predictions: Prediction | Mapping[str, Any],
    *,
    nulls: Null | Mapping[str, Any] | None = None,
) -> ResultsView:
    """Show what detectors found, image by image.

    Parameters
    ----------
    categories: one category, or several by name.
    predictions: a prediction of the category's test images, or several by the detectors' names;
        with several categories, category's name -> such a mapping. Instead of a prediction, a
        function of no arguments that returns one: it is called when the detector is first chosen,
        and can be stopped.
    nulls: how strange good images are to a detector (`adviz.Null`), or several by the detectors'
        names; with several categories, category's name -> such a mapping. Numbers are then read out
        in units of good as well, and the colours of maps have their middle where one good pixel of
        a thousand is higher.

    Returns
    -------
    A `ResultsView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: nothing to show, a category without predictions, a prediction of another number of
        images, or a null of another detector.

    Examples
    --------
    >>> view = explore.results(category, prediction)
    >>> view.image = 20
    >>> view.defect
    'all'
    """
    return ResultsView(categories, predictions, nulls=nulls)


class ResultsView(ImageExplorer):
    """Pick a category, a detector and an image: ground truth, map and overlay follow.

    All maps of one detector and category share one printed colour scale. The state is that of
    `ImageExplorer`.
    """

    MODULE = "results.js"

    def static(self) -> StaticFigure:
        """Return the row of the displayed image as a matplotlib figure."""
        sample = self.source.sample(self.category, self.image)
        maps = self.prediction.anomaly_map
        anomaly_map = None if maps is None else maps[self.image]
        limits = self._map_limits
        return plots.anomaly_row(sample.image, sample.mask, anomaly_map, limits=limits)
