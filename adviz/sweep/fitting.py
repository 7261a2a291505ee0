"""Fitting within an experiment; a training that several experiments share is done once."""

from __future__ import annotations

import dataclasses
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from adviz.detectors import Detector
from adviz.features import Features
from adviz.sweep.meters import Meter


class _Trained(NamedTuple):
    """A fitted student, what its training depended on, and the seconds it took."""

    key: object
    detector: Detector
    seconds: float


_last: list[_Trained] = []  # the one that this process trained last


def fitted(detector: Detector, features: Features, meter: Meter) -> Detector:
    """Return a detector of these options, fitted; time it as "fit".

    The student that this process trained last is taken where its training would be the same, which
    takes minutes: its options but for those that `predict` alone reads, and all values of the
    features. Then the time is that of the training as well.
    """
    fresh: Detector = dataclasses.replace(detector)  # type: ignore[type-var]
    if not _read_by_predict(fresh):
        with meter.timed("fit"):
            fresh.fit(features)
        return fresh
    key = _training(fresh, features)
    before = meter.seconds.get("fit", 0.0)
    if _last and _last[0].key == key:
        options = {option.name for option in dataclasses.fields(fresh)}  # type: ignore[arg-type]
        vars(fresh).update(
            {name: value for name, value in vars(_last[0].detector).items() if name not in options}
        )
        meter.seconds["fit"] = before + _last[0].seconds
        return fresh
    _last.clear()  # two of them need not be in memory
    with meter.timed("fit"):
        fresh.fit(features)
    _last.append(_Trained(key, fresh, meter.seconds["fit"] - before))
    return fresh


def learned(detector: Detector) -> tuple[str, ...]:
    """Return the class and the options that decide what is learned, as text."""
    options = [option.name for option in dataclasses.fields(detector)]  # type: ignore[arg-type]
    free = _read_by_predict(detector)
    kept = [f"{name}={getattr(detector, name)!r}" for name in options if name not in free]
    return type(detector).__name__, *kept


def _read_by_predict(detector: Detector) -> frozenset[str]:
    """Return the options that no training depends on; none where a training is not shared."""
    return getattr(detector, "read_by_predict", frozenset())


def _training(detector: Detector, features: Features) -> object:
    """Return all that a training depends on."""
    values = tuple(
        (name, array.shape, array.dtype.str, _checksum(array)) for name, array in features.items()
    )
    padding = None if features.boxes is None else features.boxes.tobytes()
    made = (
        features.backbone,
        features.digest,
        features.image_size,
        tuple(features.strides.items()),
        padding,
    )
    return learned(detector), values, made


def _checksum(array: np.ndarray) -> int:
    value = 0
    for image in array:
        value = zlib.crc32(np.ascontiguousarray(image).data, value)
    return value


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let an interruption (Ctrl-C) end the work inside.

    Detectors keep a half-trained model then, and warn; it must not become a result.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "interrupted: ", UserWarning)
        try:
            yield
        except UserWarning as warning:
            if not str(warning).startswith("interrupted: "):
                raise
            raise KeyboardInterrupt(str(warning)) from warning
