"""PRO at many limits at once, for curves of a limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adviz._support import progress
from adviz.metrics.checks import (
    PRO_DEFINITIONS,
    checked_limit,
    checked_maps,
    checked_valid,
    undefined_pixel_reason,
)
from adviz.metrics.components import regions
from adviz.metrics.per_region_overlap import (
    area_200,
    areas_to,
    curve_200,
    mean_area,
    normal_pixels,
    rises,
)


@dataclass(frozen=True, eq=False)
class ProByLimit:
    """PRO up to each of M limits of the false positive rate; `pro_by_limit` makes it.

    Attributes
    ----------
    limits: (M,) float.
    values: (M, 3) float, PRO by its definitions, in the order of `PRO_DEFINITIONS`; NaN where
        undefined.
    reasons: for each limit definition -> why it is NaN.
    integrals: (R, M) float, of each of R regions, as `RegionCurves.integral`.

    Examples
    --------
    >>> maps, masks = prediction.anomaly_map, category.test.masks_array()
    >>> metrics.pro_by_limit(maps, masks, np.array([0.05, 0.3])).values.shape
    (2, 3)
    """

    limits: np.ndarray
    values: np.ndarray
    reasons: list[dict[str, str]]
    integrals: np.ndarray


def pro_by_limit(
    scores: np.ndarray,
    masks: np.ndarray,
    limits: np.ndarray,
    connectivity: int = 8,
    *,
    valid: np.ndarray | None = None,
) -> ProByLimit:
    """Return PRO by all its definitions, and each region's part in it, up to each of some limits.

    Parameters
    ----------
    scores, masks, connectivity, valid: as for `pro`.
    limits: (M,) highest FPR, each in (0, 1].

    Raises
    ------
    ValueError: as `region_curves`.

    Notes
    -----
    Each value equals that of `pro` and of `region_curves`; what does not depend on the limit is
    computed once.

    Examples
    --------
    >>> maps, masks = prediction.anomaly_map, category.test.masks_array()
    >>> found = metrics.pro_by_limit(maps, masks, np.array([0.05, 0.3]))
    >>> bool(abs(found.values[1, 0] - metrics.pro(maps, masks)) < 1e-9)
    True
    """
    chosen = np.array([checked_limit(limit) for limit in np.asarray(limits).tolist()])
    scores, masks = checked_maps(scores, masks)
    valid = checked_valid(valid, masks)
    if reason := undefined_pixel_reason(masks, valid):
        raise ValueError(f"expected anomalous and normal pixels, got {reason}")
    ids, areas = regions(masks, connectivity)
    anomalous = scores[masks]
    order = np.argsort(anomalous)  # sorted ones are looked up several times faster
    region = (ids[masks].astype(np.int64) - 1)[order]
    normal = np.sort(scores[normal_pixels(masks, valid)])
    before, after = rises(normal, anomalous[order])
    whole = curve_200(scores, masks, connectivity, valid)
    alone = _curves_of_images(scores, masks, connectivity, valid)
    values = np.empty((len(chosen), len(PRO_DEFINITIONS)))
    reasons = []
    integrals = np.empty((len(areas), len(chosen)))
    for place, limit in enumerate(progress.progress_bar(chosen.tolist(), label="limits")):
        under = np.bincount(region, areas_to(before, after, limit), minlength=len(areas))
        integrals[:, place] = under / limit / areas
        each = [
            (float("nan"), "no normal pixel") if one is None else area_200(*one, limit)
            for one in alone
        ]
        answers = {
            "global": (float(integrals[:, place].mean()), ""),
            "global-200": area_200(*whole, limit),
            "per-image": mean_area(each),
        }
        values[place] = [answers[name][0] for name in PRO_DEFINITIONS]
        reasons.append({name: reason for name, (_, reason) in answers.items() if reason})
    return ProByLimit(chosen, values, reasons, integrals)


def _curves_of_images(
    scores: np.ndarray, masks: np.ndarray, connectivity: int, valid: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray] | None]:
    """Return the curve of each anomalous image alone; None where no pixel is normal."""
    curves: list[tuple[np.ndarray, np.ndarray] | None] = []
    anomalous = np.flatnonzero(masks.any(axis=(1, 2))).tolist()
    for image in progress.progress_bar(anomalous, label="images"):
        inside = None if valid is None else valid[[image]]
        mask = masks[[image]]
        normal = normal_pixels(mask, inside).any()
        curves.append(curve_200(scores[[image]], mask, connectivity, inside) if normal else None)
    return curves
