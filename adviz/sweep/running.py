"""Many experiments: one after the other, or on a Dask cluster; what is done is not done again."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adviz._support import bar, behind
from adviz.features import Cache
from adviz.sweep.experiment import Experiment, in_order
from adviz.sweep.fitting import learned
from adviz.sweep.gaps import Gap, gaps, remarks
from adviz.sweep.measuring import extract, measure, own_threads
from adviz.sweep.rows import Row, check_folder, read, results_folder, write
from adviz.sweep.sources import ONE_CLASS, load

if TYPE_CHECKING:
    import pandas as pd

Watch = Callable[[Experiment, str], None]
RETRIES = 2  # of an experiment that fails on a cluster, or whose worker dies
RESOURCE = "GPU"  # a cluster whose workers offer it gets one experiment for each


@dataclass(frozen=True, eq=False)
class Report:
    """What came of a sweep.

    Attributes
    ----------
    rows: in the order of the experiments, without those that are broken.
    broken: (experiment, what went wrong), of those that gave no row.
    computed: how many rows are new.
    gaps: what the data lack, as far as experiments are without a row or metrics without a value for
        it.

    Examples
    --------
    >>> from adviz import DN2
    >>> report = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2()]), "results")
    >>> len(report.rows), len(report.broken)
    (1, 0)
    """

    rows: list[Row]
    broken: list[tuple[Experiment, str]] = field(default_factory=list)
    computed: int = 0
    gaps: tuple[Gap, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a line for every row: what was done, the metrics, and the row's file.

        Examples
        --------
        >>> from adviz import DN2
        >>> sweep.run(sweep.grid("demo", ["hex_nut"], [DN2()]), "results").to_frame().loc[0, "category"]
        'hex_nut'
        """
        import pandas as pd

        lines = []
        for row in self.rows:
            one = row.experiment
            what = {
                "data": one.data,
                "category": one.category,
                "detector": one.title,
                "backbone": row.facts["backbone"],
                "seed": one.seed,
                "shots": one.shots,
            }
            lines.append({**what, **row.metrics, "row": str(row.path)})
        return pd.DataFrame(lines)

    def __repr__(self) -> str:
        lines = [
            f"{len(self.rows)} rows, {self.computed} of them new, {len(self.broken)} experiments broken"
        ]
        lines += remarks(self.gaps)
        return "\n".join(
            lines + [f"  {experiment!r}: {why.splitlines()[-1]}" for experiment, why in self.broken]
        )


def run(
    experiments: Iterable[Experiment],
    folder: str | Path | None = None,
    *,
    root: str | Path | None = None,
    client: Any = None,
    threads: int = 1,
    watch: Watch | None = None,
) -> Report:
    """Do the experiments that have no row in the results folder, and return the rows of all.

    Each row is written when it is complete, so that an interrupted or killed run goes on where it
    was. An experiment that fails is reported and does not stop the others. Those that share images
    and backbones follow each other, and their features are extracted once (as long as the feature
    cache has room: see `estimate`).

    Parameters
    ----------
    experiments: each is done once, however often it is named.
    folder: of the results; on a cluster one that all workers see. None = what ``$ADVIZ_RESULTS``
        names, or ``./results``.
    root: folder of the data sets; None = what ``$ADVIZ_DATA`` names, or ``./data``.
    client: a Dask client; None = in this process. Where workers offer the resource "GPU", each
        experiment takes one. An experiment that fails, or whose worker dies, is tried three times
        in all.
    threads: of torch for every experiment.
    watch: called after each experiment that was done, with it and with what went wrong ("" if its
        row is there).

    Raises
    ------
    OSError: the results folder cannot be written to.

    Examples
    --------
    >>> from adviz import DN2
    >>> report = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2()], seeds=[0]), "results")
    >>> report.rows[0].path.parent.name
    'results'
    """
    wanted, place = list(dict.fromkeys(experiments)), results_folder(folder)
    check_folder(place)
    found = {one: row for one in wanted if (row := read(one, place)) is not None}
    missing = sorted((one for one in wanted if one not in found), key=_turn)
    where = place.resolve(), None if root is None else str(Path(root).resolve())
    steps = (
        _one_by_one(missing, *where, threads)
        if client is None
        else _on_cluster(client, missing, *where, threads)
    )
    broken: dict[Experiment, str] = {}
    progress = bar(steps, label="experiments", total=len(missing))
    with behind(progress):
        for one, why in progress:
            if why:
                broken[one] = why
            if watch is not None:
                watch(one, why)
    for one in missing:
        if one not in broken and (row := read(one, place)) is not None:
            found[one] = row
    rows = [found[one] for one in wanted if one in found]
    failed = [(one, broken[one]) for one in wanted if one in broken]
    return Report(rows, failed, len(missing) - len(broken), _lacking(wanted, rows, root))


