"""Small charts as text in the page.

They cost a millisecond, follow the page's theme, and say what is pointed at.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

import numpy as np
from matplotlib.ticker import MaxNLocator

from adviz.plots import style

DASHES = {"solid": "", "dashed": "7 4", "dotted": "2 4"}
# outlines of marks within -1 .. 1, the second cue next to the colour
SHAPES = {
    "circle": "M-1,0a1,1 0 1,0 2,0a1,1 0 1,0 -2,0z",
    "diamond": "M0,-1.2L1.2,0L0,1.2L-1.2,0z",
    "square": "M-.9,-.9H.9V.9H-.9z",
    "up": "M0,-1.1L1.1,.9H-1.1z",
    "plus": "M-.4,-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4z",
    "down": "M0,1.1L1.1,-.9H-1.1z",
}


class Chart:
    """One pair of axes; what is added later lies on top.

    Parameters
    ----------
    x, y: (low, high), the ends of the axes.
    names: of the axes, as printed.
    size: (width, height) of the whole, CSS pixels; narrower pages shrink it.
    left, top: room left of and above the axes, CSS pixels.
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        names: tuple[str, str],
        size: tuple[int, int] = (520, 280),
        left: int = 62,
        top: int = 12,
    ) -> None:
        self._x, self._y, self._names, self._size = x, y, names, size
        self._box = left, top, size[0] - left - 14, size[1] - top - 44  # left, top, width, height
        self._parts = list[str]()

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point lies, CSS pixels from the upper left corner.

        Beyond the axes at their ends.
        """
        left, top, width, height = self._box
        across = (x - self._x[0]) / (self._x[1] - self._x[0])
        up = (y - self._y[0]) / (self._y[1] - self._y[0])
        return left + width * min(max(across, 0.0), 1.0), top + height * (
            1 - min(max(up, 0.0), 1.0)
        )

    def rule(
        self, x: float, text: str = "", *, dash: str = "dotted", width: float = 1.5, level: int = 0
    ) -> None:
        """Draw a vertical line with its name above, the higher the larger `level` is."""
        across = self.place(x, 0)[0]
        _, top, _, height = self._box
        self._parts.append(
            f"<line x1='{across:.1f}' x2='{across:.1f}' y1='{top - 3}' y2='{top + height}' "
            "stroke='currentColor' "
            f"stroke-width='{width}' stroke-dasharray='{DASHES[dash]}'/>"
        )
        if text:
            side = "start" if across < 0.6 * self._size[0] else "end"
            self._parts.append(_text(across, top - 7 - 14 * level, text, side))

    def path(
        self,
        x: np.ndarray,
        y: np.ndarray,
        colour: str,
        *,
        dash: str = "solid",
        fill_to: float | None = None,
    ) -> None:
        """Join points by lines, the area below them shaded up to `fill_to`, a value of x."""
        points = " ".join(
            f"{a:.1f},{b:.1f}" for a, b in (self.place(*pair) for pair in zip(x, y, strict=True))
        )
        if fill_to is not None:
            kept = x <= fill_to
            at = float(np.interp(fill_to, x, y))
            corners = [
                *zip(x[kept], y[kept], strict=True),
                (fill_to, at),
                (fill_to, self._y[0]),
                (x[0], self._y[0]),
            ]
            area = " ".join(f"{a:.1f},{b:.1f}" for a, b in (self.place(*pair) for pair in corners))
            self._parts.append(f"<polygon points='{area}' fill='{colour}' fill-opacity='.2'/>")
        self._parts.append(
            f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='2.2' "
            f"stroke-dasharray='{DASHES[dash]}'/>"
        )

    def dots(
        self,
        x: Iterable[float],
        y: Iterable[float],
        texts: Iterable[str],
        colour: str,
        *,
        shape: str,
        size: float = 5,
    ) -> None:
        """Draw marks that say their text when pointed at."""
        outline = SHAPES[shape]
        for a, b, text in zip(x, y, texts, strict=True):
            across, down = self.place(a, b)
            self._parts.append(
                f"<path d='{outline}' transform='translate({across:.1f} {down:.1f}) scale({size})' "
                f"fill='{colour}' "
                "fill-opacity='.8' stroke='currentColor' "
                f"stroke-width='.1'><title>{html.escape(text)}</title></path>"
            )

    def ring(self, x: float, y: float) -> None:
        """Draw a ring round a mark."""
        across, down = self.place(x, y)
        self._parts.append(
            f"<circle cx='{across:.1f}' cy='{down:.1f}' r='9' fill='none' stroke='currentColor' "
            "stroke-width='2.5'/>"
        )

    def svg(self, text: str) -> str:
        """Return the chart; `text` is said by screen readers."""
        width, height = self._size
        said = html.escape(text, quote=True)
        return (
            f"<svg class='adviz-drawn' viewBox='0 0 {width} {height}' role='img' "
            f"aria-label='{said}' "
            f"style='display:block;width:{width}px;max-width:100%;font-size:12px'>{self._axes()}"
            f"{''.join(self._parts)}</svg>"
        )

    def _axes(self) -> str:
        left, top, width, height = self._box
        parts = []
        for value, name in _ticks(self._x):
            across = self.place(value, 0)[0]
            parts.append(
                _grid(across, across, top, top + height)
                + _text(across, top + height + 16, name, "middle")
            )
        for value, name in _ticks(self._y):
            down = self.place(0, value)[1]
            parts.append(
                _grid(left, left + width, down, down) + _text(left - 6, down + 4, name, "end")
            )
        parts.append(
            f"<path d='M{left},{top}V{top + height}H{left + width}' fill='none' "
            "stroke='currentColor'/>"
            + _text(left + width / 2, self._size[1] - 8, self._names[0], "middle")
        )
        if self._names[1]:
            middle = top + height / 2
            turned = f" transform='rotate(-90 14 {middle})'"
            parts.append(_text(14, middle, self._names[1], "middle", turned))
        return "".join(parts)


def _ticks(ends: tuple[float, float]) -> list[tuple[float, str]]:
    values = [
        float(value)
        for value in MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(*ends)
        if ends[0] <= value <= ends[1]
    ]
    return [(value, style.number(0.0 if abs(value) < 1e-12 else value)) for value in values]


def _grid(x1: float, x2: float, y1: float, y2: float) -> str:
    return (
        f"<line x1='{x1:.1f}' x2='{x2:.1f}' y1='{y1:.1f}' y2='{y2:.1f}' stroke='currentColor' "
        "stroke-opacity='.15'/>"
    )


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' "
        f"fill='currentColor'{more}>{html.escape(text)}</text>"
    )
