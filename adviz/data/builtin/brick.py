"""Crops of scikit-image's photograph of a brick wall: cracks, stains, holes, missing mortar."""

from functools import cache

import numpy as np
from PIL import Image

from adviz.data.builtin.optics import clouds, diffuse, light, mix, normals, paint, tint
from adviz.data.builtin.picture import Scene, Shot
from adviz.data.builtin.shapes import (
    SAMPLES,
    Plane,
    circle,
    cover,
    frame_at,
    length,
    moved,
    plane,
    polar,
    polyline,
    random_walk,
    step,
)

GOOD = 20
DEFECTS = {"crack": 7, "stain": 12, "hole": 5, "mortar": 6}

# Columns of the photograph, first and one past the last. They do not overlap, and once mirrored
# each has bricks of both slants.
REGIONS = {"train": (0, 296), "test": (300, 512)}
SIZES = (96, 128)  # least and most pixels of a side that a picture shows


@cache
def photo() -> Plane:
    """Return the photograph, (512, 512) in 0..1."""
    from skimage.data import brick

    return np.asarray(brick(), np.float32) / 255


def window(shot: Shot) -> tuple[int, int, int]:
    """Return the top row, left column and size of a picture's square of the photograph."""
    rng = shot.rng("window")
    low, high = REGIONS[shot.folder.split("/")[0]]
    size = int(rng.integers(SIZES[0], SIZES[1] + 1))
    top = int(rng.integers(len(photo()) - size + 1))
    left = int(rng.integers(low, high - size + 1))
    return top, left, size


def draw(shot: Shot) -> Scene:
    """Draw one piece of wall."""
    scene = shot.rng("scene")
    fault = shot.rng("defect")
    grey = _crop(shot, scene)
    # Mortar is paler than bricks; both keep the photograph's relief in their own colour.
    mortar = step(0.46, 0.56, grey)
    relief = grey * (1 + 0.05 * clouds(scene, 2.5, 1) + 0.03 * clouds(scene, 40, 3))
    clay = paint((1.22, 0.72, 0.55), relief)
    lime = paint((1.06, 1.0, 0.92), relief)
    image = mix(clay, lime, mortar) * 1.1
    mask = np.zeros_like(grey)
    if shot.defect is not None:
        painters = {"crack": _crack, "stain": _stain, "hole": _hole, "mortar": _mortar}
        image, mask = painters[shot.defect](image, mortar, fault)
    x, y = plane()
    right, down = polar(scene.uniform(0, 0.0014), scene.uniform(0, 2 * np.pi))
    lit = 1 + right * x + down * y
    return Scene(image * (lit * scene.uniform(0.9, 1.12)), mask)


def _crop(shot: Shot, rng: np.random.Generator) -> Plane:
    """Cut the window out, lay the courses level, enlarge, and mirror at random."""
    top, left, size = window(shot)
    square = np.rot90(photo()[top : top + size, left : left + size])
    enlarged = Image.fromarray(square).resize((SAMPLES, SAMPLES), Image.Resampling.BICUBIC)
    step_x, step_y = rng.choice([-1, 1], 2).tolist()  # -1 mirrors
    return np.asarray(enlarged)[::step_y, ::step_x]


def _random_point(rng: np.random.Generator, reach: float = 75) -> tuple[float, float]:
    return float(rng.uniform(-reach, reach)), float(rng.uniform(-reach, reach))


def _crack(image: Plane, mortar: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Split the wall: a dark jagged gap that tapers, one lit edge below it."""
    x, y = plane()
    start = _random_point(rng, 55)
    heading = rng.uniform(0, 2 * np.pi)
    reach = rng.uniform(45, 110)
    points = random_walk(rng, start, heading, reach, turn=0.45, steps=12)
    fork_heading = heading + rng.choice([-0.9, 0.9])
    fork = random_walk(rng, points[5], fork_heading, reach * 0.35, turn=0.4, steps=5)
    bumps = 0.35 * clouds(rng, 4, 2)
    taper = 0.012 * length(x - start[0], y - start[1])
    width = rng.uniform(1.5, 2.8)
    line = np.minimum(polyline(x, y, points), polyline(x, y, fork) + 0.6)
    gap = line - width + taper + bumps
    lip = cover(moved(gap, 2, 3) - 0.3, 0.8)
    image = light(image, lip * 0.10)
    image = mix(image, (0.09, 0.07, 0.065), cover(gap, 0.7) * 0.92)
    return image, cover(gap - 0.4)


def _stain(image: Plane, mortar: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Soak the wall: darker or whiter, with a tide mark, and the texture shining through."""
    x, y = frame_at(_random_point(rng, 70), rng.uniform(0, np.pi))
    size = rng.uniform(14, 32)
    edge = length(x, y / rng.uniform(0.5, 0.9)) - size
    edge = edge + (0.16 * size) * clouds(rng, size, 4)
    rim = np.exp(-((edge + 1.5) ** 2) * 0.12)
    wet = cover(edge, 2.0) * (0.75 + 0.25 * rim)
    if rng.random() < 0.4:
        image = mix(image, (0.83, 0.81, 0.77), wet * 0.34)
    else:
        image = image * (1 - wet * tint((0.29, 0.33, 0.31)))
    return image, cover(edge)


def _hole(image: Plane, mortar: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Knock a hole: a rough dark pit, its upper left wall in shadow, its lower right one lit."""
    x, y = frame_at(_random_point(rng), rng.uniform(0, np.pi))
    size = rng.uniform(5, 13)
    rough = clouds(rng, 0.8 * size, 4)
    edge = length(x, y / rng.uniform(0.6, 1.0)) - size + (0.14 * size) * rough
    # The pit gets deeper away from its edge, down to a rough floor.
    depth = np.clip(-edge * 1.1, 0, (0.5 * size)) + 0.3 * clouds(rng, 3, 2)
    tone = diffuse(normals(-depth), 0.25) * 0.62 * (1 + 0.08 * rough)
    pit = paint((0.62, 0.42, 0.34), tone)
    return mix(image, pit, cover(edge, 0.8)), cover(edge)


def _mortar(image: Plane, mortar: Plane, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Remove a stretch of mortar: bare clay at the bottom, in the shadow of the brick above."""
    x, y = plane()
    candidates = np.flatnonzero((mortar > 0.9) & (np.abs(x) < 70) & (np.abs(y) < 70))
    centre = int(rng.choice(candidates))
    zone = circle(x - x.flat[centre], y - y.flat[centre], rng.uniform(13, 27))
    zone = zone + 3 * clouds(rng, 15, 4)
    missing = step(0.15, 0.6, mortar) * cover(zone, 1.0)
    shadow = 0.45 * missing * (1 - moved(mortar, 3, 5))
    tone = 0.34 * (1 + 0.10 * clouds(rng, 5, 3)) * (1 - shadow)
    image = mix(image, paint((1.05, 0.70, 0.56), tone), missing * 0.95)
    return image, missing
