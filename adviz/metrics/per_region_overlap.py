"""PRO, the mean overlap per region: three numbers that the literature calls by one name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adviz.metrics.checks import (
    checked_definition,
    checked_limit,
    checked_maps,
    checked_valid,
    undefined_pixel_reason,
)
from adviz.metrics.components import regions, weights_of
from adviz.metrics.counts import Counts, count
from adviz.metrics.curves import Curve, fraction_of_last

STEPS = 200  # thresholds of "global-200" and "per-image"


def pro(
    scores: np.ndarray,
    masks: np.ndarray,
    definition: str = "global",
    limit: float = 0.3,
    connectivity: int = 8,
    *,
    valid: np.ndarray | None = None,
) -> float:
    """Return PRO: the area under the curve of mean overlap per region against FPR, up to a limit.

    At a threshold, the overlap of a region is the fraction of its pixels that are predicted
    anomalous, and the mean gives every region the same weight, whatever its area; FPR is the false
    positive rate. The three definitions differ, and neither bounds the other:

    "global" Exact, over all thresholds. FPR over all normal pixels of all images, the good ones
        included. The curve starts at (0, 0) and is integrated to the limit by the trapezoidal rule,
        linearly interpolated at the limit, and divided by the limit. MVTec's definition (Bergmann
        et al., IJCV 2021).
    "global-200" The same FPR and regions at 200 thresholds ``min + i * (max - min) / 200``, i = 0
        ... 199, predicted anomalous being what is *strictly* above. Points with FPR < limit stay,
        their FPR is divided by its own maximum, and the area runs from the lowest FPR that stays,
        not from 0. The code of reverse distillation and others, on all images at once.
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
    "global" equals, to 1e-12, this loop and the area under its points up to the limit::

        fpr, overlap = [0], [0]
        for threshold in sorted(set(scores.ravel()), reverse=True):
            predicted = scores >= threshold
            fpr.append(predicted[normal].mean())
            overlap.append(mean(predicted[region].mean() for region in regions))

    The overlap is a sum of steps: from its own score on, every anomalous pixel adds 1 / (pixels of
    its region * number of regions). The area is therefore the sum of the areas under these steps,
    and each of those follows from the ranks of one score among the normal scores
    (`areas_per_pixel`): no curve is needed.

    The public code's thresholds come from ``np.arange`` in the maps' own precision, which can round
    to 201 steps; here they are always 200, in float64.

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
    """Return `pro` and, where it is NaN, the reason (otherwise the empty string).

    Examples
    --------
    >>> metrics.pro_with_reason(np.zeros((1, 4, 4)), np.zeros((1, 4, 4), bool))
    (nan, 'no anomalous pixel')
    """
    definition = checked_definition(definition)
    limit = checked_limit(limit)
    scores, masks = checked_maps(scores, masks)
    valid = checked_valid(valid, masks)
    if definition == "per-image" and masks.any():
        return _mean_over_images(scores, masks, limit, connectivity, valid)
    if definition == "global-200":
        return _pro_200(scores, masks, limit, connectivity, valid)
    if reason := undefined_pixel_reason(masks, valid):
        return float("nan"), reason
    return _auroc_and_pro(scores, masks, limit, connectivity, valid)[1], ""


def pro_curve(
    scores: np.ndarray, masks: np.ndarray, connectivity: int = 8, *, valid: np.ndarray | None = None
) -> Curve:
    """Return mean overlap per region (y) against FPR (x), one point per distinct score.

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
    valid = checked_valid(valid, masks)
    return pro_of(count_pixels(scores, masks, connectivity, valid))


def auroc_and_pro(
    scores: np.ndarray,
    masks: np.ndarray,
    limit: float = 0.3,
    connectivity: int = 8,
    *,
    valid: np.ndarray | None = None,
) -> tuple[float, float]:
    """Return pixel AUROC and PRO ("global") without a curve, the fastest way to the two.

    NaN where undefined. Arguments and errors as in `pro`; equal to `auroc` and to the trapezoids
    under `pro_curve` to 1e-12. Normal and anomalous pixels are sorted separately; extra memory at
    the peak is about 6 bytes a pixel for float32 maps.

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
    if undefined_pixel_reason(masks, valid):
        return float("nan"), float("nan")
    return _auroc_and_pro(scores, masks, limit, connectivity, valid)


