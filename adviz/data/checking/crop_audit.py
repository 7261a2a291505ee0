"""How much of each defect resize, crop and mask rule leave: the crop audit."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from adviz.data.geometry import MASK_RULES
from adviz.data.masks import open_mask
from adviz.data.split import ANOMALOUS, Split

if TYPE_CHECKING:
    import pandas as pd


def audit(split: Split, *, rules: Sequence[str] = MASK_RULES) -> pd.DataFrame:
    """List how much of every defect is left after resize, crop and mask rule.

    Parameters
    ----------
    split: images with masks; those that are not anomalous, or have no mask, are passed over.
    rules: mask rules to compare, see `Geometry`.

    Returns
    -------
    One row for each defective image: `image` (its id), `defect`, `area` (pixels of the original
        mask), `inside` (fraction of them that the crop keeps, 0..1) and, for each rule,
        `kept <rule>`: pixels of the mask that detectors are evaluated with, as a fraction of the
        original area at the new scale. 0 means that the defect is gone, although the image is still
        called anomalous.

    Raises
    ------
    ValueError: an unknown rule, or a mask that cannot be read.

    Examples
    --------
    >>> data.audit(category.test)[["image", "inside"]].head(1)
                    image  inside
    0   test/chip/000.png     1.0
    """
    import pandas as pd

    # The mask rule changes what is left of a mask; the crop is the same for all.
    geometries = {rule: dataclasses.replace(split.geometry, mask_rule=rule) for rule in rules}
    rows = []
    for index in np.flatnonzero(split.labels == ANOMALOUS):
        path = split.masks[index]
        if path is None:
            continue
        mask = open_mask(path, split._labels)
        pixels = np.asarray(mask)  # (H, W), 0 or 255
        area = int((pixels > 0).sum())
        area_inside = float(pixels[split.geometry.window(mask.size)].sum() / 255)
        row = {
            "image": split.ids[index],
            "defect": split.defects[index],
            "area": area,
            "inside": _fraction(area_inside, area),
        }
        scale_x, scale_y = split.geometry.scale(mask.size)
        for rule, geometry in geometries.items():
            scaled_area = float(geometry.mask(mask).sum())
            row[f"kept {rule}"] = _fraction(scaled_area, area * scale_x * scale_y)
        rows.append(row)
    columns = ["image", "defect", "area", "inside", *(f"kept {rule}" for rule in rules)]
    return pd.DataFrame(rows, columns=columns)


def _fraction(area: float, total: float) -> float:
    if not total:
        return float("nan")
    return area / total
