"""`Sample`: one image with its label, mask and defect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Sample:
    """One image as the detectors see it, with its label, mask and defect.

    Attributes
    ----------
    image: (H, W, 3) uint8, RGB.
    mask: (H, W) bool, True = defect; all False for a good image; None where no ground truth exists.
    label: 0 good, 1 anomalous, None unlabelled.
    defect: the name of the folder the image lay in ("good", "scratch", ...).
    path: the file; of an image in memory its name.

    Examples
    --------
    >>> sample = category.test[0]
    >>> sample
    Sample(000.png: chip, 224x224, ... defect pixels)
    >>> sample.defect, sample.label, sample.image.shape, sample.mask.any()
    ('chip', 1, (224, 224, 3), np.True_)
    """

    image: np.ndarray
    mask: np.ndarray | None
    label: int | None
    defect: str
    path: Path

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        mask = "no mask" if self.mask is None else f"{int(self.mask.sum())} defect pixels"
        return f"Sample({self.path.name}: {self.defect}, {height}x{width}, {mask})"
