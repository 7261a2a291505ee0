"""Conditions under which things fail, as real as a test can have them."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from adviz import Features, data
from adviz.data import Geometry

NOBODY = 65534


@contextmanager
def forbidden():
    """Yield a folder that this process may read and not write to, also where it is root, whom
    permissions do not bind.

    It holds a file `there`. Root becomes nobody meanwhile, so whatever is imported late has to be
    imported before.
    """
    with tempfile.TemporaryDirectory(prefix="adviz-test-") as name:
        folder, root = Path(name), os.geteuid() == 0
        (folder / "there").write_text("as it was")
        folder.chmod(0o555)
        try:
            if root:
                os.seteuid(NOBODY)
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def small_features(images, seed=0, defect=None, dtype=np.float32, scale=1.0, ids=None):
    """Return random features of a network with three layers; the lower right of image `defect` is
    far from normal.
    """
    rng, layers = np.random.default_rng(seed), {}
    for name, channels, side in (("layer1", 4, 16), ("layer2", 6, 8), ("layer3", 8, 4)):
        values = (
            rng.normal(size=(images, channels, side, side))
            + 4.0 * (-1) ** np.arange(channels)[:, None, None]
        )
        if defect is not None:
            values[defect, :, side // 2 :, side // 2 :] += 8
        layers[name] = (values * scale).astype(dtype)
    return Features(layers, image_size=(64, 64), ids=ids)


def small_tree(folder, *, stem="", defect="hole", size=32, geometry=None):
    """Write four training images and test images good, good, defect, defect in a tree like MVTec
    AD's, and read it.
    """
    rng = np.random.default_rng(0)
    mask = np.zeros((size, size), np.uint8)
    mask[8:16, 8:16] = 255
    for kind, count in (("train/good", 4), ("test/good", 2), (f"test/{defect}", 2)):
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 128, (size, size, 3), dtype=np.uint8)
            if kind == f"test/{defect}":
                pixels[8:16, 8:16] = 255
                truth = folder / "ground_truth" / defect / f"{stem}{number}_mask.png"
                truth.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(truth)
            Image.fromarray(pixels).save(folder / kind / f"{stem}{number}.png")
    return data.folder(folder, geometry=geometry or Geometry(size, crop=False))
