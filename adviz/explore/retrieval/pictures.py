"""What an image, or a cell of it, was compared with, as the pictures of the retrieval explorer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from adviz import plots
from adviz.data import Split
from adviz.explore.kit import theme
from adviz.explore.kit.evidence import (
    Evidence,
    cell_box,
    map_with,
    ranked,
    searched_cells,
    whole_images,
)
from adviz.explore.retrieval import matches
from adviz.explore.retrieval.matches import Match, evenly
from adviz.explore.retrieval.normals import Normals
from adviz.plots import StaticFigure
from adviz.prediction import Neighbors, Prediction

SHOWN = 4  # matches side by side
RETRIEVED = 10  # whole images that are shown large
MOST = 60  # small pictures
WIDTH, NARROW = 7.2, 3.6  # inches, of figures with several matches and with one
PLACES = ("nearest", "2nd", "3rd", "4th")
MEAN = "no neighbours: beside the mean of the normal images"
LEAST = "the patch's score with the images up to there, the running minimum (Eq. 3, one neighbour)"
AVERAGE = "the mean up to there (of DN2's squared distances, the score of the image, Eq. 2)"


@dataclass(frozen=True, eq=False)
class Compared:
    """One test image, what was found for its picked cell (None: for it as a whole).

    It can read normal images.

    Attributes
    ----------
    prediction, image: of the test images; which of them.
    picture: (H, W, 3) uint8, that image.
    found: what the picked cell was compared with.
    k: neighbours that count.
    train: the normal images.
    photo: number -> (H, W, 3) uint8, a normal image.
    normals: their small pictures and their mean.
    """

    prediction: Prediction
    image: int
    picture: np.ndarray
    found: Evidence | None
    k: int
    train: Split
    photo: Callable[[int], np.ndarray]
    normals: Normals

    @property
    def cells(self) -> Evidence | None:
        """What the picked cell was compared with, if cells were searched for."""
        return self.found if self.found is not None and self.found.searched else None

    @property
    def whole(self) -> Neighbors | None:
        """The neighbours of whole images, unless something finer is to be shown."""
        finer = self.found is not None and (self.found.searched or self.found.layers)
        return None if finer else whole_images(self.prediction)

    def html(self) -> str | None:
        """Return the nearest cells or images, large; None where nothing was compared."""
        if self.cells:
            _check_segmented(self.cells)
            mine = Match(self.picture, self.cells.box, "this patch", "", mine=True)
            return matches.grid(
                [mine, *self._nearest(self.cells)], title=self._cells_title(self.cells)
            )
        if self.found and self.found.layers:
            boxes = (
                self.found.box,
                cell_box(self.found.cell, self.train.image_size, self.found.cells),
            )
            mine = Match(self.picture, boxes[0], "this patch", "", mine=True)
            mean = Match(self.normals.mean(), boxes[1], "mean", "")
            return matches.grid([mine, mean], title=MEAN)
        return (
            None
            if self.whole is None
            else matches.grid(self._large(self.whole), title=self._whole_title())
        )

    def _nearest(self, found: Evidence) -> list[Match]:
        count = min(SHOWN, len(found.image))
        texts = [
            f"d² = {d}\n{caption}"
            for d, caption in zip(
                evenly(found.distance[:count]), self._captions(found), strict=False
            )
        ]
        images = [self.photo(int(number)) for number in found.image[:count]]
        return [
            Match(*parts)
            for parts in zip(images, found.boxes[:count], PLACES[:count], texts, strict=True)
        ]

    def _captions(self, found: Evidence) -> list[str]:
        """Return the files' names, and where they were retrieved first their ranks."""
        by_rank = self.prediction.neighbors[found.searched].order == "retrieval"
        return [
            f"rank {r} · {self._name(n)}" if by_rank else self._name(n)
            for n, r in zip(found.image, found.rank, strict=True)
        ]

    def _name(self, number: int) -> str:
        """Return a file's name without its folder and ending, which the normal images share."""
        return PurePath(self.train.ids[int(number)]).stem

    def _large(self, whole: Neighbors) -> list[Match]:
        """Return the first K whole images that were retrieved."""
        numbers, distance = self._retrieved(whole)
        return [
            Match(self.photo(int(number)), None, str(rank), f"d² = {d}\n{self._name(number)}")
            for rank, (number, d) in enumerate(zip(numbers, evenly(distance), strict=True), 1)
        ]

    def _retrieved(self, whole: Neighbors) -> tuple[np.ndarray, np.ndarray]:
        count = min(self.k, RETRIEVED)
        return whole.image[self.image, 0, 0, :count], whole.distance[self.image, 0, 0, :count]

    def _cells_title(self, found: Evidence) -> str:
        if len(found.image) == 1:
            return "the nearest normal patch"
        count, most = len(found.image), min(SHOWN, len(found.image))
        if self.prediction.neighbors[found.searched].order == "retrieval":
            return f"the nearest patch of each of {count} normal images" + (
                f": {most} of them" if most < count else ""
            )
        return f"the {most} nearest normal patches" + (f" of {count}" if most < count else "")

    def _whole_title(self) -> str:
        most = min(self.k, RETRIEVED)
        return (
            "the normal image most like it"
            if most == 1
            else f"the {most} normal images most like it"
        )

    def ranks(self) -> str:
        """Return the distances by rank as bars, with what a smaller K does to the score.

        "" where there is one.
        """
        cell = self.cells.cell if self.cells else None
        found = ranked(self.prediction, self.image, cell) if self.cells or self.whole else None
        if found is None or len(found.distance) < 2 or not np.isfinite(found.distance).all():
            return ""
        texts = [
            f"rank {rank} · {self._name(number)} · d² = {d}"
            for rank, (number, d) in enumerate(
                zip(found.image, evenly(found.distance), strict=True), 1
            )
        ]
        unit = (
            "the nearest patch of each image that was searched"
            if self.cells
            else "the retrieved images"
        )
        if self.cells and found.score is None:
            unit = "the nearest patches; the score does not depend on their number k"
        line = LEAST if self.cells else AVERAGE
        title, nearest = f"squared distance of {unit}", self.cells is not None
        bars = matches.by_rank(found, self.k, texts, title=title, line=line, nearest=nearest)
        return bars + self._still() + self._elsewhere()

    def _elsewhere(self) -> str:
        """Return a remark where the retrieved images are not those whose cells are searched."""
        name, whole = searched_cells(self.prediction), whole_images(self.prediction)
        if not name or whole is None:
            return ""
        cells = self.prediction.neighbors[name].image[self.image, 0, 0]
        count = min(len(cells), whole.image.shape[-1])
        if np.array_equal(cells[:count], whole.image[self.image, 0, 0, :count]):
            return ""
        text = (
            "were not retrieved, they were chosen otherwise"
            if self.cells
            else "are not those whose patches are searched"
        )
        return theme.note(f"These images {text}; the retrieved ones give the image's score alone.")

    def _still(self) -> str:
        """Return a remark where the map cannot follow K."""
        if not self.cells or self.prediction.anomaly_map is None:
            return ""
        if map_with(self.prediction, self.image, self.k) is not None:
            return ""
        every = self.prediction.neighbors[self.cells.searched].distance.shape[3]
        return theme.note(
            f"The map is that of k = {every} neighbours: "
            "the prediction does not tell what it is with fewer."
        )

    def numbers(self) -> list[int]:
        """Return the normal images that `crowd` shows."""
        if self.cells:
            return (
                []
                if len(self.cells.image) <= SHOWN
                else list(map(int, self.cells.image[_order(self.cells)]))
            )
        if self.whole is None:
            return []
        return list(
            map(int, self.whole.image[self.image, 0, 0, RETRIEVED : min(self.k, RETRIEVED + MOST)])
        )

    def crowd(self) -> str:
        """Return all neighbours small, with the cell in each; "" where all are large already."""
        numbers = self.numbers()
        if not numbers:
            return ""
        pictures = [self.normals.small(number) for number in numbers]
        if not self.cells:
            first = RETRIEVED + 1
            names = [str(rank) for rank in range(first, first + len(numbers))]
            texts = [
                f"rank {name} · {self._name(number)}"
                for name, number in zip(names, numbers, strict=True)
            ]
            return matches.crowd(
                pictures, [None] * len(numbers), names, texts, title="the next, by rank"
            )
        found, order, size = self.cells, _order(self.cells), self.train.image_size
        boxes = [
            tuple(part / side for part, side in zip(found.boxes[at], (*size, *size), strict=True))
            for at in order
        ]
        names = [f"{found.rank[at]}{' ▲' if at == 0 else ''}" for at in order]
        texts = [
            f"rank {found.rank[at]} · {self._name(found.image[at])} · d² = {number}"
            for at, number in zip(order, evenly(found.distance[order]), strict=True)
        ]
        title = (
            f"where the nearest patches lie in {len(numbers)} normal images, by rank; "
            "▲ is the nearest of all"
        )
        return matches.crowd(pictures, boxes, names, texts, title=title)

    def figure(self) -> StaticFigure | None:
        """Return the nearest cells or images as a figure; None where nothing was compared."""
        if self.cells:
            found, count = self.cells, min(SHOWN, len(self.cells.image))
            _check_segmented(found)
            images = [self.photo(int(number)) for number in found.image[:count]]
            return plots.patch_strip(
                self.picture,
                found.box,
                images,
                found.boxes[:count],
                found.distance[:count],
                captions=self._captions(found)[:count],
                title=self._cells_title(found),
                width=NARROW if count == 1 else WIDTH,
            )
        if self.found and self.found.layers:
            box = cell_box(self.found.cell, self.train.image_size, self.found.cells)
            total = np.array([sum(self.found.layers.values())])
            return plots.patch_strip(
                self.picture,
                self.found.box,
                [self.normals.mean()],
                [box],
                total,
                captions=["mean of the normal"],
                title=MEAN,
                unit="sum of the layers",
            )
        if self.whole is None:
            return None
        numbers, distance = self._retrieved(self.whole)
        images, names = (
            [self.photo(int(number)) for number in numbers],
            [self._name(number) for number in numbers],
        )
        width = NARROW if len(numbers) == 1 else WIDTH
        title = self._whole_title()
        return plots.neighbor_strip(
            self.picture, images, distance, captions=names, title=title, width=width
        )


def why_no_layers(prediction: Prediction, detector: str) -> str:
    """Say why there are no layers' shares of a pixel."""
    if searched_cells(prediction):
        return f"{detector} does not split its distance by layer."
    if whole_images(prediction) is not None:
        return f"{detector} compares whole images: nothing was looked up for a single pixel."
    known = "its value on the map" if prediction.anomaly_map is not None else "nothing"
    return f"{detector} gives neither neighbours nor layers' maps: of a pixel {known} is known."


def _order(found: Evidence) -> np.ndarray:
    """Return the order of cells by rank, as many as are shown small."""
    return np.argsort(found.rank, kind="stable")[:MOST]


def _check_segmented(found: Evidence) -> None:
    if not len(found.image):
        raise ValueError(
            "this image was not segmented: its image score is below the detector's threshold"
        )
