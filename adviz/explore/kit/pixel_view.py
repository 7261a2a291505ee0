"""What explorers share that show an image under a map, on which a person picks a pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets as widgets
import numpy as np

from adviz.data import Category
from adviz.explore.kit.checked import Found
from adviz.explore.kit.image_stepper import SteppedView
from adviz.explore.kit.view import linked, wrapped
from adviz.explore.widgets import PatchOverlay


class PickingView(SteppedView):
    """A `SteppedView` with the image under a map at the left.

    What is read out there (`_values`) below it.

    Parameters
    ----------
    categories, predictions: as for `SteppedView`.
    above: controls that belong above the status line.
    below: controls that belong below the image.
    """

    def __init__(
        self,
        categories: Mapping[str, Category],
        predictions: Mapping[str, Mapping[str, Found]],
        *,
        above: Sequence[widgets.Widget] = (),
        below: Sequence[widgets.Widget] = (),
    ) -> None:
        self._overlay = PatchOverlay(np.zeros((1, 1, 3), np.uint8), width=300).add_class(
            "adviz-picker"
        )
        self._overlay.observe(self._redraw, names="picked")
        opacity = widgets.FloatSlider(
            0.7, min=0, max=1, step=0.05, description="opacity", readout_format=".0%"
        )
        linked(opacity.add_class("adviz-opacity"), self._overlay, "opacity")
        self._values = widgets.HTML().add_class("adviz-values")
        super().__init__(categories, predictions)
        controls, status, busy, page = self.children  # type: ignore[has-type]
        parts = [self._overlay, opacity, *below, self._values]
        left = widgets.VBox(
            parts, layout=widgets.Layout(flex="0 0 auto", width="312px", margin="0 12px 0 0")
        )
        page.layout.flex, page.layout.min_width = "1 1 420px", "0"
        both = wrapped([left, page], align="stretch")
        self.children = [controls, *above, status, busy, both]

    @property
    def picked(self) -> tuple[int, int] | None:
        """(row, column) of the pixel whose values are read out; None = none."""
        place = self._overlay.picked
        return (int(place[0]), int(place[1])) if place else None

    @picked.setter
    def picked(self, pixel: tuple[int, int] | None) -> None:
        self._overlay.picked = [] if pixel is None else list(pixel)
