"""The controls of the coreset explorer: a bank, its size, and what is picked and selected of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz._support import progress_bar
from adviz.core import rows_kept
from adviz.data import Category
from adviz.explore.coreset import page
from adviz.explore.coreset.bank import Bank, Usage
from adviz.explore.kit.view import Stepper, View, labelled, value_of, wrapped
from adviz.explore.widgets import PatchOverlay, PatchScatter

START = 0.01  # share of the rows that is shown first
MANY = 5000  # points, beyond which they are drawn small
KEPT = 512  # training images held in memory; reading and resizing one takes longer than showing it


class CoresetControls(View):
    """The controls of `CoresetView` and its state.

    The state is the bank, its size, and the displayed image and entry.
    """

    def __init__(self, categories: Mapping[str, Category], banks: Mapping[str, Bank]) -> None:
        self._categories, self._banks = categories, banks
        self._photo: Callable[[str, int], np.ndarray] = lru_cache(KEPT)(self._read)
        self._seen: dict[str, Any] = {}  # what the pictures show; see `CoresetView`
        self._category = self._dropdown("category", list(categories), self._change_category)
        self._sampler = self._dropdown("sampler", [""], self._change_sampler)
        self._colour = self._dropdown("colour", list(page.COLOURS), self._redraw)
        slider = widgets.SelectionSlider(
            options=[("", 1)],
            description="coreset size",
            continuous_update=False,
            layout=widgets.Layout(width="420px"),
        )
        self._budget = labelled(slider, "budget", self._redraw)
        self._images = Stepper("image", self._change_image)
        self._images.slider.description, self._images.slider.style.description_width = (
            "training image",
            "initial",
        )
        self._make_pictures()
        one = [self._category] if len(categories) > 1 else []
        super().__init__([*one, self._sampler, self._budget, self._colour, self._images])
        controls, status, busy, below = self.children  # type: ignore[has-type]
        fixed = widgets.Layout(flex="0 0 auto", margin="0 16px 0 0")
        left = widgets.VBox([self._scatter, self._legend], layout=fixed)
        right = widgets.VBox(
            [self._overlay, self._beside], layout=widgets.Layout(flex="0 0 auto", width="350px")
        )
        self.children = [controls, status, busy, wrapped([left, right]), below]
        self._change_category()

    def _dropdown(self, name: str, options: list[str], react: Any) -> widgets.Dropdown:
        layout = widgets.Layout(width="270px" if name == "colour" else "220px")
        return labelled(
            widgets.Dropdown(options=options, description=name, layout=layout), name, react
        )

    def _make_pictures(self) -> None:
        """Make the scatter and the training image, which tell each other what is picked."""
        nothing = np.zeros((1, 2)), np.zeros((1, 3), np.uint8)
        self._scatter = PatchScatter(
            *nothing, size=(460, 400), label="all patches in the plane, the chosen ones ringed"
        )
        self._scatter.add_class("adviz-points").observe(self._follow_point, names="current")
        self._scatter.observe(self._redraw, names="selected")
        self._overlay = PatchOverlay(
            np.zeros((1, 1, 3), np.uint8),
            width=340,
            unit="distance",
            label="training image with its chosen patches",
        )
        self._overlay.hint = (
            "frames: chosen patches, the first of them numbered; click a patch to pick it"
        )
        self._overlay.add_class("adviz-picker").observe(self._follow_cell, names="picked")
        self._legend = widgets.HTML().add_class("adviz-legend")
        self._beside = widgets.HTML().add_class("adviz-picked")

    category = value_of("category", "Name of the displayed category.")
    sampler = value_of("sampler", "Name of the displayed trace.")
    colour = value_of("colour", "What the points' colours mean.")

    @property
    def budget(self) -> int:
        """How many rows the bank keeps: the first so many of the order of choice."""
        return int(self._budget.value)

    @budget.setter
    def budget(self, count: int) -> None:
        there = self._bank.steps(self.sampler)
        if count not in there:
            raise ValueError(f"expected one of the slider's steps {there}, got {count}")
        self._budget.value = count

    @property
    def image(self) -> int:
        """Index of the displayed training image, from 0."""
        return int(self._images.slider.value) - 1

    @image.setter
    def image(self, index: int) -> None:
        if not 0 <= index < self._images.slider.max:
            raise ValueError(
                f"image must be a training image from 0 to {self._images.slider.max - 1}, got "
                f"{index}"
            )
        self._images.slider.value = index + 1

    @property
    def picked(self) -> int | None:
        """The row that is picked; None = none."""
        return None if self._scatter.current < 0 else int(self._scatter.current)

    @picked.setter
    def picked(self, row: int | None) -> None:
        if row is not None and not 0 <= row < self._bank.total:
            raise ValueError(
                f"picked must be an entry from 0 to {self._bank.total - 1} or None, got {row}"
            )
        self._scatter.current = -1 if row is None else row

    @property
    def chosen(self) -> np.ndarray:
        """The rows that are selected, (k,) int64, ascending."""
        return self._scatter.chosen

    @chosen.setter
    def chosen(self, selected: np.ndarray) -> None:
        self._scatter.chosen = np.unique(np.asarray(selected, dtype=np.int64))

    @property
    def radius(self) -> float | None:
        """Covering radius of the present bank (Eq. 5); None while it is being computed."""
        return self._bank.radius(self.sampler, self.budget)

    @property
    def usage(self) -> Usage | None:
        """How test patches used the present bank.

        None where there is no prediction with a bank of this size.
        """
        return self._bank.usage.get(self.sampler, {}).get(self.budget)

    @property
    def _bank(self) -> Bank:
        return self._banks[self.category]

    def _change_category(self, _change: Any = None) -> None:
        """Show the category's rows, and offer its samplers and training images."""
        bank, sampler, seen = self._bank, self.sampler, len(self._categories[self.category].train)
        with self._together():
            self._scatter.show(bank.plane[0], np.full((bank.total, 3), page.GREY, np.uint8))
            self._scatter.dot = 1.5 if bank.total > MANY else 4.0
            self._seen.clear()
            self._sampler.options = list(bank.traces)
            self._sampler.value = sampler if sampler in bank.traces else next(iter(bank.traces))
            self._images.reset(seen)
            self._offer_budgets(rows_kept(START, bank.total))
        self._learn()

    def _change_sampler(self, _change: Any = None) -> None:
        """Offer the sampler's budgets, and keep the displayed one where it can be."""
        if not self._quiet:
            with self._together():
                self._offer_budgets(self.budget)
            self._learn()

    def _offer_budgets(self, wanted: int) -> None:
        bank = self._bank
        there = bank.steps(self.sampler)
        value = min(there, key=lambda step: abs(np.log(step / wanted)))
        options = [(f"{page.rows(step)} · {page.share(step / bank.total)}", step) for step in there]
        self._budget.options = options
        self._budget.value = value
        self._budget.disabled = len(there) == 1

    def _learn(self) -> None:
        """Compute in the background what is not known of the category yet.

        Showing each piece as it comes.
        """
        bank, name = self._bank, self.category
        if bank.learned:
            return

        def pieces() -> None:
            for _ in bank.lessons():
                self._redraw()
            for index in progress_bar(range(self._images.slider.max), label="training images"):
                with suppress(OSError):  # it is said when the image is looked at
                    self._photo(name, index)

        self._compute(f"{name}: coverage and metrics", pieces, self._redraw)

    def _change_image(self, _change: Any) -> None:
        """Give up a pick that lies on another training image."""
        row = self.picked
        with self._together():
            if row is not None and self._bank.trace.image[row] != self.image:
                self.picked = None

    def _follow_point(self, _change: Any) -> None:
        """Show the training image that the picked row comes from."""
        with self._together():
            if self.picked is not None:
                self.image = int(self._bank.trace.image[self.picked])

    def _follow_cell(self, _change: Any) -> None:
        """Pick the row of the cell that was clicked."""
        if self._overlay.picked and not self._quiet:
            bank, size = self._bank, self._overlay.shape
            row, column = (
                p * n // s for p, n, s in zip(self._overlay.picked, bank.grid, size, strict=True)
            )
            self.picked = bank.row_at(self.image, row * bank.grid[1] + column)

    def _read(self, name: str, index: int) -> np.ndarray:
        """Return a training image, (H, W, 3) uint8; called through a cache, `_photo`."""
        return self._categories[name].train.image(index)
