"""A steel nut on a rubber mat, rotated and a little off centre: scratches, dents, chips."""

from math import cos

import numpy as np

from adviz.data.builtin.optics import clouds, diffuse, ink, mix, normals, paint, softbox
from adviz.data.builtin.picture import Scene, Shot
from adviz.data.builtin.shapes import (
    Plane,
    Point,
    cover,
    frame_at,
    hexagon,
    length,
    moved,
    polar,
    polyline,
    random_walk,
    step,
    turn,
)

GOOD = 20
DEFECTS = {"scratch": 9, "dent": 9, "chip": 8}

# Standard deviation of its centre, pixels; twice that is the most, and leaves it within the default
# crop.
SHIFT = 9.0
APOTHEM = 76.0  # half the width across flats
HOLE = 38.0  # radius of the thread
FACE = 68.0  # radius of the flat top


def draw(shot: Shot) -> Scene:
    """Draw one nut."""
    scene = shot.rng("scene")
    fault = shot.rng("defect")
    centre = tuple(np.clip(scene.normal(0, SHIFT, 2), -2 * SHIFT, 2 * SHIFT))
    angle = scene.uniform(0, 2 * np.pi)
    x, y = frame_at(centre)
    u, v = turn(x, y, angle)
    edge = hexagon(u, v, APOTHEM, corner=3) + 0.25 * clouds(scene, 60, 2)
    mark: Plane | None = None
    dent = np.zeros_like(x)
    mask = dent
    if shot.defect == "chip":
        edge, mark, mask = _chip(edge, u, v, fault)
    elif shot.defect == "dent":
        dent, mask = _dent(u, v, fault)
    elif shot.defect == "scratch":
        dent, mark, mask = _scratch(u, v, fault)
    dent = dent - _stamp(centre, angle)
    image = _mat(x, y, edge, scene)
    return Scene(_steel(image, x, y, edge, dent, mark, scene), mask)


def _stamp(centre: Point, angle: float) -> Plane:
    """Return how deep the face is struck: the size on one side, the grade on the other."""
    marks = []
    for text, side in (("M12", -np.pi / 2), ("8", np.pi / 2)):
        right, down = polar(54, angle + side)
        marks.append(ink(text, 15, (centre[0] + right, centre[1] + down), angle))
    return np.maximum(*marks) * 0.3


def _mat(x: Plane, y: Plane, edge: Plane, rng: np.random.Generator) -> Plane:
    """Fine-grained rubber, the nut's shadow on it."""
    grain = 1 + 0.035 * clouds(rng, 90, 3) + 0.05 * clouds(rng, 3, 1)
    shadow = cover(moved(edge, 10, 14), 14) * 0.62
    contact = cover(edge - 2, 4) * 0.4
    lit = 1.08 - 0.0012 * (x + y)
    return paint((0.23, 0.29, 0.33), grain * lit * (1 - shadow) * (1 - contact))


def _steel(
    image: Plane,
    x: Plane,
    y: Plane,
    edge: Plane,
    dent: Plane,
    mark: Plane | None,
    rng: np.random.Generator,
) -> Plane:
    """Lay the nut over the image: a turned face, chamfered corners, a countersunk threaded hole."""
    radius = length(x, y)
    height = -np.maximum(radius - FACE, 0) * 0.5  # the chamfer's cone
    height -= np.maximum(edge + 2.5, 0) * 1.2
    height -= np.maximum((HOLE + 6) - radius, 0) * 0.9
    height += dent
    # Grooves of the lathe: one random height for each radius.
    groove = rng.normal(0, 1, 1024).astype(np.float32)
    turned = groove[np.clip(radius * 7, 0, 1023).astype(np.int32)]
    height += turned * 0.035
    normal = normals(height)
    fan = (x * 0.6 + y * 0.8) ** 2 / (radius * radius + 1)  # sheen across the grooves
    tone = 0.34 * diffuse(normal, 0.5) + 0.20 * fan**2
    tone = tone + 0.55 * softbox(normal, (-0.55, -0.72), 0.75)
    tone = tone + 0.16 * softbox(normal, (0.8, 0.35), 0.5) + 0.12
    tone = tone * (1 + 0.02 * turned + 0.025 * clouds(rng, 40, 3))
    # A scratch or fracture hides the steel, and is as bright as it is strong.
    if mark is not None:
        tone = tone * (1 - mark) + mark * mark
    metal = paint((0.93, 0.96, 1.0), tone)
    image = mix(image, metal, cover(edge))
    return _thread(image, x, y, radius)


def _thread(image: Plane, x: Plane, y: Plane, radius: Plane) -> Plane:
    """Sink the hole: rings of thread in shadow, and the mat far below."""
    depth = length(x + 2.5, y + 3.5)
    shade = 0.45 + step(0, HOLE, length(x + 12, y + 16) * 0.8)
    floor = paint((0.10, 0.125, 0.145), shade)
    rings = np.sin(depth * 1.7) * 0.5 + 0.5
    side = 0.22 + 0.30 * step(-HOLE, HOLE, x * 0.6 + y * 0.8)
    wall = paint((0.9, 0.95, 1.0), side * (0.35 + 0.65 * rings))
    inside = mix(wall, floor, cover(depth - (HOLE - 9), 1))
    return mix(image, inside, cover(radius - HOLE))


def _scratch(u: Plane, v: Plane, rng: np.random.Generator) -> tuple[Plane, Plane, Plane]:
    """Score the top face: a groove with a bright bottom and a burr along it."""
    start = polar(rng.uniform(50, 60), rng.uniform(0, 2 * np.pi))
    heading = np.arctan2(start[1], start[0]) + rng.choice([-1, 1]) * rng.uniform(1.2, 1.9)
    points = random_walk(rng, start, heading, rng.uniform(22, 62), turn=0.07, steps=8)
    distance = polyline(u, v, points)
    outside_hole = (HOLE + 7) - length(u, v)
    face = cover(np.maximum(outside_hole, hexagon(u, v, APOTHEM - 2, 3)), 1)
    half_width = rng.uniform(1.0, 1.8)
    groove = cover(distance - half_width, 0.6) * face
    mask = cover(distance - (half_width + 0.8)) * face
    return -groove * 1.5, groove * 0.8, mask


def _dent(u: Plane, v: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Press a smooth hollow into the top face."""
    centre = polar(rng.uniform(51, 60), rng.uniform(0, 2 * np.pi))
    size = rng.uniform(5.5, 10)
    stretch = rng.uniform(0.7, 1.0)
    p, q = turn(u - centre[0], v - centre[1], rng.uniform(0, np.pi))
    reach = length(p, q / stretch) / size
    bowl = np.maximum(1 - reach * reach, 0) ** 2
    return -bowl * (0.42 * size), cover((reach - 0.92) * size)


def _chip(edge: Plane, u: Plane, v: Plane, rng: np.random.Generator) -> tuple[Plane, Plane, Plane]:
    """Break a corner off; the fracture is rough and dark."""
    angle = np.pi / 3 * int(rng.integers(6))
    corner = APOTHEM / cos(np.pi / 6)
    p, q = turn(u, v, angle + rng.uniform(-0.06, 0.06))
    depth = rng.uniform(7, 16)
    rough = clouds(rng, 9, 3)
    cut = (corner - depth) - p + 0.9 * rough + 0.15 * np.abs(q)
    chipped = np.maximum(edge, -cut)
    removed = cover(edge) * cover(cut)
    fracture = cover(cut - 4, 1) * (0.42 + 0.12 * rough)
    mask = np.maximum(removed, cover(cut - 4) * cover(edge))
    return chipped, np.clip(fracture, 0, 1), mask