def count_pixels(
    scores: np.ndarray,
    masks: np.ndarray,
    connectivity: int,
    valid: np.ndarray | None,
    corners_only: bool = False,
) -> Counts:
    """Count true and false positives of the pixels that count, weighted by region."""
    ids, areas = regions(masks, connectivity)
    if valid is not None:  # (number of valid pixels,) each
        scores = scores[valid]
        ids = ids[valid]
    return count(scores.ravel(), ids.ravel(), weights_of(areas), corners_only)


def pro_of(counts: Counts) -> Curve:
    """Return the PRO curve from counts with region weights."""
    overlap = counts.weight if counts.tp[-1] else np.full(len(counts.tp), np.nan)
    return Curve(fraction_of_last(counts.fp), overlap, counts.threshold)


def area_to(curve: Curve, limit: float) -> float:
    """Return the trapezoidal area for x up to the limit, divided by the limit.

    At the limit the curve is interpolated linearly.
    """
    if np.isnan(curve.x[-1]) or np.isnan(curve.y[-1]):
        return float("nan")
    end = int(np.searchsorted(curve.x, limit, side="right"))
    x = curve.x[:end]
    y = curve.y[:end]
    area = np.trapezoid(y, x)
    if x[-1] < limit:
        at_limit = np.interp(limit, curve.x[end - 1 : end + 1], curve.y[end - 1 : end + 1])
        area += (y[-1] + at_limit) / 2 * (limit - x[-1])
    return float(area / limit)


