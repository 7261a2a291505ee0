"""Errors as rows of small pictures, and a control that goes to one of them."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from adviz.explore.kit import markup, theme
from adviz.explore.kit.view import Quiet, labelled, wrapped
from adviz.plots import style

MOST = 24  # pictures of a wall
SIDE = 104  # CSS pixels, width of a picture
KINDS = {  # kind -> short name, title of its wall, edge
    "false positive": ("FP", "False positives: good images predicted anomalous", style.BLUE),
    "false negative": (
        "FN",
        "False negatives: anomalous images that were missed",
        style.VERMILLION,
    ),
    "unlabelled": (
        "?",
        "Unlabelled images predicted anomalous: whether these are errors is unknown",
        style.UNLABELLED,
    ),
}
Entry = Mapping[str, Any]
Key = tuple[str, int]


class Walls(widgets.VBox):  # type: ignore[misc]
    """Walls of errors with numbers.

    A list with previous and next goes to one of them.

    Parameters
    ----------
    go: called with (category, image) of the error that was chosen.
    """

    def __init__(self, go: Callable[[str, int], None]) -> None:
        self._go, self._places, self._quiet = go, list[Key](), Quiet()
        self._list = labelled(
            widgets.Dropdown(
                options=[("", -1)], description="go to error", layout=widgets.Layout(width="420px")
            ),
            "error",
            self._chosen,
        )
        steps = [self._button("previous", "◀", -1), self._button("next", "▶", 1)]
        self._page = widgets.HTML().add_class("adviz-walls")
        row = wrapped([self._list, *steps])
        super().__init__([row, self._page])

    def show(self, errors: Sequence[Entry], pictures: Mapping[Key, str], present: Key) -> None:
        """Show errors, as in `ThresholdsView.errors`.

        Parameters
        ----------
        errors: in the order of their numbers.
        pictures: (category, image) -> HTML of its picture; a grey square stands for one that is not
            there yet.
        present: what is displayed.
        """
        self._places = [(error["category"], error["image"]) for error in errors]
        names = [f"{number} · {_line(error)}" for number, error in enumerate(errors, 1)]
        first = f"{len(errors)} of them: choose one" if errors else "no error"
        options = [(first, -1), *((name, number) for number, name in enumerate(names))]
        value = self._places.index(present) if present in self._places else -1
        with self._quiet:
            if list(self._list.options) != options:
                self._list.options = options
            self._list.value = value
        walls = "".join(self._wall(kind, errors, pictures, present) for kind in KINDS)
        self._page.value = f"<div style='padding:5px'>{walls}</div>"  # room for the ring

    def _wall(
        self, kind: str, errors: Sequence[Entry], pictures: Mapping[Key, str], present: Key
    ) -> str:
        _, title, colour = KINDS[kind]
        chosen = [
            (number, error) for number, error in enumerate(errors, 1) if error["kind"] == kind
        ]
        if kind == "unlabelled" and not chosen:
            return ""
        parts = [_tile(number, error, pictures, present, colour) for number, error in chosen[:MOST]]
        rest = len(chosen) - len(parts)
        more = theme.note(f"and {rest} more, in the list above") if rest else ""
        none = theme.note("none at this threshold") if not chosen else ""
        return markup.row(parts, title=f"{title} ({len(chosen)})") + more + none

    def _button(self, name: str, icon: str, step: int) -> widgets.Button:
        button = widgets.Button(
            description=icon, tooltip=f"{name} error", layout=widgets.Layout(width="40px")
        )
        button.add_class(f"adviz-{name}-error").on_click(lambda _: self.move(step))
        return button

    def move(self, step: int) -> None:
        """Go `step` errors on, and stay at the ends."""
        if self._places:
            self._list.value = min(max(self._list.value + step, 0), len(self._places) - 1)

    def _chosen(self, change: Any) -> None:
        if not self._quiet and change["new"] >= 0:
            self._go(*self._places[change["new"]])


def words(error: Entry) -> str:
    """Return an error's kind in words: a person's choice, else the suggestions, marked as such."""
    if error["tag"]:
        return str(error["tag"])
    return f"{' or '.join(error['suggestions'])}?" if error["suggestions"] else ""


def _line(error: Entry) -> str:
    return (
        f"{KINDS[error['kind']][0]} · {error['category']} · {error['defect']} · "
        f"{style.number(error['score'])}"
    )


def _tile(number: int, error: Entry, pictures: Mapping[Key, str], present: Key, colour: str) -> str:
    place = error["category"], error["image"]
    empty = (
        "<span "
        f"style='display:block;width:{SIDE}px;height:{SIDE}px;background:{theme.EMPTY}'></span>"
    )
    ring = "outline:3px solid currentColor;outline-offset:2px;" if place == present else ""
    lines = [f"<b>{number}</b> · {html.escape(error['category'])}"]
    lines += [f"{html.escape(error['defect'])} · {style.number(error['score'])}"]
    said = html.escape(words(error))
    lines += [f"<b>{said}</b>" if error["tag"] else f"<i>{said}</i>"] if said else []
    return (
        f"<figure class='adviz-small' style='margin:0 0 4px;width:{SIDE}px;border-top:4px solid "
        f"{colour};{ring}"
        f"overflow-wrap:anywhere'>{pictures.get(place, empty)}{'<br>'.join(lines)}</figure>"
    )
