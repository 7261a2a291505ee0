"""Random projection, random rows, and `CoresetTrace`, the record of how a bank was sampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adviz._support import as_numpy

ANCHORS = 10  # of the official code's approximate search
CHUNK = 2**14  # rows at a time


@dataclass(frozen=True, eq=False)
class CoresetTrace:
    """How a memory bank was subsampled; plots and explorers take it instead of a detector.

    Attributes
    ----------
    points: (M, d) float32, all M candidate rows as the sampler saw them (projected), feature units;
        of PatchCore's above 1 GiB memory-mapped from a temporary file, which vanishes with the last
        of its arrays.
    order: (n,) int, chosen rows in the order of choice; nested: its first m entries are the coreset
        of size m.
    radius: (n,) float, covering radius after each choice: the largest distance (Euclidean, in
        `points`' units, up to the grid's rounding) of any row to its nearest chosen one; NaN where
        the sampler does not know it; of two rounds the last alone is known.
    image: (M,) int, training image that each row comes from.
    location: (M,) int, flat index of the patch in that image's grid.
    sampler: "greedy", "greedy in 4 shards" (two rounds), "random", or "proxies": `order` then holds
        the row nearest to each, which may repeat.
    digest: of the integer grid that a greedy search chose on: orders of one grid are equal on every
        machine.
    grid: (rows, columns) of a training image's patches; None = not known.
    bound: of the covering radius, of two rounds, see `k_center_two_rounds`; None = one
        round, or an interrupted one.

    Examples
    --------
    >>> trace = detector.trace_
    >>> trace.points.shape, trace.order.shape
    ((50176, 128), (501,))
    """

    points: np.ndarray
    order: np.ndarray
    radius: np.ndarray
    image: np.ndarray
    location: np.ndarray
    sampler: str
    digest: str = ""
    grid: tuple[int, int] | None = None
    bound: float | None = None

    def __repr__(self) -> str:
        return f"CoresetTrace({self.sampler}: {len(self.order)} of {len(self.points)} patches)"


def project(rows: np.ndarray, dimension: int, seed: int) -> np.ndarray:
    """Project (M, C) rows to (M, dimension) float32 by a seeded Gaussian random matrix.

    It keeps distances on average (PatchCore 3.2, after Johnson and Lindenstrauss); rows of at most
    `dimension` columns are returned unchanged.

    Examples
    --------
    >>> from adviz import coreset
    >>> coreset.project(np.ones((10, 500)), dimension=20, seed=0).shape
    (10, 20)
    """
    rows = np.asarray(as_numpy(rows), dtype=np.float32)
    matrix = projection(rows.shape[1], dimension, seed)
    return rows if matrix is None else np.asarray(rows @ matrix)


def projection(columns: int, dimension: int, seed: int) -> np.ndarray | None:
    """Return the (columns, dimension) float32 matrix of `project`; None where rows stay unchanged.

    Examples
    --------
    >>> from adviz import coreset
    >>> coreset.projection(500, 20, seed=0).shape
    (500, 20)
    """
    if dimension < 1:
        raise ValueError(f"projection must be at least 1 dimension, got {dimension}")
    if columns <= dimension:
        return None
    matrix = np.random.default_rng(seed).normal(size=(columns, dimension)) / np.sqrt(dimension)
    return np.asarray(matrix.astype(np.float32))


def jl_dimension(n_rows: int, eps: float = 0.9) -> int:
    """Return the dimension that keeps all squared distances within a factor 1 +- eps.

    Johnson and Lindenstrauss' lemma, by scikit-learn; at least 1.

    Examples
    --------
    >>> from adviz import coreset
    >>> coreset.jl_dimension(1000, eps=0.5)
    331
    """
    from sklearn.random_projection import johnson_lindenstrauss_min_dim

    return max(1, int(johnson_lindenstrauss_min_dim(n_rows, eps=eps)))


def anchor_distance(points: np.ndarray, seed: int) -> np.ndarray:
    """Return each row's mean Euclidean distance to 10 random rows, (M,).

    The official code's greedy search starts from these distances.

    Examples
    --------
    >>> from adviz import coreset
    >>> coreset.anchor_distance(np.eye(3), seed=0).shape
    (3,)
    """
    points = as_numpy(points)
    chosen = points[random(len(points), min(ANCHORS, len(points)), seed)]
    means = []
    for start in range(0, len(points), CHUNK):  # no second copy of all rows
        rows = points[start : start + CHUNK]
        distances = [np.linalg.norm(rows - anchor, axis=1) for anchor in chosen]
        means.append(np.mean(distances, axis=0))
    return np.concatenate(means)


def random(n_rows: int, count: int, seed: int) -> np.ndarray:
    """Choose `count` of `n_rows` rows uniformly; nested: a smaller count gives a prefix.

    Examples
    --------
    >>> from adviz import coreset
    >>> np.array_equal(coreset.random(100, 3, seed=0), coreset.random(100, 9, seed=0)[:3])
    True
    """
    check_count(count, n_rows)
    return np.random.default_rng(seed).permutation(n_rows)[:count]


def rows_kept(fraction: float, n_rows: int) -> int:
    """Return the size of a coreset of a fraction of `n_rows` rows: rounded down, at least one.

    The fraction is taken for the decimal that it is written as: 0.29 of 100 rows are 29. The
    official code rounds the float64 product down, which is 28.999999999999996, and keeps 28.

    Examples
    --------
    >>> from adviz import coreset
    >>> coreset.rows_kept(0.01, 50176)
    501
    """
    return max(1, int(fraction * n_rows + 1e-9))  # 1e-9: 0.29 * 100 is 29


def checked_points(points: np.ndarray) -> np.ndarray:
    """Check that points are (M, d) and finite, and return them as contiguous float32."""
    points = np.ascontiguousarray(as_numpy(points), dtype=np.float32)
    if points.ndim != 2 or not points.size or not np.isfinite(points).all():
        raise ValueError(
            f"points must be (M, d), finite and not empty, got shape {points.shape} or NaN in it"
        )
    return points


def check_count(count: int, n_rows: int) -> None:
    """Refuse a number of rows that cannot be chosen."""
    if not isinstance(count, int | np.integer):
        raise TypeError(f"count must be an integer, got {count!r}")
    if not 1 <= count <= n_rows:
        raise ValueError(f"count must be between 1 and the {n_rows} rows there are, got {count}")
