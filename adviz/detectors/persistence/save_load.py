"""Fitted detectors to files and back: options, what the features were, and what was learned.

What that is says the class (`Detector.learned`) or, where it takes more than a list, `states`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from adviz import detectors
from adviz._support import archive, check_device, fits
from adviz.data import Geometry
from adviz.detectors.base import Detector
from adviz.detectors.persistence.checked_state import Held
from adviz.detectors.persistence.states import STATES, State
from adviz.detectors.presets import AtMost
from adviz.detectors.registry import name_of

CLASSES: dict[str, type[Detector]] = {name: getattr(detectors, name) for name in dir(detectors)}
# A file of one machine; a detector from elsewhere must not write to a path of its choice
NOT_KEPT = ("checkpoint",)
SHARED = {"layers_", "geometry_", "_backbone", "_channels"}  # what `Detector._fitting` sets
D = TypeVar("D", bound=Detector)


def save(detector: Detector, path: str | Path) -> str:
    """Write a fitted detector; see `Detector.save`."""
    return archive.write(path, name_of(type(detector)), contents(detector))


def load(cls: type[D], path: str | Path, digest: str | None, device: str | None) -> D:
    """Read a detector of a class; see `Detector.load`."""
    found = archive.read(path, [name_of(cls)], digest=digest)
    if device is not None:
        if "device" not in get_type_hints(cls):
            raise ValueError(
                f"{found.kind} computes on the CPU alone, got device={device!r}: leave it out"
            )
        if device != "auto":
            check_device(device)
    with archive.restoring(found.kind, path):
        return restored(cls, found.content, device)


def contents(detector: Detector) -> dict[str, Any]:
    """Return all that makes a fitted detector, as a tree of numbers, texts and arrays.

    Raises
    ------
    TypeError: a class that does not say all that it has learned.
    ValueError: not fitted, or an option that could not be read again.
    """
    if not hasattr(detector, "layers_"):
        raise ValueError(
            f"{type(detector).__name__} must be fitted before it is saved: call fit(features) first"
        )
    geometry = detector.geometry_
    return {
        "options": _options(detector),
        "features": {
            "layers": list(detector.layers_),
            "channels": dict(detector._channels),
            "backbone": detector._backbone[0],
            "digest": detector._backbone[1],
            "geometry": archive.parts(geometry) if type(geometry) is Geometry else None,
        },
        "state": _state(type(detector)).kept(detector),
    }


def restored(cls: type[D], content: Mapping[str, Any], device: str | None) -> D:
    """Return the detector with some `contents`; raises whatever its parts refuse (`archive.restoring` says it)."""
    options, hints = dict(content["options"]), get_type_hints(cls)
    for name, value in options.items():
        at_most = isinstance(value, dict) and set(value) == {"at most"}
        options[name] = value = AtMost(value["at most"]) if at_most else value
        _check_option(cls.__name__, name, value, hints)
    if device is not None:
        options["device"] = device
    elif options.get("device", "auto") != "auto":
        _check_here(options["device"])
    detector = cls(**options)
    features = content["features"]
    layers, channels = tuple(features["layers"]), features["channels"]
    whole = (
        all(isinstance(name, str) for name in layers)
        and isinstance(channels, dict)
        and layers == tuple(channels)
    )
    if (
        not whole
        or not layers
        or not all(fits(count, int) and 0 < count < 2**20 for count in channels.values())
    ):
        raise ValueError(
            f"expected layers with their channels, got {str(layers)[:80]} and {str(channels)[:80]}"
        )
    if not fits((features["backbone"], features["digest"]), tuple[str, str]):
        raise TypeError("expected the backbone's name and digest as texts")
    geometry = features["geometry"]
    detector.layers_, detector._backbone = layers, (features["backbone"], features["digest"])
    detector._channels = channels
    detector.geometry_ = (
        None if geometry is None else archive.typed(Geometry, {"bits": None} | geometry)
    )
    _state(cls).restore(detector, content["state"])
    return detector


def _state(cls: type[Detector]) -> State:
    """Return how a class's state is taken out and put back."""
    return STATES.get(name_of(cls)) or State(_kept, _restore)


def _kept(detector: Detector) -> dict[str, Any]:
    """Return what `learned` names, which must be all that `fit` has set."""
    options = {field.name for field in dataclasses.fields(detector)}  # type: ignore[arg-type]
    if unsaid := sorted(set(vars(detector)) - options - SHARED - set(detector.learned)):
        raise TypeError(
            f"expected a detector whose class says in `learned` all that fit sets, got {type(detector)} with "
            f"{', '.join(unsaid)} beside: add them to it, or write arrays with adviz.archive.write"
        )
    values = {name: getattr(detector, name) for name in detector.learned}
    return {
        name: value
        for name, value in values.items()
        if value is not None or not _is_optional(detector, name)
    }


def _is_optional(detector: Detector, name: str) -> bool:
    """Return whether an array that was learned need not be there."""
    return str(detector.learned[name]).endswith(" or None")


def _restore(detector: Detector, state: Mapping[str, Any]) -> None:
    held = Held(state, C=sum(detector._channels.values()))
    for name, kind in detector.learned.items():
        if isinstance(kind, str):
            kind, _, optional = kind.partition(" or ")
            if optional and name not in state:
                setattr(detector, name, None)
                continue
            dtype, _, sides = kind.partition(" ")
            setattr(detector, name, held.array(name, dtype, sides))
        else:
            setattr(detector, name, held.fact(name, kind))
    held.end()
    detector._check_learned()


def _options(detector: Detector) -> dict[str, Any]:
    hints, found = get_type_hints(type(detector)), {}
    for field in dataclasses.fields(detector):  # type: ignore[arg-type]
        if field.name in NOT_KEPT:
            continue
        value = getattr(detector, field.name)
        value = value.item() if hasattr(value, "item") else value  # numpy's numbers
        _check_option(type(detector).__name__, field.name, value, hints)
        found[field.name] = {"at most": int(value)} if isinstance(value, AtMost) else value
    return found


def _check_here(device: str) -> None:
    try:
        check_device(device)
    except ValueError as error:
        raise ValueError(
            f'it computes on {device!r}, which is not here: load it with device="cpu"'
        ) from error


def _check_option(kind: str, name: str, value: Any, hints: Mapping[str, Any]) -> None:
    if name not in hints or name in NOT_KEPT or not fits(value, hints[name]):
        raise ValueError(
            f"expected the options of {kind} as they are documented, got {name}={value!r}"
        )