def normal_pixels(masks: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Return (N, H, W) bool: the pixels that are not anomalous, and count."""
    return ~masks if valid is None else valid & ~masks


def _auroc_and_pro(
    scores: np.ndarray, masks: np.ndarray, limit: float, connectivity: int, valid: np.ndarray | None
) -> tuple[float, float]:
    """Return pixel AUROC and PRO ("global") as sums over the anomalous pixels."""
    ids, areas = regions(masks, connectivity)
    weight = weights_of(areas)[ids[masks]]  # (P,), P anomalous pixels
    del ids  # the largest array so far
    anomalous = scores[masks]  # (P,)
    normal = scores[normal_pixels(masks, valid)]
    normal.sort()
    order = np.argsort(anomalous)  # sorted look-ups are several times faster than random ones
    auroc, area = areas_per_pixel(normal, anomalous[order], limit)
    return float(auroc.mean()), float(np.dot(weight[order], area) / limit)


def areas_per_pixel(
    normal: np.ndarray, anomalous: np.ndarray, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the areas that each anomalous pixel adds under the ROC and under the PRO curve.

    A pixel's step rises while the FPR goes from `before` to `after` (they differ where normal
    pixels have exactly its score), and stays at 1 up to the end of the axis.

    Parameters
    ----------
    normal: scores of all normal pixels, rising.
    anomalous: (P,) scores of the anomalous pixels; sorted ones are looked up several times faster.
    limit: FPR at which the PRO curve ends; the ROC curve ends at 1.

    Returns
    -------
    auroc, pro: (P,) float64; the latter with a step of height 1, not yet divided by the limit.
    """
    before, after = rises(normal, anomalous)
    return 1 - (before + after) / 2, areas_to(before, after, limit)


def rises(normal: np.ndarray, anomalous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return between which FPR the step of each anomalous pixel rises, see `areas_per_pixel`."""
    n_below = np.searchsorted(normal, anomalous, side="left")
    n_up_to = np.searchsorted(normal, anomalous, side="right")
    before = (len(normal) - n_up_to) / len(normal)
    after = (len(normal) - n_below) / len(normal)
    return before, after


def areas_to(before: np.ndarray, after: np.ndarray, limit: float) -> np.ndarray:
    """Return the area under each of the steps that rise so, up to a limit of the FPR."""
    # Where the limit cuts the rise, a triangle under the ramp from `before` to the limit
    width = np.maximum(after - before, np.finfo(float).tiny)
    triangle = (limit - before) ** 2 / (2 * width)
    cut = np.where(before < limit, triangle, 0.0)
    return np.where(after <= limit, limit - (before + after) / 2, cut)


def _mean_over_images(
    scores: np.ndarray, masks: np.ndarray, limit: float, connectivity: int, valid: np.ndarray | None
) -> tuple[float, str]:
    """Average "global-200" over the images with an anomalous pixel, each on its own."""
    found = []
    for i in np.flatnonzero(masks.any(axis=(1, 2))):
        image_valid = None if valid is None else valid[[i]]
        found.append(_pro_200(scores[[i]], masks[[i]], limit, connectivity, image_valid))
    return mean_area(found)


def mean_area(found: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """Return the mean of the images' areas, or NaN and why some of them are undefined."""
    reasons = [reason for _, reason in found if reason]
    if reasons:
        which = f"{len(reasons)} of {len(found)} anomalous images"
        return float("nan"), f"undefined on {which}: {reasons[0]}"
    return float(np.mean([area for area, _ in found])), ""


def _pro_200(
    scores: np.ndarray, masks: np.ndarray, limit: float, connectivity: int, valid: np.ndarray | None
) -> tuple[float, str]:
    """Return PRO ("global-200"), or NaN and the reason."""
    if reason := undefined_pixel_reason(masks, valid):
        return float("nan"), reason
    return area_200(*curve_200(scores, masks, connectivity, valid), limit)


def area_200(fpr: np.ndarray, overlap: np.ndarray, limit: float) -> tuple[float, str]:
    """Return PRO from a curve of `curve_200`, or NaN and the reason."""
    below_limit = fpr < limit
    if below_limit.sum() < 2:
        reason = f"fewer than two of the {STEPS} thresholds have an FPR below {limit:g}"
        return float("nan"), reason
    fpr = fpr[below_limit]
    if not fpr.max():
        reason = f"the FPR is 0 at all of the {STEPS} thresholds below {limit:g}"
        return float("nan"), f"{reason}, so it cannot be rescaled"
    # Minus: the FPR falls along the rising thresholds
    return float(-np.trapezoid(overlap[below_limit], fpr / fpr.max())), ""


def curve_200(
    scores: np.ndarray, masks: np.ndarray, connectivity: int, valid: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (200,) FPR and mean overlap at rising linear thresholds.

    It takes one image at a time to save memory.
    """
    ids, areas = regions(masks, connectivity)
    weights = weights_of(areas)
    counted = scores if valid is None else scores[valid]
    low = float(counted.min())
    high = float(counted.max())
    thresholds = low + (high - low) * np.arange(STEPS) / STEPS
    # Entry i: normal pixels, and weights of anomalous ones, strictly above exactly i thresholds
    normal = np.zeros(STEPS + 1)
    overlap = np.zeros(STEPS + 1)
    for number, (image, image_ids) in enumerate(zip(scores, ids, strict=True)):
        counted_pixels = ... if valid is None else valid[number]
        pixel_ids = image_ids[counted_pixels].ravel()
        n_passed = np.searchsorted(thresholds, image[counted_pixels].ravel())
        normal += np.bincount(n_passed, pixel_ids == 0, minlength=STEPS + 1)
        overlap += np.bincount(n_passed, weights[pixel_ids], minlength=STEPS + 1)
    return _sums_above(normal) / normal.sum(), _sums_above(overlap)


def _sums_above(values: np.ndarray) -> np.ndarray:
    """Return, for each entry but the last, the sum of all entries after it."""
    return np.asarray(values[::-1].cumsum()[::-1][1:])
