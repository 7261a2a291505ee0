"""Runs of made-up configurations: a notebook's cell is the text of this module."""

import time
import zlib

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from adviz import Prediction, data, explore
from adviz._support import progress_bar


def few(name):
    """Return a category of few images."""
    test = data.demo(name).test
    return data.Category(name, test, test.subset(range(0, len(test), 4)))


categories = {name: few(name) for name in ("hex_nut", "brick")}
masks = {name: one.test.masks_array() for name, one in categories.items()}
steps = {
    "official": {
        "start": ("farthest", "anchors"),
        "image_score": ("reweighted", "max"),
        "distance": ("euclidean", "squared"),
    },
    "slow": {"epochs": (1, 10**6), "no <b>change</b> at all": (1, 1)},
}


def noise(name, option, size):
    """Return random maps of a category's test images."""
    generator = np.random.default_rng(zlib.crc32(f"{name}{option}".encode()))
    return generator.random((len(masks[name]), size, size))


def run(name, options):
    """Return a made-up prediction, after a while where there are epochs."""
    for _ in progress_bar(range(options.get("epochs", 1)), label="epoch"):
        time.sleep(0.02)
    known = ("start", "image_score", "distance")
    drawn = ("paper", *(option for option in known if option in options))
    rough = sum(noise(name, option, 14) for option in drawn)
    found = gaussian_filter(zoom(rough, (1, 16, 16), order=1) + 0.5 * masks[name], (0, 4, 4))
    found = found**2 if "distance" in options else found
    return Prediction(found.max((1, 2)), found)


view = explore.deviations(categories, steps, run)
