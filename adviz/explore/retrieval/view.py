"""What a test image and its pixels were compared with: retrieved images and nearest patches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz.data import Category
from adviz.explore.kit import theme
from adviz.explore.kit.background import Label
from adviz.explore.kit.evidence import (
    Evidence,
    cell_grid,
    count_of,
    evidence,
    map_with,
    whole_images,
)
from adviz.explore.kit.image_stepper import Found, ResultsView, by_name
from adviz.explore.kit.markup import bar_table
from adviz.explore.kit.view import labelled, wrapped
from adviz.explore.retrieval import pictures as compared
from adviz.explore.retrieval.normals import Normals
from adviz.explore.retrieval.picker import Limits, Picker
from adviz.explore.retrieval.pictures import Compared
from adviz.plots import StaticFigure
from adviz.prediction import Prediction

CHANNELS = 8
NARROW = 440  # CSS pixels; with less beside it the page goes below the picture
Channels = Callable[[int, int, int], np.ndarray]


def retrieval(
    categories: Category | Mapping[str, Category],
    predictions: Prediction | Mapping[str, Any],
    *,
    channels: Mapping[str, Channels] | None = None,
    units: Mapping[str, str] | None = None,
) -> RetrievalView:
    """Show what a test image, and any pixel of it, was compared with.

    Parameters
    ----------
    categories, predictions: as for `explore.results`.
    channels: detector's name -> function of (image, row, column) of a cell that returns how much
        each channel adds to its squared distance, such as ``lambda *cell:
        padim.contributions(features, *cell)``.
    units: detector's name -> what its layers' maps hold, such as "1 - cosine" of reverse
        distillation; of "1 - x", x is printed too.

    Returns
    -------
    A `RetrievalView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: as `explore.results`.

    Examples
    --------
    >>> view = explore.retrieval(category, prediction)
    >>> view.picked = (100, 120)
    >>> view.static()
    <StaticFigure size ...>
    """
    return RetrievalView(*by_name(categories, predictions), channels=channels, units=units)


class RetrievalView(ResultsView):
    """Pick an image, then a pixel: the nearest normal patches and each layer's contribution follow.

    At first the map's highest pixel is picked; another detector keeps the pick. A smaller K is
    answered from what was found for the largest, the map included where the prediction allows it.
    The state is plain data, readable and settable: `category`, `detector`, `defect`, `image`, `k`,
    `picked` ((row, column) of a pixel, None = whole images), and of the map on the picture
    `limits`, `opacity`, `contour` (of the ground truth) and `fade`.
    """

    def __init__(
        self,
        categories: Mapping[str, Category],
        predictions: Mapping[str, Mapping[str, Found]],
        *,
        channels: Mapping[str, Channels] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> None:
        self._channels, self._units = dict(channels or {}), dict(units or {})
        self._normals = {name: Normals(category.train) for name, category in categories.items()}
        self._seen: tuple[str, str, int, int] | None = None
        self._reading = False  # whether what is being computed are pictures, which may be put off
        self._wanted = 5
        self._picker = Picker(self._redraw)
        slider = widgets.IntSlider(
            5, min=1, max=5, description="neighbours", continuous_update=False
        )
        slider.layout.width, slider.style.description_width = "260px", "80px"
        slider.tooltip = "k, the number of nearest neighbours or of retrieved images"
        self._k = labelled(slider, "k", self._change_k)
        self._whole = widgets.Button(
            description="whole images", tooltip="give up the pick: compare whole images"
        )
        self._whole.add_class("adviz-whole").layout.width = "120px"
        self._whole.on_click(lambda _: setattr(self, "picked", None))
        super().__init__(categories, predictions)
        for control in (self._category, self._detector, self._defect):
            control.layout.width, control.style.description_width = "205px", "60px"
        self._images.slider.layout.width, self._images.slider.style.description_width = (
            "260px",
            "60px",
        )
        controls, status, busy, page = self.children  # type: ignore[has-type]
        controls.children = [*controls.children, self._k, self._whole]
        page.layout.flex, page.layout.min_width = f"1 1 {NARROW}px", "0"
        body = wrapped([self._picker, page], align="stretch")
        self.children = [controls, status, busy, body]

    @property
    def k(self) -> int:
        """How many neighbours are looked at.

        A smaller K is answered from what was found for the largest.
        """
        return int(self._k.value)

    @k.setter
    def k(self, count: int) -> None:
        self._k.value = count

    @property
    def picked(self) -> tuple[int, int] | None:
        """(row, column) of the pixel that is explained; None = none, whole images are shown."""
        place = self._picker.overlay.picked
        return (int(place[0]), int(place[1])) if place else None

    @picked.setter
    def picked(self, pixel: tuple[int, int] | None) -> None:
        self._picker.overlay.picked = [] if pixel is None else list(pixel)

    @property
    def limits(self) -> Limits:
        """Values at the ends of the map's colour scale.

        At first those that all maps of the detector share.
        """
        return self._picker.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._picker.limits = limits

    @property
    def opacity(self) -> float:
        """Of the map over the image, 0 to 1."""
        return self._picker.opacity

    @opacity.setter
    def opacity(self, share: float) -> None:
        self._picker.opacity = share

    @property
    def contour(self) -> bool:
        """Whether the ground truth's contour is drawn, where it is known."""
        return self._picker.contour

    @contour.setter
    def contour(self, drawn: bool) -> None:
        self._picker.contour = drawn

    @property
    def fade(self) -> bool:
        """Whether low values of the map let more of the image through."""
        return self._picker.fade

    @fade.setter
    def fade(self, faded: bool) -> None:
        self._picker.fade = faded

    @property
    def evidence(self) -> Evidence | None:
        """What the picked pixel was compared with, as plain arrays; None without a pick."""
        if self.picked is None:
            return None
        category = self._categories[self.category]
        size, train = category.test.image_size, category.train.image_size
        return evidence(
            self._prediction, self.image, self.picked, size=size, train_size=train, k=self.k
        )

    def _change_k(self, change: Any) -> None:
        if not self._quiet:
            self._wanted = int(change["new"])  # comes back after a method with fewer
        self._redraw()

    def _show_image(self) -> None:
        """Bring K's range, image and map up to date.

        A new image starts with its map's highest pixel picked.
        """
        found, image = self._prediction, self.image
        self._k.max = count_of(found, cells=self.picked is not None)
        self._k.value = min(self._wanted, self._k.max)
        self._k.disabled = self._k.max == 1
        seen, before = (self.category, self.detector, image, self.k), self._seen
        if seen == before:
            return
        sample, maps = self._sample, found.anomaly_map
        one = None if maps is None else maps[image]
        fewer = map_with(found, image, self.k)
        overlay = self._picker.overlay
        with overlay.hold_sync():
            overlay.show(
                sample.image, one if fewer is None else fewer, sample.mask, limits=self.limits
            )
            if before is None or (before[0], before[2]) != (seen[0], seen[2]):
                peak = None if one is None else np.unravel_index(int(one.argmax()), one.shape)
                self.picked = None if peak is None else (int(peak[0]), int(peak[1]))
            if one is not None:
                overlay.cells = list(
                    cell_grid(found, self._categories[self.category].test.image_size)
                )
            if before is None or before[:2] != seen[:2]:
                ends = (0.0, 1.0) if maps is None else (float(maps.min()), float(maps.max()))
                self._picker.rescale(self._shared_limits(), ends)
        self._seen = seen

    def _draw(self) -> tuple[str, str]:
        self._show_image()
        found = self._prediction
        page, text = super()._draw()
        if self.picked is not None:
            return page, f"{text} · pixel {self.picked[0]}, {self.picked[1]}"
        cells = found.layer_maps or any(
            neighbors.grid != (1, 1) for neighbors in found.neighbors.values()
        )
        hint = (
            f" · {self.detector} compares patches: pick a pixel"
            if cells and not whole_images(found)
            else ""
        )
        return page, text + hint

    def _html(self) -> str:
        now = self._compared
        found = now.found
        tables = "" if found is None else f"<div class='adviz-shares'>{self._tables(found)}</div>"
        if (
            found is not None
            and not found.searched
            and found.layers
            and not self._normals[self.category].averaged
        ):
            self._beside("mean of the normal images", self._normals[self.category].mean)
            return tables
        shown = now.html()
        return (
            (super()._html() if shown is None else shown) + tables + now.ranks() + self._crowd(now)
        )

    @property
    def _compared(self) -> Compared:
        """Return what is compared now, ready to be drawn."""
        category, normals = self._categories[self.category], self._normals[self.category]
        return Compared(
            self._prediction,
            self.image,
            self._sample.image,
            self.evidence,
            self.k,
            category.train,
            lambda number: self._photo(self.category, "train", number).image,
            normals,
        )

    def _crowd(self, now: Compared) -> str:
        """Return the small pictures of all neighbours.

        Where many have to be read first, that is done in the background.
        """
        missing = self._normals[self.category].missing(now.numbers())
        if missing:
            normals = self._normals[self.category]
            self._beside("pictures of the normal images", lambda: normals.read(missing))
            return ""
        return now.crowd()

    def _beside(self, label: str, work: Callable[[], Any]) -> None:
        """Do what the page lacks beside it, then draw again.

        A prediction that is being computed goes first.
        """
        if not self.busy or self._reading:
            self._compute(label, work, self._redraw)
            self._reading = True

    def _compute(
        self, label: Label, function: Callable[[], Any], then: Callable[[Any], None]
    ) -> None:
        self._reading = False
        super()._compute(label, function, then)

    def static(self) -> StaticFigure:
        """Return the displayed strip as a matplotlib figure."""
        figure = self._compared.figure()
        return super().static() if figure is None else figure

    def _tables(self, found: Evidence) -> str:
        """Return the layers' values at the pixel.

        The channels' values are in a second table, where they are known.
        """
        if not found.layers:
            return theme.note(compared.why_no_layers(self._prediction, self.detector))
        unit = self._units.get(self.detector, "")
        title = "each layer's contribution to the squared distance"
        if found.searched != "patch":
            title = f"each layer's map at this pixel{f', {unit}' if unit else ''}"
        rest = unit.removeprefix("1 - ") if unit.startswith("1 - ") else ""
        names = {
            name: f"{name} · {rest} {1 - value:.3f}" if rest else name
            for name, value in found.layers.items()
        }
        text = bar_table(title, {names[name]: value for name, value in found.layers.items()})
        if self.detector in self._channels:
            row, column = found.cell
            parts = self._channels[self.detector](self.image, row, column)
            most = np.argsort(-np.abs(parts), kind="stable")[:CHANNELS]
            text += bar_table(
                "the channels that add most", {f"channel {n}": float(parts[n]) for n in most}
            )
        return text
