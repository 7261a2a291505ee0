"""One experiment, from files to a row: a function of its facts and the files alone."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adviz import metrics
from adviz.data import ANOMALOUS, ArrayMask, Category, Split, mask_files
from adviz.detectors import facts_of
from adviz.evaluation import counted_pixels, evaluate
from adviz.features import PIXELS, Backbone, Features, contents, fingerprint
from adviz.prediction import Prediction, ensemble
from adviz.sweep.experiment import Experiment
from adviz.sweep.fitting import fitted, uninterrupted
from adviz.sweep.meters import Meter, metered, stored_bytes, surroundings
from adviz.sweep.rows import Row
from adviz.sweep.sources import load

METRICS = (
    "image_auroc",
    "image_ap",
    "pixel_auroc",
    "pixel_ap",
    "pro",
    "f1",
    "threshold_f1",
    "false_positives",
    "false_negatives",
    "errors_at_full_recall",
)
PIXEL_METRICS = ("pixel_auroc", "pixel_ap", "pro")
PRO = {"pro_200": "global-200", "pro_per_image": "per-image"}  # beside "pro", the exact one
KEPT = 3  # backbones that stay loaded in a process
POINTS = 200  # of a stored curve
TIMED = 4  # images, of which a forward pass is timed
PASSES = 3  # that are timed
AGAIN = 60.0  # seconds until a download that failed is tried again
# Network and weights -> what was said, and when
_unavailable: dict[tuple[str, str], tuple[str, float]] = {}

_forward: dict[tuple[Any, ...], float] = {}  # network and images -> seconds of a forward pass


def measure(experiment: Experiment, root: Path | None = None, threads: int = 1) -> Row:
    """Do an experiment.

    Parameters
    ----------
    experiment: what to do.
    root: folder of the data sets, except the built-in one; None = what ``$ADVIZ_DATA`` names, or
        ``./data``.
    threads: of torch; results do not depend on it, times do.

    Raises
    ------
    Whatever data, backbone, detector and metrics raise.
    """
    with metered() as meter, own_threads(threads), uninterrupted():
        category = load(experiment, root)
        prediction, facts = _predicted(experiment, category, meter)
        with meter.timed("evaluate"):
            judged = judge(prediction, category.test, experiment.size)
    made = {
        "backbone": prediction.backbone,
        "digest": prediction.digest,
        "images": _digest(category),
    }
    counts = {"n_train": experiment.shots or len(category.train), "n_test": len(category.test)}
    spent: dict[str, Any] = {"seconds": _per_image(meter.seconds, counts["n_test"])}
    spent |= {"peak_bytes": meter.peak_bytes, "model_bytes": facts.pop("model_bytes")}
    return Row(
        experiment=experiment,
        facts=made | counts | facts,
        measured=spent | surroundings(threads),
        **judged,
    )


def predict(
    experiment: Experiment, root: Path | None = None, threads: int = 1
) -> tuple[Category, Prediction]:
    """Do an experiment for its maps, which rows do not hold.

    Parameters
    ----------
    experiment, root, threads: as for `measure`.

    Returns
    -------
    category: with the test images that were judged.
    prediction: of these; the scores are those of the row.

    Examples
    --------
    >>> from adviz import DN2
    >>> judged, found = sweep.predict(sweep.Experiment("demo", "hex_nut", DN2(), every=4))
    >>> len(judged.test), len(found.score)
    (12, 12)
    """
    with metered() as meter, own_threads(threads), uninterrupted():
        category = load(experiment, root)
        return category, _predicted(experiment, category, meter)[0]


def _predicted(
    experiment: Experiment, category: Category, meter: Meter
) -> tuple[Prediction, dict[str, Any]]:
    """Fit and predict with all backbones; return the facts of the last fitted detector as well."""
    predictions: list[Prediction] = []
    facts: dict[str, Any] = {}
    for name in experiment.backbones:
        prediction, facts = _predict(experiment, name, category, meter)
        predictions.append(prediction)
    return predictions[0] if len(predictions) == 1 else ensemble(predictions), facts


def _per_image(seconds: dict[str, float], n_test: int) -> dict[str, float]:
    """Return seconds of the whole, and for one image: of the network and of the detector."""
    single = {
        "forward_per_image": seconds["forward"] / min(TIMED, n_test),
        "predict_per_image": seconds["predict"] / n_test,
    }
    return seconds | single


def drawn(count: int, shots: int, seed: int) -> np.ndarray:
    """Return the training images of a few-shot experiment, rising; fewer shots of a seed are among more of it.

    Raises
    ------
    ValueError: more shots than images.
    """
    if shots > count:
        raise ValueError(
            f"expected at most as many shots as there are training images ({count}), got {shots}"
        )
    return np.sort(np.random.default_rng(seed).permutation(count)[:shots])


def extract(
    experiment: Experiment, name: str, category: Category, layers: tuple[int | str, ...]
) -> tuple[Features, Features]:
    """Return the features of all training and test images, from the feature cache where they are there."""
    backbone = network(name, experiment.weights, experiment.dtype).with_layers(layers)
    return backbone.extract(category.train), backbone.extract(category.test)


def _predict(
    experiment: Experiment, name: str, category: Category, meter: Meter
) -> tuple[Prediction, dict[str, Any]]:
    """Fit and predict with one backbone; return the facts of the fitted detector as well."""
    with meter.timed("features"):
        train, test = extract(experiment, name, category, experiment.layers)
    if experiment.shots is not None:
        train = train.select(images=drawn(train.n_images, experiment.shots, experiment.seed))
    detector = fitted(experiment.detector, train, meter)
    with meter.timed("predict"):
        prediction = signed(detector.predict(test), test)
    few = category.test.subset(range(min(TIMED, len(test.ids))))
    backbone = network(name, experiment.weights, experiment.dtype).with_layers(experiment.layers)
    meter.seconds["forward"] = meter.seconds.get("forward", 0.0) + _forward_seconds(backbone, few)
    facts = {key: value for key, value in facts_of(detector).items() if key != "device_"}
    facts |= {"model_bytes": stored_bytes(detector)}
    usage = detector.usage(prediction) if hasattr(detector, "usage") else {}
    return prediction, facts | usage


def _forward_seconds(backbone: Backbone, few: Split) -> float:
    """Return how long a network takes for a few images, from their files on; measured once in a process.

    The first pass of a network prepares it and is not counted. Of several the shortest counts, as
    other programs only ever add to it; experiments that share a network and images share the
    number.
    """
    key = (
        backbone.digest,
        backbone.dtype,
        *backbone.modules,
        few.geometry,
        *few.paths,
        torch.get_num_threads(),
    )
    if key not in _forward:
        seconds = []
        for _ in range(1 + PASSES):
            start = time.perf_counter()
            backbone.extract(few, cache=False)
            seconds.append(time.perf_counter() - start)
        _forward[key] = min(seconds[1:])
    return _forward[key]


def signed(prediction: Any, features: Features) -> Prediction:
    """Return a prediction that says what made its features, where the detector did not.

    Raises
    ------
    TypeError: it is none.
    """
    if not isinstance(prediction, Prediction):
        raise TypeError(f"expected predict to return a Prediction, got {type(prediction).__name__}")
    if prediction.backbone:
        return prediction
    ids = prediction.ids or tuple(features.ids)
    return dataclasses.replace(
        prediction, backbone=features.backbone, digest=features.digest, ids=ids
    )


@lru_cache(KEPT)
def network(name: str, weights: str, dtype: str) -> Backbone:
    """Return a network, for `with_layers`.

    One whose weights could not be downloaded is not tried again at once: that takes a minute.
    """
    failed, since = _unavailable.get((name, weights), ("", -math.inf))
    if time.monotonic() - since < AGAIN:
        raise RuntimeError(failed)
    try:
        return Backbone(
            name, (PIXELS,), weights=None if weights == "published" else weights, dtype=dtype
        )
    except RuntimeError as error:
        _unavailable[name, weights] = str(error), time.monotonic()
        raise


def judge(
    prediction: Prediction, split: Split, size: int | tuple[int, int] | None
) -> dict[str, Any]:
    """Return the parts of a row that compare a prediction with the truth."""
    without = bare(split) if split.has_masks else []
    if without:  # the image scores can be judged all the same
        prediction = dataclasses.replace(prediction, anomaly_map=None)
    seen = _Seen(split)
    result = evaluate(prediction, seen, size=size)
    values = {name: float(getattr(result, name)) for name in METRICS}
    reasons = dict(result.reasons)
    if without:
        reasons |= dict.fromkeys(
            PIXEL_METRICS, f"{len(without)} defective images have no mask, first {without[0]}"
        )
    regions: dict[str, list[float]] = {}
    if "pro" in reasons:
        values |= dict.fromkeys(PRO, float("nan"))
        reasons |= dict.fromkeys(PRO, reasons["pro"])
    else:
        maps, masks, valid = counted_pixels(prediction, seen, size)
        values |= {
            name: metrics.pro(maps, masks, definition, valid=valid)
            for name, definition in PRO.items()
        }
        found = metrics.region_curves(maps, masks, valid=valid)
        regions = {name: getattr(found, name).tolist() for name in ("area", "integral", "auroc")}
    images = {
        "ids": split.ids,
        "labels": split.labels.tolist(),
        "defects": split.defects,
        "scores": prediction.score.tolist(),
    }
    thin = {name: curve.thinned(POINTS) for name, curve in result.curves.items()}
    curves = {name: [curve.x.tolist(), curve.y.tolist()] for name, curve in thin.items()}
    return {
        "metrics": values,
        "reasons": reasons,
        "images": images,
        "regions": regions,
        "curves": curves,
    }


class _Seen:
    """A split as `evaluate` sees it, whose masks are read from disk once."""

    def __init__(self, split: Split) -> None:
        self.name, self.labels = split.name, split.labels
        self.image_size, self.has_masks = split.image_size, split.has_masks
        self.masks_array = lru_cache(1)(split.masks_array)

    def __len__(self) -> int:
        return len(self.labels)


def bare(split: Split) -> list[str]:
    """Return the defective images that have no mask."""
    facts = zip(split.ids, split.labels.tolist(), split.masks, strict=True)
    return [name for name, label, mask in facts if label == ANOMALOUS and mask is None]


def _digest(category: Category) -> str:
    """Return a digest of the images and masks, whatever their files are called."""
    splits = (category.train, category.test)
    files = [contents(split.paths if split.pixels is None else split.pixels) for split in splits]
    masks = [_mask_digest(mask) for mask in category.test.masks]
    return fingerprint({"files": files, "masks": masks})[:16]


def _mask_digest(mask: Path | ArrayMask | None) -> str:
    if mask is None:
        return ""
    return str(
        contents(np.asarray(mask.open())[None] if isinstance(mask, ArrayMask) else mask_files(mask))
    )


@contextmanager
def own_threads(count: int) -> Iterator[None]:
    """Let torch use so many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
