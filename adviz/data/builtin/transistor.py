"""A three-legged part on a perforated board: misplaced, missing, a bent leg, a damaged case."""

from math import cos, sin
from typing import NamedTuple

import numpy as np

from adviz.data.builtin.optics import clouds, diffuse, ink, mix, normals, paint
from adviz.data.builtin.picture import Scene, Shot
from adviz.data.builtin.shapes import (
    Plane,
    Point,
    box,
    circle,
    cover,
    frame_at,
    length,
    moved,
    polar,
    segment,
    step,
)

GOOD = 20
DEFECTS = {"misplaced": 9, "missing": 5, "bent_leg": 8, "damaged_case": 8}

PRINT = "BD 243\nC 07"
PITCH = 25.0  # of the board's holes
FEET = 3 * PITCH  # the legs' holes, below the part's centre


class Part(NamedTuple):
    """Signed distances to tab, case and legs of a transistor, and the coordinates of its frame."""

    tab: Plane
    case: Plane
    legs: Plane
    x: Plane
    y: Plane
    centre: Point
    angle: float

    def edge(self) -> Plane:
        """Return the signed distance to the outline."""
        outline: Plane = np.minimum(np.minimum(self.tab, self.case), self.legs)
        return outline


def draw(shot: Shot) -> Scene:
    """Draw one soldered part."""
    scene = shot.rng("scene")
    fault = shot.rng("defect")
    board = (float(scene.uniform(-2.5, 2.5)), float(scene.uniform(-2.5, 2.5)))
    spot = (board[0] + scene.normal(0, 0.8), board[1] - 4 + scene.normal(0, 0.8))
    angle = scene.normal(0, 0.012)
    part = _part(spot, angle)
    image = _board(board, scene)
    mask = np.zeros_like(part.tab)
    if shot.defect == "missing":
        return Scene(image, cover(part.edge()))
    if shot.defect == "misplaced":
        shift = polar(fault.uniform(16, 42), fault.uniform(0, 2 * np.pi))
        rotation = fault.choice([-1, 1]) * fault.uniform(0.25, 1.4)
        misplaced = _part((spot[0] + shift[0], spot[1] + shift[1]), angle + rotation)
        mask = cover(np.minimum(part.edge(), misplaced.edge()))
        part = misplaced
    if shot.defect == "bent_leg":
        part, mask = _bend(part, fault)
    image = _lay(image, part, scene)
    if shot.defect == "damaged_case":
        image, mask = _damage(image, part, fault)
    return Scene(image, mask)


def _board(origin: Point, rng: np.random.Generator) -> Plane:
    """Green laminate with a grid of tinned rings around dark holes."""
    x, y = frame_at(origin)
    weave = np.sin(x * 2.2) * np.sin(y * 2.2)
    tone = 1 + 0.03 * weave + 0.04 * clouds(rng, 70, 4) - 0.0010 * (x + y)
    image = paint((0.13, 0.40, 0.30), tone)
    # Coordinates about the nearest hole.
    u = x - PITCH * np.rint(x * (1 / PITCH))
    v = y - PITCH * np.rint(y * (1 / PITCH))
    ring = length(u, v)
    sheen = 0.78 - 0.022 * (u + v) * step(9, 5, ring)
    image = mix(image, paint((0.86, 0.72, 0.45), sheen), cover(ring - 7.5))
    hole = paint((0.05, 0.06, 0.06), 1 + 0.12 * (u + v))
    return mix(image, hole, cover(ring - 4))


def _part(centre: Point, angle: float) -> Part:
    x, y = frame_at(centre, angle)
    tab = np.maximum(box(x, y + 66, 43, 24, 4), 8.5 - length(x, y + 68))
    case = box(x, y + 16, 45, 32, 3)
    return Part(tab, case, _legs(x, y, (-1, 0, 1)), x, y, centre, angle)


