"""Cases whose answers adviz' Python gives: the explorers' JavaScript must give the same.

`tests/explore/test_javascript.py` writes them and runs node. By hand:
``python tests/javascript/cases.py cases.json && ADVIZ_CASES=cases.json node --test tests/javascript/*.test.mjs``.
"""

import base64
import json
import sys
from dataclasses import asdict, replace
from itertools import combinations, product
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from adviz import DN2, SPADE, Features, Neighbors, PaDiM, PatchCore, Prediction, data, metrics
from adviz.core import maps
from adviz.evaluation import Distribution, ErrorRate, Null
from adviz.explore.coreset.bank import Bank
from adviz.explore.coreset.figure import COLOURS, point_values
from adviz.explore.deviations import flips as flips_module
from adviz.explore.deviations.runs import Runs, mean
from adviz.explore.deviations.source import RunSource
from adviz.explore.kit import evidence, outcomes
from adviz.explore.kit.facts import good_facts, good_table
from adviz.explore.kit.regions import LIMITS, RATES, nearest, region_part
from adviz.explore.layers.judging import of_image
from adviz.explore.layers.mixing import BORDERS, ENLARGED, JOINS, Mix, chosen_mix, mixed, presets
from adviz.explore.tables.shown import SHOWS, texts_of
from adviz.explore.thresholds.gating import gating

SIZE = (48, 64)  # pixels of random images
TRAIN_SIZE = (40, 40)
REAL_SIZE = (64, 64)  # pixels of those that detectors see
SIGMA = 4.0


def write(path):
    """Write all cases to a JSON file; arrays are base64, for JSON has no NaN."""
    predictions = list(random_predictions()) + list(real_predictions())
    cases = {
        "sigma": SIGMA,
        "evidence": [one for given in predictions for one in evidence_cases(*given)],
        "maps": [one for given in predictions for one in map_cases(*given)] + sent_map_cases(),
        "decisions": decision_cases(),
        "thresholds": threshold_cases(),
        "gating": gating_cases(),
        "grids": grid_cases(),
        "masks": mask_cases(),
        "quantiles": quantile_cases(),
        "regions": region_cases(),
        "fusions": fusion_cases(),
        "judged": judged_cases(),
        "bank": bank_case(),
        "cells": cell_cases(),
        "ways": way_cases(),
        "good": good_cases(),
        "intervals": interval_cases(),
    }
    Path(path).write_text(json.dumps(cases, default=packed, allow_nan=False))


def interval_cases():
    """Return counts and their intervals."""
    counts = [(0, 1), (1, 1), (0, 20), (3, 20), (20, 20), (7, 83), (1, 2000), (1999, 2000)]
    return [[count, of, ErrorRate(count, of).interval] for count, of in counts]


def good_cases():
    """Yield what a browser knows of good values, and what Python says of some numbers."""
    rng = np.random.default_rng(0)
    few = np.array([3.0, 1, 2, 2, 5])
    many = np.sort(rng.gamma(2, 3, 60_000)).round(3)
    cases = []
    for good in (few, many, np.ones(7)):
        distribution = Distribution.of(good)
        numbers = [*np.quantile(good, [0, 0.3, 0.5, 0.9, 0.999]), *good[-3:], 0.0, 2.5, 100.0]
        cases.append(
            {
                "table": good_table(distribution),
                "numbers": [float(number) for number in numbers],
                "exact": [int((good >= number).sum()) for number in numbers],
            }
        )
    null = Null.of(Prediction(score=few, detector="mine"))
    sentences = {number: null.in_words(number, "score") for number in (0.5, 2, 4, 6)}
    return {"counts": cases, "few": good_facts(null, "")["score"], "sentences": sentences}


def packed(value):
    """Return what JSON can hold of an array (little endian) or of numpy's numbers."""
    if isinstance(value, np.ndarray):
        data = np.ascontiguousarray(value.astype(value.dtype.newbyteorder("<")))
        return {"dtype": value.dtype.str[1:], "data": base64.b64encode(data.tobytes()).decode()}
    return value.item()


