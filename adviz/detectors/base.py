"""What all detectors share: choosing their layers, saying whether they are fitted, and showing themselves."""

from __future__ import annotations

import dataclasses
import functools
import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from adviz._support import got, require
from adviz.core import maps
from adviz.detectors.presets import PRESETS, AtMost
from adviz.features import Features, filled

if TYPE_CHECKING:
    from adviz.data import Geometry
    from adviz.prediction import Prediction

D = TypeVar("D")
# Of a layer's largest value: beyond, float32 does not hold squared distances
LEAST, LARGEST = 1e-15, 1e15
EXPECTED = "Features, as backbone.extract(split) returns them, or Features({layer: array}, image_size=(H, W))"
# Marks an option that came after rows were stored: no fact of an experiment at its default, so that
# their keys stay.
LATER = {"later": True}


def method_options(detector: Any) -> dict[str, Any]:
    """Return the options that are part of the method: name -> value.

    Those of `LATER` are left out at their default, so that what was described before there were any
    is still the same.
    """
    fields = [field for field in dataclasses.fields(detector) if field.compare]
    values = {field.name: getattr(detector, field.name) for field in fields}
    unchanged = {
        field.name
        for field in fields
        if field.metadata == LATER and values[field.name] == field.default
    }
    return {name: value for name, value in values.items() if name not in unchanged}


def all_or_nothing(fit: Callable[[D, Features], D]) -> Callable[[D, Features], D]:
    """Make a `fit` that fails or is interrupted leave the detector as it was: never half of a model."""

    @functools.wraps(fit)
    def whole(self: D, features: Features) -> D:
        before = dict(vars(self))
        try:
            return fit(self, features)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return whole


