"""PRO, the mean overlap per region: three numbers that the literature calls by one name."""

from __future__ import annotations

import numpy as np

from adviz.metrics.checks import (
    checked_definition,
    checked_limit,
    checked_maps,
    checked_valid,
    undefined_reason,
)
from adviz.metrics.components import regions, weights_of
from adviz.metrics.counts import Counts, count
from adviz.metrics.curves import Curve, ratio

STEPS = 200


def pro(
    scores: np.ndarray,
    masks: np.ndarray,
    definition: str = "global",
    limit: float = 0.3,
    connectivity: int = 8,
    *,
    valid: np.ndarray | None = None,
) -> float:
    """Return the area under the curve of mean overlap per region against false positive rate (FPR), up to a limit.

    At a threshold, the overlap of a region is the share of its pixels that are flagged, and the
    mean gives every region the same weight, whatever its area. The three definitions differ, and
    neither bounds the other:

    "global" Exact, over all thresholds. FPR over all normal pixels of all images, the good ones
        included. The curve starts at (0, 0) and is integrated to the limit by the trapezoidal rule,
        linearly interpolated at the limit, and divided by the limit. MVTec's definition (Bergmann
        et al., IJCV 2021).
    "global-200" The same FPR and regions at 200 thresholds ``min + i * (max - min) / 200``, i = 0
        ... 199, flagged being what is *strictly* above. Points with FPR < limit are kept, their FPR
        is divided by its own maximum, and the area runs from the lowest kept FPR, not from 0. The
        code of reverse distillation and others, on all images at once.
    "per-image" "global-200" of each image with an anomalous pixel, with that image's own
        thresholds, regions and normal pixels, averaged over those images; good images take no part.
        As reverse distillation's published code calls it.

    Parameters
    ----------
    scores: (N, H, W) raw anomaly maps; higher = more anomalous.
    masks: (N, H, W) bool, or 0 and 1; all zero for good images.
    definition: one of the three.
    limit: highest FPR, in (0, 1].
    connectivity: 8 or 4, see `regions`.
    valid: (N, H, W) bool, the pixels that count; None = all. For padding, whose masks are 0.

    Returns
    -------
    area: in [0, 1]; NaN where undefined: no anomalous pixel; no normal pixel; and, for the two
        definitions with 200 thresholds, fewer than two points below the limit, or all of them at
        FPR 0 (their code divides 0 by 0; even a perfect map of two values ends there). "per-image"
        is NaN as soon as one image is. `pro_with_reason` says why.

    Raises
    ------
    ValueError: NaN or infinite scores, masks other than 0 and 1, shapes that differ, unknown
        definition, bad limit.

    Notes
    -----
    "global" is the closed form of `auroc_and_pro`; 1e-12 from the curve's trapezoids. The public
    code's thresholds come from ``np.arange`` in the maps' own precision, which can round to 201
    steps; here they are always 200, in float64.

    Examples
    --------
    >>> masks = np.zeros((1, 4, 4), bool)
    >>> masks[0, :2, :2] = True
    >>> metrics.pro(masks.astype(float), masks)
    1.0
    """
    return pro_with_reason(scores, masks, definition, limit, connectivity, valid=valid)[0]


def pro_with_reason(
    scores: np.ndarray,
    masks: np.ndarray,
    definition: str = "global",
    limit: float = 0.3,
    connectivity: int = 8,
    *,
    valid: np.ndarray | None = None,
) -> tuple[float, str]:
    """Return `pro` and, where it is NaN, the reason in words (otherwise the empty string).

    Examples
    --------
    >>> metrics.pro_with_reason(np.zeros((1, 4, 4)), np.zeros((1, 4, 4), bool))
    (nan, 'no anomalous pixel')
    """
    definition, limit = checked_definition(definition), checked_limit(limit)
    scores, masks = checked_maps(scores, masks)
    valid = checked_valid(valid, masks)
    if definition == "per-image" and masks.any():
        return _mean_over_images(scores, masks, limit, connectivity, valid)
    if reason := undefined_reason(masks if valid is None else masks[valid], "pixel"):
        return float("nan"), reason
    if definition == "global":
        return _areas(scores, masks, limit, connectivity, valid)[1], ""
    return _area_200(scores, masks, limit, connectivity, valid)


