"""The one-class protocol on Fashion-MNIST, each class normal once, and the rows that a run leaves
behind.

A class is learned from all of its 6000 training images and judged on all 10,000 test images. Its
row is written as soon as it is known, so that a run goes on where it stopped.
"""

from __future__ import annotations

import csv
import os
import resource
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import adviz
from adviz import Backbone, data, evaluate
from adviz.features.features import Features

RESULTS = (
    Path(__file__).resolve().parents[1] / "adviz" / "tables" / "reference" / "own_fashion_mnist.csv"
)
COLUMNS = (
    "dataset", "category", "method", "variant", "metric", "value", "unit",
    "backbone", "digest", "train", "test", "adviz", "torch", "seconds", "peak_gb",
)  # fmt: skip
CHOOSING = (4, 6)  # Coat and Shirt, the only classes that anything is chosen on
Images = tuple[int | None, int | None]  # how many to learn from and to judge; None = all
ALL: Images = (None, None)


@dataclass(frozen=True)
class Setting:
    """A detector, its options that differ from the defaults, and the side of its images in pixels."""

    detector: type
    size: int
    options: Mapping[str, Any]

    @property
    def method(self) -> str:
        return self.detector.__name__

    @property
    def variant(self) -> str:
        """The settings as published tables spell them: ``image_size=64;layers=8+16``."""
        texts = {
            n: "+".join(map(str, v)) if isinstance(v, tuple) else v for n, v in self.options.items()
        }
        return ";".join(
            f"{name}={text}" for name, text in {"image_size": self.size, **texts}.items()
        )


class OneClass(NamedTuple):
    """A class with its features."""

    category: data.Category
    train: Features
    test: Features


def extracted(backbone: Backbone, normal: int, size: int, images: Images = ALL) -> OneClass:
    """Return a class with its features; those of the test images are the same for every class, and
    cached.
    """
    category = data.novelty("fashion_mnist", normal, geometry=data.Geometry(size, crop=False))
    splits = zip((category.train, category.test), images, strict=True)
    train, test = (
        split if count is None else split.subset(range(count)) for split, count in splits
    )
    found = (backbone.extract(split, batch_size=16) for split in (train, test))
    return OneClass(data.Category(category.name, train, test), *found)


def auroc(setting: Setting, normal: OneClass) -> float:
    """Return the image AUROC of a class, per cent."""
    prediction = setting.detector(**setting.options).fit(normal.train).predict(normal.test)
    return 100 * evaluate(prediction, normal.category.test).image_auroc


def run(
    backbone: Backbone,
    settings: Mapping[str, Setting],
    path: Path = RESULTS,
    *,
    normals: Iterable[int] = range(10),
    images: Images = ALL,
) -> dict[str, dict[str, float]]:
    """Judge what `path` has no row of, add the rows, and print and return title -> class -> image
    AUROC, per cent.
    """
    names = data.classes("fashion_mnist")
    found = {title: known(path, setting) for title, setting in settings.items()}
    for title, setting in settings.items():
        print(f"{title}: {setting.method}, {backbone.label}, {setting.variant}")
    for normal in normals:
        for title, setting in settings.items():
            if names[normal] not in found[title]:
                start = time.perf_counter()
                here = extracted(backbone, normal, setting.size, images)
                value = auroc(setting, here)
                append(
                    path,
                    _row(
                        setting, backbone, names[normal], here, value, time.perf_counter() - start
                    ),
                )
                found[title][names[normal]] = value
        _print(names[normal], {title: values[names[normal]] for title, values in found.items()})
    _print(
        "mean", {title: float(np.mean(list(values.values()))) for title, values in found.items()}
    )
    return found


def known(path: Path, setting: Setting) -> dict[str, float]:
    """Return the image AUROC of the classes that a file has this setting's rows of, per cent."""
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = [
            r
            for r in csv.DictReader(file)
            if (r["method"], r["variant"]) == (setting.method, setting.variant)
        ]
    return {row["category"]: float(row["value"]) for row in rows}


def append(path: Path, row: Mapping[str, object]) -> None:
    """Add a row to a file, and force it to disk."""
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)
        file.flush()
        os.fsync(file.fileno())


def _row(
    setting: Setting, backbone: Backbone, name: str, normal: OneClass, value: float, seconds: float
) -> dict[str, object]:
    return {
        "dataset": "fashion_mnist",
        "category": name,
        "method": setting.method,
        "variant": setting.variant,
        "metric": "image_auroc",
        "value": f"{value:.4f}",
        "unit": "%",
        "backbone": backbone.label,
        "digest": backbone.digest,
        "train": normal.train.n_images,
        "test": normal.test.n_images,
        "adviz": adviz.__version__,
        "torch": torch.__version__,
        "seconds": f"{seconds:.0f}",
        "peak_gb": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f}",
    }


def _print(name: str, values: Mapping[str, float]) -> None:
    print(
        f"{name:>12}", *(f"{title} {value:6.2f}  " for title, value in values.items()), flush=True
    )
