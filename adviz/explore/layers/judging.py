"""Metrics of a fusion of layers: of an image, and of the test images of a category."""

from __future__ import annotations

import numpy as np

from adviz import metrics
from adviz.explore.layers.mixing import Mix, mix_all
from adviz.prediction import Prediction

NAMES = ("image_auroc", "pixel_auroc", "pro")
NAN = float("nan")
Values = dict[str, float]


def measured(
    prediction: Prediction,
    mix: Mix | None,
    labels: np.ndarray,
    masks: np.ndarray | None,
    known: np.ndarray | None = None,
) -> Values:
    """Judge a mix of a prediction's layers, or with None the prediction itself.

    Parameters
    ----------
    labels: (N,) int: 0 good, 1 anomalous, -1 unlabelled, which are left out.
    masks: (N, H, W) bool; None = unknown.
    known: (N,) bool, the images whose masks are known; None = all that have a label.

    Returns
    -------
    "image_auroc" (of a mix: by its maps' maxima), "pixel_auroc" and "pro" (PRO-global up to 0.3),
        in [0, 1]; NaN where they are undefined.
    """
    scores = prediction.score
    found = prediction.anomaly_map
    if mix is not None and found is not None:
        size = found.shape[1], found.shape[2]
        found = mix_all(prediction.layer_maps, mix, size, prediction.boxes)
        scores = found.max((1, 2))
    kept = labels >= 0
    values = {"image_auroc": metrics.auroc(scores[kept], labels[kept] == 1)}
    pixels = NAN, NAN
    if found is not None and masks is not None:
        judged = kept if known is None else known
        valid = None if prediction.valid is None else prediction.valid[judged]
        maps = np.asarray(found[judged], np.float32)
        pixels = metrics.auroc_and_pro(maps, masks[judged], valid=valid)
    return {**values, "pixel_auroc": pixels[0], "pro": pixels[1]}


def mean_of(values: list[Values]) -> Values:
    """Return the mean of metrics over those categories where each is defined."""
    return {name: _mean([one[name] for one in values]) for name in NAMES}


def _mean(values: list[float]) -> float:
    defined = [value for value in values if value == value]
    return float(np.mean(defined)) if defined else NAN


def of_image(one: np.ndarray, mask: np.ndarray | None, valid: np.ndarray | None = None) -> Values:
    """Return pixel AUROC and PRO of one (H, W) map by its (H, W) mask.

    NaN without a mask, or a defect in it. Pixels count that are `valid`, (H, W) bool; None = all.
    """
    if mask is None or not mask.any():
        return {"pixel_auroc": NAN, "pro": NAN}
    counted = None if valid is None else valid[None]
    auroc, pro = metrics.auroc_and_pro(one[None], mask[None], valid=counted)
    return {"pixel_auroc": auroc, "pro": pro}
