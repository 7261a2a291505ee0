"""An image under its map on which a pixel is picked, and how it is drawn.

Opacity, colours, contour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz.explore.kit.view import discard, linked
from adviz.explore.widgets import PatchOverlay

WIDTH = 320  # CSS pixels
STEPS = 100  # of the slider over the colours, from end to end of the scale that maps share
Limits = tuple[float, float]


class Picker(widgets.VBox):  # type: ignore[misc]
    """`PatchOverlay` (`overlay`) with its controls below.

    They act in the browser, without the kernel.

    Parameters
    ----------
    react: called when another pixel is picked.
    """

    def __init__(self, react: Callable[[Any], None]) -> None:
        self.overlay = PatchOverlay(np.zeros((1, 1, 3), np.uint8), width=WIDTH).add_class(
            "adviz-picker"
        )
        self.overlay.observe(react, names="picked")
        self._shared: Limits = (0.0, 1.0)
        self._opacity = widgets.FloatSlider(
            0.7,
            min=0,
            max=1,
            step=0.05,
            description="opacity",
            readout_format=".0%",
            **_across("100%"),
        )
        self._contour = widgets.Checkbox(
            True, description="ground truth", indent=False, layout=widgets.Layout(width="120px")
        )
        self._fade = widgets.Checkbox(
            True, description="fade low values", indent=False, layout=widgets.Layout(width="140px")
        )
        reset = widgets.Button(
            description="reset",
            tooltip="the one scale of all maps of this detector",
            layout=widgets.Layout(width="70px"),
        )
        reset.add_class("adviz-reset").on_click(lambda _: setattr(self, "limits", self._shared))
        for control, name in (
            (self._opacity, "opacity"),
            (self._contour, "contour"),
            (self._fade, "fade"),
        ):
            linked(control.add_class(f"adviz-{name}"), self.overlay, name)
        self._colours = widgets.HBox([reset])
        self._slide((0.0, 1.0), self._shared)
        toggles = widgets.HBox([self._contour, self._fade])
        layout = widgets.Layout(flex="0 0 auto", width=f"{WIDTH + 4}px", margin="0 12px 0 0")
        super().__init__([self.overlay, self._colours, self._opacity, toggles], layout=layout)

    @property
    def limits(self) -> Limits:
        """Values at the ends of the map's colour scale."""
        low, high = self._range.value
        return float(low), float(high)

    @limits.setter
    def limits(self, limits: Limits) -> None:
        low, high = limits
        if not low < high:
            raise ValueError(f"limits must be two numbers, the smaller first, got {limits}")
        ends = min(low, self._range.min), max(high, self._range.max)
        if ends != (self._range.min, self._range.max):
            self._slide(ends, limits)
        self._range.value = limits
        self.overlay.limits = [low, high]

    @property
    def opacity(self) -> float:
        """Of the map, 0 to 1."""
        return float(self._opacity.value)

    @opacity.setter
    def opacity(self, share: float) -> None:
        self._opacity.value = self.overlay.opacity = share

    @property
    def contour(self) -> bool:
        """Whether the ground truth's contour is drawn, where it is known."""
        return bool(self._contour.value)

    @contour.setter
    def contour(self, drawn: bool) -> None:
        self._contour.value = self.overlay.contour = drawn

    @property
    def fade(self) -> bool:
        """Whether low values let more of the image through."""
        return bool(self._fade.value)

    @fade.setter
    def fade(self, faded: bool) -> None:
        self._fade.value = self.overlay.fade = faded

    def rescale(self, shared: Limits | None, ends: Limits) -> None:
        """Start from the scale that all maps share.

        On a slider that reaches from the lowest value to the highest.
        """
        self._shared = shared or (0.0, 1.0)
        self._slide(ends, self._shared)
        self._range.disabled = shared is None
        self.overlay.limits = list(self.limits)

    def _slide(self, ends: Limits, limits: Limits) -> None:
        """Put another slider there: one that gets another range clips its value in the browser.

        It would send that value back.
        """
        low, high = self._shared
        # The browser moves values to whole steps: the shared ones must be such
        step = (high - low) / STEPS
        below, above = (
            np.ceil(max(0.0, low - ends[0]) / step),
            np.ceil(max(0.0, ends[1] - high) / step),
        )
        slider = widgets.FloatRangeSlider(
            value=limits,
            min=low - below * step,
            max=high + above * step,
            step=step,
            description="scale",
            readout=False,
            **_across("220px"),
        )
        self._range = slider.add_class("adviz-limits")
        linked(slider, self.overlay, "limits", both=False)
        *former, reset = self._colours.children
        self._colours.children = (slider, reset)
        for one in former:
            discard(one)


def _across(width: str) -> dict[str, Any]:
    return {"layout": widgets.Layout(width=width), "style": {"description_width": "60px"}}
