"""The integer grid on which the greedy search is exact: the same order on every machine, thread count and device."""

from __future__ import annotations

import hashlib
import warnings
from typing import Any, NamedTuple

import numpy as np
import psutil
import torch

from adviz.devices import workers
from adviz.tensors import as_numpy

COARSE = 32  # grid units; rows nearer to the centre than this are too coarsely rounded to be compared
LARGEST = 255  # bfloat16, in which some processors could multiply, holds integers up to 256
LIMIT = 2**22  # of a row's squared norm, so that float32 holds every sum of products exactly
CHUNK = 2**12  # rows at a time, on a thread, so that float64 copies stay in its cache


class Grid(NamedTuple):
    """Rows rounded to integers so small that every inner product is exact in float32, in any order of summing.

    Attributes
    ----------
    rows: (M, d) float32 or int16, integers, centred, with 4 * (largest squared norm) < 2**24.
    scale: grid units per feature unit.

    Examples
    --------
    >>> from adviz import coreset
    >>> grid = coreset.to_grid(np.array([[0.0], [1], [3]]))
    >>> grid.rows.shape, grid.scale > 1
    ((3, 1), True)
    """

    rows: np.ndarray
    scale: float

    def digest(self) -> str:
        """Return a short hash of the grid: two searches with the same one have the same order.

        Examples
        --------
        >>> from adviz import coreset
        >>> points = np.array([[0.0], [1], [3]])
        >>> coreset.to_grid(points).digest() == coreset.to_grid(points + 1).digest()
        True
        """
        digest = hashlib.blake2b(str(self.rows.shape).encode(), digest_size=6)
        for start in range(0, len(self.rows), CHUNK):
            digest.update(self.rows[start : start + CHUNK].astype(np.int16).tobytes())
        return digest.hexdigest()


def to_grid(points: np.ndarray, *, dtype: np.typing.DTypeLike = np.float32) -> Grid:
    """Centre (M, d) points and round them to integers; only centring and scaling are done in float64.

    Parameters
    ----------
    points: (M, d) float.
    dtype: of the grid's rows. int16 takes half of float32's memory, and numpy's products of it overflow.

    Raises
    ------
    ValueError: no row, NaN or infinity.
    MemoryError: the grid needs more memory than is free.

    Examples
    --------
    >>> from adviz import coreset
    >>> grid = coreset.to_grid(np.array([[0.0], [1], [3]]))
    >>> bool((grid.rows == grid.rows.round()).all())
    True
    """
    points = as_numpy(points)
    if points.ndim != 2 or not points.size:
        raise ValueError(f"points must be (M, d) with M and d of 1 or more, got shape {points.shape}")
    copies = 24 * min(len(points), CHUNK * torch.get_num_threads()) * points.shape[1]
    kind: np.dtype[Any] = np.dtype(dtype)
    if kind not in (np.float32, np.int16):
        raise ValueError(f"dtype must be float32 or int16, got {kind}")
    check_memory(kind.itemsize * points.size + copies, f"a grid of {len(points)} rows")
    chunks = [slice(start, start + CHUNK) for start in range(0, len(points), CHUNK)]
    with np.errstate(invalid="ignore"):  # infinities of both signs: the check below says it
        mean = np.sum([points[part].sum(0, dtype=np.float64) for part in chunks], axis=0) / len(points)
    if not np.isfinite(mean).all():
        raise ValueError("expected finite points, got NaN or infinity: check the features")

    def measured(part: slice) -> tuple[np.ndarray, float]:
        centred = points[part] - mean
        return np.sqrt((centred**2).sum(1)), float(np.abs(centred).max())

    def rounded(part: slice) -> None:
        grid[part] = np.rint((points[part] - mean) * scale)

    grid = np.empty(points.shape, kind)
    with workers("cpu") as pool:
        norms, largest = zip(*pool.map(measured, chunks), strict=True)
        scale = _scale(np.concatenate(norms), max(largest), points.shape[1])
        list(pool.map(rounded, chunks))
    return Grid(grid, scale)


def _scale(norms: np.ndarray, largest: float, dimension: int) -> float:
    norm = norms.max()
    longest = LIMIT**0.5 - 1 - np.sqrt(dimension) / 2  # less what rounding adds to a norm
    scale = min(LARGEST / largest, longest / norm) if norm > 0 else 1.0
    if 0 < np.median(norms) * scale < COARSE:
        warnings.warn(
            f"the farthest row lies {norm / np.median(norms):.0f} times as far out as the median row: on a grid that "
            "holds it the others are hardly told apart; remove such rows",
            stacklevel=3,
        )
    return float(scale)


def check_memory(need: int, what: str) -> None:
    """Refuse what needs more bytes than the machine has free.

    Raises
    ------
    MemoryError: with both figures, and what helps.
    """
    free = psutil.virtual_memory().available
    if need > free:
        raise MemoryError(
            f"{what} needs about {need / 2**30:.1f} GiB, of which {free / 2**30:.1f} GiB are free: project to fewer "
            "dimensions, or draw a part of the rows first (coreset.random)"
        )
