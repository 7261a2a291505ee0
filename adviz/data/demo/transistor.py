"""A three-legged part on a perforated board: misplaced, missing, a bent leg, a damaged case."""

from typing import NamedTuple

import numpy as np

from adviz.data.demo import optics, shapes
from adviz.data.demo.shapes import Plane
from adviz.data.demo.shot import Scene, Shot

GOOD = 20
DEFECTS = {"misplaced": 9, "missing": 5, "bent_leg": 8, "damaged_case": 8}

PITCH = 25.0  # of the board's holes
FEET = 3 * PITCH  # the legs' holes, below the part's centre


class Part(NamedTuple):
    """Signed distances of one transistor: tab, case and each leg, in the image; and its own coordinates."""

    tab: Plane
    case: Plane
    legs: list[Plane]
    x: Plane
    y: Plane
    angle: float

    def edge(self) -> Plane:
        """Return the outline of the whole."""
        return np.minimum.reduce([self.tab, self.case, *self.legs])


def draw(shot: Shot) -> Scene:
    """Draw one soldered part."""
    scene, fault = shot.rng("scene"), shot.rng("defect")
    board = (float(scene.uniform(-2.5, 2.5)), float(scene.uniform(-2.5, 2.5)))
    spot = (board[0] + scene.normal(0, 0.8), board[1] - 4 + scene.normal(0, 0.8))
    angle = scene.normal(0, 0.012)
    part = _part(spot, angle)
    image, mask = _board(board, scene), np.zeros_like(part.tab)
    if shot.defect == "missing":
        return Scene(image, shapes.cover(part.edge()))
    if shot.defect == "misplaced":
        shift = shapes.away(fault.uniform(16, 42), fault.uniform(0, 2 * np.pi))
        turn = fault.choice([-1, 1]) * fault.uniform(0.25, 1.4)
        moved = _part((spot[0] + shift[0], spot[1] + shift[1]), angle + turn)
        mask = shapes.cover(np.minimum(part.edge(), moved.edge()))
        part = moved
    if shot.defect == "bent_leg":
        part, mask = _bend(part, fault)
    image = _lay(image, part, scene)
    if shot.defect == "damaged_case":
        image, mask = _damage(image, part, fault)
    return Scene(image, mask)


def _board(origin: shapes.Point, rng: np.random.Generator) -> Plane:
    """Green laminate with a grid of tinned rings around dark holes."""
    x, y = shapes.place(origin)
    weave = np.sin(x * np.float32(2.2)) * np.sin(y * np.float32(2.2))
    tone = 1 + np.float32(0.03) * weave + np.float32(0.04) * optics.clouds(rng, 70, 4) - np.float32(0.0010) * (x + y)
    image = optics.paint((0.13, 0.40, 0.30), tone)
    u, v = (axis - np.float32(PITCH) * np.rint(axis * np.float32(1 / PITCH)) for axis in (x, y))
    ring = shapes.length(u, v)
    sheen = np.float32(0.78) - np.float32(0.022) * (u + v) * shapes.step(9, 5, ring)
    image = optics.mix(image, optics.paint((0.86, 0.72, 0.45), sheen), shapes.cover(ring - 7.5))
    hole = optics.paint((0.05, 0.06, 0.06), 1 + np.float32(0.12) * (u + v))
    return optics.mix(image, hole, shapes.cover(ring - 4))


def _part(centre: shapes.Point, angle: float) -> Part:
    x, y = shapes.place(centre, angle)
    tab = np.maximum(shapes.box(x, y + 66, 43, 24, 4), np.float32(8.5) - shapes.length(x, y + 68))
    legs = [_leg(x, y, shift * PITCH, shift * PITCH) for shift in (-1, 0, 1)]
    return Part(tab, shapes.box(x, y + 16, 45, 32, 3), legs, x, y, angle)


def _leg(x: Plane, y: Plane, top: float, foot: float) -> Plane:
    """Return a leg from under the case to its hole: broad shoulder, thin tip."""
    shoulder = shapes.box(x - np.float32(top), y - 26, 5, 14, 1.5)
    return np.minimum(shoulder, shapes.segment(x, y, (top, 36), (foot, FEET)) - np.float32(2.8))


