"""Everything about PRO that is computed once.

Three definitions, the curve, and what each region adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adviz import metrics
from adviz.explore.kit.svg import Chart
from adviz.metrics import PRO_DEFINITIONS, Curve, RegionCurves
from adviz.plots import style


@dataclass(frozen=True, eq=False)
class Measured:
    """PRO of some images, for one limit and connectivity.

    Attributes
    ----------
    regions: what each region adds, and its overlap at any false positive rate (FPR).
    images: index in the test split of each of the N images that were measured.
    curve: mean overlap per region against FPR, thinned.
    values: "PRO-<definition>" and "pixel AUROC"; NaN where undefined.
    reasons: name -> why it is NaN.
    """

    regions: RegionCurves
    images: np.ndarray
    curve: Curve
    values: dict[str, float]
    reasons: dict[str, str]


def measure(
    maps: np.ndarray,
    masks: np.ndarray,
    images: np.ndarray,
    limit: float,
    connectivity: int,
    valid: np.ndarray | None = None,
) -> Measured:
    """Measure (N, H, W) maps against their masks, where `valid`.

    `images` are their N indices in the test split.
    """
    exact = metrics.pixel_metrics(maps, masks, limit, connectivity, valid=valid)
    values, reasons = {"PRO-global": exact.pro}, dict[str, str]()
    for name in PRO_DEFINITIONS[1:]:
        values[f"PRO-{name}"], reason = metrics.pro_with_reason(
            maps, masks, name, limit, connectivity, valid=valid
        )
        reasons |= {f"PRO-{name}": reason} if reason else {}
    values["pixel AUROC"] = exact.auroc
    found = metrics.region_curves(maps, masks, limit, connectivity, valid=valid)
    return Measured(found, images, exact.curves["pro"], values, reasons)


def curve_chart(found: Measured, now: Mapping[str, float], limit: float) -> str:
    """Return the PRO curve, its area up to the limit shaded.

    A ring marks `now` ("FPR", "overlap") on it.
    """
    end = min(1.0, 1.3 * limit)
    kept = int(np.searchsorted(found.curve.x, end)) + 1
    names = ("false positive rate of the pixels", "mean overlap per region")
    chart = Chart((0, end), (0, 1.03), names=names, size=(500, 330), top=26)
    chart.path(found.curve.x[:kept], found.curve.y[:kept], style.BLUE, fill_to=limit)
    chart.rule(limit, f"PRO-global up to {limit:g}: {now['PRO-global']:.3f}")
    text = f"FPR {now['FPR']:.4f}: overlap {now['overlap']:.3f}"
    chart.dots([now["FPR"]], [now["overlap"]], [text], style.VERMILLION, shape="circle", size=6)
    chart.ring(now["FPR"], now["overlap"])
    return chart.svg("the PRO curve, its area up to the limit, and the present point")
