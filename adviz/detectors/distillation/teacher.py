"""The teacher of distillation as its features: which layers it has, and what a student can learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from adviz._support import require
from adviz.detectors.base import EXPECTED

if TYPE_CHECKING:
    from adviz.features import Features


PIXELS = "image"  # the layer of a `Backbone` that is what its network is fed


def teacher_layers(
    features: Features, layers: Sequence[int | str], *, with_code: bool
) -> list[str]:
    """Return the names of the layers to read, finest first; with the code, the teacher's own next stage is the last.

    Raises
    ------
    ValueError: a layer these features do not have.
    """
    require(features, "select strides", EXPECTED)
    chosen = features.select(layers)
    names = sorted(chosen, key=lambda name: chosen.strides[name])
    if not with_code:
        return names
    stride = 2 * chosen.strides[names[-1]]
    following = [name for name in features if features.strides[name] == stride]
    if len(following) != 1:
        there = ", ".join(f"{name} (stride {value})" for name, value in features.strides.items())
        raise ValueError(
            'bottleneck="pre" feeds the student the teacher\'s own next stage: expected one layer of stride '
            f"{stride} in these features, got {there}: extract it as well with Backbone(layers=...)"
        )
    return [*names, *following]


def pixels_and_layers(features: Features, layers: Sequence[int | str]) -> list[str]:
    """Return the names of the layers to rebuild, finest first, and last that of the pixels.

    Raises
    ------
    ValueError: a layer these features do not have, or no pixels.
    """
    names = teacher_layers(features, layers, with_code=False)
    if PIXELS not in features:
        there = ", ".join(f"{name} (stride {value})" for name, value in features.strides.items())
        raise ValueError(
            f"this student is fed the image: expected the layer {PIXELS!r} in these features, got {there}: extract it "
            f"as well with Backbone(layers=({PIXELS!r}, ...))"
        )
    return [*names, PIXELS]


def stem_halvings(features: Features) -> int:
    """Return how often the pixels' grid, the last layer here, halves down to the finest layer's, the first.

    Raises
    ------
    ValueError: it does not get there by halving.
    """
    finest, *_, pixels = (array.shape[2:] for array in features.values())
    halvings = int(pixels[0] // finest[0]).bit_length() - 1
    if pixels != (finest[0] << halvings, finest[1] << halvings):
        raise ValueError(
            f"expected a finest layer whose grid is the image's, halved some times, got {finest} for an image of "
            f"{pixels}: choose another finest layer, or images whose sides are multiples of its stride"
        )
    return halvings


def check_teacher(features: Features, *, with_code: bool) -> None:
    """Refuse fewer than two images, and layers whose grids do not halve down to the code's.

    Raises
    ------
    ValueError: what was expected and what the features have.
    """
    if features.n_images < 2:
        raise ValueError(
            f"expected the features of at least 2 training images, got {features.n_images}: add images"
        )
    grids = {name: array.shape[2:] for name, array in features.items()}
    coarsest = list(grids.values())[-1]
    halves = all(a == (2 * b[0], 2 * b[1]) for a, b in pairwise(grids.values()))
    if not halves or (not with_code and any(side % 2 for side in coarsest)):
        multiple = list(features.strides.values())[-1] * (1 if with_code else 2)
        raise ValueError(
            f"expected layers whose grids halve from one to the next, the last with even sides, got {grids}: choose "
            f"layers of consecutive strides and images whose sides are multiples of {multiple} pixels"
        )


def teacher_batch(features: Features, images: np.ndarray | slice, device: str) -> list[Tensor]:
    """Return the layers of some images, (n, C, h, w) float32 each, finest first.

    In memory the channels come last, with which a training step takes a fifth less time.
    """
    copies = (
        torch.from_numpy(np.array(array[images], dtype=np.float32, order="C"))
        for array in features.values()
    )
    return [copy.to(device).contiguous(memory_format=torch.channels_last) for copy in copies]


def joined_layers(
    names: Sequence[str], strides: Mapping[str, int], chosen: Sequence[int | str] | None
) -> Sequence[str]:
    """Return the layers whose maps are joined, given by name or stride; None = all.

    Raises
    ------
    ValueError: none, one that is not the student's, or one twice.
    """
    if chosen is None:
        return names
    found = [name for name in names if name in chosen or strides[name] in chosen]
    if not found or len(found) != len(chosen):
        there = ", ".join(f"{name} (stride {strides[name]})" for name in names)
        raise ValueError(
            f"expected map_layers among the student's ({there}), each once, got {chosen}"
        )
    return found
