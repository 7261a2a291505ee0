"""The dry run: hours, GB and what is missing, before any experiment is run.

Seconds are scaled from measured ones: the results in the results folder of the same detector class,
network and machine, or where there are none a short experiment on a few images. Features and
metrics are taken to grow with the number of images, `fit` and `predict` with the multiplications
that a detector says it needs (`work`).

How good that is: for five detectors on the built-in images, 64 for training, the total was 1.0 to
1.6 times the true one when scaled from another category's result, and 1.1 to 1.7 times when scaled
from 16 images. From these to hundreds of images expect a factor of 3; a greedy coreset's `fit` is
overestimated.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from adviz import data
from adviz._support import progress_bar, progress_behind
from adviz.data import Category
from adviz.features import EMBEDDED, REMEDIES, Cache
from adviz.sweep.experiment import Experiment
from adviz.sweep.measuring import learned_from, measure, network, own_threads
from adviz.sweep.meters import machine
from adviz.sweep.missing import in_sentences, listed, missing_data
from adviz.sweep.results import ExperimentResult, read, results_folder
from adviz.sweep.running import groups
from adviz.sweep.sources import SHANGHAITECH, load, published_numbers
from adviz.sweep.weights import weights_missing

GB = 1e9
RESULT_BYTES = 50_000
# Memory at the peak: the program with a network, and a multiple of the features' bytes
PROGRAM_BYTES = 0.5e9
PEAK_FACTOR = 3
FEW_TRAIN = 16  # images of a short experiment
FEW_TEST = 8
Shapes = dict[int | str, tuple[int, ...]]  # layer -> (C, h, w)


@dataclass(eq=False)
class Estimate:
    """What experiments will take, and what they lack; printed, it says so in sentences.

    Attributes
    ----------
    experiments, done: how many there are, and how many of them have a result.
    workers: that share the others.
    seconds: step ("features", "fit", "predict", "evaluate") -> of all experiments that are to be
        run, one after another.
    group_bytes: of features, for each category and its networks.
    assumed: "data/category" of which published numbers of images are taken, since there are none.
    unknown: what could not be measured -> why; its seconds are not in the sum.
    missing: sentences on data and weights that are missing.

    Examples
    --------
    >>> expected = sweep.estimate([], "results")
    >>> expected.experiments, expected.hours
    (0, 0.0)
    """

    experiments: int
    done: int
    workers: int = 1
    seconds: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("features", "fit", "predict", "evaluate"), 0.0)
    )
    group_bytes: list[int] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def hours(self) -> float:
        """Of all workers together, if none waits for another."""
        return sum(self.seconds.values()) / 3600 / self.workers

    @property
    def disk_gb(self) -> float:
        """For all features in the cache, and for the results."""
        return (sum(self.group_bytes) + RESULT_BYTES * (self.experiments - self.done)) / GB

    @property
    def at_once_gb(self) -> float:
        """For the features of one category for each worker, which are needed at one time."""
        return sum(sorted(self.group_bytes)[-self.workers :]) / GB

    @property
    def memory_gb(self) -> float:
        """At the peak of all workers together."""
        return self.workers * PROGRAM_BYTES / GB + PEAK_FACTOR * self.at_once_gb

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        n_planned = self.experiments - self.done
        yield f"{self.experiments} experiments, {self.done} of them done; {n_planned} to run."
        if n_planned:
            steps = ", ".join(f"{step} {_duration(n)}" for step, n in self.seconds.items())
            total = _duration(3600 * self.hours)
            where, of_all = "on this machine", ""
            if self.workers > 1:
                where = f"by {self.workers} workers as fast as this machine"
                of_all = f" of all {self.workers} workers together"
                steps = f"one after another: {steps}"
            yield f"Time: about {total} {where}, within a factor of 3 ({steps})."
            yield (
                f"Disk: {_gigabytes(self.disk_gb)}, "
                f"{_gigabytes(_free_bytes(Cache().folder) / GB)} are free. "
                f"Memory: {_gigabytes(self.memory_gb)}{of_all}."
            )
        limit_gb = Cache().limit / GB
        if limit_gb < self.at_once_gb:
            yield (
                f"The feature cache ({limit_gb:.3g} GB) is too small, and features are computed "
                f"again for every experiment: raise ADVIZ_CACHE_LIMIT to "
                f"{math.ceil(self.at_once_gb)}, or to {math.ceil(self.disk_gb)} to keep all for "
                "later runs."
            )
        yield from self.missing
        if self.assumed:
            yield f"No images there, so their numbers are assumed: {listed(self.assumed)}."
        for name, reason in self.unknown.items():
            yield f"Not in the time, since it could not be measured: {name} ({reason})."


def estimate(
    experiments: Iterable[Experiment],
    folder: str | Path | None = None,
    *,
    root: str | Path | None = None,
    client: Any = None,
    workers: int = 1,
    threads: int = 1,
) -> Estimate:
    """Return hours, GB and what is missing, without running any experiment.

    A few images are run for every network, image size and detector that has no result yet: seconds
    to half a minute each. For data sets that are missing, published numbers of images are taken
    (MVTec AD's average where none is known) and built-in images are timed; for missing weights,
    random ones.

    Parameters
    ----------
    experiments, folder, root, threads: as for `run`.
    client: a Dask client, whose workers are taken to be as fast as this machine; None = `workers`.
    workers: how many run the experiments together.

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
    n_workers = workers if client is None else len(client.scheduler_info()["workers"])
    if n_workers < 1:
        raise ValueError(f"expected at least one worker, got {n_workers}")
    stored = {
        experiment: read(experiment, results_folder(folder))
        for experiment in dict.fromkeys(experiments)
    }
    results = [result for result in stored.values() if result is not None]
    planned = [experiment for experiment, result in stored.items() if result is None]
    total = Estimate(len(stored), len(results), n_workers, missing=_missing(planned, root))
    surroundings = {"machine": machine(), "threads": threads}
    measured: dict[object, list[ExperimentResult]] = {}
    for result in results:
        if surroundings.items() <= result.measured.items():
            measured.setdefault(_kind(result.experiment), []).append(result)
    progress = progress_bar(groups(planned), label="estimate")
    with own_threads(threads), progress_behind(progress):
        for group, layers in progress:
            _add_group(total, group, layers, measured, None if root is None else Path(root))
    return total


def _kind(experiment: Experiment) -> object:
    """Return what experiments agree in whose seconds are scaled from each other."""
    return (
        type(experiment.detector),
        experiment.backbones,
        experiment.geometry,
        experiment.dtype,
        experiment.layers,
        experiment.size,
    )


def _missing(planned: Sequence[Experiment], root: str | Path | None) -> list[str]:
    """Return sentences on weights and data that are missing."""
    networks: dict[str, None] = {}
    for experiment in planned:
        if experiment.weights == "published":
            networks |= dict.fromkeys(experiment.backbones)
    by_reason: dict[str, list[str]] = {}
    for name in networks:
        if reason := weights_missing(name):
            by_reason.setdefault(reason, []).append(name)
    sentences = [f"Weights of {', '.join(names)}: {why}." for why, names in by_reason.items()]
    if by_reason:
        sentences.append(REMEDIES)
    for sentence in in_sentences(missing_data(planned, root)):
        sentences.append(f"{sentence[0].upper()}{sentence[1:]}.")
    return sentences


def _add_group(
    total: Estimate,
    group: Sequence[Experiment],
    layers: Sequence[int | str],
    measured: dict[object, list[ExperimentResult]],
    root: Path | None,
) -> None:
    """Add experiments that share features; short experiments join the measured ones."""
    first = group[0]
    n_train, n_test, category = _images(first, root, total)
    networks = " + ".join(first.backbones)
    try:
        shapes = [_shapes(first, name, layers, category) for name in first.backbones]
    except Exception as error:  # whatever stops it stops the experiments too
        total.unknown[networks] = str(error)
        return
    n_values = sum(math.prod(shape) for of_network in shapes for shape in of_network.values())
    n_learned = len(learned_from(group, n_train))
    feature_bytes = (n_learned + n_test) * n_values * np.dtype(first.dtype).itemsize
    total.group_bytes.append(feature_bytes)

    n_extractions = 1 if feature_bytes <= Cache().limit else len(group)
    for number, experiment in enumerate(group):
        kind = _kind(experiment)
        try:
            if kind not in measured:
                measured[kind] = [_short(experiment, category)]
        except Exception as error:
            total.unknown[f"{experiment.title} on {networks}"] = str(error)
            continue
        amounts = _amounts(experiment, experiment.shots or n_train, n_test, shapes[0])
        for step, rate in _rates(measured[kind], shapes[0]).items():
            if step != "features" or number < n_extractions:
                total.seconds[step] += rate * amounts[step]


def _images(
    experiment: Experiment, root: Path | None, total: Estimate
) -> tuple[int, int, Category]:
    """Return the numbers of training and test images, and images to measure with."""
    if experiment.data not in SHANGHAITECH:  # whose videos would have to be decoded
        with suppress(OSError, ValueError):
            category = load(experiment, root)
            return len(category.train), len(category.test), category
    total.assumed.append(f"{experiment.data}/{experiment.category}")
    n_train, n_test = published_numbers(experiment)
    return (
        n_train,
        math.ceil(n_test / experiment.every),
        data.demo("bottle", geometry=experiment.geometry),
    )


def _shapes(
    experiment: Experiment, name: str, layers: Sequence[int | str], images: Category
) -> Shapes:
    """Return layer -> (C, h, w)."""
    backbone = network(name, _weights(experiment), experiment.dtype).with_layers(layers)
    features = backbone.extract(images.test.subset([0]), cache=False)
    return {layer: array.shape[1:] for layer, array in zip(layers, features.values(), strict=True)}


def _weights(experiment: Experiment) -> str:
    """Return weights for which nothing is downloaded."""
    return experiment.weights if set(experiment.backbones) <= set(EMBEDDED) else "random"


def _amounts(experiment: Experiment, n_train: int, n_test: int, shapes: Shapes) -> dict[str, float]:
    """Return what the seconds of each step are proportional to."""
    detector = experiment.detector
    fit: float = n_train
    predict: float = n_train * n_test
    if hasattr(detector, "work"):  # else a user's own, taken to compare all images with all
        sizes = [shapes[layer] for layer in detector.layers]
        locations = max(height * width for _, height, width in sizes)
        channels = sum(shape[0] for shape in sizes)
        fit, predict = detector.work(
            n_train=n_train, n_test=n_test, locations=locations, channels=channels
        )
    return {"features": n_train + n_test, "fit": fit, "predict": predict, "evaluate": n_test}


def _rates(results: Sequence[ExperimentResult], shapes: Shapes) -> dict[str, float]:
    """Return the seconds of each step for an amount of 1: of all results, the large ones count."""
    seconds: Counter[str] = Counter()
    amounts: Counter[str] = Counter()
    for result in results:
        facts = result.facts
        amounts.update(_amounts(result.experiment, facts["n_train"], facts["n_test"], shapes))
        spent = result.measured["seconds"]
        n_images = facts["n_train"] + facts["n_test"]
        seconds.update({step: spent[step] for step in ("fit", "predict", "evaluate")})
        # Stored seconds of "features" are those of the cache where they were stored before
        seconds["features"] += n_images * spent["forward_per_image"]
    return {step: seconds[step] / max(amounts[step], 1.0) for step in seconds}


def _short(experiment: Experiment, category: Category) -> ExperimentResult:
    """Run an experiment on a few images, twice: the first time prepares libraries."""
    detector: Any = experiment.detector
    if hasattr(detector, "epochs"):
        # The seconds of one epoch are scaled by `work`, which knows how many there are
        detector = dataclasses.replace(detector, epochs=1)
    train = category.train.subset(range(min(FEW_TRAIN, len(category.train))))
    spread = np.linspace(0, len(category.test) - 1, FEW_TEST).astype(int)  # good and defective
    few = Category(category.name, train, category.test.subset(np.unique(spread)))
    experiment = dataclasses.replace(
        experiment, detector=detector, shots=None, weights=_weights(experiment)
    )
    measure(experiment, category=few)
    return measure(experiment, category=few)


def _free_bytes(folder: Path) -> int:
    """Return the free bytes of the disk that a folder is, or will be, on."""
    parents = (folder, *folder.absolute().parents)
    return shutil.disk_usage(next(path for path in parents if path.exists())).free


def _gigabytes(amount: float) -> str:
    return f"{amount:.0f} GB" if amount >= 10 else f"{amount:.2g} GB"


def _duration(seconds: float) -> str:
    if seconds >= 2 * 24 * 3600:
        return f"{seconds / (24 * 3600):.3g} days"
    if seconds >= 3600:
        return f"{seconds / 3600:.3g} hours"
    if seconds >= 60:
        return f"{seconds / 60:.3g} minutes"
    return f"{seconds:.2g} seconds"
