"""A small memory bank with real traces and predictions, on features that are random numbers."""

from types import SimpleNamespace

import numpy as np
from PIL import Image

from adviz import Features, PatchCore, data
from adviz.data import Geometry

SHARES = (0.05, 0.25, 0.5)
N_TRAIN, SIDE = 6, 4  # images, and cells along a side: 96 rows


def small_category(root, *, masks=True, seed=0):
    """Write six training images and test images good, good, hole, hole of 32 x 32 pixels."""
    rng, folder = np.random.default_rng(seed), root / "plate"
    for files in ("train/good 0 1 2 3 4 5", "test/good 0 1", "test/hole 0 1"):
        name, *numbers = files.split()
        (folder / name).mkdir(parents=True)
        for number in numbers:
            Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(
                folder / name / f"{number}.png"
            )
    if masks:
        (folder / "ground_truth/hole").mkdir(parents=True)
        mask = np.zeros((32, 32), np.uint8)
        mask[8:16, 8:16] = 255
        for number in "01":
            Image.fromarray(mask).save(folder / f"ground_truth/hole/{number}_mask.png")
    return data.folder(folder, geometry=Geometry(32, crop=False))


def small_bank(seed=0):
    """Return traces, predictions and detectors of greedy and random banks."""
    rng = np.random.default_rng(seed)
    train, test = (
        Features(
            {"layer": rng.normal(size=(n, 5, SIDE, SIDE)).astype(np.float32)}, image_size=(32, 32)
        )
        for n in (N_TRAIN, 4)
    )
    fitted = {
        name: PatchCore(layers=("layer",), coreset=0.5, sampler=name, sigma=1.0).fit(train)
        for name in ("greedy", "random")
    }
    return SimpleNamespace(
        traces={name: detector.trace_ for name, detector in fitted.items()},
        predictions={
            name: detector.predict_coreset_sizes(test, SHARES) for name, detector in fitted.items()
        },
        detectors=fitted,
        train=train,
        test=test,
    )
