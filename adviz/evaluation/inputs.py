"""The common inputs of `evaluate` and `calibrate`: a prediction and the split of its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from adviz._support import as_numpy, require_attributes
from adviz.data import GOOD
from adviz.prediction import Prediction


class LabelledImages(Protocol):
    """What `evaluate` and `calibrate` need of a split, such as `adviz.data.Split`."""

    @property
    def name(self) -> str:
        """Category name, may be empty."""

    @property
    def labels(self) -> np.ndarray:
        """(N,) int, 0 = good, 1 = anomalous, -1 = unlabelled."""

    def __len__(self) -> int: ...


def check_inputs(prediction: Prediction, split: LabelledImages, purpose: str) -> None:
    """Check that these are a prediction and a split of as many images.

    Parameters
    ----------
    purpose: "evaluate" or "calibrate", for the error message.
    """
    require_attributes(
        prediction, "score check_images", "a Prediction, then the Split of its images"
    )
    require_attributes(
        split,
        "labels",
        "the Split of the predicted images after the Prediction, such as category.test",
    )
    if len(prediction) != len(split):
        raise ValueError(
            "prediction and split must describe the same images, "
            f"got {len(prediction)} and {len(split)}; "
            f"{purpose} on the split whose features were predicted"
        )


def check_detector(made_for: Any, prediction: Prediction, said: str, remedy: str) -> None:
    """Refuse a prediction of another detector, backbone or weights, as far as both are known.

    Parameters
    ----------
    made_for: has `detector`, `backbone` and `digest`.
    said, remedy: of the error: "expected a prediction of the detector ..., on which {said}".
    """
    for name in ("detector", "backbone", "digest"):
        expected = getattr(made_for, name)
        actual = getattr(prediction, name)
        if expected and actual and expected != actual:
            raise ValueError(
                f"expected a prediction of the {name} {expected!r}, on which {said}, got "
                f"{actual!r}: {remedy}"
            )


@dataclass(frozen=True, eq=False)
class LabelledArrays:
    """Labels and masks that are arrays: what `evaluate` needs of a split.

    Attributes
    ----------
    labels: (N,) int, 0 = good, 1 = anomalous, -1 = unlabelled.
    masks: (N, H, W) bool, all False for good images; None where there are none.
    image_size: (H, W) of masks or maps.
    """

    labels: np.ndarray
    masks: np.ndarray | None
    image_size: tuple[int, int]
    name: str = ""

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    @property
    def has_masks(self) -> bool:
        """Whether there are pixel masks at all."""
        return self.masks is not None

    def masks_array(self) -> np.ndarray:
        """Return the masks, (N, H, W) bool."""
        return np.asarray(self.masks)


def _is_bare(values: Any) -> bool:
    """Return whether this is an array, a list, a tensor or a table's column."""
    is_array = isinstance(values, np.ndarray | list | tuple)
    return is_array or hasattr(values, "detach") or hasattr(values, "to_numpy")


def prediction_of(scores: Any, maps: Any) -> Prediction:
    """Return the prediction that bare arrays are, or the one that is given.

    Raises
    ------
    TypeError, ValueError: maps beside a prediction, which has its own; what `Prediction` refuses.
    """
    if _is_bare(scores):
        return Prediction(scores, maps)
    if maps is not None:
        raise ValueError("expected no maps= beside a Prediction, which has its own: leave them out")
    return scores  # type: ignore[no-any-return]


def labelled(labels: Any, masks: Any, prediction: Prediction) -> Any:
    """Return what bare labels and masks are, checked, or the split that is given.

    Raises
    ------
    TypeError, ValueError: no labels, masks of another shape or of good images, or masks beside a
        split, which has its own.
    """
    if not _is_bare(labels):
        if masks is not None:
            raise ValueError("expected no masks= beside a Split, which has its own: leave them out")
        return labels
    values = _array(labels, "labels", "numbers, 0 good and 1 anomalous")
    if values.ndim != 1:
        raise ValueError(f"labels must have shape (N,), one per image, got shape {values.shape}")
    size = (0, 0)
    if prediction.anomaly_map is not None:
        size = (prediction.anomaly_map.shape[1], prediction.anomaly_map.shape[2])
    if masks is None:
        return LabelledArrays(values, None, size)
    mask_values = _array(masks, "masks", "numbers, 0 where there is no defect")
    if mask_values.ndim == 4 and mask_values.shape[1] == 1:
        mask_values = mask_values[:, 0]
    if mask_values.ndim != 3 or len(mask_values) != len(values):
        raise ValueError(
            f"masks must have shape ({len(values)}, height, width), got shape {mask_values.shape}"
        )
    is_defect = mask_values > 0
    wrong = np.flatnonzero(is_defect.any((1, 2)) & (values == GOOD))
    if len(wrong):
        raise ValueError(
            f"expected no defect in the masks of good images, got some in {len(wrong)}, first "
            f"number {wrong[0]}: correct its label, or its mask"
        )
    return LabelledArrays(values, is_defect, (is_defect.shape[1], is_defect.shape[2]))


def _array(values: Any, name: str, expected: str) -> np.ndarray:
    """Return numbers as an array."""
    try:
        array = as_numpy(values)
    except TypeError as error:
        raise TypeError(f"{name} must be {expected}: {error}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be {expected}, got a {type(values).__name__}")
    return array
