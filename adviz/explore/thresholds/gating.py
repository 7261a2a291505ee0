"""What a first stage saves and loses.

Only images whose score is above tau are looked at a second time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adviz.data import ANOMALOUS


@dataclass(frozen=True, eq=False)
class Gating:
    """What each threshold tau of the first stage saves and loses; the first one gates nothing away.

    Attributes
    ----------
    tau: (T,) float, rising, score units; -inf and then every distinct score. An image is segmented
        when its score is above tau.
    saved: (T,) share of all images that are not segmented, 0..1.
    images_lost: (T,) int, anomalous images that are not segmented; none where nothing is labelled.
    pixels_lost: (T,) share of all defect pixels that lie in them, 0..1; NaN where no masks are
        known.
    anomalous, images: how many anomalous images and how many images there are.
    """

    tau: np.ndarray
    saved: np.ndarray
    images_lost: np.ndarray
    pixels_lost: np.ndarray
    anomalous: int
    images: int

    def at(self, tau: float) -> int:
        """Return which entry holds for a value of tau between those listed."""
        return int(np.searchsorted(self.tau, tau, side="right")) - 1

    @property
    def free(self) -> int:
        """The last entry that loses no anomalous image."""
        return int(np.flatnonzero(self.images_lost == 0)[-1])

    @property
    def start(self) -> float:
        """A tau to begin with: the highest that loses no anomalous image.

        Just below every score where that gates nothing away, or where nothing is anomalous.
        """
        if self.anomalous and self.free:
            return float(self.tau[self.free])
        lowest = float(self.tau[1])
        return lowest - 1e-6 * max(1.0, abs(lowest))


def gating(scores: np.ndarray, labels: np.ndarray, areas: np.ndarray | None = None) -> Gating:
    """Return what a first stage saves and loses at every tau.

    SPADE 3.2: only images with a score above tau are segmented.

    Parameters
    ----------
    scores: (N,) float, of the first stage.
    labels: (N,) int: 0 good, 1 anomalous, -1 unlabelled.
    areas: (N,) defect pixels of every image; None = not known.

    Raises
    ------
    ValueError: no image, or arrays of different lengths.
    """
    lengths = {len(values) for values in (scores, labels, areas) if values is not None}
    if len(lengths) != 1 or not len(scores):
        raise ValueError(
            f"expected scores, labels and areas of one length, at least 1, got {sorted(lengths)}"
        )
    scores = np.asarray(scores, np.float64)
    tau = np.append(-np.inf, np.unique(scores))
    pixels = (
        np.zeros(len(scores))
        if areas is None
        else np.where(labels == ANOMALOUS, areas, 0).astype(float)
    )
    order = np.argsort(scores, kind="stable")
    # How many scores are at or below tau
    passed = np.searchsorted(scores[order], tau, side="right")
    lost = np.append(0, np.cumsum((labels == ANOMALOUS)[order]))[passed]
    gone = np.append(0.0, np.cumsum(pixels[order]))[passed]
    share = gone / pixels.sum() if areas is not None and pixels.any() else np.full(len(tau), np.nan)
    return Gating(
        tau, passed / len(scores), lost, share, int((labels == ANOMALOUS).sum()), len(scores)
    )
