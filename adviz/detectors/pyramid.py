"""Layers of different resolution, brought to the finest grid by replication."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional


def on_finest_grid(layers: Mapping[str, np.ndarray], channels: np.ndarray | None = None) -> Tensor:
    """Concatenate (N, C, h, w) layers on the largest grid among them, coarse cells replicated (nearest).

    Parameters
    ----------
    layers: name -> (N, C, h, w) float.
    channels: ascending indices into the concatenated channels to keep; None = all.

    Returns
    -------
    (N, channels, rows, columns) float32.
    """
    grid = max(array.shape[2:] for array in layers.values())
    parts, start = [], 0
    for array in layers.values():
        stop = start + array.shape[1]
        kept = slice(None) if channels is None else channels[(channels >= start) & (channels < stop)] - start
        values = torch.from_numpy(np.asarray(array[:, kept], dtype=np.float32))
        if values.shape[1]:  # a few random channels may leave a layer out
            parts.append(functional.interpolate(values, grid, mode="nearest"))
        start = stop
    return torch.cat(parts, 1)
