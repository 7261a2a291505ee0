"""The paired bootstrap over images: how much of an AUROC difference is chance."""

from __future__ import annotations

import numpy as np

from adviz.metrics.checks import checked_pair


def auroc_differences(
    before: np.ndarray, after: np.ndarray, labels: np.ndarray, draws: int = 1000, seed: int = 0
) -> np.ndarray:
    """Return AUROC differences, after - before, on resampled test sets.

    Images are drawn with replacement. Both methods are evaluated on the same drawn images (paired),
    and each draw has as many good and as many anomalous images as the test set (stratified), so
    that no draw is without one of them. Quantiles of the result are an interval for the difference:
    ``np.quantile(differences, (0.025, 0.975))``.

    Parameters
    ----------
    before, after: (N,) raw scores of the same N images; higher = more anomalous. They may be of
        different units.
    labels: (N,) 0 or False = normal, 1 or True = anomalous.
    draws: how many test sets, >= 1.
    seed: of the draws.

    Returns
    -------
    differences: (draws,) in [-1, 1]; NaN without an anomalous or without a normal image.

    Raises
    ------
    ValueError: NaN or infinite scores, labels other than 0 and 1, shapes that differ, draws below
        1.

    Notes
    -----
    AUROC is the mean over pairs of a normal and an anomalous image; a draw gives every pair a
    weight, so that all draws are one product of matrices.

    Examples
    --------
    >>> labels = np.repeat([0, 1], 10)
    >>> differences = metrics.auroc_differences(-labels, labels, labels, draws=100)
    >>> differences.mean()
    np.float64(1.0)
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    wins_before = _wins(before, labels)
    wins_after = _wins(after, labels)
    n_anomalous, n_normal = wins_before.shape
    if not n_anomalous or not n_normal:
        return np.full(draws, np.nan)
    rng = np.random.default_rng(seed)
    anomalous_weights = _draw(rng, n_anomalous, draws)
    normal_weights = _draw(rng, n_normal, draws)
    gained = anomalous_weights @ (wins_after - wins_before)  # (draws, n_normal)
    return np.asarray((gained * normal_weights).sum(1))


def _wins(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return which pairs are ranked right, (anomalous, normal): 1, a tie 0.5, else 0."""
    scores, is_anomalous = checked_pair(scores, labels)
    anomalous = scores[is_anomalous, None]
    normal = scores[None, ~is_anomalous]
    return np.asarray((anomalous > normal) + 0.5 * (anomalous == normal))


def _draw(rng: np.random.Generator, count: int, draws: int) -> np.ndarray:
    """Return how often a draw takes each image, (draws, count) fractions; rows sum to 1."""
    return np.asarray(rng.multinomial(count, np.full(count, 1 / count), size=draws) / count)
