"""Input checks that all metrics share, and the reason why a metric is undefined."""

from __future__ import annotations

from typing import Literal

import numpy as np

from adviz._support import as_numpy, got

# The three numbers that the literature calls PRO, defined in `adviz.metrics.pro`. Options, saved
# results and `Result.pro_name` use these names and no others.
PRO_DEFINITIONS = ("global", "global-200", "per-image")


def checked_scores(scores: np.ndarray) -> np.ndarray:
    """Check that scores are finite, and return them as float32 or float64.

    float32 and float16 become float32, exactly; all other types float64.
    """
    scores = as_numpy(scores)
    if scores.dtype.kind not in "fiub":
        raise TypeError(f"scores must be real numbers, got dtype {scores.dtype}")
    fits_float32 = scores.dtype in (np.float32, np.float16)
    scores = scores.astype(np.float32 if fits_float32 else np.float64, copy=False)
    is_finite = np.isfinite(scores)
    if not is_finite.all():
        not_finite = np.argwhere(~is_finite)
        first = tuple(not_finite[0].tolist())
        raise ValueError(
            f"scores must be finite, got {len(not_finite)} NaN or infinite of {scores.size}, "
            f"the first at index {first}; look for a division by zero or a float16 overflow "
            "where the scores were made"
        )
    return scores


def checked_labels(labels: np.ndarray, name: str = "labels") -> np.ndarray:
    """Check that labels or masks hold 0 (normal) and 1 (anomalous) only; return them as bool."""
    labels = as_numpy(labels)
    if labels.dtype == bool:
        return labels
    expected = f"{name} must hold 0 (normal) and 1 (anomalous) only"
    if labels.dtype.kind not in "biuf":
        examples = sorted(set(labels.ravel().tolist()), key=str)[:5]
        raise ValueError(f'{expected}, got {examples}: compare, labels == "bad"')
    values = np.unique(labels)
    if not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"{expected}, got the values {values[:5].tolist()}; "
            "leave unlabelled images out, and turn a grey mask into one with `mask > 0`"
        )
    return labels.astype(bool)


def checked_pair(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check (N,) scores against their (N,) labels and return them as float and bool."""
    scores = checked_scores(scores)
    labels = checked_labels(labels)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(
            f"scores and labels must both have shape (N,), got {scores.shape} and {labels.shape}; "
            "use ravel() on maps and masks"
        )
    return scores, labels


def checked_maps(scores: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check (N, H, W) anomaly maps against their masks and return them as float and bool."""
    scores = checked_scores(scores)
    masks = checked_labels(masks, "masks")
    if scores.ndim != 3 or scores.shape != masks.shape:
        raise ValueError(
            f"scores and masks must both have shape (N, H, W), got {scores.shape} and "
            f"{masks.shape}; resize the maps to the masks, and give a single image as array[None]"
        )
    return scores, masks


def checked_valid(valid: np.ndarray | None, masks: np.ndarray) -> np.ndarray | None:
    """Check which pixels count against their (N, H, W) masks; None where all do."""
    if valid is None:
        return None
    valid = checked_labels(valid, "valid")
    if valid.shape != masks.shape:
        raise ValueError(f"valid must have the masks' shape {masks.shape}, got {valid.shape}")
    if (masks & ~valid).any():
        raise ValueError(
            "valid must hold every anomalous pixel, got masks with some outside: "
            "set them to 0 there"
        )
    return None if valid.all() else valid


def undefined_pixel_reason(masks: np.ndarray, valid: np.ndarray | None) -> str:
    """Return why a metric of the pixels that count is NaN; the empty string where it is defined."""
    return undefined_reason(masks if valid is None else masks[valid], "pixel")


def checked_definition(definition: str) -> str:
    """Check the name of a definition of PRO."""
    if definition not in PRO_DEFINITIONS:
        names = ", ".join(map(repr, PRO_DEFINITIONS))
        message = got(definition, PRO_DEFINITIONS)
        raise ValueError(f"PRO's definition must be one of {names}, {message}")
    return definition


def checked_limit(limit: float) -> float:
    """Check the false positive rate up to which PRO is integrated."""
    if not 0 < limit <= 1:
        raise ValueError(
            f"limit must be a false positive rate in (0, 1], got {limit!r}; the usual value is 0.3"
        )
    return float(limit)


def undefined_reason(
    labels: np.ndarray,
    unit: str = "image",
    needs: Literal["both classes", "anomalous"] = "both classes",
) -> str:
    """Return why a metric of these labels is NaN; the empty string where it is defined.

    Parameters
    ----------
    labels: any shape, 0 or False = normal, 1 or True = anomalous.
    unit: what one label stands for, "image" or "pixel"; only used in the sentence.
    needs: "both classes" for AUROC and PRO; "anomalous" for average precision, F1 and the false
        positives at 100 % recall.

    Returns
    -------
    reason: "no anomalous image", "no normal image" (with the unit's name) or "".

    Examples
    --------
    >>> metrics.undefined_reason(np.zeros(3))
    'no anomalous image'
    """
    labels = as_numpy(labels)
    if not labels.any():
        return f"no anomalous {unit}"
    if needs == "both classes" and labels.all():
        return f"no normal {unit}"
    return ""
