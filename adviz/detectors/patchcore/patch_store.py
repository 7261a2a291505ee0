"""All patches of the training images: kept where they fit, else embedded again whenever they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from adviz._support import allocated, bar
from adviz.core import check_memory
from adviz.core import coreset as samplers
from adviz.detectors.base import inside_of
from adviz.detectors.patchcore.embedding import PatchEmbedding

if TYPE_CHECKING:
    from adviz.features import Features

BATCH = 8  # images embedded and searched at once; bounds memory beside the bank
# Bytes of patches that are kept; above, embedding them twice is cheaper than their memory
KEPT = 2 * 2**30
# Bytes of projected patches or their grid, above which they are written to a temporary file
IN_MEMORY = 2**30


def scratch(shape: tuple[int, int]) -> np.ndarray:
    """Return an empty float32 array, above `IN_MEMORY` bytes in a temporary file that vanishes with it."""
    return allocated({"scratch": shape}, np.dtype(np.float32), limit=IN_MEMORY)["scratch"]


class TrainingPatches:
    """The M = N * rows * columns patches of N images, or some of them, image by image and row by row; never padding.

    Parameters
    ----------
    features: of the training images, the layers to embed.
    embedding: of a batch of layers.
    presample: at most so many patches, drawn uniformly; None = all.
    seed: of that draw.

    Attributes
    ----------
    grid: (rows, columns) of an image's patches.
    size: D, length of a patch's vector.
    """

    def __init__(
        self,
        features: Features,
        embedding: PatchEmbedding,
        *,
        presample: int | None = None,
        seed: int = 0,
    ) -> None:
        self._features, self._embedding = features, embedding
        _, rows, columns, self.size = self._embed(0, 1).shape
        self.grid, total = (rows, columns), features.n_images * rows * columns
        self._place: np.ndarray | None = None  # image * cells + cell of each, rising; None = all
        inside = inside_of(features, self.grid)
        if inside is not None:
            self._place = np.flatnonzero(inside)
            total = len(self._place)
        if presample is not None and presample < total:
            drawn = np.sort(samplers.random(total, presample, seed))
            self._place = drawn if self._place is None else self._place[drawn]
        self._kept: np.ndarray | None = None
        if 4 * len(self) * self.size <= KEPT:
            self._kept = self._all()

    def __len__(self) -> int:
        """Return M."""
        total = self._features.n_images * self.grid[0] * self.grid[1]
        return int(total) if self._place is None else len(self._place)

    def origin(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the training image and the flat cell of every patch, (M,) each."""
        place = np.arange(len(self)) if self._place is None else self._place
        image, cell = np.divmod(place, self.grid[0] * self.grid[1])
        return image, cell

    def project(self, dimension: int, seed: int) -> np.ndarray:
        """Return `coreset.project` of all patches, (M, dimension or D) float32; above 1 GiB in a temporary file.

        Raises
        ------
        OSError: no room for that file; $TMPDIR chooses another place.
        """
        if self._kept is not None:
            return samplers.project(self._kept, dimension, seed)
        matrix = samplers.projection(self.size, dimension, seed)
        shape = len(self), min(self.size, dimension)
        points = scratch(shape)
        for start, patches in self._batches("patches"):
            points[start : start + len(patches)] = patches if matrix is None else patches @ matrix
        return points

    def rows(self, chosen: np.ndarray) -> np.ndarray:
        """Return some patches, (len(chosen), D) float32, in the order asked for."""
        if self._kept is not None:
            return np.asarray(self._kept[chosen])
        found = np.empty((len(chosen), self.size), np.float32)
        ascending = np.argsort(chosen, kind="stable")
        wanted = chosen[ascending]
        for start, patches in self._batches("bank"):
            here = slice(*np.searchsorted(wanted, [start, start + len(patches)]))
            found[ascending[here]] = patches[wanted[here] - start]
        return found

    def all(self) -> np.ndarray:
        """Return all patches, (M, D) float32, for those who cannot do with less.

        Raises
        ------
        MemoryError: they need more memory than is free, with two copies that learning from them
            takes.
        """
        if self._kept is not None:
            return self._kept
        check_memory(12 * len(self) * self.size, f"learning from {len(self)} patches")
        return self._all()

    def _all(self) -> np.ndarray:
        patches = np.empty((len(self), self.size), np.float32)
        for start, found in self._batches("patches"):
            patches[start : start + len(found)] = found
        return patches

    def _batches(self, label: str) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the number of the first patch, and (n, D) patches, of some images after the others."""
        each = self.grid[0] * self.grid[1]
        for image in bar(range(0, self._features.n_images, BATCH), label=label):
            first, patches = image * each, self._embed(image, image + BATCH).reshape(-1, self.size)
            if self._place is None:
                yield first, patches
                continue
            here = slice(*np.searchsorted(self._place, (first, first + len(patches))))
            yield here.start, patches[self._place[here] - first]

    def _embed(self, start: int, stop: int) -> np.ndarray:
        return self._embedding({name: array[start:stop] for name, array in self._features.items()})
