"""An experiment: a category, a detector with all its options, and how its result is evaluated."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Any

from adviz._support import require_attributes
from adviz.data import Geometry, checked_size
from adviz.detectors import AtMost, Detector, method_options
from adviz.detectors import registry as named

AT_MOST = "at most"  # how JSON writes a preset's number that is clipped to what exists


@dataclass(frozen=True, eq=False)
class Experiment:
    """A detector on a category, with everything that decides its metrics.

    Two experiments are equal when their keys are.

    Attributes
    ----------
    data: "demo" for the built-in data set; "mnist", "fashion_mnist", "cifar10", "caltech256",
        "cub200" or "flowers102" in the one-class protocol; "mtd" for magnetic tiles; "stc" or
        "mstc" for ShanghaiTech Campus with SPADE's training frames or with every fifth; or the name
        of a folder of MVTec-style categories, such as "mvtec", below the one given to `run`.
    category: a category, the class that is normal, or a scene.
    detector: with its options; not fitted. Its seed, where it has one, is `seed`. Any dataclass
        with `fit`, `predict` and the field `layers` will do, at the top of a notebook or module:
        its name there and its code are facts too.
    backbones: names of networks, best with their weights' tag; several = the `ensemble` of the
        detector on each.
    weights: "published" or "random", a seeded initialisation (by the network's name, not by
        `seed`).
    geometry: how images become squares or rectangles of one size.
    seed: of the detector and of the draw of `shots`; where data are drawn (the built-in images, the
        good tiles that are tested) always 0.
    shots: training images, drawn from the seed so that fewer are among more; None = all.
    every: of the test images, in the order of the files, the 1st, the (every + 1)th, ... are
        used.
    size: side of the square, or (height, width), that maps and masks are resized to before the
        pixel metrics, pixels; None = as they are.
    dtype: of the features, "float32" or "float16".

    Examples
    --------
    >>> experiment = sweep.Experiment("demo", "hex_nut", PatchCore(coreset=0.01), every=4)
    >>> len(experiment.key), experiment.layers
    (16, (8, 16))
    """

    data: str
    category: str
    detector: Detector
    backbones: tuple[str, ...] = ("efficientnet_lite0",)
    weights: str = "published"
    geometry: Geometry = field(default_factory=Geometry)
    seed: int = 0
    shots: int | None = None
    every: int = 1
    size: int | tuple[int, int] | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if isinstance(self.backbones, str) or not self.backbones:
            raise ValueError(
                f'backbones must be names, as in ("efficientnet_lite0",), got {self.backbones!r}'
            )
        if self.weights not in ("published", "random"):
            raise ValueError(f'weights must be "published" or "random", got {self.weights!r}')
        counts = {"shots": self.shots, "every": self.every}
        too_low = {name: n for name, n in counts.items() if n is not None and n < 1}
        if too_low:
            raise ValueError(f"shots and every must be at least 1, got {too_low}")
        if self.size is not None:
            object.__setattr__(self, "size", checked_size("size", self.size))
        named.check(self.detector)
        has_seed = hasattr(self.detector, "seed")
        if self.shots is None and not getattr(self.detector, "depends_on_seed", has_seed):
            object.__setattr__(self, "seed", 0)  # so that equal experiments are one
        if has_seed:
            object.__setattr__(self, "detector", dataclasses.replace(self.detector, seed=self.seed))  # type: ignore[type-var]
        object.__setattr__(self, "backbones", tuple(self.backbones))

    def facts(self) -> dict[str, Any]:
        """Return everything that decides the metrics, as JSON has it; the key is its hash.

        Examples
        --------
        >>> sweep.Experiment("demo", "hex_nut", PatchCore()).facts()["category"]
        'hex_nut'
        """
        facts = {option.name: getattr(self, option.name) for option in dataclasses.fields(self)}
        detector_name = named.name_of(type(self.detector))
        facts["detector"] = detector_name
        facts["options"] = _options(self.detector)
        facts["backbones"] = list(self.backbones)
        facts["geometry"] = dataclasses.asdict(self.geometry) | {"resize": self.geometry.resized}
        if self.geometry.bits is None:
            # Results were stored before geometries had bits, and their keys stay
            del facts["geometry"]["bits"]
        if named.is_user_defined(detector_name):
            facts["code"] = named.code_of(type(self.detector))
        return facts

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Experiment:
        """Return the experiment that has these facts.

        The module of a detector that is not adviz's is imported. That executes the module, so the
        facts must be one's own: a worker is sent them, and no result on disk is read so.

        Raises
        ------
        ValueError: they are not those of an experiment that this version knows, or such a detector
            is not there or has other code.

        Examples
        --------
        >>> experiment = sweep.Experiment("demo", "hex_nut", PatchCore())
        >>> sweep.Experiment.from_facts(experiment.facts()) == experiment
        True
        """
        try:
            detector_class = named.class_of(facts["detector"])
            options = named.current_options(detector_class, facts["options"])
            options = {name: _from_json(value) for name, value in options.items()}
            if "code" in facts and facts["code"] != named.code_of(detector_class):
                raise ValueError(
                    f"expected {facts['detector']} as it was in these facts, but its code has "
                    "changed"
                )
            converted = ("detector", "code", "options", "geometry")
            others = {name: value for name, value in facts.items() if name not in converted}
            return cls(
                detector=detector_class(**options),
                geometry=Geometry(**facts["geometry"]),
                **others,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"expected the facts of an experiment, got {dict(facts)!r} ({error})"
            ) from error

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits that change when one of the facts does."""
        try:
            text = json.dumps(self.facts(), sort_keys=True)
        except TypeError as error:
            options = _options(self.detector)
            raise TypeError(
                f"expected options that are numbers, texts or tuples, got {options} ({error})"
            ) from error
        return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    @property
    def title(self) -> str:
        """The detector's class, with the preset that its options are."""
        return getattr(self.detector, "title", type(self.detector).__name__)

    @property
    def features(self) -> tuple[Any, ...]:
        """What decides the features: experiments that agree in it share them."""
        return (
            self.data,
            self.category,
            self.backbones,
            self.weights,
            self.geometry,
            self.every,
            self.dtype,
        )

    @property
    def layers(self) -> tuple[int | str, ...]:
        """Which layers of the backbone the detector reads, strides first."""
        return in_order(set(getattr(self.detector, "layers_read", self.detector.layers)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Experiment) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        networks = " + ".join(self.backbones)
        return f"Experiment({self.key}: {self.title} on {self.data} {self.category}, {networks})"


def grid(
    data: str,
    categories: Iterable[str],
    detectors: Sequence[Detector] | Mapping[str, Detector],
    *,
    seeds: Iterable[int] = (0,),
    like: Experiment | None = None,
) -> list[Experiment]:
    """Return the experiments of every category, detector and seed; equal ones come once.

    Parameters
    ----------
    data, categories: as for `Experiment`.
    detectors: with their options.
    seeds: for detectors whose result depends on one; the others come once.
    like: an experiment whose backbones, geometry, shots and so on all of them have; None = the
        defaults.

    Raises
    ------
    TypeError: one category or detector instead of a list.

    Examples
    --------
    >>> detectors = [PatchCore(coreset=0.01), PatchCore(coreset=0.1)]
    >>> len(sweep.grid("demo", ["hex_nut", "mesh"], detectors))
    4
    """
    if isinstance(categories, str):
        raise TypeError(f"expected a list of categories, got {categories!r}: use [{categories!r}]")
    require_attributes(detectors, "__iter__", "a list of detectors, or name -> detector")
    detector_list = list(detectors.values() if isinstance(detectors, Mapping) else detectors)
    template = like or Experiment(data, "", detector_list[0])
    experiments = []
    for category, detector, seed in product(categories, detector_list, seeds):
        experiments.append(
            dataclasses.replace(
                template, data=data, category=category, detector=detector, seed=seed
            )
        )
    return list(dict.fromkeys(experiments))


def in_order(layers: Iterable[int | str]) -> tuple[int | str, ...]:
    """Return layers in one order whatever they came in: strides rising, then names."""
    return tuple(sorted(layers, key=lambda layer: (isinstance(layer, str), layer)))


def device_of(experiment: Experiment) -> str | None:
    """Return where its detector computes, as its option says; None where it has no such option."""
    return getattr(experiment.detector, "device", None)


def _options(detector: Detector) -> dict[str, Any]:
    """Return all options that are part of the method, as JSON has them."""
    options = named.stored_options(type(detector), method_options(detector))
    return {name: _to_json(value) for name, value in options.items()}


def _to_json(value: Any) -> Any:
    if isinstance(value, AtMost):
        return {AT_MOST: int(value)}
    return list(value) if isinstance(value, tuple) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, dict):
        return AtMost(value[AT_MOST])
    return tuple(value) if isinstance(value, list) else value
