"""Layers of different resolution, brought to the finest grid by replication."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def fill_positions(target: Tensor, layers: Mapping[str, np.ndarray], channels: np.ndarray) -> None:
    """Write the layers of one image, concatenated on the largest grid among them, coarse cells replicated (nearest).

    Parameters
    ----------
    target: (rows * columns, channels) float32, written to; a view of a larger array serves.
    layers: name -> (C, h, w) float.
    channels: ascending indices into the concatenated channels to keep.
    """
    grid = max(array.shape[1:] for array in layers.values())
    start = column = 0
    for array in layers.values():
        stop = start + len(array)
        kept = channels[(channels >= start) & (channels < stop)] - start
        rows = torch.from_numpy(np.asarray(array[kept], dtype=np.float32)).flatten(1).T
        target[:, column : column + len(kept)] = rows[
            _cells((array.shape[1], array.shape[2]), grid)
        ]
        start, column = stop, column + len(kept)


@lru_cache(maxsize=16)
def _cells(size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Return which cell of a coarse grid each cell of a finer one repeats, as torch's nearest interpolation has it."""
    numbers = torch.arange(size[0] * size[1], dtype=torch.float64).view(1, 1, *size)
    return functional.interpolate(numbers, grid, mode="nearest").long().flatten()
