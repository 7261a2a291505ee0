"""Coverage of all rows by a coreset, and the plane that coresets are plotted in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from adviz._support import as_numpy, full_float32, progress_bar
from adviz.core.coreset.random_projection import checked_points

# Rows, and chosen rows, that are compared at a time; their product, 16 MiB, is the largest array
BLOCK = 4096
CHUNK = 1024


def coverage(points: np.ndarray, order: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """Return every row's distance to the nearest of the first n chosen rows, for several n.

    It costs as much as the largest n alone.

    Parameters
    ----------
    points: (M, d) float, all rows; such as a `CoresetTrace`'s.
    order: (n,) int, chosen rows in the order of choice.
    counts: how many of them count, ascending, from 1 to n.

    Returns
    -------
    distance: (len(counts), M) float32, Euclidean, in the units of `points`; 0 for the chosen rows
        themselves. PatchCore (Eq. 5) keeps the largest of each as small as it can, see
        `covering_radius`.

    Raises
    ------
    ValueError: NaN in the points, rows that do not exist, or counts that do not ascend from 1 or
        more to at most n.

    Notes
    -----
    For each n of `counts` it equals::

        chosen = points[order[:n]]
        distance = np.linalg.norm(points[:, None] - chosen, axis=2).min(1)

    The nearest row is found with the expanded square in float32, about the mean of all rows, and
    its distance is then computed by direct subtraction: rounding can at most take a row for the
    nearest that is as near up to about 1e-6 of the largest squared norm.

    Examples
    --------
    >>> from adviz import coreset
    >>> coreset.coverage(np.array([[0.0], [1], [3]]), np.array([0, 2]), [1, 2])
    array([[0., 1., 3.],
           [0., 1., 0.]], dtype=float32)
    """
    return nearest_chosen(points, order, counts)[0]


def nearest_chosen(
    points: np.ndarray, order: np.ndarray, counts: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `coverage` does, and which of the chosen rows is the nearest.

    Parameters and errors: as for `coverage`.

    Returns
    -------
    distance: (len(counts), M) float32.
    nearest: (len(counts), M) int32, a place in `order`, from 0; that of the row itself where it is
        chosen.

    Examples
    --------
    >>> from adviz.core import nearest_chosen
    >>> nearest_chosen(np.array([[0.0], [1], [3]]), np.array([0, 2]), [1, 2])[1]
    array([[0, 0, 0],
           [0, 0, 1]], dtype=int32)
    """
    points = checked_points(points)
    order = as_numpy(order)
    ends = [0, *counts]
    if order.ndim != 1 or not len(order) or not 0 <= order.min() <= order.max() < len(points):
        raise ValueError(
            f"order must name rows from 0 to {len(points) - 1}, got {order.shape} of them"
        )
    ascending = all(start < end for start, end in pairwise(ends))
    if not len(counts) or not ascending or ends[-1] > len(order):
        raise ValueError(
            f"counts must ascend from 1 or more to at most {len(order)}, got {list(counts)}"
        )
    centre = points.mean(0, dtype=np.float64).astype(np.float32)
    chosen = torch.from_numpy(points[order[: ends[-1]]] - centre)
    distance = np.empty((len(counts), len(points)), np.float32)
    nearest = np.empty((len(counts), len(points)), np.int32)
    with full_float32(), torch.inference_mode():
        for start in progress_bar(range(0, len(points), BLOCK), label="coverage"):
            rows = torch.from_numpy(points[start : start + BLOCK] - centre)
            block = slice(start, start + BLOCK)
            found = _to_prefixes(rows, chosen, ends)
            distance[:, block], nearest[:, block] = (one.numpy() for one in found)
    for i, count in enumerate(counts):
        # Proxies' rows may repeat
        rows_chosen, places = np.unique(order[:count], return_index=True)
        distance[i, rows_chosen] = 0
        nearest[i, rows_chosen] = places
    return distance, nearest


