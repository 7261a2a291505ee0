"""Overlap, PRO and AUROC of every single anomalous region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adviz.metrics.checks import checked_limit, checked_maps, checked_valid, undefined_pixel_reason
from adviz.metrics.components import regions
from adviz.metrics.per_region_overlap import areas_per_pixel, normal_pixels


@dataclass(frozen=True, eq=False)
class RegionCurves:
    """The overlap curve of every anomalous region, up to a false positive rate (FPR).

    `region_curves` makes it. The FPR is that of all normal pixels of all images.

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
        """Return the lowest threshold with a false positive rate of at most `fpr`.

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
                "fpr must be a false positive rate between 0 and the limit "
                f"{self.limit:g}, got {fpr}"
            )
        # False positives that `fpr` allows; 1e-12: 0.3 * 10 is 3, whatever rounding makes of it
        allowed = int(np.floor(fpr * self.normal * (1 + 1e-12)))
        if allowed >= self.normal:
            lowest = min(self.highest[-1], self.scores.min())
            return float(lowest)
        return float(np.nextafter(self.highest[allowed], self.highest.dtype.type(np.inf)))

    def false_positive_rate(self, threshold: float) -> float:
        """Return the FPR at a threshold: the fraction of normal pixels with a score >= it.

        The threshold must not be below that of the limit.

        Examples
        --------
        >>> curves = metrics.region_curves(prediction.anomaly_map, category.test.masks_array())
        >>> round(curves.false_positive_rate(curves.threshold(0.1)), 3)
        0.1
        """
        return float(np.searchsorted(-self.highest, -threshold, side="right") / self.normal)

    def overlap(self, threshold: float) -> np.ndarray:
        """Return the fraction of every region's pixels with a score >= the threshold.

        (R,) float; their mean is PRO's overlap.

        Examples
        --------
        >>> curves = metrics.region_curves(prediction.anomaly_map, category.test.masks_array())
        >>> low, high = curves.threshold(0.1), curves.threshold(0.01)
        >>> bool((curves.overlap(low) >= curves.overlap(high)).all())
        True
        """
        detected = np.bincount(self.region, self.scores >= threshold, minlength=len(self.area))
        return np.asarray(detected / self.area)


def region_curves(
    scores: np.ndarray,
    masks: np.ndarray,
    limit: float = 0.3,
    connectivity: int = 8,
    *,
    valid: np.ndarray | None = None,
) -> RegionCurves:
    """Return the overlap curve of each anomalous region, and what it adds to PRO ("global").

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
    ``pro(..., "global")`` to 1e-12. Memory: the scores of the anomalous pixels, and of the fraction
    `limit` of the normal ones.

    Examples
    --------
    >>> maps, masks = prediction.anomaly_map, category.test.masks_array()
    >>> curves = metrics.region_curves(maps, masks)
    >>> bool(abs(curves.integral.mean() - metrics.pro(maps, masks)) < 1e-9)
    True
    """
    limit = checked_limit(limit)
    scores, masks = checked_maps(scores, masks)
    valid = checked_valid(valid, masks)
    if reason := undefined_pixel_reason(masks, valid):
        raise ValueError(f"expected anomalous and normal pixels, got {reason}")
    ids, areas = regions(masks, connectivity)
    normal = np.sort(scores[normal_pixels(masks, valid)])
    anomalous = scores[masks]  # (P,), P anomalous pixels
    region = ids[masks].astype(np.int64) - 1  # (P,)
    order = np.argsort(anomalous)
    auroc, area = areas_per_pixel(normal, anomalous[order], limit)
    summed_auroc = np.bincount(region[order], auroc, minlength=len(areas))  # (R,)
    summed_area = np.bincount(region[order], area / limit, minlength=len(areas))  # (R,)
    n_highest = min(len(normal), int(np.ceil(limit * len(normal))) + 1)
    return RegionCurves(
        image=_images(ids, len(areas)),
        area=areas,
        box=_boxes(ids, len(areas)),
        integral=summed_area / areas,
        auroc=summed_auroc / areas,
        limit=limit,
        connectivity=connectivity,
        normal=len(normal),
        highest=normal[::-1][:n_highest].copy(),
        scores=anomalous,
        region=region,
    )


def _images(ids: np.ndarray, count: int) -> np.ndarray:
    """Return the index of the image that each region lies in, (count,)."""
    image_of_region = np.zeros(count, np.int64)
    for image, image_ids in enumerate(ids):
        image_of_region[np.unique(image_ids[image_ids > 0]).astype(np.int64) - 1] = image
    return image_of_region


def _boxes(ids: np.ndarray, count: int) -> np.ndarray:
    """Return (top, left, height, width) of every region, (count, 4)."""
    _, rows, columns = np.nonzero(ids)
    region = ids[ids > 0].astype(np.int64) - 1
    lowest = np.full((2, count), np.iinfo(np.int64).max)
    highest = np.zeros((2, count), np.int64)
    for axis, positions in enumerate((rows, columns)):
        np.minimum.at(lowest[axis], region, positions)
        np.maximum.at(highest[axis], region, positions)
    return np.stack([*lowest, *(highest - lowest + 1)], axis=1)
