"""One image as something about it changes step by step: its maps and scores follow a slider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import traitlets
from traitlets import Float, Int, List, TraitError

from adviz import plots
from adviz.explore.kit.explorer import Explorer
from adviz.explore.kit.found import stepped
from adviz.explore.kit.packing import Part, jpeg, names_of, part_key
from adviz.explore.kit.parts import Facts, Images, Parts
from adviz.explore.kit.source import index
from adviz.plots import StaticFigure
from adviz.prediction import Prediction

OPACITY = 0.7  # of maps over the image
WIDEST = 1.5  # thresholds: where colour scales end


def series(
    values: Sequence[float],
    images: np.ndarray,
    predictions: Mapping[str, Prediction],
    thresholds: Mapping[str, float],
    *,
    name: str = "value",
) -> SeriesView:
    """Show what detectors say of an image that changes: moved, turned, darkened.

    Parameters
    ----------
    values: (N,) rising numbers, how much it is changed each time.
    images: (N, H, W, 3) uint8.
    predictions: detector -> its prediction of these images, with maps.
    thresholds: detector -> threshold of its scores, above 0. Scores are shown as multiples of it.
    name: what the values are, with their unit, such as "pixels to the right".

    Returns
    -------
    A `SeriesView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: values that do not rise, another number of images, a prediction of others or
        without maps, or a detector without a threshold above 0.

    Examples
    --------
    >>> images = np.stack([category.test.image(i) for i in range(3)])
    >>> few = detector.predict(backbone.extract(images))
    >>> view = explore.series([0, 4, 8], images, {"near": few}, {"near": 25.0}, name="pixels")
    >>> view.value = 8
    >>> view.relative["near"].shape
    (3,)
    """
    return SeriesView(Steps(values, images, predictions, thresholds, name))


class Steps(Parts):
    """An image at every step, and what detectors found in it.

    Parameters
    ----------
    values, images, predictions, thresholds, name: as for `series`.

    Attributes
    ----------
    values, images, predictions, thresholds, name: as given.
    """

    def __init__(
        self,
        values: Sequence[float],
        images: np.ndarray,
        predictions: Mapping[str, Prediction],
        thresholds: Mapping[str, float],
        name: str,
    ) -> None:
        super().__init__()
        self.values = np.asarray(values, dtype=float)
        self.images = images
        self.predictions = dict(predictions)
        self.thresholds = dict(thresholds)
        self.name = name
        _check(self)
        self.limits = {
            detector: _limits(_maps(one), self.thresholds[detector])
            for detector, one in self.predictions.items()
        }

    @property
    def facts(self) -> Facts:
        """Everything but pictures and maps: ``SeriesFacts`` of series.js."""
        return {
            "id": self.id,
            "name": self.name,
            "values": self.values.tolist(),
            "size": list(self.images.shape[1:3]),
            "detectors": {
                detector: {
                    "relative": (one.score / self.thresholds[detector]).tolist(),
                    "limits": list(self.limits[detector]),
                }
                for detector, one in self.predictions.items()
            },
        }

    @property
    def title(self) -> str:
        """What changes, and whose answers are shown."""
        return f"{self.name}: {', '.join(self.predictions)}"

    def _make(self, key: str) -> Part:
        kind, *names = names_of(key)
        if kind == "image" and len(names) == 1:
            return {"image": jpeg(self.images[index(names[0], len(self.values), "step")])}
        if kind == "map" and len(names) == 2 and names[0] in self.predictions:
            step = index(names[1], len(self.values), "step")
            return stepped(_maps(self.predictions[names[0]])[step])
        raise KeyError(f"{key!r} is no part: expected image/STEP or map/DETECTOR/STEP")

    def _keys(self, images: Images, k: int | None) -> Iterator[str]:
        for step in range(len(self.values)):
            yield part_key("image", step)
            for detector in self.predictions:
                yield part_key("map", detector, step)


def _limits(maps: np.ndarray, threshold: float) -> tuple[float, float]:
    """Return the ends of a colour scale, low below high.

    Beyond a threshold and a half all is as bad: the last steps must not leave the first dark.
    """
    low = float(maps.min())
    high = WIDEST * threshold
    if high > low:
        return low, high
    return low, max(float(maps.max()), low + 1)  # all of it is far above the threshold


def _maps(prediction: Prediction) -> np.ndarray:
    maps = prediction.anomaly_map
    if maps is None:
        raise ValueError("expected predictions with maps, got one without: DN2 has none")
    return maps


def _check(steps: Steps) -> None:
    """Refuse what does not belong together."""
    count = len(steps.values)
    if count == 0 or not (np.diff(steps.values) > 0).all():
        raise ValueError(f"expected rising values, one for each image, got {steps.values.tolist()}")
    if len(steps.images) != count:
        raise ValueError(f"expected an image for each of {count} values, got {len(steps.images)}")
    if not steps.predictions:
        raise ValueError("expected the prediction of at least one detector, got none")
    for detector, one in steps.predictions.items():
        size = (count, *steps.images.shape[1:3])
        if _maps(one).shape != size:
            raise ValueError(
                f"expected {detector}'s maps of these images, {size}, got {_maps(one).shape}"
            )
        threshold = steps.thresholds.get(detector)
        if threshold is None or not threshold > 0:
            raise ValueError(f"expected a threshold above 0 for {detector}, got {threshold}")


class SeriesView(Explorer):
    """A slider through the steps; image, maps and scores follow.

    Attributes
    ----------
    value: the step that is displayed, one of the values; another one goes to the nearest.
    picked: [row, column] of a pixel whose values are read out; [] = none.
    zoom: [] = the whole image, or [row, column, magnification].
    """

    MODULE = "series.js"
    KINDS = ("image", "map")
    STATE = ("value", "picked", "zoom")
    source: Steps

    value = Float().tag(sync=True)
    picked = List(Int()).tag(sync=True)
    zoom = List(Float()).tag(sync=True)

    def __init__(self, source: Steps) -> None:
        self.source = source
        super().__init__(source, {"value": source.values[0]}, options={"opacity": OPACITY})

    @traitlets.validate("value")
    def _check_value(self, proposal: Any) -> float:
        return float(self.source.values[self._step(proposal["value"])])

    @traitlets.validate("picked")
    def _check_picked(self, proposal: Any) -> list[int]:
        picked = list(proposal["value"])
        rows, columns = self.source.images.shape[1:3]
        inside = len(picked) == 2 and 0 <= picked[0] < rows and 0 <= picked[1] < columns
        if picked and not inside:
            raise TraitError(
                f"picked must be [] or [row, column] of an image of {rows}x{columns} pixels, got "
                f"{picked}"
            )
        return picked

    def _step(self, value: float) -> int:
        return int(np.abs(self.source.values - value).argmin())

    @property
    def step(self) -> int:
        """Index of the displayed step."""
        return self._step(self.value)

    @property
    def relative(self) -> dict[str, np.ndarray]:
        """Detector -> (N,) its scores as multiples of its threshold."""
        return {
            detector: one.score / self.source.thresholds[detector]
            for detector, one in self.source.predictions.items()
        }

    def _first_parts(self) -> list[str]:
        step = self.step
        maps = [part_key("map", detector, step) for detector in self.source.predictions]
        return [part_key("image", step), *maps]

    def static(self) -> StaticFigure:
        """Return the image and its maps at the displayed step as a matplotlib figure."""
        step = self.step
        image = self.source.images[step]
        pictures = [image]
        titles = [f"{self.source.name}: {self.value:g}"]
        for detector, one in self.source.predictions.items():
            limits = self.source.limits[detector]
            pictures.append(plots.overlay(image, _maps(one)[step], limits=limits))
            titles.append(f"{detector}: {self.relative[detector][step]:.2f} times its threshold")
        return plots.contact_sheet(pictures, titles)