def _lay(image: Plane, part: Part, rng: np.random.Generator) -> Plane:
    """Put a part on the board: shadow, legs with solder, tab, case and its print."""
    outline = part.edge()
    image = image * (1 - np.float32(0.55) * shapes.cover(np.roll(outline, (8, 6), (0, 1)), 5))[..., None]
    tilt = np.float32(np.cos(part.angle)), np.float32(np.sin(part.angle))
    for leg in part.legs:
        gleam = np.float32(0.52) + np.float32(0.40) * shapes.step(0.5, -2.8, leg)
        image = optics.mix(image, optics.paint((0.90, 0.92, 0.95), gleam), shapes.cover(leg))
    brushed = optics.clouds(rng, 50, 2) * np.float32(0.05) + np.sin(part.y * np.float32(3.1)) * np.float32(0.015)
    metal = (
        np.float32(0.70)
        + brushed
        - np.float32(0.0022) * (part.x + part.y + 66)
        + _bevel(part.tab, 2) * np.float32(0.25)
    )
    image = optics.mix(image, optics.paint((0.93, 0.95, 0.98), metal), shapes.cover(part.tab))
    image = image * (1 - np.float32(0.5) * shapes.cover(np.roll(part.case, (4, 3), (0, 1)), 2.5))[..., None]
    plastic = (
        np.float32(0.115) + np.float32(0.016) * optics.clouds(rng, 2.5, 1) + _bevel(part.case, 4) * np.float32(0.16)
    )
    plastic = plastic + np.float32(0.05) * np.exp(-((part.x + 14) ** 2 + (part.y + 30) ** 2) * np.float32(1 / 900))
    image = optics.mix(image, optics.paint((0.96, 0.98, 1.0), np.maximum(plastic, 0.01)), shapes.cover(part.case))
    return _print(image, part, tilt)


def _bevel(edge: Plane, width: float) -> Plane:
    """Return how much more (or less) light a rim of the given width catches than the flat."""
    rim = shapes.step(-width, 0, edge)
    slope_y, slope_x = np.gradient(edge, np.float32(1 / shapes.SUPER))
    return rim * (slope_x * np.float32(optics.LIGHT[0]) + slope_y * np.float32(optics.LIGHT[1]))


def _print(image: Plane, part: Part, tilt: tuple[np.float32, np.float32]) -> Plane:
    """Print the type on the case, wherever the part lies."""
    cos, sin = tilt
    x, y = shapes.plane()
    origin = (
        float(x[0, 0] - cos * part.x[0, 0] + sin * part.y[0, 0]),
        float(y[0, 0] - sin * part.x[0, 0] - cos * part.y[0, 0]),
    )
    for text, size, down in (("BD 243", 15, -24), ("C 07", 12, -5)):
        middle = origin[0] - float(sin) * down, origin[1] + float(cos) * down
        image = optics.mix(image, (0.62, 0.64, 0.64), optics.ink(text, size, middle, part.angle) * np.float32(0.85))
    return image


def _bend(part: Part, rng: np.random.Generator) -> tuple[Part, Plane]:
    """Bend one leg out of its hole."""
    which = int(rng.integers(3))
    side = {0: -1, 1: rng.choice([-1, 1]), 2: 1}[which] * rng.choice([1, 1, -1])
    top = (which - 1) * PITCH
    bent = _leg(part.x, part.y, top, top + side * rng.uniform(8, 19))
    mask = np.abs(shapes.cover(bent) - shapes.cover(part.legs[which]))
    return part._replace(legs=[bent if i == which else leg for i, leg in enumerate(part.legs)]), mask


def _damage(image: Plane, part: Part, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Break a piece out of the case; the fracture is grey and rough."""
    corner = float(rng.choice([-1, 1])) * rng.uniform(25, 44), float(rng.choice([-46, 14]))
    size = rng.uniform(6, 13)
    rough = optics.clouds(rng, 0.7 * size, 4)
    edge = (
        shapes.circle(part.x - np.float32(corner[0]), part.y - np.float32(corner[1]), size)
        + np.float32(0.12 * size) * rough
    )
    edge = np.maximum(edge, part.case)
    tone = optics.diffuse(optics.normals(np.minimum(edge, 0) + np.float32(0.5) * rough), 0.3)
    return optics.mix(image, optics.paint((0.44, 0.43, 0.42), tone), shapes.cover(edge)), shapes.cover(edge)
