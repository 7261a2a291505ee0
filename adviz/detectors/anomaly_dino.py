"""AnomalyDINO (arXiv 2405.14529): cosine distance of each patch to the nearest normal patch."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from adviz._support import check_device, progress
from adviz.core import coreset, maps, nearest
from adviz.detectors.base import (
    Detector,
    all_or_nothing,
    compact,
    each_left_out,
    reported,
    usable,
)
from adviz.detectors.padding import spread, without_padding
from adviz.detectors.presets import AtMost
from adviz.features import Features
from adviz.prediction import Neighbors, Prediction


@dataclass(repr=False)
class AnomalyDINO(Detector):
    """Distance of each patch to the nearest normal patch, by the angle between their features.

    Left out of the paper: masks of the background, and rotated copies of the training images.

    Attributes
    ----------
    layers: one stride or name; the paper's is "norm" of "vit_small_patch14_dinov2.lvd142m" with
        image_size=448.
    top: fraction of an image's patches, the farthest, whose mean distance is its score; at least
        one patch.
    neighbors: memory bank entries returned for every patch (the distance needs one).
    sigma: of the map's smoothing, pixels.
    device: where patches are searched: "cpu", "cuda" or "auto", a GPU if there is one; no part of
        the method.

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
    limits: ClassVar[tuple[str, ...]] = (
        "It knows no position: a normal patch in a wrong place is normal to it.",
        "It keeps every patch of the training images: its file, memory and time grow "
        "with their number.",
    )
    layers: tuple[int | str, ...] = (16,)
    top: float = 0.01
    neighbors: int = AtMost(5)
    sigma: float = 4.0
    device: str = field(default="cpu", compare=False)

    def __post_init__(self) -> None:
        check_device(self.device)
        if len(self.layers) != 1 or not 0 < self.top <= 1 or self.sigma < 0:
            raise ValueError(
                f"expected one of layers, a fraction 0 < top <= 1 and sigma from 0 on, got {self!r}"
            )

    @all_or_nothing
    def fit(self, features: Features) -> AnomalyDINO:
        """Remember all patches of the training images.

        Raises
        ------
        ValueError: no such layer, NaN, or more neighbours asked for than patches.
        """
        (layer,) = self._fitting(features).values()  # (N, C, h, w)
        self.grid_ = layer.shape[2], layer.shape[3]
        self.bank_ = np.concatenate(list(_unit_patches(layer)))  # (N * h * w, C)
        # Which of the N * h * w patches the bank holds; None = all: no image is padded
        self.place_: np.ndarray | None = None
        inside = features.inside(self.grid_)
        if inside is not None:
            self.place_ = np.flatnonzero(inside)
            self.bank_ = self.bank_[self.place_]
        self.k_used_ = usable(self.neighbors, len(self.bank_), "neighbors")
        return self

    @reported
    def predict(self, features: Features) -> Prediction:
        """Score images and their patches.

        Returns
        -------
        A `Prediction` with scores and maps of 1 - cosine; the layer map and
        ``neighbors["patch"]`` have squared distances, which are 2 (1 - cosine).
        """
        ((name, layer),) = self._predicting(features).items()
        distance, index = self._nearest(layer)  # (N, h, w, k)
        patch_scores = distance[..., 0] / 2  # |a - b|^2 = 2 - 2 cos(a, b) at length 1
        grid = layer.shape[2], layer.shape[3]
        score = self._image_scores(patch_scores, features.inside(grid))
        origin = index if self.place_ is None else self.place_[index]
        image, cell = np.divmod(origin, self.grid_[0] * self.grid_[1])
        neighbors = Neighbors(
            spread(distance, features),
            spread(image, features).astype(np.int32),
            compact(spread(cell, features)),
            self.grid_,
        )
        patch_scores = spread(patch_scores, features)
        smoothed = maps.smooth(maps.resize(patch_scores, features.image_size), self.sigma)
        return Prediction(
            score=score,
            anomaly_map=without_padding(smoothed, features),
            layer_maps={name: 2 * patch_scores},
            neighbors={"patch": neighbors},
            detector="AnomalyDINO",
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def _left_out(self, features: Features) -> Prediction:
        return each_left_out(features, self._without)

    def _without(self, image: int) -> AnomalyDINO:
        """Return the detector without the patches of a training image."""
        place = np.arange(len(self.bank_)) if self.place_ is None else self.place_
        kept = place // (self.grid_[0] * self.grid_[1]) != image
        masked = copy.copy(self)
        masked.place_ = place[kept]
        masked.bank_ = self.bank_[kept]
        masked.k_used_ = min(self.k_used_, len(masked.bank_))
        return masked

    def _nearest(self, layer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return squared distances to and rows of the k nearest bank entries, (N, h, w, k) each."""
        distances = []
        indexes = []
        for patches in _unit_patches(layer):
            distance, index = nearest(patches, self.bank_, self.k_used_, device=self.device)
            distances.append(distance)
            indexes.append(index)
        shape = len(layer), *layer.shape[2:], self.k_used_
        return np.concatenate(distances).reshape(shape), np.concatenate(indexes).reshape(shape)

    def _image_scores(self, patch_scores: np.ndarray, inside: np.ndarray | None) -> np.ndarray:
        """Return (N,) means of the largest `top` of the (N, h, w) patch scores that count."""
        if inside is None:
            count = coreset.rows_kept(self.top, patch_scores[0].size)
            ascending = np.sort(patch_scores.reshape(len(patch_scores), -1))
            return np.asarray(ascending[:, -count:].mean(1))
        scores = []
        for values, counted in zip(patch_scores, inside, strict=True):
            ascending = np.sort(values[counted])
            count = coreset.rows_kept(self.top, len(ascending))
            scores.append(ascending[-count:].mean())
        return np.array(scores)

    def work(
        self, *, n_train: int, n_test: int, locations: int, channels: int
    ) -> tuple[float, float]:
        """Return about how many multiplications `fit` and `predict` need."""
        values = locations * channels
        return float(n_train * values), float(n_test * values * n_train * locations)

    def _check_learned(self) -> None:
        if self.place_ is not None and (self.place_[0] < 0 or np.any(np.diff(self.place_) <= 0)):
            raise ValueError("expected the places of the bank's patches, rising")
        size = len(self.bank_)
        if (
            min(self.grid_) < 1
            or (self.place_ is None and size % np.prod(self.grid_))
            or not 1 <= self.k_used_ <= size
        ):
            raise ValueError(
                f"expected images of {self.grid_} patches, got {size} and k {self.k_used_}"
            )


def _unit_patches(layer: np.ndarray) -> Iterator[np.ndarray]:
    """Yield (n h w, C) float32 patches of 8 of the (N, C, h, w) images at a time, at length 1.

    Zeros stay zeros.
    """
    for start in progress.progress_bar(range(0, len(layer), 8), label="AnomalyDINO"):
        patches = np.moveaxis(layer[start : start + 8], 1, -1).reshape(-1, layer.shape[1])
        # A copy, since of one image it is a view, whose lengths would be rounded in another order
        patches = np.ascontiguousarray(patches, dtype=np.float32)
        yield patches / np.maximum(np.linalg.norm(patches, axis=1, keepdims=True), 1e-30)
