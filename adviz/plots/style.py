"""One visual language for every figure: colours, sizes, page layout and how numbers are printed."""

from __future__ import annotations

import io
import math
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from adviz.plots import fonts

# Okabe and Ito's palette: eight colours that stay apart under the common kinds of colour blindness.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
# Yellow is too pale for a line on white
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK)
# Plotly's names; the second cue next to colour
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
LINE_STYLES: tuple[str | tuple[int, tuple[float, ...]], ...] = (
    "-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)), (0, (9, 2)), (0, (9, 2, 2, 2)),
)  # fmt: skip

GOOD, ANOMALOUS, UNLABELLED = BLUE, VERMILLION, "#8C8C8C"
MAP_COLOURS = "cividis"
PAPER, INK, GRID, EMPTY = "#FFFFFF", "#222222", "#E3E3E3", "#F0F0F0"

DOTS_PER_INCH = 100
WIDTH = 12.0  # inches, so 1200 pixels: a JupyterLab cell on a 1280 pixel screen
MARGIN = 0.15  # inches, left and right of a page
TALLEST_PANEL, NARROWEST_PANEL = 8.0, 1.8  # inches; for strips that stand
LARGEST_PANEL = 3.2  # inches; a sheet of two images should not fill the screen
TITLE_SIZE, LABEL_SIZE, SMALL_SIZE = 14, 12, 11  # points
LINE_HEIGHT = 1.35  # of the font size


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

    def draw(self, renderer: RendererBase) -> None:
        """Draw everything, in fonts that have the letters of every name; see matplotlib's `Figure.draw`."""
        fonts.make_legible(self)
        super().draw(renderer)

    def _repr_jpeg_(self) -> bytes:
        """Return what Jupyter shows: JPEG, because photographs as PNG make notebooks huge; `savefig` is lossless."""
        buffer = io.BytesIO()
        self.savefig(
            buffer, format="jpeg", dpi=DOTS_PER_INCH, facecolor=PAPER, bbox_inches=self.bbox_inches, pad_inches=0,
            pil_kwargs={"quality": 88, "subsampling": 0},
        )  # fmt: skip
        return buffer.getvalue()


def rgb(colour: str) -> np.ndarray:
    """Return "#RRGGBB" as (3,) uint8."""
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


def number(value: float, span: float | None = None) -> str:
    """Print a number the way all figures do: four significant digits, or the decimals that a scale of `span` needs."""
    if span is None or not 1e-4 < span < 1e5:
        return f"{value:.4g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(span)))}f}"


def lines_of(text: str, inches: float, size: float, most: int = 2) -> list[str]:
    """Break a text into at most `most` lines that fit `inches` at `size` points; the rest becomes an ellipsis."""
    full_width = any(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    width = 1.0 if full_width else 0.65  # of its size; 0.65 is a wide average letter of DejaVu Sans
    letters = max(4, int(inches * 72 / (width * size)))
    return [
        line
        for paragraph in text.splitlines()
        for line in textwrap.wrap(paragraph, letters, max_lines=most, placeholder="…")
    ][:most]


def line_inches(size: float, lines: int = 1) -> float:
    """Return the height of some lines of text, in inches."""
    return lines * size * LINE_HEIGHT / 72


def text_room(texts: Sequence[str]) -> float:
    """Return the height of the longest of some small texts below the panels of a row, with a little air, in inches."""
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
    """Put plain text (never TeX) `x` inches from the left and `y` inches below the upper edge of the figure."""
    across, down = figure.get_size_inches()
    figure.text(
        x / across, 1 - y / down, text, ha="left", va=align, fontsize=size, color=INK, parse_math=False,
        fontweight="bold" if bold else "normal", linespacing=LINE_HEIGHT - 0.15,
    )  # fmt: skip


@dataclass(frozen=True)
class Page:
    """Where the panels of a figure go; everything in inches, so that text keeps its room whatever the picture's shape.

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
        if width * self.aspect > TALLEST_PANEL:
            width = max(TALLEST_PANEL / self.aspect, min(NARROWEST_PANEL, width))
        return width, width * self.aspect

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height of the figure, inches."""
        width, height = self.panel
        across = self.left + self.columns * width + (self.columns - 1) * self.gap + self.right
        return across, self.top + sum(self.above) + self.rows * height + self.bottom

    def figure(self, title: str) -> StaticFigure:
        """Return the empty figure with its title."""
        figure = StaticFigure(*self.size)
        write_title(figure, title)
        return figure

    def row_top(self, row: int) -> float:
        """Return the distance of a row's panels from the upper edge, inches."""
        return self.top + sum(self.above[: row + 1]) + row * self.panel[1]

    def axes(self, figure: Figure, row: int, column: int, label: str) -> Axes:
        """Add the empty panel at (row, column), with a label by which it can be found again."""
        (width, height), (across, down) = self.panel, self.size
        x = self.left + column * (width + self.gap)
        y = down - self.row_top(row) - height
        axes: Axes = figure.add_axes(
            (x / across, y / down, width / across, height / down), label=label
        )
        frame(axes)
        return axes


def title_room(text: str, across: float = WIDTH) -> float:
    """Return the height that a title of up to two lines takes on a page `across` inches wide; 0 for no title."""
    lines = len(_title_lines(text, across))
    return line_inches(TITLE_SIZE, lines) + 0.06 if lines else 0.0


def write_title(figure: Figure, text: str, *, y: float = 0.1, bold: bool = True) -> None:
    """Write a title at the left margin, `y` inches below the upper edge."""
    lines = _title_lines(text, float(figure.get_size_inches()[0]))
    write(figure, MARGIN, y, "\n".join(lines), size=TITLE_SIZE if bold else LABEL_SIZE, bold=bold)


def _title_lines(text: str, across: float) -> list[str]:
    return lines_of(text, across - 2 * MARGIN, TITLE_SIZE)


def frame(axes: Axes, colour: str = "#B0B0B0", width: float = 0.8) -> None:
    """Draw a thin frame without ticks, so that a white picture ends somewhere on white paper."""
    axes.set(xticks=[], yticks=[])
    axes.set_facecolor(EMPTY)
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=width)


