"""Neighbours in HTML: the nearest ones enlarged, all of them small.

And their distances by rank as bars.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from adviz.explore.kit import markup, theme
from adviz.explore.kit.evidence import Box, Ranked
from adviz.plots import style

TILE = 140  # CSS pixels, width of a match at most
COLUMNS = 5  # matches side by side, however narrow the page is
SMALL = 44  # CSS pixels, width of the pictures of all neighbours
HIGH = 90  # CSS pixels, height of the bars
WIDEST = 28  # CSS pixels, of a bar
STOPS = (1, 2, 3, 5, 10, 20, 50)  # K that are printed


@dataclass(frozen=True, eq=False)
class Match:
    """A cell of an image, (H, W, 3) uint8, with what is said above and below it.

    No box = the whole image.
    """

    image: np.ndarray
    box: Box | None
    title: str
    caption: str
    mine: bool = False  # of the test image


def grid(matches: Sequence[Match], *, title: str) -> str:
    """Return pictures in columns that shrink with the page.

    Each shows where its patch lies, and below it the patch enlarged.
    """
    columns = f"display:grid;grid-template-columns:repeat({COLUMNS},minmax(0,{TILE}px));gap:8px"
    parts = "".join(f"<div>{_shown(match)}</div>" for match in matches)
    return f"{theme.head(title)}<div style='{columns}'>{parts}</div>"


def _shown(match: Match) -> str:
    colour = style.VERMILLION if match.mine else style.BLUE
    if not match.box:
        return markup.tile(
            match.image, title=match.title, caption=match.caption, width=TILE, colour=colour
        )
    whole = markup.tile(
        match.image, title=match.title, boxes=[match.box], width=TILE, colour=colour
    )
    cut, (_, _, high, wide) = markup.crop(match.image, match.box), match.box
    return whole + markup.tile(
        cut, caption=match.caption, width=TILE, boxes=[(high, wide, high, wide)], sharp=True
    )


def small(image: np.ndarray) -> np.ndarray:
    """Return an (H, W, 3) uint8 image as it is shown among many.

    For screens with two dots a pixel.
    """
    height, width = image.shape[:2]
    size = (2 * SMALL, max(1, round(2 * SMALL * height / width)))
    return np.asarray(
        Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2)
    )


def crowd(
    pictures: Sequence[np.ndarray],
    boxes: Sequence[tuple[float, float, float, float] | None],
    names: Sequence[str],
    texts: Sequence[str],
    *,
    title: str,
) -> str:
    """Return many small pictures side by side, a box in each, a short name below.

    A text under the pointer.

    Parameters
    ----------
    pictures: n images as `small` returns them.
    boxes: n boxes (top, left, height, width), shares of the image, or None.
    names, texts: n each.
    """
    parts = []
    for picture, box, name, text in zip(pictures, boxes, names, texts, strict=True):
        high, wide = picture.shape[:2]
        scaled = [] if box is None else [_pixels(box, (high, wide))]
        shown = markup.picture(picture, width=SMALL, text=text, boxes=scaled)
        parts.append(
            "<div class='adviz-small' "
            f"style='text-align:center;width:{SMALL}px'>{shown}{html.escape(name)}</div>"
        )
    return f"<div class='adviz-crowd'>{markup.row(parts, title=title, gap=4)}</div>"


def _pixels(box: tuple[float, float, float, float], size: tuple[int, int]) -> Box:
    """Return a box given in shares of an image in its pixels, at least one."""
    top, left, height, width = (
        round(part * side) for part, side in zip(box, (*size, *size), strict=True)
    )
    return top, left, max(1, height), max(1, width)


def by_rank(
    found: Ranked, k: int, texts: Sequence[str], *, title: str, line: str, nearest: bool
) -> str:
    """Return distances as bars in the order in which neighbours were found.

    A line shows the score with the first k of them.

    Parameters
    ----------
    found: n distances, finite.
    k: how many count now; the bars after them are empty.
    texts: n texts, under the pointer.
    line: what `found.score` is, said below.
    nearest: whether the least of the first k is marked.
    """
    top = float(found.distance.max()) or 1.0
    best = int(found.distance[:k].argmin()) if nearest else -1
    bars = "".join(
        _bar(found, rank, top, text, rank < k, rank == best) for rank, text in enumerate(texts)
    )
    ends = f"<span>{evenly(found.distance)[int(found.distance.argmax())]}</span><span>0</span>"
    axis = (
        "<span "
        f"style='display:flex;flex-direction:column;justify-content:space-between'>{ends}</span>"
    )
    frame = (
        f"display:flex;gap:1px;height:{HIGH}px;flex:1 1 0;border-bottom:1px "
        f"solid;max-width:{WIDEST * len(texts)}px"
    )
    chart = (
        f"<div class='adviz-small' style='display:flex;gap:6px'>{axis}<div "
        f"style='{frame}'>{bars}</div></div>"
    )
    words = f"rank 1 to {len(texts)}; filled: the first k = {k}"
    words += "; striped: the nearest of them" if nearest else ""
    words += f"; the line: {line}" if found.score is not None else ""
    below = f"<div class='adviz-small'>{words}</div>{_scores(found, k)}"
    return f"<div class='adviz-ranks'>{theme.head(title)}{chart}{below}</div>"


def _bar(found: Ranked, rank: int, top: float, text: str, counts: bool, best: bool) -> str:
    fill = f"background:{style.BLUE}" if counts else ""
    if best:
        fill = (
            f"background:repeating-linear-gradient(45deg,{style.ORANGE} 0 3px,{theme.FRAME} 3px "
            "4px)"
        )
    tall = 100 * found.distance[rank] / top
    place = f"position:absolute;left:0;right:0;bottom:0;height:{tall:.1f}%"
    bar = (
        f"<span style='{place};box-sizing:border-box;border:1px solid {style.BLUE};{fill}'></span>"
    )
    line = ""
    if found.score is not None:
        at = 100 * found.score[rank] / top
        line = (
            f"<span style='position:absolute;left:-1px;right:0;bottom:{at:.1f}%;border-top:2px "
            "solid'></span>"
        )
    said = html.escape(text, quote=True)
    column = f"position:relative;flex:1 1 0;max-width:{WIDEST}px"
    return f"<span title='{said}' style='{column}'>{bar}{line}</span>"


def _scores(found: Ranked, k: int) -> str:
    """Return a table of the score for some K, the present one in square brackets."""
    if found.score is None:
        return ""
    count = len(found.score)
    stops = sorted({stop for stop in (*STOPS, k, count) if stop <= count})
    numbers = evenly(found.score)
    names = [f"[k = {stop}]" if stop == k else f"k = {stop}" for stop in stops]
    return markup.table({"score": [numbers[stop - 1] for stop in stops]}, names)


def evenly(values: np.ndarray) -> list[str]:
    """Print numbers with the same decimals, four significant digits of the largest."""
    span = float(np.abs(values).max()) / 10 if len(values) else 0.0
    return [style.number(float(value), span or None) for value in values]
