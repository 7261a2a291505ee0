"""A small category, what three detectors found in it, and a desk that shows it.

Tests with categories of their own have fixtures of the same names.
"""

import numpy as np
import pytest
from PIL import Image

from adviz import DN2, Features, PaDiM, PatchCore, data, explore
from adviz.data import Geometry

SECONDS = 20  # more than anything here takes on a loaded machine


@pytest.fixture(scope="module")
def category(tmp_path_factory):
    """A category of six test images: three good, three with a hole."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    mask = np.zeros((32, 32), np.uint8)
    mask[8:14, 10:18] = 255
    good = [f"train/good/{n}" for n in range(4)]
    test = [f"test/{kind}/{n}" for kind in ("good", "hole") for n in range(3)]
    for file in good + test:
        path = root / "nut" / f"{file}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(path)
    (root / "nut/ground_truth/hole").mkdir(parents=True)
    for number in range(3):
        Image.fromarray(mask).save(root / f"nut/ground_truth/hole/{number}_mask.png")
    return data.mvtec(root, "nut", geometry=Geometry(32, crop=False))


@pytest.fixture(scope="module")
def predictions(category):
    rng = np.random.default_rng(1)
    old, new = (
        Features({"layer": rng.random((count, 4, 8, 8), np.float32)}, image_size=(32, 32))
        for count in (len(category.train), len(category.test))
    )
    detectors = {
        "PatchCore": PatchCore(layers=("layer",), coreset=0.5, neighbors=3),
        "PaDiM": PaDiM(layers=("layer",)),
        "DN2": DN2(layers=("layer",), k_images=2),
    }
    return {name: one.fit(old).predict(new) for name, one in detectors.items()}


@pytest.fixture(scope="module")
def fitted(category):
    """PatchCore, and its prediction of the test images."""
    rng = np.random.default_rng(1)
    old, new = (
        Features({"layer": rng.random((count, 4, 8, 8), np.float32)}, image_size=(32, 32))
        for count in (len(category.train), len(category.test))
    )
    detector = PatchCore(layers=("layer",), coreset=0.5, neighbors=3).fit(old)
    return detector, {"PatchCore": detector.predict(new)}


@pytest.fixture
def trace(fitted):
    return fitted[0].trace_


@pytest.fixture
def banked(fitted):
    return fitted[1]


@pytest.fixture
def desk(category, predictions):
    found = explore.desk(category, predictions)
    found.wait(SECONDS)
    yield found
    found.close()
