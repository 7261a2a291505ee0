"""Where the line is drawn and what it costs: scores by defect type, the errors, and what a first stage saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from adviz.plots import style
from adviz.plots.checks import check_image, check_length, check_scores, takes_arrays
from adviz.plots.scores import KIND_COLOURS, spread

# The second cue next to the colour, as SYMBOLS in scores
MARKERS = ("o", "D", "s", "^", "P", "*", "h", "v", "X")
ACROSS, NARROWEST = 11.0, 4.0  # inches
LEFT, RIGHT = 1.9, 0.3  # inches, for the names of the defect types
# Inches: a defect type's line, above for the marks' names, below for the axis
LINE, HEAD, FOOT = 0.36, 0.5, 0.62
AIR = 0.12  # inches, above a strip without marks
THUMBNAILS = 8  # in a row
CAPTION_SIZE, CAPTION_LINES = 8.5, 4  # points, lines


class Wall(NamedTuple):
    """Errors of one kind: their title, their pictures (H, W, 3) uint8 and a caption for each."""

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
    width: float = ACROSS,
) -> style.StaticFigure:
    """Draw every image as a dot at its score, one line per defect type, with the threshold and other points marked.

    Parameters
    ----------
    scores: (N,) float, higher = more anomalous.
    defects: N defect types; "good" comes first, then the others in alphabetical order, "unlabelled"
        last.
    threshold: score, drawn as a dashed line; what it flags is to its right.
    marks: name -> score of other thresholds worth knowing, drawn as dotted lines with their names
        above.
    current: number of the image to ring; None = none.
    title: text over the chart.
    quantity: the name of the horizontal axis.
    width: of the figure, inches, >= 4.

    Returns
    -------
    StaticFigure; its axes are labelled "scores". The spread of the dots within a line means
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
    figure, top = _strip_page(
        len(set(defects)), title, 0.0, head=HEAD if marks else AIR, across=width
    )
    _strip(figure, top, scores, defects, threshold, marks or {}, current, quantity)
    return figure


@takes_arrays
def decision_page(
    scores: np.ndarray,
    defects: Sequence[str],
    walls: Sequence[Wall],
    *,
    threshold: float | None = None,
    marks: Mapping[str, float] | None = None,
    current: int | None = None,
    title: str = "",
    quantity: str = "anomaly score of the image",
) -> style.StaticFigure:
    """Draw `score_strip_static` above walls of errors; arguments as there.

    Parameters
    ----------
    walls: titles, pictures and captions; a wall without pictures says only its title.

    Returns
    -------
    StaticFigure; axes "scores", and "wall i image j" for the pictures.

    Raises
    ------
    ValueError: as `score_strip_static`, or pictures and captions that do not fit.

    Examples
    --------
    >>> from adviz.plots.decisions import Wall
    >>> missed = Wall("missed", [category.test.image(0)], ["chip/000"])
    >>> plots.decision_page(prediction.score, category.test.defects, [missed], threshold=30.0)
    <StaticFigure size ...>
    """
    check_scores(scores)
    check_length(defects, len(scores), "defects", "scores")
    width = (ACROSS - 2 * style.MARGIN - (THUMBNAILS - 1) * 0.1) / THUMBNAILS
    below = style.line_inches(CAPTION_SIZE, CAPTION_LINES) + 0.06
    head = style.line_inches(style.LABEL_SIZE) + 0.14
    rows = [-(-len(wall.images) // THUMBNAILS) for wall in walls]
    figure, top = _strip_page(
        len(set(defects)),
        title,
        sum(head + count * (width + below) for count in rows) + 0.1,
        head=HEAD if marks else AIR,
    )
    y = _strip(figure, top, scores, defects, threshold, marks or {}, current, quantity)
    for number, (wall, count) in enumerate(zip(walls, rows, strict=True)):
        check_length(wall.captions, len(wall.images), "captions", "images")
        style.write(figure, style.MARGIN, y + 0.06, wall.title, bold=True)
        for place, (image, caption) in enumerate(zip(wall.images, wall.captions, strict=True)):
            check_image(image, f"image {place} of wall {number}")
            row, column = divmod(place, THUMBNAILS)
            box = (style.MARGIN + column * (width + 0.1), y + head + row * (width + below), width)
            _thumbnail(figure, box, image, caption, f"wall {number} image {place}")
        y += head + count * (width + below)
    return figure


@takes_arrays
def gating_chart(
    saved: np.ndarray,
    images_lost: np.ndarray,
    pixels_lost: np.ndarray,
    *,
    current: int,
    title: str = "",
) -> style.StaticFigure:
    """Draw what a first stage saves against what it loses, one point for each of its thresholds.

    Parameters
    ----------
    saved: (T,) share of all images that are not looked at again, 0..1, rising.
    images_lost, pixels_lost: (T,) share of the anomalous images, and of the defect pixels, that are
        lost with them, 0..1; all NaN = unknown, not drawn.
    current: which point to mark.
    title: text over the chart.

    Returns
    -------
    StaticFigure; its axes are labelled "gating".

    Raises
    ------
    ValueError: lengths that do not fit.

    Examples
    --------
    >>> saved = np.array([0.2, 0.5])
    >>> plots.gating_chart(saved, images_lost=saved / 10, pixels_lost=saved / 20, current=0)
    <StaticFigure size ... with 1 Axes>
    """
    check_length(images_lost, len(saved), "images_lost", "saved")
    check_length(pixels_lost, len(saved), "pixels_lost", "saved")
    room = style.title_room(title, 6.4)
    figure = style.StaticFigure(6.4, 3.0 + room)
    style.write_title(figure, title)
    axes = figure.add_axes((0.13, 0.6 / (3 + room), 0.84, 2.25 / (3 + room)), label="gating")
    style.plain_axes(axes, "share of the images saved", "share lost")
    lines = (
        ("anomalous images", images_lost, style.VERMILLION, "-", "o"),
        ("defect pixels", pixels_lost, style.BLUE, "--", "s"),
    )
    for name, lost, colour, line, marker in lines:
        if np.isfinite(lost).all():
            axes.step(
                saved, lost, where="post", color=colour, linestyle=line, linewidth=2.2, label=name
            )
            axes.plot(
                saved[current],
                lost[current],
                marker,
                color=colour,
                markersize=10,
                markeredgecolor=style.INK,
            )
    axes.axvline(saved[current], color=style.INK, linestyle=":", linewidth=1.5, label="τ now")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.03, 1.05))
    axes.legend(fontsize=style.SMALL_SIZE, loc="upper left", edgecolor=style.GRID)
    return figure


