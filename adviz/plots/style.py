"""One visual language for every figure: colours, sizes, page layout and number format."""

from __future__ import annotations

import io
import math
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from adviz.plots import fonts

# Okabe and Ito's palette: eight colours that stay apart under the common kinds of colour blindness.
BLACK = "#000000"
ORANGE = "#E69F00"
SKY = "#56B4E9"
GREEN = "#009E73"
YELLOW = "#F0E442"
BLUE = "#0072B2"
VERMILLION = "#D55E00"
PURPLE = "#CC79A7"
# Yellow is too pale for a line on white
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
# The second cue next to colour: dashes by plotly's names, and as matplotlib's (offset, lengths)
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
LINE_STYLES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "-",
    (0, (5, 2)),
    (0, (1, 1.5)),
    (0, (5, 2, 1, 2)),
    (0, (9, 2)),
    (0, (9, 2, 2, 2)),
)
# The third cue, for curves that lie on each other: as matplotlib and as plotly call it
MARKERS = "osD^vPX"
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x")

# What colours stand for
GOOD = BLUE
ANOMALOUS = VERMILLION
UNLABELLED = "#8C8C8C"
MAP_COLOURS = "cividis"
PAPER = "#FFFFFF"
INK = "#222222"
GRID = "#E3E3E3"
EMPTY = "#F0F0F0"  # of a panel without a picture
FRAME = "#B0B0B0"  # around a picture
REMARK = "#666666"
CHANCE = "#999999"  # of the curve of a random detector

DOTS_PER_INCH = 100
WIDTH = 12.0  # inches, so 1200 pixels: a JupyterLab cell on a 1280 pixel screen
MARGIN = 0.15  # inches, left and right of a page
# Inches, for images that are tall strips
TALLEST_PANEL = 8.0
NARROWEST_PANEL = 1.8
LARGEST_PANEL = 3.2  # inches; a sheet of two images should not fill the screen
# Points
TITLE_SIZE = 14
LABEL_SIZE = 12
SMALL_SIZE = 11
LINE_HEIGHT = 1.35  # of the font size
NAMES_HEIGHT = LABEL_SIZE * LINE_HEIGHT / 72 + 0.06  # inches, for one line of panel titles
# Keyword arguments of a legend without a frame that begins exactly where it is anchored
PLAIN_LEGEND: dict[str, Any] = {"frameon": False, "fontsize": SMALL_SIZE, "borderaxespad": 0}
# Of plotly's charts
FAMILY = "Open Sans, DejaVu Sans, Arial, sans-serif"
PLOTLY_AXIS: dict[str, Any] = {
    "gridcolor": GRID,
    "linecolor": INK,
    "showline": True,
    "ticks": "outside",
    "zeroline": False,
    "automargin": True,
}


class StaticFigure(Figure):
    """A matplotlib figure that Jupyter shows without pyplot and without an IPython magic.

    IPython draws a plain `Figure` only after `%matplotlib inline` has registered a formatter for
    the class; without one it prints `<Figure size ...>`. Here the class brings its own picture, so
    nothing global is needed, nothing stays open, and the white paper is explicit: dark themes show
    the figure as light ones do.

    Examples
    --------
    >>> plots.StaticFigure(4, 3)
    <StaticFigure size 400x300 with 0 Axes>
    """

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor=PAPER)
        self.set_layout_engine("none")
        FigureCanvasAgg(self)

    def panel(self, x: float, y: float, width: float, height: float, label: str = "") -> Axes:
        """Add axes of a size in inches, `x` from the left and `y` below the upper edge."""
        figure_width, figure_height = (float(length) for length in self.get_size_inches())
        left = x / figure_width
        bottom = 1 - (y + height) / figure_height
        box = (left, bottom, width / figure_width, height / figure_height)
        axes: Axes = self.add_axes(box, label=label)
        return axes

    def draw(self, renderer: RendererBase) -> None:
        """Draw everything, in fonts that have the letters of every name."""
        fonts.make_legible(self)
        super().draw(renderer)

    def _repr_jpeg_(self) -> bytes:
        """Return the picture that Jupyter shows, as JPEG; `savefig` is lossless."""
        # Photographs stored as PNG make notebooks huge
        buffer = io.BytesIO()
        self.savefig(
            buffer,
            format="jpeg",
            dpi=DOTS_PER_INCH,
            facecolor=PAPER,
            bbox_inches=self.bbox_inches,
            pad_inches=0,
            pil_kwargs={"quality": 88, "subsampling": 0},
        )
        return buffer.getvalue()


