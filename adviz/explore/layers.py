"""Which layer sees the defect? Every layer's own map of one test image after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from adviz import plots
from adviz.data import Category
from adviz.explore import tiles
from adviz.explore.results import Found, ResultsView, by_name
from adviz.plots import StaticFigure
from adviz.prediction import Prediction


def layers(categories: Category | Mapping[str, Category], predictions: Prediction | Mapping[str, Any]) -> LayersView:
    """Show every layer's map beside the map they are joined to, image by image.

    Parameters
    ----------
    categories, predictions: as for `explore.results`; the predictions need layer maps and an anomaly map.

    Returns
    -------
    A `LayersView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: as `explore.results`, or a prediction without layer maps or anomaly map.
    """
    return LayersView(*by_name(categories, predictions))


class LayersView(ResultsView):
    """Pick a category, a detector and an image; the row image | one map a layer | joined map follows.

    The layers of a detector and category share one printed scale over all test images, and so do the joined maps. The
    state is that of `ResultsView`.
    """

    def __init__(self, categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Found]]) -> None:
        for found in predictions.values():
            for name, prediction in found.items():
                if isinstance(prediction, Prediction) and (prediction.anomaly_map is None or not prediction.layer_maps):
                    raise ValueError(f"expected predictions with layer maps and an anomaly map, got {name} without")
        self._layer_limits: dict[tuple[str, str], tuple[float, float]] = {}
        super().__init__(categories, predictions)

    def _html(self) -> str:
        return tiles.chart(self.static(), text="every layer's map")

    def static(self) -> StaticFigure:
        """Return the row of the image on show as a matplotlib figure."""
        sample, found = self._categories[self.category].test[self.image], self._prediction
        return plots.layer_row(
            sample.image,
            sample.mask,
            {name: values[self.image] for name, values in found.layer_maps.items()},
            found.anomaly_map[self.image],  # type: ignore[index]  # checked when the view was made, as the next
            layer_limits=self._shared_layer_limits(),
            limits=self._shared_limits(),  # type: ignore[arg-type]
        )

    def _shared_layer_limits(self) -> tuple[float, float]:
        key = self.category, self.detector
        if key not in self._layer_limits:
            everything = [np.ravel(values) for values in self._prediction.layer_maps.values()]
            self._layer_limits[key] = plots.shared_limits(everything)
        return self._layer_limits[key]