def random_predictions():
    """Yield (name, prediction, size, train_size, root) of every form that a prediction can have."""
    rng = np.random.default_rng(0)
    gallery = np.broadcast_to(rng.permutation(9)[:5], (2, 6, 8, 5))
    retrieved = Neighbors(
        rng.random((2, 6, 8, 5), np.float32),
        gallery,
        rng.integers(0, 12, (2, 6, 8, 5)),
        (3, 4),
        "retrieval",
    )
    # Few values: equal distances stay in order
    few = np.sort(rng.integers(0, 3, (2, 6, 8, 4)), axis=-1).astype(np.float32)
    nearest = Neighbors(
        few, rng.integers(0, 9, (2, 6, 8, 4)), rng.integers(0, 48, (2, 6, 8, 4)), (6, 8)
    )
    tied = Neighbors(few[..., ::-1], gallery[..., :4], nearest.location, (6, 8), "retrieval")
    layers = {
        "fine": rng.random((2, 6, 8), np.float32),
        "coarse": rng.random((2, 3, 4), np.float32),
    }
    for name, patches, whole, root in (
        ("retrieved", retrieved, gallery[:, :1, :1], False),
        ("roots", retrieved, gallery[:, :1, :1, :3], True),
        ("chosen otherwise", retrieved, gallery[:, :1, :1, ::-1], False),
        ("nearest", nearest, None, True),
        ("ties", tied, None, False),
    ):
        neighbors = {"patch": patches}
        if whole is not None:
            neighbors["image"] = whole_neighbors(whole, rng)
        yield name, with_map(layers, neighbors, root), SIZE, TRAIN_SIZE, root
    boxes = np.array([[5, 0, 40, 64], [0, 11, 48, 50]])
    padded = with_map(layers, {"patch": retrieved}, False, boxes)
    yield "padded", padded, SIZE, SIZE, False
    whole = {"image": whole_neighbors(gallery[:, :1, :1], rng)}
    yield "whole images", Prediction(np.zeros(2), neighbors=whole), SIZE, SIZE, None


def whole_neighbors(image, rng):
    """Return neighbours of whole images with random distances."""
    distance = np.sort(rng.random(image.shape, np.float32), axis=-1)
    return Neighbors(distance, image, np.zeros(image.shape, int))


def with_map(layers, neighbors, root, boxes=None):
    """Return a prediction whose map is the smoothed least distance, or its root."""
    least = neighbors["patch"].distance.min(axis=-1)
    if root:
        least = np.sqrt(least)
    smooth = maps.smooth(maps.resize(least, SIZE), SIGMA)
    if boxes is not None:
        smooth = np.where(maps.inside(boxes, SIZE), smooth, 0)
    return Prediction(np.zeros(2), smooth, layers, neighbors, boxes=boxes)


def real_predictions():
    """Yield the same of detectors that were fitted to random features, letterboxed ones too."""
    rng = np.random.default_rng(1)
    train = features(rng, 12)
    boxes = np.array([[0, 0, 64, 64], [9, 0, 55, 64], [0, 20, 64, 44]])
    test = features(rng, 3)
    padded = features(rng, 3, boxes)
    both = ("fine", "coarse")
    spade = SPADE(layers=both, image_layers=("coarse",), k_images=6, k_images_score=3).fit(train)
    scores = spade.predict(test).score
    some = SPADE(
        layers=both,
        image_layers=("coarse",),
        k_images=6,
        k_images_score=3,
        segment_above=float(np.median(scores)),
    ).fit(train)
    bank = PatchCore(layers=both, dimension=8, coreset=0.5, neighbors=4).fit(train)
    gaussian = PaDiM(layers=both, dimension=None).fit(train)
    whole = DN2(layers=("coarse",), k_images=5).fit(train)
    for name, detector, images, root in (
        ("SPADE", spade, test, False),
        ("SPADE, padded", spade, padded, False),
        ("SPADE, some segmented", some, test, False),
        ("PatchCore", bank, test, True),
        ("PatchCore, padded", bank, padded, True),
        ("PaDiM", gaussian, test, True),
        ("PaDiM, padded", gaussian, padded, True),
        ("DN2", whole, test, None),
    ):
        yield name, detector.predict(images), REAL_SIZE, REAL_SIZE, root


def features(rng, count, boxes=None):
    """Return random features of `count` images."""
    layers = {
        "fine": rng.normal(size=(count, 6, 8, 8)).astype(np.float32),
        "coarse": rng.normal(size=(count, 4, 4, 4)).astype(np.float32),
    }
    return Features(layers, image_size=REAL_SIZE, boxes=boxes)


