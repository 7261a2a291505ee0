"""Data sets by name: an experiment's images, and how many there are in the papers' protocols."""

from __future__ import annotations

import os
from pathlib import Path

from adviz import data
from adviz._support import got
from adviz.data import Category, published_counts
from adviz.sweep.experiment import Experiment

DEMO = "demo"
ONE_CLASS = ("mnist", "fashion_mnist", "cifar10", "caltech256", "cub200", "flowers102")
MAGNETIC_TILES = "mtd"
GOOD_TILES_TESTED = 0.2  # of all good ones
# Protocol -> every so many training frames are used: for SPADE's "roughly 5000 images", and mSTC
SHANGHAITECH = {"stc": 55, "mstc": 5}
TEST_FRAMES_EVERY = 5
SCENES = 12
# All other names are folders of MVTec-style categories
READ_BY_NAME = (DEMO, *ONE_CLASS, MAGNETIC_TILES, *SHANGHAITECH)
MVTEC = "mvtec"
MVTEC_CATEGORIES = 15
CLASSES = 10  # of each of these sets, about equally large
AS_PUBLISHED = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST", "cifar10": "CIFAR-10"}


def load(experiment: Experiment, root: Path | None = None) -> Category:
    """Return the images of an experiment, with all training images: `shots` are drawn later.

    Raises
    ------
    FileNotFoundError: they are not there; what was looked for is named, and of an unknown data set
        those that are known.
    """
    dataset = experiment.data
    name = experiment.category
    geometry = experiment.geometry
    folder = folder_of(dataset, root)
    if dataset == DEMO:
        category = data.demo(name, geometry=geometry)
    elif dataset in ONE_CLASS:
        category = data.novelty(dataset, name, root=root, geometry=geometry)
    elif dataset == MAGNETIC_TILES:
        category = data.magnetic_tile(folder, held_out=GOOD_TILES_TESTED, geometry=geometry)
    elif dataset in SHANGHAITECH:
        category = data.shanghaitech(
            folder,
            name,
            every=TEST_FRAMES_EVERY,
            train_every=SHANGHAITECH[dataset],
            geometry=geometry,
        )
    else:
        if dataset != MVTEC and not folder.is_dir():
            raise FileNotFoundError(_unknown(dataset, folder))
        category = data.mvtec(folder, name, geometry=geometry)
    test_images = range(0, len(category.test), experiment.every)
    return Category(name, category.train, category.test.subset(test_images))


def _unknown(name: str, folder: Path) -> str:
    """Return the error of a data set that is neither known by its name nor a folder."""
    others = ", ".join(READ_BY_NAME[1:])
    return (
        f'expected a data set: "{DEMO}", which is built in, one that is read by its name '
        f"({others}), or the name of a folder of MVTec-style categories in {folder.parent}, found "
        f"no folder {folder}, {got(name, [*READ_BY_NAME, MVTEC])}"
    )


def folder_of(name: str, root: Path | None = None) -> Path:
    """Return where the folder of a data set is expected; "stc" and "mstc" share one."""
    base = Path(os.environ.get("ADVIZ_DATA", "data") if root is None else root).expanduser()
    return base / ("stc" if name in SHANGHAITECH else name)


def published_numbers(experiment: Experiment) -> tuple[int, int]:
    """Return the published numbers of training and test images, of the average category if need be.

    Those of MVTec AD's average category stand for data sets whose numbers are not known.
    """
    dataset = experiment.data
    if dataset in AS_PUBLISHED:
        counts = published_counts(AS_PUBLISHED[dataset])
        return counts["train"] // CLASSES, counts["test"]
    if dataset == MAGNETIC_TILES:
        counts = published_counts("MTD")
        n_tested = round(GOOD_TILES_TESTED * counts["good"])
        return counts["good"] - n_tested, n_tested + counts["defective"]
    if dataset in SHANGHAITECH:
        counts = published_counts("ShanghaiTech Campus")
        n_train = counts["train"] // SHANGHAITECH[dataset] // SCENES
        return n_train, counts["test"] // TEST_FRAMES_EVERY // SCENES
    counts = published_counts("MVTec AD", experiment.category)
    if counts:
        return counts["train"], counts["test good"] + counts["test defective"]
    counts = published_counts("MVTec AD")
    return round(counts["train"] / MVTEC_CATEGORIES), round(counts["test"] / MVTEC_CATEGORIES)
