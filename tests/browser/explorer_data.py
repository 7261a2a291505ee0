"""What the explorers are driven with: a few images of two categories, and what four detectors found.

A notebook's cell is the text of this module; exported pages are made from its names.
"""

import numpy as np

from adviz import DN2, SPADE, Features, PaDiM, PatchCore, data


def features(split, rng):
    """Return random features: what is displayed is not what is tested here."""
    layer2 = rng.random((len(split), 4, 28, 28), np.float32)
    layer4 = rng.random((len(split), 6, 7, 7), np.float32)
    if split.masks is not None:
        layer2[:, 0] += 2 * split.masks_array()[:, ::8, ::8]
    return Features({"layer2": layer2, "layer4": layer4}, image_size=(224, 224))


def prepared():
    """Return {category: Category}, {category: {detector: Prediction}} and PatchCore's traces."""
    rng = np.random.default_rng(0)
    detectors = {
        "SPADE": SPADE(layers=("layer2",), image_layers=("layer4",), k_images=5),
        "PatchCore": PatchCore(layers=("layer2",), coreset=0.02, neighbors=3),
        "PaDiM": PaDiM(layers=("layer2",)),
        "DN2": DN2(layers=("layer4",)),
    }
    found_categories = {}
    found = {}
    kept = {}
    for name in ("mesh", "hex_nut"):
        whole = data.demo(name)
        test = whole.test.subset(range(0, len(whole.test), 4))
        category = data.Category(name, whole.train.subset(range(6)), test)
        old = features(category.train, rng)
        new = features(category.test, rng)
        found_categories[name] = category
        found[name] = {label: one.fit(old).predict(new) for label, one in detectors.items()}
        kept[name] = detectors["PatchCore"].trace_
    return found_categories, found, kept


categories, predictions, traces = prepared()
