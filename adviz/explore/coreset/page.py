"""The parts of the coreset explorer's page.

Colours of points, bars, charts with the budget marked, tables.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from adviz import plots
from adviz.core import CoresetTrace
from adviz.explore.coreset.bank import METRICS, RADIUS, USED, Bank
from adviz.explore.kit import markup, theme
from adviz.explore.kit.texts import NOTHING, PENDING
from adviz.plots import style

DISTANCE, ORDER, IMAGE = "distance to the coreset", "order of choice", "training image"
ROW, COLUMN = "row in the image", "column in the image"
COLOURS = (DISTANCE, ORDER, IMAGE, ROW, COLUMN)
GREY, SHOWN = (200, 200, 200), tuple(style.rgb(style.VERMILLION).tolist())
# (M, 3) colours, which lie on top, and what they mean as HTML
Painted = tuple[np.ndarray, np.ndarray | None, str]
CELL = "padding:1px 14px 1px 0;text-align"
HEIGHT = 64  # CSS pixels, of the highest bar


def painted(bank: Bank, name: str, count: int, colour: str, image: int) -> Painted:
    """Return the colours of all rows, the order in which they are painted, and a legend."""
    trace = bank.trace
    if colour == ROW or colour == COLUMN:
        place = np.stack(np.divmod(trace.location, bank.grid[1]))[int(colour == COLUMN)]
        limits = (0.0, float(max(1, bank.grid[int(colour == COLUMN)] - 1)))
        return plots.heat(place, limits), None, markup.scale(limits, f"{colour}, from 0", width=240)
    if colour == IMAGE:
        mine = trace.image == image
        text = (
            f"dark orange: the {int(mine.sum())} patches of the displayed training image, on top; "
            "grey: all others"
        )
        return _two(mine, SHOWN), np.argsort(mine, kind="stable"), _words(text)
    if colour == ORDER:
        return _by_order(bank.order(name, count), bank.total)
    distance, ends = bank.distance(name, count), distance_limits(bank, count)
    if distance is None or ends is None:
        return (
            _two(np.zeros(bank.total, bool), SHOWN),
            None,
            _words("grey: the distances are not known yet"),
        )
    legend = markup.scale(ends, f"{DISTANCE} of {rows(count)}; the farthest on top", width=240)
    return plots.heat(distance, ends), np.argsort(distance, kind="stable"), legend


def distance_limits(bank: Bank, count: int) -> tuple[float, float] | None:
    """Return the scale of distances at a budget: the same for all samplers that have it."""
    known = [
        found.max() for name in bank.traces if (found := bank.distance(name, count)) is not None
    ]
    return (0.0, float(max(known)) or 1.0) if known else None


def _by_order(order: np.ndarray, total: int) -> Painted:
    """Colour the chosen rows by the number of their choice; the first lie on top."""
    colours, limits = np.full((total, 3), GREY, np.uint8), (-float(max(2, len(order))), -1.0)
    ranks = np.full(total, np.inf)
    np.minimum.at(ranks, order, np.arange(1.0, len(order) + 1))
    chosen = np.isfinite(ranks)
    colours[chosen] = plots.heat(-ranks[chosen], limits)
    painting = np.argsort(-np.where(chosen, ranks, total + 1.0), kind="stable")
    return (
        colours,
        painting,
        markup.scale((len(order), 1), "number of the choice; grey: not chosen", width=240),
    )


def _two(mine: np.ndarray, colour: Sequence[int]) -> np.ndarray:
    return np.where(mine[:, None], np.array(colour, np.uint8), np.array(GREY, np.uint8))


def _words(text: str) -> str:
    return f"<div class='adviz-small' style='max-width:440px'>{html.escape(text)}</div>"


def rows(count: int) -> str:
    """Return "1 entry" or "501 entries" of a memory bank."""
    return f"{count} entry" if count == 1 else f"{count} entries"


def share(value: float) -> str:
    """Return a share in per cent, with two digits that matter."""
    return f"{100 * value:.2g}%" if value < 0.995 else f"{100 * value:.0f}%"


def marked_chart(chart: str, along: float | None) -> str:
    """Return a small chart with a line across it `along` its width, 0 to 1."""
    line = (
        ""
        if along is None
        else "<span class='adviz-budget-line' "
        f"style='position:absolute;left:{along:.2%};top:14%;height:65%;"
        "border-left:2px dashed currentColor'></span>"
    )
    return f"<span style='position:relative;display:block'>{chart}{line}</span>"


def values(bank: Bank, present: str, count: int) -> str:
    """Return a table of what is known of every sampler at a budget.

    Samples of the charts' lines stand beside the samplers' names.
    """
    head = "".join(
        f"<th style='{CELL}:right'>{title}</th>" for title in (RADIUS, *METRICS.values(), USED)
    )
    body = ""
    for number, name in enumerate(bank.traces):
        result, used = bank.results.get(name, {}), bank.usage.get(name, {}).get(count)
        known = bank.radius(name, count) if _has(bank, name, count) else np.nan
        texts = [PENDING if known is None else NOTHING if np.isnan(known) else style.number(known)]
        for key in METRICS:
            value = getattr(result[count], key) if count in result else float("nan")
            texts.append(f"{value:.3f}" if np.isfinite(value) else NOTHING)
        texts.append(NOTHING if used is None else f"{share(used.share)} ({used.used})")
        cells = "".join(f"<td style='{CELL}:right'>{text}</td>" for text in texts)
        weight = 600 if name == present else 400
        body += (
            f"<tr style='font-weight:{weight}'><th "
            f"style='{CELL}:left;font-weight:inherit'>{_line(number)} "
            f"{html.escape(name)}</th>{cells}</tr>"
        )
    title = f"with {rows(count)} ({share(count / bank.total)} of {bank.total})"
    return (
        "<table class='adviz-values "
        f"adviz-numbers'>{markup.caption(title)}<tr><th></th>{head}</tr>{body}</table>"
    )


def _has(bank: Bank, name: str, count: int) -> bool:
    return count in bank.steps(name)


def _line(number: int) -> str:
    """Return a sample of a chart's line."""
    colour, dashes, marker = plots.curve_style(number)
    pattern = (
        ""
        if isinstance(dashes, str)
        else f"stroke-dasharray='{','.join(f'{2 * d:g}' for d in dashes[1])}'"
    )
    mark = {
        "o": "<circle cx='17' cy='6' r='3'/>",
        "s": "<rect x='14' y='3' width='6' height='6'/>",
        "D": "<rect x='14.5' y='3.5' width='5' height='5' transform='rotate(45 17 6)'/>",
    }.get(marker, "<path d='M17 2 L21 9 L13 9 Z'/>")
    return (
        "<svg class='adviz-drawn' width='34' height='12' style='vertical-align:middle'><g "
        f"fill='{colour}'>"
        f"<line x1='0' y1='6' x2='34' y2='6' stroke='{colour}' stroke-width='2' "
        f"{pattern}/>{mark}</g></svg>"
    )


