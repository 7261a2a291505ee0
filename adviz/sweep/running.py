"""Many experiments, one after the other or on a Dask cluster; stored results are not run again."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adviz._support import logger, progress_bar, progress_behind
from adviz.features import Cache
from adviz.sweep.experiment import Experiment, device_of, in_order
from adviz.sweep.fitting import learned
from adviz.sweep.measuring import extract, measure, own_threads
from adviz.sweep.missing import MissingData, in_sentences, missing_data
from adviz.sweep.results import ExperimentResult, check_folder, read, results_folder, write
from adviz.sweep.sources import ONE_CLASS, load

if TYPE_CHECKING:
    import pandas as pd

Watch = Callable[[Experiment, str], None]
RETRIES = 2  # of an experiment that fails on a cluster, or whose worker dies
RESOURCE = "GPU"  # a cluster whose workers offer it gets one experiment for each


@dataclass(frozen=True, eq=False)
class Report:
    """The results of a sweep, and what went wrong.

    Attributes
    ----------
    results: in the order of the experiments, without those that are broken.
    broken: (experiment, what went wrong), of those that gave no result.
    computed: how many results are new.
    missing_data: (data set, category) -> what it lacks, as far as experiments are without a result
        or metrics without a value for it.

    Examples
    --------
    >>> from adviz import DN2
    >>> report = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2()]), "results")
    >>> len(report.results), len(report.broken)
    (1, 0)
    """

    results: list[ExperimentResult]
    broken: list[tuple[Experiment, str]] = field(default_factory=list)
    computed: int = 0
    missing_data: MissingData = field(default_factory=dict)

    def to_frame(self) -> pd.DataFrame:
        """Return a table row for every result: experiment, metrics, and file.

        Examples
        --------
        >>> from adviz import DN2
        >>> frame = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2()]), "results").to_frame()
        >>> frame.loc[0, "category"]
        'hex_nut'
        """
        import pandas as pd

        table_rows = []
        for result in self.results:
            experiment = result.experiment
            description = {
                "data": experiment.data,
                "category": experiment.category,
                "detector": experiment.title,
                "backbone": result.facts["backbone"],
                "seed": experiment.seed,
                "shots": experiment.shots,
            }
            table_rows.append({**description, **result.metrics, "file": str(result.path)})
        return pd.DataFrame(table_rows)

    def __repr__(self) -> str:
        lines = [
            f"{len(self.results)} results, {self.computed} of them new, "
            f"{len(self.broken)} experiments broken"
        ]
        lines += in_sentences(self.missing_data)
        for experiment, message in self.broken:
            lines.append(f"  {experiment!r}: {message.splitlines()[-1]}")
        return "\n".join(lines)


def run(
    experiments: Iterable[Experiment],
    folder: str | Path | None = None,
    *,
    root: str | Path | None = None,
    client: Any = None,
    threads: int = 1,
    watch: Watch | None = None,
) -> Report:
    """Run the experiments that have no stored result, and return the results of all.

    Each result is written when it is complete, so that an interrupted or killed run goes on where
    it was. An experiment that fails is reported and stops no other. Those that share images
    and backbones follow each other, and their features are extracted once (as long as the feature
    cache has room: see `estimate`).

    Parameters
    ----------
    experiments: each is run once, however often it is named.
    folder: of the results; on a cluster one that all workers see. None = what ``$ADVIZ_RESULTS``
        names, or ``./results``.
    root: folder of the data sets; None = what ``$ADVIZ_DATA`` names, or ``./data``.
    client: a Dask client; None = in this process. Where workers offer the resource "GPU", each
        experiment takes one. An experiment that fails, or whose worker dies, is tried three times
        in all.
    threads: of torch for every experiment.
    watch: called after each experiment that was run, with it and with what went wrong ("" if its
        result is stored).

    Raises
    ------
    OSError: the results folder cannot be written to.

    Examples
    --------
    >>> from adviz import DN2
    >>> report = sweep.run(sweep.grid("demo", ["hex_nut"], [DN2()], seeds=[0]), "results")
    >>> report.results[0].path.parent.name
    'results'
    """
    results_in = results_folder(folder)
    check_folder(results_in)
    all_experiments = list(dict.fromkeys(experiments))
    results = {}
    planned = []
    for experiment in all_experiments:
        result = read(experiment, results_in)
        if result is None:
            planned.append(experiment)
        else:
            results[experiment] = result
    planned.sort(key=_running_order)
    log = logger()
    log.info(
        "sweep: %d experiments, %d of them with results in %s",
        len(all_experiments),
        len(results),
        results_in,
    )

    data_root = None if root is None else str(Path(root).resolve())
    if client is None:
        steps = _one_by_one(planned, results_in.resolve(), data_root, threads)
    else:
        steps = _on_cluster(client, planned, results_in.resolve(), data_root, threads)
    broken: dict[Experiment, str] = {}
    progress = progress_bar(steps, label="experiments", total=len(planned))
    with progress_behind(progress):
        for experiment, message in progress:
            if message:
                broken[experiment] = message
                log.info("sweep: %r failed: %s", experiment, message.splitlines()[-1])
            else:
                log.info("sweep: %r is done", experiment)
            if watch is not None:
                watch(experiment, message)

    for experiment in planned:
        if experiment not in broken:
            result = read(experiment, results_in)
            if result is not None:
                results[experiment] = result
    return Report(
        results=[results[experiment] for experiment in all_experiments if experiment in results],
        broken=[
            (experiment, broken[experiment])
            for experiment in all_experiments
            if experiment in broken
        ],
        computed=len(planned) - len(broken),
        missing_data=_missing_data(all_experiments, results, root),
    )


def _missing_data(
    experiments: Sequence[Experiment],
    results: Mapping[Experiment, ExperimentResult],
    root: str | Path | None,
) -> MissingData:
    """Return what the data lack, without what stopped no experiment."""
    without_result = [experiment for experiment in experiments if experiment not in results]
    stopped = {(experiment.data, experiment.category) for experiment in without_result}
    # A one-class set is either read or not: with results nothing can be missing
    asked = [
        experiment
        for experiment in experiments
        if experiment not in results or experiment.data not in ONE_CLASS
    ]
    missing = {}
    for pair, items in missing_data(asked, root).items():
        # Data that are gone since their results were stored are not missing
        relevant = [item for item in items if not item.stops or pair in stopped]
        if relevant:
            missing[pair] = relevant
    return missing


def perform(
    facts: dict[str, Any],
    device: str | None,
    folder: str,
    root: str | None,
    threads: int,
    *_after: Any,
) -> str:
    """Run one experiment, given as its facts, and store its result; return its key.

    This is what a Dask worker is given; `_after` are tasks that come first. The device is none of
    the facts, since results do not depend on it: None = the detector has no such option.
    """
    experiment = Experiment.from_facts(facts)
    if device is not None:
        detector = dataclasses.replace(experiment.detector, device=device)  # type: ignore[type-var]
        experiment = dataclasses.replace(experiment, detector=detector)
    results_in = Path(folder)
    if read(experiment, results_in) is None:
        write(measure(experiment, None if root is None else Path(root), threads), results_in)
    return experiment.key


def prepare(
    facts: Sequence[dict[str, Any]],
    layers: tuple[int | str, ...],
    root: str | None,
    threads: int,
) -> None:
    """Put layers that several experiments share into the feature cache; a Dask task as well."""
    if Cache().limit:
        with own_threads(threads):
            experiments = [Experiment.from_facts(each) for each in facts]
            category = load(experiments[0], None if root is None else Path(root))
            for name in experiments[0].backbones:
                extract(experiments, name, category, layers)


def _running_order(experiment: Experiment) -> str:
    """Return a sort key: experiments of a network follow each other, and those of a training."""
    return repr(
        (
            experiment.backbones,
            experiment.weights,
            experiment.geometry,
            experiment.features,
            experiment.layers,
            experiment.shots,
            learned(experiment.detector),
        )
    )


def groups(
    experiments: Sequence[Experiment],
) -> list[tuple[list[Experiment], tuple[int | str, ...]]]:
    """Return the experiments that share features, and all layers that they read."""
    by_features: dict[object, list[Experiment]] = {}
    for experiment in experiments:
        by_features.setdefault(experiment.features, []).append(experiment)
    result = []
    for group in by_features.values():
        layers = set[int | str]().union(*(experiment.layers for experiment in group))
        result.append((group, in_order(layers)))
    return result


def _one_by_one(
    experiments: Sequence[Experiment], folder: Path, root: str | None, threads: int
) -> Iterator[tuple[Experiment, str]]:
    """Run the experiments in this process; yield each with what went wrong, "" if nothing did."""
    for group, layers in groups(experiments):
        if len(group) > 1:
            with suppress(Exception):  # each experiment will fail in the same way, and be reported
                prepare([experiment.facts() for experiment in group], layers, root, threads)
        for experiment in group:
            try:
                result = measure(experiment, None if root is None else Path(root), threads)
            except Exception as error:
                yield experiment, _traceback_of(error)
            else:
                # An error here ends the run: no other result could be written either
                write(result, folder)
                yield experiment, ""


def _on_cluster(
    client: Any, experiments: Sequence[Experiment], folder: Path, root: str | None, threads: int
) -> Iterator[tuple[Experiment, str]]:
    """Run the experiments on a Dask cluster; yield each with what went wrong, in any order."""
    from distributed import as_completed

    workers = client.scheduler_info()["workers"].values()
    has_resource = any(RESOURCE in worker.get("resources", {}) for worker in workers)
    options = {
        "retries": RETRIES,
        "pure": False,
        "resources": {RESOURCE: 1} if has_resource else None,
    }
    tasks: dict[Any, Experiment] = {}
    for group, layers in groups(experiments):
        first_tasks = []
        if len(group) > 1:
            facts = [experiment.facts() for experiment in group]
            first_tasks = [client.submit(prepare, facts, layers, root, threads, **options)]
        for experiment in group:
            task = client.submit(
                perform,
                experiment.facts(),
                device_of(experiment),
                str(folder),
                root,
                threads,
                *first_tasks,
                **options,
            )
            tasks[task] = experiment
    try:
        for task in as_completed(list(tasks)):
            message = "" if task.status == "finished" else _traceback_of(task.exception())
            yield tasks[task], message
    finally:
        client.cancel(list(tasks))


def _traceback_of(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).strip()
