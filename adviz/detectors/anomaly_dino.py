"""AnomalyDINO (arXiv 2405.14529): every patch of the normal images, and the cosine distance to the nearest one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from adviz._support import progress
from adviz.core import coreset, maps, nearest
from adviz.detectors.base import Detector, all_or_nothing, compact, spread, usable, without_padding
from adviz.detectors.presets import AtMost
from adviz.features import Features
from adviz.prediction import Neighbors, Prediction


@dataclass(repr=False)
class AnomalyDINO(Detector):
    """How far is every patch of an image from the nearest normal patch, by the angle between their features.

    Left out of the paper: masks of the background, and rotated copies of the training images.

    Attributes
    ----------
    layers: one stride or name; the paper's is "norm" of "vit_small_patch14_dinov2.lvd142m" with
        image_size=448.
    top: share of an image's patches, the farthest, whose mean distance is its score; at least one
        patch.
    neighbors: bank rows reported for every patch (the distance needs one).
    sigma: of the map's smoothing, pixels.

    Facts after `fit`: `bank_` (M, C) float32, all patches at length 1; `grid_` (rows, columns) of
        an image; `k_used_`.

    >>> from adviz import AnomalyDINO
    >>> AnomalyDINO().fit(train).predict(test).neighbors
    {'patch': Neighbors(46 images, 14x14 locations, 5 each, by distance)}
    """

    learned: ClassVar[Any] = {
        "bank_": "float32 M C",
        "place_": "int64 M or None",
        "grid_": tuple[int, int],
        "k_used_": int,
    }
    layers: tuple[int | str, ...] = (16,)
    top: float = 0.01
    neighbors: int = AtMost(5)
    sigma: float = 4.0

    def __post_init__(self) -> None:
        if len(self.layers) != 1 or not 0 < self.top <= 1 or self.sigma < 0:
            raise ValueError(
                f"expected one of layers, a share 0 < top <= 1 and sigma from 0 on, got {self!r}"
            )

    @all_or_nothing
    def fit(self, features: Features) -> AnomalyDINO:
        """Remember all patches; ValueError: no such layer, NaN, or more neighbours asked for than patches."""
        (array,) = self._fitting(features).values()
        self.grid_, self.bank_ = (
            (array.shape[2], array.shape[3]),
            np.concatenate(list(_patches(array))),
        )
        inside = features.inside(self.grid_)
        self.place_: np.ndarray | None = None if inside is None else np.flatnonzero(inside)
        if self.place_ is not None:
            self.bank_ = self.bank_[self.place_]
        self.k_used_ = usable(self.neighbors, len(self.bank_), "neighbors")
        return self

    def predict(self, features: Features) -> Prediction:
        """Return scores and maps, 1 - cosine, and layer map and ``neighbors["patch"]``, d² = 2 (1 - cosine)."""
        ((name, array),) = self._predicting(features).items()
        found = zip(
            *(nearest(patches, self.bank_, self.k_used_) for patches in _patches(array)),
            strict=True,
        )
        distance, index = (
            np.concatenate(one).reshape(len(array), *array.shape[2:], -1) for one in found
        )
        place = index if self.place_ is None else self.place_[index]
        image, cell = np.divmod(place, self.grid_[0] * self.grid_[1])
        cells = distance[..., 0] / 2  # |a - b|^2 = 2 - 2 cos(a, b) at length 1
        score = self._score(cells, features.inside(cells.shape[1:]))
        distance, image, cell, cells = (
            spread(values, features) for values in (distance, image, cell, cells)
        )
        smoothed = maps.smooth(maps.resize(cells, features.image_size), self.sigma)
        return Prediction(
            score=score,
            anomaly_map=without_padding(smoothed, features),
            layer_maps={name: 2 * cells},
            neighbors={
                "patch": Neighbors(distance, image.astype(np.int32), compact(cell), self.grid_)
            },
            detector="AnomalyDINO",
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def _score(self, cells: np.ndarray, inside: np.ndarray | None) -> np.ndarray:
        """Return (N,) means of the largest `top` of the patches that count."""
        if inside is None:
            worst = np.sort(cells.reshape(len(cells), -1))[
                :, -coreset.rows_kept(self.top, cells[0].size) :
            ]
            return np.asarray(worst.mean(1))
        counted = [np.sort(image[patches]) for image, patches in zip(cells, inside, strict=True)]
        return np.array(
            [values[-coreset.rows_kept(self.top, len(values)) :].mean() for values in counted]
        )

    def _check_learned(self) -> None:
        partial = self.place_ is not None
        if self.place_ is not None and (self.place_[0] < 0 or np.any(np.diff(self.place_) <= 0)):
            raise ValueError("expected the places of the bank's patches, rising")
        if (
            min(self.grid_) < 1
            or (not partial and len(self.bank_) % np.prod(self.grid_))
            or not 1 <= self.k_used_ <= len(self.bank_)
        ):
            raise ValueError(
                f"expected images of {self.grid_} patches, got {len(self.bank_)} and k {self.k_used_}"
            )


def _patches(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield (n h w, C) float32 patches of (N, C, h, w) images, 8 at a time, at length 1 (zeros stay zeros)."""
    for start in progress.bar(range(0, len(array), 8), label="AnomalyDINO"):
        rows = np.moveaxis(array[start : start + 8], 1, -1).reshape(-1, array.shape[1])
        # As one image's are not: its lengths would round elsewise
        rows = np.ascontiguousarray(rows, dtype=np.float32)
        yield rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30)
