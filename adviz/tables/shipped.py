"""Results of the built-in setting that come with adviz: read, and written by who makes them anew.

`benchmarks/table_results.py` makes them. They are in ``results/``, a file of JSON lines for each
detector: what all results have in common, the test images of every category, then a line for each
experiment. Scores and metrics have seven digits, what each image or region has of a PRO five, and
curves of pixels are left out. In ``results/maps`` are the anomaly maps of the papers' figures, at a
quarter of their size.
"""

from __future__ import annotations

import datetime
import io
import json
import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from adviz import metrics
from adviz._support import write_atomically
from adviz.data import Category
from adviz.prediction import Neighbors, Prediction
from adviz.sweep import Experiment, ExperimentResult, load

FOLDER = files("adviz.tables").joinpath("results")
FORMAT = 1
DIGITS = 7
DIGITS_OF_PARTS = 5  # of what each image or region has of a metric
SMALLER = 4  # times, the sides of maps
STEPS = 255  # from 0 to the largest value of a category's maps
OF_IMAGES = ("ids", "labels", "defects")  # the same in all results of a category
COMMON = ("versions", "threads")  # of what was measured: the same in all results


def shipped(experiment: Experiment) -> ExperimentResult | None:
    """Return the result of an experiment that comes with adviz, or None; its `path` is None."""
    known = _read(type(experiment.detector).__name__)
    record = known.records.get(experiment.key)
    if record is None:
        return None
    images = known.images[experiment.category] | {"scores": record["scores"]}
    labels = np.array(images["labels"])
    by_image = iter(record["pro"])
    images["pro"] = [next(by_image) if label else None for label in labels]
    scores = np.array(record["scores"])
    curves = {
        "roc": metrics.roc_curve(scores, labels),
        "precision_recall": metrics.precision_recall_curve(scores, labels),
    }
    return ExperimentResult(
        experiment=experiment,
        facts=record["facts"],
        metrics={
            name: math.nan if value is None else value for name, value in record["metrics"].items()
        },
        reasons=record["reasons"],
        images=images,
        regions=record["regions"],
        curves={name: [curve.x.tolist(), curve.y.tolist()] for name, curve in curves.items()},
        measured=known.common | record["measured"],
    )


