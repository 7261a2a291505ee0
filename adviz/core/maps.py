"""Resize and smooth anomaly maps."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from scipy import ndimage

from adviz._support import as_numpy, got

__all__ = ["inside", "resize", "smooth"]
Method = Literal["bilinear", "nearest", "bicubic", "area"]
Border = Literal["reflect", "mirror"]


def __dir__() -> list[str]:
    return sorted(__all__)


def resize(
    maps: np.ndarray,
    size: tuple[int, int],
    method: Method = "bilinear",
    *,
    align_corners: bool = False,
) -> np.ndarray:
    """Resize maps to `size`.

    Parameters
    ----------
    maps: (N, h, w) float or bool.
    size: (H, W) pixels.
    method: "bilinear" and "bicubic" put sample centres at half-pixels (align_corners=False) and do
        not anti-alias; "nearest" repeats; "area" takes the exact mean over the area each output
        pixel covers.
    align_corners: with "bilinear" and "bicubic", the centres of the corner locations are those of
    the
        corner pixels instead, which moves everything else towards the borders (reverse
        distillation's code).

    Returns
    -------
    (N, H, W) float32.

    Examples
    --------
    >>> from adviz import maps
    >>> maps.resize(np.array([[[0.0, 1.0]]]), (2, 4), "nearest")
    array([[[0., 0., 1., 1.],
            [0., 0., 1., 1.]]], dtype=float32)
    """
    if align_corners and method not in ("bilinear", "bicubic"):
        raise ValueError(f'align_corners needs method "bilinear" or "bicubic", got {method!r}')
    maps = np.ascontiguousarray(_checked(maps), dtype=np.float32)
    # torch refuses negative strides (a reversed axis of length 1) and read-only arrays
    if min(maps.strides) < 0 or not maps.flags.writeable:
        maps = maps.copy()
    if maps.shape[1:] == tuple(size):
        return maps
    if method == "area":
        rows = _area_weights(maps.shape[1], size[0])  # (H, h)
        columns = _area_weights(maps.shape[2], size[1])  # (W, w)
        return np.asarray(rows @ maps @ columns.T, dtype=np.float32)
    import torch

    from adviz._support import survive_forks

    survive_forks()
    if method not in ("bilinear", "nearest", "bicubic"):
        message = got(method, get_args(Method))
        raise ValueError(f'method must be "bilinear", "nearest", "bicubic" or "area", {message}')
    options = {} if method == "nearest" else {"align_corners": align_corners}
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[:, None], size=tuple(size), mode=method, **options
    )
    return np.asarray(resized[:, 0].numpy())


def _checked(maps: Any) -> np.ndarray:
    array = as_numpy(maps)
    if array.ndim != 3 or array.dtype.kind not in "biuf":
        raise ValueError(
            "maps must be numbers of shape (N, height, width), "
            f"got shape {array.shape} of {array.dtype}"
        )
    return array


def _area_weights(old: int, new: int) -> np.ndarray:
    """Return the fraction of new sample i that old sample j covers, (new, old); rows sum to 1."""
    edges = np.linspace(0, old, new + 1)  # of the new samples, in units of the old ones
    left = np.arange(old)
    overlap = np.minimum(edges[1:, None], left + 1) - np.maximum(edges[:-1, None], left)
    weights: np.ndarray = np.clip(overlap, 0, None) * new / old
    return weights.astype(np.float32)


def inside(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return which pixels of padded images belong to the image, not to its padding.

    Parameters
    ----------
    boxes: (N, 4) int, the top, left, bottom and right edge of every image, pixels.
    size: (H, W) with padding, pixels.

    Returns
    -------
    (N, H, W) bool.

    Examples
    --------
    >>> from adviz import maps
    >>> maps.inside(np.array([[1, 0, 2, 3]]), (3, 3)).astype(int)
    array([[[0, 0, 0],
            [1, 1, 1],
            [0, 0, 0]]])
    """
    top, left, bottom, right = np.asarray(boxes).T[:, :, None]  # (N, 1) each
    rows = np.arange(size[0])
    columns = np.arange(size[1])
    row_inside = (rows >= top) & (rows < bottom)  # (N, H)
    column_inside = (columns >= left) & (columns < right)  # (N, W)
    return np.asarray(row_inside[:, :, None] & column_inside[:, None, :])


def smooth(maps: np.ndarray, sigma: float = 4.0, *, border: Border = "reflect") -> np.ndarray:
    """Blur every map with a Gaussian that is cut at 4 sigma.

    This is the smoothing of SPADE 3.5, PaDiM and PatchCore 3.3 (sigma = 4).

    Parameters
    ----------
    maps: (N, H, W) float.
    sigma: standard deviation, pixels; 0 returns the maps unchanged.
    border: how a map goes on beyond its border, in scipy's words: "reflect" mirrors it about the
        border's edge, so that the border pixels come twice (c b a | a b c: the papers' codes);
        "mirror" about the centres of the border pixels (c b | a b c: anomalib, and what torch calls
        "reflect").

    Returns
    -------
    (N, H, W) float32.

    Raises
    ------
    ValueError: a negative sigma, or another border.

    Examples
    --------
    >>> from adviz import maps
    >>> point = np.zeros((1, 33, 33))
    >>> point[0, 16, 16] = 1
    >>> float(maps.smooth(point, sigma=4).sum().round(3))
    1.0
    """
    if sigma < 0:
        raise ValueError(f"sigma must be 0 or more pixels, got {sigma}")
    if border not in get_args(Border):
        raise ValueError(f'border must be "reflect" or "mirror", {got(border, get_args(Border))}')
    maps = _checked(maps)
    if sigma == 0:
        return maps
    maps = np.asarray(maps, np.float32)
    sigmas = (0, sigma, sigma)  # none across images
    return np.asarray(ndimage.gaussian_filter(maps, sigmas, truncate=4.0, mode=border))
