"""Every layer's map, and controls to fuse them in another way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import traitlets
from traitlets import Bool, Dict, Enum, Float, List, TraitError, Unicode

from adviz import plots
from adviz.data import Category
from adviz.explore.kit.checked import by_name
from adviz.explore.kit.evidence import evidence
from adviz.explore.kit.image_explorer import ImageExplorer
from adviz.explore.kit.packing import names_of, part_key
from adviz.explore.kit.source import Source
from adviz.explore.layers import mixing, parts
from adviz.explore.layers.judging import NAN, Values, mean_of, of_image
from adviz.explore.layers.mixing import JOINS, Mix, as_one, maps_of
from adviz.plots import StaticFigure
from adviz.prediction import Prediction

OWN = "the detector's own"
FREE = "own choice"
HEAVIEST = 5.0
WIDEST = 16.0  # of sigma, pixels
CHOICES = tuple(parts.NOTHING)


def layers(
    categories: Category | Mapping[str, Category], predictions: Prediction | Mapping[str, Any]
) -> LayersView:
    """Show every layer's map beside their fusion, and fuse them in another way.

    Parameters
    ----------
    categories, predictions: as for `explore.results`; the predictions need layer maps and an
        anomaly map. A detector's layer maps are its shares of the joint distance, or what each
        layer found on its own, such as with ``SPADE(match="per_layer")``. Instead of a prediction,
        layer -> prediction of a detector of that layer alone.

    Returns
    -------
    A `LayersView`; display it as the last line of a cell.

    Raises
    ------
    ValueError: as `explore.results`, or a prediction without layer maps or anomaly map.

    Examples
    --------
    >>> view = explore.layers(category, prediction)
    >>> view.layers = ["layer3"]
    >>> view.mixed.shape
    (224, 224)
    """
    return LayersView(categories, predictions)


class LayersView(ImageExplorer):
    """Pick an image, choose, weigh and fuse layers: the fused map and its metrics follow.

    Where nothing is chosen, the detector's own way to join its layers holds, where that can be
    found out: another detector brings its own. The metrics of the image follow at once, those of
    all test images are computed beside the kernel: `wait`.

    Attributes
    ----------
    layers: names of those that enter; none, or none that the detector has = all.
    weights: layer -> 0 to 5; without an entry 1.
    join: "sum", "mean" or "product"; "" = the detector's own.
    root: whether the root of the fused map is taken; None = as the detector does.
    sigma: of the smoothing, 0 to 16 pixels; None = the detector's own.
    own_scale: whether each layer has its own colour scale.
    others: as those of `ImageExplorer`.
    """

    MODULE = "layers.js"
    KINDS = (*ImageExplorer.KINDS, "numbers")
    STATE = (*ImageExplorer.STATE, *CHOICES, "own_scale")
    LABELS: ClassVar[Mapping[str, str]] = {**ImageExplorer.LABELS, **parts.LABELS}

    layers = List(Unicode()).tag(sync=True)
    weights = Dict().tag(sync=True)
    join = Enum(("", *JOINS), "").tag(sync=True)
    root = Bool(None, allow_none=True).tag(sync=True)
    sigma = Float(None, allow_none=True, min=0, max=WIDEST).tag(sync=True)
    own_scale = Bool(False).tag(sync=True)

    def __init__(
        self,
        categories: Category | Mapping[str, Category],
        predictions: Prediction | Mapping[str, Any],
    ) -> None:
        named, each = by_name(categories, predictions)
        found = {
            category: {name: as_one(one) for name, one in (each.get(category) or {}).items()}
            for category in named
        }
        for detectors in found.values():
            for name, one in detectors.items():
                if isinstance(one, Prediction):
                    maps_of(name, one)
        source = Source.of(named, found)  # which the explorer gets as well
        parts.add_to(source)
        super().__init__(named, found)
        self.observe(self._measure_fusion, ["category", "detector", *CHOICES])
        self._measure_fusion()

    @traitlets.validate("layers")
    def _check_layers(self, proposal: Any) -> list[str]:
        for name in proposal["value"]:
            self._check_layer(name)
        return list(proposal["value"])

    @traitlets.validate("weights")
    def _check_weights(self, proposal: Any) -> dict[str, float]:
        for name, weight in proposal["value"].items():
            self._check_layer(name)
            if not isinstance(weight, int | float) or not 0 <= weight <= HEAVIEST:
                raise TraitError(
                    f"a weight must be between 0 and {HEAVIEST:g}, got {weight!r} for {name}"
                )
        return dict(proposal["value"])

    def _check_layer(self, name: str) -> None:
        """Refuse a name that no detector's layer has, where all are known."""
        found = [one for each in self.source.predictions.values() for one in each.values()]
        known = [one for one in found if isinstance(one, Prediction)]
        names = dict.fromkeys(layer for one in known for layer in one.layer_maps)
        if len(known) == len(found):
            self._one_of("layers", name, list(names))

    # what follows

    @property
    def mix(self) -> Mix:
        """The way in which the displayed detector's layers are joined."""
        return parts.mix_of(self.source, self.category, self.detector, self._choices)

    @property
    def _choices(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in CHOICES}

    @property
    def _own(self) -> Mix | None:
        return parts.own_of(self.source, self.category, self.detector)

    @property
    def preset(self) -> str:
        """Name of the preset that the choices agree with; "own choice" where there is none.

        Settable: "the detector's own" gives all choices up, another name all weights.
        """
        mix = self.mix
        if mix == self._own:
            return OWN
        if set(mix.weights) == {1}:
            for name, names in self._presets.items():
                if names == mix.layers:
                    return name
        return FREE

    @preset.setter
    def preset(self, name: str) -> None:
        if name == OWN and self._own is not None:
            self.state = parts.NOTHING
            return
        if name not in self._presets:
            there = [*([] if self._own is None else [OWN]), *self._presets]
            raise ValueError(f"preset must be one of {', '.join(there)}, got {name!r}")
        self.state = {"layers": self._presets[name], "weights": {}}

    @property
    def _presets(self) -> dict[str, tuple[str, ...]]:
        return mixing.presets(list(self.prediction.layer_maps))

    @property
    def mixed(self) -> np.ndarray:
        """The mixed map of the displayed image, (H, W) float32.

        Raises
        ------
        ValueError: no layer with a weight above 0.
        """
        found = self.prediction
        one = {name: values[[self.image]] for name, values in found.layer_maps.items()}
        boxes = None if found.boxes is None else found.boxes[[self.image]]
        return np.asarray(mixing.mixed(one, self.mix, self._own_map.shape, boxes)[0])

    @property
    def _own_map(self) -> np.ndarray:
        return np.asarray(maps_of(self.detector, self.prediction)[self.image])

    @property
    def metrics(self) -> dict[str, dict[str, Values]]:
        """What the mix and the detector itself achieve.

        "image", "category" and "all" (the mean over the categories) -> "mix" and "detector" ->
        "image_auroc" (not of one image), "pixel_auroc" and "pro"; NaN where undefined. What is
        still being computed is left out: `wait`.
        """
        mask = self.source.sample(self.category, self.image).mask
        valid = None if self.prediction.valid is None else self.prediction.valid[self.image]
        found = {
            "image": {
                "mix": of_image(self.mixed, mask, valid),
                "detector": of_image(self._own_map, mask, valid),
            }
        }
        for scope, names in (("category", [self.category]), ("all", self._comparable)):
            keys = {"mix": self._fusions(names), "detector": self._numbers(names)}
            if not any(self.source.slow(key) for key in [*keys["mix"], *keys["detector"]]):
                found[scope] = {
                    who: mean_of([self._read(key) for key in some]) for who, some in keys.items()
                }
        return found

    def _read(self, key: str) -> Values:
        numbers: Any = self.source.part(key)["numbers"]
        return {name: NAN if value is None else value for name, value in numbers.items()}

    @property
    def _comparable(self) -> list[str]:
        """The categories with a prediction by this detector that has the mix's layers."""
        return parts.comparable(self.source, self.detector, self.mix.layers)

    def _fusions(self, names: Sequence[str]) -> list[str]:
        return [parts.fusion_key(name, self.detector, self.mix) for name in names]

    def _numbers(self, names: Sequence[str]) -> list[str]:
        return [part_key("numbers", name, self.detector) for name in names]

    @property
    def values(self) -> dict[str, float]:
        """Every layer's value at the picked pixel, or else at the peak of the detector's map."""
        own = self._own_map
        peak = np.unravel_index(int(own.argmax()), own.shape)
        row, column = self.picked or peak
        pixel = int(row), int(column)
        return evidence(self.prediction, self.image, pixel, size=own.shape).layers

    # parts

    def _answer(self, widget: Any, message: Any, buffers: Any) -> None:
        """Answer the browser; metrics of a former mix are not computed any more."""
        asked = [key for key in message.get("ask", ()) if _fusion_of(key)]
        if asked:
            self._stop_others(asked)
        super()._answer(widget, message, buffers)

    def _measure_fusion(self, _change: Any = None) -> None:
        """Compute the metrics that are missing, those of the displayed category first."""
        keys: list[str] = []
        there = self.source.missing(self.category, self.detector) is None
        if there and any(self.mix.weights):
            others = [name for name in self._comparable if name != self.category]
            names = [self.category, *others]
            keys = [*self._fusions(names), *self._numbers(names)]
        self._stop_others(keys)
        self._answer(self, {"ask": [key for key in keys if self._is_slow(key)]}, [])

    def _stop_others(self, keys: Sequence[str]) -> None:
        """Stop the metrics of other mixes than those of some keys."""
        wanted = {_fusion_of(key) for key in keys}
        self._tasks.stop(lambda key: _fusion_of(key) not in {None, *wanted})

    def _computed(self, category: str, detector: str, prediction: Any) -> None:
        super()._computed(category, detector, self._with_layers(detector, prediction))
        if (category, detector) == (self.category, self.detector):
            self._measure_fusion()

    def _with_layers(self, detector: str, prediction: Any) -> Any:
        """Return what was computed as a prediction, and refuse one without layers' maps."""
        prediction = as_one(prediction)
        if isinstance(prediction, Prediction):
            maps_of(detector, prediction)
        return prediction

    def _first_parts(self) -> list[str]:
        return [*super()._first_parts(), *self._first_layers()]

    def _first_layers(self) -> list[str]:
        """Return the keys of the parts that the first mix needs."""
        place = self.category, self.detector
        if self.source.missing(*place) is not None:
            return []
        return [part_key("ways", *place), part_key("layers", *place, self.image)]

    def export_keys(
        self,
        *,
        images: Sequence[int] | None = None,
        k: int | None = None,
        photos: bool = False,
    ) -> list[str]:
        """Return the keys of the parts that an exported page asks for; no training images."""
        keys = super().export_keys(images=images, k=k, photos=photos)
        shown = [key for key in keys if names_of(key)[1] != "train"]
        return [*shown, *parts.keys(self.source, self._choices, images)]

    # pictures

    def static(self) -> StaticFigure:
        """Return the row of the displayed image as a matplotlib figure."""
        sample = self.source.sample(self.category, self.image)
        found = self.prediction
        part: Any = self.source.part(part_key("ways", self.category, self.detector))
        limits = dict(zip(part["names"], part["limits"], strict=True))
        valid = None if found.valid is None else found.valid[self.image]
        cut = {
            name: mixing.cut(values[self.image], valid) for name, values in found.layer_maps.items()
        }
        own = self.mix == self._own
        size = sample.image.shape[0], sample.image.shape[1]
        other_limits = mixing.preview_limits(found.layer_maps, self.mix, size)
        return plots.layer_row(
            sample.image,
            sample.mask,
            cut,
            self._own_map,
            layer_limits=limits if self.own_scale else tuple(part["shared"]),
            limits=self._map_limits or (0, 1),
            title="" if own else f"fused: {self._mix_words}",
            other=None if own else self.mixed,
            other_limits=None if own else other_limits,
        )

    @property
    def _mix_words(self) -> str:
        mix = self.mix
        words = [" + ".join(mix.layers), mix.join, *(["root"] if mix.root else [])]
        return ", ".join([*words, f"sigma {mix.sigma:g}"])


def _fusion_of(key: Any) -> tuple[str, ...] | None:
    """Return detector and mix whose metrics are the part of a key; None = it is of another kind."""
    if not isinstance(key, str) or not key.startswith("fusion/"):
        return None
    return names_of(key)[2:]
