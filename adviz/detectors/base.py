"""The base class of all detectors: what each says of itself, and what they do alike."""

from __future__ import annotations

import dataclasses
import functools
import html
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from adviz._support import got, require_attributes, timed
from adviz.detectors.card import card
from adviz.detectors.persistence import save_load
from adviz.detectors.presets import PRESETS, AtMost
from adviz.features import Features
from adviz.prediction import joined, numbered

if TYPE_CHECKING:
    from torch import nn

    from adviz.data import Geometry
    from adviz.prediction import Prediction

D = TypeVar("D")
P = TypeVar("P")  # a Prediction
# Bounds of a layer's largest value: outside them float32 does not hold squared distances
LEAST = 1e-15
LARGEST = 1e15
EXPECTED = (
    "Features, as backbone.extract(split) returns them, "
    "or Features({layer: array}, image_size=(H, W))"
)
FOLDS = 5  # fits of `predict_left_out`, where nothing better is known
LEAST_LEFT_OUT = 3  # images, so that without one there are two to compare with each other
# Marks an option that was added after results had been stored: at its default it is left out of an
# experiment's description, so that the keys of those results stay.
LATER = {"later": True}


def all_or_nothing(fit: Callable[[D, Features], D]) -> Callable[[D, Features], D]:
    """Make a `fit` that fails or is interrupted leave the detector as it was before."""

    @functools.wraps(fit)
    def fit_or_restore(self: D, features: Features) -> D:
        before = dict(vars(self))
        try:
            with _timed(self, "fitted on", features):
                return fit(self, features)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return fit_or_restore


def reported(predict: Callable[[D, Features], P]) -> Callable[[D, Features], P]:
    """Make a `predict` say in the log what it did and how long it took.

    A prediction that does not say whose it is gets the detector's name.
    """

    @functools.wraps(predict)
    def predict_and_report(self: D, features: Features) -> P:
        with _timed(self, "predicted", features):
            prediction = predict(self, features)
        if getattr(prediction, "detector", None) != "":
            return prediction
        return dataclasses.replace(prediction, detector=type(self).__name__)  # type: ignore[type-var]

    return predict_and_report


def _timed(detector: object, verb: str, features: Features) -> AbstractContextManager[None]:
    # What has no images is refused by the work inside
    n_images = getattr(features, "n_images", 0)
    return timed("%s %s %d images", type(detector).__name__, verb, n_images)


