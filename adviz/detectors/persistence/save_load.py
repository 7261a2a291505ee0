"""Fitted detectors to files and back: options, what the features were, and what was learned.

What was learned the detector says itself, in `learned` or by `_state` and `_restore`; no detector
is known here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import numpy as np

from adviz._support import archive, check_device, is_of_type
from adviz.data import Geometry
from adviz.detectors.persistence.checked_state import CheckedState
from adviz.detectors.presets import AtMost
from adviz.detectors.registry import current_options, is_user_defined, name_of

T = TypeVar("T")
# A file of one machine; a detector from elsewhere must not write to a path of its choice
NOT_SAVED = ("checkpoint",)
# What `Detector._fitting` sets in every detector
SET_BY_BASE = {"layers_", "geometry_", "_backbone", "_channels", "_n_images"}
OPTIONAL = " or None"  # ends the text in `learned` of an array that need not be there
MOST_CHANNELS = 2**20  # of a layer, above which a file is not believed


def save(detector: Any, path: str | Path) -> str:
    """Write a fitted detector; see `Detector.save`."""
    return archive.write(path, name_of(type(detector)), contents(detector))


def load(cls: type[T], path: str | Path, digest: str | None, device: str | None) -> T:
    """Read a detector of a class; see `Detector.load`."""
    file = archive.read(path, _accepted_kind(cls, path), digest=digest)
    if device is not None:
        if "device" not in get_type_hints(cls):
            raise ValueError(
                f"{file.kind} computes on the CPU alone, got device={device!r}: leave it out"
            )
        check_device(device)
    with archive.restoring(file.kind, path):
        return restored(cls, file.content, device)


def _accepted_kind(cls: type[Any], path: str | Path) -> str:
    """Return the kind of file that a class reads: its own name's, or that of where it was before.

    A class moves from a notebook or script, where it is "__main__:Mine", to a module, and back. The
    file holds arrays and options only, which are checked by those of the class.
    """
    name = name_of(cls)
    kind = archive.kind_of(path)
    if not (is_user_defined(name) and is_user_defined(kind)):
        return name
    module, _, here = name.partition(":")
    saved_in, _, saved = kind.partition(":")
    moved = here == saved and "__main__" in (module, saved_in)
    return kind if moved else name


def contents(detector: Any) -> dict[str, Any]:
    """Return all that makes a fitted detector, as a tree of numbers, texts and arrays.

    Raises
    ------
    TypeError: a class that does not say all that it has learned.
    ValueError: not fitted, or an option that could not be read again.
    """
    if not hasattr(detector, "layers_"):
        raise ValueError(unfitted(detector, "is saved"))
    backbone, digest = detector._backbone
    geometry = None  # a subclass's could not be read again
    if type(detector.geometry_) is Geometry:
        geometry = archive.parts(detector.geometry_)
    if _has_own_state(type(detector)):
        state = detector._state()
    else:
        state = listed_state(detector)
    return {
        "options": _options(detector),
        "features": {
            "layers": list(detector.layers_),
            "channels": dict(detector._channels),
            "backbone": backbone,
            "digest": digest,
            "geometry": geometry,
            "n_images": getattr(detector, "_n_images", None),
        },
        "state": state,
    }


def unfitted(detector: Any, before: str) -> str:
    """Return the error of a detector without what `Detector._fitting` notes, before it "is saved".

    Where the `fit` of a user's own class has set something nevertheless, it is `_fitting` that was
    not called; of ours it is a fit that failed.
    """
    name = type(detector).__name__
    options = {field.name for field in dataclasses.fields(detector)}
    learned = sorted(set(vars(detector)) - options)
    if not learned or type(detector).__module__.startswith("adviz."):
        return f"{name} must be fitted before it {before}: call fit(features) first"
    return (
        f"expected layers_ and channels, which self._fitting notes, before {name} {before}, got "
        f"only {', '.join(learned)}: begin its fit with features = self._fitting(features)"
    )


def restored(cls: type[T], content: Mapping[str, Any], device: str | None) -> T:
    """Return the detector with some `contents`.

    Raises whatever its parts refuse; `archive.restoring` says which file it was.
    """
    detector: Any = cls(**_restored_options(cls, content["options"], device))
    _restore_features(detector, content["features"])
    if _has_own_state(type(detector)):
        detector._restore(content["state"])
    else:
        restore_listed_state(detector, content["state"])
    return detector  # type: ignore[no-any-return]


def _has_own_state(cls: type[Any]) -> bool:
    """Return whether `_state` is meant for this very class: a subclass may learn more than that."""
    return "_state" in vars(cls) or not is_user_defined(name_of(cls))


def _options(detector: Any) -> dict[str, Any]:
    """Return all options as a file has them: {"at most": 5} for AtMost(5)."""
    hints = get_type_hints(type(detector))
    options = {}
    for field in dataclasses.fields(detector):
        if field.name in NOT_SAVED:
            continue
        value = getattr(detector, field.name)
        if hasattr(value, "item"):  # numpy's numbers
            value = value.item()
        _check_option(type(detector).__name__, field.name, value, hints)
        if isinstance(value, AtMost):
            value = {"at most": int(value)}
        options[field.name] = value
    return options


def _restored_options(
    cls: type[Any], stored: Mapping[str, Any], device: str | None
) -> dict[str, Any]:
    """Return the options in a file, checked, by their present names."""
    hints = get_type_hints(cls)
    options: dict[str, Any] = {}
    for name, value in current_options(cls, stored).items():
        if isinstance(value, dict) and set(value) == {"at most"}:
            value = AtMost(value["at most"])
        _check_option(cls.__name__, name, value, hints)
        options[name] = value
    if device is not None:
        options["device"] = device
    elif "device" in options:
        _check_here(options["device"])
    return options


def _restore_features(detector: Any, features: Mapping[str, Any]) -> None:
    """Set what `Detector._fitting` notes about the training features."""
    layers = tuple(features["layers"])
    channels = features["channels"]
    named = all(isinstance(name, str) for name in layers) and isinstance(channels, dict)
    if not layers or not named or layers != tuple(channels) or not _are_counts(channels):
        raise ValueError(
            f"expected layers with their channels, got {str(layers)[:80]} and {str(channels)[:80]}"
        )
    backbone = features["backbone"], features["digest"]
    if not is_of_type(backbone, tuple[str, str]):
        raise TypeError("expected the backbone's name and digest as texts")
    geometry = features["geometry"]
    if geometry is not None:
        geometry = archive.typed(Geometry, {"bits": None} | geometry)
    n_images = features.get("n_images")  # files of before 2026-11-30 have none
    if not is_of_type(n_images, int | None) or (n_images is not None and n_images < 1):
        raise TypeError(f"expected the number of training images, got {str(n_images)[:80]}")
    detector.layers_ = layers
    detector._backbone = backbone
    detector._channels = channels
    detector._n_images = n_images
    detector.geometry_ = geometry


def _are_counts(channels: Mapping[str, Any]) -> bool:
    return all(is_of_type(count, int) and 0 < count < MOST_CHANNELS for count in channels.values())


def _check_here(device: str) -> None:
    try:
        check_device(device)
    except ValueError as error:
        raise ValueError(
            f'it computes on {device!r}, which is not here: load it with device="cpu"'
        ) from error


def _check_option(kind: str, name: str, value: Any, hints: Mapping[str, Any]) -> None:
    if name not in hints or name in NOT_SAVED or not is_of_type(value, hints[name]):
        raise ValueError(
            f"expected the options of {kind} as they are documented, got {name}={value!r}"
        )


# The state of a class that lists what it learns in `learned`


def listed_state(detector: Any) -> dict[str, Any]:
    """Return what `learned` lists, which must be all that `fit` has set.

    Raises
    ------
    TypeError: `fit` has set more than that, less, or other types.
    ValueError: arrays whose sides do not fit together.
    """
    options = {field.name for field in dataclasses.fields(detector)}
    unlisted = sorted(set(vars(detector)) - options - SET_BY_BASE - set(detector.learned))
    if unlisted:
        raise TypeError(
            "expected a detector whose class says in `learned` all that fit sets, got "
            f"{type(detector)} with {', '.join(unlisted)} beside: add them to it, or write arrays "
            "with adviz.archive.write"
        )
    unset = [name for name in detector.learned if not hasattr(detector, name)]
    if unset:
        raise TypeError(
            f"expected fit of {type(detector).__name__} to set all that its `learned` lists, got "
            f"no {', '.join(unset)}: set them in fit, to None where they are optional"
        )
    state = {}
    for name, kind in detector.learned.items():
        value = _plain(getattr(detector, name))
        if value is not None or not _is_optional(kind):
            state[name] = value
    try:
        _checked_state(detector, state)
        detector._check_learned()
    except (TypeError, ValueError) as error:
        remedy = f"what fit sets must be what `learned` of {type(detector).__name__} says"
        if isinstance(error, TypeError):
            remedy += ": convert it in fit, as by .astype(np.float32), or correct `learned`"
        raise type(error)(f"{error}: {remedy}") from error
    return state


def restore_listed_state(detector: Any, state: Mapping[str, Any]) -> None:
    """Set what `learned` lists, checked by its types and sides."""
    for name, value in _checked_state(detector, state).items():
        setattr(detector, name, value)
    detector._check_learned()


def _checked_state(detector: Any, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `learned` lists, name -> value; refuse other types, sides and names."""
    checked = CheckedState(state, C=sum(detector._channels.values()))
    values: dict[str, Any] = {}
    for name, kind in detector.learned.items():
        if _is_optional(kind) and name not in state:
            values[name] = None
        elif isinstance(kind, str):
            dtype, _, sides = kind.removesuffix(OPTIONAL).partition(" ")
            values[name] = checked.array(name, dtype, sides)
        else:
            values[name] = checked.value(name, kind)
    checked.end()
    return values


def _plain(value: Any) -> Any:
    """Return a value with Python's numbers for numpy's, as a file gives them back."""
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in (list, tuple):
        return type(value)(_plain(item) for item in value)
    return value


def _is_optional(kind: Any) -> bool:
    return isinstance(kind, str) and kind.endswith(OPTIONAL)
