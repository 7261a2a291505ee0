"""The integer grid on which the greedy search is exact.

It makes the order of choice the same on every machine, device and number of threads.
"""

from __future__ import annotations

import hashlib
import warnings
from typing import NamedTuple

import numpy as np
import psutil
import torch

from adviz._support import as_numpy, workers

# Grid units; rows nearer to the centre than this are too coarsely rounded to be compared
COARSE = 1024
LARGEST = 2**24  # float32, in which the grid is stored, holds every integer up to it
LIMIT = 2**51  # of a row's squared norm, so that float64 holds every sum of products exactly
SAMPLE = 1000  # rows that say how far out a row usually lies
CHUNK = 2**12  # rows at a time, on a thread, so that float64 copies stay in its cache


class Grid(NamedTuple):
    """Rows rounded to integers, so small that their squared distances are exact in float64.

    A search computes |x - c|^2 as |x|^2 + (|c|^2 - 2 x.c). With R the largest norm of a row, any
    partial sum of |x|^2 is an integer of at most R^2, of the bracket one of at most 3 R^2 (Cauchy
    and Schwarz hold for the columns summed so far), and the whole is at most 4 R^2. float64 holds
    every integer up to 2**53, and R^2 stays below 2**51: nothing is ever rounded, so the order of
    summing, which differs between machines and numbers of threads, changes no bit.

    Attributes
    ----------
    rows: (M, d) float32, integers of up to 2**24, centred, with 4 * (largest squared norm) < 2**53.
    scale: grid units per feature unit, a power of two.

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
            digest.update(self.rows[start : start + CHUNK].astype(np.int32).tobytes())
        return digest.hexdigest()


def to_grid(points: np.ndarray, *, out: np.ndarray | None = None) -> Grid:
    """Round (M, d) points to integers about their mean, as finely as their farthest row allows.

    That is 23 to 24 bits of the largest coordinate, or 24 to 25 of the longest row where that is
    less: about what float32 points themselves hold. The scale is a power of two, and the mean is
    rounded to the grid too, so that its last bits, which depend on the machine, can move no row
    alone.

    Parameters
    ----------
    points: (M, d) float.
    out: (M, d) float32 to write the grid's rows into, such as a memory-mapped file; None = a new
        array.

    Raises
    ------
    ValueError: no row, NaN or infinity, or an `out` of another shape or type.
    MemoryError: the grid needs more memory than is free.

    Examples
    --------
    >>> from adviz import coreset
    >>> grid = coreset.to_grid(np.array([[0.0], [1], [3]]))
    >>> bool((grid.rows == grid.rows.round()).all())
    True
    """
    points = as_numpy(points)
    if points.dtype == np.float16:  # it would overflow as soon as it is scaled
        points = points.astype(np.float32)
    if points.ndim != 2 or not points.size:
        raise ValueError(
            f"points must be (M, d) with M and d of 1 or more, got shape {points.shape}"
        )
    if out is not None and (out.shape != points.shape or out.dtype != np.float32):
        raise ValueError(
            f"out must be {points.shape} float32, as the points are, got {out.shape} {out.dtype}"
        )
    need = 24 * min(len(points), CHUNK * torch.get_num_threads()) * points.shape[1]
    if out is None:
        need += 4 * points.size
    check_memory(need, f"a grid of {len(points)} rows")
    chunks = [slice(start, start + CHUNK) for start in range(0, len(points), CHUNK)]
    with np.errstate(invalid="ignore"):  # infinities of both signs: the check below reports them
        sums = [points[chunk].sum(0, dtype=np.float64) for chunk in chunks]
        mean = np.sum(sums, axis=0) / len(points)  # (d,)
    if not np.isfinite(mean).all():
        raise ValueError("expected finite points, got NaN or infinity: check the features")

    def extent(chunk: slice) -> tuple[float, float]:
        """Return the largest norm and the largest coordinate about the mean."""
        centred = points[chunk] - mean
        return float(np.sqrt((centred**2).sum(1).max())), float(np.abs(centred).max())

    def round_to_grid(chunk: slice) -> None:
        grid[chunk] = np.rint(points[chunk] * scale) - centre

    grid = np.empty(points.shape, np.float32) if out is None else out
    with workers("cpu") as pool:
        norms, coordinates = zip(*pool.map(extent, chunks), strict=True)
        scale = _scale(max(norms), max(coordinates), points.shape[1])
        centre = np.rint(mean * scale)
        list(pool.map(round_to_grid, chunks))
    _warn_if_coarse(points[:: len(points) // SAMPLE + 1], max(norms), scale)
    return Grid(grid, scale)


def _scale(norm: float, largest: float, dimension: int) -> float:
    """Return the grid's scale, a power of two.

    It is the largest that keeps coordinates within LARGEST and squared norms below LIMIT.
    """
    if norm == 0:
        return 1.0
    # Less what rounding the row and the mean adds to a norm
    longest = LIMIT**0.5 - 1 - np.sqrt(dimension)
    upper_bound = min((LARGEST - 1) / largest, longest / norm)
    return float(np.exp2(np.floor(np.log2(upper_bound))))


def _warn_if_coarse(sample: np.ndarray, norm: float, scale: float) -> None:
    """Warn when one row is so far out that the others fall on a few points of the grid.

    They are measured about their median: where there are few rows, the one far out pulls the mean
    away from them all.
    """
    sample = np.asarray(sample, np.float64)
    centred = sample - np.median(sample, axis=0)
    median_norm = float(np.median(np.linalg.norm(centred, axis=1)))
    if 0 < median_norm * scale < COARSE:
        warnings.warn(
            f"the farthest row lies {norm / median_norm:.0f} times as far out as the median row: "
            "on a grid that holds it the others are hardly told apart; remove such rows",
            stacklevel=3,
        )


def check_memory(need: int, what: str) -> None:
    """Refuse to start what needs more memory than the machine has free.

    Parameters
    ----------
    need: bytes.
    what: needs them; the beginning of the error's message.

    Raises
    ------
    MemoryError: with both figures, and what helps.
    """
    free = psutil.virtual_memory().available
    if need > free:
        raise MemoryError(
            f"{what} needs about {need / 2**30:.1f} GiB, of which {free / 2**30:.1f} GiB are free: "
            "project to fewer dimensions, or draw a part of the rows first (coreset.random)"
        )
