"""Points in the plane, and a greedy coreset and a random draw of them (PatchCore, Fig. 3)."""

from __future__ import annotations

import numpy as np

N_POINTS = 900
N_CHOSEN = 36
# x, y, standard deviation
CLUSTERS = (
    (-4.0, 3.0, 0.9),
    (3.5, 4.0, 0.5),
    (4.0, -3.5, 1.1),
    (-3.5, -4.0, 0.35),
    (0.0, 0.0, 0.3),
)
WEIGHTS = (0.42, 0.2, 0.32, 0.04, 0.02)  # two clusters are rare: what random points miss


def point_sets(seed: int = 0) -> dict[str, np.ndarray]:
    """Return points in the plane, (900, 2) each: clusters of unequal size, and a filled square."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(CLUSTERS), N_POINTS, p=WEIGHTS)
    clusters = np.array(CLUSTERS)[chosen]  # (900, 3)
    multimodal = clusters[:, :2] + rng.normal(size=(N_POINTS, 2)) * clusters[:, 2:]
    uniform = rng.uniform(-5, 5, (N_POINTS, 2))
    return {"multimodal": multimodal, "uniform": uniform}


def greedy_coreset(points: np.ndarray, count: int) -> np.ndarray:
    """Choose points as PatchCore's Algorithm 1 does: each time the one farthest from those chosen.

    The plain loop that `adviz.coreset.k_center_greedy` equals; it starts with the point farthest
    from the mean.

    Parameters
    ----------
    points: (M, d) float.
    count: points to choose.

    Returns
    -------
    (count,) int, in the order of choice.
    """
    # The start is free in the paper; the point farthest from the mean makes it deterministic
    order = [int(_distances(points, points.mean(0)).argmax())]
    nearest = _distances(points, points[order[0]])  # (M,), to the nearest chosen point
    while len(order) < count:
        order.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, _distances(points, points[order[-1]]))
    return np.array(order)


def choices(points: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Choose points by a greedy coreset and by a random draw: sampler -> (36,) int."""
    return {
        "greedy coreset": greedy_coreset(points, N_CHOSEN),
        "random": np.random.default_rng(seed).permutation(len(points))[:N_CHOSEN],
    }


def covering_radius(points: np.ndarray, chosen: np.ndarray) -> float:
    """Return the largest distance of any point to the nearest chosen one (PatchCore, Eq. 5)."""
    distances = [_distances(points, points[index]) for index in chosen]  # each (M,)
    return float(np.min(distances, axis=0).max())


def covering_radii() -> dict[tuple[str, str], float]:
    """Return the covering radius of every choice: (point set, sampler) -> radius."""
    radii = {}
    for name, points in point_sets().items():
        for sampler, chosen in choices(points).items():
            radii[name, sampler] = covering_radius(points, chosen)
    return radii


def _distances(points: np.ndarray, point: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances of (M, d) points to one, (M,)."""
    return np.asarray(np.linalg.norm(points - point, axis=1))
