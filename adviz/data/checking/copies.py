"""Training images that are in the test set as well, stored again: as JPEG, in another size, a little brighter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adviz.data.checking.files import ImageFacts
from adviz.data.checking.report import Finding
from adviz.data.checking.rules import Seen

# Two images are taken for one photograph if their thumbnails differ by less than LEVEL, and by less
# than SHARE of what the image differs by from the others (their median). Measured on the built-in
# categories, with 64 and with 300 images to learn from: photographs stored again (JPEG down to
# quality 40, half or nine tenths of the size, 3 % brighter) differ by at most 1.07 and .088;
# photographs of different parts by at least 2.10 and .134. Grey levels of 255, root mean square
# over a thumbnail, once brightness and contrast are the same
LEVEL = 1.4
SHARE = 0.11
# Of parts in a fixed place all photographs are nearly alike, and training images are as near to
# each other. What is as frequent in train, with wider limits, as outside is therefore no sign of a
# copy.
WIDER = 1.5
RARER = 3.0  # times as rare must near images be in train
# Grey levels of standard deviation, below which a thumbnail shows nothing to tell images by
FLAT = 2.0
LEAST = 5  # images of a category; among fewer, nobody knows what is near
ROWS = 512  # thumbnails compared at a time with all others: 10 MB for 5,000 images


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Thumbnails of N images, brightness and contrast removed.

    Attributes
    ----------
    facts: of the images.
    values: (N, pixels) float32, of length 1.
    contrast: (N,) their standard deviations before, in grey levels.
    """

    facts: list[ImageFacts]
    values: np.ndarray
    contrast: np.ndarray

    @classmethod
    def of(cls, facts: list[ImageFacts]) -> Thumbnails:
        """Return the thumbnails of images; those that show nothing are left out."""
        values = np.stack([np.frombuffer(one.thumbnail, np.uint8) for one in facts]).astype(
            np.float32
        )
        values -= values.mean(1, keepdims=True)
        contrast = values.std(1)
        kept = np.flatnonzero(contrast >= FLAT)
        values = values[kept] / np.linalg.norm(values[kept], axis=1, keepdims=True)
        return cls([facts[index] for index in kept], values, contrast[kept])

    def near(self, images: np.ndarray, learned: np.ndarray, wider: float = 1.0) -> dict[int, int]:
        """Return image -> the nearest training image that is near, and not the same pixel by pixel.

        Parameters
        ----------
        images, learned: indices of the thumbnails to be looked at, and of training images.
        wider: factor of both limits.
        """
        found = {}
        for start in range(0, len(images), ROWS):
            rows = images[start : start + ROWS]
            likeness = self.values[rows] @ self.values.T  # (rows, N): 1 where they are equal
            distance = np.sqrt(np.maximum(2 - 2 * likeness, 0))  # in standard deviations
            limit = wider * np.minimum(
                LEVEL / self.contrast[rows], SHARE * np.median(distance, axis=1)
            )
            for row, distances, most in zip(
                rows.tolist(), distance[:, learned], limit, strict=True
            ):
                near = learned[np.argsort(distances)[: (distances < most).sum()]]
                others = (
                    index
                    for index in near.tolist()
                    if self.facts[index].pixels != self.facts[row].pixels
                )
                nearest = next(others, None)
                if nearest is not None:
                    found[row] = nearest
        return found


def near_copies(seen: Seen) -> list[Finding]:
    """Return the finding that images outside train are training images, stored again; pixel by pixel they differ."""
    part_of = {
        entry.path: entry.part for entry in seen.readable if seen.images[entry.path].thumbnail
    }
    if len(part_of) < LEAST or len(set(part_of.values())) < 2:
        return []
    thumbnails = Thumbnails.of([seen.images[path] for path in part_of])
    in_train = np.array([part_of[facts.path] == "train" for facts in thumbnails.facts], bool)
    learned, outside = np.flatnonzero(in_train), np.flatnonzero(~in_train)
    pairs = thumbnails.near(outside, learned)
    if not pairs:
        return []
    usual = len(thumbnails.near(learned, learned, WIDER)) / len(learned)
    message = (
        f"{len(pairs)} images outside train look like a training image that was stored again (as JPEG, in another "
        "size, brighter)"
    )
    serious = usual * RARER < len(pairs) / len(outside)
    if serious:
        message += ": their scores mean nothing; compare each with its neighbour in this list, and remove one of two"
    else:
        message += "; training images are as much alike, so that it may be parts in one place, or a film: compare some"
    files = [thumbnails.facts[index].path for pair in pairs.items() for index in pair]
    return [seen.finding("near duplicates across parts", message, files, serious=serious)]