class Detector:
    """A dataclass of hyper-parameters; `fit` adds facts as attributes that end in an underscore.

    ``preset`` builds one with the options of a paper or a public code, ``differences`` compares,
    and the repr names the preset whose options it has. ``geometry_`` is how the training images
    were resized and cropped, and how others must be (None = not known):
    ``detector.predict(backbone.extract([image], geometry=detector.geometry_))``.

    A subclass says in ``learned`` what else its `fit` sets, so that it can be saved: an attribute's
    name -> what it is. A text stands for an array, its type and its sides in letters ("float32 M
    C"; one letter is one number throughout, and C that of all channels), which with "or None" need
    not be there; a type for anything else that `archive` keeps (``int``, ``tuple[int, int]``).
    """

    learned: ClassVar[Mapping[str, Any]] = {}
    layers: tuple[int | str, ...]
    layers_: tuple[str, ...]
    if TYPE_CHECKING:  # the fields' types are looked up when a file is read
        geometry_: Geometry | None

    def fit(self, features: Features) -> Detector:
        """Learn from the features of normal images; each detector says what."""
        raise AttributeError(f"{type(self).__name__} has no fit")

    def predict(self, features: Features) -> Prediction:
        """Judge the features of images; each detector says how."""
        raise AttributeError(f"{type(self).__name__} has no predict")

    @classmethod
    def preset(cls, name: str) -> Self:
        """Return the detector with all options of a named preset.

        What still differs from the text or code that it is named after, the class's own
        documentation says.

        Raises
        ------
        ValueError: no such preset of this detector; those there are are listed.

        Examples
        --------
        >>> PatchCore.preset("paper").coreset
        0.1
        """
        there = PRESETS.get(cls.__name__, {})
        if name not in there:
            raise ValueError(
                f"expected a preset of {cls.__name__} ({', '.join(there) or 'none'}), {got(name, there)}"
            )
        return cls(**there[name])

    def differences(self, other: str | Self) -> dict[str, tuple[Any, Any]]:
        """Return the options that differ from another detector's or a preset's: name -> (here, there).

        Examples
        --------
        >>> PatchCore(neighbors=1).differences(PatchCore(neighbors=3))
        {'neighbors': (1, 3)}
        """
        there = self.preset(other) if isinstance(other, str) else other
        names = [field.name for field in dataclasses.fields(self) if field.compare]  # type: ignore[arg-type]
        pairs = {name: (getattr(self, name), getattr(there, name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}

    def _check_choices(self, **choices: tuple[Any, ...]) -> None:
        """Refuse an option that is not among its choices, which are listed."""
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} must be one of {allowed}, {got(getattr(self, name), allowed)}"
                )

    @property
    def title(self) -> str:
        """The class, with the preset that these options are."""
        found = [
            name for name in PRESETS.get(type(self).__name__, {}) if not self.differences(name)
        ]
        return type(self).__name__ + (f'.preset("{found[0]}")' if found else "")

    def save(self, path: str | Path) -> str:
        """Write the fitted detector to a file that is there completely or not at all, and return its digest.

        The loaded one gives the same scores bit for bit, on the same machine and versions.
        Safetensors and JSON, see `adviz.archive`; a SPADE's file is as large as its gallery.
        `checkpoint` is not kept.

        Raises
        ------
        ValueError: not fitted.  TypeError: a class that does not say all that it has learned.
        OSError: it cannot be written; what was there before is untouched.

        Examples
        --------
        >>> digest = detector.save("detector.adviz")
        >>> loaded, one = PatchCore.load("detector.adviz", digest=digest), test.select(images=[0])
        >>> loaded.predict(one).score == detector.predict(one).score
        array([ True])
        """
        from adviz.detectors.persistence import save_load as saving

        return saving.save(self, path)

    @classmethod
    def load(
        cls, path: str | Path, *, digest: str | None = None, device: str | None = None
    ) -> Self:
        """Read a fitted detector that `save` wrote; nothing in the file is executed.

        Parameters
        ----------
        path: the file.
        digest: what `save` returned, where it must be that very file: the one in the file guards
            against accidents, not against people. None = any file that agrees with itself.
        device: where it is to compute; None = as it was saved.

        Raises
        ------
        FileNotFoundError: no such file.
        ValueError: truncated, changed, of another detector or version, not the one that is asked
            for, parts that do not fit together, or a device that is not there.

        Examples
        --------
        >>> digest = detector.save("detector.adviz")
        >>> PatchCore.load("detector.adviz", digest=digest).coreset
        0.01
        """
        from adviz.detectors.persistence import save_load as saving

        return saving.load(cls, path, digest, device)

    def _check_learned(self) -> None:
        """Refuse (ValueError) what `learned` names, read from a file, where its parts do not fit together."""

    def _fitting(self, features: Features, layers: Sequence[int | str] | None = None) -> Features:
        """Return the detector's layers (or those given) of the training features, checked; remember their names."""
        require(features, "select strides", EXPECTED)
        chosen = features.select(self.layers if layers is None else layers)
        check_features(chosen)
        self.layers_ = tuple(chosen)
        self._backbone = features.backbone, features.digest
        self._channels = {name: array.shape[1] for name, array in chosen.items()}
        self.geometry_ = features.geometry
        return chosen

    def _predicting(self, features: Features) -> Features:
        """Return the same layers of the test features, checked against those of the training."""
        if not hasattr(self, "layers_"):
            raise ValueError(
                f"{type(self).__name__} must be fitted before it predicts: call fit(features) first"
            )
        require(features, "select strides", EXPECTED)
        chosen = features.select(self.layers_)
        channels = {name: array.shape[1] for name, array in chosen.items()}
        if channels != self._channels:
            raise ValueError(
                f"expected the channels of the training features {self._channels}, got {channels}"
            )
        made = features.backbone, features.digest
        if all((*made, *self._backbone)) and made != self._backbone:
            raise ValueError(
                f"expected features of the training's backbone {' '.join(self._backbone)}, got {' '.join(made)}: "
                "extract both with one backbone"
            )
        there, here = self.geometry_, features.geometry
        if there and here and there.pixels != here.pixels:
            raise ValueError(
                f"expected images prepared as in training, by {there}, got {here}: extract them with "
                "geometry=detector.geometry_, or set features.geometry = None where the difference is meant"
            )
        check_features(chosen)
        return chosen

    @property
    def facts(self) -> dict[str, Any]:
        """What `fit` found out, as far as it is numbers, texts and tuples: name -> value."""
        return facts_of(self)

    def __repr__(self) -> str:
        options = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self))  # type: ignore[arg-type]
        facts = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        name = self.title
        name = f"{name}: " if name != type(self).__name__ else ""
        return f"{name}{type(self).__name__}({options})" + (
            f"; fitted: {facts}" if facts else "; not fitted"
        )

    def _repr_html_(self) -> str:
        options = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]
        cells = "".join(
            f"<tr><td style='text-align:left'>{html.escape(name)}</td>"
            f"<td style='text-align:left'><code>{html.escape(repr(value))}</code></td></tr>"
            for name, value in {**options, **self.facts}.items()
        )
        state = "fitted" if hasattr(self, "layers_") else "not fitted"
        return f"<details><summary><b>{html.escape(self.title)}</b> ({state})</summary><table>{cells}</table></details>"


