"""Is a photograph like those learned from? Shape, pixels, colour, and how calm its map is.

A detector judges whatever it is given. Of a photograph of another thing, or by another camera, its
verdict may mean nothing, and its score alone does not tell: a bottle with a broken neck scores 3.9
times the highest good one, a brick judged as a mesh 1.6 times. Each rule below is set between
what was measured on the built-in data; ``tests/app/test_usual.py`` measures it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from adviz.data import Geometry
from adviz.prediction import Prediction

# Of the lowest tenth of a map, times the highest that a good photograph held out has. A defect is
# in one place, so that the rest of the map stays low: by PatchCore, with 64 photographs, defective
# ones reached 1.24 times, and photographs of another part began at 1.5 times. With 12, or by PaDiM,
# the two meet for some parts (at 1.3 times, of bricks); most other parts begin at 1.4.
CALM = 1.4
TENTH = 0.1  # quantile of a map
# Of height to width, beyond those learned from. Good photographs that were cut to a shape by 2 %
# scored up to 1.1 times the highest one held out, as others do; by 5 % 1.24, by a tenth 1.5 times.
SHAPE = 1.02
# Times that a photograph is enlarged to what the network sees, beyond those learned from. More
# pixels changed no score; enlarged 1.35 times good photographs scored up to 1.09 times the highest
# one held out, 1.75 times 1.2, and 3.5 times 2.6.
ENLARGED = 1.5
# Grey levels between the channels of a pixel, on average. Photographs of a monochrome camera have
# none, whatever their file's mode; the greyest built-in ones, of steel wire, have 9.
GREY = 1.0


@dataclass(frozen=True)
class Usual:
    """What photographs that were learned from have in common.

    Attributes
    ----------
    sizes: (width, height) of the file that most of them have, pixels.
    shapes: lowest and highest ratio of height to width.
    enlarged: most that one of them is enlarged, or least that it is shrunk, to what the network
        sees; 1 = its own size.
    colourful: fewest and most grey levels between the channels, on average over a photograph.
    score: highest of those that were held out; it decides nothing here.
    calm: highest of the lowest tenths of their maps, score units.
    """

    sizes: tuple[int, int]
    shapes: tuple[float, float]
    enlarged: float
    colourful: tuple[float, float]
    score: float
    calm: float

    def differences(
        self, size: tuple[int, int], image: np.ndarray, geometry: Geometry, prediction: Prediction
    ) -> tuple[str, ...]:
        """Return in what a photograph is unlike all of them, in words; none = it is like them.

        Parameters
        ----------
        size: (width, height) of its file, pixels.
        image: (H, W, 3) uint8, as the network saw it.
        geometry: how it was resized.
        prediction: of it alone.
        """
        width, height = size
        usual_size = f"those learned from are {self.sizes[0]}x{self.sizes[1]}"
        reasons = []
        ratio = height / width
        lowest, highest = self.shapes
        if not lowest / SHAPE <= ratio <= highest * SHAPE:
            reasons.append(f"it has another shape, {width}x{height} pixels ({usual_size})")
        elif enlargement(size, geometry) > ENLARGED * max(1.0, self.enlarged):
            reasons.append(f"it has too few pixels, {width}x{height} ({usual_size})")
        colour = colourfulness(image)
        if colour < GREY <= self.colourful[0]:
            reasons.append("it is grey (those learned from are in colour)")
        elif colour >= GREY > self.colourful[1]:
            reasons.append("it is in colour (those learned from are grey)")
        calm = calmness(prediction)[0]
        if 0 < CALM * self.calm < calm:
            reasons.append(
                "it is unusual everywhere, not in one place (even the lowest tenth of its map "
                f"reaches {calm / self.calm:.1f} times what that of any good photograph held out "
                "does)"
            )
        return tuple(reasons)


def usual(
    sizes: Sequence[tuple[int, int]],
    images: Iterable[np.ndarray],
    geometry: Geometry,
    held_out: Prediction,
) -> Usual:
    """Return what photographs have in common.

    Parameters
    ----------
    sizes: (width, height) of the files, pixels.
    images: the same photographs, (H, W, 3) uint8, as the network sees them.
    geometry: how they are resized.
    held_out: of those of them that the detector was not fitted on.
    """
    ratios = [height / width for width, height in sizes]
    colours = [colourfulness(image) for image in images]
    return Usual(
        sizes=max(set(sizes), key=sizes.count),
        shapes=(min(ratios), max(ratios)),
        enlarged=max(enlargement(size, geometry) for size in sizes),
        colourful=(min(colours), max(colours)),
        score=float(held_out.score.max()),
        calm=max(calmness(held_out)),
    )


def enlargement(size: tuple[int, int], geometry: Geometry) -> float:
    """Return how many times the side that is enlarged most is, of a file of (width, height)."""
    return max(geometry.scale(size))


def colourfulness(image: np.ndarray) -> float:
    """Return the mean difference between the largest and smallest channel of (H, W, 3) uint8."""
    return float((image.max(axis=2) - image.min(axis=2)).mean())


def calmness(prediction: Prediction) -> list[float]:
    """Return the value that a tenth of each map lies below, N; padding does not count."""
    return [float(np.quantile(one, TENTH)) for one in prediction.unpadded()]
