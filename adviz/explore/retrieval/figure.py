"""What an image, or a patch of it, was compared with, as a figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from adviz import plots
from adviz.data import Split
from adviz.explore.kit.evidence import Evidence, cell_box, whole_images
from adviz.plots import StaticFigure
from adviz.prediction import Prediction

SHOWN = 4  # matches side by side
RETRIEVED = 10  # whole images side by side
WIDTH, NARROW = 7.2, 3.6  # inches, of figures with several matches and with one
MEAN = "no neighbours: beside the mean of the normal images"


@dataclass(frozen=True, eq=False)
class Compared:
    """One test image, and what was found for a patch of it or for all of it.

    Attributes
    ----------
    prediction, image: of the test images; which of them.
    picture: (H, W, 3) uint8, that image.
    evidence: what the patch was compared with; None: the whole image is compared.
    k: neighbours that count.
    train: the normal images.
    mean: returns the mean of the normal images, (H, W, 3) uint8.
    """

    prediction: Prediction
    image: int
    picture: np.ndarray
    evidence: Evidence | None
    k: int
    train: Split
    mean: Callable[[], np.ndarray]

    def figure(self) -> StaticFigure | None:
        """Return the figure; None where nothing was compared."""
        evidence = self.evidence
        if evidence is not None and evidence.searched:
            return self._patches(evidence)
        if evidence is not None and evidence.layers:
            return self._beside_the_mean(evidence)
        return self._whole_images()

    def _patches(self, evidence: Evidence) -> StaticFigure:
        count = min(SHOWN, len(evidence.image))
        if not count:
            raise ValueError(
                "this image was not segmented: its image score is below the detector's threshold"
            )
        order = self.prediction.neighbors[evidence.searched].order
        captions = []
        for number, rank in zip(evidence.image[:count], evidence.rank[:count], strict=True):
            name = self._name(number)
            captions.append(f"rank {rank} · {name}" if order == "retrieval" else name)
        return plots.patch_strip(
            self.picture,
            evidence.box,
            [self.train.image(int(number)) for number in evidence.image[:count]],
            evidence.boxes[:count],
            evidence.distance[:count],
            captions=captions,
            title=self._title(evidence),
            width=NARROW if count == 1 else WIDTH,
        )

    def _title(self, evidence: Evidence) -> str:
        count = len(evidence.image)
        most = min(SHOWN, count)
        if count == 1:
            return "the nearest normal patch"
        if self.prediction.neighbors[evidence.searched].order == "retrieval":
            some = f": {most} of them" if most < count else ""
            return f"the nearest patch of each of {count} normal images{some}"
        some = f" of {count}" if most < count else ""
        return f"the {most} nearest normal patches{some}"

    def _beside_the_mean(self, evidence: Evidence) -> StaticFigure:
        box = cell_box(evidence.cell, self.train.image_size, evidence.cells)
        total = np.array([sum(evidence.layers.values())])
        return plots.patch_strip(
            self.picture,
            evidence.box,
            [self.mean()],
            [box],
            total,
            captions=["mean of the normal"],
            title=MEAN,
            unit="sum of the layers",
        )

    def _whole_images(self) -> StaticFigure | None:
        neighbors = whole_images(self.prediction)
        if neighbors is None:
            return None
        count = min(self.k, RETRIEVED)
        numbers = neighbors.image[self.image, 0, 0, :count]
        title = f"the {len(numbers)} normal images most like it"
        if len(numbers) == 1:
            title = "the normal image most like it"
        return plots.neighbor_strip(
            self.picture,
            [self.train.image(int(number)) for number in numbers],
            neighbors.distance[self.image, 0, 0, :count],
            captions=[self._name(number) for number in numbers],
            title=title,
            width=NARROW if len(numbers) == 1 else WIDTH,
        )

    def _name(self, number: int) -> str:
        """Return a file's name without its folder and ending, which the normal images share."""
        return PurePath(self.train.ids[int(number)]).stem
