"""The common inputs of `evaluate` and `calibrate`: a prediction and the split of its images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from adviz._support import require_attributes

if TYPE_CHECKING:
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
