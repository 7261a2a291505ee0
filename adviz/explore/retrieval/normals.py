"""The normal images as explorers show them: small, many at a time, and their mean."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from adviz._support import progress
from adviz.data import Split
from adviz.explore.retrieval.matches import small

FEW = 8  # images that are read while a person waits; more are read in the background


class Normals:
    """Small pictures of a split's images, and the mean of all, each made once."""

    def __init__(self, split: Split) -> None:
        self._split = split
        self._small: dict[int, np.ndarray] = {}
        self._mean: np.ndarray | None = None

    def missing(self, numbers: Iterable[int]) -> list[int]:
        """Return those of the images whose small pictures have to be made, if they are many."""
        new = sorted(set(numbers) - self._small.keys())
        return new if len(new) > FEW else []

    def read(self, numbers: Iterable[int]) -> None:
        """Make small pictures of these images."""
        for number in progress.progress_bar(list(numbers), label="images"):
            self.small(number)

    def small(self, number: int) -> np.ndarray:
        """Return the small picture of an image."""
        if number not in self._small:
            self._small[number] = small(self._split.image(number))
        return self._small[number]

    @property
    def averaged(self) -> bool:
        """Whether the mean is known already."""
        return self._mean is not None

    def mean(self) -> np.ndarray:
        """Return the mean of all images, (H, W, 3) uint8."""
        if self._mean is None:
            total = np.zeros((*self._split.image_size, 3))
            for number in progress.progress_bar(range(len(self._split)), label="images"):
                total += self._split.image(number)
            self._mean = (total / len(self._split)).round().astype(np.uint8)
        return self._mean
