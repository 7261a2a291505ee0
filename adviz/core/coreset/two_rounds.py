"""A greedy coreset in two rounds, for more rows than one search should hold."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from adviz._support import as_numpy
from adviz.core.coreset.coverage import covering_radius
from adviz.core.coreset.greedy import k_center_greedy
from adviz.core.coreset.integer_grid import to_grid
from adviz.core.coreset.random_projection import check_count


class TwoRounds(NamedTuple):
    """A coreset that was chosen in two rounds.

    Attributes
    ----------
    order: (count,) int64, chosen rows in the order of the second round.
    radius: covering radius of all rows, measured; Euclidean, in the units of the points.
    bound: of the radius: the largest radius of the first round plus that of the second, and what
        rounding to their grids can add.

    Examples
    --------
    >>> from adviz import coreset
    >>> coreset.k_center_two_rounds(np.array([[0.0], [1], [3], [4]]), 2, shards=2)
    TwoRounds(order=array([0, 3]), radius=1.0, bound=1.0000002...)
    """

    order: np.ndarray
    radius: float
    bound: float


def k_center_two_rounds(
    points: np.ndarray, count: int, shards: int, *, device: str = "cpu"
) -> TwoRounds:
    """Choose a coreset of each shard of the rows greedily, and then one of what these chose.

    A search holds the grid of its own rows only. In the first round every shard, which is a run of
    rows, chooses twice its part of `count`; in the second, `count` of these rows are chosen.

    The bound is the triangle inequality: every row is within the first round's radius of a row that
    its shard chose, and this one within the second round's radius of the coreset; each radius is
    taken with the sqrt(d) / scale by which rounding to its grid can move it, see `k_center_greedy`.

    Parameters
    ----------
    points: (M, d) float, in memory or memory-mapped.
    count: rows to choose, 1 <= count <= M.
    shards: how many, of equal size up to one row, from 1 to M.
    device: as for `k_center_greedy`.

    Raises
    ------
    ValueError, MemoryError: as `k_center_greedy`, or a number of shards that is not from 1 to M.

    Examples
    --------
    >>> from adviz import coreset
    >>> points = np.random.default_rng(0).normal(size=(400, 3)).astype("float32")
    >>> chosen = coreset.k_center_two_rounds(points, 20, shards=4)
    >>> len(chosen.order), chosen.radius <= chosen.bound
    (20, True)
    """
    points = as_numpy(points)
    n_rows = len(points)
    check_count(count, n_rows)
    if not 1 <= shards <= n_rows:
        raise ValueError(f"shards must be from 1 to the {n_rows} rows, got {shards}")
    ends = [shard * n_rows // shards for shard in range(shards + 1)]
    candidates = []
    first_radii = []
    for start, stop in pairwise(ends):
        size = min(stop - start, -(-2 * count * (stop - start) // n_rows))
        order, radius = _greedy(points[start:stop], size, device)
        candidates.append(start + np.sort(order))
        first_radii.append(radius)
    rows = np.concatenate(candidates)  # ascending
    order, second_radius = _greedy(points[rows], count, device)
    chosen = rows[order]
    return TwoRounds(
        order=chosen,
        radius=float(covering_radius(points, chosen, [len(chosen)])[0]),
        bound=float(np.max(first_radii) + second_radius),  # NaN if a search was interrupted
    )


def _greedy(points: np.ndarray, count: int, device: str) -> tuple[np.ndarray, float]:
    """Return the greedy order, and a radius that covers all points whatever was rounded."""
    grid = to_grid(points)
    order, radius = k_center_greedy(grid, count, device=device)
    return order, radius[-1] + points.shape[1] ** 0.5 / grid.scale