def _legs(x: Plane, y: Plane, numbers: tuple[int, ...], lean: float = 0.0) -> Plane:
    """Return legs from under the case to their holes, broad at the shoulder.

    Parameters
    ----------
    x, y: coordinates of the part.
    numbers: consecutive legs of -1, 0 and 1.
    lean: how far from its hole a leg ends, pixels.
    """
    x = x - PITCH * np.clip(np.rint(x * (1 / PITCH)), numbers[0], numbers[-1])
    shoulder = box(x, y - 26, 5, 14, 1.5)
    legs: Plane = np.minimum(shoulder, segment(x, y, (0, 36), (lean, FEET)) - 2.8)
    return legs


def _lay(image: Plane, part: Part, rng: np.random.Generator) -> Plane:
    """Put a part on the board: shadow, legs with solder, tab, case and its print."""
    # Shadow on the board, and legs that gleam along their middle.
    outline = part.edge()
    image = image * (1 - 0.55 * cover(moved(outline, 6, 8), 5))
    gleam = 0.52 + 0.40 * step(0.5, -2.8, part.legs)
    image = mix(image, paint((0.90, 0.92, 0.95), gleam), cover(part.legs))
    # Tab of brushed metal, a little darker to the lower right.
    brushed = clouds(rng, 50, 2) * 0.05 + np.sin(part.y * 3.1) * 0.015
    metal = 0.70 + brushed - 0.0022 * (part.x + part.y + 66) + _bevel(part.tab, 2) * 0.25
    image = mix(image, paint((0.93, 0.95, 0.98), metal), cover(part.tab))
    # Case of black plastic with its shadow on the tab, a soft highlight, and the print.
    image = image * (1 - 0.5 * cover(moved(part.case, 3, 4), 2.5))
    plastic = 0.115 + 0.016 * clouds(rng, 2.5, 1) + _bevel(part.case, 4) * 0.16
    plastic = plastic + 0.05 * np.exp(-((part.x + 14) ** 2 + (part.y + 30) ** 2) * (1 / 900))
    case = paint((0.96, 0.98, 1.0), np.maximum(plastic, 0.01))
    image = mix(image, case, cover(part.case))
    middle = (part.centre[0] + 15 * sin(part.angle), part.centre[1] - 15 * cos(part.angle))
    return mix(image, (0.62, 0.64, 0.64), ink(PRINT, 14, middle, part.angle) * 0.85)


def _bevel(edge: Plane, width: float) -> Plane:
    """Return how much more (or less) light a rim of the given width catches than the flat."""
    return step(-width, 0, edge) * (moved(edge, 2, 2) - edge) * 0.55


def _bend(part: Part, rng: np.random.Generator) -> tuple[Part, Plane]:
    """Bend one leg out of its hole."""
    bent = int(rng.integers(-1, 2))
    lean = float(rng.choice([-1, 1])) * rng.uniform(8, 19)
    legs = _legs(part.x, part.y, (bent,), lean)
    for straight in {-1, 0, 1} - {bent}:
        legs = np.minimum(legs, _legs(part.x, part.y, (straight,)))
    mask = np.abs(cover(legs) - cover(part.legs))
    return part._replace(legs=legs), mask


def _damage(image: Plane, part: Part, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Break a piece out of the case's rim; the fracture is grey and rough."""
    side = int(rng.choice([-1, 1]))
    if rng.random() < 0.5:
        spot = (side * rng.uniform(20, 43), 14.0)  # on the lower edge
    else:
        spot = (side * 43.0, rng.uniform(-40, 12))
    size = rng.uniform(9.5, 15)
    rough = clouds(rng, 0.7 * size, 4)
    edge = circle(part.x - spot[0], part.y - spot[1], size) + 0.12 * size * rough
    edge = np.maximum(edge, part.case)
    tone = diffuse(normals(np.maximum(edge, -4) + 0.7 * rough), 0.25)
    image = mix(image, paint((0.60, 0.58, 0.56), tone), cover(edge))
    return image, cover(edge)
