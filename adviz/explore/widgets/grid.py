"""A table of which a person picks one cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import anywidget
import traitlets

from adviz.explore.widgets.traits import source


@dataclass(frozen=True)
class Head:
    """The head of a row or column.

    Its name, a small text below it, and whether it is not ours (grey, slanted).

    Examples
    --------
    >>> from adviz.explore.widgets import Head
    >>> Head("PatchCore", "1 %").text
    'PatchCore...1 %'
    """

    name: str
    small: str = ""
    theirs: bool = False

    @property
    def text(self) -> str:
        """Both texts."""
        return f"{self.name}, {self.small}" if self.small else self.name


@dataclass(frozen=True)
class Entry:
    """A cell: up to two texts, the second bold, what hovering says.

    A result that is not ours is grey and slanted.

    Examples
    --------
    >>> from adviz.explore.widgets import Entry
    >>> Entry("98.1", "97.9").theirs
    False
    """

    first: str = ""
    second: str = ""
    title: str = ""
    theirs: bool = False


class TableGrid(anywidget.AnyWidget):  # type: ignore[misc]
    """A table with fixed heads, of which one cell is picked, by a click or with the arrow keys.

    Home and End.

    All state is in traits, so that a reloaded page shows the same.

    Attributes
    ----------
    picked: [row, column] of the cell that is picked; [] = none. Settable.
    content: what `show` was given.

    Examples
    --------
    >>> from adviz.explore.widgets import Entry, Head, TableGrid
    >>> grid = TableGrid()
    >>> grid.show([Head("PatchCore")], [Head("bottle")], [[Entry("98.1")]])
    """

    _esm = source("grid.js")
    _css = source("grid.css")

    content = traitlets.Dict().tag(sync=True)
    picked = traitlets.List(traitlets.Int(min=0)).tag(sync=True)

    def show(
        self,
        rows: Sequence[Head],
        columns: Sequence[Head],
        cells: Sequence[Sequence[Entry | None]],
        *,
        picked: Sequence[int] = (),
        corner: str = "",
        stacked: bool = False,
        label: str = "table",
    ) -> None:
        """Show another table, in one message to the browser; one that is the same is not sent.

        Parameters
        ----------
        rows, columns: their heads.
        cells: for each row a cell for each column; None = there is none.
        picked: (row, column) of the cell that is picked; empty = none.
        corner: head of the column of heads.
        stacked: whether the second text of a cell stands below the first, not beside it.
        label: said by screen readers.

        Raises
        ------
        ValueError: not a cell for each row and column, or a picked cell that is not there.
        """
        if len(cells) != len(rows) or any(len(line) != len(columns) for line in cells):
            shape = [len(line) for line in cells]
            raise ValueError(
                f"expected {len(rows)} rows of {len(columns)} cells, got rows of {shape}"
            )
        if len(picked) and (picked[0] >= len(rows) or picked[1] >= len(columns)):
            raise ValueError(
                f"picked must lie in {len(rows)} rows of {len(columns)} cells, got {list(picked)}"
            )
        content = {
            "corner": corner,
            "rows": [asdict(one) for one in rows],
            "columns": [asdict(one) for one in columns],
            "cells": [[None if one is None else asdict(one) for one in line] for line in cells],
            "stacked": stacked,
            "label": label,
        }
        with self.hold_sync():
            if content != self.content:
                self.content = content
            self.picked = list(picked)