def pro_curve(
    scores: np.ndarray, masks: np.ndarray, connectivity: int = 8, *, valid: np.ndarray | None = None
) -> Curve:
    """Return mean overlap per region (y) against FPR over all normal pixels (x), one point per distinct score.

    The curve of the "global" definition, from (0, 0) to (1, 1); an axis that is undefined is NaN.
    Arguments and errors as in `pro`.

    Examples
    --------
    >>> masks = np.zeros((1, 4, 4), bool)
    >>> masks[0, :2, :2] = True
    >>> metrics.pro_curve(masks.astype(float), masks).y
    array([0., 1., 1.])
    """
    scores, masks = checked_maps(scores, masks)
    ids, areas = regions(masks, connectivity)
    valid = checked_valid(valid, masks)
    counted = ... if valid is None else valid
    return pro_of(count(scores[counted].ravel(), ids[counted].ravel(), weights_of(areas)))


def auroc_and_pro(
    scores: np.ndarray,
    masks: np.ndarray,
    limit: float = 0.3,
    connectivity: int = 8,
    *,
    valid: np.ndarray | None = None,
) -> tuple[float, float]:
    """Return pixel AUROC and PRO ("global") without a curve: the fastest way to the two, NaN where undefined.

    Arguments and errors as in `pro`; equal to `auroc` and to the trapezoids under `pro_curve` to
    1e-12. Normal and anomalous pixels are sorted separately; extra memory at the peak is about 6
    bytes a pixel for float32 maps.

    Examples
    --------
    >>> maps, masks = prediction.anomaly_map, category.test.masks_array()
    >>> auroc, pro = metrics.auroc_and_pro(maps, masks, limit=0.3)
    >>> auroc > 0.9, pro > 0.8
    (True, True)
    """
    limit = checked_limit(limit)
    scores, masks = checked_maps(scores, masks)
    valid = checked_valid(valid, masks)
    if undefined_reason(masks if valid is None else masks[valid], "pixel"):
        return float("nan"), float("nan")
    return _areas(scores, masks, limit, connectivity, valid)


def pro_of(counts: Counts) -> Curve:
    """Return the PRO curve from counts with region weights."""
    overlap = counts.weight if counts.tp[-1] else np.full(len(counts.tp), np.nan)
    return Curve(ratio(counts.fp, counts.fp[-1]), overlap, counts.threshold)


def area_to(curve: Curve, limit: float) -> float:
    """Return the trapezoidal area for x up to the limit, linearly interpolated there, divided by the limit."""
    if np.isnan(curve.x[-1]) or np.isnan(curve.y[-1]):
        return float("nan")
    end = int(np.searchsorted(curve.x, limit, side="right"))
    x, y = curve.x[:end], curve.y[:end]
    area = np.trapezoid(y, x)
    if x[-1] < limit:
        at_limit = np.interp(limit, curve.x[end - 1 : end + 1], curve.y[end - 1 : end + 1])
        area += (y[-1] + at_limit) / 2 * (limit - x[-1])
    return float(area / limit)


