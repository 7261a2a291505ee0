"""Where the images of an experiment come from: a data set by its name, read in the protocol of the papers' tables."""

from __future__ import annotations

import os
from pathlib import Path

from adviz import data
from adviz.data import Category
from adviz.sweep.experiment import Experiment

DEMO = "demo"
ONE_CLASS = ("mnist", "fashion_mnist", "cifar10", "caltech256")
TILES = "mtd"
# Of the training frames: SPADE's "roughly 5000 images", and every fifth
CAMPUS = {"stc": 55, "mstc": 5}
READ_BY_NAME = (DEMO, *ONE_CLASS, TILES, *CAMPUS)  # the rest are folders of MVTec-style categories
# Training and test images of a category, on average, for estimates where they are not there (or not
# decoded yet). Of a class of the one-class sets and of the whole test set: MNIST's classes differ a
# little, 6000 is their average.
NUMBERS = {"mnist": (6000, 10000), "fashion_mnist": (6000, 10000), "cifar10": (5000, 10000)}
# 952 good tiles, 392 others; 12 scenes
NUMBERS |= {TILES: (762, 582), "stc": (274_515 // 55 // 12, 40_791 // 5 // 12)}
NUMBERS |= {"mstc": (274_515 // 5 // 12, 40_791 // 5 // 12)}


def load(experiment: Experiment, root: Path | None = None) -> Category:
    """Return the images of an experiment, with all training images, of which `shots` are drawn later.

    Raises
    ------
    FileNotFoundError: they are not there; what was looked for is named.
    """
    name, geometry, place = (
        experiment.category,
        experiment.geometry,
        folder_of(experiment.data, root),
    )
    if experiment.data == DEMO:
        whole = data.demo(name, geometry=geometry)
    elif experiment.data in ONE_CLASS:
        whole = data.novelty(experiment.data, name, root=root, geometry=geometry)
    elif experiment.data == TILES:
        whole = data.magnetic_tile(place, geometry=geometry)
    elif experiment.data in CAMPUS:
        whole = data.shanghaitech(
            place, name, train_every=CAMPUS[experiment.data], geometry=geometry
        )
    else:
        whole = data.mvtec(place, name, geometry=geometry)
    return Category(
        name, whole.train, whole.test.subset(range(0, len(whole.test), experiment.every))
    )


def folder_of(name: str, root: Path | None = None) -> Path:
    """Return where the folder of a data set is expected; the two protocols of ShanghaiTech Campus share one."""
    base = Path(root if root is not None else os.environ.get("ADVIZ_DATA", "data")).expanduser()
    return base / ("stc" if name in CAMPUS else name)