def show_image(axes: Axes, image: np.ndarray) -> None:
    """Show an (H, W, 3) uint8 image in a panel."""
    axes.imshow(image, interpolation="auto", aspect="equal")


def say(axes: Axes, text: str, colour: str = "#666666") -> None:
    """Write a remark in the middle of a panel that has no picture to show."""
    axes.text(
        0.5, 0.5, text, ha="center", va="center", transform=axes.transAxes, fontsize=LABEL_SIZE, color=colour,
        style="italic",
    )  # fmt: skip


def chart(title: str, x: str, y: str, *, height: int = 420) -> go.Figure:
    """Return an empty plotly figure in the house style; it asks for no global template.

    Parameters
    ----------
    title, x, y: texts of the chart and its axes.
    height: pixels; the width follows the notebook.
    """
    import pandas  # noqa: F401 - plotly asks it for types, and fails while another thread is still importing it

    axis = {
        "gridcolor": GRID, "linecolor": INK, "showline": True, "ticks": "outside", "zeroline": False,
        "tickfont_size": 14, "title_font_size": 16, "automargin": True,
    }  # fmt: skip
    layout = go.Layout(
        template="none", paper_bgcolor=PAPER, plot_bgcolor=PAPER, height=height,
        font={"family": "Open Sans, DejaVu Sans, Arial, sans-serif", "size": 14, "color": INK},
        title={"text": title, "x": 0, "xref": "paper", "xanchor": "left", "font_size": 18, "font_weight": 600},
        margin={"l": 70, "r": 30, "t": 60 if title else 30, "b": 60}, hoverlabel={"font_size": 14},
        xaxis={**axis, "title_text": x}, yaxis={**axis, "title_text": y},
        legend={"bordercolor": GRID, "borderwidth": 1, "font_size": 14, "x": 1.02, "xanchor": "left", "y": 1},
    )  # fmt: skip
    return go.Figure(layout=layout)


def static_chart(
    title: str, x: str, y: str, *, label: str, height: float = 3.6, legend: bool = True
) -> tuple[StaticFigure, Axes]:
    """Return a matplotlib figure with one chart in the house style.

    Parameters
    ----------
    title, x, y: texts of the chart and its axes.
    label: by which the axes can be found again.
    height: inches.
    legend: whether there is room for one at the right.
    """
    across, left, right, below = 9.6, 0.8, 2.1 if legend else MARGIN + 0.1, 0.7  # inches
    room = title_room(title, across)
    down = height + room
    figure = StaticFigure(across, down)
    box = (
        left / across,
        below / down,
        1 - (left + right) / across,
        1 - (below + 0.15 + room) / down,
    )
    axes = figure.add_axes(box, label=label)
    write_title(figure, title)
    plain_axes(axes, x, y)
    return figure, axes


def plain_axes(axes: Axes, x: str, y: str) -> None:
    """Give matplotlib axes the light grid and the text sizes of all charts."""
    axes.set_xlabel(x, fontsize=LABEL_SIZE, color=INK)
    axes.set_ylabel(y, fontsize=LABEL_SIZE, color=INK)
    axes.tick_params(labelsize=SMALL_SIZE, colors=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
