"""The mouth of a glass bottle from above: tiny cracks at the rim, large contaminations inside."""

from functools import cache

import numpy as np

from adviz.data.builtin.optics import (
    clouds,
    diffuse,
    light,
    mix,
    normals,
    paint,
    ramp,
    softbox,
    tint,
)
from adviz.data.builtin.picture import Scene, Shot
from adviz.data.builtin.shapes import (
    Plane,
    cover,
    frame_at,
    length,
    moved,
    polar,
    polyline,
    random_walk,
    step,
    turn,
)

GOOD = 20
DEFECTS = {"crack": 13, "contamination": 13}

# Radii of the shoulder and of the rim's inner edge, pixels.
BODY = 99.0
BORE = 50.0
REACH = 140.0  # the largest radius of the tables below
STEPS = 4096  # of the table of slopes
# (radius, height of the glass), pixels.
HEIGHT = (
    *((0, 0), (42, 0), (46, 1), (50, 4), (53, 8.5), (56, 11.5), (59, 12.3), (62, 11.3)),
    *((65, 8.0), (67, 4.5), (69, 4.0), (72, 6.5), (75, 7.8), (78, 7.0), (81, 4.2), (83, 3.0)),
    *((87, 1.0), (93, -4.5), (99, -13), (140, -60)),
)
# (radius, fraction of the light that comes through).
GLASS = (
    *((0, 0.20), (38, 0.15), (47, 0.07), (50, 0.16), (54, 0.42), (58, 0.52), (63, 0.38)),
    *((67, 0.12), (69, 0.10), (74, 0.34), (80, 0.16), (84, 0.10), (90, 0.24), (96, 0.16)),
    (99, 0.05),
)


def draw(shot: Shot) -> Scene:
    """Draw one bottle."""
    scene = shot.rng("scene")
    fault = shot.rng("defect")
    x, y = frame_at(tuple(np.clip(scene.normal(0, 2, 2), -5, 5)))
    radius = length(x, y)
    image = _glass(_table(x, y, radius, scene), x, y, radius, scene)
    mask = np.zeros_like(x)
    if shot.defect == "crack":
        image, mask = _crack(image, x, y, radius, fault)
    elif shot.defect == "contamination":
        image, mask = _contaminate(image, x, y, radius, fault)
    return Scene(image, mask)


def _table(x: Plane, y: Plane, radius: Plane, rng: np.random.Generator) -> Plane:
    """Draw a pale table, the bottle's shadow on it, and amber light in the shadow."""
    tone = 0.86 - 0.0007 * (x + y) + 0.008 * clouds(rng, 60, 4)
    shadow = cover(length(x - 7, y - 10) - (BODY - 2), 13) * 0.5
    amber = tint((0.55, 0.85, 1.05))
    return paint((0.97, 0.98, 1.0), tone) * (1 - shadow * amber)


@cache
def _slopes() -> Plane:
    """Return the slope of the glass outwards at STEPS radii, with its knots smoothed."""
    from scipy.ndimage import gaussian_filter1d

    height = np.interp(np.linspace(0, REACH, STEPS), *np.transpose(HEIGHT))
    smooth = gaussian_filter1d(height, 0.9 * STEPS / REACH)
    return np.asarray(np.gradient(smooth, REACH / STEPS), np.float32)


def _normal(x: Plane, y: Plane, radius: Plane) -> tuple[Plane, Plane, Plane]:
    slope = _slopes()[np.clip(radius * (STEPS / REACH), 0, STEPS - 1).astype(np.int32)]
    nz = 1 / np.sqrt(1 + slope * slope)
    outwards = -slope * nz / np.maximum(radius, 1)
    return outwards * x, outwards * y, nz


def _glass(image: Plane, x: Plane, y: Plane, radius: Plane, rng: np.random.Generator) -> Plane:
    """Draw amber glass by its profile: darker where thick, lamps mirrored in every ring."""
    bent = radius + 0.3 * clouds(rng, 70, 2)
    normal = _normal(x, y, bent)
    tone = ramp(GLASS, bent, top=REACH) * (1 + 0.06 * clouds(rng, 30, 3))
    # Light that enters at the upper left leaves at the lower right.
    through = 0.75 + 0.0042 * (x + y) * step(BORE - 6, BORE + 6, radius)
    body = paint((1.0, 0.50, 0.13), tone * through)
    body = light(body, 0.95 * softbox(normal, (-0.62, -0.72), 0.20), (1.0, 0.98, 0.94))
    body = light(body, 0.35 * softbox(normal, (-0.35, -0.55), 0.45), (1.0, 0.85, 0.65))
    body = light(body, 0.60 * softbox(normal, (0.85, 0.40), 0.17), (0.88, 0.94, 1.0))
    body = light(body, 0.40 * softbox(normal, (-0.70, 0.68), 0.16), (1.0, 0.92, 0.80))
    foot = np.exp(-((length(x + 3, y + 4) - 27) ** 2) * 0.05)  # the foot's ring, far below
    body = light(body, foot * 0.07 * (1 - y * 0.02), (1.0, 0.62, 0.25))
    return mix(image, body, cover(radius - BODY))


def _crack(
    image: Plane, x: Plane, y: Plane, radius: Plane, rng: np.random.Generator
) -> tuple[Plane, Plane]:
    """Chip or split the rim: a few square millimetres, glinting along one side."""
    # From the rim's top inwards or outwards.
    start = polar(rng.uniform(55, 63), rng.uniform(0, 2 * np.pi))
    heading = np.arctan2(start[1], start[0]) + rng.uniform(-0.8, 0.8) + np.pi * rng.integers(2)
    points = random_walk(rng, start, heading, rng.uniform(9, 20), turn=0.35, steps=5)
    edge = polyline(x, y, points) - rng.uniform(1.2, 2.4) + 0.4 * clouds(rng, 4, 2)
    glint = cover(moved(edge, -2, -3) + 0.4, 0.7) * cover(edge)
    image = mix(image, (0.06, 0.03, 0.02), cover(edge, 0.7) * 0.9)
    image = light(image, glint * 0.75, (1.0, 0.9, 0.75))
    return image, cover(edge)


def _contaminate(
    image: Plane, x: Plane, y: Plane, radius: Plane, rng: np.random.Generator
) -> tuple[Plane, Plane]:
    """Leave something in the bore: a large pale or dark clot with a wet sheen."""
    centre = polar(rng.uniform(0, 20), rng.uniform(0, 2 * np.pi))
    u, v = turn(x - centre[0], y - centre[1], rng.uniform(0, np.pi))
    size = rng.uniform(22, 38)
    lumps = clouds(rng, 0.6 * size, 4)
    edge = length(u, v / rng.uniform(0.6, 0.95)) - size + (0.13 * size) * lumps
    edge = np.maximum(edge, radius - (BORE - 3))
    height = np.minimum(-edge, 7) * 0.6 + 0.8 * lumps
    normal = normals(height * cover(edge, 2))
    # Pale, greenish or dark.
    color = ((0.66, 0.58, 0.44), (0.40, 0.37, 0.25), (0.25, 0.17, 0.11))[rng.integers(3)]
    clot = paint(color, diffuse(normal, 0.45))
    clot = light(clot, 0.4 * softbox(normal, (-0.6, -0.7), 0.3))
    image = mix(image, clot, cover(edge, 1.0) * 0.93)
    return image, cover(edge)