def covering_radius(points: np.ndarray, order: np.ndarray, counts: Sequence[int]) -> np.ndarray:
    """Return the covering radius of the first n chosen rows, for several n.

    That is the largest distance of any row to the nearest chosen one: what the greedy search makes
    small (PatchCore, Eq. 5), here for any order of choice.

    Parameters and errors: as for `coverage`.

    Returns
    -------
    radius: (len(counts),) float64, Euclidean, in the units of `points`; it never rises.

    Examples
    --------
    >>> from adviz import coreset
    >>> coreset.covering_radius(np.array([[0.0], [1], [3]]), np.array([0, 2]), [1, 2])
    array([3., 1.])
    """
    return np.asarray(coverage(points, order, counts).max(1), np.float64)


def principal_plane(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project all rows to their first two principal components.

    Parameters
    ----------
    points: (M, d) float.

    Returns
    -------
    plane: (M, 2) float32, coordinates about the mean, in the units of `points`; the largest weight
        of each direction is positive, so that pictures are not mirrored from machine to machine.
        Zeros where d is 1.
    explained: (2,) float64, fraction of the total variance that each direction explains; 0 where
        there is none.

    Raises
    ------
    ValueError: NaN in the points, or no row.

    Notes
    -----
    scikit-learn's PCA takes the scatter matrix in the points' own float32, or a float64 copy of all
    points; here it is summed in float64 over blocks.

    Examples
    --------
    >>> from adviz import coreset
    >>> plane, explained = coreset.principal_plane(np.array([[0.0, 0], [2, 0], [4, 0]]))
    >>> plane[:, 0], explained
    (array([-2.,  0.,  2.], dtype=float32), array([1., 0.]))
    """
    points = checked_points(points)
    dimension = points.shape[1]
    mean = points.mean(0, dtype=np.float64)
    scatter = np.zeros((dimension, dimension))
    for start in range(0, len(points), BLOCK):
        centred = points[start : start + BLOCK] - mean
        scatter += centred.T @ centred
    values, vectors = np.linalg.eigh(scatter)  # ascending
    n_axes = min(2, dimension)
    axes = np.zeros((dimension, 2))
    axes[:, :n_axes] = vectors[:, ::-1][:, :2]
    largest_weight = np.take_along_axis(axes, np.abs(axes).argmax(0)[None], 0)
    axes *= np.where(largest_weight < 0, -1, 1)
    total = float(np.trace(scatter))
    explained = np.zeros(2)
    if total > 0:
        explained[:n_axes] = values[::-1][:2].clip(min=0) / total
    plane = points @ axes.astype(np.float32) - (mean @ axes).astype(np.float32)
    return np.asarray(plane, np.float32), explained


def _to_prefixes(rows: Tensor, chosen: Tensor, ends: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return each row's distance to the nearest chosen one before each of `ends` but the first, 0.

    And which one that is: (len(ends) - 1, n) each, for n rows.
    """
    best = torch.full((len(rows),), torch.inf)  # by the expanded square, up to rounding
    exact = torch.full((len(rows),), torch.inf)  # by direct subtraction
    known = torch.zeros(len(rows), dtype=torch.int64)
    distances, places = [], []
    for start, end in pairwise(ends):
        nearest = torch.full((len(rows),), -1, dtype=torch.int64)  # -1: one chosen before `start`
        for first in range(start, end, CHUNK):
            block = chosen[first : min(first + CHUNK, end)]
            # (n, block), squared distance less the row's own square
            product = torch.addmm(block.square().sum(1), rows, block.T, alpha=-2)
            # Five times as fast as min, which returns the index too: few rows need that
            least = product.amin(1)
            nearer = (least < best).nonzero()[:, 0]
            best[nearer] = least[nearer]
            nearest[nearer] = product[nearer].argmin(1) + first
        changed = (nearest >= 0).nonzero()[:, 0]
        square = (rows[changed] - chosen[nearest[changed]]).square().sum(1)
        # Rounding must not let a distance rise
        exact[changed] = torch.minimum(exact[changed], square)
        known[changed] = nearest[changed]
        distances.append(exact.sqrt())
        places.append(known.clone())
    return torch.stack(distances), torch.stack(places)
