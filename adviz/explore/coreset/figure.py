"""What the points' colours mean, and the coreset explorer as a matplotlib figure."""

from __future__ import annotations

import numpy as np

from adviz import plots
from adviz.explore.coreset.bank import Bank
from adviz.plots import StaticFigure, style

DISTANCE, ORDER, IMAGE = "distance to the coreset", "order of choice", "training image"
ROW, COLUMN = "row in the image", "column in the image"
COLOURS = (DISTANCE, ORDER, IMAGE, ROW, COLUMN)
GREY = (200, 200, 200)
Limits = tuple[float, float]


def point_values(
    bank: Bank, name: str, count: int, colour: str, image: int
) -> tuple[np.ndarray, Limits]:
    """Return the value of every row that its colour stands for, NaN = grey, and their scale.

    In the browser ``pointLevels`` of bank.js is its twin.
    """
    trace = bank.trace
    if colour in (ROW, COLUMN):
        axis = int(colour == COLUMN)
        place = np.divmod(trace.location, bank.grid[1])[axis].astype(np.float64)
        return place, (0.0, float(max(1, bank.grid[axis] - 1)))
    if colour == IMAGE:
        return np.where(trace.image == image, 1.0, np.nan), (0.0, 1.0)
    if colour == ORDER:
        order = bank.order(name, count)
        ranks = np.full(bank.total, np.inf)
        np.minimum.at(ranks, order, np.arange(1.0, len(order) + 1))
        return np.where(np.isfinite(ranks), -ranks, np.nan), (-float(max(2, count)), -1.0)
    distance, limits = bank.distance(name, count), distance_limits(bank, count)
    if distance is None or limits is None:
        return np.full(bank.total, np.nan), (0.0, 1.0)
    return distance.astype(np.float64), limits


def distance_limits(bank: Bank, count: int) -> Limits | None:
    """Return the scale of distances at a size: the same for all samplers that have it."""
    known = [
        found.max() for name in bank.traces if (found := bank.distance(name, count)) is not None
    ]
    return (0.0, float(max(known)) or 1.0) if known else None


def figure(
    bank: Bank, category: str, sampler: str, count: int, colour: str, image: int
) -> StaticFigure:
    """Return the scatter, the covering radius and the image AUROC as a matplotlib figure."""
    values, limits = point_values(bank, sampler, count, colour, image)
    known = np.isfinite(values)
    colours = np.full((bank.total, 3), GREY, np.uint8)
    colours[known] = plots.heat(values[known], limits)
    if colour == IMAGE:
        colours[known] = style.rgb(style.VERMILLION)
    plane, held = bank.plane
    scale = f", 0 (dark) to {style.number(limits[1])} (bright)" if colour == DISTANCE else ""
    return plots.coreset_figure(
        plane,
        colours,
        bank.order(sampler, count),
        bank.curves(),
        limits=bank.limits,
        coreset_size=count,
        painting=np.argsort(np.where(known, values, -np.inf), kind="stable"),
        title=f"{category}: {entries(count)} of {bank.total}, {sampler}",
        note=f"colour: {colour}{scale}; rings: the coreset; "
        f"the plane has {held.sum():.0%} of the variance",
    )


def entries(count: int) -> str:
    """Return "1 entry" or "501 entries" of a memory bank."""
    return f"{count} entry" if count == 1 else f"{count} entries"
