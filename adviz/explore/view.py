"""What all explorers share: labelled controls, a status line that also shows errors, and a picture."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from adviz.plots import StaticFigure


class View(widgets.VBox):  # type: ignore[misc]
    """Controls above a status line above a picture; a subclass says what to draw in `_draw`.

    Every part has a CSS class ("adviz-status", "adviz-view", and one per control), by which tests and styles find it.
    An exception in a callback is shown in the status line, and the picture keeps what it showed.
    """

    def __init__(self, controls: list[widgets.Widget]) -> None:
        self._text = ""
        self._status = widgets.HTML()
        self._status.add_class("adviz-status")
        self._picture = widgets.Image(format="jpeg", layout=widgets.Layout(width="100%", max_width="1200px"))
        self._picture.add_class("adviz-view")
        row = widgets.HBox(controls, layout=widgets.Layout(flex_flow="row wrap", align_items="center"))
        super().__init__([row, self._status, self._picture])

    def __repr__(self) -> str:
        return f"{type(self).__name__}: a widget, to be used in Jupyter; static() draws it as a figure"

    @property
    def status(self) -> str:
        """The status line, as plain text."""
        return self._text

    def static(self) -> StaticFigure:
        """Return the picture as a matplotlib figure, for pages that show no widgets, and for papers."""
        return self._draw()[0]

    def save(self, path: str) -> None:
        """Write the picture to a file; the ending chooses the format (.pdf, .svg, .png)."""
        self.static().savefig(path, bbox_inches="tight")

    def _draw(self) -> tuple[StaticFigure, str]:
        """Return what the present state shows: a figure, and the status line's text."""
        raise AttributeError(f"{type(self).__name__} does not say what to draw")

    def _redraw(self, _change: Any = None) -> None:
        """Show the present state, or say what went wrong."""
        try:
            figure, text = self._draw()
        except Exception as error:  # whatever it is: the person at the screen must see it, not only a log
            self._text = f"Error: {type(error).__name__}: {error}"
        else:
            self._text = text
            self._picture.value = figure._repr_jpeg_()
        self._status.value = html.escape(self._text)


def labelled(control: widgets.Widget, name: str, react: Callable[[Any], None]) -> widgets.Widget:
    """Give a control its CSS class ``adviz-<name>`` and call `react` when its value changes."""
    control.add_class(f"adviz-{name}")
    control.observe(react, names="value")
    return control


class Stepper(widgets.HBox):  # type: ignore[misc]
    """A slider over items with previous and next buttons and a counter that starts at 1."""

    def __init__(self, name: str, react: Callable[[Any], None]) -> None:
        self.slider = widgets.IntSlider(
            min=1, max=1, description=name, readout=False, layout=widgets.Layout(width="300px")
        )
        labelled(self.slider, name, react)
        self._counter = widgets.Label(layout=widgets.Layout(min_width="70px", justify_content="center"))
        self._counter.add_class("adviz-counter")
        buttons = [self._button("previous", "◀", -1), self._button("next", "▶", 1)]
        super().__init__([self.slider, buttons[0], self._counter, buttons[1]])
        self.slider.observe(self._count, names=["value", "max"])

    def _button(self, name: str, icon: str, step: int) -> widgets.Button:
        button = widgets.Button(description=icon, tooltip=name, layout=widgets.Layout(width="40px"))
        button.add_class(f"adviz-{name}")
        button.on_click(lambda _: self.move(step))
        return button

    def move(self, step: int) -> None:
        """Go `step` items on, and stay at the ends."""
        self.slider.value = min(max(self.slider.value + step, 1), self.slider.max)

    def reset(self, length: int) -> None:
        """Go to the first of `length` items."""
        self.slider.value = 1
        self.slider.max = length
        self._count()

    def _count(self, _change: Any = None) -> None:
        self._counter.value = f"{self.slider.value} of {self.slider.max}"


def bar_table(title: str, values: Mapping[str, float]) -> str:
    """Return an HTML table of names and values with bars, whose shares of the absolute sum are printed as well."""
    bar = "display:inline-block;height:0.8em;background:#0072B2;width"
    total = sum(map(abs, values.values())) or 1.0
    rows = "".join(
        f"<tr><th style='text-align:left;padding-right:12px'>{html.escape(name)}</th>"
        f"<td style='text-align:right;padding-right:12px'>{value:.4g}</td>"
        f"<td style='text-align:right'>{abs(value) / total:.0%}</td>"
        f"<td style='padding-left:8px'><span style='{bar}:{160 * abs(value) / total:.0f}px'></span></td></tr>"
        for name, value in values.items()
    )
    return (
        f"<table style='line-height:1.4'><caption style='text-align:left'>{html.escape(title)}</caption>{rows}</table>"
    )