class CurveStyle(NamedTuple):
    """Colour, dashes (matplotlib) and marker of a curve."""

    colour: str
    dashes: Any
    marker: str


def curve_style(number: int) -> CurveStyle:
    """Return colour, dashes (matplotlib) and marker of a chart's curve with this number, from 0.

    Examples
    --------
    >>> colour, dashes, marker = plots.curve_style(0)
    >>> colour.startswith("#")
    True
    """
    return CurveStyle(
        PALETTE[number % len(PALETTE)],
        LINE_STYLES[number % len(LINE_STYLES)],
        MARKERS[number % len(MARKERS)],
    )


def plotly_line(number: int, width: float) -> dict[str, Any]:
    """Return the line of plotly's chart that `curve_style` is of on paper."""
    return {
        "color": PALETTE[number % len(PALETTE)],
        "dash": DASHES[number % len(DASHES)],
        "width": width,
    }


def rgb(colour: str) -> np.ndarray:
    """Return "#RRGGBB" as (3,) uint8."""
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def number(value: float, span: float | None = None) -> str:
    """Format a number: four significant digits, or the decimals that a scale of `span` needs."""
    if span is None or not 1e-4 < span < 1e5:
        return f"{value:.4g}"
    decimals = max(0, 2 - math.floor(math.log10(span)))
    return f"{value:.{decimals}f}"


