"""A list of named options, each with the values it has at both ends.

Which are flipped, and in which order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import ipywidgets as widgets

from adviz.explore.deviations.flips import Flips, described


class OptionList(widgets.VBox):  # type: ignore[misc]
    """A tick for every option and buttons that move it up and down.

    `react` is called after every change.

    A row has the class ``adviz-option-<name>`` (see `class_of`); in it are a tick and two buttons,
    ``adviz-up`` and ``adviz-down``.
    """

    def __init__(self, flips: Flips, react: Callable[[], None]) -> None:
        self._react = react
        self._ticks = {
            name: widgets.Checkbox(
                True, description=described(name, pair), indent=False,
                tooltip=f"{name}: {pair[0]!r} → {pair[1]!r}",
                layout=widgets.Layout(width="310px"), style={"description_width": "initial"},
            )
            for name, pair in flips.items()
        }  # fmt: skip
        for tick in self._ticks.values():
            tick.observe(lambda _: self._react(), names="value")
        self._rows = {name: self._row(name) for name in flips}
        super().__init__(list(self._rows.values()), layout=widgets.Layout(flex="0 0 auto"))
        self._end_buttons()

    @property
    def order(self) -> tuple[str, ...]:
        """All options, from the first to the last."""
        names = {id(row): name for name, row in self._rows.items()}
        return tuple(names[id(row)] for row in self.children)

    @order.setter
    def order(self, names: Sequence[str]) -> None:
        if sorted(names) != sorted(self._rows):
            raise ValueError(
                f"order must name each of {', '.join(self._rows)} once, got {list(names)}"
            )
        if tuple(names) != self.order:
            self.children = [self._rows[name] for name in names]
            self._end_buttons()
            self._react()

    @property
    def flipped(self) -> tuple[str, ...]:
        """The ticked options, in that order."""
        return tuple(name for name in self.order if self._ticks[name].value)

    @flipped.setter
    def flipped(self, names: Sequence[str]) -> None:
        unknown = [name for name in names if name not in self._ticks]
        if unknown:
            raise ValueError(
                f"flipped must name options of {', '.join(self._ticks)}, got {unknown}"
            )
        for name, tick in self._ticks.items():
            tick.value = name in names

    def move(self, name: str, step: int) -> None:
        """Move an option up (-1) or down (1); it stays at the ends."""
        names = list(self.order)
        place = names.index(name)
        names.insert(min(max(place + step, 0), len(names)), names.pop(place))
        self.order = names

    def _row(self, name: str) -> widgets.HBox:
        buttons = [self._button(name, "up", "▲", -1), self._button(name, "down", "▼", 1)]
        return widgets.HBox([self._ticks[name], *buttons]).add_class(class_of(name))

    def _button(self, name: str, way: str, icon: str, step: int) -> widgets.Button:
        layout = widgets.Layout(width="32px")
        button = widgets.Button(
            description=icon, tooltip=f"flip {name} one position further {way}", layout=layout
        )
        button.add_class(f"adviz-{way}").on_click(lambda _: self.move(name, step))
        return button

    def _end_buttons(self) -> None:
        """Switch off the buttons that lead nowhere."""
        for place, row in enumerate(self.children):
            row.children[1].disabled = place == 0
            row.children[2].disabled = place == len(self.children) - 1


def class_of(name: str) -> str:
    """Return the CSS class of an option's row, which holds letters, digits, "_" and "-" alone."""
    return f"adviz-option-{re.sub(r'[^A-Za-z0-9_]+', '-', name)}"
