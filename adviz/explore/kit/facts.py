"""What the browser always has of categories and detectors: everything small, as plain data."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np

from adviz.data import UNLABELLED, Category, Split
from adviz.evaluation import Distribution, Null
from adviz.explore.kit.error_tags import score_is_peak
from adviz.explore.kit.evidence import cell_grid, layers_of, searched_cells, whole_images
from adviz.explore.kit.found import root_of
from adviz.explore.kit.outcomes import first_threshold, full_recall
from adviz.explore.kit.parts import Facts
from adviz.prediction import Prediction

# Strides of the stages of a network, by which `Backbone` names its layers
STAGES = {"layer1": 4, "layer2": 8, "layer3": 16, "layer4": 32}
STEP = 1.02  # between two counts of good values that a browser knows


def category_facts(category: Category) -> Facts:
    """Return ``CategoryFacts`` of types.d.ts, without detectors."""
    test = category.test
    return {
        "size": list(test.image_size),
        "trainSize": list(category.train.image_size),
        "names": short_names(test, "test"),
        "trainNames": short_names(category.train, "train"),
        "labels": [int(label) for label in test.labels],
        "defects": [defect or "unlabelled" for defect in test.defects],
        "masked": test.has_masks,
    }


def short_names(split: Split, folder: str) -> list[str]:
    """Return the names of images without the folder of their split and without ending.

    They stay as they are where two images would have the same name then.
    """
    short = []
    for name in split.ids:
        *folders, last = name.split("/")
        if folder in folders:
            folders = folders[folders.index(folder) + 1 :]
        # What is in memory has names of its own, in which a dot begins no ending
        if split.pixels is None:
            last = PurePosixPath(last).stem
        short.append("/".join([*folders, last]))
    if len(set(short)) < len(short):
        return split.ids
    return short


def detector_facts(category: Category, prediction: Prediction) -> Facts:
    """Return ``DetectorFacts`` of types.d.ts."""
    labels = category.test.labels
    size = category.test.image_size
    threshold, name = first_threshold(prediction.score, labels)
    if len(labels) == 1 and labels[0] == UNLABELLED:  # one image alone tells no threshold
        threshold = math.nan
    searched = searched_cells(prediction)
    neighbors = prediction.neighbors.get(searched)
    whole = whole_images(prediction)
    facts: Facts = {
        "scores": [float(score) for score in prediction.score],
        "threshold": number_or_none(threshold),
        "thresholdName": name,
        "fullRecall": number_or_none(full_recall(prediction.score, labels)),
        "limits": None,
        "ends": None,
        "cells": [int(count) for count in cell_grid(prediction, size)],
        "grid": None,
        "k": 0,
        "order": "",
        "searched": searched,
        "wholeK": 0,
        "layers": [],
        "root": root_of(prediction),
        "peak": False,
        "good": None,
        "anchored": False,
    }
    if neighbors is not None:
        facts["grid"] = [int(count) for count in neighbors.grid]
        facts["k"] = neighbors.distance.shape[3]
        facts["order"] = neighbors.order
    if whole is not None:
        facts["wholeK"] = whole.distance.shape[3]
    if prediction.anomaly_map is not None:
        unpadded = prediction.unpadded()
        facts["limits"] = list(map_limits(unpadded))
        lowest = min(float(one.min()) for one in unpadded)
        highest = max(float(one.max()) for one in unpadded)
        facts["ends"] = [lowest, highest]
        facts["peak"] = score_is_peak(prediction.score, prediction.anomaly_map)
    facts["layers"] = layer_facts(layers_of(prediction), size[0])
    return facts


def good_facts(null: Null, searched: str) -> Facts:
    """Return ``GoodFacts`` of types.d.ts: how strange the good images are to a detector.

    Parameters
    ----------
    searched: the name of its neighbours, whose nearest are told.
    """
    facts: Facts = {"images": null.n_images}
    names = {"score": "score", "pixels": "pixels", "nearest": f"nearest {searched}"}
    for name, of in names.items():
        facts[name] = good_table(null.good[of]) if of in null.good else None
    return facts


def good_table(good: Distribution) -> Facts:
    """Return ``GoodTable`` of types.d.ts: a distribution of which a browser needs little.

    How many are as large is told exactly up to 50; else it is up to 2 % of them too many, and
    above 10,000 up to another 4,096th of all.
    """
    kept = [0]
    while kept[-1] < len(good.values) - 1:
        # The last that still has nearly as many beyond it
        last = np.searchsorted(-good.at_least, -good.at_least[kept[-1]] / STEP, "right") - 1
        kept.append(max(kept[-1] + 1, int(last)))
    return {
        "values": good.values[kept].tolist(),
        "atLeast": good.at_least[kept].tolist(),
        "beyond": good.n_at_least(np.nextafter(good.values[kept], np.inf)).tolist(),
        "count": good.count,
    }


def layer_facts(layers: Mapping[str, np.ndarray], height: int) -> list[Facts]:
    """Return ``LayerFacts`` of types.d.ts of the maps of layers.

    A layer that is named by its stride is called so. Of others the stride is what an image of
    `height` pixels has for each row. Where several layers have maps of one size, that is the
    detector's, which is the finest layer's: then the names tell the strides ("layer1" to "layer4"
    are 4 to 32), if that of the finest is right, and else none is given.
    """
    sizes = Counter(values.shape[1:] for values in layers.values())
    named = [STAGES[name] for name in layers if name in STAGES]
    facts = []
    for name, values in layers.items():
        cells = values.shape[1:]
        stride = round(height / cells[0])
        if name.isdigit():
            label = f"stride {name}"
        elif sizes[cells] == 1:
            label = f"{name} (stride {stride})"
        elif name in STAGES and min(named) == stride:
            label = f"{name} (stride {STAGES[name]})"
        else:
            label = name
        facts.append({"name": name, "label": label, "cells": list(cells)})
    return facts


def map_limits(unpadded: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the ends of the colour scale that all maps of a detector share."""
    from adviz import plots  # loads matplotlib

    return plots.shared_limits(unpadded)


def number_or_none(value: float) -> float | None:
    """Return a number as JSON holds it; None for NaN and infinity."""
    return float(value) if math.isfinite(value) else None
