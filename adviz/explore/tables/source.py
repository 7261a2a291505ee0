"""The papers' tables as facts and parts: what is printed, what was found, and how."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from adviz.explore.kit.packing import Part, names_of, part_key
from adviz.explore.kit.parts import Facts, Images, Parts
from adviz.explore.tables.cells import Describer
from adviz.explore.tables.shown import SHOWS, legend
from adviz.explore.tables.waiting import Waiting
from adviz.metrics import PRO_DEFINITIONS
from adviz.tables import values

if TYPE_CHECKING:
    from adviz.sweep import Experiment, ExperimentResult
    from adviz.tables import Book, Comparison, Layout

OWN = "own"  # PRO as the paper's own code has it
PAPERS = {"spade": "SPADE", "patchcore": "PatchCore", "rd": "Reverse distillation"}
PRO = {OWN: "the paper's own", **{name: f"PRO-{name}" for name in PRO_DEFINITIONS}}


class BookSource(Parts):
    """The tables of a book, with the results that are on disk now.

    Keys: "table/PAPER/TABLE/PRO/VERSION" is a table, "result/KEY" what an experiment found. The
    version only tells the browser that there is something new.

    Parameters
    ----------
    book: whose tables they are.

    Attributes
    ----------
    waiting: experiments that are queued.
    """

    def __init__(self, book: Book) -> None:
        super().__init__()
        self.book = book
        self.waiting = Waiting()
        self._version = 0
        self._stopped = False
        # (paper, table, PRO) -> the table as it was last made
        self._made: dict[tuple[str, ...], dict[str, Any]] = {}

    @property
    def facts(self) -> Facts:
        """Names of papers and tables, and how often something was learned."""
        return {
            "id": self.id,
            "papers": self._papers,
            "pro": PRO,
            "folder": str(self.book.folder),
            "paperData": self.book.setting.uses_paper_data,
            "version": self._version,
            "stopped": self._stopped,
        }

    def facts_with(self, k: int | None = None) -> Facts:
        """Return `facts` for a file, in which nothing changes any more."""
        return self.facts | {"version": 0, "stopped": False}

    @cached_property
    def _papers(self) -> dict[str, Facts]:
        papers: dict[str, Facts] = {}
        for name in self.book.names:
            paper = papers.setdefault(name.paper, {"name": PAPERS[name.paper], "tables": {}})
            numbered = "in the text" if name.table == "text" else f"Table {name.table}"
            measured = set(values(name.paper, name.table)["metric"])
            title = f"{numbered}: {name.title}"
            paper["tables"][name.table] = {"title": title, "pro": "pro" in measured}
        return papers

    @property
    def title(self) -> str:
        """What is shown, for the titles of pages."""
        return "The papers' tables"

    def learned(self, *, stopped: bool = False) -> Facts:
        """Count that something is new, and return the facts."""
        self._version += 1
        self._stopped = stopped
        return self.facts

    def table_names(self, paper: str) -> list[str]:
        """Return the numbers of a paper's tables, in their order."""
        return list(self._papers[paper]["tables"])

    def key(self, paper: str, table: str, pro: str) -> str:
        """Return the key of a table as it is now."""
        measured = self._papers[paper]["tables"][table]["pro"]
        return part_key("table", paper, table, pro if measured else OWN, self._version)

    def slow(self, key: str) -> bool:
        """Return whether a table's results are still to be read."""
        kind, *names = names_of(key)
        return kind == "table" and all(made[:2] != tuple(names[:2]) for made in self._made)

    def changed(self, paper: str, table: str, pro: str) -> bool:
        """Return whether a table is no longer what was made of it last."""
        _, *names, _ = names_of(self.key(paper, table, pro))
        made = self._made.get(tuple(names))
        return made is not None and made != self.described(self.comparison(*names))

    def comparison(self, paper: str, table: str, pro: str) -> Comparison:
        """Return a table, with what is on disk now."""
        return self.book.table(paper, table, pro=None if pro == OWN else pro)

    def part(self, key: str, *, k: int | None = None, half: bool = False) -> Part:
        """Return one part, as it is now: what is on disk may have changed."""
        return self._make(key)

    def _make(self, key: str) -> Part:
        kind, *names = names_of(key)
        if kind == "table":
            *place, _ = names
            first = all(made[0] != place[0] for made in self._made)
            made = self._made[tuple(place)] = self.described(self.comparison(*place))
            if first:  # the others of the paper then come at once
                threading.Thread(target=self.book.read, args=place[:1], daemon=True).start()
            return {"table": made}
        if kind == "result":
            result = self.book.result(self._experiments[names[0]])
            if result is None:
                raise KeyError(f"there is no result of {names[0]} any more")
            return {"result": described_result(result)}
        raise KeyError(f"expected a table or a result, got {key}")

    @cached_property
    def _experiments(self) -> dict[str, Experiment]:
        every = (one for paper in PAPERS for one in self.book.experiments(paper))
        return {one.key: one for one in every}

    def _keys(self, images: Images, k: int | None) -> Iterator[str]:
        """Yield the keys of all tables, by every definition of PRO, and of all results."""
        for paper, facts in self._papers.items():
            for table, one in facts["tables"].items():
                for pro in PRO if one["pro"] else [OWN]:
                    yield part_key("table", paper, table, pro, 0)
        for key, experiment in self._experiments.items():
            if self.book.result(experiment) is not None:
                yield part_key("result", key)

    def described(self, comparison: Comparison) -> dict[str, Any]:
        """Return a table as plain data."""
        describer = Describer(self.book, comparison, self.waiting)
        layouts = {others: comparison.layout(others=others) for others in (True, False)}
        places = {id(one): place for place, one in cells_of(layouts[True]).items()}
        cells = [describer.cell(one, *places[id(one)]) for one in comparison.filled]
        numbers = {id(one): number for number, one in enumerate(comparison.filled)}
        drawn = {}
        for others, layout in layouts.items():
            grid = [[numbers.get(id(one), -1) for one in row] for row in layout.cells]
            shown = [cells[number] for row in grid for number in row if number >= 0]
            drawn["all" if others else "ours"] = {
                "corner": layout.corner,
                "rows": [asdict(head) for head in layout.rows],
                "columns": [asdict(head) for head in layout.columns],
                "cells": grid,
                "stacked": layout.stacked,
                "legend": {one: legend(layout, comparison, one, shown) for one in SHOWS},
            }
        name = comparison.table.name
        return {
            "name": str(name),
            "title": f"{name}: {name.title}",
            "words": self.state_in_words(comparison),
            "cells": cells,
            "experiments": describer.experiments,
            "methods": describer.methods,
            "layouts": drawn,
        }

    def state_in_words(self, comparison: Comparison) -> list[str]:
        """Say how much of a table is done, and what went wrong."""
        wanted = comparison.table.experiments
        missing = comparison.missing
        done = f"{len(wanted) - len(missing)} of {len(wanted)} experiments done"
        words = [done if wanted else "nothing of ours in it"]
        broken = [self.book.broken[one] for one in missing if one in self.book.broken]
        if broken:
            words.append(f"{len(broken)} broken: {broken[0].strip().splitlines()[-1]}")
        damaged = sum(one in self.book.damaged for one in missing)
        if damaged:
            words.append(f"{damaged} result files cannot be used")
        return words


def cells_of(layout: Layout) -> dict[tuple[str, str], Any]:
    """Return (line, place) -> cell of a layout."""
    return {place: layout.cells[row][column] for place, (row, column) in layout.places.items()}


def described_result(result: ExperimentResult) -> dict[str, Any]:
    """Return what is stored of an experiment: metrics, scores, and how much else there is."""
    metrics = {
        name: None if math.isnan(value) else float(value) for name, value in result.metrics.items()
    }
    stored = result.images
    scores = [float(score) for score in stored.get("scores", [])]
    numbers = [str(number) for number in range(len(scores))]
    return {
        "title": f"{result.experiment.title} on {result.experiment.category}",
        "metrics": metrics,
        "reasons": dict(result.reasons),
        "scores": scores,
        "defects": [str(name) for name in stored.get("defects", [""] * len(scores))],
        "names": [str(name) for name in stored.get("ids", numbers)],
        "regions": len(result.regions.get("area", [])),
        "curves": list(result.curves),
    }