class Detector:
    """A dataclass of hyper-parameters; `fit` adds facts as attributes that end in an underscore.

    ``preset`` builds one with the options of a paper or a public code, ``differences`` compares,
    and the repr names the preset whose options it has. ``geometry_`` is how the training images
    were resized and cropped, and how others must be (None = not known):
    ``detector.predict(backbone.extract([image], geometry=detector.geometry_))``.

    What saving, sweeps and cost estimates need to know of a detector it says itself; a subclass
    overrides what differs.

    Attributes
    ----------
    learned: what `fit` sets beside the layers, so that it can be saved: an attribute's name -> what
        it is. A text stands for an array, its type and its sides in letters ("float32 M C"; one
        letter is one number throughout, and C that of all channels), which with "or None" need not
        be there; a type for anything else that `archive` keeps (``int``, ``tuple[int, int]``). For
        more than such a list, override `_state` and `_restore`.
    read_by_predict: options that `fit` does not read. Experiments that differ in these alone share
        one training; empty = every experiment is fitted.
    renamed: former name of an option -> its name. The constructor refuses the former ones; files
        and stored results that have them are read.
    limits: what the method cannot do, in sentences, for `card`.
    """

    learned: ClassVar[Mapping[str, Any]] = {}
    read_by_predict: ClassVar[frozenset[str]] = frozenset()
    renamed: ClassVar[Mapping[str, str]] = {}
    limits: ClassVar[tuple[str, ...]] = ()
    layers: tuple[int | str, ...]
    layers_: tuple[str, ...]
    if TYPE_CHECKING:  # the fields' types are looked up when a file is read
        geometry_: Geometry | None

    def __new__(cls, *_values: Any, **options: Any) -> Self:
        """Refuse the former name of an option with a TypeError that says the present one."""
        for name in options:
            if name in cls.renamed:
                raise TypeError(
                    f"expected the option {cls.renamed[name]} of {cls.__name__}, got its former "
                    f"name {name}: write {cls.renamed[name]}={options[name]!r}"
                )
        return super().__new__(cls)

    def fit(self, features: Features) -> Detector:
        """Learn from the features of normal images; each detector says what."""
        raise AttributeError(f"{type(self).__name__} has no fit")

    def predict(self, features: Features) -> Prediction:
        """Score images by their features; each detector says how."""
        raise AttributeError(f"{type(self).__name__} has no predict")

    def predict_left_out(self, features: Features, *, folds: int | None = None) -> Prediction:
        """Score the training images, each by what was learned from the others.

        So one sees how strange good images are to each other: `predict` knows these, and scores
        them far too low. `adviz.Null` measures other images by it.

        Exact, for the price of about one more search or fit, are DN2, SPADE, PaDiM and AnomalyDINO.
        PatchCore leaves out the bank entries of the image itself, but does not choose the others
        anew: a small bank then scores images too high, and a large one can score some too low
        (docs/units-of-good.md says by how much). With folds it chooses anew. The approximate
        searches of DN2 and PatchCore are exact here; SPADE's indices keep their quantisers. All
        others, and PatchCore with learned proxies and SPADE with random galleries, are fitted five
        times, with options that fewer images must allow.

        Parameters
        ----------
        features: the training images', as they were given to `fit`.
        folds: fit the detector so many times, each time without another part of the images; None =
            as said above.

        Returns
        -------
        A `Prediction` of the training images; its neighbours are in other images.

        Raises
        ------
        ValueError: not fitted, features of another number of images than it was fitted on, fewer
            than 3, or other folds than 2 to their number.

        Examples
        --------
        >>> left_out = detector.predict_left_out(train)
        >>> bool(np.median(left_out.score) > np.median(detector.predict(train).score))
        True
        """
        self._predicting(features)
        n_images = features.n_images
        if n_images != self._n_images or n_images < LEAST_LEFT_OUT:
            raise ValueError(
                f"expected the features of the {self._n_images} training images, {LEAST_LEFT_OUT} "
                f"or more, got those of {n_images}"
            )
        if folds is None:
            return self._left_out(features)
        if not 2 <= folds <= n_images:
            raise ValueError(f"folds must be from 2 to the {n_images} images, got {folds}")
        return self._fitted_by_folds(features, folds)

    def _left_out(self, features: Features) -> Prediction:
        """Return what `predict_left_out` does where no folds are asked for."""
        return self._fitted_by_folds(features, min(FOLDS, features.n_images))

    def _fitted_by_folds(self, features: Features, folds: int) -> Prediction:
        options = self.get_params()
        if "checkpoint" in options:  # it is of the training with all images
            options["checkpoint"] = None
        predictions = []
        parts = [list(range(start, features.n_images, folds)) for start in range(folds)]
        for part in parts:
            others = np.setdiff1d(np.arange(features.n_images), part)
            fitted = type(self)(**options)
            fitted.fit(features.select(images=others.tolist()))
            predictions.append(numbered(fitted.predict(features.select(images=part)), others))
        return joined(predictions, parts)

    # What a detector says of itself

    @property
    def layers_read(self) -> tuple[int | str, ...]:
        """All layers of the features that `fit` and `predict` read, strides or names."""
        return tuple(self.layers)

    @property
    def depends_on_seed(self) -> bool:
        """Whether another `seed` could give another result; equal experiments run once."""
        return hasattr(self, "seed")

    @property
    def facts(self) -> dict[str, Any]:
        """What `fit` found out, as far as it is numbers, texts and tuples: name -> value."""
        return facts_of(self)

    def usage(self, prediction: Prediction) -> dict[str, float]:
        """Return what a prediction says about the fitted model, such as the fraction in use."""
        return {}

    def work(
        self, *, n_train: int, n_test: int, locations: int, channels: int
    ) -> tuple[float, float]:
        """Return about how many multiplications `fit` and `predict` need.

        Of one detector's times only the ratios follow from it; what one multiplication takes is
        measured.

        Parameters
        ----------
        n_train, n_test: numbers of images.
        locations: of the finest grid that is read, rows times columns.
        channels: of all layers that are read, together.
        """
        values = locations * channels
        return float(n_train * values), float(n_test * values)

    def graph(self, grids: Mapping[str, tuple[int, int]], image_size: tuple[int, int]) -> nn.Module:
        """Return `predict` as a torch module that `adviz.export_model` can write to a file.

        Parameters
        ----------
        grids: layer -> (h, w) of its feature maps.
        image_size: (H, W) of the images, pixels.

        Returns
        -------
        A module from {layer: (N, C, h, w) float32} to (N,) scores and (N, H, W) anomaly maps.

        Raises
        ------
        ValueError: not fitted, or a detector or an option of it that no module computes.

        Examples
        --------
        >>> import torch
        >>> grids = {name: array.shape[2:] for name, array in test.items()}
        >>> graph = detector.graph(grids, test.image_size)
        >>> layers = {name: torch.from_numpy(array[:2].copy()) for name, array in test.items()}
        >>> [tuple(output.shape) for output in graph(layers)]
        [(2,), (2, 224, 224)]
        """
        raise ValueError(
            f"expected a PaDiM or a PatchCore to export, got a {type(self).__name__}, of which "
            "there is no module of fixed arrays: load it in Python with adviz.load"
        )

    def _check_graph(self, grids: Mapping[str, tuple[int, int]]) -> None:
        """Refuse a detector that is not fitted, or other layers than it was fitted on."""
        if not hasattr(self, "layers_"):
            raise ValueError(
                f"{type(self).__name__} must be fitted before it is exported: call fit(features) "
                "first"
            )
        missing = [layer for layer in self.layers_ if layer not in grids]
        if missing:
            raise ValueError(f"expected the layers {self.layers_}, got {tuple(grids)}")

    def _state(self) -> dict[str, Any]:
        """Return what `fit` learned as a tree of numbers, texts and arrays, for a file."""
        return save_load.listed_state(self)

    def _restore(self, state: Mapping[str, Any]) -> None:
        """Set what `_state` returned in a detector that has its options and layers.

        A file need not be what `save` wrote: refuse (ValueError, TypeError) what does not fit.
        """
        save_load.restore_listed_state(self, state)

    def _check_learned(self) -> None:
        """Refuse (ValueError) what `learned` lists where its parts do not fit together."""

    # Options

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
        presets = PRESETS.get(cls.__name__, {})
        if name not in presets:
            names = ", ".join(presets) or "none"
            raise ValueError(f"expected a preset of {cls.__name__} ({names}), {got(name, presets)}")
        return cls(**presets[name])

    def differences(self, other: str | Self) -> dict[str, tuple[Any, Any]]:
        """Return the options that differ from another detector's or a preset's: name -> values.

        Examples
        --------
        >>> PatchCore(neighbors=1).differences(PatchCore(neighbors=3))
        {'neighbors': (1, 3)}
        """
        compared = self.preset(other) if isinstance(other, str) else other
        differences = {}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            values = getattr(self, field.name), getattr(compared, field.name)
            if field.compare and values[0] != values[1]:
                differences[field.name] = values
        return differences

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all options, name -> value, as scikit-learn's `clone` and searches ask for them.

        Examples
        --------
        >>> PatchCore(coreset=0.2).get_params()["coreset"]
        0.2
        """
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}  # type: ignore[arg-type]

    def set_params(self, **options: Any) -> Self:
        """Set some options and return the detector; what it has learned stays until the next `fit`.

        Raises
        ------
        ValueError: no such option, or a value that the constructor refuses.

        Examples
        --------
        >>> PatchCore().set_params(coreset=0.2).coreset
        0.2
        """
        names = list(self.get_params())
        for name in options:
            if name not in names:
                raise ValueError(f"expected an option of {type(self).__name__}, {got(name, names)}")
        type(self)(**{**self.get_params(), **options})  # refuses what cannot be
        vars(self).update(options)
        return self

    def _check_choices(self, **choices: tuple[Any, ...]) -> None:
        """Refuse an option that is not among its choices, which are listed."""
        for name, allowed in choices.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, {got(value, allowed)}")

    # Files

    def save(self, path: str | Path) -> str:
        """Write the fitted detector to a file, atomically, and return the file's digest.

        The loaded one gives the same scores bit for bit, on the same machine and versions.
        Safetensors and JSON, see `adviz.archive`; a SPADE's file is as large as its gallery.
        `checkpoint` is not kept.

        Raises
        ------
        ValueError: not fitted, or sides other than `learned` says.
        TypeError: a class that does not say all that it has learned, or other types than it says.
        OSError: it cannot be written.
        What was there before is untouched each time.

        Examples
        --------
        >>> digest = detector.save("detector.adviz")
        >>> loaded, one = PatchCore.load("detector.adviz", digest=digest), test.select(images=[0])
        >>> loaded.predict(one).score == detector.predict(one).score
        array([ True])
        """
        return save_load.save(self, path)

    @classmethod
    def load(
        cls, path: str | Path, *, digest: str | None = None, device: str | None = None
    ) -> Self:
        """Read a fitted detector that `save` wrote; nothing in the file is executed.

        A class of your own may have moved from a notebook or script to a module since, or back.

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
        return save_load.load(cls, path, digest, device)

    def card(self, digest: str | None = None) -> str:
        """Return a model card of the fitted detector, in Markdown, to keep beside its file.

        It says what the detector is, its options, what it was fitted on, how large it is, how to
        load and verify it, and the known limits of its method.

        Parameters
        ----------
        digest: what `save` returned, to be written into the card; None = a gap for it.

        Raises
        ------
        ValueError: not fitted.  TypeError: a class that does not say all that it has learned.

        Examples
        --------
        >>> digest = detector.save("detector.adviz")
        >>> lines = detector.card(digest).splitlines()
        >>> print(*[line for line in lines if line.startswith("#")], sep="; ")
        # PatchCore; ## Options; ## Fitted on; ## Size; ## Load and verify; ## Known limits
        """
        return card(self, digest)

    # Features in and out

    def _fitting(self, features: Features, layers: Sequence[int | str] | None = None) -> Features:
        """Return the training features of the detector's layers, checked; remember their names.

        `layers` are read in place of the detector's where they are given.
        """
        require_attributes(features, "select strides", EXPECTED)
        chosen = features.select(self.layers if layers is None else layers)
        check_features(chosen)
        self.layers_ = tuple(chosen)
        self._backbone = features.backbone, features.digest
        self._channels = {name: array.shape[1] for name, array in chosen.items()}
        self._n_images = features.n_images
        self.geometry_ = features.geometry
        return chosen

    def _predicting(self, features: Features) -> Features:
        """Return the same layers of the test features, checked against those of the training."""
        if not hasattr(self, "layers_"):
            raise ValueError(save_load.unfitted(self, "predicts"))
        require_attributes(features, "select strides", EXPECTED)
        chosen = features.select(self.layers_)
        channels = {name: array.shape[1] for name, array in chosen.items()}
        if channels != self._channels:
            raise ValueError(
                f"expected the channels of the training features {self._channels}, got {channels}"
            )
        backbone = features.backbone, features.digest
        both_known = all((*backbone, *self._backbone))
        if both_known and backbone != self._backbone:
            raise ValueError(
                f"expected features of the training's backbone {' '.join(self._backbone)}, got "
                f"{' '.join(backbone)}: extract both with one backbone"
            )
        trained, tested = self.geometry_, features.geometry
        if trained and tested and trained.pixels != tested.pixels:
            raise ValueError(
                f"expected images prepared as in training, by {trained}, got {tested}: extract "
                "them with geometry=detector.geometry_, or set features.geometry = None where the "
                "difference is meant"
            )
        check_features(chosen)
        return chosen

    @property
    def backbone_(self) -> str:
        """Label of the backbone whose features it was fitted on; "" where they did not say.

        Raises
        ------
        AttributeError: it is not fitted.
        """
        return self._backbone[0]

    # How it shows itself

    @property
    def title(self) -> str:
        """The class, with the preset that these options are."""
        name = type(self).__name__
        for preset in PRESETS.get(name, {}):
            if not self.differences(preset):
                return f'{name}.preset("{preset}")'
        return name

    def __repr__(self) -> str:
        name = type(self).__name__
        options = ", ".join(f"{key}={value!r}" for key, value in self.get_params().items())
        facts = ", ".join(f"{key}={value!r}" for key, value in self.facts.items())
        preset = "" if self.title == name else f"{self.title}: "
        state = f"fitted: {facts}" if facts else "not fitted"
        return f"{preset}{name}({options}); {state}"

    def _repr_html_(self) -> str:
        cell = "<td style='text-align:left'>"
        rows = ""
        for name, value in {**self.get_params(), **self.facts}.items():
            shown = html.escape(repr(value))
            rows += f"<tr>{cell}{html.escape(name)}</td>{cell}<code>{shown}</code></td></tr>"
        state = "fitted" if hasattr(self, "layers_") else "not fitted"
        summary = f"<summary><b>{html.escape(self.title)}</b> ({state})</summary>"
        return f"<details>{summary}<table>{rows}</table></details>"


