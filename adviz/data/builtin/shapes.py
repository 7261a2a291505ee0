"""Signed distances on a supersampled plane, the geometry that categories are drawn with.

Distances are in pixels of the finished image, negative inside. The origin is the image's centre, x
to the right, y down.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from math import cos, sin, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 256  # of the finished image
CROP = 112  # half the side of the central crop that the default preprocessing keeps
SUPER = 2  # samples per pixel and axis
SAMPLES = SIDE * SUPER

Plane = NDArray[np.floating[Any]]  # float32 throughout
Point = tuple[float, float]


@cache
def plane() -> tuple[Plane, Plane]:
    """Return x and y of every sample, (SAMPLES, SAMPLES) each, read-only."""
    axis = (np.arange(SAMPLES, dtype=np.float32) + 0.5) / SUPER - SIDE / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    x.flags.writeable = False
    y.flags.writeable = False
    return x, y


def frame_at(centre: Point, angle: float = 0.0) -> tuple[Plane, Plane]:
    """Return the coordinates about `centre` in a frame turned clockwise by `angle` radians."""
    x, y = plane()
    return turn(x - float(centre[0]), y - float(centre[1]), angle)


def turn(x: Plane, y: Plane, angle: float) -> tuple[Plane, Plane]:
    """Return the coordinates in a frame that is turned by `angle` about the origin."""
    cosine = cos(angle)
    sine = sin(angle)
    return cosine * x + sine * y, cosine * y - sine * x


def polar(radius: float, angle: float) -> Point:
    """Return the point at `radius` from the origin in the direction `angle`."""
    return radius * cos(angle), radius * sin(angle)


def length(x: Plane, y: Plane) -> Plane:
    """Return the distance from the origin; four times as fast as the overflow-safe np.hypot."""
    return np.sqrt(x * x + y * y)


def circle(x: Plane, y: Plane, radius: float) -> Plane:
    """Signed distance to a circle about the origin."""
    return length(x, y) - radius


def box(x: Plane, y: Plane, half_width: float, half_height: float, corner: float = 0.0) -> Plane:
    """Signed distance to a rectangle with rounded corners about the origin."""
    u = np.abs(x) - (half_width - corner)
    v = np.abs(y) - (half_height - corner)
    outside = length(np.maximum(u, 0), np.maximum(v, 0))
    distance: Plane = outside + np.minimum(np.maximum(u, v), 0) - corner
    return distance


def hexagon(x: Plane, y: Plane, apothem: float, corner: float) -> Plane:
    """Signed distance to a hexagon with two horizontal sides; rounded, and inexact, at corners."""
    flat = np.abs(y)
    slanted = sqrt(0.75) * np.abs(x) + 0.5 * flat
    meeting = np.maximum(corner - np.abs(flat - slanted), 0)  # > 0 near a corner
    distance: Plane = np.maximum(flat, slanted) + meeting * meeting * (0.25 / corner) - apothem
    return distance


def segment(x: Plane, y: Plane, start: Point, end: Point) -> Plane:
    """Return the distance to the straight line between two points."""
    u = x - float(start[0])
    v = y - float(start[1])
    a = float(end[0] - start[0])
    b = float(end[1] - start[1])
    # The nearest point of the line is start + along * (a, b).
    along = np.clip((u * a + v * b) / max(a * a + b * b, 1e-6), 0, 1)
    return length(u - along * a, v - along * b)


def polyline(x: Plane, y: Plane, points: Sequence[Point], limit: float = 12.0) -> Plane:
    """Return the distance to a line through the points, exact up to `limit` at least."""
    left, top = np.min(points, 0).tolist()
    right, bottom = np.max(points, 0).tolist()
    across = (x > left - limit) & (x < right + limit)
    inside = across & (y > top - limit) & (y < bottom + limit)
    distance = np.full_like(x, limit)
    u = x[inside]
    v = y[inside]
    segments = [segment(u, v, start, end) for start, end in pairwise(points)]
    distance[inside] = np.minimum.reduce(segments)
    return distance


def random_walk(
    rng: np.random.Generator, start: Point, angle: float, reach: float, *, turn: float, steps: int
) -> list[Point]:
    """Return the points of a random walk.

    Parameters
    ----------
    start, angle: the first point and heading.
    reach: total length, pixels.
    turn: standard deviation of the change of heading a step, radians.
    """
    headings = angle + np.cumsum(rng.normal(0, turn, steps))
    stride = reach / steps
    xs = start[0] + np.cumsum(stride * np.cos(headings))
    ys = start[1] + np.cumsum(stride * np.sin(headings))
    return [start, *zip(xs.tolist(), ys.tolist(), strict=True)]


def moved(distance: Plane, right: int, down: int) -> Plane:
    """Return a plane moved by whole samples, its edge repeated; for shadows and lit rims."""
    width = max(abs(right), abs(down))
    padded = np.pad(distance, width, mode="edge")
    return padded[width - down : width - down + SAMPLES, width - right : width - right + SAMPLES]


def step(low: float, high: float, value: Plane) -> Plane:
    """Rise smoothly from 0 at `low` to 1 at `high` (or fall, if low > high)."""
    t: Plane = np.clip((value - low) * (1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)  # with slope 0 at either end


def cover(distance: Plane, soft: float = 0.5) -> Plane:
    """Return the coverage: 1 inside, 0 outside, linear within `soft` pixels of the edge."""
    coverage: Plane = np.clip(0.5 - distance * (0.5 / soft), 0, 1)
    return coverage
