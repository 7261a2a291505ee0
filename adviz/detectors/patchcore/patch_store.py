"""All patches of the training images: stored if they fit, else embedded again when needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from adviz._support import allocate_arrays, progress_bar
from adviz.core import check_memory
from adviz.core import coreset as samplers
from adviz.detectors.patchcore.embedding import PatchEmbedding

if TYPE_CHECKING:
    from adviz.features import Features

BATCH = 8  # images embedded and searched at once; bounds memory beside the bank
# Bytes of patches that are kept; above, embedding them twice is cheaper than their memory
KEPT = 2 * 2**30
# Bytes of projected patches or their grid, above which they are written to a temporary file
IN_MEMORY = 2**30


def scratch(shape: tuple[int, int]) -> np.ndarray:
    """Return an empty float32 array, above `IN_MEMORY` bytes in a file that vanishes with it."""
    return allocate_arrays({"scratch": shape}, np.dtype(np.float32), limit=IN_MEMORY)["scratch"]


class TrainingPatches:
    """The M patches of N images, or a sample of them, image by image and row by row; no padding.

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
        self._features = features
        self._embedding = embedding
        _, rows, columns, self.size = self._embed(0, 1).shape
        self.grid = (rows, columns)
        # image * locations + location of each patch, ascending; None = all N * rows * columns
        self._origin: np.ndarray | None = None
        inside = features.inside(self.grid)
        if inside is not None:
            self._origin = np.flatnonzero(inside)
        if presample is not None and presample < len(self):
            sample = np.sort(samplers.random(len(self), presample, seed))
            self._origin = sample if self._origin is None else self._origin[sample]
        self._stored: np.ndarray | None = None
        if 4 * len(self) * self.size <= KEPT:
            self._stored = self._all()

    def __len__(self) -> int:
        """Return M."""
        if self._origin is not None:
            return len(self._origin)
        return int(self._features.n_images * self.grid[0] * self.grid[1])

    def origin(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the training image and the flat location of every patch, (M,) each."""
        origin = np.arange(len(self)) if self._origin is None else self._origin
        image, location = np.divmod(origin, self.grid[0] * self.grid[1])
        return image, location

    def project(self, dimension: int, seed: int) -> np.ndarray:
        """Return `coreset.project` of all patches, (M, dimension or D) float32.

        Above 1 GiB it is in a temporary file.

        Raises
        ------
        OSError: no room for that file; $TMPDIR chooses another place.
        """
        if self._stored is not None:
            return samplers.project(self._stored, dimension, seed)
        matrix = samplers.projection(self.size, dimension, seed)  # None: D is no larger
        points = scratch((len(self), min(self.size, dimension)))
        for start, patches in self._batches("patches"):
            points[start : start + len(patches)] = patches if matrix is None else patches @ matrix
        return points

    def rows(self, chosen: np.ndarray) -> np.ndarray:
        """Return some patches, (len(chosen), D) float32, in the order asked for."""
        if self._stored is not None:
            return np.asarray(self._stored[chosen])
        patches_chosen = np.empty((len(chosen), self.size), np.float32)
        order = np.argsort(chosen, kind="stable")
        ascending = chosen[order]
        for start, patches in self._batches("bank"):
            in_batch = slice(*np.searchsorted(ascending, [start, start + len(patches)]))
            patches_chosen[order[in_batch]] = patches[ascending[in_batch] - start]
        return patches_chosen

    def all(self) -> np.ndarray:
        """Return all patches, (M, D) float32, for those who cannot do with less.

        Raises
        ------
        MemoryError: they need more memory than is free, with two copies that learning from them
            takes.
        """
        if self._stored is not None:
            return self._stored
        check_memory(12 * len(self) * self.size, f"learning from {len(self)} patches")
        return self._all()

    def _all(self) -> np.ndarray:
        patches = np.empty((len(self), self.size), np.float32)
        for start, batch in self._batches("patches"):
            patches[start : start + len(batch)] = batch
        return patches

    def _batches(self, label: str) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the number of the first patch, and (n, D) patches, of a few images at a time."""
        locations = self.grid[0] * self.grid[1]
        for image in progress_bar(range(0, self._features.n_images, BATCH), label=label):
            first = image * locations
            patches = self._embed(image, image + BATCH).reshape(-1, self.size)
            if self._origin is None:
                yield first, patches
                continue
            in_batch = slice(*np.searchsorted(self._origin, (first, first + len(patches))))
            yield in_batch.start, patches[self._origin[in_batch] - first]

    def _embed(self, start: int, stop: int) -> np.ndarray:
        """Return the (n, rows, columns, D) patches of some images."""
        return self._embedding({name: array[start:stop] for name, array in self._features.items()})
