"""What a test image and its pixels were compared with: retrieved images and nearest patches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import traitlets
from traitlets import Bool, Int

from adviz import plots
from adviz.data import Category
from adviz.evaluation import Null
from adviz.explore.kit.evidence import Evidence, count_of, evidence, map_with
from adviz.explore.kit.image_explorer import ImageExplorer
from adviz.explore.kit.packing import names_of, part_key
from adviz.explore.retrieval.figure import Compared
from adviz.plots import StaticFigure
from adviz.prediction import Prediction

UNKNOWN = 5  # neighbours of a prediction that is still to be computed, to begin with
Channels = Callable[[int, int, int], np.ndarray]


def retrieval(
    categories: Category | Mapping[str, Category],
    predictions: Prediction | Mapping[str, Any],
    *,
    channels: Mapping[str, Channels] | None = None,
    units: Mapping[str, str] | None = None,
    nulls: Null | Mapping[str, Any] | None = None,
) -> RetrievalView:
    """Show what a test image, and any pixel of it, was compared with.

    Parameters
    ----------
    categories, predictions: as for `explore.results`.
    channels: detector's name -> function of (image, row, column) of a location that returns how
        much each channel adds to its squared distance, such as ``lambda *location:
        padim.contributions(features, *location)``.
    units: detector's name -> what its layers' maps hold, such as "1 - cosine" of reverse
        distillation; of "1 - x", x is printed too.
    nulls: as for `explore.results`.

    Returns
    -------
    A `RetrievalView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: as `explore.results`.

    Examples
    --------
    >>> view = explore.retrieval(category, prediction)
    >>> view.picked = [100, 120]
    >>> view.static()
    <StaticFigure size ...>
    """
    return RetrievalView(categories, predictions, channels=channels, units=units, nulls=nulls)


class RetrievalView(ImageExplorer):
    """Pick an image, then a pixel: the nearest normal patches and each layer's contribution follow.

    At first the map's highest pixel is picked; another detector keeps the pick. A smaller k is
    answered from what was found for the largest, the map included where the prediction allows it.

    Attributes
    ----------
    k: neighbours of a patch, or retrieved images, that count, at first all; where there are fewer,
        all count.
    rank: of the neighbour that is looked at, from 1; 0 = none.
    whole: whether whole images are compared, not patches.
    others: as those of `ImageExplorer`.
    """

    MODULE = "retrieval.js"
    KINDS = (*ImageExplorer.KINDS, "train", "mean")
    STATE = (*ImageExplorer.STATE, "k", "rank", "whole")

    k = Int(min=1).tag(sync=True)
    rank = Int(0, min=0).tag(sync=True)
    whole = Bool(False).tag(sync=True)

    def __init__(
        self,
        categories: Category | Mapping[str, Category],
        predictions: Prediction | Mapping[str, Any],
        *,
        channels: Mapping[str, Channels] | None = None,
        units: Mapping[str, str] | None = None,
        nulls: Null | Mapping[str, Any] | None = None,
    ) -> None:
        self._channels = dict(channels or {})
        options = {"channels": list(self._channels), "units": dict(units or {})}
        super().__init__(categories, predictions, nulls=nulls, options=options)

    @traitlets.default("k")
    def _all_neighbors(self) -> int:
        """Begin with all that any detector found, so that its map is the prediction's own."""
        counts = [1]
        for detectors in self.source.predictions.values():
            for prediction in detectors.values():
                if isinstance(prediction, Prediction):
                    counts.append(count_of(prediction, cells=True))
                else:
                    counts.append(UNKNOWN)
        return max(counts)

    @traitlets.observe("picked")
    def _look_at_a_patch(self, _change: Any) -> None:
        # _property_lock: the browser sets both itself
        if self.picked and self.whole and not self._property_lock:
            self.whole = False

    @property
    def pixel(self) -> tuple[int, int] | None:
        """(row, column) that is explained: the pick, else the map's peak.

        None: whole images are compared, or there is no map.
        """
        if self.whole:
            return None
        if self.picked:
            return self.picked[0], self.picked[1]
        anomaly_map = self._map()
        if anomaly_map is None:
            return None
        row, column = np.unravel_index(int(anomaly_map.argmax()), anomaly_map.shape)
        return int(row), int(column)

    def _map(self) -> np.ndarray | None:
        """Return the map with k neighbours, or with all where the prediction does not tell."""
        maps = self.prediction.anomaly_map
        if maps is None:
            return None
        with_k = map_with(self.prediction, self.image, self._count)
        return maps[self.image] if with_k is None else with_k

    @property
    def _count(self) -> int:
        """How many neighbours there are to count: at most k."""
        return min(int(self.k), count_of(self.prediction, cells=not self.whole))

    @property
    def evidence(self) -> Evidence | None:
        """What the pixel was compared with, as plain arrays; None where whole images are."""
        pixel = self.pixel
        if pixel is None:
            return None
        category = self.source.categories[self.category]
        return evidence(
            self.prediction,
            self.image,
            pixel,
            size=category.test.image_size,
            train_size=category.train.image_size,
            k=self._count,
        )

    def part(self, key: str) -> dict[str, Any]:
        """Return data that is displayed, by its key; "channels/..." are this explorer's own."""
        if not key.startswith("channels/"):
            return super().part(key)
        _, _, detector, image, row, column = names_of(key)
        contributions = self._channels[detector](int(image), int(row), int(column))
        return {"values": np.asarray(contributions, "<f4")}

    def _is_slow(self, key: str) -> bool:
        return not key.startswith("channels/") and super()._is_slow(key)

    def _first_parts(self) -> list[str]:
        """Return the keys of the parts that the first picture needs, the nearest images too."""
        keys = super()._first_parts()
        if self.source.missing(self.category, self.detector) is None:
            found = self.evidence
            nearest = [] if found is None else dict.fromkeys(found.image[:4].tolist())
            keys += [part_key("train", self.category, number) for number in nearest]
        return keys

    def static(self) -> StaticFigure:
        """Return the displayed strip as a matplotlib figure."""
        category = self.source.categories[self.category]
        sample = self.source.sample(self.category, self.image)
        compared = Compared(
            self.prediction,
            self.image,
            sample.image,
            self.evidence,
            self._count,
            category.train,
            lambda: self.source.mean(self.category),
        )
        figure = compared.figure()
        if figure is not None:
            return figure
        return self._row()

    def _figures(self) -> list[StaticFigure]:
        strip = self.static()
        return [self._row(), strip] if self.pixel is not None else [strip]

    def _row(self) -> StaticFigure:
        """Return the displayed image, its ground truth and its map as a figure."""
        sample = self.source.sample(self.category, self.image)
        limits = self._map_limits
        return plots.anomaly_row(sample.image, sample.mask, self._map(), limits=limits)
