"""PatchCore's image score: the largest patch distance, weighted by how usual its nearest bank row is (Eq. 6 and 7)."""

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
    distance: (n, P) float32, squared distance of each patch to its nearest bank row.
    index: (n, P) int, that row.
    bank: (M, D) float32.
    b: how many bank rows around the nearest one count, itself included, 2 <= b <= M.

    Returns
    -------
    (n,) float in [0, 1).
    """
    image = np.arange(len(patches))
    patch, row = patches[image, worst], index[image, worst]
    around = bank[nearest(bank[row], bank, b)[1]]
    return reweighting(
        np.sqrt(distance[image, worst]), np.linalg.norm(around - patch[:, None], axis=2)
    )


def reweighting(nearest_distance: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Return Eq. 7's factor: 1 - the softmax share of the nearest bank row among its neighbours in the bank.

    Parameters
    ----------
    nearest_distance: (n,) Euclidean distance of the test patch to its nearest bank row m*.
    distances: (n, b) Euclidean distances of the test patch to the b bank rows nearest to m*, m*
        included.

    Returns
    -------
    (n,) float in [0, 1). Computed with the largest exponent subtracted, so that it cannot overflow.
    """
    top = distances.max(1, keepdims=True)
    return np.asarray(1 - np.exp(nearest_distance - top[:, 0]) / np.exp(distances - top).sum(1))
