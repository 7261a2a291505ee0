"""DN2 (arXiv 2002.10445): nearest neighbours of whole images; the first stage of SPADE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from adviz.core import ivf, nearest
from adviz.detectors.base import LATER, Detector, all_or_nothing, reported, usable
from adviz.detectors.persistence.checked_state import (
    CheckedState,
    State,
    index_arrays,
    restore_index,
)
from adviz.detectors.presets import AtMost
from adviz.prediction import Neighbors, Prediction

if TYPE_CHECKING:
    from adviz.features import Features

ImageDistance = Literal["squared", "euclidean"]


@dataclass(repr=False)
class DN2(Detector):
    """Distance of a whole image to the normal images nearest to it (deep nearest neighbours).

    Every image becomes the global average of a layer (several layers: their averages,
    concatenated); its score is the mean **squared** Euclidean distance to its K nearest training
    images (SPADE Eq. 1 and 2). There is no map.

    Attributes
    ----------
    layers: strides or names; the paper uses the last block (stride 32).
    k_images: K (2002.10445 uses 2, SPADE's text 50).
    index: of the search, "flat" (exact) or "ivf" (an inverted file for large sets; approximate,
        needs faiss).
    image_distance: what is averaged over the K images, "squared" (Eq. 2) or "euclidean" distances
        (SPADE's public port). The order of images can differ: the mean of roots is not the root of
        the mean.

    Facts after `fit`: `mean_features_` (N, C) float32, `k_used_`.

    Presets, and what still differs from what they are named after (the images' preparation is
    `data.Geometry`, the network and its weights are `Backbone`'s, and how maps are evaluated is
    `evaluate`'s):

    * "paper" (2002.10445): **K = 5, where its text says 2**; public runs of SPADE reach the printed
      image AUROC with 3 to 5. The paper's own network is a ResNet101.
    * "paper-literal": K = 2, as the text says; nothing that we know of still differs.
    * "port" (the first stage of SPADE's public port): K = 5, Euclidean distances; nothing still
        differs.

    Examples
    --------
    >>> from adviz import DN2
    >>> dn2 = DN2(k_images=3).fit(train)
    >>> dn2.predict(test).neighbors["image"]
    Neighbors(46 images, 1x1 locations, 3 each, by distance)
    """

    renamed: ClassVar[Mapping[str, str]] = {"images_score": "k_images"}
    limits: ClassVar[tuple[str, ...]] = (
        "It has no map, and a small defect hardly moves the mean over a whole image.",
    )
    layers: tuple[int | str, ...] = (32,)
    k_images: int = AtMost(5)
    index: Literal["flat", "ivf"] = "flat"
    image_distance: ImageDistance = field(default="squared", metadata=LATER)

    def __post_init__(self) -> None:
        self._check_choices(index=("flat", "ivf"), image_distance=get_args(ImageDistance))

    @all_or_nothing
    def fit(self, features: Features) -> DN2:
        """Remember the pooled features of the training images.

        Raises
        ------
        ValueError: a layer these features do not have, NaN features, or more neighbours asked for
            than images.
        """
        chosen = self._fitting(features)
        self.k_used_ = usable(self.k_images, features.n_images, "k_images")
        self.mean_features_ = _pooled(chosen)
        self._index = ivf(self.mean_features_) if self.index == "ivf" else None
        return self

    @reported
    def predict(self, features: Features) -> Prediction:
        """Score images.

        Returns
        -------
        A `Prediction` with ``neighbors["image"]`` ((N, 1, 1, K), squared distances, nearest first)
        and, as ``layer_maps`` of one location, each layer's exact contribution to the mean squared
        distance, which is the score unless distances are Euclidean. ``anomaly_map`` is None.

        Raises
        ------
        ValueError: not fitted, other layers or channels than in training, or NaN features.
        """
        chosen = self._predicting(features)
        query = _pooled(chosen)  # (N, C), C of all layers
        distance, image = nearest(query, self.mean_features_, self.k_used_, index=self._index)
        return self._prediction(features, query, distance, image)

    def _prediction(
        self, features: Features, query: np.ndarray, distance: np.ndarray, image: np.ndarray
    ) -> Prediction:
        """Return the prediction of N images, (N, C), with K nearest training images, (N, K)."""
        neighbors = Neighbors(
            distance[:, None, None],
            image.astype(np.int32)[:, None, None],
            np.zeros(image.shape, np.int16)[:, None, None],
        )
        return Prediction(
            score=mean_over_images(distance, self.image_distance),
            layer_maps=self._contributions(query, image),
            neighbors={"image": neighbors},
            detector="DN2",
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def _left_out(self, features: Features) -> Prediction:
        query = _pooled(features.select(self.layers_))
        k = min(self.k_used_, len(query) - 1)
        # An image is among its own nearest, unless as many others equal it
        distance, image = nearest(query, self.mean_features_, k + 1)  # (N, k + 1)
        is_own = image == np.arange(len(query))[:, None]
        is_own[~is_own.any(1), -1] = True
        return self._prediction(
            features, query, distance[~is_own].reshape(-1, k), image[~is_own].reshape(-1, k)
        )

    def _contributions(self, query: np.ndarray, image: np.ndarray) -> dict[str, np.ndarray]:
        """Return layer -> (N, 1, 1): its part of the mean squared distance to K images."""
        square = ((query[:, None] - self.mean_features_[image]) ** 2).mean(1)  # (N, C)
        ends = np.cumsum(list(self._channels.values()))
        blocks = np.split(square, ends[:-1], axis=1)
        return {
            name: block.sum(1)[:, None, None]
            for name, block in zip(self.layers_, blocks, strict=True)
        }

    def work(
        self, *, n_train: int, n_test: int, locations: int, channels: int
    ) -> tuple[float, float]:
        """Return about how many multiplications `fit` and `predict` need."""
        values = locations * channels
        return float(n_train * values), float(n_test * (values + n_train * channels))

    def _state(self) -> dict[str, Any]:
        return {
            "k_used": self.k_used_,
            "mean_features": self.mean_features_,
            "index": index_arrays(self._index),
        }

    def _restore(self, state: State) -> None:
        checked = CheckedState(state, C=sum(self._channels.values()))
        mean_features = checked.array("mean_features", "float32", "N C")
        self.k_used_ = checked.value("k_used", int, least=1, most=len(mean_features))
        self.mean_features_ = mean_features
        self._index = restore_index(checked, mean_features, approximate=self.index == "ivf")
        checked.end()


def mean_over_images(distance: np.ndarray, image_distance: ImageDistance) -> np.ndarray:
    """Return (N,) float32 scores: means of (N, K) squared distances, or of their roots (Eq. 2)."""
    averaged = np.sqrt(distance) if image_distance == "euclidean" else distance
    return np.asarray(averaged.mean(1))


def _pooled(features: Features) -> np.ndarray:
    """Return (N, C) float32: the global average of every layer, padding left out, concatenated."""
    averages = []
    for layer in features.values():  # (N, C, h, w)
        _, _, rows, columns = layer.shape
        inside = features.inside((rows, columns))  # (N, h, w)
        counted = True if inside is None else inside[:, None]
        averages.append(layer.mean((2, 3), dtype=np.float32, where=counted))
    return np.concatenate(averages, axis=1)