def strip_rows(defects: Sequence[str]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return (defect type, its images, the height of each) for every line of a strip; line i is at height -i."""
    kinds = sorted(set(defects), key=lambda kind: (kind != "good", kind == "unlabelled", kind))
    images = [np.flatnonzero(np.array([defect == kind for defect in defects])) for kind in kinds]
    return [
        (kind, found, -line + spread(len(found)))
        for line, (kind, found) in enumerate(zip(kinds, images, strict=True))
    ]


def _strip_page(
    kinds: int, title: str, more: float, *, head: float, across: float = ACROSS
) -> tuple[style.StaticFigure, float]:
    """Return an empty figure for a strip and `more` inches below it, and where its axes start, inches from the top."""
    top = style.title_room(title, across) + head
    figure = style.StaticFigure(across, top + LINE * kinds + FOOT + more)
    style.write_title(figure, title)
    return figure, top


def _strip(
    figure: style.StaticFigure,
    top: float,
    scores: np.ndarray,
    defects: Sequence[str],
    threshold: float | None,
    marks: Mapping[str, float],
    current: int | None,
    quantity: str,
) -> float:
    """Draw the dots and lines, and return where the strip ends, inches from the top."""
    rows = strip_rows(defects)
    across, down = (float(value) for value in figure.get_size_inches())
    tall = LINE * len(rows)
    place = (LEFT / across, 1 - (top + tall) / down, 1 - (LEFT + RIGHT) / across, tall / down)
    axes: Axes = figure.add_axes(place, label="scores")
    style.plain_axes(axes, quantity, "")
    for line, (kind, images, heights) in enumerate(rows):
        axes.plot(
            scores[images], heights, MARKERS[line % len(MARKERS)], linestyle="", markersize=7, alpha=0.8,
            color=KIND_COLOURS.get(kind, style.ANOMALOUS), markeredgecolor=style.PAPER, markeredgewidth=0.7,
        )  # fmt: skip
        chosen = images == current
        axes.plot(
            scores[images[chosen]], heights[chosen], "o", markersize=15, markerfacecolor="none",
            markeredgecolor=style.INK, markeredgewidth=2,
        )  # fmt: skip
    counts = [f"{kind} ({len(images)})" for kind, images, _ in rows]
    names = [
        "\n".join(style.lines_of(text, LEFT - 0.15, style.SMALL_SIZE, most=1)) for text in counts
    ]
    axes.set_yticks([-line for line in range(len(rows))], names, parse_math=False)
    axes.set_ylim(0.55 - len(rows), 0.55)
    _lines(axes, threshold, marks)
    return top + tall + FOOT


def _lines(axes: Axes, threshold: float | None, marks: Mapping[str, float]) -> None:
    """Draw the threshold and the other marks with their names, on two levels so that neighbours do not collide."""
    above = axes.get_xaxis_transform()
    left, right = axes.get_xlim()
    for number, (name, value) in enumerate(marks.items()):
        axes.axvline(value, color=style.INK, linestyle=":", linewidth=1.5)
        side = "left" if value < left + 0.7 * (right - left) else "right"
        axes.annotate(
            f" {name} ", (value, 1), xycoords=above, xytext=(0, 2 + 15 * (number % 2)), textcoords="offset points",
            ha=side, va="bottom", fontsize=style.SMALL_SIZE, color=style.INK,
        )  # fmt: skip
    if threshold is not None:
        axes.axvline(threshold, color=style.INK, linestyle=(0, (5, 2)), linewidth=2.2)
        axes.axvspan(
            threshold,
            max(right, threshold),
            color=style.SKY,
            alpha=0.18,
            linewidth=0,
            label="flagged",
        )
    axes.set_xlim(min(left, threshold or left), max(right, threshold or right))


def _thumbnail(
    figure: style.StaticFigure,
    box: tuple[float, float, float],
    image: np.ndarray,
    caption: str,
    label: str,
) -> None:
    x, y, width = box
    across, down = (float(value) for value in figure.get_size_inches())
    axes = figure.add_axes(
        (x / across, 1 - (y + width) / down, width / across, width / down), label=label
    )
    style.frame(axes)
    style.show_image(axes, image)
    lines = [
        line for text in caption.splitlines() for line in style.lines_of(text, width, CAPTION_SIZE)
    ]
    style.write(figure, x, y + width + 0.03, "\n".join(lines[:CAPTION_LINES]), size=CAPTION_SIZE)