def inside_of(features: Features, grid: tuple[int, ...]) -> np.ndarray | None:
    """Return which patches of a (rows, columns) grid count, (N, rows, columns) bool; None = all: nothing is padded."""
    rows, columns = grid
    return features.inside((rows, columns))


def spread(patches: np.ndarray, features: Features) -> np.ndarray:
    """Return (N, h, w, ...) values of patches, where those in padding say what the nearest patch of the image says.

    So neither enlarging nor smoothing mixes padding into a map, here or in whatever is made of the
    layers' maps.
    """
    if features.boxes is None:
        return patches
    last = np.moveaxis(patches, (1, 2), (-2, -1))
    return np.moveaxis(filled(last, features.boxes, features.image_size), (-2, -1), (1, 2))


def without_padding(pixels: np.ndarray, features: Features) -> np.ndarray:
    """Return (N, H, W) maps with 0 in padding."""
    if features.boxes is None:
        return pixels
    inside = maps.inside(features.boxes, features.image_size)
    return np.asarray(np.where(inside, pixels, pixels.dtype.type(0)))


def facts_of(detector: object) -> dict[str, Any]:
    """Return the attributes of a detector that end in an underscore and are numbers, texts or tuples."""
    values = {
        name: value
        for name, value in vars(detector).items()
        if name.endswith("_") and name[0] != "_"
    }
    return {name: v for name, v in values.items() if isinstance(v, int | float | str | tuple)}


def usable(value: int, available: int, name: str) -> int:
    """Return how many to use: the value, refused beyond what exists unless it is a preset's, which is clipped."""
    if isinstance(value, AtMost):
        return min(int(value), available)
    if not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if not 1 <= value <= available:
        raise ValueError(f"{name} must be between 1 and the {available} that exist, got {value}")
    return value


def compact(index: np.ndarray) -> np.ndarray:
    """Return non-negative integers in the smallest *signed* type from int16 on that holds them, safe to subtract."""
    return index.astype(
        np.promote_types(np.min_scalar_type(-1 - int(index.max(initial=0))), np.int16)
    )


def check_features(features: Features) -> None:
    """Refuse no image at all, and NaN or infinity, whose layer and image are named."""
    if features.n_images == 0:
        raise ValueError("expected the features of at least one image, got none")
    for name, array in features.items():
        size = 0.0
        for image, values in zip(features.ids, array, strict=True):
            if not np.isfinite(values).all():
                raise ValueError(
                    f"expected finite features, got NaN or infinity in {name} of image {image}: check the weights, the "
                    "image, or extract with dtype='float32'"
                )
            if array.dtype != np.float16:  # of which no value is beyond
                size = max(size, float(values.max(initial=0)), -float(values.min(initial=0)))
        if size > LARGEST or 0 < size < LEAST:
            raise ValueError(
                f"expected a largest value between {LEAST:g} and {LARGEST:g}, got {size:.3g} in {name}: float32 does "
                "not hold its square; scale the features, or check the weights"
            )
