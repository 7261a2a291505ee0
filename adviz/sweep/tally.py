"""Adding up what experiments will cost, from what is measured on a few images of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from adviz import data
from adviz._support import bar, behind
from adviz.data import ANOMALOUS, GOOD, Category, Split
from adviz.features import EMBEDDED, Cache, Features
from adviz.sweep.costs import (
    Cost,
    Network,
    Sample,
    Size,
    Terms,
    cost,
    extent,
    kind,
    network_cost,
    probed,
    terms,
)
from adviz.sweep.experiment import Experiment
from adviz.sweep.gaps import MVTEC_AD
from adviz.sweep.measuring import TIMED, network
from adviz.sweep.meters import machine
from adviz.sweep.rows import Row
from adviz.sweep.running import groups
from adviz.sweep.sources import CAMPUS, NUMBERS, load

USUAL = 242, 115  # training and test images of a category that is not there: MVTec AD's average
NEAR = 2.0  # rows whose work is within this factor of what is asked about are as good as a probe
READ = 1e9  # bytes a second, at which features are read from the cache and checked, about
# Of a network by an experiment, whatever the images: training, test, and the timed forward pass
CALLS = 3


class _Measured(NamedTuple):
    """A network on a few images: what it takes, their features, and the first of them as images."""

    network: Network
    features: Features
    images: Split


class Tally:
    """Adds up seconds and bytes.

    Parameters
    ----------
    rows: of experiments that are done.
    root: folder of the data sets.
    threads: of torch.

    Attributes
    ----------
    seconds: step -> of all experiments that were added.
    cache_bytes: their features.
    at_once_bytes: of each group that shares features, largest first.
    assumed: "data/category" of which numbers of images are assumed: they are not there, or are
        videos.
    unknown: what could not be measured -> why.
    """

    def __init__(self, rows: Mapping[Experiment, Row], root: Path | None, threads: int) -> None:
        self.seconds = dict.fromkeys(("features", "fit", "predict", "evaluate", "other"), 0.0)
        self.cache_bytes, self.at_once_bytes, self.limit = 0, [0], Cache().limit
        self.assumed: list[str] = []
        self.unknown: dict[str, str] = {}
        self._rows, self._root, self._threads = rows, root, threads
        self._networks: dict[object, _Measured | None] = {}
        self._categories: dict[tuple[str, str, int], Category | None] = {}
        self._kinds: dict[Experiment, tuple[_Measured, list[tuple[Experiment, Size]]]] = {}

    def add(self, experiments: Sequence[Experiment]) -> None:
        """Add experiments that are to be done."""
        networks = bar(groups(experiments), label="estimate: networks")
        with behind(networks):
            for group, layers in networks:
                self._add_features(group, layers)
        self.at_once_bytes.sort(reverse=True)
        detectors = bar(self._kinds.items(), label="estimate: detectors")
        with behind(detectors):
            for one, (measured, asked) in detectors:
                self._add_detector(one, measured, asked)

    def _add_features(self, group: Sequence[Experiment], layers: tuple[int | str, ...]) -> None:
        """Add the features of experiments that share them, and note of which kind each is."""
        first, need, once = group[0], 0, 0.0
        train, test = self._numbers(first)
        for name in first.backbones:
            measured = self._network(first, name, layers)
            if measured is None:
                continue
            network = measured.network
            need += (train + test) * sum(_bytes(network, layer, first.dtype) for layer in layers)
            once += (train + test) * network.image
            for one in group:
                size = Size(one.shots or train, test, getattr(one.detector, "coreset", 1.0))
                self._kinds.setdefault(kind(one, name), (measured, []))[1].append((one, size))
                read = (
                    (train + test)
                    * sum(_bytes(network, layer, one.dtype) for layer in one.layers)
                    / READ
                )
                self.seconds["other"] += (
                    CALLS * network.call + min(TIMED, test) * network.image + read
                )
        self.seconds["features"] += once * (1 if need <= self.limit else len(group))
        self.cache_bytes += need
        self.at_once_bytes.append(need)

    def _add_detector(
        self, one: Experiment, measured: _Measured, asked: Sequence[tuple[Experiment, Size]]
    ) -> None:
        """Add fit, predict and evaluate of all experiments of a kind."""
        grid = extent(one.detector, measured.network.shapes)
        wanted = [terms(single.detector, size, *grid) for single, size in asked]
        samples = self._sampled(one, grid)
        if not _near(samples, wanted):
            try:
                samples += probed(one, measured.features, measured.images)
            # Whatever stops it may stop the experiments too, which will say so
            except Exception as error:
                self.unknown[f"{one.title} on {one.backbones[0]}"] = str(error)
                return
        found: Cost = cost(samples)
        for work, (_, size) in zip(wanted, asked, strict=True):
            for step, seconds in found.seconds(work, size.test).items():
                self.seconds[step] += seconds

    def _sampled(self, one: Experiment, grid: tuple[int, int]) -> list[Sample]:
        """Return what rows of this kind took on this machine."""
        samples = []
        for row in self._rows.values():
            single, spent = row.experiment, row.measured
            same = spent.get("machine") == machine() and spent.get("threads") == self._threads
            if same and len(single.backbones) == 1 and kind(single, single.backbones[0]) == one:
                size = Size(
                    row.facts["n_train"],
                    row.facts["n_test"],
                    getattr(single.detector, "coreset", 1.0),
                )
                work = terms(single.detector, size, *grid)
                samples.append(Sample(work, spent["seconds"], row.facts["n_test"]))
        return samples

    def _network(
        self, one: Experiment, name: str, layers: tuple[int | str, ...]
    ) -> _Measured | None:
        """Measure a network once; None where that cannot be done, of which a note is taken."""
        key = name, layers, one.weights, one.geometry, one.dtype
        if key not in self._networks:
            try:
                weights = one.weights if name in EMBEDDED else "random"  # nothing is downloaded
                images = self._images(one)
                found = network_cost(
                    network(name, weights, one.dtype).with_layers(layers), layers, images
                )
                self._networks[key] = _Measured(*found, images)
            except Exception as error:
                self._networks[key] = None
                self.unknown[name] = str(error)
        return self._networks[key]

    def _numbers(self, one: Experiment) -> tuple[int, int]:
        """Return how many images an experiment has for training and testing."""
        category = self._category(one)
        if category is not None:
            return len(category.train), len(category.test)
        known = MVTEC_AD.get(one.category)
        usual = NUMBERS.get(one.data, USUAL)
        train, test = usual if known is None else (known.train, known.good + known.defective)
        name = f"{one.data}/{one.category}"
        self.assumed += [] if name in self.assumed else [name]
        return train, len(range(0, test, one.every))

    def _category(self, one: Experiment) -> Category | None:
        key = one.data, one.category, one.every
        if key not in self._categories:
            try:  # videos would have to be decoded
                self._categories[key] = None if one.data in CAMPUS else load(one, self._root)
            except (OSError, ValueError):
                self._categories[key] = None
        return self._categories[key]

    def _images(self, one: Experiment) -> Split:
        """Return two good and two defective images of an experiment, or of the built-in data."""
        category = self._category(one)
        test = data.demo("bottle").test if category is None else category.test
        masks = test.has_masks
        usable = [
            label == GOOD or mask is not None or not masks
            for label, mask in zip(test.labels, test.masks, strict=True)
        ]
        chosen = [np.flatnonzero((test.labels == label) & usable) for label in (GOOD, ANOMALOUS)]
        few = np.concatenate([found[:2] for found in chosen])
        return test.subset(few if len(few) else [0]).with_geometry(one.geometry)


def _near(samples: Sequence[Sample], wanted: Sequence[Terms]) -> bool:
    """Say whether rows did about as much work as is asked about."""
    steps = product(("fit", "predict"), (0, 1))
    most = {
        (step, number): (
            max((getattr(sample.work, step)[number] for sample in samples), default=0.0),
            max(getattr(work, step)[number] for work in wanted),
        )
        for step, number in steps
    }
    return bool(samples) and all(needed <= NEAR * there for there, needed in most.values())


def _bytes(network: Network, layer: int | str, dtype: str) -> int:
    return int(np.prod(network.shapes[layer])) * np.dtype(dtype).itemsize
