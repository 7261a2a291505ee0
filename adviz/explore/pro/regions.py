"""Regions as tables, and a control that goes to one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz.explore.kit import markup, theme
from adviz.explore.kit.view import Quiet, labelled

Region = Mapping[str, Any]


class RegionList(widgets.HBox):  # type: ignore[misc]
    """The regions of a category, the worst first, of which a person chooses one.

    Parameters
    ----------
    go: called with the image of the region that was chosen.
    """

    def __init__(self, go: Callable[[int], None]) -> None:
        self._go, self._images, self._quiet = go, dict[int, int](), Quiet()
        self._list = labelled(
            widgets.Dropdown(
                options=[("", 0)], description="region", layout=widgets.Layout(width="360px")
            ),
            "region",
            self._choose,
        )
        steps = []
        for name, icon, step in (("previous", "◀", -1), ("next", "▶", 1)):
            tip = f"the {'worse' if step < 0 else 'better'} region"
            button = widgets.Button(
                description=icon, tooltip=tip, layout=widgets.Layout(width="40px")
            )
            button.add_class(f"adviz-{name}-region").on_click(lambda _, step=step: self.move(step))
            steps.append(button)
        super().__init__([self._list, *steps])

    @property
    def chosen(self) -> int:
        """Number of the region that was chosen, 0 = none."""
        return int(self._list.value)

    @chosen.setter
    def chosen(self, number: int) -> None:
        with self._quiet:
            self._list.value = number

    def show(self, regions: Sequence[Region]) -> None:
        """Offer regions, as in `ProView.regions`; a choice is kept where it is still offered."""
        self._images = {row["number"]: row["image"] for row in regions}
        worst = sorted(regions, key=lambda row: (row["integral"], row["number"]))
        options = [(f"{len(regions)} of them, the worst first" if regions else "no region", 0)]
        options += [(_line(row), row["number"]) for row in worst]
        if list(self._list.options) == options:
            return
        before = self.chosen
        with self._quiet:
            self._list.options = options
            self._list.value = before if before in self._images else 0

    def move(self, step: int) -> None:
        """Choose the region `step` places on, and stay at the ends."""
        numbers = [number for _, number in self._list.options]
        if len(numbers) > 1:
            place = numbers.index(self._list.value) + step
            self._list.value = numbers[min(max(place, 1), len(numbers) - 1)]

    def _choose(self, change: Any) -> None:
        if not self._quiet and change["new"]:
            self._go(self._images[change["new"]])


def _line(row: Region) -> str:
    place = f"{row['number']} · {row['defect']} · image {row['image'] + 1}"
    return f"{place} · {row['area']} px · {row['integral']:.3f}"


def region_table(title: str, regions: Sequence[Region], chosen: int) -> str:
    """Return regions as a table; the one that is chosen is bold."""
    if not regions:
        return f"<div>{theme.head(title)}{theme.note('none')}</div>"
    columns = ("image", "area", "current overlap", "integral", "weight in PRO", "in pixel AUROC")
    rows = {
        f"{row['number']} · {row['defect']}": (
            str(row["image"] + 1),
            f"{row['area']} px",
            f"{row['overlap']:.3f}",
            f"{row['integral']:.3f}",
            f"{row['weight_pro']:.1%}",
            f"{row['weight_auroc']:.1%}",
        )
        for row in regions
    }
    marked = [name for name, row in zip(rows, regions, strict=True) if row["number"] == chosen]
    return markup.table(rows, columns, title=title, marked=marked)


def values_table(values: Mapping[str, float], reasons: Mapping[str, str]) -> str:
    """Return numbers by name; for one that is NaN, why."""
    rows = {
        name: [f"{value:.4f}" if np.isfinite(value) else f"undefined: {reasons.get(name, '')}"]
        for name, value in values.items()
    }
    return markup.table(rows, [""], title="this category")


def picture_words(mask: np.ndarray, flagged: np.ndarray) -> str:
    """Return what the picture of an image shows, in numbers."""
    found, wrong = int((flagged & mask).sum()), int((flagged & ~mask).sum())
    inside = (
        f"blue: {found} of {int(mask.sum())} defect pixels found" if mask.any() else "no defect"
    )
    return f"{inside} · striped: {wrong} of {int((~mask).sum())} normal pixels predicted anomalous"
