"""Distillation as a drawing: who is fed what, and in which direction a student runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from adviz.plots import style

Shape = tuple[int, int, int]
TEACHER, BOTTLENECK, STUDENT = style.BLUE, style.ORANGE, style.GREEN
TIMES, MINUS = "\u00d7", "\u2212"
# Inches from the upper edge: the rows' middles, and the lower edge
TOP, BELOW, HEIGHT = 1.25, 3.6, 4.6
# Inches: the largest grid's box, and the widths for few and many channels
TALLEST, NARROW, BROAD = 1.0, 0.28, 0.62


def distillation_scheme(
    layers: Mapping[str, Shape],
    *,
    image_size: tuple[int, int],
    code: Shape | None = None,
    fused: bool = True,
    skip: bool = False,
    title: str = "",
) -> style.StaticFigure:
    """Draw teacher and student with the shapes of what they say: Figure 2 of arXiv 2201.10703, (a) or (b).

    Parameters
    ----------
    layers: name -> (C, h, w) of the layers that the student rebuilds, finest first, at least one.
    image_size: (H, W) of the images, pixels.
    code: (C, h, w) of what the student is fed: reverse distillation, whose student runs from right
        to left; None = the student is fed the image and runs as the teacher does.
    fused: every layer goes into the code (MFF), or only the deepest.
    skip: the student also sees the teacher's layers.
    title: text over the figure.

    Returns
    -------
    StaticFigure with one panel, "scheme". A box is as tall as the root of its grid's height, and
    wider for more channels.

    Raises
    ------
    ValueError: no layer, or a shape that is not three positive numbers.

    Examples
    --------
    >>> layers = {name: test[name].shape[1:] for name in ("layer1", "layer2", "layer3")}
    >>> plots.distillation_scheme(layers, image_size=(224, 224), code=(320, 7, 7))
    <StaticFigure size ... with 1 Axes>
    """
    shapes = [*layers.values(), *([] if code is None else [code])]
    if not layers or any(len(shape) != 3 or min(shape) < 1 for shape in shapes):
        raise ValueError(
            f"expected shapes (C, h, w) of at least one layer, got {dict(layers)} and code {code}"
        )
    figure = style.StaticFigure(style.WIDTH, HEIGHT + style.title_room(title))
    style.write_title(figure, title)
    down = figure.get_size_inches()[1]
    axes = figure.add_axes((0, 0, 1, HEIGHT / down), label="scheme")
    axes.set(xlim=(0, style.WIDTH), ylim=(HEIGHT, 0), xticks=[], yticks=[])
    axes.set_axis_off()
    _Scheme(axes, layers, image_size, code).draw(fused, skip)
    return figure


class _Scheme:
    """Boxes and arrows in a panel whose coordinates are inches, y downwards."""

    def __init__(
        self,
        axes: Axes,
        layers: Mapping[str, Shape],
        image_size: tuple[int, int],
        code: Shape | None,
    ) -> None:
        self._axes, self._layers, self._code = axes, layers, code
        self._image: Shape = (3, *image_size)
        columns = len(layers) + (1 if code is None else 3)
        # The last column's map is named at its right
        room = style.WIDTH - (3.0 if code is None else 2.2)
        self._x = [1.25 + room * number / max(1, columns - 1) for number in range(columns)]
        everything = [self._image, *layers.values(), *([] if code is None else [code])]
        self._largest = max(shape[1] for shape in everything)
        self._channels = max(shape[0] for shape in everything)

    def draw(self, fused: bool, skip: bool) -> None:
        count = len(self._layers)
        teacher = [self._box(self._x[0], TOP, "image", self._image, "#777777")]
        for number, (name, shape) in enumerate(self._layers.items()):
            teacher.append(self._box(self._x[number + 1], TOP, name, shape, TEACHER))
        student = [
            self._box(self._x[number + 1], BELOW, f"student's {name}", shape, STUDENT)
            for number, (name, shape) in enumerate(self._layers.items())
        ]
        for left, right in pairwise(teacher):
            self._arrow((left[1], TOP), (right[0], TOP), TEACHER)
        self._say(0.12, TOP, "teacher\n(frozen)", TEACHER)
        self._say(0.12, BELOW, "student\n(trained)", STUDENT)
        for number in range(count):
            self._compare(self._x[number + 1], number + 1, skip)
        if self._code is None:
            self._forward(student)
        else:
            self._reverse(teacher, student, self._code, fused)

    def _forward(self, student: Sequence[tuple[float, float]]) -> None:
        image = self._box(self._x[0], BELOW, "the same image", self._image, "#777777")
        for left, right in zip([image, *student], student, strict=False):
            self._arrow((left[1], BELOW), (right[0], BELOW), STUDENT)

    def _reverse(
        self,
        teacher: Sequence[tuple[float, float]],
        student: Sequence[tuple[float, float]],
        code: Shape,
        fused: bool,
    ) -> None:
        count = len(self._layers)
        mff, oce = self._x[count + 1], self._x[count + 2]
        word = "MFF\nfusion of\nall layers" if fused else "no fusion:\ndeepest\nlayer only"
        self._word(mff, TOP, word)
        self._word(oce, TOP, "OCE\nresidual\nstage")
        self._arrow((teacher[-1][1], TOP), (mff - 0.55, TOP), BOTTLENECK)
        for number in range(1, count) if fused else ():
            self._arrow((self._x[number], 0.32), (mff - 0.3, TOP - 0.43), BOTTLENECK, bend=-0.12)
        self._arrow((mff + 0.55, TOP), (oce - 0.55, TOP), BOTTLENECK)
        left, _ = self._box(oce, BELOW, "code", code, BOTTLENECK)
        self._arrow((oce, TOP + 0.45), (oce, BELOW - TALLEST / 2 - 0.28), BOTTLENECK)
        for right, box in zip([(left, 0.0), *student[:0:-1]], student[::-1], strict=False):
            self._arrow((right[0], BELOW), (box[1], BELOW), STUDENT)

    def _box(self, x: float, y: float, name: str, shape: Shape, colour: str) -> tuple[float, float]:
        """Draw a tensor with its name above and its shape below; return where it begins and ends."""
        channels, rows, _ = shape
        tall = max(0.16, TALLEST * float(np.sqrt(rows / self._largest)))
        broad = NARROW + (BROAD - NARROW) * float(
            np.log2(1 + channels) / np.log2(1 + self._channels)
        )
        self._rectangle(x, y, broad, tall, colour, 0.0)
        text: dict[str, Any] = {
            "ha": "center",
            "fontsize": style.SMALL_SIZE,
            "color": style.INK,
            "parse_math": False,
        }
        self._axes.text(x, y - TALLEST / 2 - 0.07, name, va="bottom", fontweight="bold", **text)
        self._axes.text(
            x, y + TALLEST / 2 + 0.07, f" {TIMES} ".join(map(str, shape)), va="top", **text
        )
        return x - broad / 2, x + broad / 2

    def _word(self, x: float, y: float, text: str) -> None:
        """Draw a step that has no single shape, with what it is inside."""
        self._rectangle(x, y, 1.1, 0.86, BOTTLENECK, 0.08)
        self._axes.text(
            x, y, text, ha="center", va="center", fontsize=style.SMALL_SIZE, color=style.INK
        )

    def _rectangle(
        self, x: float, y: float, broad: float, tall: float, colour: str, corner: float
    ) -> None:
        shape = f"round,pad=0,rounding_size={corner}" if corner else "square,pad=0"
        patch = FancyBboxPatch(
            (x - broad / 2, y - tall / 2), broad, tall, boxstyle=shape, facecolor=f"{colour}55", edgecolor=colour,
            linewidth=1.6,
        )  # fmt: skip
        self._axes.add_patch(patch)

    def _compare(self, x: float, number: int, skip: bool) -> None:
        """Draw what the layers' difference is called, and the skip path where there is one."""
        top, bottom = TOP + TALLEST / 2 + 0.3, BELOW - TALLEST / 2 - 0.28
        middle, size = (top + bottom) / 2, style.SMALL_SIZE
        self._arrow((x, top), (x, bottom), style.INK, both=True)
        name = f"M{number}" if skip else f"M{number} = 1 {MINUS} cos"
        self._axes.text(x + 0.1, middle, name, va="center", fontsize=size, color=style.INK)
        if skip:
            self._arrow((x - 0.3, top), (x - 0.3, bottom), style.VERMILLION)
            self._axes.text(
                x - 0.4,
                middle,
                "skip",
                ha="right",
                va="center",
                fontsize=size,
                color=style.VERMILLION,
            )

    def _arrow(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        colour: str,
        *,
        both: bool = False,
        bend: float = 0,
    ) -> None:
        arrow = FancyArrowPatch(
            start, end, arrowstyle="<|-|>" if both else "-|>", mutation_scale=12, color=colour, linewidth=1.6,
            linestyle="dashed" if both else "solid", connectionstyle=f"arc3,rad={bend}", shrinkA=3, shrinkB=3,
        )  # fmt: skip
        self._axes.add_patch(arrow)

    def _say(self, x: float, y: float, text: str, colour: str) -> None:
        self._axes.text(
            x, y, text, va="center", ha="left", fontsize=style.LABEL_SIZE, color=colour, fontweight="bold", rotation=90,
            linespacing=1.1, multialignment="center",
        )  # fmt: skip
