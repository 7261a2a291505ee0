"""PaDiM as methods.md has it (arXiv 2011.08785): a Gaussian for every position, inverted by numpy,
in float64.
"""

import numpy as np
from plain_maps import bilinear, drawn, repeated
from plain_spade import Plain


def stacked(features, layers, channels):
    """(N, d, h, w): coarse cells replicated to the finest grid, layers concatenated, some channels
    kept.
    """
    grid = max(features[name].shape[2:] for name in layers)
    return np.concatenate([repeated(features[name], grid) for name in layers], 1)[:, channels]


def padim(
    train, test, layers, channels, *, epsilon=0.01, sigma=4.0, enlarge=bilinear, border="reflect"
):
    """Mahalanobis distances, root taken; a layer's share of the squared one: v_j (S^-1 v)_j of its
    channels.
    """
    known, new = (stacked(part, layers, channels) for part in (train, test))
    owner = np.repeat(np.arange(len(layers)), [train[name].shape[1] for name in layers])[channels]
    (images, size, rows, columns), count = new.shape, len(known)
    squared, shares = (
        np.empty((images, rows, columns)),
        np.zeros((len(layers), images, rows, columns)),
    )
    for row in range(rows):
        for column in range(columns):
            normal = known[:, :, row, column]
            mean = normal.mean(0)
            scatter = (normal - mean).T @ (normal - mean)
            covariance = scatter / max(count - 1, 1) + epsilon * np.eye(size)
            inverse = np.linalg.inv(covariance)
            for image in range(images):
                off = new[image, :, row, column] - mean
                parts = off * (inverse @ off)
                squared[image, row, column] = parts.sum()
                np.add.at(shares[:, image, row, column], owner, parts)
    anomaly_map = drawn(np.sqrt(squared), test.image_size, sigma, enlarge, border)
    maps = dict(zip(layers, shares, strict=True))
    return Plain(anomaly_map.max((1, 2)), anomaly_map, maps)
