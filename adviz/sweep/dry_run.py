"""The dry run: what experiments will take, and what they lack, before anything long is begun."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from adviz.features import Cache
from adviz.sweep.experiment import Experiment
from adviz.sweep.gaps import Gap, gaps, listed, remarks
from adviz.sweep.measuring import own_threads
from adviz.sweep.rows import read, results_folder
from adviz.sweep.tally import Tally
from adviz.sweep.weights import weights_missing

GB = 1e9
YEAR = 365.25 * 24 * 3600
ROW = 50_000  # bytes, where there is no row yet


@dataclass(frozen=True, eq=False)
class Estimate:
    """What experiments will take; printed, it says so in sentences.

    Attributes
    ----------
    experiments, done: how many there are, and how many of them have rows.
    seconds: step ("features", "fit", "predict", "evaluate", "other") -> of all that are to be done,
        one after another.
    workers: that share them.
    cache_bytes: the features of all that are to be done.
    at_once_bytes: those of one category and network (of each worker's), which are needed at one
        time.
    limit_bytes: of the feature cache.
    free_bytes: on its disk.
    result_bytes: of the rows to come.
    gaps: what the data lack.
    weights: network -> why its weights cannot be had, and what to do.
    assumed: "data/category" of which numbers of images are assumed, since there are no images.
    unknown: what could not be measured -> why; its seconds are missing.

    Examples
    --------
    >>> expected = sweep.estimate([], "results")
    >>> expected.experiments, expected.hours
    (0, 0.0)
    """

    experiments: int
    done: int
    seconds: dict[str, float]
    workers: int
    cache_bytes: int
    at_once_bytes: int
    limit_bytes: int
    free_bytes: int
    result_bytes: int
    gaps: tuple[Gap, ...]
    weights: dict[str, str]
    assumed: tuple[str, ...]
    unknown: dict[str, str]

    @property
    def hours(self) -> float:
        """Of all workers together, if none waits."""
        return sum(self.seconds.values()) / 3600 / self.workers

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        steps = ", ".join(f"{step} {_time(value)}" for step, value in self.seconds.items())
        shared = f" shared by {self.workers} workers" if self.workers > 1 else ""
        left = self.experiments - self.done
        yield f"{self.experiments} experiments, {self.done} of them done; {left} to do."
        if left:
            total = _time(3600 * self.hours)
            yield f"Time: about {total} on this machine{shared}, within a factor of 2 or 3 ({steps})."
            need = f"{_gb(self.cache_bytes)} for all, {_gb(self.at_once_bytes)} at a time"
            yield f"Disk: {need} for features in the cache, {_gb(self.result_bytes)} for rows."
        yield from self._room()
        for name, why in self.weights.items():
            yield f"Weights of {name}: {why}"
        for remark in remarks(self.gaps):
            yield f"{remark[0].upper()}{remark[1:]}."
        if self.assumed:
            yield f"No images there, so their numbers are assumed: {listed(self.assumed)}."
        for what, why in self.unknown.items():
            yield f"Not in the time, since it could not be measured: {what} ({why})."

    def _room(self) -> Iterator[str]:
        """Say whether the feature cache is large enough."""
        whole = math.ceil(self.cache_bytes / GB)
        if self.limit_bytes < self.at_once_bytes:
            yield (
                f"The feature cache ({_gb(self.limit_bytes)}) is too small, and features are computed again for every "
                f"experiment: raise ADVIZ_CACHE_LIMIT to {math.ceil(self.at_once_bytes / GB)}, or to {whole} to keep "
                "all for later runs."
            )
        elif self.limit_bytes < self.cache_bytes:
            yield (
                f"The feature cache ({_gb(self.limit_bytes)}) is large enough for this run; to keep all features for "
                f"later ones raise ADVIZ_CACHE_LIMIT to {whole}."
            )
        if self.free_bytes < min(self.limit_bytes, self.cache_bytes) + self.result_bytes:
            yield f"The feature cache's disk has {_gb(self.free_bytes)} free: set ADVIZ_CACHE to one with more room."


def estimate(
    experiments: Iterable[Experiment],
    folder: str | Path | None = None,
    *,
    root: str | Path | None = None,
    client: Any = None,
    workers: int = 1,
    threads: int = 1,
) -> Estimate:
    """Return what experiments will take on this machine, in minutes at most, without doing any.

    Every network is run on a few images of its size, with random weights where the published ones
    cannot be had (which is said): that gives seconds for an image, and the sizes of features. Every
    kind of detector is fitted to 3 and to 12 images and judges a few; its seconds are taken to be a
    sum of two amounts of work, each times a constant: for PatchCore the patches embedded and the
    distances of the coreset and of the search, for SPADE the cells compared, for PaDiM its
    matrices, for students the images they are trained on (see `costs.terms`). Rows of this machine
    that are there enter as well, and stand in for probes where their work is near. Features are
    counted once for all experiments that share them, as far as the feature cache has room for
    these.

    Expect it to be right within a factor of 2 or 3. Downloads, other programs on the machine, and
    workers that wait for the last ones are not counted. Where a data set is not there, MVTec AD's
    numbers of images are taken for its categories, and the built-in images for timing.

    Parameters
    ----------
    experiments, folder, root, threads: as for `run`.
    client: a Dask client, whose workers are taken to be as fast as this machine; None = `workers`.
    workers: how many do the experiments together.

    Raises
    ------
    ValueError: less than one worker.

    Examples
    --------
    >>> from adviz import DN2
    >>> expected = sweep.estimate(sweep.grid("demo", ["hex_nut"], [DN2()]), "results")
    >>> expected.experiments, expected.done
    (1, 0)
    """
    number = workers if client is None else len(client.scheduler_info()["workers"])
    if number < 1:
        raise ValueError(f"expected at least one worker, got {number}")
    rows_in = results_folder(folder)
    wanted, place = list(dict.fromkeys(experiments)), None if root is None else Path(root)
    rows = {one: row for one in wanted if (row := read(one, rows_in)) is not None}
    missing = [one for one in wanted if one not in rows]
    names = dict.fromkeys(
        name for one in missing if one.weights == "published" for name in one.backbones
    )
    lacking = {name: why for name in names if (why := weights_missing(name))}
    tally, cache = Tally(rows, place, threads), Cache()
    with own_threads(threads):
        tally.add(missing)
    sizes = [row.path.stat().st_size for row in rows.values() if row.path is not None]
    return Estimate(
        experiments=len(wanted),
        done=len(rows),
        seconds=tally.seconds,
        workers=number,
        cache_bytes=tally.cache_bytes,
        at_once_bytes=sum(tally.at_once_bytes[:number]),
        limit_bytes=cache.limit,
        free_bytes=_free(cache.folder),
        result_bytes=round(len(missing) * float(np.mean(sizes or [ROW]))),
        gaps=gaps(missing, place),
        weights=lacking,
        assumed=tuple(tally.assumed),
        unknown=tally.unknown,
    )


def _free(folder: Path) -> int:
    """Return the free bytes of the disk that a folder is, or will be, on."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(there).free


def _gb(size: int) -> str:
    if size >= 1000 * GB:
        return f"{size / GB / 1000:.3g} TB"
    return f"{size / GB:.3g} GB" if size >= GB / 1000 else f"{size / 1e6:.2g} MB"


def _time(seconds: float) -> str:
    """Return a duration as people say it."""
    for unit, length, least in (
        ("years", YEAR, 1),
        ("days", 24 * 3600, 2),
        ("hours", 3600, 1),
        ("minutes", 60, 1),
    ):
        if seconds >= least * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} seconds"
