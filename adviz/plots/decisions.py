"""Decisions at a threshold: scores by defect type, and galleries of the errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from adviz.plots import style
from adviz.plots.checks import check_image, check_length, check_scores, takes_arrays
from adviz.plots.scores import KIND_COLOURS, SYMBOLS, strip_rows

# A strip of scores, inches
WIDTH = 11.0
NARROWEST = 4.0
LEFT = 1.9  # for the names of the defect types
RIGHT = 0.3
ROW = 0.36  # of one defect type
HEAD = 0.5  # above, for the marks' names
AIR = 0.12  # above a strip without marks
FOOT = 0.62  # below, for the axis
# A gallery of errors
THUMBNAILS = 8  # in a row of a gallery
GAP = 0.1  # inches, between thumbnails
SIDE = (WIDTH - 2 * style.MARGIN - (THUMBNAILS - 1) * GAP) / THUMBNAILS  # inches, of a thumbnail
CAPTION_SIZE = 8.5  # points
CAPTION_LINES = 4
PITCH = SIDE + style.line_inches(CAPTION_SIZE, CAPTION_LINES) + 0.06  # inches, of gallery rows
TITLE_HEIGHT = style.line_inches(style.LABEL_SIZE) + 0.14  # inches, of a gallery's title


class Gallery(NamedTuple):
    """A gallery of errors of one kind: title, pictures (H, W, 3) uint8 and their captions."""

    title: str
    images: Sequence[np.ndarray]
    captions: Sequence[str]


@takes_arrays
def score_strip_static(
    scores: np.ndarray,
    defects: Sequence[str],
    *,
    threshold: float | None = None,
    marks: Mapping[str, float] | None = None,
    current: int | None = None,
    title: str = "",
    quantity: str = "anomaly score of the image",
    width: float = WIDTH,
) -> style.StaticFigure:
    """Draw every image as a dot at its score, one row per defect type.

    Parameters
    ----------
    scores: (N,) float, higher = more anomalous.
    defects: N defect types; "good" comes first, then the others in alphabetical order, "unlabelled"
        last.
    threshold: score, drawn as a dashed line; images to its right are predicted anomalous.
    marks: name -> score of other thresholds, drawn as dotted lines with their names above.
    current: number of the image to ring; None = none.
    title: text over the chart.
    quantity: the name of the horizontal axis.
    width: of the figure, inches, >= 4.

    Returns
    -------
    StaticFigure; its axes are labelled "scores". The spread of the dots within a row means
    nothing.

    Raises
    ------
    ValueError: lengths that do not fit, scores not finite, a width below 4.

    Examples
    --------
    >>> plots.score_strip_static(prediction.score, category.test.defects, threshold=30.0)
    <StaticFigure size ... with 1 Axes>
    """
    check_scores(scores)
    check_length(defects, len(scores), "defects", "scores")
    if not width >= NARROWEST:
        raise ValueError(f"width must be {NARROWEST:g} inches or more, got {width}")
    figure, top = _strip_figure(len(set(defects)), title, marks, width=width)
    _draw_strip(figure, top, scores, defects, threshold, marks or {}, current, quantity)
    return figure


@takes_arrays
def decision_page(
    scores: np.ndarray,
    defects: Sequence[str],
    galleries: Sequence[Gallery],
    *,
    threshold: float | None = None,
    marks: Mapping[str, float] | None = None,
    current: int | None = None,
    title: str = "",
    quantity: str = "anomaly score of the image",
) -> style.StaticFigure:
    """Draw `score_strip_static` above galleries of errors; arguments as there.

    Parameters
    ----------
    galleries: galleries of errors; of one without pictures only the title is written.

    Returns
    -------
    StaticFigure; axes "scores", and "gallery i image j" for the pictures.

    Raises
    ------
    ValueError: as `score_strip_static`, or pictures and captions that do not fit.

    Examples
    --------
    >>> missed = plots.Gallery("missed", [category.test.image(0)], ["chip/000"])
    >>> plots.decision_page(prediction.score, category.test.defects, [missed], threshold=30.0)
    <StaticFigure size ...>
    """
    check_scores(scores)
    check_length(defects, len(scores), "defects", "scores")
    heights = [TITLE_HEIGHT + _count_rows(gallery) * PITCH for gallery in galleries]
    figure, top = _strip_figure(len(set(defects)), title, marks, below=sum(heights) + 0.1)
    y = _draw_strip(figure, top, scores, defects, threshold, marks or {}, current, quantity)
    for number, (gallery, height) in enumerate(zip(galleries, heights, strict=True)):
        check_length(gallery.captions, len(gallery.images), "captions", "images")
        _draw_gallery(figure, y, number, gallery)
        y += height
    return figure


def _strip_figure(
    kinds: int,
    title: str,
    marks: Mapping[str, float] | None,
    *,
    below: float = 0.0,
    width: float = WIDTH,
) -> tuple[style.StaticFigure, float]:
    """Return a figure with room for a strip, and where its axes start, inches from the top."""
    top = style.title_room(title, width) + (HEAD if marks else AIR)
    figure = style.StaticFigure(width, top + ROW * kinds + FOOT + below)
    style.write_title(figure, title)
    return figure, top


def _draw_strip(
    figure: style.StaticFigure,
    top: float,
    scores: np.ndarray,
    defects: Sequence[str],
    threshold: float | None,
    marks: Mapping[str, float],
    current: int | None,
    quantity: str,
) -> float:
    """Draw dots, thresholds and names; return where the strip ends, inches from the top."""
    rows = strip_rows(defects)
    height = ROW * len(rows)
    width = float(figure.get_figwidth()) - LEFT - RIGHT
    axes = figure.panel(LEFT, top, width, height, "scores")
    style.plain_axes(axes, quantity, "")
    names = []
    for number, (kind, images, heights) in enumerate(rows):
        _, marker = SYMBOLS[number % len(SYMBOLS)]
        axes.plot(
            scores[images],
            heights,
            marker,
            linestyle="",
            markersize=7,
            alpha=0.8,
            color=KIND_COLOURS.get(kind, style.ANOMALOUS),
            markeredgecolor=style.PAPER,
            markeredgewidth=0.7,
        )
        # The current image, if it is in this row
        ringed = images == current
        axes.plot(
            scores[images[ringed]],
            heights[ringed],
            "o",
            markersize=15,
            markerfacecolor="none",
            markeredgecolor=style.INK,
            markeredgewidth=2,
        )
        name = f"{kind} ({len(images)})"
        names.append(style.wrapped(name, LEFT - 0.15, style.SMALL_SIZE, most=1))
    # Row i lies at height -i
    axes.set_yticks([-number for number in range(len(rows))], names, parse_math=False)
    axes.set_ylim(0.55 - len(rows), 0.55)
    _draw_thresholds(axes, threshold, marks)
    return top + height + FOOT


def _draw_thresholds(axes: Axes, threshold: float | None, marks: Mapping[str, float]) -> None:
    """Draw the threshold and the other marks with their names."""
    above = axes.get_xaxis_transform()
    left, right = axes.get_xlim()
    for number, (name, value) in enumerate(marks.items()):
        axes.axvline(value, color=style.INK, linestyle=":", linewidth=1.5)
        axes.annotate(
            f" {name} ",
            (value, 1),
            xycoords=above,
            xytext=(0, 2 + 15 * (number % 2)),  # two levels, so that neighbours do not collide
            textcoords="offset points",
            ha="left" if value < left + 0.7 * (right - left) else "right",
            va="bottom",
            fontsize=style.SMALL_SIZE,
            color=style.INK,
        )
    if threshold is not None:
        axes.axvline(threshold, color=style.INK, linestyle=(0, (5, 2)), linewidth=2.2)
        axes.axvspan(
            threshold,
            max(right, threshold),
            color=style.SKY,
            alpha=0.18,
            linewidth=0,
            label="predicted anomalous",
        )
    axes.set_xlim(min(left, threshold or left), max(right, threshold or right))


def _count_rows(gallery: Gallery) -> int:
    return -(-len(gallery.images) // THUMBNAILS)


def _draw_gallery(figure: style.StaticFigure, top: float, number: int, gallery: Gallery) -> None:
    """Draw title, pictures and captions, `top` inches below the upper edge."""
    style.write(figure, style.MARGIN, top + 0.06, gallery.title, bold=True)
    for index, (image, caption) in enumerate(zip(gallery.images, gallery.captions, strict=True)):
        check_image(image, f"image {index} of gallery {number}")
        row, column = divmod(index, THUMBNAILS)
        x = style.MARGIN + column * (SIDE + GAP)
        y = top + TITLE_HEIGHT + row * PITCH
        axes = figure.panel(x, y, SIDE, SIDE, f"gallery {number} image {index}")
        style.frame(axes)
        style.show_image(axes, image)
        lines: list[str] = []
        for paragraph in caption.splitlines():
            lines += style.lines_of(paragraph, SIDE, CAPTION_SIZE)
        text = "\n".join(lines[:CAPTION_LINES])
        style.write(figure, x, y + SIDE + 0.03, text, size=CAPTION_SIZE)
