"""The checks that every metric makes on its input, and the words for a metric that is undefined."""

from __future__ import annotations

from typing import Literal

import numpy as np

from adviz._support import as_numpy, got

PRO_DEFINITIONS = ("global", "global-200", "per-image")


def checked_scores(scores: np.ndarray) -> np.ndarray:
    """Return finite scores as float32 (from float32 and float16, exactly) or float64 (from everything else)."""
    scores = as_numpy(scores)
    if scores.dtype.kind not in "fiub":
        raise TypeError(f"scores must be real numbers, got dtype {scores.dtype}")
    scores = scores.astype(
        np.float32 if scores.dtype in (np.float32, np.float16) else np.float64, copy=False
    )
    finite = np.isfinite(scores)
    if not finite.all():
        bad = np.argwhere(~finite)
        first = tuple(bad[0].tolist())
        raise ValueError(
            f"scores must be finite, got {len(bad)} NaN or infinite of {scores.size}, the first at index {first}; "
            "look for a division by zero or a float16 overflow where the scores were made"
        )
    return scores


def checked_labels(labels: np.ndarray, name: str = "labels") -> np.ndarray:
    """Return labels or masks as bool after checking that they hold only 0 (normal) and 1 (anomalous)."""
    labels = as_numpy(labels)
    if labels.dtype == bool:
        return labels
    if labels.dtype.kind not in "biuf":
        shown = sorted(set(labels.ravel().tolist()), key=str)[:5]
        raise ValueError(
            f'{name} must hold 0 (normal) and 1 (anomalous) only, got {shown}: compare, labels == "bad"'
        )
    found = np.unique(labels)
    if not np.isin(found, (0, 1)).all():
        raise ValueError(
            f"{name} must hold 0 (normal) and 1 (anomalous) only, got the values {found[:5].tolist()}; "
            "leave unlabelled images out, and turn a grey mask into one with `mask > 0`"
        )
    return labels.astype(bool)


def checked_pair(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check (N,) scores against their (N,) labels and return them as float and bool."""
    scores, labels = checked_scores(scores), checked_labels(labels)
    if scores.ndim != 1 or scores.shape != labels.shape:
        raise ValueError(
            f"scores and labels must both have shape (N,), got {scores.shape} and {labels.shape}; "
            "use ravel() on maps and masks"
        )
    return scores, labels


def checked_maps(scores: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Check (N, H, W) anomaly maps against their (N, H, W) masks and return them as float and bool."""
    scores, masks = checked_scores(scores), checked_labels(masks, "masks")
    if scores.ndim != 3 or scores.shape != masks.shape:
        raise ValueError(
            f"scores and masks must both have shape (N, H, W), got {scores.shape} and {masks.shape}; "
            "resize the maps to the masks, and give a single image as array[None]"
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
            "valid must hold every anomalous pixel, got masks with some outside: set them to 0 there"
        )
    return None if valid.all() else valid


def checked_definition(definition: str) -> str:
    """Check the name of a definition of PRO."""
    if definition not in PRO_DEFINITIONS:
        there = ", ".join(map(repr, PRO_DEFINITIONS))
        raise ValueError(
            f"PRO's definition must be one of {there}, {got(definition, PRO_DEFINITIONS)}"
        )
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
    """Say why a metric of these labels is NaN; the empty string where it is defined.

    Parameters
    ----------
    labels: any shape, 0 or False = normal, 1 or True = anomalous.
    unit: what one label stands for, "image" or "pixel"; only used in the sentence.
    needs: "both classes" for AUROC and PRO; "anomalous" for average precision, F1 and the errors at
        full recall.

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
