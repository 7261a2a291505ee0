"""Why did this one photograph fail? Its map, and the normal patches it was compared with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from adviz.data import Category, Geometry, Split
from adviz.evaluation import Threshold
from adviz.explore.kit.evidence import searched_cells, whole_images
from adviz.explore.retrieval.view import RetrievalView
from adviz.prediction import Prediction

UNLABELLED = -1
GREY = 128  # of the pictures that stand for normal images that were not given


def why(
    image: str | Path | np.ndarray | Any,
    detectors: Any,
    *,
    normal: Split | None = None,
    backbone: Any = None,
    thresholds: Mapping[str, Any] | None = None,
) -> RetrievalView:
    """Show why detectors find one image unusual: which patches of it, compared with which.

    Parameters
    ----------
    image: a file, a PIL image, or an array (h, w) or (h, w, 3) uint8.
    detectors: a fitted detector, or several by name; all fitted on features of one backbone.
    normal: the split they were fitted on, so that the normal images can be shown; None = grey
        pictures stand for them.
    backbone: what made the features that they were fitted on; None = the network of that name, with
        its published weights.
    thresholds: detector's name -> what `calibrate` returned, or a score from which on an image is
        predicted anomalous; without it there is no verdict.

    Returns
    -------
    A `RetrievalView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: no detector, one that is not fitted, detectors of different backbones or geometries,
        or fewer normal images than they were fitted on.
    OSError: the file cannot be read.

    Examples
    --------
    >>> view = explore.why(category.test.paths[20], detector, normal=category.train)
    >>> bool(view.evidence.image[0] < len(category.train))
    True
    """
    named = dict(detectors) if isinstance(detectors, Mapping) else {_name_of(detectors): detectors}
    if not named:
        raise ValueError("expected a fitted detector, or several by name, got none")
    test = _alone(image, _geometry_of(named))
    features = (backbone or _backbone_of(named)).extract(test)
    predictions = {name: detector.predict(features) for name, detector in named.items()}
    needed = max(_normal_images(prediction) for prediction in predictions.values())
    if normal is None:
        normal = _grey(needed, test)
    if len(normal) < needed:
        raise ValueError(
            f"expected the split that the detectors were fitted on, of {needed} or more images, "
            f"got one of {len(normal)}"
        )
    category = Category(test.ids[0], normal, test)
    view = RetrievalView(category, predictions)
    chosen = {}
    for name, threshold in (thresholds or {}).items():
        score = threshold.value if isinstance(threshold, Threshold) else threshold
        chosen[f"{category.name}/{name}"] = float(score)
    view.thresholds = chosen
    return view


def _name_of(detector: Any) -> str:
    return str(getattr(detector, "title", type(detector).__name__))


def _alone(image: Any, geometry: Geometry | None) -> Split:
    """Return a split of one unlabelled image."""
    unlabelled = [UNLABELLED]
    if isinstance(image, str | Path):
        path = Path(image)
        return Split(
            [path], unlabelled, [None], ["unlabelled"], geometry=geometry, root=path.parent
        )
    return Split.from_arrays([image], unlabelled, names=["image"], geometry=geometry)


def _geometry_of(detectors: Mapping[str, Any]) -> Geometry | None:
    geometries = {name: _fact(name, one, "geometry_") for name, one in detectors.items()}
    first: Geometry | None = next(iter(geometries.values()))
    for name, geometry in geometries.items():
        if geometry != first:
            raise ValueError(
                f"expected detectors fitted on images of one geometry, got {first} and, of {name}, "
                f"{geometry}"
            )
    return first


def _backbone_of(detectors: Mapping[str, Any]) -> Any:
    """Return the network that made the features, with all layers that the detectors read."""
    from adviz.features import Backbone  # loads torch

    labels = {name: _fact(name, one, "backbone_") for name, one in detectors.items()}
    if len(set(labels.values())) > 1:
        raise ValueError(f"expected detectors of one backbone, got {labels}")
    label = next(iter(labels.values()))
    layers = dict.fromkeys(layer for one in detectors.values() for layer in one.layers_)
    if not label or "(" in label:
        raise ValueError(
            f"expected backbone=, what made the features: of {label or 'an unnamed one'!r} the "
            "weights are not known"
        )
    return Backbone(label, layers=list(layers))


def _fact(name: str, detector: Any, attribute: str) -> Any:
    if not hasattr(detector, attribute):
        raise ValueError(
            f"expected fitted detectors, got {name} without {attribute}: call fit(features) first"
        )
    return getattr(detector, attribute)


def _normal_images(prediction: Prediction) -> int:
    """Return how many normal images there are at least, as neighbours tell."""
    searched = prediction.neighbors.get(searched_cells(prediction))
    numbers = [0]
    for neighbors in (searched, whole_images(prediction)):
        if neighbors is not None:
            numbers.append(int(neighbors.image.max()))
    return 1 + max(numbers)


def _grey(count: int, test: Split) -> Split:
    """Return a split of grey pictures that take no memory."""
    height, width = test.image_size
    pixels = np.broadcast_to(np.uint8(GREY), (count, height, width, 3))
    names = [f"normal image {number}" for number in range(count)]
    geometry = Geometry((height, width), crop=False)
    return Split.from_arrays(pixels, [0] * count, names=names, geometry=geometry)
