"""All tables of the papers over one results folder; missing experiments are done on request."""

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
from adviz.tables.paper_values import NAMES, PAPERS, TableName, table_name
from adviz.tables.setting import Setting
from adviz.tables.shipped import shipped
from adviz.tables.table import Table, plan

FileVersion = tuple[int, int, int]  # time, size and number on disk
# What the book can estimate and run
Work = Comparison | Table | FigurePlan | Claims | Iterable[Experiment]


class Book:
    """The papers' tables in one setting, filled with the results in one folder.

    Parameters
    ----------
    setting: on what the tables are regenerated; None = the papers' data and networks.
    folder: of the results; it need not exist. None = ``$ADVIZ_RESULTS``, or ``./results``.
    root: folder of the data sets; None = ``$ADVIZ_DATA``, or ``./data``.
    client: a Dask client that does the experiments; None = this process.
    threads: of torch in every experiment.
    use_shipped: whether results that come with adviz (those of `built_in`) stand for experiments
        that have none in the folder; False = all are done here.

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
        use_shipped: bool = True,
    ) -> None:
        self._with_shipped = use_shipped
        self.setting = setting or Setting()
        self.folder = results_folder(folder)
        self.broken: dict[Experiment, str] = {}
        self.damaged: dict[Experiment, str] = {}
        self.missing_data: MissingData = {}
        self._run_options: dict[str, Any] = {"root": root, "client": client, "threads": threads}
        self._plans: dict[TableName, Table] = {}
        # The file's version when it was last read, and its result
        self._read: dict[Experiment, tuple[FileVersion, ExperimentResult | None]] = {}

    def table(self, paper: str, table: str | int, *, pro: str | None = None) -> Comparison:
        """Return a table with the results on disk; files that have not changed are not read again.

        Parameters and errors: as for `plan`.

        Examples
        --------
        >>> book = tables.Book(tables.reduced(), "results")
        >>> book.table("patchcore", "S1").definition("image_auroc")
        'AUROC of the image scores'
        """
        planned = self._plan(table_name(paper, table))
        if pro is not None:
            planned = dataclasses.replace(planned, pro=pro)
        stored_results = (self.result(experiment) for experiment in planned.experiments)
        results = [result for result in stored_results if result is not None]
        return compare(
            planned, Report(results, list(self.broken.items()), missing_data=self.missing_data)
        )

    def _plan(self, name: TableName) -> Table:
        if name not in self._plans:
            self._plans[name] = plan(name.paper, name.table, self.setting)
        return self._plans[name]

    def read(self, paper: str) -> None:
        """Read the results of a paper's tables, so that each table then comes at once."""
        if any(self.folder.glob("*.json")):
            for name in self.names:
                if name.paper == paper:
                    self.table(name.paper, name.table)

    def result(self, experiment: Experiment) -> ExperimentResult | None:
        """Return an experiment's result as it is on disk, or comes with adviz; None without one."""
        try:
            status = path_of(experiment, self.folder).stat()
        except OSError:
            self._read.pop(experiment, None)
            self.damaged.pop(experiment, None)
            return self._shipped(experiment)
        # Times alone do not tell: clocks may go back
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        read_version, result = self._read.get(experiment, (None, None))
        if read_version == version:
            return result
        self.damaged.pop(experiment, None)
        try:
            result = stored(experiment, self.folder)
        except (ValueError, OSError) as error:
            self.damaged[experiment] = str(error)
            result = None
        self._read[experiment] = (version, result)
        return result

    def _shipped(self, experiment: Experiment) -> ExperimentResult | None:
        return shipped(experiment) if self._with_shipped else None

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
            known = ", ".join(map(repr, PAPERS))
            raise ValueError(f"expected a paper, one of {known}, {got(paper, PAPERS)}")
        experiments: list[Experiment] = []
        for name in self.names:
            if name.paper == paper:
                experiments += self._plan(name).experiments
        return list(dict.fromkeys(experiments))

    def estimate(self, what: Work, *, workers: int = 1) -> Estimate:
        """Return what experiments will take here, without doing any; see `sweep.estimate`.

        Parameters
        ----------
        what: as for `run`.
        workers: of a cluster that is not there yet; with a client, its own are counted.
        """
        wanted = _experiments(what)
        missing = [experiment for experiment in wanted if self._shipped(experiment) is None]
        expected = estimate(missing, self.folder, workers=workers, **self._run_options)
        n_shipped = len(wanted) - len(missing)
        expected.experiments += n_shipped
        expected.done += n_shipped
        return expected

    def run(self, what: Work, *, watch: Watch | None = None) -> Report:
        """Do the experiments that have no result, and return the results of all; see `sweep.run`.

        Parameters
        ----------
        what: a table, figure or claims, or experiments, such as the `missing` of a table or those
            of one of its cells.
        watch: called after each experiment with it and with what went wrong ("" for nothing).

        Raises
        ------
        OSError: the results folder cannot be written to.
        """

        def note(experiment: Experiment, error: str) -> None:
            self.broken.pop(experiment, None)
            if error:
                self.broken[experiment] = error
            if watch is not None:
                watch(experiment, error)

        wanted = _experiments(what)
        there = {experiment: self._shipped(experiment) for experiment in wanted}
        missing = [experiment for experiment, result in there.items() if result is None]
        report = Report([])
        if missing or not wanted:
            # `note` keeps errors for tables that are drawn while the run goes on
            report = run(missing, self.folder, **self._run_options, watch=note)
        self.missing_data = report.missing_data
        there |= {result.experiment: result for result in report.results}
        results = [result for result in there.values() if result is not None]
        return dataclasses.replace(report, results=results)

    def __repr__(self) -> str:
        n_results = len(list(self.folder.glob("*.json")))
        data = "the papers' data" if self.setting.uses_paper_data else "other data than the papers'"
        return f"Book of {len(NAMES)} tables on {data}; {n_results} rows in {self.folder}"


def _experiments(what: Work) -> list[Experiment]:
    if isinstance(what, Comparison):
        return what.table.experiments
    if isinstance(what, Iterable):
        return list(what)
    return what.experiments
