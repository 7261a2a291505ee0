"""What experiments cost: how the work of a detector grows, and seconds measured on a few images to scale by it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import nnls

from adviz.data import Split
from adviz.detectors import (
    SPADE,
    AtMost,
    ConventionalDistillation,
    Detector,
    PaDiM,
    PatchCore,
    ReverseDistillation,
)
from adviz.features import Backbone, Features
from adviz.sweep.experiment import Experiment
from adviz.sweep.measuring import judge

PROBES = 3, 12  # training images of the two probes
SHARES = 0.02, 0.5  # of a coreset in them
IMAGES = 2, 6  # whose features are extracted, to part what an image takes from what a call takes
NOISE = 0.3  # standard deviations of a layer by which repeated images differ
TRAINED = ReverseDistillation, ConventionalDistillation


class Size(NamedTuple):
    """What the work depends on, beside the kind: numbers of images, and a coreset's share."""

    train: int
    test: int
    share: float = 1.0


class Terms(NamedTuple):
    """Amounts of work that a duration is a sum of, each times a constant of machine and kind."""

    fit: tuple[float, float]
    predict: tuple[float, float]


@dataclass(frozen=True)
class Network:
    """What a network's layers take for an image: seconds, seconds of a call whatever the images, and shapes."""

    image: float
    call: float
    shapes: dict[int | str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Cost:
    """Constants of a kind of experiment, in seconds for an amount of work; see `terms`."""

    fit: np.ndarray
    predict: np.ndarray
    judge: float

    def seconds(self, work: Terms, n_test: int) -> dict[str, float]:
        """Return the seconds of an experiment's steps."""
        fit, predict = float(self.fit @ work.fit), float(self.predict @ work.predict)
        return {"fit": fit, "predict": predict, "evaluate": self.judge * n_test}


@dataclass(frozen=True)
class Sample:
    """Seconds that were measured, and the work that took them."""

    work: Terms
    seconds: dict[str, float]
    n_test: int


def kind(one: Experiment, name: str) -> Experiment:
    """Return what experiments of one cost share: options that only scale it, or do not matter, are left out."""
    normal: dict[str, Any] = {}
    if isinstance(one.detector, PatchCore):
        normal = {"coreset": 1.0, "presample": None}
    elif isinstance(one.detector, SPADE):
        normal = {"gallery": "retrieved", "k_images": AtMost(50), "k_images_score": AtMost(5)}
    elif isinstance(one.detector, TRAINED):
        normal = {
            "epochs": 1,
            "batch": AtMost(16),
            "map": "sum",
            "map_layers": None,
            "image_score": "max",
        }
    detector = dataclasses.replace(one.detector, **normal)  # type: ignore[type-var]
    free: dict[str, Any] = {
        "data": "",
        "category": "",
        "backbones": (name,),
        "seed": 0,
        "shots": None,
        "every": 1,
    }
    return dataclasses.replace(one, detector=detector, **free)


def terms(detector: Detector, size: Size, cells: int, channels: int) -> Terms:
    """Return the work of a detector in units of its own.

    PatchCore embeds patches and compares each of them with a bank of M (greedy search: M times all
    patches); SPADE compares each cell with those of K images; PaDiM's matrices are as large as
    images or channels, whichever are fewer; students go through all images in every epoch; the
    others' work grows with the images.

    Parameters
    ----------
    detector: with its options.
    size: numbers of images, and the share of a coreset.
    cells: of the finest layer's grid.
    channels: of all layers.
    """
    n, m, share = size
    if isinstance(detector, PatchCore):
        patches = n * cells / detector.stride**2
        candidates = min(patches, detector.presample or patches)
        bank = 1.0 if detector.index == "ivfpq" else max(share * candidates, 1)
        search = candidates * share * candidates if detector.sampler != "random" else 0.0
        return Terms((patches, search), (m * cells, m * cells * bank))
    if isinstance(detector, SPADE):
        gallery = min(n, int(detector.k_images))
        return Terms((n, 0.0), (m * (cells + n), m * cells * gallery * cells))
    if isinstance(detector, PaDiM):
        kept = detector.dimension or {1792: 550}.get(channels, 100)
        rank = n if n < 0.75 * kept else kept
        return Terms((n, n * rank * kept + rank**3), (m, m * rank * kept))
    if isinstance(detector, TRAINED):
        return Terms((1.0, n * detector.epochs), (m, 0.0))
    return Terms((n, 0.0), (m, m * n))


def network_cost(
    backbone: Backbone, layers: Sequence[int | str], images: Split
) -> tuple[Network, Features]:
    """Measure a network on a few images, and return their features as well."""
    chosen = [images.subset(np.resize(np.arange(len(images)), count)) for count in IMAGES]
    backbone.extract(chosen[0], cache=False)  # the first call is slower than others
    spent = []
    for split in chosen:
        start = time.perf_counter()
        features = backbone.extract(split, cache=False)
        spent.append(time.perf_counter() - start)
    image = max(spent[1] - spent[0], 0.1 * spent[1]) / (IMAGES[1] - IMAGES[0])
    shapes = dict(zip(layers, (array.shape[1:] for array in features.values()), strict=True))
    return Network(image, max(spent[0] - IMAGES[0] * image, 0.0), shapes), features


def probed(one: Experiment, features: Features, images: Split) -> list[Sample]:
    """Fit a detector of a kind to few images, twice, and judge a few; return what it took.

    Parameters
    ----------
    one: the kind.
    features: of images, among which the first are `images`.
    images: what is judged.
    """
    test, samples = features.select(images=np.arange(len(images))), []
    shapes = dict(
        zip(
            one.layers,
            (features[name].shape[1:] for name in _names(features, one.layers)),
            strict=True,
        )
    )
    for number, count in enumerate((PROBES[0], *PROBES)):  # the first warms up
        share = (
            SHARES[max(number - 1, 0)] if getattr(one.detector, "index", "flat") == "flat" else 1.0
        )
        size, train = Size(count, len(images), share), _repeated(features, count)
        detector = _small(one.detector, size)
        start = time.perf_counter()
        detector.fit(train)
        fitted = time.perf_counter()
        prediction = detector.predict(test)
        predicted = time.perf_counter()
        judge(prediction, images, one.size)
        seconds = {
            "fit": fitted - start,
            "predict": predicted - fitted,
            "evaluate": time.perf_counter() - predicted,
        }
        samples.append(
            Sample(terms(detector, size, *extent(detector, shapes)), seconds, len(images))
        )
    return samples[1:]


def extent(detector: Detector, shapes: Mapping[int | str, tuple[int, ...]]) -> tuple[int, int]:
    """Return the cells of the finest grid that a detector compares, and the channels of its layers."""
    read = [shapes[layer] for layer in detector.layers]
    return max(shape[1] * shape[2] for shape in read), sum(shape[0] for shape in read)


def _names(features: Features, layers: Sequence[int | str]) -> list[str]:
    return [name for layer in layers for name in features.select([layer])]


def _small(detector: Detector, size: Size) -> Detector:
    """Return a detector that few images are enough for."""
    changed: dict[str, Any] = {}
    if isinstance(detector, PatchCore):
        changed = {"coreset": size.share, "presample": None}
    elif isinstance(detector, TRAINED):
        changed = {"epochs": 1, "batch": AtMost(min(int(detector.batch), size.train))}
    return dataclasses.replace(detector, **changed)  # type: ignore[type-var]


def _repeated(features: Features, count: int) -> Features:
    """Return the features of so many images, which differ from those there are by noise."""
    index, rng = np.arange(count) % features.n_images, np.random.default_rng(0)
    arrays = {}
    for name, array in features.items():
        spread = NOISE * float(array.std())
        noise = rng.standard_normal((count, *array.shape[1:]), dtype=np.float32) * spread
        # What a ReLU gives stays positive
        arrays[name] = (array[index] + np.abs(noise)).astype(array.dtype)
    return Features(
        arrays,
        image_size=features.image_size,
        strides=features.strides,
        backbone=features.backbone,
        digest=features.digest,
    )


def cost(samples: Sequence[Sample]) -> Cost:
    """Return the constants that fit what was measured best, in relative terms; none is negative."""
    found = {}
    for step in ("fit", "predict"):
        work = np.array([getattr(sample.work, step) for sample in samples], dtype=np.float64)
        spent = np.array([max(sample.seconds[step], 1e-9) for sample in samples])
        scale = np.maximum(work.max(0), 1e-300)
        found[step] = nnls(work / scale / spent[:, None], np.ones(len(samples)))[0] / scale
    judged = float(np.median([sample.seconds["evaluate"] / sample.n_test for sample in samples]))
    return Cost(found["fit"], found["predict"], judged)
