"""What a fitted SPADE has learned, as arrays and numbers for a file, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adviz.detectors.base import check_features
from adviz.detectors.dn2 import DN2
from adviz.detectors.persistence.checked_state import CheckedState, positive_integers
from adviz.detectors.persistence.save_load import contents, restored
from adviz.detectors.spade.gallery_search import CellIndex
from adviz.features import Features

if TYPE_CHECKING:
    from adviz.detectors.spade.detector import SPADE

FLOATS = (np.float32, np.float16)


def state_of(detector: SPADE) -> dict[str, Any]:
    """Return the first stage's contents, the gallery and the indexes over its patches."""
    gallery = detector._gallery
    _check_layers(dict(gallery), detector._channels)
    state = {
        "k_used": detector.k_used_,
        "count": detector._count,
        "retrieval": contents(detector._retrieval),
        "gallery": dict(gallery),
        "image_size": gallery.image_size,
        "strides": gallery.strides,
        "ids": gallery.ids,
        "centre": detector._centre,
        "indexes": {
            group: None if index is None else index.arrays()
            for group, index in detector._indexes.items()
        },
    }
    if gallery.boxes is not None:
        state["boxes"] = gallery.boxes
    return state


def restore(detector: SPADE, state: Mapping[str, Any]) -> None:
    """Set what `state_of` returned in a detector that has its options and layers."""
    checked = CheckedState(state)
    gallery = _gallery(detector, checked, padded="boxes" in state)
    detector.k_used_ = checked.value("k_used", int, least=1, most=gallery.n_images)
    retrieval = restored(DN2, checked.nested("retrieval"), None)
    _check_retrieval(retrieval, detector, gallery.n_images)
    detector._retrieval = retrieval
    detector._count = checked.value("count", int, least=1, most=retrieval.k_used_)
    detector._gallery = gallery
    detector._centre = _centre(detector, checked.nested("centre"))
    indexes = checked.nested("indexes")
    groups = detector._groups()
    if not isinstance(indexes, dict) or set(indexes) != set(groups):
        raise ValueError(f"expected an entry for each of {', '.join(groups)} in indexes")
    detector._indexes = {
        group: _cell_index(detector, names, indexes[group]) for group, names in groups.items()
    }
    checked.end()


def _gallery(detector: SPADE, checked: CheckedState, *, padded: bool) -> Features:
    """Return the features of the training images."""
    layers = checked.nested("gallery")
    _check_layers(layers, detector._channels)
    backbone, digest = detector._backbone
    gallery = Features(
        {name: layers[name] for name in detector._channels},
        image_size=checked.value("image_size", tuple[int, int], least=1),
        strides=positive_integers(checked.nested("strides"), detector.layers_),
        backbone=backbone,
        digest=digest,
        ids=checked.value("ids", list),
        geometry=detector.geometry_,
        boxes=checked.array("boxes", "int64", "N 4") if padded else None,
    )
    check_features(gallery)
    return gallery


def _check_layers(layers: Any, channels: Mapping[str, int]) -> None:
    """Refuse what is not a (N, C, h, w) float array for each layer."""
    if not isinstance(layers, dict) or set(layers) != set(channels):
        raise ValueError(f"expected the layers {', '.join(channels)}")
    for name, count in channels.items():
        array = layers[name]
        is_layer = isinstance(array, np.ndarray) and array.ndim == 4 and array.dtype in FLOATS
        if not is_layer or array.shape[1] != count:
            raise ValueError(
                f"expected {count} channels (N, C, h, w) of float32 or float16 in {name}"
            )
        if 0 in array.shape:
            raise ValueError(
                f"expected at least one image and cell in {name}, got shape {array.shape}"
            )


def _check_retrieval(retrieval: DN2, detector: SPADE, n_images: int) -> None:
    """Refuse a first stage that is not over the gallery's images, or finds too few of them."""
    same_layers = tuple(retrieval.layers) == tuple(detector.image_layers)
    if not same_layers or len(retrieval.mean_features_) != n_images:
        raise ValueError(
            "expected a first stage over the same images and the layers that the options name"
        )
    if retrieval._backbone != detector._backbone or retrieval.k_used_ < detector.k_used_:
        raise ValueError("expected a first stage of the same backbone that finds the gallery")


def _centre(detector: SPADE, state: Any) -> dict[str, np.ndarray]:
    """Return the (C, 1, 1) mean of every layer."""
    checked = CheckedState(state, **{"1": 1})
    centre = {name: checked.array(name, "float32", f"{name} 1 1") for name in detector.layers_}
    checked.end()
    if {name: len(mean) for name, mean in centre.items()} != detector._channels:
        raise ValueError("expected a centre for each channel")
    return centre


def _cell_index(detector: SPADE, names: Sequence[str], arrays: Any) -> CellIndex | None:
    if (arrays is not None) != (detector.search == "ivfpq"):
        raise ValueError("expected an index where the options ask for one, and none otherwise")
    if arrays is None:
        return None
    return CellIndex.of_arrays(detector._gallery_cells(names), detector.score_neighbors, arrays)
