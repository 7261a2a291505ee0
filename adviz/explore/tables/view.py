"""The papers' tables: printed and measured values, cell by cell, and experiments to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import traitlets
from traitlets import Bool, List, TraitError, Unicode

from adviz import plots
from adviz.explore.kit.explorer import Explorer
from adviz.explore.kit.tasks import Stopped, Task
from adviz.explore.tables.shown import BOTH, SHOWS, texts_of
from adviz.explore.tables.source import OWN, PAPERS, PRO, BookSource, cells_of
from adviz.plots import StaticFigure

if TYPE_CHECKING:
    from adviz.sweep import Experiment
    from adviz.tables import Book, Comparison, FilledCell, Layout

RUNS = ("cell", "line", "all")


def tables(book: Book) -> TablesView:
    """Show the papers' tables beside our results, and run missing experiments in the background.

    Parameters
    ----------
    book: a `tables.Book`: the setting, and the folder of the results.

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


class TablesView(Explorer):
    """Pick a table and a cell, and run the missing experiments of a cell, a line or the table.

    Experiments wait in a queue and run one after the other in the background; every result is
    stored and displayed as soon as it is known.

    Attributes
    ----------
    paper: "spade", "patchcore" or "rd".
    table: as the paper numbers it: "1", "S1", or "text" for numbers in the text.
    pro: what PRO is: "global", "global-200", "per-image", or "own", as in the code of the paper.
    shows: what stands in a cell: "printed | ours", "ours" or "delta"; without the paper's data
        printed values and ours stand in cells of their own, whatever it is.
    others: whether methods that are not ours are shown as well, as they are printed.
    cell: [line, place] of a cell, such as ["PatchCore, coreset=1%", "bottle"]; [] = the first of
        ours.
    result: key of an experiment of the cell whose result is opened; "" = none, or the only one.
    """

    MODULE = "tables.js"
    STATE = ("paper", "table", "pro", "shows", "others", "cell", "result")
    KINDS = ("table", "result")
    LABELS: ClassVar[Mapping[str, str]] = {"table": "a table from stored results"}
    ONE_OF: ClassVar[Mapping[str, Any]] = {
        "paper": lambda _: PAPERS,
        "table": lambda self: self.source.table_names(self.paper),
        "pro": lambda _: PRO,
        "shows": lambda _: SHOWS,
    }
    source: BookSource

    paper = Unicode().tag(sync=True)
    table = Unicode().tag(sync=True)
    pro = Unicode(OWN).tag(sync=True)
    shows = Unicode(BOTH).tag(sync=True)
    others = Bool(True).tag(sync=True)
    cell = List(Unicode()).tag(sync=True)
    result = Unicode().tag(sync=True)

    def __init__(self, book: Book) -> None:
        paper = next(iter(PAPERS))
        source = BookSource(book)
        super().__init__(source, {"paper": paper})
        self.observe(self._look_again, ["paper", "table", "pro", "shows", "others"])

    # state

    @traitlets.validate("cell")
    def _check_cell(self, proposal: Any) -> list[str]:
        cell = list(proposal["value"])
        if cell and tuple(cell) not in self.places:
            raise TraitError(f"cell must be [] or one of {self.places}, got {cell!r}")
        return cell

    @traitlets.validate("result")
    def _check_result(self, proposal: Any) -> str:
        key = str(proposal["value"])
        if key:  # "" is known without the table, whose results would have to be read
            known = [one.key for one in self._filled.cell.experiments]
            self._one_of("result", key, ["", *known])
        return key

    @traitlets.observe("paper")
    def _enter_paper(self, _change: Any) -> None:
        """Begin at the first table."""
        names = self.source.table_names(self.paper)
        # _property_lock: the browser sets both itself
        if self.table not in names or not self._property_lock:
            self.table = names[0]

    @traitlets.observe("paper", "table", "others")
    def _forget_cell(self, _change: Any) -> None:
        """Keep the cell where the new table has it."""
        if self.table and self.cell and tuple(self.cell) not in self.places:
            self.cell = []

    @traitlets.observe("paper", "table", "cell")
    def _forget_result(self, _change: Any) -> None:
        """Keep the result where the new cell has it."""
        if self.result and self.table:
            known = {one.key for one in self._filled.cell.experiments}
            self.result = self.result if self.result in known else ""

    def _look_again(self, _change: Any = None) -> None:
        """Show what was done elsewhere, too."""
        self.error = ""
        if self.facts["stopped"] or self.source.changed(self.paper, self.table, self.pro):
            self.facts = self.source.learned()

    # what follows from it

    @property
    def comparison(self) -> Comparison:
        """The displayed table, with what is on disk now."""
        return self.source.comparison(self.paper, self.table, self.pro)

    @property
    def places(self) -> list[tuple[str, str]]:
        """(line, place) of every cell that is displayed."""
        return list(self._cells)

    @property
    def displayed_cell(self) -> tuple[str, str]:
        """(line, place) of the cell whose detail is displayed."""
        cells = self._cells
        chosen = tuple(self.cell)
        if chosen in cells:
            return chosen[0], chosen[1]
        ours = (place for place, one in cells.items() if one.cell.experiments)
        return next(ours, next(iter(cells)))

    @property
    def queued(self) -> list[Experiment]:
        """What waits or is being done."""
        return list(self.source.waiting)

    @property
    def status(self) -> str:
        """What the status line says."""
        if self.error:
            return str(self.error)
        comparison = self.comparison
        line, place = self.displayed_cell
        metric = self._filled.metric
        words = [str(comparison.table.name), *self.source.state_in_words(comparison), line, place]
        if metric not in place:
            words.append(metric)
        text = " · ".join(words)
        return f"stopped · {text}" if self.facts["stopped"] else text

    @property
    def _layouts(self) -> tuple[Layout, Layout]:
        """The layout of all methods, and of those that are displayed."""
        comparison = self.comparison
        every = comparison.layout()
        return every, every if self.others else comparison.layout(others=False)

    @property
    def _cells(self) -> dict[tuple[str, str], FilledCell]:
        every, shown = self._layouts
        there = {id(one) for row in shown.cells for one in row}
        return {place: one for place, one in cells_of(every).items() if id(one) in there}

    @property
    def _filled(self) -> FilledCell:
        """The displayed cell."""
        return self._cells[self.displayed_cell]

    # work

    def run_cell(self) -> None:
        """Queue what the cell lacks; `wait` waits for it, `stop` ends it and empties the queue."""
        self._run([self._filled])

    def run_line(self) -> None:
        """Queue what the line of the cell lacks."""
        name = self.displayed_cell[0]
        self._run([one for (line, _), one in self._cells.items() if line == name])

    def run_all(self) -> None:
        """Queue what the table lacks."""
        self._run(self.comparison.filled)

    def stop(self) -> None:
        """Stop at the next step, and empty the queue; results that are done stay on disk."""
        if not self.source.waiting.idle:
            self.source.waiting.give_up()
            self.facts = self.source.learned(stopped=True)
        super().stop()

    def _answer(self, widget: Any, message: Any, buffers: Any) -> None:
        if message.get("run") in RUNS:
            getattr(self, f"run_{message['run']}")()
        super()._answer(widget, message, buffers)

    def _run(self, cells: Iterable[FilledCell]) -> None:
        """Put experiments at the end of the queue, and see to it that somebody works it off."""
        self.error = ""
        worker = self.source.waiting.add(self._lacking(cells))
        self.facts = self.source.learned()
        if worker is not None:
            task = Task(
                key=worker,
                label=lambda: str(self.source.waiting),
                run=partial(self._work_off, worker),
                done=lambda _: self._tell_all(),
                failed=partial(self._give_up, worker),
            )
            self._tasks.add(task)

    def _lacking(self, cells: Iterable[FilledCell]) -> list[Experiment]:
        """Return the experiments that cells lack and that are not queued, each once."""
        found = list(cells)
        there = {result.experiment for one in found for result in one.results}
        there |= set(self.source.waiting)
        wanted = (experiment for one in found for experiment in one.cell.experiments)
        return list(dict.fromkeys(one for one in wanted if one not in there))

    def _work_off(self, worker: object) -> None:
        """Do what is queued until nothing is; what is queued meanwhile comes after it."""
        waiting = self.source.waiting
        while batch := waiting.batch(worker):
            self.source.book.run(batch, watch=self._finished)
            waiting.drop(batch)  # what had its result already was not done

    def _finished(self, one: Experiment, _why: str) -> None:
        """Show the table with one experiment more."""
        self.source.waiting.finished(one)
        self._tell_all()

    def _tell_all(self) -> None:
        self.facts = self.source.learned()

    def _give_up(self, worker: object, error: Exception | None) -> None:
        idle = self.source.waiting.give_up(worker)
        self.facts = self.source.learned(stopped=idle and error is None)
        if error is not None and not isinstance(error, Stopped):
            self._fail(error)

    # pictures

    def _first_parts(self) -> list[str]:
        return [self.source.key(self.paper, self.table, self.pro)]

    def static(self) -> StaticFigure:
        """Return the table as a matplotlib figure."""
        described = self.source.described(self.comparison)
        drawn = described["layouts"]["all" if self.others else "ours"]
        cells = described["cells"]
        shows = self.shows if self.source.book.setting.uses_paper_data else BOTH
        between = "\n" if drawn["stacked"] else " | "
        layout = self._layouts[1]
        heads, texts, muted = [], [], []
        group = ""
        for head, row in zip(layout.rows, drawn["cells"], strict=True):
            if head.group != group:  # a line of its own says which group follows
                group = head.group
                heads.append(group)
                texts.append([""] * len(row))
                muted.append([False] * len(row))
            pairs = [texts_of(cells[one], shows) if one >= 0 else () for one in row]
            heads.append(head.text)
            texts.append([between.join(filter(None, pair)) for pair in pairs])
            muted.append([one >= 0 and cells[one]["theirs"] for one in row])
        return plots.table_figure(
            heads,
            [f"{head.group} {head.text}".strip() for head in layout.columns],
            texts,
            np.array(muted),
            corner=layout.corner,
            title=described["title"],
            legend=drawn["legend"][shows],
        )
