"""What `evaluate` and `calibrate` are given: a prediction and the split of its images."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING

from adviz._support import require

if TYPE_CHECKING:
    from adviz.prediction import Prediction


def check_inputs(prediction: Prediction, split: Sized, purpose: str) -> None:
    """Check that these are a prediction and a split of as many images.

    Parameters
    ----------
    purpose: "evaluate" or "calibrate", for the error message.
    """
    require(prediction, "score check_images", "a Prediction, then the Split of its images")
    require(
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