def lines_of(text: str, inches: float, size: float, most: int = 2) -> list[str]:
    """Break a text into at most `most` lines that fit `inches` at `size` points.

    What does not fit becomes an ellipsis.
    """
    # Chinese, Japanese and Korean letters are as wide as high
    full_width = any(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    width = 1.0 if full_width else 0.65  # of its size; 0.65 is a wide average letter of DejaVu Sans
    letters = max(4, int(inches * 72 / (width * size)))
    lines: list[str] = []
    for paragraph in text.splitlines():
        lines += textwrap.wrap(paragraph, letters, max_lines=most, placeholder="…")
    return lines[:most]


def wrapped(text: str, inches: float, size: float, most: int = 2) -> str:
    """Return the lines of `lines_of` as one text."""
    return "\n".join(lines_of(text, inches, size, most))


def line_inches(size: float, lines: int = 1) -> float:
    """Return the height of some lines of text, in inches."""
    return lines * size * LINE_HEIGHT / 72


def text_room(texts: Sequence[str]) -> float:
    """Return the height that small texts below a row of panels need, with some air, in inches."""
    lines = max((text.count("\n") + 1 for text in texts if text), default=0)
    return line_inches(SMALL_SIZE, lines) + 0.14 if lines else 0.12


def write(
    figure: Figure,
    x: float,
    y: float,
    text: str,
    *,
    size: float = LABEL_SIZE,
    bold: bool = False,
    align: str = "top",
) -> None:
    """Write plain text (never TeX) `x` inches from the left and `y` inches below the upper edge."""
    width, height = figure.get_size_inches()
    figure.text(
        x / width,
        1 - y / height,
        text,
        ha="left",
        va=align,
        fontsize=size,
        fontweight="bold" if bold else "normal",
        linespacing=LINE_HEIGHT - 0.15,
        color=INK,
        parse_math=False,
    )


@dataclass(frozen=True)
class Page:
    """A grid of equal panels with margins, in inches.

    Text so keeps its room whatever the shape of the pictures.

    Attributes
    ----------
    rows, columns: number of panels.
    aspect: height / width of a panel.
    left, right, top, bottom: margins of the page.
    above: room over every row, for its title; one number per row.
    gap: horizontal gap between panels.
    """

    rows: int
    columns: int
    aspect: float
    above: Sequence[float]
    left: float = MARGIN
    right: float = MARGIN
    top: float = 0.1
    bottom: float = 0.15
    gap: float = 0.12
    width: float = WIDTH

    @property
    def panel(self) -> tuple[float, float]:
        """Return width and height of one panel, inches."""
        room = (self.width - self.left - self.right - (self.columns - 1) * self.gap) / self.columns
        width = min(LARGEST_PANEL, room)
        # Tall strips are made narrower, but not too narrow for a caption
        if width * self.aspect > TALLEST_PANEL:
            width = max(TALLEST_PANEL / self.aspect, min(NARROWEST_PANEL, width))
        return width, width * self.aspect

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height of the figure, inches."""
        panel_width, panel_height = self.panel
        gaps = (self.columns - 1) * self.gap
        width = self.left + self.columns * panel_width + gaps + self.right
        height = self.top + sum(self.above) + self.rows * panel_height + self.bottom
        return width, height

    def figure(self, title: str) -> StaticFigure:
        """Return the empty figure with its title."""
        figure = StaticFigure(*self.size)
        write_title(figure, title)
        return figure

    def row_top(self, row: int) -> float:
        """Return the distance of a row's panels from the upper edge, inches."""
        return self.top + sum(self.above[: row + 1]) + row * self.panel[1]

    def column_left(self, column: int) -> float:
        """Return the distance of a column's panels from the left edge, inches."""
        return self.left + column * (self.panel[0] + self.gap)

    def axes(self, figure: StaticFigure, row: int, column: int, label: str) -> Axes:
        """Add the empty panel at (row, column), with a label to find it by."""
        axes = figure.panel(self.column_left(column), self.row_top(row), *self.panel, label)
        frame(axes)
        return axes


def captioned_page(
    columns: int,
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    title: str,
    width: float = WIDTH,
    rows: int | None = None,
) -> Page:
    """Return the page for images with captions below them, as many rows as they need.

    Parameters
    ----------
    columns: panels in a row.
    images: (H, W, 3) each; the tallest shape decides the panels'.
    captions: texts, already broken into lines.
    title: text over the figure.
    width: of the page at most, inches.
    rows: how many; None = as many as the images fill.
    """
    if rows is None:
        rows = -(-len(images) // columns)
    aspect = max(image.shape[0] / image.shape[1] for image in images)
    below = text_room(captions)
    # The title may be as wide as square panels would be
    square_panels = Page(rows, columns, 1, [], width=width)
    above = [title_room(title, square_panels.size[0]), *[below] * (rows - 1)]
    return Page(rows, columns, aspect, above, bottom=below, width=width)


def title_room(text: str, width: float = WIDTH) -> float:
    """Return the height of a title of up to two lines on a page `width` inches wide, or 0."""
    lines = len(_title_lines(text, width))
    return line_inches(TITLE_SIZE, lines) + 0.06 if lines else 0.0


def write_title(figure: Figure, text: str, *, y: float = 0.1, bold: bool = True) -> None:
    """Write a title at the left margin, `y` inches below the upper edge."""
    lines = _title_lines(text, float(figure.get_size_inches()[0]))
    write(figure, MARGIN, y, "\n".join(lines), size=TITLE_SIZE if bold else LABEL_SIZE, bold=bold)


def _title_lines(text: str, width: float) -> list[str]:
    return lines_of(text, width - 2 * MARGIN, TITLE_SIZE)


def frame(axes: Axes, colour: str = FRAME, width: float = 0.8) -> None:
    """Draw a thin frame without ticks, so that a white picture has an edge on white paper."""
    axes.set(xticks=[], yticks=[])
    axes.set_facecolor(EMPTY)
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=width)


def show_image(axes: Axes, image: np.ndarray) -> None:
    """Show an (H, W, 3) uint8 image in a panel."""
    axes.imshow(image, interpolation="auto", aspect="equal")


def say(axes: Axes, text: str, colour: str = REMARK) -> None:
    """Write a remark in the middle of a panel that has no picture to show."""
    axes.text(
        0.5,
        0.5,
        text,
        ha="center",
        va="center",
        transform=axes.transAxes,
        fontsize=LABEL_SIZE,
        color=colour,
        style="italic",
    )


def panel_title(axes: Axes, text: str) -> None:
    """Write the name of a picture, centred over it."""
    axes.set_title(text, fontsize=LABEL_SIZE, color=INK, pad=5, parse_math=False)


def chart_title(axes: Axes, text: str, *, bold: bool = False, pad: float | None = None) -> None:
    """Write the name of a chart, over its left end."""
    weight = "bold" if bold else "normal"
    axes.set_title(text, fontsize=LABEL_SIZE, color=INK, loc="left", pad=pad, fontweight=weight)


def caption(axes: Axes, text: str) -> None:
    """Write a small text below a picture."""
    axes.set_xlabel(text, fontsize=SMALL_SIZE, color=INK, labelpad=4, parse_math=False)


def chart(title: str, x: str, y: str, *, height: int = 420) -> go.Figure:
    """Return an empty plotly figure in the style of all charts, without a global template.

    Parameters
    ----------
    title, x, y: texts of the chart and its axes.
    height: pixels; the width follows the notebook.
    """
    # Plotly asks pandas for types, and fails while another thread is still importing it
    import pandas  # noqa: F401

    axis = {**PLOTLY_AXIS, "tickfont_size": 14, "title_font_size": 16}
    top = 60 if title else 30
    layout = go.Layout(
        template="none",
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        height=height,
        margin={"l": 70, "r": 30, "t": top, "b": 60},
        font={"family": FAMILY, "size": 14, "color": INK},
        hoverlabel={"font_size": 14},
        title={
            "text": title,
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "font_size": 18,
            "font_weight": 600,
        },
        xaxis={**axis, "title_text": x},
        yaxis={**axis, "title_text": y},
        legend={
            "bordercolor": GRID,
            "borderwidth": 1,
            "font_size": 14,
            "x": 1.02,
            "xanchor": "left",
            "y": 1,
        },
    )
    return go.Figure(layout=layout)


def static_chart(
    title: str, x: str, y: str, *, label: str, height: float = 3.6, legend: bool = True
) -> tuple[StaticFigure, Axes]:
    """Return a matplotlib figure with one empty chart in the style of all charts.

    Parameters
    ----------
    title, x, y: texts of the chart and its axes.
    label: a name to find the axes by.
    height: inches.
    legend: whether there is room for one at the right.
    """
    # Inches
    width = 9.6
    left = 0.8
    below = 0.7
    right = 2.1 if legend else MARGIN + 0.1
    top = title_room(title, width) + 0.15
    figure = StaticFigure(width, height + title_room(title, width))
    write_title(figure, title)
    panel_height = height + title_room(title, width) - top - below
    axes = figure.panel(left, top, width - left - right, panel_height, label)
    plain_axes(axes, x, y)
    return figure, axes


def legend_at_right(axes: Axes) -> None:
    """Draw the legend of a `static_chart`, right of its axes."""
    axes.legend(fontsize=SMALL_SIZE, loc="upper left", bbox_to_anchor=(1.01, 1), edgecolor=GRID)


def plain_axes(axes: Axes, x: str, y: str) -> None:
    """Give matplotlib axes the light grid and the text sizes of all charts."""
    axes.set_xlabel(x, fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel(y, fontsize=LABEL_SIZE, color=INK)
    axes.tick_params(labelsize=SMALL_SIZE, colors=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
