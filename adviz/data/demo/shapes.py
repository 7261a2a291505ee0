"""Signed distances on the supersampled plane: the geometry every category is drawn with.

Distances are in pixels of the finished image, negative inside. The origin is the image's centre, x to the right, y down.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

SIDE = 256  # of the finished image
CROP = 112  # half the side of the central crop that the default preprocessing keeps
SUPER = 2  # samples per pixel and axis
SAMPLES = SIDE * SUPER

Plane = NDArray[np.float32]
Point = tuple[float, float]


@cache
def plane() -> tuple[Plane, Plane]:
    """Return x and y of every sample, (SAMPLES, SAMPLES) each, read-only."""
    axis = (np.arange(SAMPLES, dtype=np.float32) + 0.5) / SUPER - SIDE / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    x.flags.writeable = y.flags.writeable = False
    return x, y


def place(centre: Point, angle: float = 0.0) -> tuple[Plane, Plane]:
    """Return the plane's coordinates in the frame of an object at `centre`, turned clockwise by `angle` radians."""
    return turn(plane()[0] - np.float32(centre[0]), plane()[1] - np.float32(centre[1]), angle)


def turn(x: Plane, y: Plane, angle: float) -> tuple[Plane, Plane]:
    """Return the coordinates in a frame that is turned by `angle` about the origin."""
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cos * x + sin * y, cos * y - sin * x


def away(radius: float, angle: float) -> Point:
    """Return the point at `radius` from the origin in the direction `angle`."""
    return float(radius * np.cos(angle)), float(radius * np.sin(angle))


def length(x: Plane, y: Plane) -> Plane:
    """Return the distance from the origin (np.hypot without its overflow guard, four times faster)."""
    return np.sqrt(x * x + y * y)


def circle(x: Plane, y: Plane, radius: float) -> Plane:
    """Signed distance to a circle about the origin."""
    return length(x, y) - np.float32(radius)


def box(x: Plane, y: Plane, half_width: float, half_height: float, corner: float = 0.0) -> Plane:
    """Signed distance to a rectangle with rounded corners about the origin."""
    u, v = np.abs(x) - np.float32(half_width - corner), np.abs(y) - np.float32(half_height - corner)
    outside = length(np.maximum(u, 0), np.maximum(v, 0))
    return outside + np.minimum(np.maximum(u, v), 0) - np.float32(corner)


def hexagon(x: Plane, y: Plane, apothem: float, corner: float = 0.0) -> Plane:
    """Signed distance to a regular hexagon with two horizontal sides (exact inside, and near the sides outside)."""
    half, root = np.float32(0.5), np.float32(np.sqrt(0.75))
    u, v = np.abs(x), np.abs(y)
    sides = [v, root * u + half * v]
    if corner == 0:
        return np.maximum(*sides) - np.float32(apothem)
    # A soft maximum rounds the corners.
    first, second = sides
    gap = np.maximum(np.float32(corner) - np.abs(first - second), 0)
    return np.maximum(first, second) + gap * gap * np.float32(0.25 / corner) - np.float32(apothem)


def segment(x: Plane, y: Plane, start: Point, end: Point) -> Plane:
    """Return the distance to the straight line between two points."""
    u, v = x - np.float32(start[0]), y - np.float32(start[1])
    a, b = np.float32(end[0] - start[0]), np.float32(end[1] - start[1])
    along = np.clip((u * a + v * b) / max(a * a + b * b, np.float32(1e-6)), 0, 1)
    return length(u - along * a, v - along * b)


def polyline(x: Plane, y: Plane, points: Sequence[Point]) -> Plane:
    """Return the distance to a line through the points."""
    distance = np.full_like(x, np.inf)
    for start, end in zip(points, points[1:], strict=False):
        distance = np.minimum(distance, segment(x, y, start, end))
    return distance


def wander(
    rng: np.random.Generator, start: Point, angle: float, reach: float, *, turn: float, steps: int
) -> list[Point]:
    """Return the points of a random walk of total length `reach`, whose heading changes by about `turn` per step."""
    headings = angle + np.cumsum(rng.normal(0, turn, steps))
    stride = reach / steps
    xs = start[0] + np.cumsum(stride * np.cos(headings))
    ys = start[1] + np.cumsum(stride * np.sin(headings))
    return [start, *zip(xs.tolist(), ys.tolist(), strict=True)]


def step(low: float, high: float, value: Plane) -> Plane:
    """Rise smoothly from 0 at `low` to 1 at `high` (or fall, if low > high)."""
    t = np.clip((value - np.float32(low)) * np.float32(1 / (high - low)), 0, 1)
    return t * t * (3 - 2 * t)


def cover(distance: Plane, soft: float = 0.5) -> Plane:
    """Return the share of a sample that lies inside: 1 inside, 0 outside, linear within `soft` pixels of the edge."""
    return np.clip(np.float32(0.5) - distance * np.float32(0.5 / soft), 0, 1)
