"""The teacher of distillation, which is its features: layers, checks and batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from adviz._support import require_attributes
from adviz.detectors.base import EXPECTED

if TYPE_CHECKING:
    from adviz.features import Features


PIXELS = "image"  # the layer of a `Backbone` that is what its network is fed


def teacher_layers(
    features: Features, layers: Sequence[int | str], *, with_code: bool
) -> list[str]:
    """Return the names of the layers to read, finest first.

    With the code, the teacher's own next stage is the last.

    Raises
    ------
    ValueError: a layer these features do not have.
    """
    require_attributes(features, "select strides", EXPECTED)
    chosen = features.select(layers)
    names = sorted(chosen, key=lambda name: chosen.strides[name])
    if not with_code:
        return names
    stride = 2 * chosen.strides[names[-1]]
    following = [name for name in features if features.strides[name] == stride]
    if len(following) != 1:
        raise ValueError(
            'bottleneck="pre" feeds the student the teacher\'s own next stage: expected one layer '
            f"of stride {stride} in these features, got {_listed(features)}: extract it as well "
            "with Backbone(layers=...)"
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
        raise ValueError(
            f"this student is fed the image: expected the layer {PIXELS!r} in these features, got "
            f"{_listed(features)}: extract it as well with Backbone(layers=({PIXELS!r}, ...))"
        )
    return [*names, PIXELS]


def _listed(features: Features) -> str:
    """Return the layers with their strides, for an error."""
    return ", ".join(f"{name} (stride {stride})" for name, stride in features.strides.items())


def stem_halvings(features: Features) -> int:
    """Return how often the grid of the pixels halves down to that of the finest layer.

    The pixels are the last layer here, the finest is the first.

    Raises
    ------
    ValueError: it does not get there by halving.
    """
    finest, *_, pixels = (array.shape[2:] for array in features.values())
    halvings = int(pixels[0] // finest[0]).bit_length() - 1
    if pixels != (finest[0] << halvings, finest[1] << halvings):
        raise ValueError(
            f"expected a finest layer whose grid is the image's, halved some times, got {finest} "
            f"for an image of {pixels}: choose another finest layer, or images whose sides are "
            "multiples of its stride"
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
            "expected the features of at least 2 training images, got "
            f"{features.n_images}: add images"
        )
    grids = {name: array.shape[2:] for name, array in features.items()}
    halve = all(
        finer == (2 * coarser[0], 2 * coarser[1]) for finer, coarser in pairwise(grids.values())
    )
    *_, coarsest = grids.values()
    odd = any(side % 2 for side in coarsest)
    if not halve or (odd and not with_code):
        *_, multiple = features.strides.values()
        if not with_code:  # the student's code has half the coarsest grid
            multiple *= 2
        raise ValueError(
            "expected layers whose grids halve from one to the next, the last with even sides, got "
            f"{grids}: choose layers of consecutive strides and images whose sides are multiples "
            f"of {multiple} pixels"
        )


def teacher_batch(features: Features, images: np.ndarray | slice, device: str) -> list[Tensor]:
    """Return the layers of some images, (n, C, h, w) float32 each, finest first.

    In memory the channels come last, with which a training step takes a fifth less time.
    """
    batch = []
    for array in features.values():
        copy = torch.from_numpy(np.array(array[images], dtype=np.float32, order="C"))
        batch.append(copy.to(device).contiguous(memory_format=torch.channels_last))
    return batch


def fused_layers(
    names: Sequence[str], strides: Mapping[str, int], chosen: Sequence[int | str] | None
) -> Sequence[str]:
    """Return the layers whose maps are fused, given by name or stride; None = all.

    Raises
    ------
    ValueError: none, one that is not the student's, or one twice.
    """
    if chosen is None:
        return names
    fused = [name for name in names if name in chosen or strides[name] in chosen]
    if not fused or len(fused) != len(chosen):
        known = ", ".join(f"{name} (stride {strides[name]})" for name in names)
        raise ValueError(
            f"expected map_layers among the student's ({known}), each once, got {chosen}"
        )
    return fused
