"""How layers' maps are joined to one.

The detector's own way, those of the papers' tables, and any other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np

from adviz import plots
from adviz._support import progress
from adviz.core import maps
from adviz.explore.kit.evidence import cells_inside
from adviz.prediction import Prediction

Join = Literal["sum", "mean", "product"]
JOINS: tuple[Join, ...] = ("sum", "mean", "product")
ENLARGED: dict[str, dict[str, Any]] = {
    "bilinear": {"method": "bilinear"},
    # Reverse distillation's code
    "bilinear, corners aligned": {"method": "bilinear", "align_corners": True},
    "bicubic": {"method": "bicubic"},  # PaDiM's paper
    "nearest": {"method": "nearest"},
}
SIGMAS = (4.0, 0.0)
BORDERS: tuple[maps.Border, ...] = ("reflect", "mirror")
# Of a map's range: what two orders of summation may differ by, and no two ways of joining
SAME = 1e-3
BATCH = 8  # images


@dataclass(frozen=True)
class Mix:
    """One way to join layers' maps.

    Attributes
    ----------
    layers: names of those that enter.
    weights: of these layers, 0 or more: factors in a sum or mean, exponents in a product.
    join: "sum" (RD Eq. 3, shares of a squared distance), "mean" (the public port of SPADE) or
        "product" (RD's code).
    root: whether the root of the joined map is taken: shares of a squared distance become a
        Euclidean one.
    sigma: of the smoothing, pixels.
    enlarge: how maps reach the image's size, a key of `ENLARGED`.
    border: of the smoothing, as in `maps.smooth`.
    """

    layers: tuple[str, ...]
    weights: tuple[float, ...]
    join: Join = "sum"
    root: bool = False
    sigma: float = 4.0
    enlarge: str = "bilinear"
    border: maps.Border = "reflect"

    def as_text(self) -> str:
        """Return it as JSON, for names of parts; `textOf` of fusing.js writes the same."""
        values = [*asdict(self).values()]
        return json.dumps(values, default=str, separators=(",", ":"), ensure_ascii=False)

    @staticmethod
    def of_text(text: str) -> Mix:
        """Return what `as_text` wrote."""
        layers, weights, *others = json.loads(text)
        return Mix(tuple(layers), tuple(weights), *others)


def chosen_mix(names: Sequence[str], own: Mix | None, chosen: Mapping[str, Any]) -> Mix:
    """Return the mix that choices make of a detector's own: where nothing was chosen, it holds.

    `mixOf` of fusing.js does the same.

    Parameters
    ----------
    names: of all layers, the finest first.
    own: the detector's way; None = unknown.
    chosen: "layers" (of other names; none of these = all), "weights" (layer -> weight, else 1),
        "join" ("" = own), "root" and "sigma" (None = own).
    """
    base = own or Mix(tuple(names), (1.0,) * len(names))
    layers = tuple(name for name in names if name in chosen["layers"]) or tuple(names)
    weights = tuple(_short(chosen["weights"].get(name, 1)) for name in layers)
    root = base.root if chosen["root"] is None else chosen["root"]
    sigma = base.sigma if chosen["sigma"] is None else chosen["sigma"]
    return replace(
        base,
        layers=layers,
        weights=weights,
        join=chosen["join"] or base.join,
        root=root,
        sigma=_short(sigma),
    )


def _short(value: float) -> float:
    """Return a number as JavaScript prints it: without a point where it is whole."""
    number = round(float(value), 6)
    return int(number) if number.is_integer() else number


def mixed(
    layer_maps: Mapping[str, np.ndarray],
    mix: Mix,
    size: tuple[int, int],
    boxes: np.ndarray | None = None,
) -> np.ndarray:
    """Join layers' maps to one map of each image.

    They are joined where they meet: in cells where the layers have one grid (as SPADE, PaDiM and
    PatchCore do), else at the image's size (as reverse distillation does). Then come the root, the
    image's size, and the smoothing. Negative values, which PaDiM's shares can have, count as 0 in
    products and under the root.

    Parameters
    ----------
    layer_maps: layer -> (N, h, w) float.
    size: (H, W) pixels.
    boxes: (N, 4) of padded images, see `Prediction`: what is outside becomes 0.

    Returns
    -------
    (N, H, W) float32.

    Raises
    ------
    ValueError: a layer that is not there, or none with a weight above 0.
    """
    weights = {
        name: weight for name, weight in zip(mix.layers, mix.weights, strict=True) if weight > 0
    }
    if not weights:
        raise ValueError("expected at least one layer with a weight above 0, got none: choose one")
    if not set(weights) <= set(layer_maps):
        raise ValueError(f"expected layers among {', '.join(layer_maps)}, got {', '.join(weights)}")
    parts = [np.asarray(layer_maps[name], np.float32) for name in weights]
    met = len({part.shape for part in parts}) == 1
    joined = _join(
        parts if met else [_enlarged(part, mix, size) for part in parts],
        [*weights.values()],
        mix.join,
    )
    if mix.root:
        joined = np.sqrt(np.maximum(joined, 0))
    smoothed = maps.smooth(
        _enlarged(joined, mix, size) if met else joined, mix.sigma, border=mix.border
    )
    return (
        smoothed if boxes is None else np.where(maps.inside(boxes, size), smoothed, np.float32(0))
    )


def _join(parts: Sequence[np.ndarray], weights: Sequence[float], join: Join) -> np.ndarray:
    if join == "product":
        return np.asarray(
            np.prod(
                [
                    np.maximum(part, 0) ** np.float32(w)
                    for part, w in zip(parts, weights, strict=True)
                ],
                0,
            )
        )
    total = sum(np.float32(weight) * part for part, weight in zip(parts, weights, strict=True))
    return np.asarray(total / np.float32(sum(weights)) if join == "mean" else total)


def _enlarged(values: np.ndarray, mix: Mix, size: tuple[int, int]) -> np.ndarray:
    return maps.resize(values, size, **ENLARGED[mix.enlarge])


def own_mix(prediction: Prediction) -> Mix | None:
    """Find out how a detector joins its layers.

    All known fusions are tried on the image with the highest map.

    Returns
    -------
    The mix of all layers, equally weighted, that gives the detector's own map; None where none
    does.
    """
    if prediction.anomaly_map is None or not prediction.layer_maps:
        return None
    one = int(prediction.anomaly_map.max((1, 2)).argmax())
    own = prediction.anomaly_map[one]
    layer_maps = {name: values[one : one + 1] for name, values in prediction.layer_maps.items()}
    boxes = None if prediction.boxes is None else prediction.boxes[one : one + 1]
    tolerance = SAME * float(np.ptp(own))
    for mix in _ways(tuple(layer_maps)):
        if np.abs(mixed(layer_maps, mix, own.shape, boxes)[0] - own).max() <= tolerance:
            return mix
    return None


def _ways(names: tuple[str, ...]) -> Iterator[Mix]:
    for border, sigma, enlarge, join, root in product(
        BORDERS, SIGMAS, ENLARGED, JOINS, (False, True)
    ):
        if sigma or border == BORDERS[0]:  # without smoothing there is no border
            yield Mix(names, (1.0,) * len(names), join, root, sigma, enlarge, border)


def presets(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return choices of layers by name: each alone, and cumulative from the deepest.

    With three layers these are the rows of reverse distillation's Table 7 (M1, M2, M3, M2 + M3, M1
    + M2 + M3), and of SPADE's Table 6 with the cumulative ones of its Section 3.4.

    Parameters
    ----------
    names: of the layers, the finest first.
    """
    chosen = [
        *((name,) for name in names),
        *(tuple(names[-count:]) for count in range(2, len(names) + 1)),
    ]
    return {" + ".join(layers): layers for layers in chosen}


def separate(predictions: Mapping[str, Prediction]) -> Prediction:
    """Put predictions from one layer each together, so that each layer's *own* search can be mixed.

    Parameters
    ----------
    predictions: layer -> what a detector of that layer alone found.

    Returns
    -------
    A `Prediction` whose layer maps are the detectors' cell scores, whose map is the mean of their
    maps and whose score is that map's maximum.

    Raises
    ------
    ValueError: no prediction, or one that is not of a single layer, has no map, or has a map of
        another size.
    """
    layer_maps = {}
    for name, found in predictions.items():
        if found.anomaly_map is None or len(found.layer_maps) != 1:
            got = ", ".join(found.layer_maps) or "no layer maps"
            raise ValueError(
                f"expected {name}'s own map, of a detector of this layer alone, got one with {got}"
            )
        (values,), way = found.layer_maps.values(), own_mix(found)
        layer_maps[name] = (
            np.sqrt(np.maximum(values, 0)) if way is not None and way.root else values
        )
    shapes = {
        found.anomaly_map.shape for found in predictions.values() if found.anomaly_map is not None
    }
    if len(shapes) != 1:
        raise ValueError(
            f"expected maps of the same images in one size, got shapes {sorted(shapes)}"
        )
    joined = np.mean([maps_of(name, found) for name, found in predictions.items()], axis=0)
    boxes = next(iter(predictions.values())).boxes
    return Prediction(
        joined.max((1, 2)), joined, layer_maps, detector="each layer alone", boxes=boxes
    )


def as_one(found: Any) -> Any:
    """Return one prediction where there is one for every layer alone.

    Anything else is returned as it is.
    """
    return separate(found) if isinstance(found, Mapping) else found


def maps_of(name: str, found: Prediction) -> np.ndarray:
    """Return a prediction's anomaly maps, (N, H, W).

    Raises
    ------
    ValueError: it has none, or no layer maps.
    """
    if found.anomaly_map is None or not found.layer_maps:
        raise ValueError(
            f"expected predictions with layer maps and an anomaly map, got {name} without"
        )
    return found.anomaly_map


def cut(values: np.ndarray, valid: np.ndarray | None) -> np.ndarray:
    """Return an (h, w) layer map as it is shown: with 0 where an image is padded, (H, W) `valid`.

    None = nowhere.
    """
    return values if valid is None else np.where(cells_inside(valid, values.shape), values, 0)


def mix_all(
    layer_maps: Mapping[str, np.ndarray],
    mix: Mix,
    size: tuple[int, int],
    boxes: np.ndarray | None = None,
) -> np.ndarray:
    """Mix all images, some after the others: every step can be stopped."""
    count = len(next(iter(layer_maps.values())))
    whole = np.empty((count, *size), np.float32)
    for start in progress.progress_bar(range(0, count, BATCH), label="fusing"):
        part = {name: values[start : start + BATCH] for name, values in layer_maps.items()}
        those = None if boxes is None else boxes[start : start + BATCH]
        whole[start : start + BATCH] = mixed(part, mix, size, those)
    return whole


def preview_limits(
    layer_maps: Mapping[str, np.ndarray], mix: Mix, size: tuple[int, int]
) -> tuple[float, float]:
    """Return the ends of a colour scale for the mixed maps of all images.

    From maps as coarse as their finest layer.

    That is 60 times as fast as mixing all images at their size, and takes the smoothing into
    account.
    """
    grid = max(layer_maps[name].shape[1:] for name in mix.layers)
    coarse = replace(mix, sigma=mix.sigma * grid[0] / size[0])
    return plots.shared_limits(list(mixed(layer_maps, coarse, (grid[0], grid[1]))))