def _lacking(
    wanted: Sequence[Experiment], rows: Sequence[Row], root: str | Path | None
) -> tuple[Gap, ...]:
    """Return what the data lack: of experiments without a row all of it, of others what the row was made without."""
    done = {row.experiment for row in rows}
    without = {(one.data, one.category) for one in wanted if one not in done}
    asked = [one for one in wanted if one not in done or one.data not in ONE_CLASS]
    return tuple(
        gap for gap in gaps(asked, root) if not gap.stops or (gap.data, gap.category) in without
    )


def perform(
    facts: dict[str, Any], folder: str, root: str | None, threads: int, *_after: Any
) -> str:
    """Do one experiment, given as its facts, and write its row; return its key at once when it is there.

    This is what a Dask worker is given; `_after` are tasks that come first.
    """
    experiment, place = Experiment.from_facts(facts), Path(folder)
    if read(experiment, place) is None:
        write(measure(experiment, None if root is None else Path(root), threads), place)
    return experiment.key


def prepare(
    facts: dict[str, Any], layers: tuple[int | str, ...], root: str | None, threads: int
) -> None:
    """Put layers that several experiments share into the feature cache; a Dask task as well."""
    if Cache().limit:
        with own_threads(threads):
            experiment = Experiment.from_facts(facts)
            category = load(experiment, None if root is None else Path(root))
            for name in experiment.backbones:
                extract(experiment, name, category, layers)


def _turn(one: Experiment) -> str:
    """Return what experiments are sorted by: those of a network follow each other, and those of a training."""
    return repr(
        (
            one.backbones,
            one.weights,
            one.geometry,
            one.features,
            one.layers,
            one.shots,
            learned(one.detector),
        )
    )


def groups(
    experiments: Sequence[Experiment],
) -> list[tuple[list[Experiment], tuple[int | str, ...]]]:
    """Return the experiments that share features, and all layers that they read."""
    groups: dict[object, list[Experiment]] = {}
    for one in experiments:
        groups.setdefault(one.features, []).append(one)
    layers = ({layer for one in group for layer in one.layers} for group in groups.values())
    return [(group, in_order(found)) for group, found in zip(groups.values(), layers, strict=True)]


def _one_by_one(
    experiments: Sequence[Experiment], folder: Path, root: str | None, threads: int
) -> Iterator[tuple[Experiment, str]]:
    """Do the experiments in this process; yield each with what went wrong, or nothing."""
    for group, layers in groups(experiments):
        if len(group) > 1:
            with suppress(Exception):  # what is wrong will be said of every experiment
                prepare(group[0].facts(), layers, root, threads)
        for one in group:
            try:
                row = measure(one, None if root is None else Path(root), threads)
            except Exception as error:
                yield one, _said(error)
            else:
                # An error here ends the run: no other row could be written either
                write(row, folder)
                yield one, ""


def _on_cluster(
    client: Any, experiments: Sequence[Experiment], folder: Path, root: str | None, threads: int
) -> Iterator[tuple[Experiment, str]]:
    """Do the experiments on a Dask cluster, in any order; yield each with what went wrong, or nothing."""
    from distributed import as_completed

    offered = [
        worker.get("resources", {}) for worker in client.scheduler_info()["workers"].values()
    ]
    taken = {RESOURCE: 1} if any(RESOURCE in resources for resources in offered) else None
    how = {"retries": RETRIES, "pure": False, "resources": taken}
    tasks: dict[Any, Experiment] = {}
    for group, layers in groups(experiments):
        first = []
        if len(group) > 1:
            first = [
                client.submit(
                    prepare,
                    group[0].facts(),
                    layers,
                    root,
                    threads,
                    retries=RETRIES,
                    pure=False,
                    resources=taken,
                )
            ]
        for one in group:
            task = client.submit(perform, one.facts(), str(folder), root, threads, *first, **how)
            tasks[task] = one
    try:
        for task in as_completed(list(tasks)):
            yield tasks[task], "" if task.status == "finished" else _said(task.exception())
    finally:
        client.cancel(list(tasks))


def _said(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).strip()
