"""All tables of the papers over one results folder: what is there is shown, and what is missing can be done."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adviz.sweep import Experiment, Report, Row, run
from adviz.sweep.rows import path_of, stored
from adviz.sweep.running import Watch
from adviz.tables.comparison import Comparison, compare
from adviz.tables.printed import NAMES, Name, named
from adviz.tables.setting import Setting
from adviz.tables.table import Table, plan


class Book:
    """The papers' tables in one setting, filled with the rows of one results folder.

    Parameters
    ----------
    setting: on what the tables are regenerated; None = the papers' data and networks.
    folder: of the rows; it need not exist.
    root: folder of the data sets; None = what ``$ADVIZ_DATA`` names, or ``./data``.
    client: a Dask client that does the experiments; None = this process.
    threads: of torch for every experiment.

    Attributes
    ----------
    names: of all tables.
    broken: experiment -> what went wrong when `run` last tried it.
    damaged: experiment -> why its file cannot be used; `run` puts the file aside and does the experiment again.
    """

    names = NAMES

    def __init__(
        self,
        setting: Setting | None = None,
        folder: str | Path = "results",
        *,
        root: str | Path | None = None,
        client: Any = None,
        threads: int = 1,
    ) -> None:
        self.setting, self.folder = setting or Setting(), Path(folder)
        self.broken: dict[Experiment, str] = {}
        self.damaged: dict[Experiment, str] = {}
        self._root, self._client, self._threads = root, client, threads
        self._plans: dict[Name, Table] = {}
        self._known: dict[Experiment, tuple[tuple[int, int], Row | None]] = {}

    def table(self, paper: str, table: str | int, *, pro: str | None = None) -> Comparison:
        """Return a table with what is on disk now; rows that have not changed since are not read again.

        Parameters and errors: as for `plan`.
        """
        name = named(paper, table)
        if name not in self._plans:
            self._plans[name] = plan(name.paper, name.table, self.setting)
        planned = self._plans[name]
        if pro is not None:
            planned = dataclasses.replace(planned, pro=pro)
        found = (self.row(one) for one in planned.experiments)
        return compare(planned, [row for row in found if row is not None])

    def read(self, paper: str) -> None:
        """Read the rows of a paper's tables that were not read yet, so that each of them comes at once."""
        if any(self.folder.glob("*.json")):
            for name in self.names:
                if name.paper == paper:
                    self.table(name.paper, name.table)

    def row(self, experiment: Experiment) -> Row | None:
        """Return the row of an experiment as it is on disk now; None where there is none that can be used."""
        try:
            status = path_of(experiment, self.folder).stat()
        except OSError:
            self._known.pop(experiment, None)
            self.damaged.pop(experiment, None)
            return None
        version = status.st_mtime_ns, status.st_size
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

    def run(self, what: Comparison | Iterable[Experiment], *, watch: Watch | None = None) -> Report:
        """Do the experiments that have no row, and return the rows of all; see `sweep.run`.

        Parameters
        ----------
        what: a table, or experiments, such as the `missing` of a table or the `experiments` of one of its cells.
        watch: called after each experiment that was done, with it and with what went wrong ("" if its row is there).

        Raises
        ------
        OSError: the results folder cannot be written to.
        """
        wanted = what.table.experiments if isinstance(what, Comparison) else what

        def done(one: Experiment, why: str) -> None:
            self.broken.pop(one, None)
            if why:
                self.broken[one] = why
            if watch is not None:
                watch(one, why)

        return run(wanted, self.folder, root=self._root, client=self._client, threads=self._threads, watch=done)

    def __repr__(self) -> str:
        there = len(list(self.folder.glob("*.json")))
        data = "the papers' data" if self.setting.papers else "the built-in data"
        return f"Book of {len(NAMES)} tables on {data}; {there} rows in {self.folder}"