# `adviz/explore/kit/source.py` makes the real facts and parts; tests/explore/kit/test_source.py holds them to the same
# definition, adviz/explore/js/types.d.ts.


def facts_of(prediction, size, root):
    """Return the `DetectorFacts` that the tested modules read."""
    searched = evidence.searched_cells(prediction)
    found = prediction.neighbors.get(searched)
    whole = evidence.whole_images(prediction)
    shown = [name for name, values in prediction.layer_maps.items() if values.shape[1:] != (1, 1)]
    return {
        "scores": prediction.score.astype(float),
        "cells": list(evidence.cell_grid(prediction, size)),
        "grid": None if found is None else list(found.grid),
        "k": 0 if found is None else found.distance.shape[3],
        "order": "" if found is None else found.order,
        "searched": searched,
        "wholeK": 0 if whole is None else whole.distance.shape[3],
        "layers": [
            {"name": name, "label": name, "cells": list(prediction.layer_maps[name].shape[1:])}
            for name in shown
        ],
        "root": root,
    }


def part_of(prediction, image, facts):
    """Return the `FoundPart` of an image whose map follows from its distances, if it has one."""
    part = {}
    found = prediction.neighbors.get(facts["searched"])
    if found is not None:
        images = found.image[image].reshape(-1, facts["k"])
        if (images == images[0]).all():
            images = images[0]
        part["distance"] = found.distance[image].ravel().astype(np.float32)
        part["location"] = found.location[image].ravel().astype(np.uint16)
        part["image"] = images.ravel().astype(np.uint16)
    elif facts["root"] is not None:
        total = sum(
            maps.resize(values[[image]], facts["cells"], "nearest")[0]
            for values in prediction.layer_maps.values()
        )
        part["cells"] = total.clip(min=0).ravel().astype(np.float32)
    whole = evidence.whole_images(prediction)
    if whole is not None:
        part["wholeDistance"] = whole.distance[image].ravel().astype(np.float32)
        part["wholeImage"] = whole.image[image].ravel().astype(np.uint32)
    if prediction.boxes is not None:
        part["box"] = prediction.boxes[image].astype(np.uint16)
    for number, layer in enumerate(facts["layers"]):
        values = prediction.layer_maps[layer["name"]][image]
        part[f"layer{number}"] = values.ravel().astype(np.float32)
    return part


def evidence_cases(name, prediction, size, train_size, root):
    """Return what pixels of each image were compared with, for several k."""
    rng = np.random.default_rng(2)
    facts = facts_of(prediction, size, root)
    cases = []
    for image in range(len(prediction)):
        part = part_of(prediction, image, facts)
        for k in sorted({1, 2, max(1, facts["k"])}):
            pixel = [int(place) for place in rng.integers((0, 0), size)]
            found = evidence.evidence(
                prediction, image, tuple(pixel), size=size, train_size=train_size, k=k
            )
            cases.append(
                {
                    "name": f"{name}, image {image}, pixel {pixel}, k = {k}",
                    "facts": facts,
                    "part": part,
                    "size": list(size),
                    "trainSize": list(train_size),
                    "pixel": pixel,
                    "k": k,
                    "cell": list(found.cell),
                    "box": list(found.box),
                    "image": found.image.astype(float),
                    "boxes": [list(box) for box in found.boxes],
                    "distance": found.distance.astype(float),
                    "rank": found.rank.astype(float),
                    "layers": found.layers,
                    "ranked": ranked_case(prediction, image, found.cell, facts),
                    "whole": ranked_case(prediction, image, None, facts),
                    "elsewhere": elsewhere(prediction, image, facts),
                    "segmented": prediction.segmented is None or bool(prediction.segmented[image]),
                }
            )
    return cases


def ranked_case(prediction, image, cell, facts):
    """Return distances, images and scores of the neighbours of a cell, or of the image (None)."""
    exists = facts["wholeK"] if cell is None else facts["k"]
    if not exists:
        return None
    found = prediction.neighbors["image" if cell is None else facts["searched"]]
    at = (image, *((0, 0) if cell is None else cell))
    distance = found.distance[at].astype(float)
    score = None
    if cell is None:
        score = np.cumsum(distance) / np.arange(1, len(distance) + 1)
    elif found.order == "retrieval":
        score = np.minimum.accumulate(distance)
    return {"distance": distance, "image": found.image[at].astype(float), "score": score}


