"""What each region adds to PRO: its overlap at any false positive rate, and the area under its own curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adviz.metrics.checks import checked_limit, checked_maps, checked_valid, undefined_reason
from adviz.metrics.components import regions
from adviz.metrics.overlap import added_areas, normal_pixels


@dataclass(frozen=True, eq=False)
class RegionCurves:
    """Every region's overlap against the false positive rate (FPR) of all pixels, up to a limit; see `region_curves`.

    Attributes
    ----------
    image: (R,) int64, index of the image that a region lies in, rising.
    area: (R,) int64, its pixels.
    box: (R, 4) int64, (top, left, height, width) of the frame round it.
    integral: (R,) float, area under its own curve up to the limit, divided by the limit; their mean
        is PRO ("global").
    auroc: (R,) float, how often one of its pixels outranks a normal pixel; their mean weighted by
        `area` is the pixel AUROC.
    limit: highest FPR, in (0, 1].
    connectivity: 8 or 4.
    normal: how many normal pixels there are.
    highest: the highest normal scores, falling, as far as the limit needs.
    scores, region: (P,) of all anomalous pixels: their scores, and which region 0 ... R - 1 each
        lies in.

    Examples
    --------
    >>> curves = metrics.region_curves(prediction.anomaly_map, category.test.masks_array())
    >>> curves.overlap(curves.threshold(0.1)).shape == curves.area.shape
    True
    """

    image: np.ndarray
    area: np.ndarray
    box: np.ndarray
    integral: np.ndarray
    auroc: np.ndarray
    limit: float
    connectivity: int
    normal: int
    highest: np.ndarray
    scores: np.ndarray
    region: np.ndarray

    def threshold(self, fpr: float) -> float:
        """Return the lowest threshold at which at most a share `fpr` of all normal pixels is flagged (score >= it).

        Raises
        ------
        ValueError: an FPR below 0 or above the limit.

        Examples
        --------
        >>> curves = metrics.region_curves(prediction.anomaly_map, category.test.masks_array())
        >>> curves.threshold(0.01) > curves.threshold(0.1)
        True
        """
        if not 0 <= fpr <= self.limit:
            raise ValueError(
                f"fpr must be a false positive rate between 0 and the limit {self.limit:g}, got {fpr}"
            )
        # 0.3 * 10 is 3, whatever rounding makes of it
        allowed = int(np.floor(fpr * self.normal * (1 + 1e-12)))
        if allowed >= self.normal:
            lowest = min(self.highest[-1], self.scores.min())
            return float(lowest)
        return float(np.nextafter(self.highest[allowed], self.highest.dtype.type(np.inf)))

    def flagged(self, threshold: float) -> float:
        """Return the share of all normal pixels that a threshold flags, if it is not below that of the limit.

        Examples
        --------
        >>> curves = metrics.region_curves(prediction.anomaly_map, category.test.masks_array())
        >>> round(curves.flagged(curves.threshold(0.1)), 3)
        0.1
        """
        return float(np.searchsorted(-self.highest, -threshold, side="right") / self.normal)

    def overlap(self, threshold: float) -> np.ndarray:
        """Return the share of every region's pixels that a threshold flags, (R,) float; their mean is PRO's overlap.

        Examples
        --------
        >>> curves = metrics.region_curves(prediction.anomaly_map, category.test.masks_array())
        >>> bool((curves.overlap(curves.threshold(0.1)) >= curves.overlap(curves.threshold(0.01))).all())
        True
        """
        inside = np.bincount(self.region, self.scores >= threshold, minlength=len(self.area))
        return np.asarray(inside / self.area)


def region_curves(
    scores: np.ndarray,
    masks: np.ndarray,
    limit: float = 0.3,
    connectivity: int = 8,
    *,
    valid: np.ndarray | None = None,
) -> RegionCurves:
    """Return what each anomalous region adds to PRO in its "global" definition.

    Parameters
    ----------
    scores: (N, H, W) raw anomaly maps; higher = more anomalous.
    masks: (N, H, W) bool, or 0 and 1; all zero for good images.
    limit: highest FPR, in (0, 1].
    connectivity: 8 or 4, see `regions`.
    valid: (N, H, W) bool, the pixels that count; None = all. For padding, whose masks are 0.

    Raises
    ------
    ValueError: as `pro`, and where PRO is undefined: no anomalous, or no normal pixel.

    Notes
    -----
    The area is exact, the closed form of `auroc_and_pro`: the mean over the regions equals
    ``pro(..., "global")`` to 1e-12. Memory: the scores of the anomalous pixels, and of the share
    `limit` of the normal ones.

    Examples
    --------
    >>> maps, masks = prediction.anomaly_map, category.test.masks_array()
    >>> bool(abs(metrics.region_curves(maps, masks).integral.mean() - metrics.pro(maps, masks)) < 1e-9)
    True
    """
    limit = checked_limit(limit)
    scores, masks = checked_maps(scores, masks)
    valid = checked_valid(valid, masks)
    if reason := undefined_reason(masks if valid is None else masks[valid], "pixel"):
        raise ValueError(f"expected anomalous and normal pixels, got {reason}")
    ids, areas = regions(masks, connectivity)
    normal, anomalous, region = (
        np.sort(scores[normal_pixels(masks, valid)]),
        scores[masks],
        ids[masks].astype(np.int64) - 1,
    )
    order = np.argsort(anomalous)
    auroc, added = added_areas(normal, anomalous[order], limit)
    sums = [
        np.bincount(region[order], values, minlength=len(areas))
        for values in (auroc, added / limit)
    ]
    kept = min(len(normal), int(np.ceil(limit * len(normal))) + 1)
    return RegionCurves(
        image=_images(ids, len(areas)),
        area=areas,
        box=_boxes(ids, len(areas)),
        integral=sums[1] / areas,
        auroc=sums[0] / areas,
        limit=limit,
        connectivity=connectivity,
        normal=len(normal),
        highest=normal[::-1][:kept].copy(),
        scores=anomalous,
        region=region,
    )


def _images(ids: np.ndarray, count: int) -> np.ndarray:
    """Return the image of every region."""
    found = np.zeros(count, np.int64)
    for image, values in enumerate(ids):
        found[np.unique(values[values > 0]).astype(np.int64) - 1] = image
    return found


def _boxes(ids: np.ndarray, count: int) -> np.ndarray:
    """Return (top, left, height, width) of every region."""
    _, rows, columns = np.nonzero(ids)
    region = ids[ids > 0].astype(np.int64) - 1
    low, high = np.full((2, count), np.iinfo(np.int64).max), np.zeros((2, count), np.int64)
    for axis, places in enumerate((rows, columns)):
        np.minimum.at(low[axis], region, places)
        np.maximum.at(high[axis], region, places)
    return np.stack([*low, *(high - low + 1)], axis=1)
