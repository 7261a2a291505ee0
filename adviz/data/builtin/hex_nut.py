"""A stamped hexagonal steel nut on a rubber mat, at any rotation, never quite centred: scratches, dents, chips."""

from math import cos

import numpy as np

from adviz.data.builtin import optics, shapes
from adviz.data.builtin.shapes import Plane
from adviz.data.builtin.shot import Scene, Shot

GOOD = 20
DEFECTS = {"scratch": 9, "dent": 9, "chip": 8}

# How far from the middle it lies, pixels; twice that is the most, and leaves it within the default
# crop
SHIFT = 9.0
# Half the width across flats, and the radii of the thread and of the flat top
APOTHEM, HOLE, FACE = 76.0, 38.0, 68.0


def draw(shot: Shot) -> Scene:
    """Draw one nut."""
    scene, fault = shot.rng("scene"), shot.rng("defect")
    centre = tuple(np.clip(scene.normal(0, SHIFT, 2), -2 * SHIFT, 2 * SHIFT))
    angle = scene.uniform(0, 2 * np.pi)
    x, y = shapes.place(centre)
    u, v = shapes.turn(x, y, angle)
    edge = shapes.hexagon(u, v, APOTHEM, corner=3) + 0.25 * optics.clouds(scene, 60, 2)
    mark: Plane | None = None
    dent = mask = np.zeros_like(x)
    if shot.defect == "chip":
        edge, mark, mask = _chip(edge, u, v, fault)
    elif shot.defect == "dent":
        dent, mask = _dent(u, v, fault)
    elif shot.defect == "scratch":
        dent, mark, mask = _scratch(u, v, fault)
    dent = dent - _stamp(centre, angle)
    image = _mat(x, y, edge, scene)
    return Scene(_steel(image, x, y, edge, dent, mark, scene), mask)


def _stamp(centre: shapes.Point, angle: float) -> Plane:
    """Return how deep the face is struck: the size on one side, the grade on the other."""
    marks = []
    for text, side in (("M12", -np.pi / 2), ("8", np.pi / 2)):
        right, down = shapes.away(54, angle + side)
        marks.append(optics.ink(text, 15, (centre[0] + right, centre[1] + down), angle))
    return np.maximum(*marks) * 0.3


def _mat(x: Plane, y: Plane, edge: Plane, rng: np.random.Generator) -> Plane:
    """Fine-grained rubber, the nut's shadow on it."""
    grain = 1 + 0.035 * optics.clouds(rng, 90, 3) + 0.05 * optics.clouds(rng, 3, 1)
    shadow = shapes.cover(shapes.moved(edge, 10, 14), 14) * 0.62
    contact = shapes.cover(edge - 2, 4) * 0.4
    lit = 1.08 - 0.0012 * (x + y)
    return optics.paint((0.23, 0.29, 0.33), grain * lit * (1 - shadow) * (1 - contact))


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
    radius = shapes.length(x, y)
    height = -np.maximum(radius - FACE, 0) * 0.5  # the chamfer's cone
    height -= np.maximum(edge + 2.5, 0) * 1.2
    height -= np.maximum((HOLE + 6) - radius, 0) * 0.9
    height += dent
    groove = rng.normal(0, 1, 1024).astype(np.float32)
    turned = groove[np.clip(radius * 7, 0, 1023).astype(np.int32)]
    height += turned * 0.035
    normal = optics.normals(height)
    fan = (x * 0.6 + y * 0.8) ** 2 / (radius * radius + 1)  # sheen across the grooves
    tone = 0.34 * optics.diffuse(normal, 0.5) + 0.20 * fan**2
    tone = tone + 0.55 * optics.softbox(normal, (-0.55, -0.72), 0.75)
    tone = tone + 0.16 * optics.softbox(normal, (0.8, 0.35), 0.5) + 0.12
    tone = tone * (1 + 0.02 * turned + 0.025 * optics.clouds(rng, 40, 3))
    if mark is not None:
        tone = tone * (1 - mark) + mark * mark
    metal = optics.paint((0.93, 0.96, 1.0), tone)
    image = optics.mix(image, metal, shapes.cover(edge))
    return _thread(image, x, y, radius)


def _thread(image: Plane, x: Plane, y: Plane, radius: Plane) -> Plane:
    """Sink the hole: rings of thread in shadow, and the mat far below."""
    depth = shapes.length(x + 2.5, y + 3.5)
    floor = optics.paint(
        (0.10, 0.125, 0.145), 0.45 + shapes.step(0, HOLE, shapes.length(x + 12, y + 16) * 0.8)
    )
    rings = np.sin(depth * 1.7) * 0.5 + 0.5
    side = 0.22 + 0.30 * shapes.step(-HOLE, HOLE, x * 0.6 + y * 0.8)
    wall = optics.paint((0.9, 0.95, 1.0), side * (0.35 + 0.65 * rings))
    inside = optics.mix(wall, floor, shapes.cover(depth - (HOLE - 9), 1))
    return optics.mix(image, inside, shapes.cover(radius - HOLE))


def _scratch(u: Plane, v: Plane, rng: np.random.Generator) -> tuple[Plane, Plane, Plane]:
    """Score the top face: a groove with a bright bottom and a burr along it."""
    start = shapes.away(rng.uniform(50, 60), rng.uniform(0, 2 * np.pi))
    heading = np.arctan2(start[1], start[0]) + rng.choice([-1, 1]) * rng.uniform(1.2, 1.9)
    points = shapes.wander(rng, start, heading, rng.uniform(22, 62), turn=0.07, steps=8)
    distance = shapes.polyline(u, v, points)
    inside = shapes.cover(
        np.maximum((HOLE + 7) - shapes.length(u, v), shapes.hexagon(u, v, APOTHEM - 2, 3)), 1
    )
    half = rng.uniform(1.0, 1.8)
    groove = shapes.cover(distance - half, 0.6) * inside
    return -groove * 1.5, groove * 0.8, shapes.cover(distance - (half + 0.8)) * inside


def _dent(u: Plane, v: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Press a smooth hollow into the top face."""
    where = shapes.away(rng.uniform(51, 60), rng.uniform(0, 2 * np.pi))
    size, stretch = rng.uniform(5.5, 10), rng.uniform(0.7, 1.0)
    p, q = shapes.turn(u - where[0], v - where[1], rng.uniform(0, np.pi))
    reach = shapes.length(p, q / stretch) / size
    bowl = np.maximum(1 - reach * reach, 0) ** 2
    return -bowl * (0.42 * size), shapes.cover((reach - 0.92) * size)


def _chip(edge: Plane, u: Plane, v: Plane, rng: np.random.Generator) -> tuple[Plane, Plane, Plane]:
    """Break a corner off; the fracture is rough and dark."""
    angle = np.pi / 3 * int(rng.integers(6))
    corner = APOTHEM / cos(np.pi / 6)
    p, q = shapes.turn(u, v, angle + rng.uniform(-0.06, 0.06))
    depth = rng.uniform(7, 16)
    rough = optics.clouds(rng, 9, 3)
    cut = (corner - depth) - p + 0.9 * rough + 0.15 * np.abs(q)
    chipped = np.maximum(edge, -cut)
    lost = shapes.cover(edge) * shapes.cover(cut)
    fracture = shapes.cover(cut - 4, 1) * (0.42 + 0.12 * rough)
    return (
        chipped,
        np.clip(fracture, 0, 1),
        np.maximum(lost, shapes.cover(cut - 4) * shapes.cover(edge)),
    )