class _Shipped:
    """The file of one detector: what is common, images by category, and results by key."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.common: dict[str, Any] = {}
        self.images: dict[str, dict[str, Any]] = {}
        self.records: dict[str, dict[str, Any]] = {}
        for line in lines:
            record = json.loads(line)
            if "key" in record:
                self.records[record["key"]] = record
            elif "ids" in record:
                self.images[record["category"]] = {name: record[name] for name in OF_IMAGES}
            else:
                self.common = record["measured"]


@lru_cache
def _read(detector: str) -> _Shipped:
    file = FOLDER.joinpath(f"{detector}.jsonl")
    return _Shipped(file.read_text("utf-8").splitlines() if file.is_file() else [])


def ship(results: Iterable[ExperimentResult], folder: str | Path) -> list[Path]:
    """Write results for adviz to come with, a file for each detector, and return the files.

    Files that are there are replaced.

    Parameters
    ----------
    results: of built-in images, all from one version of every library.
    folder: where `shipped` looks for them is the package's ``tables/results``.

    Raises
    ------
    ValueError: results of several versions, or of other images of one category.
    OSError: a file cannot be written.
    """
    by_detector: dict[str, list[ExperimentResult]] = {}
    for result in results:
        by_detector.setdefault(type(result.experiment.detector).__name__, []).append(result)
    paths = []
    for detector, group in by_detector.items():
        lines = _lines(sorted(group, key=lambda result: result.experiment.key))
        path = Path(folder) / f"{detector}.jsonl"
        text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
        write_atomically(path, f"{text}\n".encode())
        paths.append(path)
    return paths


def _lines(results: list[ExperimentResult]) -> list[dict[str, Any]]:
    common = {name: results[0].measured[name] for name in COMMON}
    images: dict[str, dict[str, Any]] = {}
    records = []
    for result in results:
        if any(result.measured[name] != common[name] for name in COMMON):
            raise ValueError(
                "expected results of one version of every library, got "
                f"{common} and { ({name: result.measured[name] for name in COMMON}) }: run all anew"
            )
        category = result.experiment.category
        described = {name: result.images[name] for name in OF_IMAGES}
        if images.setdefault(category, described) != described:
            raise ValueError(f"expected the same test images of {category} in all results")
        records.append(_record(result))
    head = {"format": FORMAT, "made": f"{datetime.date.today()}", "measured": common}
    by_category = [{"category": category, **images[category]} for category in sorted(images)]
    return [head, *by_category, *records]


def _record(result: ExperimentResult) -> dict[str, Any]:
    """Return what is particular to a result."""
    content = result.content()
    labels = result.images["labels"]
    measured = {name: value for name, value in result.measured.items() if name not in COMMON}
    by_image = result.images["pro"]
    record = {
        "key": result.experiment.key,
        "experiment": content["experiment"],
        "facts": content["facts"],
        "metrics": content["metrics"],
        "reasons": content["reasons"],
        "scores": result.images["scores"],
        "measured": measured,
    }
    parts = {
        "pro": [value for value, label in zip(by_image, labels, strict=True) if label],
        "regions": result.regions,
    }
    return {**_rounded(record, DIGITS), **_rounded(parts, DIGITS_OF_PARTS)}


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.{digits}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(item, digits) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item, digits) for item in value]
    return value


def shipped_prediction(result: ExperimentResult) -> tuple[Category, Prediction] | None:
    """Return the images of a built-in category with the maps that come with adviz, for figures.

    Parameters
    ----------
    result: whose scores are those of the prediction.

    Returns
    -------
    None where there are no maps of this experiment; else the category, and a prediction without
    layer maps, whose neighbours are the nearest normal image alone, where there is one.
    """
    experiment = result.experiment
    file = FOLDER.joinpath("maps", f"{experiment.key}.npz")
    if not file.is_file():
        return None
    category = load(experiment)
    with file.open("rb") as stream:
        stored = dict(np.load(stream, allow_pickle=False))
    zoom = (1, SMALLER, SMALLER)
    roots = ndimage.zoom(stored["roots"] / np.float32(STEPS), zoom, mode="nearest", grid_mode=True)
    neighbors = {}
    if "nearest" in stored:
        image = stored["nearest"]  # (N, 1, 1, 1)
        neighbors["image"] = Neighbors(stored["distance"], image, np.zeros_like(image))
    prediction = Prediction(
        score=np.array(result.images["scores"]),
        anomaly_map=np.square(roots) * stored["largest"],
        neighbors=neighbors,
        detector=type(experiment.detector).__name__,
        backbone=result.facts["backbone"],
        digest=result.facts["digest"],
        ids=tuple(result.images["ids"]),
    )
    return category, prediction


def ship_prediction(experiment: Experiment, prediction: Prediction, folder: str | Path) -> Path:
    """Write the maps of a prediction for adviz to come with, and return the file.

    Parameters
    ----------
    prediction: of the experiment; its maps are not negative, and their sides multiples of four.
    folder: where `shipped_prediction` looks for it is the package's ``tables/results/maps``.

    Raises
    ------
    ValueError: it has no maps.
    OSError: the file cannot be written.
    """
    maps = prediction.anomaly_map  # (N, H, W)
    if maps is None:
        raise ValueError(f"expected a prediction with maps, got {prediction!r}")
    n_images, height, width = maps.shape
    blocks = maps.reshape(n_images, height // SMALLER, SMALLER, width // SMALLER, SMALLER)
    smaller = blocks.mean((2, 4)).clip(0)
    largest = np.float32(smaller.max())
    # Of square roots the steps are finer where maps are low, as most of their values are
    roots = np.round(STEPS * np.sqrt(smaller / largest)).astype(np.uint8)
    arrays = {"roots": roots, "largest": largest}
    if "image" in prediction.neighbors:
        nearest = prediction.neighbors["image"]
        arrays["nearest"] = nearest.image[..., :1].astype(np.int16)
        arrays["distance"] = nearest.distance[..., :1].astype(np.float32)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    path = Path(folder) / f"{experiment.key}.npz"
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, content.getvalue())
    return path
