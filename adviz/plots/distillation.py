"""A scheme of knowledge distillation: teacher, bottleneck and student with their shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from adviz.plots import style

Shape = tuple[int, int, int]  # (C, h, w)
TEACHER = style.BLUE
BOTTLENECK = style.ORANGE
STUDENT = style.GREEN
IMAGE = "#777777"
TIMES = "\u00d7"
MINUS = "\u2212"
# Inches from the upper edge: the middles of both rows of boxes, and the lower edge
TEACHER_Y = 1.25
STUDENT_Y = 3.6
HEIGHT = 4.6
FIRST_X = 1.25  # inches from the left edge, of the image
# A tensor's box, inches: the side for the largest grid, the widths for few and many channels
LARGEST_BOX = 1.0
NARROW = 0.28
BROAD = 0.62
# The boxes of MFF and OCE, inches
STAGE_WIDTH = 1.1
STAGE_HEIGHT = 0.86


def distillation_scheme(
    layers: Mapping[str, Shape],
    *,
    image_size: tuple[int, int],
    code: Shape | None = None,
    fused: bool = True,
    skip: bool = False,
    title: str = "",
) -> style.StaticFigure:
    """Draw teacher and student with the shapes of their features: Figure 2 of arXiv 2201.10703.

    Parameters
    ----------
    layers: name -> (C, h, w) of the layers that the student reconstructs, finest first, at least
        one.
    image_size: (H, W) of the images, pixels.
    code: (C, h, w) of the student's input: reverse distillation, whose student runs from right to
        left, Figure 2 (b); None = its input is the image, as the teacher's, Figure 2 (a).
    fused: whether every layer is fused into the code (MFF), or only the deepest goes into it.
    skip: whether the student's input has the teacher's layers too.
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
    axes = figure.panel(0, style.title_room(title), style.WIDTH, HEIGHT, "scheme")
    axes.set(xlim=(0, style.WIDTH), ylim=(HEIGHT, 0), xticks=[], yticks=[])
    axes.set_axis_off()
    _Scheme(axes, layers, (3, *image_size), code).draw(fused, skip)
    return figure


class _Box(NamedTuple):
    """Left and right end of a drawn tensor, inches."""

    left: float
    right: float


