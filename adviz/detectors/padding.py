"""Letterboxed images: what the padding around an image shows in patch values and in maps."""

from __future__ import annotations

import numpy as np

from adviz.core import maps
from adviz.features import Features, fill_padding


def spread(patches: np.ndarray, features: Features) -> np.ndarray:
    """Return (N, h, w, ...) values of patches, with those in padding taken from the nearest patch.

    So neither enlarging nor smoothing mixes padding into a map, here or in whatever is made of the
    layers' maps.
    """
    if features.boxes is None:
        return patches
    grid_last = np.moveaxis(patches, (1, 2), (-2, -1))  # (N, ..., h, w)
    return np.moveaxis(
        fill_padding(grid_last, features.boxes, features.image_size), (-2, -1), (1, 2)
    )


def without_padding(pixels: np.ndarray, features: Features) -> np.ndarray:
    """Return (N, H, W) maps with 0 in padding."""
    if features.boxes is None:
        return pixels
    inside = maps.inside(features.boxes, features.image_size)  # (N, H, W)
    return np.asarray(np.where(inside, pixels, pixels.dtype.type(0)))
