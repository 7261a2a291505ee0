"""How cells become a map, from the definition: methods.md, "Map: bilinear to H x W, Gaussian sigma
4".
"""

import numpy as np
from scipy.ndimage import correlate1d


def at(size, old, align_corners=False):
    """Return (size, old): how much each old sample counts at each new place, linear between the
    samples' centres.
    """
    weights = np.zeros((size, old))
    for new in range(size):
        place = (
            new * (old - 1) / max(size - 1, 1) if align_corners else (new + 0.5) * old / size - 0.5
        )
        place = min(max(place, 0), old - 1)
        low = min(int(place), max(old - 2, 0))
        weights[new, low] += 1 - (place - low)
        weights[new, min(low + 1, old - 1)] += place - low
    return weights


def bilinear(values, size, align_corners=False):
    """Return (..., H, W) of (..., h, w)."""
    rows, columns = (
        at(new, old, align_corners) for new, old in zip(size, values.shape[-2:], strict=True)
    )
    return rows @ np.asarray(values, float) @ columns.T


def cubic_at(size, old):
    """Return (size, old): the cubic convolution of four samples (Keys, a = -0.75), the border's
    repeated beyond it.
    """

    def kernel(x, a=-0.75):
        if x <= 1:
            return (a + 2) * x**3 - (a + 3) * x**2 + 1
        return a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0

    weights = np.zeros((size, old))
    for new in range(size):
        place = (new + 0.5) * old / size - 0.5
        for sample in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
            weights[new, min(max(sample, 0), old - 1)] += kernel(abs(place - sample))
    return weights


def bicubic(values, size):
    """Return (..., H, W) of (..., h, w)."""
    rows, columns = (cubic_at(new, old) for new, old in zip(size, values.shape[-2:], strict=True))
    return rows @ np.asarray(values, float) @ columns.T


def repeated(values, size):
    """Return (..., H, W) of (..., h, w): every new cell is the old one that it lies in."""
    rows, columns = (
        np.arange(new) * old // new for new, old in zip(size, values.shape[-2:], strict=True)
    )
    return np.asarray(values, float)[..., rows, :][..., columns]


def gaussian(values, sigma=4.0, border="reflect"):
    """Return maps blurred by a Gaussian that is cut at four sigma.

    Beyond the border a map is mirrored: "reflect" about the border's edge, "mirror" about the
    border pixel's centre.
    """
    if sigma == 0:
        return values
    offsets = np.arange(-int(4 * sigma + 0.5), int(4 * sigma + 0.5) + 1)
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    weights /= weights.sum()
    for axis in (-1, -2):
        values = correlate1d(values, weights, axis=axis, mode=border)
    return values


def drawn(cells, size, sigma=4.0, enlarge=bilinear, border="reflect"):
    return gaussian(enlarge(cells, size), sigma, border)
