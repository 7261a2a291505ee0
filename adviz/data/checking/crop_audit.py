"""What preprocessing does to the defects: the crop audit."""

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
        mask), `inside` (share of them that the crop keeps, 0..1) and, for each rule, `kept <rule>`:
        pixels of the mask that the detectors are judged by, as a share of the original area at the
        new scale. 0 means that the defect is gone, although the image is still called anomalous.

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

    geometries = {rule: dataclasses.replace(split.geometry, mask_rule=rule) for rule in rules}
    rows = []
    for index in np.flatnonzero(split.labels == ANOMALOUS):
        path = split.masks[index]
        if path is None:
            continue
        mask = open_mask(path, split._labels)
        area = int((np.asarray(mask) > 0).sum())
        scale = split.geometry.scale(mask.size)
        kept = {f"kept {rule}": geometry.mask(mask).sum() for rule, geometry in geometries.items()}
        rows.append(
            {
                "image": split.ids[index],
                "defect": split.defects[index],
                "area": area,
                "inside": _share(
                    float(np.asarray(mask)[split.geometry.window(mask.size)].sum() / 255), area
                ),
                **{
                    name: _share(float(count), area * scale[0] * scale[1])
                    for name, count in kept.items()
                },
            }
        )
    return pd.DataFrame(
        rows, columns=["image", "defect", "area", "inside", *(f"kept {rule}" for rule in rules)]
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
