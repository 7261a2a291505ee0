"""What was this pixel compared with? The retrieved normal images, and the cells in them that decided."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz import plots
from adviz.data import Category
from adviz.explore import tiles
from adviz.explore.evidence import Evidence, cell_grid, evidence, whole_images
from adviz.explore.results import Found, ResultsView, by_name
from adviz.explore.tiles import bar_table
from adviz.explore.view import labelled
from adviz.plots import StaticFigure, style
from adviz.prediction import Neighbors, Prediction
from adviz.widgets import PatchOverlay

SHOWN = 4  # matches side by side
RETRIEVED = 12  # whole images at most
WIDTH, NARROW = 7.2, 3.6  # inches, of figures with several matches and with one
TILE = 140  # CSS pixels, width of a match
CHANNELS = 8
Channels = Callable[[int, int, int], np.ndarray]


def retrieval(
    categories: Category | Mapping[str, Category],
    predictions: Prediction | Mapping[str, Any],
    *,
    channels: Mapping[str, Channels] | None = None,
) -> RetrievalView:
    """Show what a test image, and any pixel of it, was compared with.

    Parameters
    ----------
    categories, predictions: as for `explore.results`.
    channels: detector's name -> function of (image, row, column) of a cell that returns how much each channel adds to
        its squared distance, such as ``lambda *cell: padim.contributions(features, *cell)``.

    Returns
    -------
    A `RetrievalView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: as `explore.results`.
    """
    return RetrievalView(*by_name(categories, predictions), channels=channels)


class RetrievalView(ResultsView):
    """Pick an image, then a pixel of it: the matched cell in every normal image, and each layer's share, follow.

    At first the map's highest pixel is picked; another detector keeps the pick. The state is plain data, readable and
    settable: `category`, `detector`, `defect`, `image`, `k`, `picked` ((row, column) of a pixel, None = whole images).
    """

    def __init__(
        self,
        categories: Mapping[str, Category],
        predictions: Mapping[str, Mapping[str, Found]],
        *,
        channels: Mapping[str, Channels] | None = None,
    ) -> None:
        self._channels, self._means = dict(channels or {}), dict[str, np.ndarray]()
        self._seen: tuple[str, str, int] | None = None
        self._wanted = 5
        self._overlay = PatchOverlay(np.zeros((1, 1, 3), np.uint8), width=360)
        self._overlay.add_class("adviz-picker")
        self._overlay.observe(self._redraw, names="picked")
        slider = widgets.IntSlider(5, min=1, max=5, description="K", continuous_update=False)
        self._k = labelled(slider, "k", self._change_k)
        self._whole = widgets.Button(description="whole images", tooltip="give up the pick").add_class("adviz-whole")
        self._whole.on_click(lambda _: setattr(self, "picked", None))
        self._opacity = widgets.FloatSlider(0.7, min=0, max=1, step=0.05, description="map", readout_format=".0%")
        widgets.jslink((self._opacity.add_class("adviz-opacity"), "value"), (self._overlay, "opacity"))
        super().__init__(categories, predictions)
        controls, status, busy, page = self.children  # type: ignore[has-type]
        controls.children = [*controls.children, self._k, self._whole]
        left = widgets.VBox([self._overlay, self._opacity], layout=widgets.Layout(flex="0 0 auto", margin="0 12px 0 0"))
        page.layout = widgets.Layout(flex="1 1 0", min_width="0")
        self.children = [controls, status, busy, widgets.HBox([left, page])]

    @property
    def k(self) -> int:
        """How many neighbours are looked at: a smaller K is answered from what was found for the largest."""
        return int(self._k.value)

    @k.setter
    def k(self, count: int) -> None:
        self._k.value = count

    @property
    def picked(self) -> tuple[int, int] | None:
        """(row, column) of the pixel that is explained; None = none, whole images are shown."""
        place = self._overlay.picked
        return (int(place[0]), int(place[1])) if place else None

    @picked.setter
    def picked(self, pixel: tuple[int, int] | None) -> None:
        self._overlay.picked = [] if pixel is None else list(pixel)

    @property
    def evidence(self) -> Evidence | None:
        """What the picked pixel was compared with, as plain arrays; None without a pick."""
        if self.picked is None:
            return None
        train, size = self._sizes
        return evidence(self._prediction, self.image, self.picked, size=size, train_size=train, k=self.k)

    @property
    def _sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        category = self._categories[self.category]
        return category.train.image_size, category.test.image_size

    def _change_k(self, _change: Any) -> None:
        if not self._held:
            self._wanted = self.k  # comes back after a method with fewer
        self._redraw()

    def _show_image(self) -> None:
        """Bring image, map and K's range up to date; a new image starts with its map's highest pixel picked."""
        found, image = self._prediction, self.image
        seen = self.category, self.detector, image
        if seen == self._seen:
            return
        sample, maps = self._sample, found.anomaly_map
        one = None if maps is None else maps[image]
        new = self._seen is None or self._seen[::2] != seen[::2]
        counts = [neighbors.distance.shape[3] for neighbors in found.neighbors.values()]
        with self._overlay.hold_sync():
            self._overlay.show(sample.image, one, sample.mask, limits=self._shared_limits())
            if new:
                peak = None if one is None else np.unravel_index(int(one.argmax()), one.shape)
                self.picked = None if peak is None else (int(peak[0]), int(peak[1]))
            if one is not None:
                self._overlay.cells = list(cell_grid(found, self._sizes[1]))
        self._seen = seen
        self._k.max = max(counts, default=1)
        self._k.value = min(self._wanted, self._k.max)
        self._k.disabled = self._k.max == 1

    def _draw(self) -> tuple[str, str]:
        self._show_image()
        found = self.evidence
        page, text = super()._draw()
        if found is not None:
            return page, f"{text} · pixel {found.pixel[0]}, {found.pixel[1]}"
        hint = "" if whole_images(self._prediction) else f" · {self.detector} compares cells: pick a pixel"
        return page, text + hint

    def _html(self) -> str:
        found, whole = self.evidence, whole_images(self._prediction)
        tables = "" if found is None else f"<div class='adviz-shares'>{self._tables(found)}</div>"
        if found is not None and (found.searched or found.layers):
            return self._strip(found) + tables
        return (super()._html() if whole is None else self._wall(whole)) + tables

    def _strip(self, found: Evidence) -> str:
        """Return the cell and what it was compared with: where they lie, and enlarged."""
        title, images, boxes, captions = self._compared(found)
        names = ["this cell", *[""] * len(images)]
        parts = [
            tiles.tile(image, title=name, width=TILE, boxes=[box], colour=colour)
            + tiles.tile(tiles.crop(image, box), caption=caption, width=TILE, sharp=True)
            for image, box, name, caption, colour in zip(
                [self._sample.image, *images],
                [found.box, *boxes],
                names,
                ["", *captions],
                [style.VERMILLION, *[style.BLUE] * len(images)],
                strict=True,
            )
        ]
        return tiles.row((f"<div>{part}</div>" for part in parts), title=title)

    def _compared(self, found: Evidence) -> tuple[str, list[np.ndarray], list[tuple[int, int, int, int]], list[str]]:
        """Return what the cell was compared with: a title, images, boxes in them and captions."""
        if not found.searched:
            return "no neighbours: what is usual at this place", [self._mean()], [found.box], ["mean of the normal"]
        train, most = self._categories[self.category].train, min(SHOWN, len(found.image))
        if not most:
            raise ValueError("this image was not segmented: its image score is below the detector's threshold")
        title = "the nearest normal cell" if most == 1 else f"the {most} nearest of {len(found.image)} normal cells"
        captions = [
            f"d² = {style.number(d)} · rank {r} · {_short(train.ids[n])}"
            for d, r, n in zip(found.distance[:most], found.rank, found.image, strict=False)
        ]
        images = [self._photo(self.category, "train", int(number)).image for number in found.image[:most]]
        return title, images, found.boxes[:most], captions

    def _wall(self, whole: Neighbors) -> str:
        """Return the first K normal images that were retrieved."""
        train, most = self._categories[self.category].train, min(self.k, RETRIEVED, whole.image.shape[3])
        numbers, distance = whole.image[self.image, 0, 0, :most], whole.distance[self.image, 0, 0, :most]
        parts = [
            tiles.tile(
                self._photo(self.category, "train", int(number)).image,
                caption=f"{rank} · d² = {style.number(d)} · {_short(train.ids[number])}",
                width=TILE,
                colour=style.BLUE,
            )
            for rank, (number, d) in enumerate(zip(numbers, distance, strict=True), 1)
        ]
        title = "the normal image most like it" if most == 1 else f"the {most} normal images most like it"
        return tiles.row(parts, title=title)

    def static(self) -> StaticFigure:
        """Return the strip on show as a matplotlib figure."""
        found, whole = self.evidence, whole_images(self._prediction)
        image = self._sample.image
        if found is not None and found.searched:
            return self._matches(image, found)
        if found is not None and found.layers:
            return self._beside_the_mean(image, found)
        return super().static() if whole is None else self._retrieved(image, whole)

    def _retrieved(self, image: np.ndarray, whole: Neighbors) -> StaticFigure:
        """Draw the first K normal images that were retrieved."""
        train, most = self._categories[self.category].train, min(self.k, RETRIEVED, whole.image.shape[3])
        numbers, distance = whole.image[self.image, 0, 0, :most], whole.distance[self.image, 0, 0, :most]
        title = "the normal image most like it" if most == 1 else f"the {most} normal images most like it"
        names = [_short(train.ids[number]) for number in numbers]
        pictures = [train.image(number) for number in numbers]
        width = NARROW if most == 1 else WIDTH
        return plots.neighbor_strip(image, pictures, distance, captions=names, title=title, width=width)

    def _matches(self, image: np.ndarray, found: Evidence) -> StaticFigure:
        """Draw the cell and its nearest cells in the normal images."""
        train, most = self._categories[self.category].train, min(SHOWN, len(found.image))
        if not most:
            raise ValueError("this image was not segmented: its image score is below the detector's threshold")
        title = "the nearest normal cell" if most == 1 else f"the {most} nearest of {len(found.image)} normal cells"
        return plots.patch_strip(
            image,
            found.box,
            [train.image(number) for number in found.image[:most]],
            found.boxes[:most],
            found.distance[:most],
            captions=[f"{_short(train.ids[n])} · rank {r}" for n, r in zip(found.image, found.rank, strict=True)][
                :most
            ],
            title=title,
            width=NARROW if most == 1 else WIDTH,
        )

    def _beside_the_mean(self, image: np.ndarray, found: Evidence) -> StaticFigure:
        """Draw the cell beside the mean of the normal images: a method without neighbours knows what is usual there."""
        total = np.array([sum(found.layers.values())])
        title = "no neighbours: what is usual at this place"
        caption = ["mean of the normal"]
        return plots.patch_strip(
            image,
            found.box,
            [self._mean()],
            [found.box],
            total,
            captions=caption,
            title=title,
            unit="sum of the layers",
        )

    def _mean(self) -> np.ndarray:
        """Return the mean of the normal images, (H, W, 3) uint8."""
        if self.category not in self._means:
            train = self._categories[self.category].train
            total = sum(train.image(index).astype(np.float64) for index in range(len(train)))
            self._means[self.category] = np.asarray(total / len(train)).round().astype(np.uint8)
        return self._means[self.category]

    def _tables(self, found: Evidence) -> str:
        """Return the layers' values at the pixel, and where they are known the channels', as tables."""
        if not found.layers:
            return f"<i>{html.escape(self.detector)} does not split its distance by layer.</i>"
        shared = found.searched == "patch"
        title = "each layer's share of the squared distance" if shared else "each layer's map at this pixel"
        text = bar_table(title, found.layers)
        if self.detector in self._channels:
            row, column = found.cell
            parts = self._channels[self.detector](self.image, row, column)
            most = np.argsort(-np.abs(parts), kind="stable")[:CHANNELS]
            text += bar_table("the channels that add most", {f"channel {n}": float(parts[n]) for n in most})
        return text


def _short(name: str) -> str:
    """Return a file's name without its folder and ending, which the normal images share."""
    return PurePath(name).stem
