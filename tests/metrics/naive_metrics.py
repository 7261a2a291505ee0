"""The definitions, spelled out slowly, for the tests to compare with."""

from itertools import pairwise

import numpy as np
from skimage import measure
from sklearn.metrics import auc


def regions_of(masks, connectivity):
    """One (N, H, W) bool array per region."""
    found = []
    for image, mask in enumerate(masks):
        labelled = measure.label(mask, connectivity={8: 2, 4: 1}[connectivity])
        for region in range(1, labelled.max() + 1):
            found.append(np.zeros_like(masks))
            found[-1][image] = labelled == region
    return found


def fpr_and_overlap(flagged, masks, regions):
    """False positive rate and mean overlap per region of (N, H, W) flagged pixels."""
    return flagged[~masks].mean(), np.mean([flagged[region].mean() for region in regions])


def naive_pro_points(scores, masks, connectivity=8):
    """Every point of the exact curve, thresholds falling, after (0, 0)."""
    regions = regions_of(masks, connectivity)
    return [
        (0.0, 0.0),
        *(fpr_and_overlap(scores >= t, masks, regions) for t in np.unique(scores)[::-1]),
    ]


def naive_pro(scores, masks, limit=0.3, connectivity=8):
    """MVTec's definition: trapezoids up to the limit, cut there on the straight line."""
    area = 0.0
    points = naive_pro_points(scores, masks, connectivity)
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 >= limit:
            break
        if x1 > limit:
            x1, y1 = limit, y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
        area += (x1 - x0) * (y0 + y1) / 2
    return area / limit


def naive_pro_200(scores, masks, limit=0.3, connectivity=8):
    """The published loop over 200 thresholds, with its rescaling of the FPR."""
    low, high = scores.min(), scores.max()
    regions = regions_of(masks, connectivity)
    points = [
        fpr_and_overlap(scores > low + (high - low) * i / 200, masks, regions) for i in range(200)
    ]
    fpr, overlap = np.array(points).T
    overlap, fpr = overlap[fpr < limit], fpr[fpr < limit]
    return auc(fpr / fpr.max(), overlap)


def naive_pro_per_image(scores, masks, limit=0.3, connectivity=8):
    return np.mean(
        [
            naive_pro_200(s[None], m[None], limit, connectivity)
            for s, m in zip(scores, masks, strict=True)
            if m.any()
        ]
    )


def random_maps(seed, n=4, size=9, step=None, dtype=np.float64):
    """Noisy maps, higher on blocky masks; the last image is good. `step` rounds, for ties."""
    rng = np.random.default_rng(seed)
    masks = np.kron(rng.random((n, size // 3, size // 3)) < 0.15, np.ones((1, 3, 3))).astype(bool)
    masks |= rng.random(masks.shape) < 0.01  # single pixels, so that areas differ
    masks[0, :4, :4] = np.diag([0, 1, 1, 0])  # one region of 8-connected pixels, two of 4-connected
    masks[-1] = False
    scores = rng.normal(size=masks.shape) + masks
    if step:
        scores = np.round(scores / step) * step
    return scores.astype(dtype), masks