def image_bars(trace: CoresetTrace, order: np.ndarray, names: Sequence[str], shown: int) -> str:
    """Return how many rows every training image gave, as bars.

    A dashed line marks the mean.
    """
    counts = np.bincount(trace.image[order], minlength=len(names))
    high, even = max(1, int(counts.max())), len(order) / len(names)
    bars = "".join(
        f"<span title='{html.escape(name, quote=True)}: {rows(count)}' "
        f"style='flex:1 1 0;min-width:1px;height:{HEIGHT * count / high:.1f}px;"
        f"background:{style.VERMILLION if number == shown else style.BLUE}'></span>"
        for number, (name, count) in enumerate(zip(names, counts.tolist(), strict=True))
    )
    line = (
        f"position:absolute;left:0;right:0;bottom:{HEIGHT * even / high:.1f}px;border-top:1px "
        "dashed currentColor"
    )
    by_count = np.argsort(-counts, kind="stable")
    most = ", ".join(f"{names[n]} ({counts[n]})" for n in by_count[:3].tolist())
    least = ", ".join(f"{names[n]} ({counts[n]})" for n in by_count[::-1][:3].tolist())
    return (
        f"<div class='adviz-small' style='flex:1 1 320px;max-width:560px'>"
        f"{theme.head('entries from every training image')}"
        "<div "
        f"style='position:relative;display:flex;align-items:flex-end;gap:1px;height:{HEIGHT}px'>{bars}"
        f"<span style='{line}'></span></div>"
        f"<div>dashed: {even:.3g} each, if spread evenly · dark orange: "
        f"{html.escape(names[shown])} "
        f"({counts[shown]})<br>most: {html.escape(most)} · least: {html.escape(least)}</div></div>"
    )


def position_map(bank: Bank, order: np.ndarray) -> str:
    """Return how many chosen rows lie at every position, all training images together."""
    counts = np.bincount(bank.trace.location[order], minlength=bank.grid[0] * bank.grid[1]).reshape(
        bank.grid
    )
    limits = (0.0, float(max(1, counts.max())))
    times = max(1, 180 // max(bank.grid))
    picture = plots.heat(counts.repeat(times, 0).repeat(times, 1), limits)
    title = "chosen patches by position"
    tile = markup.tile(picture, title=title, width=180, sharp=True)
    return f"<div>{tile}{markup.scale(limits, 'entries', width=180)}</div>"
