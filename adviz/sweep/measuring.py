"""One experiment, from image files to its result: a function of its facts and the files alone."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from adviz import metrics
from adviz._support import device_here, logger
from adviz.data import ANOMALOUS, ArrayMask, Category, Split, mask_files
from adviz.detectors import facts_of
from adviz.evaluation import counted_pixels, evaluate
from adviz.features import PIXELS, Backbone, Features, contents_digest, fingerprint
from adviz.prediction import Prediction, ensemble
from adviz.sweep.experiment import Experiment, device_of
from adviz.sweep.fitting import fitted, uninterrupted
from adviz.sweep.meters import Meter, metered, stored_bytes, surroundings
from adviz.sweep.results import ExperimentResult
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
    "false_positives_at_full_recall",
)
PIXEL_METRICS = ("pixel_auroc", "pixel_ap", "pro")
# Other definitions of PRO: name in a result -> as `metrics.pro` calls it; "pro" is the exact one
OTHER_PROS = {"pro_200": "global-200", "pro_per_image": "per-image"}
LOADED_BACKBONES = 3  # that stay in memory of a process
CURVE_POINTS = 200  # of a stored curve
TIMED = 4  # images, of which a forward pass is timed
PASSES = 3  # that are timed
AGAIN = 60.0  # seconds until a download that failed is tried again
# (network, weights) -> (error message, time of the failure)
_unavailable: dict[tuple[str, str], tuple[str, float]] = {}
# Network and images -> seconds of a forward pass
_forward: dict[tuple[Any, ...], float] = {}


def measure(
    experiment: Experiment,
    root: Path | None = None,
    threads: int = 1,
    category: Category | None = None,
) -> ExperimentResult:
    """Run an experiment.

    Parameters
    ----------
    experiment: what to run.
    root: folder of the data sets, except the built-in one; None = what ``$ADVIZ_DATA`` names, or
        ``./data``.
    threads: of torch; results do not depend on it, times do.
    category: other images than the experiment's; None = its own.

    Raises
    ------
    Whatever data, backbone, detector and metrics raise.
    """
    with metered() as meter, own_threads(threads), uninterrupted():
        if category is None:
            category = load(experiment, root)
        prediction, facts = _predicted(experiment, category, meter)
        with meter.timed("evaluate"):
            evaluation = evaluation_of(prediction, category.test, experiment.size)
    n_test = len(category.test)
    facts |= {
        "backbone": prediction.backbone,
        "digest": prediction.digest,
        "images": _digest(category),
        "n_train": experiment.shots or len(category.train),
        "n_test": n_test,
    }
    per_image = {
        "forward_per_image": meter.seconds["forward"] / min(TIMED, n_test),
        "predict_per_image": meter.seconds["predict"] / n_test,
    }
    measured = {
        "seconds": meter.seconds | per_image,
        "peak_bytes": meter.peak_bytes,
        "model_bytes": facts.pop("model_bytes"),
        **surroundings(threads),
        "detector_device": device_here(device_of(experiment) or "cpu"),
    }
    return ExperimentResult(experiment=experiment, facts=facts, measured=measured, **evaluation)


def predict(
    experiment: Experiment, root: Path | None = None, threads: int = 1
) -> tuple[Category, Prediction]:
    """Run an experiment for its anomaly maps, which stored results do not hold.

    Parameters
    ----------
    experiment, root, threads: as for `measure`.

    Returns
    -------
    category: with the test images that were evaluated.
    prediction: of these; the scores are those of the result.

    Examples
    --------
    >>> from adviz import DN2
    >>> category, prediction = sweep.predict(sweep.Experiment("demo", "hex_nut", DN2(), every=4))
    >>> len(category.test), len(prediction.score)
    (12, 12)
    """
    with metered() as meter, own_threads(threads), uninterrupted():
        category = load(experiment, root)
        return category, _predicted(experiment, category, meter)[0]


def _predicted(
    experiment: Experiment, category: Category, meter: Meter
) -> tuple[Prediction, dict[str, Any]]:
    """Fit and predict with all backbones; return the facts of the last fitted detector as well."""
    if experiment.shots is not None:
        drawn(len(category.train), experiment.shots, experiment.seed)  # refuses too many
    predictions: list[Prediction] = []
    facts: dict[str, Any] = {}
    for name in experiment.backbones:
        prediction, facts = _predict(experiment, name, category, meter)
        predictions.append(prediction)
    return predictions[0] if len(predictions) == 1 else ensemble(predictions), facts


def drawn(count: int, shots: int, seed: int) -> np.ndarray:
    """Return the indices of a few-shot experiment's training images, rising.

    Fewer shots of a seed are among more shots of the same seed.

    Raises
    ------
    ValueError: more shots than images.
    """
    if shots > count:
        raise ValueError(
            f"expected at most as many shots as there are training images ({count}), got {shots}"
        )
    return np.sort(np.random.default_rng(seed).permutation(count)[:shots])


def learned_from(experiments: Sequence[Experiment], count: int) -> np.ndarray:
    """Return the indices of the training images that any of some experiments needs, rising."""
    draws = set()
    for experiment in experiments:
        if experiment.shots is None:
            return np.arange(count)
        draws.add((min(experiment.shots, count), experiment.seed))
    return np.unique(np.concatenate([drawn(count, *draw) for draw in draws]))


def extract(
    experiments: Sequence[Experiment],
    name: str,
    category: Category,
    layers: tuple[int | str, ...],
) -> tuple[Features, Features]:
    """Return the features of the training images that are needed, and of all test images.

    Cached ones are taken where possible.

    Parameters
    ----------
    experiments: that share these images and the network.
    name: of the network.
    category: with all training images.
    layers: of all the experiments.
    """
    first = experiments[0]
    backbone = network(name, first.weights, first.dtype).with_layers(layers)
    train = category.train
    needed = learned_from(experiments, len(train))
    if len(needed) < len(train):
        train = train.subset(needed)
    return backbone.extract(train), backbone.extract(category.test)


def _predict(
    experiment: Experiment, name: str, category: Category, meter: Meter
) -> tuple[Prediction, dict[str, Any]]:
    """Fit and predict with one backbone; return the facts of the fitted detector as well."""
    with meter.timed("features"):
        train, test = extract([experiment], name, category, experiment.layers)
    detector = fitted(experiment.detector, train, meter)
    with meter.timed("predict"):
        prediction = signed(detector.predict(test), test)
    backbone = network(name, experiment.weights, experiment.dtype).with_layers(experiment.layers)
    timed_images = category.test.subset(range(min(TIMED, len(test.ids))))
    forward = _forward_seconds(backbone, timed_images)
    meter.seconds["forward"] = meter.seconds.get("forward", 0.0) + forward
    facts = {key: value for key, value in facts_of(detector).items() if key != "device_"}
    facts["model_bytes"] = stored_bytes(detector)
    if hasattr(detector, "usage"):  # not of a user's own
        facts |= detector.usage(prediction)
    return prediction, facts


def _forward_seconds(backbone: Backbone, images: Split) -> float:
    """Return how long a network takes for a few image files; measured once in a process.

    The first pass of a network prepares it and is not counted. Of several the shortest counts, as
    other programs only ever add to it; experiments that share a network and images share the
    number.
    """
    key = (
        backbone.digest,
        backbone.dtype,
        *backbone.modules,
        images.geometry,
        *images.paths,
        torch.get_num_threads(),
    )
    if key not in _forward:
        seconds = []
        for _ in range(1 + PASSES):
            start = time.perf_counter()
            backbone.extract(images, cache=False)
            seconds.append(time.perf_counter() - start)
        _forward[key] = min(seconds[1:])
    return _forward[key]


def signed(prediction: Any, features: Features) -> Prediction:
    """Return a prediction with the backbone of its features, where the detector named none.

    Raises
    ------
    TypeError: it is no `Prediction`.
    """
    if not isinstance(prediction, Prediction):
        raise TypeError(f"expected predict to return a Prediction, got {type(prediction).__name__}")
    if prediction.backbone:
        return prediction
    return dataclasses.replace(
        prediction,
        backbone=features.backbone,
        digest=features.digest,
        ids=prediction.ids or tuple(features.ids),
    )


@lru_cache(LOADED_BACKBONES)
def network(name: str, weights: str, dtype: str) -> Backbone:
    """Return a network, for `with_layers`.

    One whose weights could not be downloaded is not tried again at once: that takes a minute.
    """
    message, failure_time = _unavailable.get((name, weights), ("", -math.inf))
    if time.monotonic() - failure_time < AGAIN:
        raise RuntimeError(message)
    try:
        source = None if weights == "published" else weights
        return Backbone(name, (PIXELS,), weights=source, dtype=dtype)
    except RuntimeError as error:
        logger().info("%s: tried again in %d s at the earliest", error, AGAIN)
        _unavailable[name, weights] = (str(error), time.monotonic())
        raise


def evaluation_of(
    prediction: Prediction, split: Split, size: int | tuple[int, int] | None
) -> dict[str, Any]:
    """Return what a result holds of the comparison of a prediction with labels and masks."""
    images_without_mask = without_mask(split) if split.has_masks else []
    if images_without_mask:
        # Pixel metrics are undefined; those of the image scores are not
        prediction = dataclasses.replace(prediction, anomaly_map=None)
    truth = _MasksOnce(split)
    result = evaluate(prediction, truth, size=size)
    values = {name: float(getattr(result, name)) for name in METRICS}
    reasons = dict(result.reasons)
    if images_without_mask:
        reason = (
            f"{len(images_without_mask)} defective images have no mask, "
            f"first {images_without_mask[0]}"
        )
        reasons |= dict.fromkeys(PIXEL_METRICS, reason)
    regions: dict[str, list[float]] = {}
    images_pro: list[float | None] = [None] * len(split)
    if "pro" in reasons:
        values |= dict.fromkeys(OTHER_PROS, math.nan)
        reasons |= dict.fromkeys(OTHER_PROS, reasons["pro"])
    else:
        maps, masks, valid = counted_pixels(prediction, truth, size)  # (N, H, W) each
        for name, definition in OTHER_PROS.items():
            values[name] = metrics.pro(maps, masks, definition, valid=valid)
        region_curves = metrics.region_curves(maps, masks, valid=valid)
        for name in ("image", "area", "integral", "auroc"):
            regions[name] = getattr(region_curves, name).tolist()
        for place in np.unique(region_curves.image).tolist():
            image = slice(place, place + 1)
            counted = None if valid is None else valid[image]
            # The one image's own curve, whose mean over the images is "pro_per_image"
            images_pro[place] = metrics.pro(maps[image], masks[image], "global-200", valid=counted)
    return {
        "metrics": values,
        "reasons": reasons,
        "images": {
            "ids": split.ids,
            "labels": split.labels.tolist(),
            "defects": split.defects,
            "scores": prediction.score.tolist(),
            "pro": images_pro,
        },
        "regions": regions,
        "curves": {name: _thin(curve) for name, curve in result.curves.items()},
    }


def _thin(curve: metrics.Curve) -> list[list[float]]:
    """Return x and y of a few points of a curve."""
    thinned = curve.thinned(CURVE_POINTS)
    return [thinned.x.tolist(), thinned.y.tolist()]


class _MasksOnce:
    """A split for `evaluate` whose masks are read from disk once."""

    def __init__(self, split: Split) -> None:
        self.name = split.name
        self.labels = split.labels
        self.image_size = split.image_size
        self.has_masks = split.has_masks
        self.masks_array = lru_cache(1)(split.masks_array)

    def __len__(self) -> int:
        return len(self.labels)


def without_mask(split: Split) -> list[str]:
    """Return the ids of the defective images that have no mask."""
    images = zip(split.ids, split.labels.tolist(), split.masks, strict=True)
    return [name for name, label, mask in images if label == ANOMALOUS and mask is None]


def _digest(category: Category) -> str:
    """Return a digest of the images and masks, whatever their files are called."""
    splits = (category.train, category.test)
    files = [
        contents_digest(split.paths if split.pixels is None else split.pixels) for split in splits
    ]
    masks = [_mask_digest(mask) for mask in category.test.masks]
    return fingerprint({"files": files, "masks": masks})[:16]


def _mask_digest(mask: Path | ArrayMask | None) -> str:
    if mask is None:
        return ""
    if isinstance(mask, ArrayMask):
        return str(contents_digest(np.asarray(mask.open())[None]))
    return str(contents_digest(mask_files(mask)))


@contextmanager
def own_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
