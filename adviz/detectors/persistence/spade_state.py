"""What a fitted `SPADE` has learned, as arrays and numbers, and back: its first stage and its gallery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adviz.detectors.base import Detector, check_features
from adviz.detectors.dn2 import DN2
from adviz.detectors.persistence.checked_state import Held, Kept, whole_numbers
from adviz.detectors.spade.detector import SPADE
from adviz.detectors.spade.search import CellIndex
from adviz.features import Features

FLOATS = (np.float32, np.float16)


def kept(detector: SPADE) -> dict[str, Any]:
    """Return the first stage's contents, the gallery and the indexes over its cells."""
    from adviz.detectors.persistence.save_load import contents

    gallery = detector._gallery
    _layers(dict(gallery), detector._channels)
    return {
        "k_used": detector.k_used_,
        "count": detector._count,
        "retrieval": contents(detector._retrieval),
        "gallery": dict(gallery),
        "image_size": gallery.image_size,
        "strides": gallery.strides,
        "ids": gallery.ids,
        "centre": detector._centre,
        "indexes": {
            key: None if index is None else index.arrays()
            for key, index in detector._indexes.items()
        },
        **({} if gallery.boxes is None else {"boxes": gallery.boxes}),
    }


def restore(detector: SPADE, state: Kept) -> None:
    """Put them into a detector that has its options and layers."""
    from adviz.detectors.persistence.save_load import restored

    held = Held(state)
    layers = _layers(held.part("gallery"), detector._channels)
    gallery = Features(
        layers,
        image_size=held.fact("image_size", tuple[int, int], least=1),
        strides=whole_numbers(held.part("strides"), detector.layers_),
        backbone=detector._backbone[0],
        digest=detector._backbone[1],
        ids=held.fact("ids", list),
        geometry=detector.geometry_,
        boxes=held.array("boxes", "int64", "N 4") if "boxes" in state else None,
    )
    check_features(gallery)
    detector.k_used_ = held.fact("k_used", int, least=1, most=gallery.n_images)
    detector._retrieval = _retrieval(
        restored(DN2, held.part("retrieval"), None), detector, gallery.n_images
    )
    detector._count = held.fact("count", int, least=1, most=detector._retrieval.k_used_)
    detector._gallery = gallery
    centres = Held(held.part("centre"), **{"1": 1})
    detector._centre = {
        name: centres.array(name, "float32", f"{name} 1 1") for name in detector.layers_
    }
    centres.end()
    if {name: len(centre) for name, centre in detector._centre.items()} != detector._channels:
        raise ValueError("expected a centre for each channel")
    indexes, groups = held.part("indexes"), detector._groups()
    if not isinstance(indexes, dict) or set(indexes) != set(groups):
        raise ValueError(f"expected an entry for each of {', '.join(groups)} in indexes")
    detector._indexes = {
        key: _cell_index(detector, names, indexes[key]) for key, names in groups.items()
    }
    held.end()


def _layers(layers: Any, channels: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Return (N, C, h, w) float arrays, one for each layer, in their order."""
    if not isinstance(layers, dict) or set(layers) != set(channels):
        raise ValueError(f"expected the layers {', '.join(channels)}")
    for name, count in channels.items():
        array = layers[name]
        if (
            not isinstance(array, np.ndarray)
            or array.ndim != 4
            or array.dtype not in FLOATS
            or array.shape[1] != count
        ):
            raise ValueError(
                f"expected {count} channels (N, C, h, w) of float32 or float16 in {name}"
            )
        if 0 in array.shape:
            raise ValueError(
                f"expected at least one image and cell in {name}, got shape {array.shape}"
            )
    return {name: layers[name] for name in channels}


def _retrieval(retrieval: Detector, detector: SPADE, images: int) -> DN2:
    """Check the first stage of a `SPADE` over so many images."""
    if not isinstance(retrieval, DN2):
        raise TypeError("expected a DN2 as the first stage")
    if (
        tuple(retrieval.layers) != tuple(detector.image_layers)
        or len(retrieval.mean_features_) != images
    ):
        raise ValueError(
            "expected a first stage over the same images and the layers that the options name"
        )
    if retrieval._backbone != detector._backbone or retrieval.k_used_ < detector.k_used_:
        raise ValueError("expected a first stage of the same backbone that finds the gallery")
    return retrieval


def _cell_index(detector: SPADE, names: Sequence[str], arrays: Any) -> CellIndex | None:
    if (arrays is not None) != (detector.search == "ivfpq"):
        raise ValueError("expected an index where the options ask for one, and none otherwise")
    if arrays is None:
        return None
    images = range(detector._gallery.n_images)
    cells = [detector._cells(detector._gallery, names, image, False) for image in images]
    return CellIndex.kept(cells, detector.neighbors, arrays)
