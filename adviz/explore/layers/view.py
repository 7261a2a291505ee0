"""Every layer's map, and controls to fuse them in another way."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import ipywidgets as widgets
import numpy as np

from adviz import plots
from adviz.data import Category
from adviz.explore.kit import markup, theme
from adviz.explore.kit.checked import by_name
from adviz.explore.kit.evidence import cell_grid, evidence
from adviz.explore.kit.pixel_view import PickingView
from adviz.explore.kit.texts import NO_TRUTH
from adviz.explore.kit.view import labelled, value_of
from adviz.explore.layers import mixing
from adviz.explore.layers.judging import Judge, Key, Values, metric_table, of_image
from adviz.explore.layers.mixer import OWN, Mixer
from adviz.explore.layers.mixing import Mix, as_one, maps_of
from adviz.plots import StaticFigure, style
from adviz.prediction import Prediction

KEPT = 64
Limits = tuple[float, float]


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
    return LayersView(*by_name(categories, predictions))


def _through(name: str, meaning: str) -> Any:
    """Return a settable property that the mixer has."""
    return property(
        lambda view: getattr(view._mixer, name),
        lambda view, value: setattr(view._mixer, name, value),
        doc=meaning,
    )


class LayersView(PickingView):
    """Pick an image, choose, weigh and fuse layers: the fused map and its metrics follow.

    It starts with the detector's own way to join its layers, where that can be found out. The
    metrics of the image follow at once, those of the category and of all categories are computed
    in the background. The state is `category`, `detector`, `defect`, `image`, `layers` (names of
    those that enter), `weights` (layer -> 0 to 5), `join`, `root`, `sigma` (pixels, 0 to 16),
    `preset`, `own_scale` and `picked` ((row, column) of a pixel, or None), all settable; `mixed` is
    the map and `metrics` its numbers.
    """

    def __init__(
        self, categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Any]]
    ) -> None:
        found = {
            name: {key: as_one(p) for key, p in each.items()} for name, each in predictions.items()
        }
        for each in found.values():
            for name, prediction in each.items():
                if isinstance(prediction, Prediction):
                    maps_of(name, prediction)
        self._judge, self._asked = Judge(categories), list[Key]()
        self._mix_one, self._limits_of = (
            lru_cache(KEPT)(self._mix_image),
            lru_cache(KEPT)(self._scale_mixed),
        )
        self._tiles_of, self._layer_limits = (
            lru_cache(KEPT)(self._tiles),
            lru_cache(KEPT)(self._scale_layers),
        )
        self._owns: dict[tuple[str, str], Mix | None] = {}
        self._seen: tuple[str, int] | None = None
        self._mixer = Mixer(self._redraw)
        scale = widgets.Checkbox(
            False,
            description="each layer on its own scale",
            indent=False,
            layout=widgets.Layout(width="210px"),
        )
        self._own_scale = labelled(scale, "own-scale", self._redraw)
        super().__init__(categories, found, above=[self._mixer], below=[self._own_scale])
        self._overlay.unit = "fused map"

    layers = _through("layers", "Names of the layers that enter, the finest first.")
    weights = _through(
        "weights", "Weight of every layer, chosen or not, 0 to 5; some of them can be set."
    )
    join = _through("join", 'How layers are fused: "sum", "mean" or "product".')
    root = _through("root", "Whether the root of the fused map is taken.")
    sigma = _through("sigma", "Standard deviation of the smoothing, pixels, 0 to 16.")
    preset = _through(
        "preset",
        'Name of the preset that the controls agree with; "own choice" where there is none.',
    )

    own_scale = value_of("own_scale", "Whether each layer has its own colour scale.")

    @property
    def mixed(self) -> np.ndarray:
        """The mixed map of the displayed image, (H, W) float32."""
        return self._mix_one(*self._mixed_key, self.image)

    @property
    def metrics(self) -> dict[str, dict[str, Values]]:
        """What the mix and the detector itself achieve.

        "image", "category" and "all" (the mean over the categories) -> "mix" and "detector" ->
        "image_auroc" (not of one image), "pixel_auroc" and "pro"; NaN where undefined. What is
        still being computed is left out: `wait`.
        """
        mask, own = self._sample.mask, self._own_maps[self.image]
        valid = None if self._prediction.valid is None else self._prediction.valid[self.image]
        found = {
            "image": {
                "mix": of_image(self.mixed, mask, valid),
                "detector": of_image(own, mask, valid),
            }
        }
        for scope, names in (("category", [self.category]), ("all", self._comparable())):
            keys = {"mix": self._keys(names, self._mixer.mix), "detector": self._keys(names, None)}
            if not self._judge.missing([*keys["mix"], *keys["detector"]]):
                found[scope] = {who: self._judge.mean(each) for who, each in keys.items()}
        return found

    @property
    def _own_maps(self) -> np.ndarray:
        return maps_of(self.detector, self._prediction)

    def _keys(self, names: list[str], mix: Mix | None) -> list[Key]:
        return [(name, self.detector, mix) for name in names]

    def _comparable(self) -> list[str]:
        """Return the categories with a prediction by this detector that has the chosen layers."""
        found = {name: each.get(self.detector) for name, each in self._predictions.items()}
        return [
            n
            for n, p in found.items()
            if isinstance(p, Prediction) and set(self.layers) <= set(p.layer_maps)
        ]

    def _measure(self) -> None:
        """Compute the metrics that are missing in the background.

        Those of the displayed category first.
        """
        names = [self.category, *(name for name in self._comparable() if name != self.category)]
        asked = [
            key
            for name in names
            for mix in (self._mixer.mix, None)
            for key in self._keys([name], mix)
        ]
        missing = self._judge.missing(asked)
        if missing and not (self.busy and self._asked == asked):
            self._asked = asked
            self._compute("metrics", lambda: self._measure_all(missing), lambda _: self._redraw())

    def _measure_all(self, keys: list[Key]) -> None:
        for key in keys:
            self._judge.measure(key, self._found(*key[:2]))
            self._redraw()  # each shows as soon as it is there

    def _draw(self) -> tuple[str, str]:
        self._show_detector()
        self._show_image()
        page, text = super()._draw()
        self._measure()
        self._values.value = self._read_out()
        return page, f"{text} · fusion: {self._words}"

    @property
    def _words(self) -> str:
        mix = self._mixer.mix
        words = [
            " + ".join(mix.layers),
            mix.join,
            *(["root"] if mix.root else []),
            f"sigma {mix.sigma:g}",
        ]
        return ", ".join(words) + (f" ({OWN} way)" if self._is_own else "")

    @property
    def _is_own(self) -> bool:
        return self._mixer.mix == self._owns[self.category, self.detector]

    def _show_detector(self) -> None:
        """Offer the detector's layers, and its own way to join them, which is found out once."""
        key, found = (self.category, self.detector), self._prediction
        if key not in self._owns:
            maps_of(self.detector, found)
            self._owns[key] = mixing.own_mix(found)
        self._mixer.offer(tuple(found.layer_maps), self._owns[key])

    def _show_image(self) -> None:
        """Show the mixed map over the image.

        A new image starts with the detector's highest pixel picked.
        """
        sample, key = self._sample, (self.category, self.image)
        with self._overlay.hold_sync():
            self._overlay.show(
                sample.image, self.mixed, sample.mask, limits=self._limits_of(*self._mixed_key)
            )
            self._overlay.cells = list(cell_grid(self._prediction, sample.image.shape[:2]))
            if key != self._seen:
                row, column = np.unravel_index(
                    int(self._own_maps[self.image].argmax()), sample.image.shape[:2]
                )
                self.picked = int(row), int(column)
        self._seen = key

    @property
    def _mixed_key(self) -> Key:
        return self.category, self.detector, self._mixer.mix

    def _found(self, category: str, detector: str) -> Prediction:
        found = self._predictions[category][detector]
        if not isinstance(found, Prediction):
            raise TypeError(f"{detector} has not been computed yet: wait() for it")
        return found

    def _mix_image(self, category: str, detector: str, mix: Mix, image: int) -> np.ndarray:
        found = self._found(category, detector)
        one = {name: values[image : image + 1] for name, values in found.layer_maps.items()}
        boxes = None if found.boxes is None else found.boxes[[image]]
        return np.asarray(mixing.mixed(one, mix, maps_of(detector, found).shape[1:], boxes)[0])

    def _scale_mixed(self, category: str, detector: str, mix: Mix) -> Limits:
        """Return the colour scale of the mixed map; the detector's where they are the same."""
        found, own = self._found(category, detector), self._shared_limits()
        if own is not None and mix == self._owns[category, detector]:
            return own
        return mixing.preview_limits(found.layer_maps, mix, maps_of(detector, found).shape[1:])

    def _scale_layers(self, category: str, detector: str, own: bool) -> dict[str, Limits]:
        """Return the colour scale of every layer, over all test images."""
        layer_maps = self._found(category, detector).layer_maps
        if own:
            return {name: plots.shared_limits(list(values)) for name, values in layer_maps.items()}
        return dict.fromkeys(
            layer_maps, plots.shared_limits([np.ravel(values) for values in layer_maps.values()])
        )

    def _tiles(self, category: str, detector: str, image: int, own_scale: bool) -> tuple[str, str]:
        """Return the tiles that no mix changes: the detector's map, and the layers'."""
        found, mask = self._found(category, detector), self._photo(category, "test", image).mask
        limits, own = self._layer_limits(category, detector, own_scale), maps_of(detector, found)
        valid = None if found.valid is None else found.valid[image]
        each = [
            markup.map_tile(name, mixing.cut(values[image], valid), limits[name], mask)
            for name, values in found.layer_maps.items()
        ]
        scale = "each on its own scale" if own_scale else "on one scale"
        joined = markup.map_tile(
            "the detector's own", own[image], self._shared_limits() or (0, 1), mask
        )
        return joined, markup.row(each, title=f"every layer's map, {scale}")

    def _html(self) -> str:
        joined, each = self._tiles_of(self.category, self.detector, self.image, self.own_scale)
        mixed = markup.map_tile(
            "fused", self.mixed, self._limits_of(*self._mixed_key), self._sample.mask
        )
        truth = theme.note("outlined: ground truth" if self._sample.mask is not None else NO_TRUTH)
        found, several = self.metrics, len(self._categories) > 1
        titles = {
            "image": "this image",
            "category": self.category,
            "all": f"mean of {len(self._comparable())} categories",
        }
        tables = [
            metric_table(titles[scope], found.get(scope))
            for scope in titles
            if several or scope != "all"
        ]
        return (
            markup.row([joined, mixed, f"<div style='align-self:center'>{truth}</div>"])
            + each
            + f"<div class='adviz-metrics' style='margin-top:8px'>{markup.row(tables, gap=16)}"
            + theme.note("The image score of a fusion is the maximum of its map.")
            + "</div>"
        )

    def _read_out(self) -> str:
        """Return every layer's value at the picked pixel."""
        if self.picked is None:
            return ""
        row, column = self.picked
        size = self.mixed.shape
        values = evidence(self._prediction, self.image, (row, column), size=size).layers
        table = markup.bar_table(f"layers at pixel {row}, {column}", values)
        return f"{table}<div>fused: {style.number(self.mixed[row, column])}</div>"

    def static(self) -> StaticFigure:
        """Return the row of the displayed image as a matplotlib figure."""
        sample, found = self._sample, self._prediction
        limits = self._layer_limits(self.category, self.detector, self.own_scale)
        valid = None if found.valid is None else found.valid[self.image]
        return plots.layer_row(
            sample.image,
            sample.mask,
            {
                name: mixing.cut(values[self.image], valid)
                for name, values in found.layer_maps.items()
            },
            self._own_maps[self.image],
            layer_limits=limits if self.own_scale else next(iter(limits.values())),
            limits=self._shared_limits() or (0, 1),
            title="" if self._is_own else f"fused: {self._words}",
            other=None if self._is_own else self.mixed,
            other_limits=self._limits_of(*self._mixed_key),
        )
