"""What is benchmarked on: the built-in `brick`, 209 training and 83 test images, and features of
real networks.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from adviz import Backbone, data
from adviz.data import Split
from adviz.detectors.patchcore.embedding import PatchEmbedding
from adviz.features.features import Features

TRAIN, TEST = 209, 83
CATEGORY = "brick"
# WideResNet50's channels at strides 4, 8 and 16
WIDE = {"layer1": 256, "layer2": 512, "layer3": 1024}


def splits(quick: bool = False) -> tuple[Split, Split]:
    """Return the training and the test images; test images of a second seed make up the number."""
    train, tests = (24, 6) if quick else (TRAIN, TEST)
    first, second = (data.demo(CATEGORY, n_train=train, seed=seed) for seed in (0, 1))
    a, b = first.test, second.test
    joined = (
        [*x, *y][:tests] for x, y in ((a.paths, b.paths), (a.labels, b.labels), (a.masks, b.masks))
    )
    paths, labels, masks = joined
    return first.train, Split(paths, labels, masks, [*a.defects, *b.defects][:tests], name=CATEGORY)


@lru_cache
def features(quick: bool = False) -> tuple[Features, Features]:
    """Return the training and test features of the embedded network, from the feature cache where
    they are there.
    """
    backbone = Backbone("efficientnet_lite0")
    train, test = (backbone.extract(split) for split in splits(quick))
    return train, test


def widened(found: Features, images: int | None = None) -> Features:
    """Bring features to WideResNet50's channel counts by a seeded random matrix a layer.

    The embedded network has few channels. A Gaussian matrix keeps distances on average, so that
    what is searched has the size of the papers' features and the structure of real ones.
    """
    rng = np.random.default_rng(0)
    layers = {}
    for name, channels in WIDE.items():
        array = found[name][:images]
        matrix = (rng.normal(size=(channels, array.shape[1])) / np.sqrt(channels)).astype(
            np.float32
        )
        flat = matrix @ array.reshape(*array.shape[:2], -1)
        layers[name] = flat.reshape(len(array), channels, *array.shape[2:])
    return Features(layers, image_size=found.image_size)


def patches(found: Features) -> np.ndarray:
    """Return PatchCore's patches, (images * 784, 1024) float32, as the official code pools them."""
    layers = ("layer2", "layer3")
    embedding = PatchEmbedding(
        {name: found[name].shape[1] for name in layers}, "adaptive", 3, 1, 1024
    )
    rows = np.empty((found.n_images, 784, embedding.size), np.float32)
    for start in range(0, found.n_images, 8):
        part = embedding({name: found[name][start : start + 8] for name in layers})
        rows[start : start + 8] = part.reshape(len(part), 784, -1)
    return rows.reshape(-1, embedding.size)


@lru_cache
def training_patches(quick: bool = False) -> np.ndarray:
    """Return the patches of the training images; they stay in memory for the next benchmark (640
    MiB).
    """
    return patches(features(quick)[0])
