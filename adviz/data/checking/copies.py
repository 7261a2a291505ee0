"""Training images that are also in the test set, stored again: as JPEG, smaller, brighter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adviz.data.checking.files import ImageInfo
from adviz.data.checking.report import Finding
from adviz.data.checking.rules import CheckedCategory

# Two images are taken for one photograph if their thumbnails differ by less than MAX_DIFFERENCE,
# and by less than MAX_RATIO of their median difference from all images. Measured on the built-in
# categories, with 64 and with 300 training images: photographs stored again (JPEG down to quality
# 40, half or nine tenths of the size, 3 % brighter) differ by at most 1.07 and .088; photographs of
# different parts by at least 2.10 and .134. Grey levels of 255, root mean square over a thumbnail,
# once brightness and contrast are the same.
MAX_DIFFERENCE = 1.4
MAX_RATIO = 0.11
# Of parts in a fixed position all photographs are nearly alike. Pairs that are as frequent within
# train, with limits wider by WIDER, as between train and test are therefore no sign of copies:
# within train they must be RARER times as rare.
WIDER = 1.5
RARER = 3.0
MIN_CONTRAST = 2.0  # standard deviation in grey levels; a flatter thumbnail tells nothing apart
MIN_IMAGES = 5  # of a category; among fewer a median difference says nothing
BLOCK = 512  # thumbnails compared at a time with all others: 10 MB for 5,000 images


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Thumbnails of N images, with brightness and contrast removed.

    Attributes
    ----------
    images: their properties, N of them.
    values: (N, pixels) float32, each row with mean 0 and length 1.
    contrast: (N,) their standard deviations before, in grey levels.
    """

    images: list[ImageInfo]
    values: np.ndarray
    contrast: np.ndarray

    @classmethod
    def of(cls, images: list[ImageInfo]) -> Thumbnails:
        """Return the thumbnails of images, without those that are flat."""
        pixels = [np.frombuffer(image.thumbnail, np.uint8) for image in images]
        values = np.stack(pixels).astype(np.float32)  # (N, pixels)
        values -= values.mean(1, keepdims=True)
        contrast = values.std(1)  # (N,)
        indices = np.flatnonzero(contrast >= MIN_CONTRAST)
        values = values[indices] / np.linalg.norm(values[indices], axis=1, keepdims=True)
        return cls([images[index] for index in indices], values, contrast[indices])

    def pairs(self, queries: np.ndarray, train: np.ndarray, factor: float = 1.0) -> dict[int, int]:
        """Return {query: nearest training image} where they are alike, but not pixel by pixel.

        Parameters
        ----------
        queries, train: indices of thumbnails.
        factor: of both limits.

        Notes
        -----
        It equals this loop, in blocks::

            for query in queries:
                difference = self.values - self.values[query]  # (N, pixels)
                distances = np.linalg.norm(difference, axis=1)
                limit = factor * min(
                    MAX_DIFFERENCE / self.contrast[query], MAX_RATIO * np.median(distances)
                )
                for index in sorted(train, key=lambda index: distances[index]):
                    is_other = self.images[index].pixels != self.images[query].pixels
                    if distances[index] < limit and is_other:
                        pairs[query] = index
                        break
        """
        pairs = {}
        for start in range(0, len(queries), BLOCK):
            block = queries[start : start + BLOCK]
            cosine = self.values[block] @ self.values.T  # (block, N)
            # Root mean square difference, in standard deviations of a thumbnail.
            distances = np.sqrt(np.maximum(2 - 2 * cosine, 0))
            limits = factor * np.minimum(
                MAX_DIFFERENCE / self.contrast[block],
                MAX_RATIO * np.median(distances, axis=1),
            )  # (block,)
            for row, query in enumerate(block.tolist()):
                nearest = self._nearest(query, train, distances[row, train], limits[row])
                if nearest is not None:
                    pairs[query] = nearest
        return pairs

    def _nearest(
        self, query: int, train: np.ndarray, distances: np.ndarray, limit: float
    ) -> int | None:
        """Return the nearest training image below a limit whose pixels differ from the query's."""
        n_below = int((distances < limit).sum())
        for index in train[np.argsort(distances)[:n_below]].tolist():
            if self.images[index].pixels != self.images[query].pixels:
                return int(index)
        return None


def near_copies(category: CheckedCategory) -> list[Finding]:
    """Return the finding that images outside train are training images, stored again.

    Images that are equal pixel by pixel are found elsewhere.
    """
    images = [image for image in category.readable_images if image.thumbnail]
    part_of = {entry.path: entry.part for entry in category.readable}
    if len(images) < MIN_IMAGES or len({part_of[image.path] for image in images}) < 2:
        return []
    thumbnails = Thumbnails.of(images)
    in_train = np.array([part_of[image.path] == "train" for image in thumbnails.images], bool)
    train = np.flatnonzero(in_train)
    others = np.flatnonzero(~in_train)
    pairs = thumbnails.pairs(others, train)
    if not pairs:
        return []

    subject = "1 image outside train looks"
    if len(pairs) > 1:
        subject = f"{len(pairs)} images outside train look"
    message = (
        f"{subject} like a training image that was stored again (as JPEG, in another size, "
        "brighter)"
    )
    frequency = len(pairs) / len(others)
    frequency_in_train = len(thumbnails.pairs(train, train, WIDER)) / len(train)
    serious = frequency_in_train * RARER < frequency
    if serious:
        message += (
            ": their scores mean nothing; compare each with its neighbour in this list, and remove "
            "one of two"
        )
    else:
        message += (
            "; training images are as much alike, so that it may be parts in one place, several "
            "photographs of each part, or a film: compare some"
        )
    files = []
    for query, nearest in pairs.items():
        files += [thumbnails.images[query].path, thumbnails.images[nearest].path]
    return [category.finding("near duplicates across parts", message, files, serious=serious)]
