"""What is known of test images: labels and masks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adviz._support import progress
from adviz.data import ANOMALOUS, Split


class Truth(NamedTuple):
    """(N,) labels, (N, H, W) masks or None where no image has one.

    The last says whose pixels are labelled, (N,) bool.
    """

    labels: np.ndarray
    masks: np.ndarray | None
    known: np.ndarray


def truth_of(test: Split) -> Truth:
    """Return what is known of test images.

    The masks of those whose pixels are not known are empty.
    """
    known = test.known_pixels
    if (test.labels == ANOMALOUS).any() and not test.has_masks:
        return Truth(test.labels, None, known)
    masks = np.zeros((len(test), *test.image_size), dtype=bool)
    defective = np.flatnonzero(known & (test.labels == ANOMALOUS))
    for index in progress.progress_bar(defective.tolist(), label="masks"):
        masks[index] = test.mask(index)
    return Truth(test.labels, masks, known)