def each_left_out(features: Features, without: Callable[[int], Detector]) -> Prediction:
    """Return the predictions of N images, each by a detector that does not know it.

    Parameters
    ----------
    features: of the N training images.
    without: returns the detector without one of them.
    """
    images = range(features.n_images)
    predictions = [without(image).predict(features.select(images=[image])) for image in images]
    return joined(predictions, [[image] for image in images])


def method_options(detector: Any) -> dict[str, Any]:
    """Return the options that are part of the method: name -> value.

    Those of `LATER` are left out at their default, so that what was described before there were any
    is still the same.
    """
    options = {}
    for field in dataclasses.fields(detector):
        value = getattr(detector, field.name)
        unchanged = field.metadata == LATER and value == field.default
        if field.compare and not unchanged:
            options[field.name] = value
    return options


def facts_of(detector: object) -> dict[str, Any]:
    """Return the attributes that end in an underscore and are numbers, texts or tuples."""
    return {
        name: value
        for name, value in vars(detector).items()
        if name.endswith("_") and name[0] != "_" and isinstance(value, int | float | str | tuple)
    }


def usable(value: int, available: int, name: str) -> int:
    """Return how many to use: `value`, clipped to what exists if it is `AtMost`, else refused."""
    if isinstance(value, AtMost):
        return min(int(value), available)
    if not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if not 1 <= value <= available:
        raise ValueError(f"{name} must be between 1 and the {available} that exist, got {value}")
    return value


def compact(index: np.ndarray) -> np.ndarray:
    """Return non-negative integers in the smallest signed type that holds them, from int16 on.

    Signed, so that they can be subtracted.
    """
    smallest = np.min_scalar_type(-1 - int(index.max(initial=0)))
    return index.astype(np.promote_types(smallest, np.int16))


def check_features(features: Features) -> None:
    """Refuse no image at all, and NaN or infinity, whose layer and image are named."""
    if features.n_images == 0:
        raise ValueError("expected the features of at least one image, got none")
    for name, array in features.items():
        largest = 0.0
        for image, values in zip(features.ids, array, strict=True):
            if not np.isfinite(values).all():
                raise ValueError(
                    f"expected finite features, got NaN or infinity in {name} of image {image}: "
                    "check the weights, the image, or extract with dtype='float32'"
                )
            if array.dtype != np.float16:  # no float16 is out of bounds
                largest = max(largest, float(values.max(initial=0)), -float(values.min(initial=0)))
        if largest > LARGEST or 0 < largest < LEAST:
            raise ValueError(
                f"expected a largest value between {LEAST:g} and {LARGEST:g}, got {largest:.3g} in "
                f"{name}: float32 does not hold its square; scale the features, or check the "
                "weights"
            )
