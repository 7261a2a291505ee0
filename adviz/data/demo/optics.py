"""Noise, light, ink and the camera: what turns shapes into a photograph."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from adviz.data.demo.shapes import SAMPLES, SIDE, SUPER, Plane, plane, step

Color = tuple[float, float, float]
LIGHT = (-0.45, -0.60, 0.66)  # from the upper left, about a unit vector


def clouds(rng: np.random.Generator, cell: float, octaves: int = 4) -> Plane:
    """Return smooth fractal noise of mean 0 and deviation about 1, whose coarsest lumps are `cell` pixels wide."""
    total = np.zeros((SAMPLES, SAMPLES), np.float32)
    for octave in range(octaves):
        side = min(int(SIDE / cell * 2**octave) + 2, SAMPLES)
        grid = Image.fromarray(rng.standard_normal((side, side), dtype=np.float32))
        total += np.float32(0.5**octave) * np.asarray(grid.resize((SAMPLES, SAMPLES), Image.Resampling.BICUBIC))
    return total * np.float32(1.2)


def paint(color: Color, tone: Plane | float = 1.0) -> Plane:
    """Return an image (SAMPLES, SAMPLES, 3) of one colour times a tone that varies over the plane."""
    tone = np.broadcast_to(np.asarray(tone, np.float32), (SAMPLES, SAMPLES))
    return tone[..., None] * np.asarray(color, np.float32)


def mix(under: Plane, over: Plane | Color, alpha: Plane) -> Plane:
    """Lay an image or one colour over another image, alpha in 0..1 per sample."""
    return under + alpha[..., None] * (np.asarray(over, np.float32) - under)


def light(image: Plane, glow: Plane, color: Color = (1.0, 1.0, 1.0)) -> Plane:
    """Add light of one colour, such as a highlight."""
    return image + glow[..., None] * np.asarray(color, np.float32)


def normals(height: Plane) -> tuple[Plane, Plane, Plane]:
    """Return the unit surface normal of a height in pixels; x, y, z, z towards the camera."""
    slope_y, slope_x = np.gradient(height, np.float32(1 / SUPER))
    nz = 1 / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    return -slope_x * nz, -slope_y * nz, nz


def diffuse(normal: tuple[Plane, Plane, Plane], ambient: float = 0.35) -> Plane:
    """Return matt shading, 1 where the surface faces LIGHT."""
    nx, ny, nz = normal
    facing = nx * np.float32(LIGHT[0]) + ny * np.float32(LIGHT[1]) + nz * np.float32(LIGHT[2])
    return np.float32(ambient) + np.float32(1 - ambient) * np.maximum(facing, 0)


def softbox(normal: tuple[Plane, Plane, Plane], where: tuple[float, float], width: float) -> Plane:
    """Return the mirror image of a round lamp seen in a glossy surface; `where` is the lamp's direction (x, y of a unit vector)."""
    nx, ny, nz = normal
    u, v = 2 * nz * nx - np.float32(where[0]), 2 * nz * ny - np.float32(where[1])
    return np.exp((u * u + v * v) * np.float32(-1 / width**2))


def ink(text: str, size: float, centre: tuple[float, float], angle: float = 0.0) -> Plane:
    """Return the coverage of printed text, its middle at `centre`, turned clockwise by `angle` radians."""
    canvas = Image.new("L", (SAMPLES, SAMPLES))
    font = ImageFont.load_default(size=size * SUPER)
    middle = SAMPLES / 2
    ImageDraw.Draw(canvas).text((middle, middle), text, fill=255, font=font, anchor="mm", stroke_width=1)
    turned = canvas.rotate(-np.degrees(angle), Image.Resampling.BICUBIC, translate=(0, 0))
    cos, sin = 1.0, 0.0
    moved = turned.transform(
        turned.size,
        Image.Transform.AFFINE,
        (cos, sin, -centre[0] * SUPER, -sin, cos, -centre[1] * SUPER),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(moved, np.float32) / 255


def shrink(samples: Plane) -> Plane:
    """Average the samples of every pixel: (SAMPLES, SAMPLES, ...) -> (SIDE, SIDE, ...)."""
    rows = samples[0::2] + samples[1::2]
    return (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)


def photograph(scene: Plane, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Take a picture: exposure, white balance, vignette, shot and read noise; returns (SIDE, SIDE, 3)."""
    x, y = plane()
    pixels = shrink(scene)
    falloff = 1 - np.float32(0.10 / (SIDE / 2) ** 2) * (x[::2, ::2] ** 2 + y[::2, ::2] ** 2)
    gain = rng.normal(1, 0.035) * (1 + rng.normal(0, 0.008, 3))
    pixels = np.clip(pixels * falloff[..., None] * gain.astype(np.float32), 0, 1.1)
    grain = rng.standard_normal((SIDE, SIDE, 1), dtype=np.float32) * np.float32(0.8)
    grain = grain + rng.standard_normal((SIDE, SIDE, 3), dtype=np.float32) * np.float32(0.6)
    pixels += grain * np.sqrt(np.float32(0.004**2) + np.float32(0.011**2) * pixels)
    return np.asarray(np.clip(pixels * 255 + 0.5, 0, 255), np.uint8)


def ramp(knots: Sequence[tuple[float, float]], value: Plane, *, top: float, bins: int = 2048) -> Plane:
    """Look `value` (0..top) up in a piecewise linear table of (value, result) knots."""
    table = np.interp(np.linspace(0, top, bins), *zip(*knots, strict=True)).astype(np.float32)
    return table[np.clip(value * np.float32(bins / top), 0, bins - 1).astype(np.int32)]


__all__ = [
    "Color",
    "clouds",
    "diffuse",
    "ink",
    "light",
    "mix",
    "normals",
    "paint",
    "photograph",
    "ramp",
    "shrink",
    "softbox",
    "step",
]
