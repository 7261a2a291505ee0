"""Arrays in, numbers and curves out: image and pixel metrics on raw scores.

Metrics are NaN, never 0, where they are undefined; `undefined_reason` and `pro_with_reason` say
why.
"""

from adviz.metrics.bootstrap import auroc_differences
from adviz.metrics.checks import PRO_DEFINITIONS, undefined_reason

# for other rooms
from adviz.metrics.checks import checked_definition as checked_definition
from adviz.metrics.checks import checked_limit as checked_limit
from adviz.metrics.components import regions
from adviz.metrics.curves import Curve, auroc, average_precision, precision_recall_curve, roc_curve
from adviz.metrics.curves_by_region import RegionCurves, region_curves
from adviz.metrics.per_region_overlap import auroc_and_pro, pro, pro_curve, pro_with_reason
from adviz.metrics.pixels import PixelMetrics, pixel_metrics
from adviz.metrics.pro_by_limit import ProByLimit, pro_by_limit
from adviz.metrics.thresholds import (
    F1Threshold,
    f1_threshold,
    false_positives_at_full_recall,
    full_recall_threshold,
    perfect,
)

__all__ = [
    "PRO_DEFINITIONS",
    "Curve",
    "F1Threshold",
    "PixelMetrics",
    "ProByLimit",
    "RegionCurves",
    "auroc",
    "auroc_and_pro",
    "auroc_differences",
    "average_precision",
    "f1_threshold",
    "false_positives_at_full_recall",
    "full_recall_threshold",
    "perfect",
    "pixel_metrics",
    "precision_recall_curve",
    "pro",
    "pro_by_limit",
    "pro_curve",
    "pro_with_reason",
    "region_curves",
    "regions",
    "roc_curve",
    "undefined_reason",
]


def __dir__() -> list[str]:
    return sorted(__all__)
