"""How much of the difference of two methods is chance? The paired bootstrap over images."""

from __future__ import annotations

import numpy as np

from adviz.metrics.checks import checked_pair


def auroc_differences(
    before: np.ndarray, after: np.ndarray, labels: np.ndarray, draws: int = 1000, seed: int = 0
) -> np.ndarray:
    """Return the differences of AUROC, after - before, on test sets drawn with replacement from this one.

    Both methods are judged on the same drawn images (paired), and each draw has as many good and as
    many anomalous images as there are (stratified), so that no draw is without one of them.
    Quantiles of the result are an interval for the difference: ``np.quantile(differences, (0.025,
    0.975))``.

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
    won = []
    for scores in (before, after):
        scores, truth = checked_pair(scores, labels)
        high, low = scores[truth, None], scores[None, ~truth]
        won.append((high > low) + 0.5 * (high == low))  # (anomalous, normal)
    anomalous, normal = won[0].shape
    if not anomalous or not normal:
        return np.full(draws, np.nan)
    rng = np.random.default_rng(seed)
    drawn = [
        rng.multinomial(count, np.full(count, 1 / count), size=draws) / count
        for count in (anomalous, normal)
    ]
    return np.asarray(((drawn[0] @ (won[1] - won[0])) * drawn[1]).sum(1))
