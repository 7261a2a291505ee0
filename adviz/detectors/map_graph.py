"""Patch scores to anomaly maps as two products of matrices, for an exporter to follow."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from adviz.core import maps


class MapGraph(nn.Module):
    """Enlarge (N, h, w) patch scores to (N, H, W) and smooth them, as `maps` does.

    Both are linear, and act on rows and on columns one after the other, so that the map of the
    scores S is R S C' with a matrix R (H, h) for the rows and C (W, w) for the columns. They are
    what `maps.resize` and `maps.smooth` make of each unit vector.

    Parameters
    ----------
    grid: (h, w).
    image_size: (H, W), pixels.
    upsample, sigma, border: as for `maps.resize` and `maps.smooth`.
    """

    rows: Tensor
    columns: Tensor

    def __init__(
        self,
        grid: tuple[int, int],
        image_size: tuple[int, int],
        upsample: maps.Method,
        sigma: float,
        border: maps.Border,
    ) -> None:
        super().__init__()
        matrices = []
        for locations, side in zip(grid, image_size, strict=True):
            units = np.eye(locations, dtype=np.float32)[:, :, None]  # (h, h, 1)
            resized = maps.resize(units, (side, 1), upsample)  # (h, H, 1)
            smoothed = maps.smooth(resized, sigma, border=border)
            matrices.append(torch.from_numpy(smoothed[:, :, 0].T.copy()))
        self.register_buffer("rows", matrices[0])  # (H, h)
        self.register_buffer("columns", matrices[1].T.contiguous())  # (w, W)

    def forward(self, patch_scores: Tensor) -> Tensor:
        """Return (N, H, W) maps of (N, h, w) patch scores."""
        enlarged: Tensor = self.rows @ patch_scores @ self.columns
        return enlarged
