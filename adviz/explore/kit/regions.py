"""Every anomalous region, and PRO, at all false positive rates (FPR): what `explore.pro` shows."""

from __future__ import annotations

import numpy as np

from adviz import metrics
from adviz.explore.kit.packing import Part


def _steps(*pieces: tuple[float, float, float]) -> np.ndarray:
    """Return rising values: of each piece (first, end, step) those before its end, and 1."""
    values = [np.arange(round((end - low) / step)) * step + low for low, end, step in pieces]
    return np.round(np.append(np.concatenate(values), 1.0), 6)


# The FPR that can be looked at, and the limits up to which PRO can be integrated
RATES = _steps((0, 0.05, 0.0001), (0.05, 0.3, 0.0005), (0.3, 1, 0.002))
LIMITS = _steps((0.001, 0.1, 0.001), (0.1, 0.5, 0.005), (0.5, 1, 0.01))


def nearest(values: np.ndarray, wanted: float) -> int:
    """Return the index of the value that is nearest to one."""
    return int(np.abs(values - wanted).argmin())


def region_part(
    maps: np.ndarray,
    masks: np.ndarray,
    images: np.ndarray,
    connectivity: int,
    valid: np.ndarray | None,
) -> Part:
    """Return all about PRO of some images, for `RATES` (K) and `LIMITS` (M).

    Parameters
    ----------
    maps, masks, valid: (N, H, W), as those of `metrics.pro`.
    images: (N,) their indices in the test split.
    connectivity: 8 or 4.

    Returns
    -------
    Of R regions image, area (R), box (R, 4), auroc (R), counts (R, K): pixels whose score is at
    least the threshold and was not at the one before, integrals (R, M): of each region's own curve
    up to a limit, divided by it; rates, fpr, threshold (K): the FPR that were asked for, and the
    highest ones that are not above them, with their thresholds; limits (M); values (M, 3): PRO by
    definition; reasons: for each limit definition -> why it is undefined; pixels: their AUROC and
    how many of them are normal. Without a region, or without a normal pixel, only `undefined`: why.
    """
    reason = metrics.undefined_reason(masks if valid is None else masks[valid], "pixel")
    if reason:
        return {"undefined": [reason]}
    found = metrics.region_curves(maps, masks, 1.0, connectivity, valid=valid)
    threshold, fpr = _thresholds(found.highest[::-1], found.scores)
    count = len(found.area)
    # Thresholds fall: the first one that a score reaches
    reached = np.searchsorted(-threshold, -found.scores)
    places = found.region * len(RATES) + reached
    counts = np.bincount(places, minlength=count * len(RATES)).reshape(count, -1)
    by_limit = metrics.pro_by_limit(maps, masks, LIMITS, connectivity, valid=valid)
    auroc = float((found.auroc * found.area).sum() / found.area.sum())
    return {
        "image": images[found.image].astype(np.int32),
        "area": found.area.astype(np.int32),
        "box": found.box.astype(np.int32),
        "auroc": found.auroc,
        "counts": counts.astype(np.uint16 if counts.max() < 2**16 else np.uint32),
        "integrals": by_limit.integrals,
        "rates": RATES,
        "fpr": fpr,
        "threshold": threshold,
        "limits": LIMITS,
        "values": by_limit.values,
        "reasons": by_limit.reasons,
        "pixels": {"auroc": auroc, "normal": found.normal},
    }


def _thresholds(normal: np.ndarray, anomalous: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest threshold with at most each of `RATES`, as `RegionCurves.threshold` does.

    `normal` are all normal scores, rising. The second is the FPR at each of them.
    """
    total = len(normal)
    allowed = np.floor(RATES * total * (1 + 1e-12)).astype(int)
    highest = normal[total - 1 - np.minimum(allowed, total - 1)]
    above = np.nextafter(highest, highest.dtype.type(np.inf))
    threshold = np.where(allowed < total, above, min(normal[0], anomalous.min()))
    return threshold, 1 - np.searchsorted(normal, threshold) / total
