"""SPADE (arXiv 2005.02357) and its first stage, DN2 (arXiv 2002.10445)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adviz.detectors.base import Detector, usable
from adviz.neighbors import nearest
from adviz.prediction import Neighbors, Prediction

if TYPE_CHECKING:
    from adviz.features import Features


@dataclass(repr=False)
class DN2(Detector):
    """Deep nearest neighbours: how far is an image from the normal images most like it, as a whole.

    Every image becomes the global average of a layer (several layers: their averages, concatenated); its score is the
    mean **squared** Euclidean distance to its K nearest training images (SPADE Eq. 1 and 2). There is no map.

    Attributes
    ----------
    layers: strides or names; the paper uses the last block (stride 32).
    images_score: K; None = 5, or all training images if there are fewer (2002.10445 uses 2, SPADE's text 50).

    Facts after `fit`: `mean_features_` (N, C) float32, `k_used_`.
    """

    layers: tuple[int | str, ...] = (32,)
    images_score: int | None = None

    def fit(self, features: Features) -> DN2:
        """Remember the pooled features of the training images.

        Raises
        ------
        ValueError: a layer these features do not have, NaN features, or more neighbours asked for than images.
        """
        chosen = self._fitting(features)
        self.k_used_ = usable(self.images_score, 5, features.n_images, "images_score")
        self.mean_features_ = _pooled(chosen)
        return self

    def predict(self, features: Features) -> Prediction:
        """Score images.

        Returns
        -------
        A `Prediction` with ``neighbors["image"]`` ((N, 1, 1, K), squared distances, nearest first) and, as
        ``layer_maps`` of one cell, each layer's exact share of the score. ``anomaly_map`` is None.

        Raises
        ------
        ValueError: not fitted, other layers or channels than in training, or NaN features.
        """
        chosen = self._predicting(features)
        query = _pooled(chosen)
        distance, index = nearest(query, self.mean_features_, self.k_used_)
        square = ((query[:, None] - self.mean_features_[index]) ** 2).mean(1)
        parts = np.split(square, np.cumsum(list(self._channels.values()))[:-1], axis=1)
        found = Neighbors(
            distance[:, None, None],
            index.astype(np.int32)[:, None, None],
            np.zeros(index.shape, np.int16)[:, None, None],
        )
        return Prediction(
            score=distance.mean(1),
            layer_maps={name: part.sum(1)[:, None, None] for name, part in zip(self.layers_, parts, strict=True)},
            neighbors={"image": found},
            detector="DN2",
            backbone=features.backbone,
            digest=features.digest,
        )


def _pooled(features: Features) -> np.ndarray:
    """Return (N, C) float32: the global average of every layer, concatenated."""
    return np.concatenate([array.mean((2, 3), dtype=np.float32) for array in features.values()], axis=1)
