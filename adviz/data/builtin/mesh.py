"""A woven wire mesh at many scales and positions: broken wires, bent wires, contamination."""

from typing import NamedTuple

import numpy as np

from adviz.data.builtin.optics import Color, clouds, diffuse, light, mix, normals, paint, softbox
from adviz.data.builtin.picture import Scene, Shot
from adviz.data.builtin.shapes import Plane, cover, frame_at, length, moved, plane, turn

GOOD = 20
DEFECTS = {"broken": 9, "bent": 9, "contamination": 8}

PITCHES = (18.0, 44.0)  # the spacing of the wires, log-uniform
GAUGE = 0.17  # a wire's radius in pitches
METALS: tuple[Color, ...] = ((0.86, 0.90, 0.95), (0.95, 0.79, 0.45), (0.96, 0.62, 0.44))


class Wires(NamedTuple):
    """Wires of one direction, the topmost at each sample.

    Attributes
    ----------
    edge: signed distance.
    rise: height, -1..1.
    across, along: components of the surface normal.
    """

    edge: Plane
    rise: Plane
    across: Plane
    along: Plane


class Fault(NamedTuple):
    """A defect of the warp wire number `wire`: a gap about `v`, or a bump of a height."""

    wire: int
    v: float
    reach: float
    bump: float
    gap: bool


def draw(shot: Shot) -> Scene:
    """Draw one piece of mesh."""
    scene = shot.rng("scene")
    rng = shot.rng("defect")
    pitch = float(np.exp(scene.uniform(*np.log(PITCHES))))
    centre = tuple(scene.uniform(-pitch / 2, pitch / 2, 2))
    angle = scene.normal(0, 0.05)
    u, v = frame_at(centre, angle)
    metal = METALS[scene.integers(len(METALS))]
    weft = _wires(v, u, pitch, 1)
    warp = _wires(u, v, pitch, 0)
    mask = np.zeros_like(u)
    if shot.defect in ("broken", "bent"):
        fault = _fault(rng, pitch, gap=shot.defect == "broken")
        faulty = _wires(u, v, pitch, 0, fault, rng)
        mask = np.abs(_visible(warp, weft) - _visible(faulty, weft))
        warp = faulty
    image = _ground(np.minimum(weft.edge, warp.edge), pitch, scene)
    grime = 1 + 0.05 * clouds(scene, 40, 4)
    image = _lay(image, weft, metal, angle, grime, cover(weft.edge), swap=True)
    image = _lay(image, warp, metal, angle, grime, _visible(warp, weft), swap=False)
    if shot.defect == "contamination":
        image, mask = _splash(image, pitch, rng)
    return Scene(image, mask)


def _visible(wires: Wires, others: Wires) -> Plane:
    """Return the coverage of wires that are not hidden under the others."""
    hidden = cover(others.edge) * (others.rise > wires.rise)
    coverage: Plane = cover(wires.edge) * (1 - hidden)
    return coverage


def _fault(rng: np.random.Generator, pitch: float, *, gap: bool) -> Fault:
    wire = int(np.rint(rng.uniform(-65, 65) / pitch))
    v = float(rng.uniform(-65, 65))
    if gap:
        bump = 0.0
        reach = rng.uniform(0.6, 1.2)
    else:
        bump = rng.choice([-1, 1]) * rng.uniform(0.32, 0.52) * pitch
        reach = rng.uniform(0.6, 1.1)
    return Fault(wire, v, float(reach * pitch), float(bump), gap)


def _wires(
    across: Plane,
    along: Plane,
    pitch: float,
    parity: int,
    fault: Fault | None = None,
    rng: np.random.Generator | None = None,
) -> Wires:
    """Return the wires that run along one axis, woven over and under those of the other.

    Parameters
    ----------
    across, along: coordinates.
    pitch: spacing of the wires, pixels.
    parity: 0 for the warp and 1 for the weft, so that one is above where the other is below.
    fault, rng: a defect of one wire.
    """
    # Number of the nearest wire, and the distance from its axis.
    index = np.rint(across * (1 / pitch))
    offset = across - index * pitch
    radius = GAUGE * pitch
    edge = np.abs(offset) - radius
    if fault is not None and rng is not None:
        distance = along - fault.v
        if fault.gap:
            missing = np.abs(distance + 2 * np.sin(offset)) - fault.reach
            edge = np.where(index == fault.wire, np.maximum(edge, -missing), edge)
        else:
            bump = fault.bump * np.cos(np.clip(distance / fault.reach, -np.pi / 2, np.pi / 2)) ** 2
            bent = across - (fault.wire * pitch) - bump
            edge = np.where(index == fault.wire, pitch, edge)  # the straight wire is removed
            is_bent = np.abs(bent) - radius < edge
            offset = np.where(is_bent, bent, offset)
            index = np.where(is_bent, fault.wire, index)
            edge = np.minimum(edge, np.abs(bent) - radius)
    # Neighbouring wires are above and below in turn.
    sign = 1 - 2 * ((index.astype(np.int32) + parity) & 1).astype(np.float32)
    phase = along * (np.pi / pitch)
    rise = sign * np.cos(phase)
    return Wires(edge, rise, np.clip(offset / radius, -1, 1), sign * np.sin(phase) * 0.45)


def _ground(edge: Plane, pitch: float, rng: np.random.Generator) -> Plane:
    """Dark cloth under the mesh, the wires' shadow on it."""
    x, y = plane()
    tone = rng.uniform(0.12, 0.30) * (1 + 0.08 * clouds(rng, 60, 4)) - 0.0004 * (x + y)
    shift = max(1, round(0.28 * pitch))
    shadow = 0.6 * cover(moved(edge, shift, shift), 0.12 * pitch)
    return paint((0.80, 0.95, 1.10), tone * (1 - shadow))


def _lay(
    image: Plane,
    wires: Wires,
    metal: Color,
    angle: float,
    grime: Plane,
    alpha: Plane,
    *,
    swap: bool,
) -> Plane:
    """Draw round wires over the image; `swap` for those whose axis across is y."""
    across = wires.across * 0.95
    if swap:
        nx, ny = turn(wires.along, across, -angle)
    else:
        nx, ny = turn(across, wires.along, -angle)
    # Of a unit normal; never quite horizontal, or wires had black edges.
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.03))
    tone = diffuse((nx, ny, nz), 0.22) * (0.62 + 0.16 * wires.rise) * grime
    image = mix(image, paint(metal, tone), alpha)
    glint = 0.6 * softbox((nx, ny, nz), (-0.6, -0.7), 0.5) * alpha
    return light(image, glint, metal)


def _splash(image: Plane, pitch: float, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Drop molten metal on the mesh: a smooth bright bead with arms."""
    centre = (float(rng.uniform(-70, 70)), float(rng.uniform(-70, 70)))
    x, y = frame_at(centre, rng.uniform(0, np.pi))
    size = rng.uniform(7, 17)
    edge = length(x, y / rng.uniform(0.6, 1)) - size
    edge = edge + (0.16 * size) * clouds(rng, 0.8 * size, 3)
    dome = np.sqrt(np.maximum(-edge, 0) * (0.9 * size))
    normal = normals(dome + 0.25 * clouds(rng, 8, 2))
    bead = paint((0.80, 0.81, 0.82), 0.62 * diffuse(normal, 0.3))
    bead = light(bead, 0.7 * softbox(normal, (-0.6, -0.7), 0.45))
    image = image * (1 - 0.4 * cover(moved(edge, 5, 6), 4))
    return mix(image, bead, cover(edge, 0.8)), cover(edge - 0.4)
