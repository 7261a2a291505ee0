"""PatchCore as methods.md has it (arXiv 2106.08265, Eq. 1-7 and Alg. 1): explicit patches, full
distances, float64.
"""

import numpy as np
import torch
from plain_maps import bilinear, drawn
from plain_spade import Plain
from torch.nn import functional


def neighbourhoods(values, patch_size, stride):
    """Eq. 1: (N, C * p * p, h', w'), the p x p cells round every stride-th cell, zeros beyond the
    border.
    """
    n, channels, rows, columns = values.shape
    patches = functional.unfold(values, patch_size, padding=patch_size // 2, stride=stride)
    rows, columns = ((side - 1) // stride + 1 for side in (rows, columns))
    return patches.view(n, channels * patch_size**2, rows, columns)


def embedded(layers, *, aggregation, patch_size=3, stride=1, dimension=1024, layer_dimension=None):
    """Eq. 2-3: (N, h, w, D); layers come to the finest grid bilinearly *after* the neighbourhoods
    were taken.

    Adaptive: every layer is pooled to `layer_dimension` numbers, and all of them together to
    `dimension`.
    """
    tensors = [torch.from_numpy(np.asarray(array, dtype=np.float64)) for array in layers]
    patches = [neighbourhoods(values, patch_size, stride) for values in tensors]
    if aggregation == "mean":
        patches = [
            part.unflatten(1, (values.shape[1], patch_size**2)).mean(2)
            for part, values in zip(patches, tensors, strict=True)
        ]
    grid = max(part.shape[2:] for part in patches)
    patches = [
        functional.interpolate(part, grid, mode="bilinear", align_corners=False) for part in patches
    ]
    vectors = [part.permute(0, 2, 3, 1) for part in patches]
    if aggregation == "mean":
        return torch.cat(vectors, 3).numpy()
    each = layer_dimension or dimension
    flat = [
        functional.adaptive_avg_pool1d(part.flatten(0, 2)[:, None], each)[:, 0] for part in vectors
    ]
    joined = torch.stack(flat, 1).flatten(1)[:, None]
    return (
        functional.adaptive_avg_pool1d(joined, dimension)
        .view(*vectors[0].shape[:3], dimension)
        .numpy()
    )


def k_centre(points, count):
    """Alg. 1 from the row farthest from the mean; also how much farther each choice was than the
    second best.
    """
    points = points.astype(float)
    order, margin = [], []
    distance = np.linalg.norm(points - points.mean(0), axis=1)
    nearest = np.full(len(points), np.inf)
    for _ in range(count):
        second, first = np.sort(distance)[-2:]
        order.append(int(distance.argmax()))
        margin.append(first - second)
        nearest = np.minimum(nearest, np.linalg.norm(points - points[order[-1]], axis=1))
        distance = nearest
    return np.array(order), np.array(margin)


def eq7(patch, m_star, bank, b):
    """Eq. 7's weight, 1 - exp|m_test - m*| / sum of exp|m_test - m|, m over the b bank rows nearest
    to m*.
    """
    around = np.argsort(np.linalg.norm(bank - bank[m_star], axis=1), kind="stable")[:b]
    distance = np.linalg.norm(bank - patch, axis=1)
    return 1 - np.exp(distance[m_star]) / np.exp(distance[around]).sum()


def patchcore(
    patches,
    bank,
    origin,
    size,
    *,
    k=5,
    b=9,
    counted=1,
    reweighted=True,
    squared=False,
    sigma=4.0,
    enlarge=bilinear,
    border="reflect",
):
    """Scores of (N, h, w, D) patches against an (M, D) bank whose rows come from `origin`: (image,
    cell).

    A patch's score is the mean of the distances (or of their squares) to the nearest bank rows that
    are counted.
    """
    n, rows, columns, _ = patches.shape
    distance, nearest, score, scores = [], [], [], []
    for cells in patches.reshape(n, rows * columns, -1):
        full = np.linalg.norm(cells[:, None] - bank, axis=2)
        order = np.argsort(full, axis=1, kind="stable")[:, :k]
        distance.append(np.take_along_axis(full, order, 1))
        nearest.append(order)
        mine = np.sort(full ** (2 if squared else 1), axis=1)[:, :counted].mean(1)
        worst = mine.argmax()
        scores.append(mine.reshape(rows, columns))
        score.append(
            mine[worst] * (eq7(cells[worst], order[worst, 0], bank, b) if reweighted else 1)
        )
    distance, nearest = (
        np.stack(part).reshape(n, rows, columns, -1) for part in (distance, nearest)
    )
    found = Plain(np.array(score), drawn(np.array(scores), size, sigma, enlarge, border))
    found.distance["patch"] = distance**2
    found.image["patch"], found.cell["patch"] = (which[nearest] for which in origin)
    found.nearest = nearest[..., :counted]
    return found
