"""Why did this one photograph fail? Its map, and the normal patches it was compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from adviz.data import UNLABELLED, Category, Geometry, Split
from adviz.evaluation import Null, Threshold
from adviz.explore.kit.evidence import searched_cells, whole_images
from adviz.explore.retrieval.view import RetrievalView
from adviz.prediction import Prediction

GREY = 128  # of the pictures that stand for normal images that were not given


def why(
    image: str | Path | np.ndarray | Any,
    detectors: Any,
    *,
    normal: Split | None = None,
    backbone: Any = None,
    thresholds: Any = None,
    limits: tuple[float, float] | None = None,
    nulls: Null | Mapping[str, Null] | None = None,
) -> RetrievalView:
    """Show why detectors find one image unusual: which patches of it, compared with which.

    Parameters
    ----------
    image: a file, a PIL image, or an array (h, w) or (h, w, 3) uint8.
    detectors: a fitted detector, or several by name; all fitted on features of one backbone.
    normal: the split they were fitted on, so that the normal images can be shown; None = grey
        pictures stand for them. It also says how the image is resized and cropped where no detector
        does, and without either that is ``Geometry()``.
    backbone: what made the features that they were fitted on; None = the network of that name, with
        its published weights.
    thresholds: what `calibrate` returned, or a score from which on an image is predicted anomalous;
        of several detectors by their names. Without it there is no verdict, and the colours of a
        map go from its lowest value to its highest, also where all of it is normal. With it they go
        from 0 to twice the threshold where the score is the map's maximum.
    limits: (low, high) where the colours of all maps end instead, score units.
    nulls: as for `explore.results`; where there are thresholds or limits, those set the colours.

    Returns
    -------
    A `RetrievalView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: no detector, one that is not fitted, detectors of different backbones or geometries,
        thresholds of other detectors, fewer normal images than they were fitted on, or limits that
        do not rise.
    TypeError: something else than detectors.
    OSError: the file cannot be read.

    Examples
    --------
    >>> view = explore.why(category.test.paths[20], detector, normal=category.train)
    >>> bool(view.evidence.image[0] < len(category.train))
    True
    """
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(f"expected limits (low, high) that rise, got {limits}")
    named = _named(detectors)
    scores = _by_detector(thresholds, named)
    test = _alone(image, _geometry_of(named, normal))
    network = _backbone_of(named) if backbone is None else backbone
    features = network.extract(test)
    predictions = {name: detector.predict(features) for name, detector in named.items()}
    category = Category(test.ids[0], _normal_of(predictions, normal, test), test)
    view = RetrievalView(category, predictions, nulls=nulls)
    chosen = {
        f"{category.name}/{name}": _score_of(threshold, predictions[name])
        for name, threshold in scores.items()
    }
    view.thresholds = chosen
    facts = view.source.facts["categories"][category.name]["detectors"]
    scales: dict[str, list[float]] = {}
    for name in named:
        threshold = chosen.get(f"{category.name}/{name}", 0.0)
        if limits is not None:
            scales[name] = [float(limit) for limit in limits]
        elif facts[name]["peak"] and threshold > 0:
            scales[name] = [0.0, 2 * threshold]
    view.limits = {f"{category.name}/{name}": scale for name, scale in scales.items()}
    # The scale of the page as well: it goes back there, and its bar holds all of it
    for name, scale in scales.items():
        if facts[name]["ends"] is not None:
            view.source.set_scale(category.name, name, scale)
    view.facts = view.source.facts
    return view


def _named(detectors: Any) -> dict[str, Any]:
    """Return detectors by name."""
    named = detectors
    if not isinstance(detectors, Mapping):
        named = {type(detectors).__name__: detectors}
    if not named:
        raise ValueError("expected a fitted detector, or several by name, got none")
    for name, detector in named.items():
        if not hasattr(detector, "predict"):
            raise TypeError(
                f"expected a fitted detector, or several by name, got {name}, which has no "
                "predict(features)"
            )
    return dict(named)


def _by_detector(thresholds: Any, detectors: Mapping[str, Any]) -> dict[str, Any]:
    """Return thresholds by the names of detectors."""
    if thresholds is None:
        return {}
    names = ", ".join(detectors)
    if not isinstance(thresholds, Mapping):
        if len(detectors) > 1:
            raise ValueError(f"expected thresholds by detector, of {names}, got {thresholds}")
        return {name: thresholds for name in detectors}
    unknown = [str(name) for name in thresholds if name not in detectors]
    if unknown:
        raise ValueError(f"expected thresholds of {names}, got one of {', '.join(unknown)}")
    return dict(thresholds)


def _score_of(threshold: Any, prediction: Prediction) -> float:
    """Return the score from which on an image is predicted anomalous."""
    if isinstance(threshold, Threshold):
        threshold.is_anomalous(prediction)  # refuses that of another detector
        return threshold.value
    return float(threshold)


def _alone(image: Any, geometry: Geometry | None) -> Split:
    """Return a split of one unlabelled image.

    One file cannot tell how many bits its camera uses: as in `Backbone.extract`, all 16 are read.
    """
    if geometry is not None and geometry.bits is None:
        geometry = replace(geometry, bits=16)
    unlabelled = [UNLABELLED]
    if isinstance(image, str | Path):
        path = Path(image).expanduser()
        return Split(
            [path], unlabelled, [None], ["unlabelled"], geometry=geometry, root=path.parent
        )
    return Split.from_arrays([image], unlabelled, names=["image"], geometry=geometry)


def _geometry_of(detectors: Mapping[str, Any], normal: Split | None) -> Geometry | None:
    """Return how detectors need images to be prepared; None = they do not say."""
    geometries: dict[str, Geometry] = {}
    for name, detector in detectors.items():
        geometry = getattr(detector, "geometry_", None)
        if geometry is not None:
            geometries[name] = geometry
    if not geometries:
        return None if normal is None else normal.geometry
    first, *others = geometries
    for name in others:
        if geometries[name].pixels != geometries[first].pixels:
            raise ValueError(
                f"expected detectors fitted on images of one geometry, got {geometries[first]} of "
                f"{first} and {geometries[name]} of {name}"
            )
    return geometries[first]


def _backbone_of(detectors: Mapping[str, Any]) -> Any:
    """Return the network that made the features, with all layers that the detectors read."""
    from adviz.features import Backbone  # loads torch

    labels = {}
    layers: dict[str, None] = {}  # in the order of the detectors
    for name, detector in detectors.items():
        if not (hasattr(detector, "backbone_") and hasattr(detector, "layers_")):
            raise ValueError(
                f"expected fitted detectors that say on whose features, got {name}, which does "
                "not: call fit(features) first, or give backbone="
            )
        labels[name] = detector.backbone_
        layers |= dict.fromkeys(detector.layers_)
    if len(set(labels.values())) > 1:
        each = ", ".join(f"{label or 'an unnamed one'} of {name}" for name, label in labels.items())
        raise ValueError(f"expected detectors fitted on features of one backbone, got {each}")
    label = next(iter(labels.values()))
    if not label or "(" in label:
        raise ValueError(
            "expected backbone=, what made the features that the detectors were fitted on: "
            f"{label or 'its name'!r} does not tell all of it"
        )
    return Backbone(label, layers=list(layers))


def _normal_of(predictions: Mapping[str, Prediction], normal: Split | None, test: Split) -> Split:
    """Return the normal images as the detectors saw them, or grey pictures for them."""
    needed = max(_normal_images(prediction) for prediction in predictions.values())
    if normal is None:
        return _grey(needed, test)
    if len(normal) < needed:
        raise ValueError(
            f"expected the split that the detectors were fitted on, of {needed} or more images, "
            f"got one of {len(normal)}"
        )
    if normal.geometry.pixels != test.geometry.pixels:
        return normal.with_geometry(test.geometry)
    return normal


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
