"""Pictures and tables of an explorer as HTML.

They follow the page's theme and width, and cost milliseconds.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation

from adviz import plots
from adviz.core import maps
from adviz.explore.kit import theme
from adviz.plots import style

Box = tuple[int, int, int, int]
QUALITY = 90  # of the JPEG
TALLEST = 1.5  # height of a picture, divided by the width it is given


def picture(
    image: np.ndarray,
    *,
    width: int = 160,
    text: str = "",
    boxes: Sequence[Box] = (),
    sharp: bool = False,
) -> str:
    """Return an image with frames on it.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    width: on the screen, CSS pixels; strips that would be more than half as high again as this are
        shown smaller.
    text: said by screen readers, and shown when the pointer rests on it.
    boxes: (top, left, height, width) of frames, image pixels.
    sharp: whether pixels are enlarged as squares.
    """
    high, wide = image.shape[:2]
    width = min(width, max(1, round(TALLEST * width * wide / high)))
    frames = "".join(
        f"<span style='position:absolute;left:{left / wide:.2%};top:{top / high:.2%};"
        f"width:{w / wide:.2%};"
        f"height:{h / high:.2%};box-sizing:border-box;outline:2px solid {style.ORANGE};"
        f"box-shadow:0 0 0 3px {theme.FRAME}'></span>"
        for top, left, h, w in boxes
    )
    rendering = "image-rendering:pixelated;" if sharp else ""
    said = html.escape(text, quote=True)
    return (
        f"<span style='position:relative;display:inline-block;width:{width}px;max-width:100%'>"
        f"<img class='adviz-picture' src='{address(image)}' alt='{said}' title='{said}' "
        f"style='{rendering}display:block;width:100%;margin:0'>{frames}</span>"
    )


def tile(
    image: np.ndarray,
    *,
    title: str = "",
    caption: str = "",
    width: int = 160,
    boxes: Sequence[Box] = (),
    sharp: bool = False,
    colour: str = "",
) -> str:
    """Return a picture with a title above and a caption below.

    Where `colour` is given, it has an edge of that colour.
    """
    edge = f"border-top:4px solid {colour};" if colour else ""
    shown = picture(image, width=width, text=caption or title, boxes=boxes, sharp=sharp)
    above = f"<div class='adviz-title'>{html.escape(title)}</div>" if title else ""
    below = (
        f"<div style='overflow-wrap:anywhere;white-space:pre-line'>{html.escape(caption)}</div>"
        if caption
        else ""
    )
    across = f"margin:0;width:{width}px;max-width:100%;{edge}"
    return f"<figure class='adviz-small' style='{across}'>{above}{shown}{below}</figure>"


def crop(image: np.ndarray, box: Box, *, context: float = 1.0) -> np.ndarray:
    """Return the surroundings of a box, `context` box sizes on each side.

    Beyond the image they are grey.
    """
    top, left, height, width = box
    down, across = round(height * context), round(width * context)
    padded = np.pad(image, ((down, down), (across, across), (0, 0)), constant_values=128)
    return padded[top : top + height + 2 * down, left : left + width + 2 * across]


def row(parts: Iterable[str], *, title: str = "", gap: int = 8) -> str:
    """Return parts side by side, continued on the next line where the page is narrow."""
    style_ = f"display:flex;flex-wrap:wrap;gap:{gap}px;align-items:flex-start"
    return f"<div>{theme.head(title)}<div style='{style_}'>{''.join(parts)}</div></div>"


def in_pairs(parts: Sequence[str], *, gap: int = 8) -> list[str]:
    """Return parts joined two by two.

    Four of them in a row are continued as 2 + 2, never as 3 + 1.
    """
    return [
        "<div "
        f"style='display:flex;flex-wrap:wrap;gap:{gap}px'>{''.join(parts[first : first + 2])}</div>"
        for first in range(0, len(parts), 2)
    ]


def scale(
    limits: tuple[float, float],
    quantity: str = "anomaly score",
    *,
    width: int = 160,
    colours: Callable[[np.ndarray, tuple[float, float]], np.ndarray] = plots.heat,
) -> str:
    """Return the colour scale of maps, its ends printed; `colours` are those of the maps."""
    stops = ",".join(
        f"rgb{tuple(colour)}" for colour in colours(np.linspace(0, 1, 9), (0, 1)).tolist()
    )
    low, high = (style.number(value) for value in limits)
    return (
        "<div class='adviz-small' "
        f"style='width:{width}px;max-width:100%'><div>{html.escape(quantity)}</div>"
        f"<div style='height:12px;background:linear-gradient(to right,{stops})'></div>"
        "<div "
        f"style='display:flex;justify-content:space-between'><span>{low}</span><span>{high}</span></div></div>"
    )


def table(
    rows: Mapping[str, Sequence[str]],
    columns: Sequence[str],
    *,
    title: str = "",
    marked: Sequence[str] = (),
) -> str:
    """Return a table of texts: name -> a text for each column.

    The rows named in `marked` are bold.
    """
    cell = "padding:1px 12px 1px 0;text-align"
    head = "".join(f"<th style='{cell}:right'>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr style='font-weight:{'600' if name in marked else '400'}'>"
        f"<th style='{cell}:left;font-weight:inherit'>{html.escape(name)}</th>"
        + "".join(f"<td style='{cell}:right'>{html.escape(text)}</td>" for text in texts)
        + "</tr>"
        for name, texts in rows.items()
    )
    return f"<table class='adviz-numbers'>{caption(title)}<tr><th></th>{head}</tr>{body}</table>"


def caption(title: str) -> str:
    """Return the heading of a table; nothing without a text."""
    return f"<caption class='adviz-head'>{html.escape(title)}</caption>" if title else ""


def bar_table(title: str, values: Mapping[str, float]) -> str:
    """Return an HTML table of names and values with bars.

    Fractions of the absolute sum are printed as well.
    """
    bar = f"display:inline-block;height:0.8em;background:{style.BLUE};width"
    total = sum(map(abs, values.values())) or 1.0
    # Four digits of the largest, the same for all
    span = max(map(abs, values.values()), default=0.0) / 10 or None
    rows = "".join(
        f"<tr><th style='text-align:left;padding-right:12px'>{html.escape(name)}</th>"
        f"<td style='text-align:right;padding-right:12px'>{style.number(value, span)}</td>"
        f"<td style='text-align:right'>{abs(value) / total:.0%}</td>"
        "<td style='padding-left:8px'><span "
        f"style='{bar}:{160 * abs(value) / total:.0f}px'></span></td></tr>"
        for name, value in values.items()
    )
    return f"<table class='adviz-numbers'>{caption(title)}{rows}</table>"


def address(picture: np.ndarray | bytes) -> str:
    """Return an image, (H, W, 3) uint8 or the bytes of a JPEG file, as the address of itself."""
    if not isinstance(picture, bytes):
        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
        picture = buffer.getvalue()
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"


def map_tile(
    title: str,
    values: np.ndarray,
    limits: tuple[float, float],
    region: np.ndarray | None = None,
    *,
    width: int = 150,
) -> str:
    """Return a map with a region's outline and its printed scale.

    Parameters
    ----------
    values: (h, w) float; its cells are shown as they are, enlarged to the region's size.
    limits: values at the ends of the scale.
    region: (H, W) bool, such as the ground truth; None = unknown.
    width: on the screen, CSS pixels.
    """
    size = values.shape if region is None else region.shape
    shown = plots.heat(maps.resize(values[None], (size[0], size[1]), "nearest")[0], limits)
    drawn = tile(outlined(shown, region), title=title, width=width, sharp=True)
    return f"<div>{drawn}{scale(limits, '', width=width)}</div>"


def outlined(image: np.ndarray, region: np.ndarray | None) -> np.ndarray:
    """Return an image with a region's outline on it, light inside dark.

    It is visible on any picture.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    region: (H, W) bool; None = nothing is drawn.
    """
    if region is None or not region.any():
        return image
    inner = binary_dilation(region, iterations=2)
    drawn = image.copy()
    drawn[binary_dilation(inner, iterations=1) & ~inner] = 0
    drawn[inner & ~region] = 255
    return drawn