class _Scheme:
    """Boxes and arrows in a panel whose coordinates are inches, y downwards."""

    def __init__(
        self, axes: Axes, layers: Mapping[str, Shape], image: Shape, code: Shape | None
    ) -> None:
        self._axes = axes
        self._layers = layers
        self._image = image
        self._code = code
        shapes = [image, *layers.values()]
        # Columns: the image, the layers, and for reverse distillation MFF and OCE above the code
        columns = len(layers) + 1
        right_margin = 3.0  # for the name of the last column's map
        if code is not None:
            shapes.append(code)
            columns += 2
            right_margin = 2.2
        pitch = (style.WIDTH - right_margin) / max(1, columns - 1)
        self._x = [FIRST_X + pitch * column for column in range(columns)]
        self._most_rows = max(rows for _, rows, _ in shapes)
        self._most_channels = max(channels for channels, _, _ in shapes)

    def draw(self, fused: bool, skip: bool) -> None:
        """Draw everything."""
        teacher = [self._draw_tensor(self._x[0], TEACHER_Y, "image", self._image, IMAGE)]
        student = []
        for x, (name, shape) in zip(self._x[1:], self._layers.items(), strict=False):
            teacher.append(self._draw_tensor(x, TEACHER_Y, name, shape, TEACHER))
        for x, (name, shape) in zip(self._x[1:], self._layers.items(), strict=False):
            box = self._draw_tensor(x, STUDENT_Y, f"student's {name}", shape, STUDENT)
            student.append(box)
        self._draw_arrows(teacher, TEACHER_Y, TEACHER)
        self._name_row(TEACHER_Y, "teacher\n(frozen)", TEACHER)
        self._name_row(STUDENT_Y, "student\n(trained)", STUDENT)
        for number in range(1, len(self._layers) + 1):
            self._draw_comparison(number, skip)
        if self._code is None:
            image = self._draw_tensor(self._x[0], STUDENT_Y, "the same image", self._image, IMAGE)
            self._draw_arrows([image, *student], STUDENT_Y, STUDENT)
        else:
            self._draw_bottleneck(teacher[-1], fused)
            code = self._draw_tensor(self._x[-1], STUDENT_Y, "code", self._code, BOTTLENECK)
            # From right to left
            for source, target in pairwise([code, *student[::-1]]):
                self._arrow((source.left, STUDENT_Y), (target.right, STUDENT_Y), STUDENT)

    def _draw_arrows(self, boxes: Sequence[_Box], y: float, colour: str) -> None:
        """Draw arrows from left to right."""
        for source, target in pairwise(boxes):
            self._arrow((source.right, y), (target.left, y), colour)

    def _draw_bottleneck(self, deepest: _Box, fused: bool) -> None:
        """Draw the fusion of layers and the stage that makes the code, which stands below it."""
        fusion, embedding = self._x[-2:]
        text = "MFF\nfusion of\nall layers" if fused else "no fusion:\ndeepest\nlayer only"
        self._draw_stage(fusion, text)
        self._draw_stage(embedding, "OCE\nresidual\nstage")
        half = STAGE_WIDTH / 2
        self._arrow((deepest.right, TEACHER_Y), (fusion - half, TEACHER_Y), BOTTLENECK)
        if fused:
            end = (fusion - 0.3, TEACHER_Y - STAGE_HEIGHT / 2)
            for x in self._x[1 : len(self._layers)]:
                self._arrow((x, 0.32), end, BOTTLENECK, bend=-0.12)
        self._arrow((fusion + half, TEACHER_Y), (embedding - half, TEACHER_Y), BOTTLENECK)
        above_code = STUDENT_Y - LARGEST_BOX / 2 - 0.28
        self._arrow((embedding, TEACHER_Y + 0.45), (embedding, above_code), BOTTLENECK)

    def _draw_tensor(self, x: float, y: float, name: str, shape: Shape, colour: str) -> _Box:
        """Draw a tensor with its name above and its shape below."""
        channels, rows, _ = shape
        height = max(0.16, LARGEST_BOX * float(np.sqrt(rows / self._most_rows)))
        breadth = float(np.log2(1 + channels) / np.log2(1 + self._most_channels))
        width = NARROW + (BROAD - NARROW) * breadth
        self._draw_rectangle(x, y, width, height, colour, "square,pad=0")
        above = y - LARGEST_BOX / 2 - 0.07
        below = y + LARGEST_BOX / 2 + 0.07
        size = f" {TIMES} ".join(map(str, shape))
        self._write(x, above, name, va="bottom", fontweight="bold", parse_math=False)
        self._write(x, below, size, va="top", parse_math=False)
        return _Box(x - width / 2, x + width / 2)

    def _draw_stage(self, x: float, text: str) -> None:
        """Draw a stage of the bottleneck, with its name inside."""
        corners = "round,pad=0,rounding_size=0.08"
        self._draw_rectangle(x, TEACHER_Y, STAGE_WIDTH, STAGE_HEIGHT, BOTTLENECK, corners)
        self._write(x, TEACHER_Y, text)

    def _draw_rectangle(
        self, x: float, y: float, width: float, height: float, colour: str, box_style: str
    ) -> None:
        patch = FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle=box_style,
            facecolor=f"{colour}55",
            edgecolor=colour,
            linewidth=1.6,
        )
        self._axes.add_patch(patch)

    def _draw_comparison(self, number: int, skip: bool) -> None:
        """Draw the map of a layer's difference, and the skip path if there is one."""
        x = self._x[number]
        top = TEACHER_Y + LARGEST_BOX / 2 + 0.3
        bottom = STUDENT_Y - LARGEST_BOX / 2 - 0.28
        middle = (top + bottom) / 2
        self._arrow((x, top), (x, bottom), style.INK, two_headed=True)
        name = f"M{number}" if skip else f"M{number} = 1 {MINUS} cos"
        self._write(x + 0.1, middle, name, ha="left")
        if skip:
            self._arrow((x - 0.3, top), (x - 0.3, bottom), style.VERMILLION)
            self._write(x - 0.4, middle, "skip", ha="right", color=style.VERMILLION)

    def _arrow(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        colour: str,
        *,
        two_headed: bool = False,
        bend: float = 0,
    ) -> None:
        arrow = FancyArrowPatch(
            start,
            end,
            arrowstyle="<|-|>" if two_headed else "-|>",
            mutation_scale=12,
            color=colour,
            linewidth=1.6,
            linestyle="dashed" if two_headed else "solid",
            connectionstyle=f"arc3,rad={bend}",
            shrinkA=3,
            shrinkB=3,
        )
        self._axes.add_patch(arrow)

    def _write(self, x: float, y: float, text: str, **options: object) -> None:
        """Write a small text, centred unless options say otherwise."""
        settings: dict[str, Any] = {
            "ha": "center",
            "va": "center",
            "fontsize": style.SMALL_SIZE,
            "color": style.INK,
        }
        self._axes.text(x, y, text, **{**settings, **options})

    def _name_row(self, y: float, text: str, colour: str) -> None:
        self._axes.text(
            0.12,
            y,
            text,
            va="center",
            ha="left",
            fontsize=style.LABEL_SIZE,
            color=colour,
            fontweight="bold",
            rotation=90,
            linespacing=1.1,
            multialignment="center",
        )
