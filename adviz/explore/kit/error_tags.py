"""Kinds of errors: the tags that a person gives them, and which of them to suggest."""

from __future__ import annotations

import numpy as np

from adviz.data import ANOMALOUS, GOOD, UNLABELLED

FALSE_POSITIVE_TAGS = ("nominal variance", "label ambiguity", "background")
FALSE_NEGATIVE_TAGS = (
    "nominal variance",
    "localised but under-weighted",
    "not recovered",
    "cropped away",
    "fine-grained",
)
# By label of the image
TAGS = {GOOD: FALSE_POSITIVE_TAGS, ANOMALOUS: FALSE_NEGATIVE_TAGS, UNLABELLED: ()}
CROPPED = 0.05  # of the defect's area: with less than that left, it is called cropped away
# Of the image's area: a defect below that is called fine-grained, at 224 x 224 pixels 100 pixels
FINE = 0.002


def score_is_peak(scores: np.ndarray, maps: np.ndarray) -> bool:
    """Return whether every image's score is its map's maximum up to rounding; (N,), (N, H, W)."""
    return bool(np.allclose(scores, maps.max(axis=(1, 2)), rtol=1e-5, atol=0))


def suggest(
    mask: np.ndarray | None, anomaly_map: np.ndarray | None, visible: float | None
) -> list[tuple[str, str]]:
    """Suggest tags for a missed anomalous image.

    Parameters
    ----------
    mask: (H, W) bool, the defect in the pixels of the map; None = unknown.
    anomaly_map: (H, W) float; None = none.
    visible: fraction of the original mask that resize and crop left, as in `adviz.data.audit`;
        None = unknown.

    Returns
    -------
    (tag, reason) pairs, the likeliest first, of: cropped away (less than 5 % is left, and then no
        other tag); localised but under-weighted (the map's highest pixel lies in the mask),
        otherwise not recovered; and fine-grained (the defect covers less than 0.2 % of the image).
        Empty where neither mask nor map is known.
    """
    if visible is not None and visible < CROPPED:
        return [("cropped away", f"{visible:.0%} of the defect is left after resize and crop")]
    if mask is None or not mask.any():
        return []
    suggestions = []
    if anomaly_map is not None:
        row, column = np.unravel_index(int(anomaly_map.argmax()), anomaly_map.shape)
        distance = _distance(mask, (int(row), int(column)))
        if distance:
            reason = f"the map's highest pixel is {distance:.0f} px from the defect"
            suggestions.append(("not recovered", reason))
        else:
            reason = "the map's highest pixel lies in the defect"
            suggestions.append(("localised but under-weighted", reason))
    area = int(mask.sum())
    if area / mask.size < FINE:
        reason = f"{area} px, {area / mask.size:.2%} of the image"
        suggestions.append(("fine-grained", reason))
    return suggestions


def _distance(mask: np.ndarray, pixel: tuple[int, int]) -> float:
    """Return the distance of a pixel from the nearest one of a mask; 0 inside."""
    rows, columns = np.nonzero(mask)
    return float(np.hypot(rows - pixel[0], columns - pixel[1]).min())
