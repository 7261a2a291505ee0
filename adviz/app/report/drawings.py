"""Figures and pictures of a report, as elements of its page in the page's colours."""

from __future__ import annotations

import base64
import html
import io
import itertools
import re
import threading
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image

from adviz.plots import StaticFigure, fonts, style

QUALITY = 90  # of the JPEG

THEMED = {  # what figures are drawn in on paper -> what the page shows instead
    style.INK: "currentColor",
    style.BLACK: "currentColor",
    style.PAPER: "var(--paper)",
    style.GRID: "var(--line)",
    style.EMPTY: "#88888888",
    "#CCCCCC": "var(--line)",  # matplotlib's edge of a legend
    "#666666": "var(--ink)",
}
_NUMBERS = itertools.count()  # of drawings
_DRAWING = threading.Lock()  # matplotlib reads the font's settings from one place, for all threads


def svg(figure: StaticFigure, *, text: str) -> str:
    """Return a figure as a drawing whose ink, paper and grid are the page's.

    Parameters
    ----------
    text: said by screen readers.
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
    across = round(figure.get_figwidth() * style.DOTS_PER_INCH)
    said = html.escape(text, quote=True)
    head = (
        f"<svg class='adviz-figure adviz-drawn' role='img' aria-label='{said}' "
        f"style='width:{across}px' "
        f"viewBox='{start[1]}' fill='currentColor' stroke-linejoin='round' stroke-linecap='butt' "
        "xmlns:xlink='http://www.w3.org/1999/xlink'>"
    )
    return head + re.sub('#[0-9A-Fa-f]{6}(?=[;"])', _themed, inside[start.end() :])


def _themed(colour: re.Match[str]) -> str:
    return THEMED.get(colour[0].upper(), colour[0])


def address(picture: np.ndarray | bytes) -> str:
    """Return an image, (H, W, 3) uint8 or the bytes of a JPEG file, as the address of itself."""
    if not isinstance(picture, bytes):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
        picture = buffer.getvalue()
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
