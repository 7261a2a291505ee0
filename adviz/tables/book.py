"""All tables of the papers over one results folder: what is there is shown, and what is missing can be done."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adviz._support import got
from adviz.sweep import (
    Estimate,
    Experiment,
    ExperimentResult,
    MissingData,
    Report,
    Watch,
    estimate,
    path_of,
    results_folder,
    run,
    stored,
)
from adviz.tables.claims import Claims
from adviz.tables.comparison import Comparison, compare
from adviz.tables.figures import FigurePlan
from adviz.tables.printed import NAMES, PAPERS, Name, named
from adviz.tables.setting import Setting
from adviz.tables.table import Table, plan

Work = Comparison | Table | FigurePlan | Claims | Iterable[Experiment]


class Book:
    """The papers' tables in one setting, filled with the rows of one results folder.

    Parameters
    ----------
    setting: on what the tables are regenerated; None = the papers' data and networks.
    folder: of the rows; it need not exist. None = what ``$ADVIZ_RESULTS`` names, or ``./results``.
    root: folder of the data sets; None = what ``$ADVIZ_DATA`` names, or ``./data``.
    client: a Dask client that does the experiments; None = this process.
    threads: of torch for every experiment.

    Attributes
    ----------
    names: of all tables.
    broken: experiment -> what went wrong when `run` last tried it.
    missing_data: what the data lacked when `run` last looked.
    damaged: experiment -> why its file cannot be used; `run` puts the file aside and does the
        experiment again.

    Examples
    --------
    >>> book = tables.Book(tables.reduced(), "results")
    >>> len(book.table("spade", 1).missing)
    2
    """

    names = NAMES

    def __init__(
        self,
        setting: Setting | None = None,
        folder: str | Path | None = None,
        *,
        root: str | Path | None = None,
        client: Any = None,
        threads: int = 1,
    ) -> None:
        self.setting, self.folder = setting or Setting(), results_folder(folder)
        self.broken: dict[Experiment, str] = {}
        self.damaged: dict[Experiment, str] = {}
        self.missing_data: MissingData = {}
        self._how: dict[str, Any] = {"root": root, "client": client, "threads": threads}
        self._plans: dict[Name, Table] = {}
        self._known: dict[Experiment, tuple[tuple[int, int, int], ExperimentResult | None]] = {}

    def table(self, paper: str, table: str | int, *, pro: str | None = None) -> Comparison:
        """Return a table with what is on disk now; rows that have not changed since are not read again.

        Parameters and errors: as for `plan`.

        Examples
        --------
        >>> book = tables.Book(tables.reduced(), "results")
        >>> book.table("patchcore", "S1").definition("image_auroc")
        'AUROC of the image scores'
        """
        name = named(paper, table)
        planned = self._plan(name)
        if pro is not None:
            planned = dataclasses.replace(planned, pro=pro)
        found = (self.result(one) for one in planned.experiments)
        rows = [row for row in found if row is not None]
        return compare(
            planned, Report(rows, list(self.broken.items()), missing_data=self.missing_data)
        )

    def _plan(self, name: Name) -> Table:
        if name not in self._plans:
            self._plans[name] = plan(name.paper, name.table, self.setting)
        return self._plans[name]

    def read(self, paper: str) -> None:
        """Read the rows of a paper's tables that were not read yet, so that each of them comes at once."""
        if any(self.folder.glob("*.json")):
            for name in self.names:
                if name.paper == paper:
                    self.table(name.paper, name.table)

    def result(self, experiment: Experiment) -> ExperimentResult | None:
        """Return the row of an experiment as it is on disk now; None where there is none that can be used."""
        try:
            status = path_of(experiment, self.folder).stat()
        except OSError:
            self._known.pop(experiment, None)
            self.damaged.pop(experiment, None)
            return None
        version = status.st_mtime_ns, status.st_size, status.st_ino  # clocks may go back
        before, row = self._known.get(experiment, (None, None))
        if before == version:
            return row
        self.damaged.pop(experiment, None)
        try:
            row = stored(experiment, self.folder)
        except (ValueError, OSError) as error:
            self.damaged[experiment], row = str(error), None
        self._known[experiment] = version, row
        return row

    def experiments(self, paper: str) -> list[Experiment]:
        """Return what all tables of a paper need, each experiment once.

        Raises
        ------
        ValueError: no such paper.

        Examples
        --------
        >>> len(tables.Book(tables.reduced(), "results").experiments("spade")) > 2
        True
        """
        if paper not in PAPERS:
            raise ValueError(
                f"expected a paper, one of {', '.join(map(repr, PAPERS))}, {got(paper, PAPERS)}"
            )
        planned = (self._plan(name) for name in self.names if name.paper == paper)
        return list(dict.fromkeys(one for table in planned for one in table.experiments))

    def estimate(self, what: Work) -> Estimate:
        """Return what experiments will take on this machine, without doing any; see `sweep.estimate`.

        Parameters
        ----------
        what: as for `run`.
        """
        return estimate(_wanted(what), self.folder, **self._how)

    def run(self, what: Work, *, watch: Watch | None = None) -> Report:
        """Do the experiments that have no row, and return the rows of all; see `sweep.run`.

        Parameters
        ----------
        what: a table, figure or claims, or experiments, such as the `missing` of a table or those
            of one of its cells.
        watch: called after each experiment that was done, with it and with what went wrong ("" if
            its row is there).

        Raises
        ------
        OSError: the results folder cannot be written to.
        """

        def done(one: Experiment, why: str) -> None:
            self.broken.pop(one, None)
            if why:
                self.broken[one] = why
            if watch is not None:
                watch(one, why)

        report = run(_wanted(what), self.folder, **self._how, watch=done)
        self.missing_data = report.missing_data
        return report

    def __repr__(self) -> str:
        there = len(list(self.folder.glob("*.json")))
        data = "the papers' data" if self.setting.papers else "other data than the papers'"
        return f"Book of {len(NAMES)} tables on {data}; {there} rows in {self.folder}"


def _wanted(what: Work) -> list[Experiment]:
    if isinstance(what, Comparison):
        return what.table.experiments
    return list(what) if isinstance(what, Iterable) else what.experiments
