"""What the browser gets of layers: their maps, the detector's own way to join them, metrics.

Kinds of parts (C category, D detector, i image):

    layers/C/D/i: layer0, layer1, ...: (h, w) float32, the finest first
    ways/C/D: names, labels, cells, limits, shared, own (JSON): ``MixPart`` of layers_panel.js
    fusion/C/D/mix: numbers, limits (JSON) of all test images; the mix as `Mix.as_text` writes it
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from adviz import plots
from adviz.explore.kit.facts import layer_facts, number_or_none
from adviz.explore.kit.packing import Part, names_of, part_key
from adviz.explore.kit.source import Source
from adviz.explore.layers.judging import measured
from adviz.explore.layers.mixing import Mix, chosen_mix, own_mix, presets, preview_limits
from adviz.prediction import Prediction

LABELS = {"ways": "the detector's own fusion", "fusion": "metrics of the fusion"}
NOTHING: dict[str, Any] = {"layers": [], "weights": {}, "join": "", "root": None, "sigma": None}


def add_to(source: Source) -> None:
    """Let a source make the parts of layers."""

    def layers(key: str) -> Part:
        _, category, detector, image = names_of(key)
        maps = source.prediction(category, detector).layer_maps.values()
        one = [np.asarray(values[int(image)], np.float32) for values in maps]
        return {f"layer{number}": values for number, values in enumerate(one)}

    def mix(key: str) -> Part:
        _, category, detector = names_of(key)
        return _mix_part(source.prediction(category, detector))

    def fusion(key: str) -> Part:
        _, category, detector, text = names_of(key)
        prediction = source.prediction(category, detector)
        return _fusion_part(prediction, Mix.of_text(text), source.truth(category))

    source.add("layers", layers, quick=True)
    source.add("ways", mix)
    source.add("fusion", fusion)


def _mix_part(prediction: Prediction) -> Part:
    layer_maps = prediction.layer_maps
    if prediction.anomaly_map is None or not layer_maps:
        return {"names": []}
    facts = layer_facts(layer_maps, prediction.anomaly_map.shape[1])
    own = own_mix(prediction)
    flat = [np.ravel(values) for values in layer_maps.values()]
    return {
        "names": list(layer_maps),
        "labels": [one["label"] for one in facts],
        "cells": [one["cells"] for one in facts],
        "limits": [list(plots.shared_limits(list(values))) for values in layer_maps.values()],
        "shared": list(plots.shared_limits(flat)),
        "own": [] if own is None else [asdict(own)],
    }


def _fusion_part(prediction: Prediction, mix: Mix, truth: Any) -> Part:
    if prediction.anomaly_map is None:
        raise KeyError("a prediction without maps has no fusion")
    size = prediction.anomaly_map.shape[1], prediction.anomaly_map.shape[2]
    limits = preview_limits(prediction.layer_maps, mix, size)
    numbers = measured(prediction, mix, *truth)
    return {
        "limits": list(limits),
        "numbers": {name: number_or_none(value) for name, value in numbers.items()},
    }


def own_of(source: Source, category: str, detector: str) -> Mix | None:
    """Return how a detector joins its layers; None = unknown."""
    own: Any = source.part(part_key("ways", category, detector)).get("own")
    if not own:
        return None
    values = own[0]
    return Mix(**{**values, "layers": tuple(values["layers"]), "weights": tuple(values["weights"])})


def mix_of(source: Source, category: str, detector: str, chosen: Mapping[str, Any]) -> Mix:
    """Return the mix that choices make of a detector's own, see `chosen_mix`."""
    names = list(source.prediction(category, detector).layer_maps)
    return chosen_mix(names, own_of(source, category, detector), chosen)


def comparable(source: Source, detector: str, layers: Collection[str]) -> list[str]:
    """Return the categories with a prediction by a detector that has some layers."""
    found = {name: each.get(detector) for name, each in source.predictions.items()}
    return [
        name
        for name, one in found.items()
        if isinstance(one, Prediction) and set(layers) <= set(one.layer_maps)
    ]


def fusion_key(category: str, detector: str, mix: Mix) -> str:
    """Return the key of what a mix achieves."""
    return part_key("fusion", category, detector, mix.as_text())


def keys(source: Source, chosen: Mapping[str, Any], images: Sequence[int] | None) -> Iterator[str]:
    """Yield the keys of the parts that an exported page holds.

    Of fusions, those of the presets and the chosen one.
    """
    mixes: dict[str, dict[Mix, None]] = {}
    for category, each in source.predictions.items():
        for detector, found in each.items():
            if not isinstance(found, Prediction):
                continue
            yield part_key("ways", category, detector)
            if found.anomaly_map is None or not found.layer_maps:
                continue
            for image in range(len(found)) if images is None else images:
                if image < len(found):
                    yield part_key("layers", category, detector, image)
            some = _stored(list(found.layer_maps), own_of(source, category, detector), chosen)
            mixes.setdefault(detector, {}).update(dict.fromkeys(some))
    for detector, several in mixes.items():
        for mix in several:
            for category in comparable(source, detector, mix.layers):
                yield fusion_key(category, detector, mix)


def _stored(names: list[str], own: Mix | None, chosen: Mapping[str, Any]) -> Iterator[Mix]:
    """Yield the mixes whose metrics a page holds: the presets, and what was chosen."""
    yield chosen_mix(names, own, chosen)
    for layers in ((), *presets(names).values()):
        for choices in (NOTHING, chosen):
            yield chosen_mix(names, own, {**choices, "weights": {}, "layers": layers})
