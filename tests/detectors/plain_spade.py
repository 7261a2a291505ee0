"""DN2 and SPADE as methods.md has them (arXiv 2005.02357, Eq. 1-3), image by image and cell by
cell, in float64.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from plain_maps import bilinear, drawn, repeated


@dataclass
class Plain:
    """What a restatement found, to be compared with a `Prediction`."""

    score: np.ndarray
    anomaly_map: np.ndarray | None = None
    layer_maps: dict = field(default_factory=dict)
    distance: dict = field(default_factory=dict)  # of neighbours
    image: dict = field(default_factory=dict)
    cell: dict = field(default_factory=dict)


def pooled(features, layers):
    """Eq. 1: the global average of every layer, one after the other."""
    return np.concatenate([features[name].astype(float).mean((2, 3)) for name in layers], axis=1)


def averaged(square, squared):
    """The mean of squared distances (Eq. 2), or of the distances themselves (the public port)."""
    return np.mean(square if squared else np.sqrt(square), axis=-1)


def dn2(train, test, layers, k, *, squared=True):
    """Eq. 2: the mean distance to the K nearest training images; each layer's part of the mean
    squared one.
    """
    bank, score, image, distance, parts = pooled(train, layers), [], [], [], []
    channels = [train[name].shape[1] for name in layers]
    for one in pooled(test, layers):
        square = ((bank - one) ** 2).sum(1)
        nearest = np.argsort(square, kind="stable")[:k]
        score.append(averaged(square[nearest], squared))
        image.append(nearest)
        distance.append(square[nearest])
        each = ((bank[nearest] - one) ** 2).mean(0)
        parts.append([part.sum() for part in np.split(each, np.cumsum(channels)[:-1])])
    shares = {name: np.array(parts)[:, number, None, None] for number, name in enumerate(layers)}
    return Plain(
        np.array(score), None, shares, {"image": np.array(distance)}, {"image": np.array(image)}
    )


def full_features(features, layers, upsample="nearest"):
    """(N, cells, C): all layers on the finest grid, concatenated with equal weight (3.5)."""
    grid = max(features[name].shape[2:] for name in layers)
    bring = repeated if upsample == "nearest" else bilinear
    parts = [bring(features[name], grid) for name in layers]
    return np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], 1).transpose(
        0, 2, 1
    )


def all_distances(query, bank):
    """(cells, K, cells) squared distances of one image's cells to the cells of K images."""
    return ((query[:, None, None] - bank[None]) ** 2).sum(-1)


def within(grid, radius):
    """(cells, cells): whether two lie at most so many rows and columns apart; None = always."""
    row, column = np.divmod(np.arange(grid[0] * grid[1]), grid[1])
    apart = np.maximum(abs(row[:, None] - row), abs(column[:, None] - column))
    return apart <= (apart.max() if radius is None else radius)


def matched(query, bank, near, kappa, blocks):
    """Eq. 3 for one image: every cell against all cells of its gallery.

    Returns the squared distance to the nearest cell of each gallery image and that cell, (cells, K)
    both, and each block of channels' part of the mean squared distance to the kappa nearest of all,
    (blocks, cells).
    """
    square = np.where(near[:, None], all_distances(query, bank), np.inf)
    cells, count = len(query), len(bank)
    shares = np.empty((len(blocks), cells))
    for cell in range(cells):
        order = np.argsort(square[cell].ravel(), kind="stable")[:kappa]
        chosen = bank.reshape(-1, bank.shape[2])[order]
        difference = (chosen - query[cell]) ** 2
        shares[:, cell] = [difference[:, block].sum(1).mean() for block in blocks]
    return square.min(2).reshape(cells, count), square.argmin(2).reshape(cells, count), shares


def spade(
    train,
    test,
    *,
    layers=("layer1", "layer2", "layer3"),
    image_layers=("layer4",),
    k_images_score=5,
    k_images=5,
    kappa=1,
    layer_upsample="nearest",
    radius=None,
    per_layer=False,
    squared=True,
    image_squared=True,
    sigma=4.0,
):
    count = len(train[layers[0]])
    ranked = dn2(train, test, image_layers, count)
    gallery = ranked.image["image"][:, :k_images]
    found = Plain(averaged(ranked.distance["image"][:, :k_images_score], image_squared))
    found.image["image"], found.distance["image"] = ranked.image["image"], ranked.distance["image"]
    groups = {name: (name,) for name in layers} if per_layer else {"patch": tuple(layers)}
    large = []
    for key, names in groups.items():
        grid = max(test[name].shape[2:] for name in names)
        known, new = (full_features(part, names, layer_upsample) for part in (train, test))
        ends = np.cumsum([0, *(train[name].shape[1] for name in names)])
        blocks = [slice(a, b) for a, b in pairwise(ends)]
        near = within(grid, radius)
        parts = [
            matched(one, known[numbers], near, kappa, blocks)
            for one, numbers in zip(new, gallery, strict=True)
        ]
        found.distance[key], found.cell[key], shares = (
            np.stack(part) for part in zip(*parts, strict=True)
        )
        found.image[key] = gallery
        cells = shares.sum(1).reshape(-1, *grid)
        cells = cells if squared else np.sqrt(cells)
        found.layer_maps.update(
            {key: cells}
            if per_layer
            else {name: shares[:, number].reshape(-1, *grid) for number, name in enumerate(names)}
        )
        large.append(drawn(cells, test.image_size, sigma))
    found.anomaly_map = np.mean(large, axis=0)
    return found
