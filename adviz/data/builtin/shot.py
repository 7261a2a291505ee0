"""One picture to be taken: which, of what, and from which random numbers."""

from dataclasses import dataclass, replace
from typing import NamedTuple
from zlib import crc32

import numpy as np

from adviz.data.builtin.shapes import Plane


class Scene(NamedTuple):
    """What the camera sees, (3, SAMPLES, SAMPLES), and how far a defect covers it, (SAMPLES, SAMPLES); both in 0..1."""

    image: Plane
    mask: Plane


@dataclass(frozen=True)
class Shot:
    """The `index`-th picture of a folder such as train/good or test/crack; `defect` is None on a good one."""

    category: str
    folder: str
    index: int
    seed: int
    defect: str | None = None

    def rng(self, stream: str) -> np.random.Generator:
        """Return the generator of one aspect ("scene", "defect", "camera") of this picture and of no other."""
        key = crc32(f"{self.category}/{self.folder}/{stream}".encode())
        return np.random.default_rng([self.seed, key, self.index])

    def flawless(self) -> "Shot":
        """Return the same picture without its defect."""
        return replace(self, defect=None)
