"""All explorers, on images and predictions that are made up in a second, or on the built-in data
set.
"""

import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from adviz import (
    SPADE,
    Backbone,
    Features,
    PaDiM,
    PatchCore,
    Prediction,
    data,
    explore,
    sweep,
    tables,
)
from adviz.data import Geometry
from adviz.sweep.results import write

SIDE, SHARES = 32, (0.05, 0.25, 0.5)
LAYERS = {"layer1": (4, 8), "layer2": (6, 4), "layer4": (8, 1)}  # channels and cells along a side
KINDS = {"train/good": 6, "test/good": 5, "test/hole": 4, "test/scratch": 3}
STEPS = {
    "official": {"start": ("farthest", "anchors"), "distance": ("euclidean", "squared")},
    "anomalib": {"start": ("farthest", "random"), "upsample": ("bilinear", "nearest")},
}


@dataclass(frozen=True)
class Material:
    """What explorers show: categories, predictions by category and method, and features of the
    first category.
    """

    categories: dict
    found: dict
    train: Features
    test: Features
    layers: tuple


def made_up(root):
    """Return two categories of noise, 12 test images of 32 pixels each, and real detectors on
    random features.
    """
    categories = {name: _category(root, name) for name in ("plate", "gear")}
    features = {
        name: [_features(len(part), name) for part in (c.train, c.test)]
        for name, c in categories.items()
    }
    layers = ("layer1", "layer2")
    methods = {
        "SPADE": SPADE(layers=layers, image_layers=("layer4",), k_images=4, sigma=1.0),
        "PaDiM": PaDiM(layers=("layer1", "layer2", "layer4"), sigma=1.0),
        "PatchCore": PatchCore(layers=layers, coreset=0.1, sigma=1.0),
    }
    found = {
        n: {m: d.fit(a).predict(b) for m, d in methods.items()} for n, (a, b) in features.items()
    }
    return Material(categories, found, *features["plate"], layers)


def built_in():
    """Return two categories of the built-in data set as `benchmarks.explorers` has them."""
    backbone = Backbone("efficientnet_lite0")
    categories = {name: data.demo(name) for name in ("capsule", "bottle")}
    features = {
        n: [backbone.extract(part) for part in (c.train, c.test)] for n, c in categories.items()
    }
    methods = {
        "SPADE": SPADE(layers=(8, 16), k_images=10),
        "PaDiM": PaDiM(layers=(8, 16)),
        "PatchCore": PatchCore(coreset=0.02),
    }
    found = {
        n: {m: d.fit(a).predict(b) for m, d in methods.items()} for n, (a, b) in features.items()
    }
    return Material(categories, found, *features["capsule"], (8, 16))


def _category(root, name):
    rng, mask = np.random.default_rng(zlib.crc32(name.encode())), np.zeros((SIDE, SIDE), np.uint8)
    mask[8:14, 8:20] = 255
    for kind, count in KINDS.items():
        truth = root / name / "ground_truth" / kind.removeprefix("test/")
        for folder in (root / name / kind, *([] if "good" in kind else [truth])):
            folder.mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / kind / f"{number}.png")
            if "good" not in kind:
                Image.fromarray(mask).save(truth / f"{number}_mask.png")
    return data.mvtec(root, name, geometry=Geometry(SIDE, crop=False))


def _features(count, name):
    rng = np.random.default_rng(zlib.crc32(f"{name} {count}".encode()))
    arrays = {
        n: rng.normal(size=(count, c, side, side)).astype(np.float32)
        for n, (c, side) in LAYERS.items()
    }
    return Features(arrays, image_size=(SIDE, SIDE))


def _run(material):
    def run(name, options):
        """Make up a prediction that depends on the options alone."""
        test = material.categories[name].test
        rng = np.random.default_rng(zlib.crc32(f"{name} {sorted(options.items())}".encode()))
        maps = rng.random((len(test), *test.image_size), np.float32)
        return Prediction(maps.max((1, 2)), maps)

    return run


def _coreset(material):
    fitted = {
        name: PatchCore(layers=material.layers, coreset=0.5, sampler=name, sigma=1.0).fit(
            material.train
        )
        for name in ("greedy", "random")
    }
    predictions = {
        name: detector.predict_coreset_sizes(material.test, SHARES)
        for name, detector in fitted.items()
    }
    first = next(iter(material.categories.values()))
    return explore.coreset(
        first, {name: detector.trace_ for name, detector in fitted.items()}, predictions
    )


def _tables(folder):
    """Return the explorer of tables over rows that are made up; all but one experiment are there."""
    book, rng = (
        tables.Book(tables.reduced(("bottle", "mesh"), every=6, scale=0.25), folder),
        np.random.default_rng(0),
    )
    seconds = {
        "features": 9.0,
        "fit": 1.0,
        "predict": 1.0,
        "forward_per_image": 0.1,
        "predict_per_image": 0.1,
    }
    names = ("image_auroc", "pixel_auroc", "pro", "pro_200", "pro_per_image")
    for name in book.names:
        for one in book.table(name.paper, name.table).missing:
            values = {key: float(rng.uniform(0.9, 1)) for key in names} | {
                "false_positives": 1.0,
                "false_negatives": 2,
            }
            measured = {"seconds": seconds, "model_bytes": 2**20, "peak_bytes": 2**25}
            write(
                sweep.ExperimentResult(one, {"digest": "0"}, values, {}, {}, {}, {}, measured),
                book.folder,
            )
    return explore.tables(book)


def explorers(material, folder):
    """Return name -> a function that makes the explorer."""
    both = material.categories, material.found
    return {
        "results": lambda: explore.results(*both),
        "retrieval": lambda: explore.retrieval(*both),
        "layers": lambda: explore.layers(*both),
        "coreset": lambda: _coreset(material),
        "thresholds": lambda: explore.thresholds(*both, gate={"SPADE": 0.03}),
        "pro": lambda: explore.pro(*both),
        "compare": lambda: explore.compare(*both),
        "deviations": lambda: explore.deviations(material.categories, STEPS, _run(material)),
        "tables": lambda: _tables(folder),
    }