def elsewhere(prediction, image, facts):
    """Return whether the gallery of the first patch begins with other images than were retrieved."""
    if not facts["k"] or not facts["wholeK"]:
        return False
    found = prediction.neighbors[facts["searched"]]
    if np.isnan(found.distance[image]).all():
        return False  # none was searched
    searched = found.image[image, 0, 0]
    retrieved = evidence.whole_images(prediction).image[image, 0, 0]
    count = min(len(searched), len(retrieved))
    return not np.array_equal(searched[:count], retrieved[:count])


def map_cases(name, prediction, size, _train_size, root):
    """Return the maps of each image with several k."""
    facts = facts_of(prediction, size, root)
    retrieval = facts["order"] == "retrieval"
    cases = []
    for image in range(len(prediction)):
        for k in sorted({1, 2, max(1, facts["k"])}):
            expected = evidence.map_with(prediction, image, k)
            if root and retrieval and k < facts["k"]:
                expected = root_map_with(prediction, image, k, size)
            if prediction.segmented is not None and not prediction.segmented[image]:
                expected = None  # it would be 0 everywhere
            cases.append(
                {
                    "name": f"{name}, image {image}, k = {k}",
                    "facts": facts,
                    "part": part_of(prediction, image, facts),
                    "size": list(size),
                    "k": k,
                    "follows": retrieval,
                    **expected_map(prediction, image, expected),
                }
            )
    return cases


def root_map_with(prediction, image, k, size):
    """Return what `map_with` does not know: the map of roots of the first k distances."""
    least = prediction.neighbors["patch"].distance[[image], ..., :k].min(axis=-1)
    return maps.smooth(maps.resize(np.sqrt(least), size), SIGMA)[0]


def expected_map(prediction, image, expected):
    """Return a map, the pixels where it holds, and its peak; None without a map."""
    if expected is None:
        return {"map": None, "valid": None, "peak": None}
    valid = np.ones(expected.shape, bool)
    if prediction.boxes is not None:
        valid = maps.inside(prediction.boxes[[image]], expected.shape)[0]
    highest = np.where(valid, expected, -np.inf).argmax()
    return {
        "map": expected.ravel().astype(np.float32),
        "valid": valid.ravel().astype(np.uint8),
        "peak": [int(place) for place in np.unravel_index(highest, expected.shape)],
    }


def sent_map_cases():
    """Return a map that is sent in steps: it wins over distances, and k changes nothing."""
    rng = np.random.default_rng(3)
    _, prediction, size, _, root = next(iter(random_predictions()))
    facts = facts_of(prediction, size, root)
    stored = rng.normal(size=size)
    low, high = stored.min(), stored.max()
    steps = np.round((stored - low) / (high - low) * 65535).astype(np.uint16)
    part = {
        **part_of(prediction, 0, facts),
        "map": steps.ravel(),
        "range": np.array([low, high], np.float32),
    }
    return [
        {
            "name": f"sent, k = {k}",
            "facts": facts,
            "part": part,
            "size": list(size),
            "k": k,
            "follows": False,
            **expected_map(prediction, 0, low + steps / 65535 * (high - low)),
        }
        for k in (1, facts["k"])
    ]


def labelled_scores():
    """Yield scores and labels: with ties, alike, unlabelled in part or all, good ones alone."""
    rng = np.random.default_rng(4)
    for count in (1, 2, 7, 20, 21, 60):
        for labels in ((0, 1), (-1, 0, 1), (0,), (-1, 0), (-1,), (1,)):
            chosen = rng.choice(labels, count)
            yield np.round(rng.normal(size=count), 1), chosen
            yield rng.random(count) * 1e-3, chosen
            yield rng.random(count, np.float32).astype(float) * 1e4, chosen
    yield np.zeros(4), np.array([0, 0, 0, -1])
    yield np.array([-3.0, -2.5, -1e-9]), np.zeros(3, int)
    yield np.full(5, 0.5), np.array([0, 1, 0, 1, -1])


