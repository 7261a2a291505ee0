"""What takes a look at all images of a category: metrics, quantiles, areas, guesses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adviz import metrics
from adviz._support import progress
from adviz.data import ANOMALOUS, Split, audit
from adviz.explore.kit import error_tags
from adviz.explore.kit.disagreement import map_disagreement, score_disagreement
from adviz.explore.kit.packing import Part
from adviz.explore.kit.truth import Truth
from adviz.prediction import Prediction

N_QUANTILES = 2001


def quantiles(prediction: Prediction) -> np.ndarray:
    """Return evenly spaced quantiles of the values of all maps without padding, (2001,) float32."""
    values = [one.ravel() for one in progress.progress_bar(prediction.unpadded(), label="maps")]
    # numpy's own function takes five times as long for so many
    ordered = np.sort(np.concatenate(values))
    place = np.linspace(0, len(ordered) - 1, N_QUANTILES)
    below = np.floor(place).astype(int)
    above = np.ceil(place).astype(int)
    step = ordered[above].astype(np.float64) - ordered[below]
    return np.asarray(ordered[below] + (place - below) * step, np.float32)


def disagreement(predictions: Sequence[Prediction]) -> Part:
    """Return how far detectors disagree about each image: by scores, and by maps if two have any.

    (N,) float64 each.
    """
    part: Part = {"scores": score_disagreement(np.stack([one.score for one in predictions]))}
    with_maps = [one.unpadded() for one in predictions if one.anomaly_map is not None]
    if len(with_maps) > 1:
        part["maps"] = map_disagreement(with_maps)
    return {name: np.asarray(values, np.float64) for name, values in part.items()}


def pixel_threshold(prediction: Prediction, truth: Truth) -> float | None:
    """Return the F1-optimal threshold of the pixels; None where maps or masks are unknown."""
    if prediction.anomaly_map is None or truth.masks is None or not truth.known.any():
        return None
    values = prediction.anomaly_map[truth.known]
    masks = truth.masks[truth.known]
    valid = prediction.valid
    if valid is None:
        return metrics.f1_threshold(values.ravel(), masks.ravel()).threshold
    inside = valid[truth.known]
    return metrics.f1_threshold(values[inside], masks[inside]).threshold


def defect_areas(split: Split) -> np.ndarray:
    """Return the defect pixels of each image, (N,) uint32; 0 where they are unknown."""
    areas = np.zeros(len(split), np.uint32)
    anomalous = np.flatnonzero(split.labels == ANOMALOUS).tolist()
    for index in progress.progress_bar(anomalous, label="masks"):
        mask = split.mask(index)
        if mask is not None:
            areas[index] = np.count_nonzero(mask)
    return areas


def guesses(split: Split, prediction: Prediction, image: int) -> list[list[str]]:
    """Return what kind of error a missed anomalous image may be: tags and reasons."""
    if split.labels[image] != ANOMALOUS:
        return []
    rule = split.geometry.mask_rule
    audited = audit(split.subset([image]), rules=(rule,))
    visible = float(audited[f"kept {rule}"].iloc[0]) if len(audited) else None
    one = None
    if prediction.anomaly_map is not None:
        one = prediction.anomaly_map[image]
    suggested = error_tags.suggest(split.mask(image), one, visible)
    return [[tag, reason] for tag, reason in suggested]
