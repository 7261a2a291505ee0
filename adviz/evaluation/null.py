"""`Null`: how strange good images are to each other, by which other images are measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adviz._support import archive, got
from adviz.evaluation.inputs import check_detector
from adviz.prediction import Prediction

TAIL = 10_000  # largest values that are kept one by one
STEPS = 4_096  # into which the others are divided, with as many of them in each


@dataclass(frozen=True, eq=False)
class Distribution:
    """Values of good images: the largest 10,000 one by one, of the others every 4,096th part.

    Attributes
    ----------
    values: (m,) float64, rising.
    at_least: (m,) int64, how many of all values are as large or larger.
    count: how many there are in all.
    """

    values: np.ndarray
    at_least: np.ndarray
    count: int

    def __post_init__(self) -> None:
        falls = np.any(np.diff(self.values) <= 0) or np.any(np.diff(self.at_least) >= 0)
        if (
            self.values.shape != self.at_least.shape
            or self.values.ndim != 1
            or not 1 <= len(self.values) <= self.count
            or not np.isfinite(self.values).all()
            or falls
            or self.at_least[0] != self.count
            or self.at_least[-1] < 1
        ):
            raise ValueError(
                "expected rising values and how many of all are at least as large, falling from "
                f"{self.count}, got {self.values} and {self.at_least}"
            )

    @classmethod
    def of(cls, values: np.ndarray) -> Distribution:
        """Return the distribution of some numbers of any shape, at least one."""
        ascending = np.sort(np.ravel(values))
        n_coarse = max(0, len(ascending) - TAIL)
        places = np.concatenate(
            [
                np.linspace(0, n_coarse, min(STEPS, n_coarse), endpoint=False).astype(np.int64),
                np.arange(n_coarse, len(ascending)),
            ]
        )
        kept = np.unique(ascending[places]).astype(np.float64)
        at_least = len(ascending) - np.searchsorted(ascending, kept)
        return cls(kept, at_least, len(ascending))

    def n_at_least(self, values: np.ndarray) -> np.ndarray:
        """Return how many good values are as large as each of these, or larger.

        Exact where that are fewer than 10,000; else too many by a 4,096th part of all at most, and
        by those that equal the next smaller one that is kept.
        """
        exact = np.append(self.at_least, 0)
        place = np.searchsorted(self.values, values)  # of the first that is as large
        counts = exact[place]
        # Between two that are kept there may be others
        is_between = (counts >= TAIL) & (place > 0)
        is_between &= self.values[np.minimum(place, len(self.values) - 1)] != values
        return np.asarray(np.where(is_between, exact[place - 1], counts))

    def quantile(self, fraction: float) -> float:
        """Return the least kept value that at most 1 - `fraction` of all exceed."""
        most = (1 - fraction) * self.count
        beyond = np.append(self.at_least[1:], 0)
        return float(self.values[np.argmax(beyond <= most)])


@dataclass(frozen=True, eq=False)
class Null:
    """How strange good images are to a detector that does not know them.

    Another image's number gets a meaning by it: what fraction of the good ones are as strange. It
    is made of the training images, each left out (`Detector.predict_left_out`), or of good images
    that were set aside. Its size is bounded, whatever theirs: see `Distribution`.

    **What can be promised is limited by how many good images there are**: no p-value is below
    1 / (count + 1), pixels of one image resemble each other, and where the bank was chosen among
    the same images, they are not quite exchangeable with others (docs/units-of-good.md measures
    by how much).

    Attributes
    ----------
    good: "score" -> distribution of the images' scores; "pixels" -> that of all pixels of their
        maps, without padding, where there are maps; a layer's name -> of its map's locations;
        "nearest patch" (or "nearest image", "nearest layer2": what was searched) -> of the squared
        distance to the nearest of the neighbours; "mean layer2" -> of the images' means of a
        layer's map.
    n_images: how many good images.
    detector, backbone, digest: whose numbers they are, and the digest of the backbone's weights.

    Examples
    --------
    >>> from adviz import Null
    >>> null = Null.of(detector.predict_left_out(train))
    >>> null
    Null(64 good images, 3,211,264 pixels, for PatchCore on efficientnet_lite0)
    >>> null.in_words(prediction.anomaly_map.max())
    'stranger than all 3,211,264 pixels of 64 good images'
    """

    good: dict[str, Distribution]
    n_images: int
    detector: str
    backbone: str
    digest: str

    @classmethod
    def of(cls, prediction: Prediction) -> Null:
        """Return the null of a prediction of good images that the detector was not fitted on.

        Raises
        ------
        ValueError: no images.  TypeError: no prediction.

        Examples
        --------
        >>> from adviz import Null
        >>> Null.of(detector.predict_left_out(train)).good["score"].count
        64
        """
        if not isinstance(prediction, Prediction):
            raise TypeError(
                "expected a Prediction of good images, such as detector.predict_left_out(train), "
                f"got a {type(prediction).__name__}"
            )
        if not len(prediction):
            raise ValueError("expected a prediction of at least one good image, got none")
        values = {"score": prediction.score, **prediction.layer_maps}
        for layer, layer_map in prediction.layer_maps.items():
            values[f"mean {layer}"] = layer_map.mean((1, 2))
        for searched, neighbors in prediction.neighbors.items():
            nearest = neighbors.distance.min(3)
            known = nearest[np.isfinite(nearest)]  # not of images that were not segmented
            if known.size:
                values[f"nearest {searched}"] = known
        maps = prediction.anomaly_map
        if maps is not None:
            values["pixels"] = maps if prediction.valid is None else maps[prediction.valid]
        return cls(
            good={name: Distribution.of(some) for name, some in values.items()},
            n_images=len(prediction),
            detector=prediction.detector,
            backbone=prediction.backbone,
            digest=prediction.digest,
        )

    def check(self, prediction: Prediction) -> None:
        """Refuse (ValueError) a prediction of another detector, or on features of another backbone.

        Another detector of the same class and backbone, with other options or training images, has
        the same name and is not told apart.
        """
        check_detector(self, prediction, "this null was made", "make another one: Null.of")

    def p_values(self, values: np.ndarray | float, of: str = "pixels") -> np.ndarray:
        """Return the fraction of good ones that are as strange, each of the values among them.

        Parameters
        ----------
        values: scores, pixels of maps or locations of a layer's map, of any shape.
        of: "score", "pixels", the name of a layer, or "nearest patch", see `good`.

        Returns
        -------
        (1 + how many good ones are as large) / (1 + how many there are), in the values' shape:
        above 0, and uniform over further good ones that are exchangeable with these, as far as they
        are not equal. NaN, such as distances of images that were not segmented, stays NaN.

        Raises
        ------
        ValueError: there is no such null.

        Examples
        --------
        >>> from adviz import Null
        >>> null = Null.of(detector.predict_left_out(train))
        >>> null.p_values(prediction.score, "score").min().round(3)
        np.float64(0.015)
        """
        good = self._of(of)
        values = np.asarray(values)
        p_values = (1 + good.n_at_least(values)) / (1 + good.count)
        return np.where(np.isnan(values), np.nan, p_values)

    def in_words(self, value: float, of: str = "pixels") -> str:
        """Return what a number means, with the count that it rests on.

        Arguments and errors as in `p_values`; ValueError for NaN.

        Examples
        --------
        >>> from adviz import Null
        >>> null = Null.of(detector.predict_left_out(train))
        >>> null.in_words(prediction.score.min(), "score")
        'stranger than ... % of 64 good images'
        """
        good = self._of(of)
        if math.isnan(value):
            raise ValueError("expected a number, got NaN, of which nothing can be said")
        images = f"{self.n_images:,} good images"
        kinds = {"pixels": "pixels of ", "nearest patch": "patches of "}
        if of in ("score", "nearest image") or of.startswith("mean "):
            what = images
        elif of in kinds:
            what = f"{good.count:,} {kinds[of]}{images}"
        else:
            layer = of.removeprefix("nearest ")
            what = f"{good.count:,} locations of {images} in {layer}"
        n_at_least = int(good.n_at_least(np.asarray(value)))
        if n_at_least == 0:
            return f"stranger than all {what}"
        rest = n_at_least / good.count
        # So many decimals that what is left can be read, and rounded down: never 100 %
        decimals = max(0, math.ceil(-math.log10(rest)) - 1)
        scale = 10.0**decimals
        below = math.floor(100 * (1 - rest) * scale + 1e-6) / scale
        share = f"{below:.{decimals}f}".rstrip("0").rstrip(".") if decimals else f"{below:.0f}"
        return f"stranger than {share} % of {what}"

    def _of(self, of: str) -> Distribution:
        if of not in self.good:
            known = list(self.good)
            raise ValueError(f"expected what this null has ({', '.join(known)}), {got(of, known)}")
        return self.good[of]

    def save(self, path: str | Path) -> str:
        """Write the null to a file, atomically, and return the file's digest.

        Safetensors and JSON, see `adviz.archive`; OSError where it cannot be written.

        Examples
        --------
        >>> from adviz import Null
        >>> digest = Null.of(detector.predict_left_out(train)).save("null.adviz")
        >>> Null.load("null.adviz", digest=digest).n_images
        64
        """
        return archive.write(path, "Null", archive.parts(self))

    @classmethod
    def load(cls, path: str | Path, *, digest: str | None = None) -> Null:
        """Read what `save` wrote; nothing in the file is executed.

        Arguments and errors as in `adviz.archive.read`.

        Examples
        --------
        >>> from adviz import Null
        >>> digest = Null.of(detector.predict_left_out(train)).save("null.adviz")
        >>> Null.load("null.adviz").detector
        'PatchCore'
        """
        content = archive.read(path, "Null", digest=digest).content
        with archive.restoring("Null", path):
            return archive.typed(cls, content)

    def __repr__(self) -> str:
        pixels = f"{self.good['pixels'].count:,} pixels" if "pixels" in self.good else "no map"
        detector = " on ".join(filter(None, (self.detector or "a detector", self.backbone)))
        return f"Null({self.n_images:,} good images, {pixels}, for {detector})"
