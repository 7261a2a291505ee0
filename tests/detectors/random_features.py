"""Small random features in which an anomaly is easy to see."""

import numpy as np

from adviz import Features

CHANNELS = {"layer1": 4, "layer2": 6, "layer3": 10, "layer4": 12}
GRIDS = {"layer1": 16, "layer2": 8, "layer3": 4, "layer4": 2}


def make_features(
    n_images, seed=0, defect=None, dtype=np.float32, size=64, pattern=0.0, pixels=False
):
    """Return random features; `defect` is the index of an image whose lower right quarter is far
    from normal.

    `pattern` is how far the channels' means are from zero, in turns above and below: what a student
    can learn. `pixels` adds the layer "image", which has the same pattern and defect as the others.
    """
    rng = np.random.default_rng(seed)
    layers = {}
    shapes = [(name, channels, GRIDS[name] * size // 64) for name, channels in CHANNELS.items()]
    for name, channels, side in [*shapes, ("image", 3, size)] if pixels else shapes:
        array = rng.normal(size=(n_images, channels, side, side))
        array += pattern * (-1) ** np.arange(channels)[:, None, None]
        if defect is not None:
            array[defect, :, side // 2 :, side // 2 :] += 8
        layers[name] = array.astype(dtype)
    return Features(layers, image_size=(size, size))
