"""The papers' tables: printed and measured values, cell by cell, and experiments to run."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import numpy as np

from adviz import plots
from adviz.explore.kit.background import Stopped
from adviz.explore.kit.view import View, labelled, value_of, wrapped
from adviz.explore.tables import layout as layouts
from adviz.explore.tables.detail import detail
from adviz.explore.tables.layout import BOTH, SHOWS, Place
from adviz.explore.tables.waiting import Waiting
from adviz.explore.widgets import TableGrid
from adviz.metrics import PRO_DEFINITIONS
from adviz.plots import StaticFigure

if TYPE_CHECKING:
    from adviz.sweep import Experiment
    from adviz.tables import Book, Comparison, FilledCell

OWN = "own"
PRO = {"the paper's own": OWN, **{f"PRO-{name}": name for name in PRO_DEFINITIONS}}
PAPERS = {"SPADE": "spade", "PatchCore": "patchcore", "Reverse distillation": "rd"}


def tables(book: Book) -> TablesView:
    """Show the papers' tables beside our results, and run missing experiments in the background.

    Parameters
    ----------
    book: a `tables.Book`: the setting, and the folder of the rows.

    Returns
    -------
    A `TablesView`; display it as the last line of a cell.

    Examples
    --------
    >>> view = explore.tables(tables.Book(tables.reduced(), "results"))
    >>> view.paper, view.table
    ('spade', '1')
    """
    return TablesView(book)


class TablesView(View):
    """Pick a table and a cell, and run the missing experiments of a cell, a row or the table.

    Experiments wait in a queue and run one after the other in the background; every result is
    stored and displayed as soon as it is known. The state is plain data, readable and
    settable: `paper`, `table`, `pro` ("own" = the definition of the paper's code), `shows`,
    `others`, `cell`; readable: `comparison`, `places`, `queued`.
    """

    def __init__(self, book: Book) -> None:
        self._book, self._waiting = book, Waiting()
        self._cell: Place | None = None
        self._grid = TableGrid().add_class("adviz-table-grid")
        self._grid.observe(self._pick, names="picked")
        self._title, self._legend = (
            widgets.HTML().add_class(f"adviz-{name}") for name in ("title", "legend")
        )
        super().__init__(self._controls())
        controls, status, busy, page = self.children  # type: ignore[has-type]
        buttons = wrapped(list(self._buttons.values()))
        self.children = [
            controls,
            status,
            self._title,
            self._grid,
            self._legend,
            buttons,
            busy,
            page,
        ]
        self._offer_tables()

    def _controls(self) -> list[widgets.Widget]:
        self._paper = _choice("paper", PAPERS, self._offer_tables, "220px")
        self._table = _choice("table", [""], self._redraw, "420px")
        self._pro = _choice("pro", PRO, self._redraw, "220px", "PRO is")
        self._shows = widgets.ToggleButtons(options=SHOWS, style={"button_width": "auto"})
        labelled(self._shows, "shows", self._redraw)
        self._others = widgets.Checkbox(
            self._book.setting.uses_paper_data,
            description="methods that are not ours",
            indent=False,
        )
        labelled(self._others, "others", self._redraw)
        self._buttons = {
            "run-cell": _button("run-cell", "do what this cell lacks", self.run_cell),
            "run-line": _button(
                "run-line", "do what all cells of this method and variant lack", self.run_line
            ),
            "run-all": _button("run-all", "do what the whole table lacks", self.run_all),
        }
        return [self._paper, self._table, self._pro, self._shows, self._others]

    paper = value_of("paper", 'The paper: "spade", "patchcore" or "rd".')
    table = value_of(
        "table", 'The table, as the paper numbers it: "1", "S1", or "text" for numbers in the text.'
    )
    pro = value_of(
        "pro",
        'What PRO is: "global", "global-200", "per-image", or "own", as in the code of the paper.',
    )
    shows = value_of("shows", 'What stands in a cell: "printed | ours", "ours" or "delta".')

    others = value_of(
        "others", "Whether methods that are not ours are shown as well, as they are printed."
    )

    @property
    def cell(self) -> Place | None:
        """(line, place) of the cell whose detail is shown.

        Such as ("PatchCore, coreset=1%", "bottle").
        """
        return self._cell

    @cell.setter
    def cell(self, place: Place) -> None:
        if tuple(place) not in self._layout.places:
            raise ValueError(f"cell must be one of {self.places}, got {place!r}")
        self._cell = (place[0], place[1])
        self._redraw()

    @property
    def places(self) -> list[Place]:
        """(line, place) of every cell of the table."""
        return list(self._layout.places)

    @property
    def comparison(self) -> Comparison:
        """The displayed table, with what is on disk now."""
        return self._book.table(self.paper, self.table, pro=None if self.pro == OWN else self.pro)

    @property
    def queued(self) -> list[Experiment]:
        """What waits or is being done."""
        return list(self._waiting)

    def run_cell(self) -> None:
        """Queue what the cell lacks; `wait` waits for it, `stop` ends it and empties the queue."""
        self._run(self._lacking([self._filled()]))

    def run_line(self) -> None:
        """Queue what the line of the cell lacks."""
        self._run(self._lacking(self._line()))

    def run_all(self) -> None:
        """Queue what the table lacks."""
        self._run(self._lacking(self._comparison.filled))

    def stop(self) -> None:
        """Stop at the next step, and empty the queue; rows that are done stay on disk."""
        if self.busy:
            self._waiting.give_up()
            self._work.stop()
            self._redraw()
            self._say(f"stopped · {self.status}")

    def _run(self, wanted: Iterable[Experiment]) -> None:
        """Put experiments at the end of the queue, and see to it that somebody works it off."""
        worker = self._waiting.add(wanted)
        self._redraw()
        if worker is not None:
            self._compute(
                lambda: str(self._waiting), lambda: self._work_off(worker), lambda _: self._redraw()
            )

    def _work_off(self, worker: object) -> None:
        """Do what is queued until nothing is; what is queued meanwhile comes after it."""
        try:
            while batch := self._waiting.batch(worker):
                self._book.run(batch, watch=self._finished)
                self._waiting.drop(batch)  # what had its row already was not done
        except BaseException as error:
            idle = self._waiting.give_up(worker)
            with self._drawing:
                self._redraw()
                if idle and isinstance(error, Stopped):
                    self._say(f"stopped · {self.status}")
            raise

    def _finished(self, one: Experiment, _why: str) -> None:
        """Show the table with one experiment more."""
        self._waiting.finished(one)
        self._redraw()

    def _offer_tables(self, _change: Any = None) -> None:
        """Offer the tables of the paper, start with its first.

        The results of the others are read meanwhile.
        """
        there = [name for name in self._book.names if name.paper == self.paper]
        titles = [
            f"in the text: {one.title}"
            if one.table == "text"
            else f"Table {one.table}: {one.title}"
            for one in there
        ]
        with self._together():
            self._table.options = list(zip(titles, (one.table for one in there), strict=True))
        threading.Thread(target=self._book.read, args=(self.paper,), daemon=True).start()

    def _pick(self, change: Any) -> None:
        """Show the cell that was picked in the grid."""
        with self._drawing:
            found = [
                place
                for place, at in self._layout.places.items()
                if list(at) == list(change["new"])
            ]
            if found:
                self._cell = found[0]
                self._redraw()

    def _filled(self) -> FilledCell:
        """Return the displayed cell."""
        row, column = self._layout.places[self._cell or self.places[0]]
        found = self._layout.cells[row][column]
        if found is None:
            # Places and cells are made together
            raise LookupError(f"expected a cell at {self._cell}")
        return found

    def _line(self) -> list[FilledCell]:
        """Return the cells in the line of the displayed cell."""
        line = (self._cell or self.places[0])[0]
        pairs = zip(self._comparison.lines, self._comparison.filled, strict=True)
        return [one for name, one in pairs if name == line]

    def _lacking(self, cells: Iterable[FilledCell]) -> list[Experiment]:
        """Return the experiments that cells lack and that are not queued, each once."""
        found = list(cells)
        there = {row.experiment for one in found for row in one.results} | set(self._waiting)
        return list(
            dict.fromkeys(e for one in found for e in one.cell.experiments if e not in there)
        )

    def _draw(self) -> tuple[str, str]:
        self._comparison = self.comparison
        self._layout = layouts.laid_out(self._comparison, others=self.others)
        if self._cell not in self._layout.places:
            ours = (
                place
                for place, (i, j) in self._layout.places.items()
                if _is_ours(self._layout.cells[i][j])
            )
            self._cell = next(ours, self.places[0])
        self._marks = layouts.entries(self._layout, self.shows, self._book.broken, self._waiting)
        self._show_grid()
        self._name_buttons()
        self._pro.disabled = all(one.cell.metric != "pro" for one in self._comparison.filled)
        page = detail(
            self._book, self._comparison, self._filled(), self._cell_name(), self._waiting
        )
        return page, self._status_text()

    def _show_grid(self) -> None:
        layout, name = self._layout, self._comparison.table.name
        self._title.value = f"<div class='adviz-head'>{html.escape(f'{name}: {name.title}')}</div>"
        text = html.escape(self._legend_text())
        self._legend.value = f"<div class='adviz-small' style='max-width:1000px'>{text}</div>"
        self._grid.show(
            layout.rows,
            layout.columns,
            self._marks,
            picked=layout.places[self._cell or self.places[0]],
            corner=layout.corner,
            stacked=layout.stacked and self.shows == BOTH,
            label=f"{name}: {name.title}",
        )

    def _name_buttons(self) -> None:
        """Say on each button how many experiments it would do; none: it is switched off."""
        line = (self._cell or self.places[0])[0]
        lacking = {
            "run-cell": ("run this cell", self._lacking([self._filled()])),
            "run-line": (f"run {line}", self._lacking(self._line())),
            "run-all": ("run all missing", self._lacking(self._comparison.filled)),
        }
        for name, (text, found) in lacking.items():
            self._buttons[name].description = f"{text} ({len(found)})"
            self._buttons[name].disabled = not found

    def _cell_name(self) -> str:
        line, place = self._cell or self.places[0]
        metric = self._filled().metric
        return " · ".join([line, place] + ([] if metric in place else [metric]))

    def _status_text(self) -> str:
        wanted, missing = self._comparison.table.experiments, self._comparison.missing
        broken = [
            layouts.last_line(self._book.broken[one]) for one in missing if one in self._book.broken
        ]
        damaged = sum(one in self._book.damaged for one in missing)
        done = f"{len(wanted) - len(missing)} of {len(wanted)} experiments done"
        words = [
            str(self._comparison.table.name),
            done if wanted else "nothing of ours in it",
            self._cell_name(),
        ]
        if broken:
            words.append(f"{len(broken)} broken: {broken[0]}")
        if damaged:
            words.append(f"{damaged} result files cannot be used")
        return " · ".join(words)

    def _legend_text(self) -> str:
        """Say what stands in the cells, what every metric is, and what the signs mean."""
        return layouts.legend(self._layout, self._comparison, self.shows, self._marks)

    def static(self) -> StaticFigure:
        """Return the table as a matplotlib figure."""
        layout, name = self._layout, self._comparison.table.name
        between = "\n" if layout.stacked else " | "
        texts = [
            [between.join(filter(None, (m.first, m.second))) if m else "" for m in line]
            for line in self._marks
        ]
        muted = np.array([[bool(mark and mark.theirs) for mark in line] for line in self._marks])
        rows, columns = ([head.text for head in heads] for heads in (layout.rows, layout.columns))
        title, legend = f"{name}: {name.title}", self._legend_text()
        return plots.table_figure(
            rows, columns, texts, muted, corner=layout.corner, title=title, legend=legend
        )


def _is_ours(one: FilledCell | None) -> bool:
    return one is not None and bool(one.cell.experiments)


def _choice(name: str, options: Any, react: Any, width: str, text: str = "") -> widgets.Dropdown:
    layout = widgets.Layout(width=width)
    made = widgets.Dropdown(options=options, description=text or name, layout=layout)
    made.style.description_width = "initial"
    return labelled(made, name, react)


def _button(name: str, tooltip: str, act: Any) -> widgets.Button:
    made = widgets.Button(tooltip=tooltip, layout=widgets.Layout(width="auto", max_width="420px"))
    made.add_class(f"adviz-{name}").on_click(lambda _: act())
    return made
