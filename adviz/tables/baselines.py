"""Plain baselines on patch features, for rows of SPADE's Table 3: scikit-learn's own methods.

SPADE's paper quotes them from Bergmann et al. (Uninformed Students, arXiv 1911.02357), where they
are learned from features of patches by that paper's own teacher network. What is here is our
definition, not theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import ndimage

from adviz.detectors import Detector
from adviz.prediction import Prediction

if TYPE_CHECKING:
    from adviz.features import Features

NU = 0.1  # of the normal patches, at most so many are outside the one-class SVM
# Method as tables name it -> what its legend says of it
BASELINES = {
    "1-NN": "the distance to the nearest",
    "OC-SVM": f"scikit-learn's one-class SVM (nu = {NU})",
    "Isolation forest": "scikit-learn's isolation forest",
}


@dataclass(repr=False)
class PatchBaseline(Detector):
    """Score of each patch by a method of scikit-learn that has learned from drawn normal patches.

    A patch is all its layers' channels on the finest grid, where coarse layers are repeated, each
    less its mean and divided by its standard deviation over the drawn patches. Maps are enlarged
    and smoothed as SPADE's; an image's score is its map's largest value.

    Attributes
    ----------
    method: "1-NN" (the distance to the nearest drawn patch), "OC-SVM" or "Isolation forest" (the
        negative ``score_samples``); their other options are scikit-learn's defaults, but for nu.
    layers: strides or names.
    patches: that are drawn from all training images together; fewer if there are no more.
    sigma: of the map's smoothing, pixels.
    seed: of the draw, and of the forest.

    Examples
    --------
    >>> from adviz.tables.baselines import PatchBaseline
    >>> PatchBaseline("OC-SVM").fit(train).predict(test)
    Prediction(OC-SVM on patches, ...)
    """

    method: str = "1-NN"
    layers: tuple[int | str, ...] = (4, 8, 16)
    patches: int = 5000
    sigma: float = 4.0
    seed: int = 0

    def __post_init__(self) -> None:
        self._check_choices(method=tuple(BASELINES))
        if self.patches < 2 or self.sigma < 0:
            raise ValueError(
                f"patches must be 2 or more, sigma 0 or more, got {self.patches}, {self.sigma}"
            )

    @property
    def title(self) -> str:
        """The method that it is."""
        return f"{self.method} on patches"

    def fit(self, features: Features) -> PatchBaseline:
        """Learn from patches drawn from the training images.

        Raises
        ------
        ValueError: a layer these features do not have, NaN features, or letterboxed images.
        """
        chosen = _unpadded(self._fitting(features))
        n_patches = int(np.prod(_grid(chosen)))  # of an image
        total = chosen.n_images * n_patches
        rng = np.random.default_rng(self.seed)
        drawn = np.sort(rng.permutation(total)[: self.patches])
        images, places = np.divmod(drawn, n_patches)
        sample = np.concatenate(
            [patches_of(chosen, int(image))[places[images == image]] for image in np.unique(images)]
        )  # (patches, C)
        self._mean = sample.mean(0)
        # A channel that never changes tells nothing
        self._deviation = np.where(sample.std(0) > 0, sample.std(0), 1).astype(np.float32)
        self._model = _model(self.method, self.seed).fit(self._standardised(sample))
        return self

    def predict(self, features: Features) -> Prediction:
        """Score images and their patches.

        Raises
        ------
        ValueError: not fitted, other layers or channels than in training, NaN features, or
            letterboxed images.
        """
        chosen = _unpadded(self._predicting(features))
        scores = np.stack(
            [
                self._scores(patches_of(chosen, image)).reshape(_grid(chosen))
                for image in range(chosen.n_images)
            ]
        )  # (N, h, w)
        resized = torch.nn.functional.interpolate(
            torch.from_numpy(scores)[:, None], size=features.image_size, mode="bilinear"
        )
        maps = ndimage.gaussian_filter(resized[:, 0].numpy(), (0, self.sigma, self.sigma))
        return Prediction(
            score=maps.max((1, 2)),
            anomaly_map=maps,
            detector=self.title,
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
        )

    def work(
        self, *, n_train: int, n_test: int, locations: int, channels: int
    ) -> tuple[float, float]:
        """Return about how many multiplications `fit` and `predict` need."""
        values = self.patches * channels
        return float(self.patches * values), float(n_test * locations * values)

    def _standardised(self, patches: np.ndarray) -> np.ndarray:
        return np.asarray((patches - self._mean) / self._deviation)

    def _scores(self, patches: np.ndarray) -> np.ndarray:
        """Return the (P,) scores of (P, C) patches; higher = more anomalous."""
        standardised = self._standardised(patches)
        if self.method == "1-NN":
            scores = self._model.kneighbors(standardised)[0][:, 0]
        else:
            scores = -self._model.score_samples(standardised)
        return np.asarray(scores, np.float32)


def patches_of(features: Features, image: int) -> np.ndarray:
    """Return an image's patches on the finest grid, row by row: (P, C) of all layers."""
    rows, columns = _grid(features)
    layers = []
    for array in features.values():
        _, n_channels, height, width = array.shape
        # The location of a coarse layer that a location of the finest grid lies in
        row = np.arange(rows) * height // rows
        column = np.arange(columns) * width // columns
        layer = array[image][:, row[:, None], column]  # (C, rows, columns)
        layers.append(layer.reshape(n_channels, -1).T)
    return np.concatenate(layers, axis=1).astype(np.float32)


def _grid(features: Features) -> tuple[int, int]:
    """Return the rows and columns of the finest layer."""
    rows, columns = max(array.shape[2:] for array in features.values())
    return rows, columns


def _model(method: str, seed: int) -> Any:
    """Return scikit-learn's estimator."""
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import NearestNeighbors
    from sklearn.svm import OneClassSVM

    if method == "1-NN":
        return NearestNeighbors(n_neighbors=1, algorithm="brute")
    if method == "OC-SVM":
        return OneClassSVM(nu=NU)
    return IsolationForest(random_state=seed)


def _unpadded(features: Features) -> Features:
    if features.boxes is not None:
        raise ValueError("expected images without padding, got letterboxed ones")
    return features