def decision_cases():
    """Return counts, ratios and errors at thresholds, among them scores themselves."""
    cases = []
    for scores, labels in labelled_scores():
        for threshold in (scores[0], np.median(scores), scores.max() + 1):
            found = outcomes.outcome(scores, labels, float(threshold))
            errors = outcomes.wrong(scores, labels, float(threshold))
            cases.append(
                {
                    "scores": scores,
                    "labels": labels.astype(float),
                    "threshold": float(threshold),
                    "counts": {
                        "truePositives": found.true_positives,
                        "trueNegatives": found.true_negatives,
                        "falsePositives": found.false_positives,
                        "falseNegatives": found.false_negatives,
                        "unlabelledPositives": found.unlabelled_flagged,
                        "unlabelledNegatives": found.unlabelled_passed,
                    },
                    "ratios": np.array([found.precision, found.recall, found.f1]),
                    "wrong": {
                        "falsePositives": errors.false_positives.tolist(),
                        "falseNegatives": errors.false_negatives.tolist(),
                        "unlabelled": errors.unlabelled.tolist(),
                    },
                }
            )
    return cases


def threshold_cases():
    """Return the threshold to begin with, the F1-optimal one and the one with full recall."""
    cases = []
    for scores, labels in labelled_scores():
        first, name = outcomes.first_threshold(scores, labels)
        known = labels >= 0
        best = metrics.f1_threshold(scores[known], labels[known] == 1) if known.any() else None
        recall = outcomes.full_recall(scores, labels) if known.any() else np.nan
        cases.append(
            {
                "scores": scores,
                "labels": labels.astype(float),
                "name": name,
                # first, best, full recall
                "thresholds": np.array([first, best.threshold if best else np.nan, recall]),
            }
        )
    return cases


def gating_cases():
    """Return what every tau of a first stage saves and loses."""
    rng = np.random.default_rng(5)
    cases = []
    for number in range(12):
        count = int(rng.integers(1, 40))
        scores = np.round(rng.random(count), 1)
        labels = rng.integers(-1, 2, count)
        areas = rng.integers(0, 50, count) if number % 3 else None
        found = gating(scores, labels, areas)
        taus = np.array([-5.0, 0.0, 0.25, 0.3, 0.95, 99.0])
        cases.append(
            {
                "scores": scores,
                "labels": labels.astype(float),
                "areas": None if areas is None else areas.astype(np.uint32),
                "tau": found.tau.astype(float),
                "saved": found.saved,
                "imagesLost": found.images_lost.astype(float),
                "pixelsLost": found.pixels_lost,
                "anomalous": found.anomalous,
                "images": found.images,
                "free": found.free,
                "taus": taus,
                "at": [found.at(tau) for tau in taus],
            }
        )
    return cases


def grid_cases():
    """Return boxes of all locations of grids that divide an image evenly, unevenly, or finer than it."""
    cases = []
    for size, grid in (((48, 64), (6, 8)), ((50, 31), (7, 7)), ((5, 4), (8, 8)), ((9, 9), (1, 1))):
        boxes = [
            list(evidence.cell_box((row, column), size, grid))
            for row in range(grid[0])
            for column in range(grid[1])
        ]
        cases.append({"size": list(size), "grid": list(grid), "boxes": boxes})
    return cases


def mask_cases():
    """Return masks, packed."""
    rng = np.random.default_rng(6)
    cases = []
    for shape, fraction in (((7, 5), 0.5), ((3, 3), 0.0), ((4, 8), 1.0), ((16, 9), 0.2)):
        mask = rng.random(shape) < fraction
        cases.append(
            {"shape": list(shape), "mask": mask.astype(np.uint8), "bits": np.packbits(mask)}
        )
    return cases


def quantile_cases():
    """Return where values stand among others, by numpy."""
    rng = np.random.default_rng(7)
    quantiles = np.quantile(rng.normal(size=5000), np.linspace(0, 1, 2001)).astype(np.float32)
    values = np.concatenate([rng.normal(size=20), quantiles[[0, 1, 1000, -1]], [-99, 99]])
    fractions = np.interp(values, quantiles, np.linspace(0, 1, 2001))
    return [{"quantiles": quantiles, "values": values, "fractions": fractions}]


