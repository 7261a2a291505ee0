"""PatchCore's image score: the largest patch distance (Eq. 6), reweighted (Eq. 7)."""

from __future__ import annotations

import numpy as np

from adviz.core import nearest


def reweighted(
    patches: np.ndarray,
    worst: np.ndarray,
    distance: np.ndarray,
    index: np.ndarray,
    bank: np.ndarray,
    b: int,
) -> np.ndarray:
    """Return the factors of Eq. 7 for the worst patch of every image.

    Parameters
    ----------
    patches: (n, P, D) float32.
    worst: (n,) int, the patch of every image that has the largest score.
    distance: (n, P) float32, squared distance of each patch to its nearest bank entry.
    index: (n, P) int, that entry.
    bank: (M, D) float32.
    b: how many bank entries around the nearest one count, itself included, 2 <= b <= M.

    Returns
    -------
    (n,) float in [0, 1).
    """
    image = np.arange(len(patches))
    patch = patches[image, worst]  # (n, D)
    entry = bank[index[image, worst]]  # (n, D), m*
    _, around = nearest(entry, bank, b)  # (n, b)
    distances = np.linalg.norm(bank[around] - patch[:, None], axis=2)
    return reweighting(np.sqrt(distance[image, worst]), distances)


def reweighting(nearest_distance: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return Eq. 7's factor: 1 - the softmax of the nearest bank entry among its neighbours.

    Parameters
    ----------
    nearest_distance: (n,) Euclidean distance of the test patch to its nearest bank entry m*.
    distances: (n, b) Euclidean distances of the test patch to the b bank entries nearest to m*, m*
        included.

    Returns
    -------
    (n,) float in [0, 1). Computed with the largest exponent subtracted, so that it cannot overflow.
    """
    top = distances.max(1, keepdims=True)
    return np.asarray(1 - np.exp(nearest_distance - top[:, 0]) / np.exp(distances - top).sum(1))
