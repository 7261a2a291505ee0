"""All pixel metrics of a test set from one sort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adviz.metrics.checks import (
    checked_limit,
    checked_maps,
    checked_valid,
    undefined_pixel_reason,
    undefined_reason,
)
from adviz.metrics.curves import Curve, auroc_of, average_precision_of, precision_recall_of, roc_of
from adviz.metrics.per_region_overlap import area_to, count_pixels, pro_of
from adviz.metrics.thresholds import F1Threshold, f1_of


@dataclass(frozen=True, eq=False)
class PixelMetrics:
    """The exact pixel metrics of a test set.

    Attributes
    ----------
    auroc, average_precision: in [0, 1]; NaN where undefined.
    pro: the "global" definition, see `pro`.
    f1: the F1-optimal threshold on pixels.
    curves: "roc", "precision_recall" and "pro", thinned for display; only those that are defined.
    reasons: metric -> why it is NaN.

    Examples
    --------
    >>> pixels = metrics.pixel_metrics(prediction.anomaly_map, category.test.masks_array())
    >>> sorted(pixels.curves)
    ['precision_recall', 'pro', 'roc']
    """

    auroc: float
    average_precision: float
    pro: float
    f1: F1Threshold
    curves: dict[str, Curve]
    reasons: dict[str, str]


def pixel_metrics(
    scores: np.ndarray,
    masks: np.ndarray,
    limit: float = 0.3,
    connectivity: int = 8,
    points: int = 1000,
    *,
    valid: np.ndarray | None = None,
) -> PixelMetrics:
    """Return AUROC, average precision, best F1, PRO ("global") and the curves of all pixels.

    Parameters
    ----------
    scores: (N, H, W) raw anomaly maps; higher = more anomalous. float32 (and float16) take the fast
        path, see `count`.
    masks: (N, H, W) bool, or 0 and 1; all zero for good images.
    limit: highest false positive rate of PRO, in (0, 1].
    connectivity: 8 or 4, see `regions`.
    points: how many points of each curve to keep at most; the areas are those of the full curves.
        Inside a straight stretch, where only normal pixels are added, there are none.
    valid: (N, H, W) bool, the pixels that count; None = all. For padding, whose masks are 0.

    Raises
    ------
    ValueError: NaN or infinite scores, masks other than 0 and 1, shapes that differ, bad limit.

    Examples
    --------
    >>> pixels = metrics.pixel_metrics(prediction.anomaly_map, category.test.masks_array())
    >>> pixels.auroc > 0.9, pixels.reasons
    (True, {})
    """
    limit = checked_limit(limit)
    scores, masks = checked_maps(scores, masks)
    valid = checked_valid(valid, masks)
    counts = count_pixels(scores, masks, connectivity, valid, corners_only=True)
    one_class_reason = undefined_pixel_reason(masks, valid)
    no_anomaly_reason = undefined_reason(masks, "pixel", needs="anomalous")
    reasons = {
        "auroc": one_class_reason,
        "average_precision": no_anomaly_reason,
        "pro": one_class_reason,
        "f1": no_anomaly_reason,
    }
    pro_curve = pro_of(counts)
    # Curves that are defined alone, thinned; the areas below are those of the full curves
    curves = {}
    if not one_class_reason:
        curves["roc"] = roc_of(counts).thinned(points)
    if not no_anomaly_reason:
        curves["precision_recall"] = precision_recall_of(counts).thinned(points)
    if not one_class_reason:
        curves["pro"] = pro_curve.thinned(points)
    return PixelMetrics(
        auroc=auroc_of(counts),
        average_precision=average_precision_of(counts),
        pro=area_to(pro_curve, limit),
        f1=f1_of(counts),
        curves=curves,
        reasons={name: reason for name, reason in reasons.items() if reason},
    )
