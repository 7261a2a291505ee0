"""The mouth of a brown glass bottle from above: tiny cracks at the rim, large contaminations inside."""

import numpy as np

from adviz.data.demo import optics, shapes
from adviz.data.demo.shapes import Plane
from adviz.data.demo.shot import Scene, Shot

GOOD = 20
DEFECTS = {"crack": 13, "contamination": 13}

BODY, LIP, BORE = 99.0, 66.0, 50.0  # radii of the shoulder, and of the rim's outer and inner edge

HEIGHT = (
    (0, 0),
    (44, 0),
    (50, 5),
    (54, 13),
    (58, 15.5),
    (62, 14),
    (66, 8),
    (68, 7),
    (72, 10.5),
    (76, 11),
    (80, 8),
    (83, 6),
    (99, -12),
    (140, -20),
)
GLASS = (
    (0, 0.20),
    (40, 0.17),
    (48, 0.10),
    (54, 0.30),
    (58, 0.42),
    (64, 0.30),
    (68, 0.14),
    (74, 0.26),
    (80, 0.16),
    (86, 0.24),
    (97, 0.12),
    (140, 0.1),
)


def draw(shot: Shot) -> Scene:
    """Draw one bottle."""
    scene, fault = shot.rng("scene"), shot.rng("defect")
    x, y = shapes.place(tuple(np.clip(scene.normal(0, 2, 2), -5, 5)))
    radius = shapes.length(x, y)
    image = _glass(_table(x, y, radius, scene), x, y, radius, scene)
    mask = np.zeros_like(x)
    if shot.defect == "crack":
        image, mask = _crack(image, x, y, radius, fault)
    elif shot.defect == "contamination":
        image, mask = _contaminate(image, x, y, radius, fault)
    return Scene(image, mask)


def _table(x: Plane, y: Plane, radius: Plane, rng: np.random.Generator) -> Plane:
    """A pale table: the bottle's shadow, and amber light that the glass throws into it."""
    tone = np.float32(0.86) - np.float32(0.0007) * (x + y) + np.float32(0.008) * optics.clouds(rng, 60, 4)
    shadow = shapes.cover(shapes.length(x - 7, y - 10) - np.float32(BODY - 2), 13) * np.float32(0.5)
    amber = np.asarray((0.55, 0.85, 1.05), np.float32)
    return optics.paint((0.97, 0.98, 1.0), tone) * (1 - shadow[..., None] * amber)


def _glass(image: Plane, x: Plane, y: Plane, radius: Plane, rng: np.random.Generator) -> Plane:
    """Turn the profile into amber glass: darker where thick, lamps mirrored in every bead of it."""
    wobble = np.float32(0.35) * optics.clouds(rng, 70, 2)
    normal = optics.normals(optics.ramp(HEIGHT, radius + wobble, top=140))
    tone = optics.ramp(GLASS, radius + wobble, top=140) * (1 + np.float32(0.05) * optics.clouds(rng, 30, 3))
    tone = tone * (np.float32(0.7) + np.float32(0.5) * optics.diffuse(normal, 0.2))
    depth = shapes.step(8, 0.5, radius / np.float32(6)) * np.float32(0.35)
    body = optics.paint((1.0, 0.52, 0.16), tone * (1 - depth))
    body = optics.light(body, np.float32(0.85) * optics.softbox(normal, (-0.60, -0.70), 0.42), (1.0, 0.98, 0.93))
    body = optics.light(body, np.float32(0.45) * optics.softbox(normal, (0.75, 0.55), 0.33), (0.85, 0.93, 1.0))
    body = optics.light(body, np.float32(0.25) * optics.softbox(normal, (-0.75, 0.60), 0.25), (1.0, 0.9, 0.7))
    base = np.exp(-((shapes.length(x + 3, y + 4) - 27) ** 2) * np.float32(0.05))  # the foot's ring, far below
    body = optics.light(body, base * np.float32(0.07) * (1 - y * np.float32(0.02)), (1.0, 0.62, 0.25))
    return optics.mix(image, body, shapes.cover(radius - np.float32(BODY)))


def _crack(image: Plane, x: Plane, y: Plane, radius: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Chip or split the rim: a few square millimetres, glinting along one side."""
    start = shapes.away(rng.uniform(55, 63), rng.uniform(0, 2 * np.pi))
    heading = np.arctan2(start[1], start[0]) + rng.uniform(-0.8, 0.8) + np.pi * rng.integers(2)
    points = shapes.wander(rng, start, heading, rng.uniform(9, 20), turn=0.35, steps=5)
    edge = (
        shapes.polyline(x, y, points) - np.float32(rng.uniform(1.2, 2.4)) + np.float32(0.4) * optics.clouds(rng, 4, 2)
    )
    glint = shapes.cover(np.roll(edge, (-3, -2), (0, 1)) + 0.4, 0.7) * shapes.cover(edge)
    image = optics.mix(image, (0.06, 0.03, 0.02), shapes.cover(edge, 0.7) * np.float32(0.9))
    return optics.light(image, glint * np.float32(0.75), (1.0, 0.9, 0.75)), shapes.cover(edge)


def _contaminate(image: Plane, x: Plane, y: Plane, radius: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Leave something in the bore: a large pale or dark clot with a wet sheen."""
    centre = shapes.away(rng.uniform(0, 20), rng.uniform(0, 2 * np.pi))
    u, v = shapes.turn(x - np.float32(centre[0]), y - np.float32(centre[1]), rng.uniform(0, np.pi))
    size = rng.uniform(22, 38)
    lumps = optics.clouds(rng, 0.6 * size, 4)
    edge = shapes.length(u, v / np.float32(rng.uniform(0.6, 0.95))) - np.float32(size) + np.float32(0.13 * size) * lumps
    edge = np.maximum(edge, radius - np.float32(BORE - 3))
    height = np.minimum(-edge, 7) * np.float32(0.6) + np.float32(0.8) * lumps
    normal = optics.normals(height * shapes.cover(edge, 2))
    color = ((0.66, 0.58, 0.44), (0.40, 0.37, 0.25), (0.25, 0.17, 0.11))[rng.integers(3)]
    clot = optics.light(
        optics.paint(color, optics.diffuse(normal, 0.45)), np.float32(0.4) * optics.softbox(normal, (-0.6, -0.7), 0.3)
    )
    return optics.mix(image, clot, shapes.cover(edge, 1.0) * np.float32(0.93)), shapes.cover(edge)
