"""Reverse distillation: an epoch on kept features beside one that runs the teacher, and what a test
image costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from adviz import Backbone, ReverseDistillation, data
from adviz.data import Split
from adviz.detectors.distillation.teacher import teacher_batch
from adviz.detectors.distillation.training import Training
from adviz.features.features import Features
from benchmarks.timing import Options, Section, Way, interleaved, peak_memory

SIZE = 128  # pixels, as the preset "cpu" is meant for
LAYERS = (4, 8, 16)
# Relative, of a layer's largest value: the teacher's batch size and threads change its last bits, which the loss of
# an epoch of Adam's steps can make larger
AGREEMENT = 1e-5
KEPT, AGAIN, FILES = (
    "adviz, features kept",
    "teacher in every epoch",
    "teacher in every epoch, from files",
)


def run(options: Options) -> Iterator[Section]:
    """Time an epoch of the preset "cpu" and of the authors' student, then a test image."""
    category = data.demo("transistor", geometry=data.Geometry(SIZE, crop=False))
    split = category.train.subset(range(16)) if options.quick else category.train
    backbone = Backbone("efficientnet_lite0", layers=LAYERS)
    train, test = backbone.extract(split), backbone.extract(category.test)
    small = ReverseDistillation.preset("cpu")
    yield _epochs(small, 'the preset "cpu"', backbone, split, train, options)
    yield _epochs(
        ReverseDistillation(batch=8), "the authors' student", backbone, split, train, options
    )
    small.epochs = 1
    yield _inference(small.fit(train), backbone, category.test, test, options)


def _epochs(
    detector: ReverseDistillation,
    name: str,
    backbone: Backbone,
    split: Split,
    kept: Features,
    options: Options,
) -> Section:
    images = np.stack([split.image(index) for index in range(len(split))])
    shape = detector.batch, 3, *split.image_size
    section = Section(
        f"An epoch of {name}: {len(split)} images of {SIZE} px, efficientnet_lite0 as the teacher"
    )
    with backbone._ready(backbone.modules, shape) as forward:

        def again(indices: np.ndarray, pixels: np.ndarray | None) -> list[Tensor]:
            batch = (
                np.stack([split.image(i) for i in indices]) if pixels is None else pixels[indices]
            )
            found = forward(backbone._normalised(batch))
            layers = (torch.from_numpy(found[layer]) for layer in backbone.modules)
            return [layer.contiguous(memory_format=torch.channels_last) for layer in layers]

        teachers = {
            KEPT: lambda indices: teacher_batch(kept, indices, "cpu"),
            AGAIN: partial(again, pixels=images),
            FILES: partial(again, pixels=None),
        }
        section.facts.append(_check(teachers, detector.batch))
        size = sum(array.nbytes for array in kept.values()) / 2**20
        section.facts.append(f"kept features: {size:.0f} MiB, {size / len(split):.2f} MiB an image")
        trainings = {way: _new(detector, kept) for way in teachers}
        ways = [
            Way(way, partial(trainings[way]._epoch, teacher, len(split)))
            for way, teacher in teachers.items()
        ]
        section.rows = interleaved(ways, options.repeats)
    return section


def _new(detector: ReverseDistillation, features: Features) -> Training:
    """Return the detector's training before its first step."""
    chosen = detector._fitting(features)
    detector._prepare(chosen)
    return detector._training()


def _check(teachers: dict[str, Callable[[np.ndarray], list[Tensor]]], batch: int) -> str:
    """Assert that the teacher says the same of a batch every way."""
    indices = np.arange(batch)
    kept = teachers[KEPT](indices)
    error = 0.0
    for teacher in teachers.values():
        for layer, expected in zip(teacher(indices), kept, strict=True):
            away = float((layer - expected).abs().max() / expected.abs().max())
            error = max(error, away)
    assert error < AGREEMENT, f"what the teacher says is off by {error:.1e}"
    return f"checked: the teacher says the same to {error:.0e} of a layer's largest value (allowed: {AGREEMENT:.0e})"


def _inference(
    detector: ReverseDistillation,
    backbone: Backbone,
    split: Split,
    test: Features,
    options: Options,
) -> Section:
    count = test.n_images
    with peak_memory() as peak:
        detector.predict(test)
        extra = peak()
    model = 4 * detector.parameters_ / 2**20
    section = Section(f'{count} test images of {SIZE} px, the preset "cpu"')
    section.facts.append(
        f"trained numbers: {model:.1f} MiB; {extra:.0f} MiB more while {count} images are scored"
    )
    section.rows = interleaved(
        [
            Way(
                "adviz, predict from kept features",
                partial(detector.predict, test),
                note="maps, smoothing included",
            ),
            Way(
                "the teacher", partial(backbone.extract, split, cache=False), note="files included"
            ),
        ],
        options.repeats,
    )
    milliseconds = ", ".join(
        f"{row.name.removeprefix('adviz, ')} {1000 * row.seconds / count:.1f}"
        for row in section.rows
    )
    section.facts.append(f"ms an image: {milliseconds}")
    return section