def normal_pixels(masks: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Return (N, H, W) bool: the pixels that are not anomalous, and count."""
    return ~masks if valid is None else valid & ~masks


def _areas(
    scores: np.ndarray, masks: np.ndarray, limit: float, connectivity: int, valid: np.ndarray | None
) -> tuple[float, float]:
    """Sum, over the anomalous pixels, the area that each adds under the ROC and under the PRO curve.

    A pixel raises its curve while the FPR goes from `before` to `after` (they differ where normal
    pixels have exactly its score) and stays counted up to the end of the axis.
    """
    ids, areas = regions(masks, connectivity)
    anomalous, weight = scores[masks], weights_of(areas)[ids[masks]]
    del ids  # the largest array so far
    normal = scores[normal_pixels(masks, valid)]
    normal.sort()
    order = np.argsort(anomalous)  # sorted look-ups below are several times faster than random ones
    anomalous, weight = anomalous[order], weight[order]
    auroc, added = added_areas(normal, anomalous, limit)
    return float(auroc.mean()), float(np.dot(weight, added) / limit)


def added_areas(
    normal: np.ndarray, anomalous: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each anomalous pixel adds: its share of AUROC, and the area under the PRO curve up to the limit.

    Parameters
    ----------
    normal: scores of all normal pixels, rising.
    anomalous: scores of the anomalous pixels; sorted ones are looked up several times faster.
    """
    below = np.searchsorted(normal, anomalous, side="left")
    up_to = np.searchsorted(normal, anomalous, side="right")
    before, after = (len(normal) - up_to) / len(normal), (len(normal) - below) / len(normal)
    ramp = (limit - before) ** 2 / (2 * np.maximum(after - before, np.finfo(float).tiny))
    added = np.where(
        after <= limit, limit - (before + after) / 2, np.where(before < limit, ramp, 0.0)
    )
    return 1 - (before + after) / 2, added


def _mean_over_images(
    scores: np.ndarray, masks: np.ndarray, limit: float, connectivity: int, valid: np.ndarray | None
) -> tuple[float, str]:
    """Average "global-200" over the images with an anomalous pixel, each on its own."""
    anomalous = np.flatnonzero(masks.any(axis=(1, 2)))
    found = [
        _area_200(
            scores[[i]], masks[[i]], limit, connectivity, None if valid is None else valid[[i]]
        )
        for i in anomalous
    ]
    reasons = [reason for _, reason in found if reason]
    if reasons:
        return float(
            "nan"
        ), f"undefined on {len(reasons)} of {len(anomalous)} anomalous images: {reasons[0]}"
    return float(np.mean([area for area, _ in found])), ""


def _area_200(
    scores: np.ndarray, masks: np.ndarray, limit: float, connectivity: int, valid: np.ndarray | None
) -> tuple[float, str]:
    """Return the area at 200 thresholds with the FPR rescaled by its maximum below the limit, or NaN and why."""
    if reason := undefined_reason(masks if valid is None else masks[valid], "pixel"):
        return float("nan"), reason
    fpr, overlap = _points_200(scores, masks, connectivity, valid)
    kept = fpr < limit
    if kept.sum() < 2:
        return float("nan"), f"fewer than two of the {STEPS} thresholds have an FPR below {limit:g}"
    if not fpr[kept].max():
        return (
            float("nan"),
            f"the FPR is 0 at all of the {STEPS} thresholds below {limit:g}, so it cannot be rescaled",
        )
    return float(-np.trapezoid(overlap[kept], fpr[kept] / fpr[kept].max())), ""


def _points_200(
    scores: np.ndarray, masks: np.ndarray, connectivity: int, valid: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (200,) FPR and mean overlap at rising linear thresholds, one image at a time to save memory."""
    ids, areas = regions(masks, connectivity)
    weights = weights_of(areas)
    counted = scores if valid is None else scores[valid]
    low, high = float(counted.min()), float(counted.max())
    thresholds = low + (high - low) * np.arange(STEPS) / STEPS
    normal, overlap = np.zeros(STEPS + 1), np.zeros(STEPS + 1)
    for number, (image, image_ids) in enumerate(zip(scores, ids, strict=True)):
        if valid is not None:
            image, image_ids = image[valid[number]], image_ids[valid[number]]
        # How many thresholds each pixel is strictly above
        passed = np.searchsorted(thresholds, image.ravel())
        normal += np.bincount(passed, image_ids.ravel() == 0, minlength=STEPS + 1)
        overlap += np.bincount(passed, weights[image_ids.ravel()], minlength=STEPS + 1)
    flagged, covered = (values[::-1].cumsum()[::-1][1:] for values in (normal, overlap))
    return flagged / normal.sum(), covered
