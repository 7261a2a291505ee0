"""The connected anomalous regions of a set of masks."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from adviz.metrics.checks import checked_labels

NEIGHBORHOODS = {8: np.ones((3, 3), int), 4: ndimage.generate_binary_structure(2, 1)}


def regions(masks: np.ndarray, connectivity: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Find the connected anomalous regions of all masks and number them.

    Parameters
    ----------
    masks: (N, H, W) bool, or 0 and 1; a region never spans two images.
    connectivity: 8 (pixels that touch at a corner are connected; MVTec's choice) or 4 (only at an
        edge).

    Returns
    -------
    ids: (N, H, W) uint32, 0 = normal, otherwise 1 ... R in the order of the images.
    areas: (R,) int64, pixels in region 1 ... R.

    Examples
    --------
    >>> ids, areas = metrics.regions(np.array([[[1, 0, 0], [1, 0, 1]]]))
    >>> areas
    array([2, 1])
    """
    masks = checked_labels(masks, "masks")
    if masks.ndim != 3:
        raise ValueError(
            f"masks must have shape (N, H, W), got {masks.shape}; give a single mask as mask[None]"
        )
    if connectivity not in NEIGHBORHOODS:
        raise ValueError(f"connectivity must be 8 or 4, got {connectivity!r}")
    ids = np.zeros(masks.shape, np.uint32)
    n_regions = 0
    for mask, image_ids in zip(masks, ids, strict=True):
        # At most one box, that of the whole mask: labelling inside it is faster
        for box in ndimage.find_objects(mask.view(np.uint8)):
            labelled, n_new = ndimage.label(mask[box], NEIGHBORHOODS[connectivity])
            image_ids[box] = np.where(labelled, labelled + n_regions, 0)
            n_regions += n_new
    return ids, np.bincount(ids[masks])[1:]


def weights_of(areas: np.ndarray) -> np.ndarray:
    """Return the weight of one pixel of each region in the mean overlap per region.

    (R + 1,) float: 0 for normal pixels, then 1 / (area of region r * R).
    """
    return np.append(0.0, 1.0 / (areas * max(len(areas), 1)))
