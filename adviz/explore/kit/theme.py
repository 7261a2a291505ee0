"""The explorers' style sheet, and figures drawn in the page's theme.

The same HTML suits light and dark pages.

What the classes, colours and sizes mean is written in docs/visual-language.md.
"""

from __future__ import annotations

import html
import io
import itertools
import re
import threading
from typing import Any
from urllib.parse import quote

import matplotlib as mpl

from adviz.plots import StaticFigure, fonts, style

# The page's colours: JupyterLab's, and where there is no JupyterLab those of the figures on paper.
INK = f"var(--jp-ui-font-color1, {style.INK})"
FAINT_INK = "var(--jp-ui-font-color2, #616161)"
PAPER = f"var(--jp-layout-color0, {style.PAPER})"
LINE = "var(--jp-border-color2, #E0E0E0)"
EMPTY = "#88888888"  # where a picture will be, or beyond an image: a grey that shows on any paper
FRAME = "#000000"  # round marks on photographs, which have no theme: light marks are framed dark

# CSS pixels, of a chart that has the page for itself: its letters are then as large as the page's
WIDE = 820
SMALL = "font-size:12px;line-height:1.35"
# A drop-down's arrow is a picture, black in every theme.
_ARROW = quote(
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'><path fill='#DDDDDD' d='M5.2 5.9 "
    "9 9.7l3.8-3.8 1.2 1.2"
    "-5 5-5-5z'/></svg>"
)

SHEET = f"""
.adviz-explorer {{ color: {INK}; }}
.adviz-explorer .widget-html-content {{ line-height: 1.35; }}
.adviz-explorer .widget-checkbox {{ display: flex; align-items: center; height: 28px; }}
.adviz-explorer .widget-checkbox label {{
  display: flex; align-items: center; gap: 4px; line-height: 1.35;
}}
.adviz-explorer .widget-checkbox input {{ margin: 0; }}
.adviz-controls {{ column-gap: 4px; }}
.adviz-explorer .widget-toggle-buttons {{
  display: flex; flex-flow: row nowrap; align-items: center;
}}
.adviz-explorer .widget-toggle-buttons > label {{ width: auto; padding: 0 8px 0 12px; }}
.adviz-status .widget-html-content {{
  font-size: 13px; line-height: 18px; font-variant-numeric: tabular-nums;
  border-left: 3px solid {LINE}; padding: 2px 0 2px 8px;
}}
.adviz-status.adviz-error .widget-html-content {{
  border-left-color: {style.VERMILLION}; font-weight: 600;
}}
.adviz-busy {{ align-items: center; border-left: 3px solid {style.BLUE}; padding-left: 8px; }}
.adviz-small {{ {SMALL}; }}
.adviz-head {{ font-weight: 600; font-size: 13px; line-height: 1.35; margin: 6px 0 2px; }}
.adviz-title {{ font-weight: 600; }}
.adviz-remark {{ {SMALL}; color: {FAINT_INK}; font-style: italic; max-width: 640px; }}
.adviz-picture {{ outline: 1px solid {LINE}; outline-offset: -1px; }}
.adviz-numbers {{ {SMALL}; font-variant-numeric: tabular-nums; margin: 0 0 8px; }}
.adviz-numbers caption {{ text-align: left; white-space: nowrap; }}
.adviz-charts {{ container-type: inline-size; }}
.adviz-charts > div {{
  display: grid; grid-template-columns: repeat(5, minmax(0, 205px)); gap: 4px;
}}
@container (max-width: 900px) {{
  .adviz-charts > div {{ grid-template-columns: repeat(3, minmax(0, 260px)); }}
}}
@container (max-width: 480px) {{
  .adviz-charts > div {{ grid-template-columns: repeat(2, minmax(0, 260px)); }}
}}
.adviz-charts .adviz-figure {{ width: 100% !important; }}
.adviz-figure {{ display: block; max-width: 100%; height: auto; color: {INK}; }}
body[data-jp-theme-light="false"] .adviz-drawn {{ filter: brightness(1.25); }}
body[data-jp-theme-light="false"] .adviz-explorer select {{
  background-image: url("data:image/svg+xml,{_ARROW}");
}}
"""

_THEMED = {  # what figures are drawn in on paper -> what the page shows instead
    style.INK: "currentColor",
    style.BLACK: "currentColor",
    style.PAPER: PAPER,
    style.GRID: LINE,
    style.EMPTY: EMPTY,
    "#CCCCCC": LINE,  # matplotlib's edge of a legend
    "#666666": FAINT_INK,
}
_NUMBERS = itertools.count()  # of drawings
_DRAWING = threading.Lock()  # matplotlib reads the font's settings from one place, for all threads


def svg(figure: StaticFigure, *, text: str, width: int | None = None) -> str:
    """Return a matplotlib figure as a drawing in the page, whose ink.

    Paper and grid are those of the page's theme.

    Parameters
    ----------
    text: said by screen readers.
    width: CSS pixels; None = as large as the figure. A narrower page shrinks it.
    """
    buffer = io.StringIO()
    # Ids of its own: a page that does not paint one drawing would lose what others refer to in it
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": f"adviz {next(_NUMBERS)}"}
    with _DRAWING, mpl.rc_context(settings):
        figure.savefig(buffer, format="svg", facecolor="none", metadata={"Date": None})
    drawn = fonts.restored(buffer.getvalue())
    inside = re.sub(
        r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", drawn, flags=re.DOTALL
    )
    start = re.search(r"<svg [^>]*viewBox=\"([^\"]*)\"[^>]*>", inside)
    if start is None:
        raise ValueError(
            f"expected matplotlib to write an <svg> with a viewBox, got {drawn[:200]!r}"
        )
    across, said = (
        width or round(figure.get_figwidth() * style.DOTS_PER_INCH),
        html.escape(text, quote=True),
    )
    head = (
        f"<svg class='adviz-figure adviz-drawn' role='img' aria-label='{said}' "
        f"style='width:{across}px' "
        f"viewBox='{start[1]}' fill='currentColor' stroke-linejoin='round' stroke-linecap='butt' "
        "xmlns:xlink='http://www.w3.org/1999/xlink'>"
    )
    return head + re.sub('#[0-9A-Fa-f]{6}(?=[;"])', _themed, inside[start.end() :])


def _themed(colour: re.Match[str]) -> str:
    return _THEMED.get(colour[0].upper(), colour[0])


def note(text: str) -> str:
    """Return a remark: what is missing and why, or what a person may do next."""
    return f"<div class='adviz-remark'>{html.escape(text)}</div>"


def head(text: str) -> str:
    """Return the heading of a part of the page; nothing without a text."""
    return f"<div class='adviz-head'>{html.escape(text)}</div>" if text else ""
