"""Intervals of differences between cells: other test images of the same kind, and other seeds."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from adviz.sweep import ExperimentResult
from adviz.tables.cell_results import FilledCell

DRAWS = 1000
COVERED = (2.5, 97.5)  # percentiles: 95 %
# Test sets drawn with replacement: (draws, N), how often each of N images is in each
Draws = np.ndarray
PIXEL_METRICS = ("pixel_auroc", "pro", "pro_per_image")


def interval(
    left: FilledCell, right: FilledCell | float, metric: str, draws: int = DRAWS
) -> tuple[float, float] | None:
    """Return the 95 % interval of the difference between two cells, in the cells' unit.

    Parameters
    ----------
    left, right: cells of one metric; the right one may be a number.
    metric: the name of their metric in results.
    draws: how many test sets.

    Returns
    -------
    (low, high), or None where results hold no values by image (times, sizes, fractions of
    categories), or where the two are of different images.

    Notes
    -----
    Bootstrap: good and anomalous images of each category are drawn with replacement, the same for
    both cells, and so are the seeds; both cells are computed anew for every draw. Pixel metrics
    follow from what each image adds to them (`pixel_auroc`: its regions' AUROC, weighted by their
    area; "pro": its regions' integrals; "pro_per_image": its own PRO), with the false positive
    rate of all normal pixels as it is.
    """
    drawn_left = _drawn(left, metric, draws)
    if drawn_left is None:
        return None
    difference = drawn_left
    if isinstance(right, FilledCell):
        drawn_right = _drawn(right, metric, draws)
        if drawn_right is None or _images(left) != _images(right):
            return None
        difference = drawn_left - drawn_right
    else:
        difference = drawn_left - right
    low, high = np.percentile(difference, COVERED)
    return float(low), float(high)


def _images(filled: FilledCell) -> dict[str, list[str]]:
    """Return the test images of a cell's results, by category."""
    return {result.experiment.category: result.images["ids"] for result in filled.results}


def _drawn(filled: FilledCell, metric: str, draws: int) -> np.ndarray | None:
    """Return a cell's value for every draw, (draws,); None where images have no values."""
    by_category: dict[str, list[ExperimentResult]] = {}
    for result in filled.results:
        by_category.setdefault(result.experiment.category, []).append(result)
    seeds = {len(results) for results in by_category.values()}
    if not by_category or filled.missing or len(seeds) > 1:
        return None
    values = []
    for category, results in by_category.items():
        labels = tuple(results[0].images.get("labels", ()))
        if not 0 < sum(labels) < len(labels):
            return None
        weights = _weights(category, labels, draws)
        by_seed = [_values(result, filled, metric, weights) for result in results]
        found = [one for one in by_seed if one is not None]
        if len(found) < len(by_seed):
            return None
        values.append(_over_seeds(np.array(found)))
    combine = np.sum if filled.cell.unit == "count" else np.mean
    drawn: np.ndarray = combine(values, axis=0)
    return drawn


@lru_cache(64)
def _weights(category: str, labels: tuple[int, ...], draws: int) -> Draws:
    """Return test sets of as many good and as many anomalous images, drawn by category."""
    generator = np.random.default_rng(zlib.crc32(category.encode()))
    is_anomalous = np.array(labels, bool)
    weights = np.zeros((draws, len(labels)))
    for kind in (is_anomalous, ~is_anomalous):
        count = np.count_nonzero(kind)
        weights[:, kind] = generator.multinomial(count, np.full(count, 1 / count), size=draws)
    return weights


def _over_seeds(values: np.ndarray) -> np.ndarray:
    """Return the mean over seeds drawn with replacement, of (seeds, draws); the same everywhere."""
    n_seeds, n_draws = values.shape
    chosen = np.random.default_rng(n_seeds).integers(n_seeds, size=(n_seeds, n_draws))
    return np.asarray(np.take_along_axis(values, chosen, axis=0).mean(axis=0))


def _values(
    result: ExperimentResult, filled: FilledCell, metric: str, weights: Draws
) -> np.ndarray | None:
    """Return a result's value for every draw; None where its images have none."""
    if filled.cell.metric in OF_SCORES:
        scores = np.array(result.images["scores"])
        is_anomalous = np.array(result.images["labels"], bool)
        return OF_SCORES[filled.cell.metric](
            result, filled.cell.variant, scores, is_anomalous, weights
        )
    if metric in PIXEL_METRICS:
        parts = _pixel_parts(result, metric)
        if parts is None:
            return None
        added, counted = parts
        return np.asarray(100 * (weights @ added) / (weights @ counted))
    return None


def _pixel_parts(result: ExperimentResult, metric: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what each image adds to a pixel metric, and its weight in it, (N,) each."""
    count = len(result.images["labels"])
    if metric == "pro_per_image":
        by_image = result.images.get("pro", [])
        if not by_image:
            return None
        values = np.array([np.nan if value is None else value for value in by_image], float)
        return np.nan_to_num(values), np.isfinite(values).astype(float)
    image = result.regions.get("image")
    if not image:
        return None
    places = np.array(image, int)
    if metric == "pro":
        return (
            np.bincount(places, result.regions["integral"], minlength=count),
            np.bincount(places, minlength=count).astype(float),
        )
    area = np.array(result.regions["area"], float)
    return (
        np.bincount(places, area * result.regions["auroc"], minlength=count),
        np.bincount(places, area, minlength=count),
    )


def _image_auroc(
    _result: ExperimentResult,
    _variant: str,
    scores: np.ndarray,
    anomalous: np.ndarray,
    weights: Draws,
) -> np.ndarray:
    above = scores[anomalous][:, None] - scores[~anomalous][None]  # (A, G), A anomalous, G good
    wins = (above > 0) + 0.5 * (above == 0)
    of_anomalous = weights[:, anomalous]
    of_good = weights[:, ~anomalous]
    ranked = ((of_anomalous @ wins) * of_good).sum(axis=1)
    return np.asarray(100 * ranked / (of_anomalous.sum(axis=1) * of_good.sum(axis=1)))


def _misclassified(
    result: ExperimentResult,
    variant: str,
    scores: np.ndarray,
    anomalous: np.ndarray,
    weights: Draws,
) -> np.ndarray:
    """Count errors at the threshold that is optimal for the images as they are."""
    is_above = scores >= result.metrics["threshold_f1"]
    wrong = is_above != anomalous
    if "errors=false_positive" in variant:
        wrong &= ~anomalous
    if "errors=false_negative" in variant:
        wrong &= anomalous
    return np.asarray(weights @ wrong)


def _full_recall(
    _result: ExperimentResult,
    _variant: str,
    scores: np.ndarray,
    anomalous: np.ndarray,
    weights: Draws,
) -> np.ndarray:
    drawn = np.where(weights[:, anomalous] > 0, scores[anomalous], np.inf)
    thresholds = drawn.min(axis=1, keepdims=True)
    return np.asarray((weights[:, ~anomalous] * (scores[~anomalous] >= thresholds)).sum(axis=1))


# Metric of a cell -> a function of (result, variant, scores, which are anomalous, draws)
OfScores = Callable[[ExperimentResult, str, np.ndarray, np.ndarray, Draws], np.ndarray]
OF_SCORES: dict[str, OfScores] = {
    "image_auroc": _image_auroc,
    "misclassified": _misclassified,
    "full_recall": _full_recall,
}
