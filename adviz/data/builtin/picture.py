"""One picture to be drawn, and its random numbers."""

from dataclasses import dataclass, replace
from typing import NamedTuple
from zlib import crc32

import numpy as np

from adviz.data.builtin.shapes import Plane


class Scene(NamedTuple):
    """An image, (3, SAMPLES, SAMPLES), and its defect's mask, (SAMPLES, SAMPLES); both in 0..1."""

    image: Plane
    mask: Plane


@dataclass(frozen=True)
class Shot:
    """The `index`-th picture of a folder such as test/crack; `defect` is None on a good one."""

    category: str
    folder: str
    index: int
    seed: int
    defect: str | None = None

    def rng(self, stream: str) -> np.random.Generator:
        """Return a generator for one aspect ("scene", "defect", "camera") of this picture alone."""
        key = crc32(f"{self.category}/{self.folder}/{stream}".encode())
        return np.random.default_rng([self.seed, key, self.index])

    def flawless(self) -> "Shot":
        """Return the same picture without its defect."""
        return replace(self, defect=None)