def region_cases():
    """Return regions' numbers at some rates and limits, and what is predicted anomalous there."""
    rng = np.random.default_rng(7)
    cases = []
    for connectivity in (8, 4):
        masks = np.zeros((5, *SIZE), bool)
        masks[1, 5:20, 10:30] = masks[2, 30:34, 40:44] = masks[2, 34:40, 44:50] = True
        masks[4, :3, :5] = True
        scores = (rng.random(masks.shape) + 0.6 * masks).astype(np.float32)
        images = np.array([0, 2, 3, 5, 8])
        part = region_part(scores, masks, images, connectivity, None)
        for rate, limit in ((0.0, 0.3), (0.02, 0.05), (0.1, 0.3), (0.776, 1.0)):
            curves = metrics.region_curves(scores, masks, limit, connectivity)
            threshold = metrics.region_curves(scores, masks, 1.0, connectivity).threshold(rate)
            predicted = scores[1] >= threshold
            cases.append(
                {
                    "part": part,
                    "fpr": rate,
                    "limit": limit,
                    "rate": nearest(RATES, rate),
                    "place": nearest(LIMITS, limit),
                    "overlap": curves.overlap(threshold),
                    "integral": curves.integral,
                    "pro": [
                        metrics.pro(scores, masks, name, limit, connectivity)
                        for name in metrics.PRO_DEFINITIONS
                    ],
                    "threshold": threshold,
                    "map": scores[1],
                    "mask": masks[1].astype(np.uint8),
                    "columns": SIZE[1],
                    "found": int((predicted & masks[1]).sum()),
                    "wrong": int((predicted & ~masks[1]).sum()),
                }
            )
    return cases


def fusion_cases():
    """Return fusions in every way that a detector may join its layers, of one grid and of several."""
    rng = np.random.default_rng(8)
    grids = {"several": ((16, 12), (8, 6), (1, 1)), "one": ((7, 9),) * 3, "full": (SIZE, (6, 8))}
    own = Mix(("a", "b"), (1.0, 1.0), "mean", True, 2.5, "bicubic", "mirror")
    cases = []
    for name, cells in grids.items():
        names = "abc"[: len(cells)]
        layers = {
            layer: rng.random((1, *grid), np.float32) - np.float32(0.1)
            for layer, grid in zip(names, cells, strict=True)
        }
        for number, (join, enlarge, border) in enumerate(product(JOINS, ENLARGED, BORDERS)):
            weights = {"a": 0.5, "b": [1, 0, 2.5][number % 3]}
            chosen = {
                "layers": [],
                "weights": weights,
                "join": join,
                "root": bool(number % 2),
                "sigma": [0, 3, 9.5][number % 3],
            }
            base = replace(own, enlarge=enlarge, border=border)
            mix = chosen_mix(names, base, chosen)
            cases.append(
                {
                    "name": f"{name}, {mix.as_text()}",
                    "names": list(names),
                    "own": asdict(base),
                    "chosen": chosen,
                    "text": mix.as_text(),
                    "layers": [
                        {"values": values[0], "cells": list(values.shape[1:])}
                        for values in layers.values()
                    ],
                    "size": list(SIZE),
                    "map": mixed(layers, mix, SIZE)[0],
                    "presets": {key: list(some) for key, some in presets(names).items()},
                }
            )
    return cases


def judged_cases():
    """Return metrics of maps of one image, with ties, padding, touching regions and nothing to find."""
    rng = np.random.default_rng(9)
    cases = []
    for number in range(12):
        size = ((24, 32), (9, 7), (40, 40))[number % 3]
        mask = rng.random(size) < (0.02, 0.3, 0.6, 0)[number % 4]
        values = rng.random(size).astype(np.float32) + (number % 5) * mask.astype(np.float32) / 4
        if number % 2:
            values = np.round(values, 1)
        if number == 10:
            mask = np.ones(size, bool)
        valid = None
        if number % 3 == 1:
            valid = np.zeros(size, bool)
            valid[1:-2, 1:] = True
            mask &= valid
        shown = values if valid is None else np.where(valid, values, np.nan)
        found = of_image(values, mask, valid)
        cases.append(
            {
                "map": shown.astype(np.float32),
                "mask": mask.astype(np.uint8),
                "size": list(size),
                "metrics": np.array([found["pixel_auroc"], found["pro"]]),
            }
        )
    return cases


