"""`OutlierDetector`: a detector as a scikit-learn estimator, for pipelines and searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.utils.metaestimators import available_if

from adviz import metrics
from adviz._support import as_numpy
from adviz.data import GOOD
from adviz.detectors import Detector
from adviz.features import Features

LAYER = "features"  # of bare arrays, where the detector names a stride
EXPECTED = (
    "an array (N, C) or (N, C, h, w), Features, or a list of the Features of one image each, "
    "[features.select(images=[i]) for i in range(features.n_images)]"
)


def _has_threshold(estimator: OutlierDetector) -> bool:
    """Return whether there is a threshold, without which nothing is predicted an outlier."""
    return estimator.threshold is not None


class OutlierDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """A detector with scikit-learn's methods and its signs: higher is more normal, -1 an outlier.

    ``X`` is an array of one layer, (N, C) or (N, C, h, w), which a detector of one layer takes
    whatever the layer is called; `Features`; or, for searches and cross-validation, which divide
    ``X`` by images, a list of the `Features` of one image each.

    Parameters
    ----------
    detector: with its options, which are ``detector__coreset`` and so on here; it is cloned, and
        never fitted itself.
    threshold: image score from which on an image is an outlier; None = there is none, and neither
        `predict` nor `decision_function`.

    Attributes
    ----------
    detector_: the fitted detector, after `fit`.

    Examples
    --------
    >>> from sklearn.model_selection import StratifiedKFold, cross_val_score
    >>> import adviz
    >>> images = [test.select([8], images=[index]) for index in range(test.n_images)]
    >>> estimator = adviz.OutlierDetector(PatchCore(layers=(8,), coreset=0.05))
    >>> folds = StratifiedKFold(2)  # good and anomalous images in each
    >>> scores = cross_val_score(estimator, images, category.test.labels, cv=folds)
    >>> len(scores), bool(scores.min() > 0.5)
    (2, True)
    """

    def __init__(self, detector: Detector, *, threshold: float | None = None) -> None:
        self.detector = detector
        self.threshold = threshold

    def fit(self, X: Any, y: Any = None) -> OutlierDetector:
        """Fit a clone of the detector.

        Parameters
        ----------
        X: features of N images.
        y: (N,) adviz's labels; only images with label 0 (good) are learned from, so that a search
            can divide labelled images. None = all are good.

        Raises
        ------
        TypeError, ValueError: no such features or labels, no good image, or what the detector's own
            `fit` refuses.
        """
        if isinstance(self.detector, type) or not hasattr(self.detector, "get_params"):
            raise TypeError(f"expected a detector, such as PatchCore(), got {self.detector!r}")
        features = self._features(X)
        if y is not None:
            is_good = _labels(y, features.n_images) == GOOD
            if not is_good.any():
                raise ValueError(
                    "expected at least one image with label 0 (good) to learn from, got none: "
                    "labels here are adviz's, 0 good and 1 anomalous"
                )
            features = features.select(images=is_good)
        self.detector_ = clone(self.detector).fit(features)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Return (N,) image scores times -1: higher is more normal."""
        if not hasattr(self, "detector_"):
            raise ValueError("OutlierDetector must be fitted before it scores: call fit first")
        return -np.asarray(self.detector_.predict(self._features(X)).score)

    def score(self, X: Any, y: Any) -> float:
        """Return the image AUROC against labels 0 (good) and 1 (anomalous), for searches.

        It is NaN without images of both kinds: divide images by ``StratifiedKFold``.
        """
        normality = self.score_samples(X)
        labels = _labels(y, len(normality))
        is_labelled = labels >= 0
        return metrics.auroc(-normality[is_labelled], labels[is_labelled] == 1)

    @available_if(_has_threshold)  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> np.ndarray:
        """Return (N,) how far below the threshold scores are; not above 0 = an outlier."""
        return np.asarray(self.score_samples(X) + self.threshold)

    @available_if(_has_threshold)  # type: ignore[untyped-decorator]
    def predict(self, X: Any) -> np.ndarray:
        """Return (N,) 1 for a normal image and -1 for one whose score reaches the threshold."""
        return np.where(self.decision_function(X) > 0, 1, -1)

    def _features(self, X: Any) -> Features:
        """Return features of any of the kinds that are taken."""
        if isinstance(X, Features):
            return X
        if isinstance(X, Sequence) and len(X) and all(isinstance(one, Features) for one in X):
            return _joined(X)
        if not (isinstance(X, np.ndarray) or hasattr(X, "detach") or hasattr(X, "to_numpy")):
            raise TypeError(f"expected {EXPECTED}, got a {type(X).__name__}")
        array = as_numpy(X)
        if array.ndim not in (2, 4):
            raise ValueError(f"expected {EXPECTED}, got an array of shape {array.shape}")
        if array.ndim == 2:
            array = array[:, :, None, None]  # one location
        layers = self.detector.layers_read
        if len(layers) != 1:
            raise ValueError(
                f"expected a detector of one layer for an array, got layers {layers}: give "
                f'layers=("{LAYER}",), or Features of all of them'
            )
        (layer,) = layers
        size = (array.shape[2], array.shape[3])
        if isinstance(layer, str):
            return Features({layer: array}, image_size=size)
        return Features({LAYER: array}, image_size=size, strides={LAYER: layer})


def _labels(y: Any, count: int) -> np.ndarray:
    """Return (N,) labels, checked."""
    labels = as_numpy(y)
    if labels.shape != (count,) or not np.isin(labels, (-1, 0, 1)).all():
        raise ValueError(
            f"expected {count} labels, 0 good, 1 anomalous or -1 unlabelled, got shape "
            f"{labels.shape} with {np.unique(labels)[:5].tolist()}"
        )
    return labels


def _joined(images: Sequence[Features]) -> Features:
    """Return the features of all images together."""
    first = images[0]
    if any(list(one) != list(first) or one.image_size != first.image_size for one in images):
        raise ValueError("expected Features of the same layers and image size, got others")
    boxes = None
    if any(one.boxes is not None for one in images):
        boxes = np.concatenate([_boxes(one) for one in images])
    return Features(
        {name: np.concatenate([one[name] for one in images]) for name in first},
        image_size=first.image_size,
        strides=first.strides,
        backbone=first.backbone,
        digest=first.digest,
        ids=[name for one in images for name in one.ids],
        geometry=first.geometry,
        boxes=boxes,
    )


def _boxes(features: Features) -> np.ndarray:
    """Return (N, 4) edges of images in their padding, those of the images where there is none."""
    if features.boxes is not None:
        return features.boxes
    return np.tile((0, 0, *features.image_size), (features.n_images, 1))
