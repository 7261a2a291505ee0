"""Noise, light, ink and the camera, by which shapes become a photograph.

Images are (3, SAMPLES, SAMPLES) in 0..1, planes (SAMPLES, SAMPLES).
"""

from collections.abc import Sequence
from functools import cache
from math import cos, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from adviz.data.builtin.shapes import SAMPLES, SIDE, SUPER, Plane, Point, plane

Color = tuple[float, float, float]
LIGHT = (-0.45, -0.60, 0.66)  # from the upper left, about a unit vector


def clouds(rng: np.random.Generator, size: float, octaves: int = 4) -> Plane:
    """Return smooth fractal noise of mean 0 and standard deviation about 1.

    Parameters
    ----------
    size: of the coarsest lumps, pixels.
    octaves: each has lumps half as large and half as strong.
    """
    side = min(int(SIDE / size) + 2, SAMPLES)
    noise = rng.standard_normal((side, side), dtype=np.float32)
    for octave in range(1, octaves):
        side = min(2 * side, SAMPLES)
        finer = rng.standard_normal((side, side), dtype=np.float32)
        noise = _enlarge(noise, side) + 0.5**octave * finer
    return _enlarge(noise, SAMPLES) * 1.2


def _enlarge(grid: Plane, side: int) -> Plane:
    return np.asarray(Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC))


def tint(color: Color) -> Plane:
    """Return a colour as an array (3, 1, 1) that multiplies images and planes."""
    return np.asarray(color, np.float32)[:, None, None]


def paint(color: Color, tone: Plane | float = 1.0) -> Plane:
    """Return an image of one colour times a tone that may vary over the plane."""
    tone = np.broadcast_to(np.asarray(tone, np.float32), (SAMPLES, SAMPLES))
    return tone * tint(color)


def mix(under: Plane, over: Plane | Color, alpha: Plane) -> Plane:
    """Blend an image or one colour over another image, alpha in 0..1 per sample.

    It equals ``under + alpha * (over - under)``.
    """
    mixed = under.copy()
    rows = np.flatnonzero(alpha.any(1))
    columns = np.flatnonzero(alpha.any(0))
    if len(rows):  # only the rectangle that is covered: most things are small
        window = (..., slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        over = tint(over) if isinstance(over, tuple) else over[window]
        change = over - under[window]
        change *= alpha[window]
        mixed[window] += change
    return mixed


def light(image: Plane, glow: Plane, color: Color = (1.0, 1.0, 1.0)) -> Plane:
    """Add light of one colour, such as a highlight."""
    return image + glow * tint(color)


def normals(height: Plane) -> tuple[Plane, Plane, Plane]:
    """Return the unit surface normal (x, y, z) of a height in pixels; z towards the camera."""
    slope_y, slope_x = np.gradient(height, (1 / SUPER))
    nz = 1 / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    return -slope_x * nz, -slope_y * nz, nz


def diffuse(normal: tuple[Plane, Plane, Plane], ambient: float = 0.35) -> Plane:
    """Return matt shading, 1 where the surface faces LIGHT."""
    nx, ny, nz = normal
    facing = nx * LIGHT[0] + ny * LIGHT[1] + nz * LIGHT[2]
    tone: Plane = ambient + (1 - ambient) * np.maximum(facing, 0)
    return tone


def softbox(
    normal: tuple[Plane, Plane, Plane], direction: tuple[float, float], width: float
) -> Plane:
    """Return the mirror image, in a glossy surface, of a round lamp in a direction (x, y)."""
    nx, ny, nz = normal
    # The line of sight (0, 0, 1) is reflected to 2 nz n - (0, 0, 1).
    u = 2 * nz * nx - direction[0]
    v = 2 * nz * ny - direction[1]
    return np.exp((u * u + v * v) * (-1 / width**2))


def ink(text: str, size: float, centre: Point, angle: float = 0.0) -> Plane:
    """Return the coverage of printed text about `centre`, turned clockwise by `angle` radians."""
    stamp = _stamp(text, size)
    cosine = cos(angle)
    sine = sin(angle)
    middle = stamp.width / 2
    x = (SIDE / 2 + centre[0]) * SUPER
    y = (SIDE / 2 + centre[1]) * SUPER
    # Pillow wants the map from the turned image to the stamp, row by row.
    to_stamp_x = (cosine, sine, middle - cosine * x - sine * y)
    to_stamp_y = (-sine, cosine, middle + sine * x - cosine * y)
    turned = stamp.transform(
        (SAMPLES, SAMPLES),
        Image.Transform.AFFINE,
        to_stamp_x + to_stamp_y,
        Image.Resampling.BILINEAR,
    )
    return np.asarray(turned, np.float32) * (1 / 255)


@cache
def _stamp(text: str, size: float) -> Image.Image:
    """Draw text in the middle of a square."""
    canvas = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(canvas).text(
        (SIDE / 2, SIDE / 2),
        text,
        fill=255,
        font=ImageFont.load_default(size=size * SUPER),
        anchor="mm",
        align="center",
        stroke_width=1,
    )
    return canvas


def shrink(samples: Plane) -> Plane:
    """Average the samples of every pixel: (..., SAMPLES, SAMPLES) -> (..., SIDE, SIDE)."""
    rows = samples[..., 0::2, :] + samples[..., 1::2, :]
    return (rows[..., 0::2] + rows[..., 1::2]) * 0.25


def photograph(scene: Plane, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a picture, (SIDE, SIDE, 3), with exposure, white balance, vignette and noise."""
    x, y = plane()
    pixels = shrink(scene)
    falloff = 1 - (0.10 / (SIDE / 2) ** 2) * (x[::2, ::2] ** 2 + y[::2, ::2] ** 2)
    red, green, blue = rng.normal(1, 0.035) * (1 + rng.normal(0, 0.008, 3))
    pixels = np.clip(pixels * falloff * tint((red, green, blue)), 0, 1.1)
    grain = rng.standard_normal((3, SIDE, SIDE), dtype=np.float32)
    # Read noise and shot noise, whose variance grows with the light.
    grain *= np.sqrt(0.004**2 + 0.011**2 * pixels)
    pixels += grain
    developed = np.clip(pixels * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(developed.transpose(1, 2, 0))


def ramp(
    knots: Sequence[tuple[float, float]], value: Plane, *, top: float, bins: int = 2048
) -> Plane:
    """Interpolate linearly between (value, result) knots, by a table of 0..top in `bins` steps."""
    table = np.interp(np.linspace(0, top, bins), *np.transpose(knots)).astype(np.float32)
    result: Plane = table[np.clip(value * (bins / top), 0, bins - 1).astype(np.int32)]
    return result
