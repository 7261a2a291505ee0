"""How the maps of two runs differ, pixel by pixel."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from adviz.explore.deviations.runs import Run

OTHER_PLACES = (
    "The images were read at another size or crop: there is no pixel by pixel difference."
)


def difference(
    before: Run, after: Run, own: bool, images: Any = slice(None), step: int = 1
) -> np.ndarray | None:
    """Return after - before of some images' maps, or of the maps as fractions of their own scales.

    None without.
    """
    if not same_places(before, after):
        return None
    maps = []
    for run in (before, after):
        if run.prediction.anomaly_map is None or run.limits is None:
            return None
        values = run.prediction.anomaly_map[images, ::step, ::step]
        maps.append((values - run.limits[0]) / (run.limits[1] - run.limits[0]) if own else values)
    return np.asarray(maps[1] - maps[0])


def same_places(before: Run, after: Run) -> bool:
    """Return whether a pixel shows the same place in both.

    Whatever filter or rule of masks they were read with.
    """
    one, other = before.split.geometry, after.split.geometry
    return (one.size, one.resized, one.aspect) == (other.size, other.resized, other.aspect)


@lru_cache(64)
def difference_limit(before: Run, after: Run, own: bool) -> float:
    """Return the 99.8 % quantile of the differences, of every fourth pixel in both directions."""
    values = difference(before, after, own, step=4)
    return 0.0 if values is None else float(np.quantile(np.abs(values), 0.998))
