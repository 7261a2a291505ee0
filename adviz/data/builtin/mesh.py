"""A woven wire grid, strongly varied in scale and position: broken wires, bent wires, metal contamination."""

from typing import NamedTuple

import numpy as np

from adviz.data.builtin import optics, shapes
from adviz.data.builtin.shapes import Plane
from adviz.data.builtin.shot import Scene, Shot

GOOD = 20
DEFECTS = {"broken": 9, "bent": 9, "contamination": 8}

PITCHES = (18.0, 44.0)  # the spacing of the wires, log-uniform
GAUGE = 0.17  # a wire's radius in pitches
METALS: tuple[optics.Color, ...] = ((0.86, 0.90, 0.95), (0.95, 0.79, 0.45), (0.96, 0.62, 0.44))


class Wires(NamedTuple):
    """Wires of one direction: signed distance, height (-1..1) and surface normal (across, along) of the topmost."""

    edge: Plane
    rise: Plane
    across: Plane
    along: Plane


class Fault(NamedTuple):
    """What is wrong with the warp wire number `wire`: a gap about `v`, or a bump of the given height."""

    wire: int
    v: float
    reach: float
    bump: float
    gap: bool


def draw(shot: Shot) -> Scene:
    """Draw one piece of mesh."""
    scene, rng = shot.rng("scene"), shot.rng("defect")
    pitch = float(np.exp(scene.uniform(*np.log(PITCHES))))
    u, v = shapes.place(
        tuple(scene.uniform(-pitch / 2, pitch / 2, 2)), angle := scene.normal(0, 0.05)
    )
    metal = METALS[scene.integers(len(METALS))]
    weft, warp, mask = _wires(v, u, pitch, 1), _wires(u, v, pitch, 0), np.zeros_like(u)
    if shot.defect in ("broken", "bent"):
        fault = _fault(rng, pitch, gap=shot.defect == "broken")
        faulty = _wires(u, v, pitch, 0, fault, rng)
        mask = np.abs(_visible(warp, weft) - _visible(faulty, weft))
        warp = faulty
    image = _ground(np.minimum(weft.edge, warp.edge), pitch, scene)
    grime = 1 + 0.05 * optics.clouds(scene, 40, 4)
    image = _lay(image, weft, metal, angle, grime, shapes.cover(weft.edge), swap=True)
    image = _lay(image, warp, metal, angle, grime, _visible(warp, weft), swap=False)
    if shot.defect == "contamination":
        image, mask = _splash(image, pitch, rng)
    return Scene(image, mask)


def _visible(wires: Wires, others: Wires) -> Plane:
    """Return where wires are seen, not hidden under the others."""
    seen: Plane = shapes.cover(wires.edge) * (
        1 - shapes.cover(others.edge) * (others.rise > wires.rise)
    )
    return seen


def _fault(rng: np.random.Generator, pitch: float, *, gap: bool) -> Fault:
    wire, v = int(np.rint(rng.uniform(-65, 65) / pitch)), float(rng.uniform(-65, 65))
    bump = 0.0 if gap else rng.choice([-1, 1]) * rng.uniform(0.32, 0.52) * pitch
    reach = rng.uniform(0.6, 1.2) if gap else rng.uniform(0.6, 1.1)
    return Fault(wire, v, float(reach * pitch), float(bump), gap)


def _wires(
    across: Plane,
    along: Plane,
    pitch: float,
    parity: int,
    fault: Fault | None = None,
    rng: np.random.Generator | None = None,
) -> Wires:
    """Return the wires that run along one axis, woven over and under those of the other."""
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
            edge = np.where(index == fault.wire, pitch, edge)
            nearer = np.abs(bent) - radius < edge
            offset, index = np.where(nearer, bent, offset), np.where(nearer, fault.wire, index)
            edge = np.minimum(edge, np.abs(bent) - radius)
    sign = 1 - 2 * ((index.astype(np.int32) + parity) & 1).astype(np.float32)
    phase = along * (np.pi / pitch)
    return Wires(
        edge, sign * np.cos(phase), np.clip(offset / radius, -1, 1), sign * np.sin(phase) * 0.45
    )


def _ground(edge: Plane, pitch: float, rng: np.random.Generator) -> Plane:
    """Dark cloth under the mesh, the wires' shadow on it."""
    x, y = shapes.plane()
    tone = rng.uniform(0.12, 0.30) * (1 + 0.08 * optics.clouds(rng, 60, 4)) - 0.0004 * (x + y)
    shift = max(1, round(0.28 * pitch))
    shadow = 0.6 * shapes.cover(shapes.moved(edge, shift, shift), 0.12 * pitch)
    return optics.paint((0.80, 0.95, 1.10), tone * (1 - shadow))


def _lay(
    image: Plane,
    wires: Wires,
    metal: optics.Color,
    angle: float,
    grime: Plane,
    alpha: Plane,
    *,
    swap: bool,
) -> Plane:
    """Lay round wires over the image."""
    across, along = wires.across * 0.95, wires.along
    nx, ny = shapes.turn(*((along, across) if swap else (across, along)), -angle)
    nz = np.sqrt(np.maximum(1 - nx * nx - ny * ny, 0.03))
    tone = optics.diffuse((nx, ny, nz), 0.22) * (0.62 + 0.16 * wires.rise) * grime
    image = optics.mix(image, optics.paint(metal, tone), alpha)
    glint = 0.6 * optics.softbox((nx, ny, nz), (-0.6, -0.7), 0.5) * alpha
    return optics.light(image, glint, metal)


def _splash(image: Plane, pitch: float, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Drop molten metal on the mesh: a smooth bright bead with arms."""
    x, y = shapes.place(
        (float(rng.uniform(-70, 70)), float(rng.uniform(-70, 70))), rng.uniform(0, np.pi)
    )
    size = rng.uniform(7, 17)
    edge = shapes.length(x, y / rng.uniform(0.6, 1)) - size
    edge = edge + (0.16 * size) * optics.clouds(rng, 0.8 * size, 3)
    dome = np.sqrt(np.maximum(-edge, 0) * (0.9 * size))
    normal = optics.normals(dome + 0.25 * optics.clouds(rng, 8, 2))
    bead = optics.paint((0.80, 0.81, 0.82), 0.62 * optics.diffuse(normal, 0.3))
    bead = optics.light(bead, 0.7 * optics.softbox(normal, (-0.6, -0.7), 0.45))
    image = image * (1 - 0.4 * shapes.cover(shapes.moved(edge, 5, 6), 4))
    return optics.mix(image, bead, shapes.cover(edge, 0.8)), shapes.cover(edge - 0.4)