def bank_case():
    """Return the parts of a small memory bank, and what Python says of them."""
    rng = np.random.default_rng(5)
    grid = (3, 4)
    train = Features({"layer": rng.normal(size=(9, 6, *grid)).astype("f4")}, image_size=(24, 32))
    trace = PatchCore(layers=("layer",), coreset=0.5).fit(train).trace_
    pixels = np.zeros((2, 24, 32, 3), np.uint8)
    bank = Bank({"greedy": trace}, data.Split.from_arrays(pixels, [0, 1]), 9)
    list(bank.lessons())
    size = bank.steps("greedy")[6]
    numbers, frame = bank.whole_numbers
    x, y = numbers.T
    distance = bank.distances["greedy"][size].astype(np.float64)
    outlines = [(bank.plane[0][rng.choice(bank.total, n)] + 1e-3).ravel() for n in (3, 7, 40)]
    return {
        "points": {
            "x": x,
            "y": y,
            "frame": frame,
            "image": u4(trace.image),
            "location": u4(trace.location),
        },
        "order": u4(trace.order),
        "grid": list(grid),
        "size": size,
        "sizes": bank.steps("greedy"),
        "wanted": [
            [one, int(np.argmin(np.abs(np.log(np.array(bank.steps("greedy")) / one))))]
            for one in range(1, 70)
        ],
        "distances": {
            "distance": (distance / distance.max() * 65535).round().astype(np.uint16),
            "most": np.array([distance.max()]),
            "nearest": u4(bank.nearest["greedy"][size]),
        },
        "colours": {
            colour: {
                "values": point_values(bank, "greedy", size, colour, 4)[0],
                "limits": list(point_values(bank, "greedy", size, colour, 4)[1]),
            }
            for colour in COLOURS
        },
        "outlines": [
            {"outline": list(map(float, one)), "inside": u4(bank.inside(one))} for one in outlines
        ],
        "counts": u4(np.bincount(trace.image[trace.order[:size]], minlength=9)),
    }


def u4(values):
    """Return whole numbers as the browser gets them."""
    return np.asarray(values).astype(np.uint32)


def cell_cases():
    """Cells of a paper's table, and their texts in every way to show them."""
    fields = {
        "printed": ["", "98.1*"],
        "ours": ["", "97.9 ± 0.1"],
        "delta": ["", "-0.2"],
        "state": ["", "queued", "1/2"],
        "theirs": [False, True],
    }
    cells = [dict(zip(fields, values, strict=True)) for values in product(*fields.values())]
    return [
        {"cell": cell, "shows": shows, "texts": texts_of(cell, shows)}
        for cell in cells
        for shows in SHOWS
    ]


def way_cases():
    """Flipped options, the runs that they need, and what Python makes of their numbers."""
    rng = np.random.default_rng(11)
    flips = {"a": (1, 2), "b": ("x", "y"), "c": (None, None), "d": (0, 1)}
    names = ("plate", "gear", "nut")
    runs = Runs(dict.fromkeys(names), lambda *_: None)
    every = [chosen for count in range(5) for chosen in combinations(flips, count)]
    for name, chosen in product(names, every):
        if name != "nut" or len(chosen) < 3:
            run = SimpleNamespace(points={"PRO": float(rng.uniform(80, 100))})
            runs.made[name, flips_module.key(flips, chosen)] = run
    source = RunSource({}, {"target": flips}, runs, "start", ())
    made = {name: {} for name in names}
    for (name, key), run in runs.made.items():
        made[name][source.name_of(key)] = {"points": run.points}
    cases = []
    for flipped, mode in product([(), ("b",), ("d", "a"), tuple(flips)], flips_module.MODES):
        steps = flips_module.steps_of(flipped, mode)
        paths = [runs.path(name, flips, steps, flipped, "PRO") for name in names]
        wanted = flips_module.configurations(flipped, mode)
        case = {
            "options": source.options_of(flips),
            "runs": made,
            "flipped": flipped,
            "mode": mode,
            "wanted": [source.name_of(flips_module.key(flips, one)) for one in wanted],
            "paths": [_numbers(path) for path in [*paths, mean(paths)]],
        }
        cases.append(case)
    return cases


def _numbers(path):
    return np.array([path.start, *np.ravel(path.steps), path.end], float)


if __name__ == "__main__":
    write(sys.argv[1])
