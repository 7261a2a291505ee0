"""What `explore.deviations` shows, from plain records.

Chart, table, remarks, and the maps before and after a step.
"""

from __future__ import annotations

import html
import math
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from adviz import plots
from adviz.explore.deviations.flips import ALONE
from adviz.explore.deviations.runs import Path, Run, interval, smallest_step, standing
from adviz.explore.kit import markup, theme
from adviz.explore.kit.texts import NO_TRUTH, PENDING, UNDEFINED
from adviz.plots import signed, signed_heat

TILE = 150  # CSS pixels
Named = tuple[str, float]
Waterfall = tuple[Named, tuple[tuple[str, tuple[float, float]], ...], Named, str, str]


@lru_cache(64)
def chart(parts: Waterfall, text: str) -> str:
    """Return the waterfall as HTML.

    Its arguments are those of `plots.waterfall`, with the steps as pairs.
    """
    return theme.svg(figure(parts), text=text, width=theme.WIDE)


def figure(parts: Waterfall) -> plots.StaticFigure:
    """Return the waterfall as a figure."""
    start, steps, end, quantity, title = parts
    return plots.waterfall(start, dict(steps), end, quantity=quantity, title=title)


def table(
    columns: Sequence[str], rows: Mapping[str, Path], pending: Collection[str], marked: str
) -> str:
    """Return points at the start and the end, and signed differences between, one line a category.

    Parameters
    ----------
    columns: names of the start, the steps and the end.
    rows: category -> its way.
    pending: categories with runs that are not made yet; in the others what is NaN is undefined.
    marked: the displayed category.
    """
    texts = {}
    for name, path in rows.items():
        changes = [after - before for before, after in path.steps]
        missing = PENDING if name in pending else UNDEFINED
        cells = [
            (path.start, f"{path.start:.1f}"),
            *zip(changes, map(signed, changes), strict=True),
        ]
        cells.append((path.end, f"{path.end:.1f}"))
        texts[name] = [missing if math.isnan(value) else text for value, text in cells]
    return markup.table(texts, columns, marked=[marked])


def remarks(
    mode: str,
    rows: Mapping[str, Path],
    shown: str,
    total: str,
    runs: Mapping[str, tuple[Run, Run]],
    metric: str,
) -> list[str]:
    """Return sentences on how much the displayed numbers can bear.

    Parameters
    ----------
    mode, metric: as the view's.
    rows: category -> its way; `shown` is the displayed one.
    total: its start and end in words.
    runs: category -> (first, last) of the categories that count for what is displayed and for which
        both were made.
    """
    path, words = rows[shown], []
    change = path.end - path.start
    if mode == ALONE and path.known and len(path.steps) > 1:
        added = sum(after - before for before, after in path.steps)
        words.append(
            f"Alone, the flips add up to {signed(added)}; all together they make {signed(change)}."
        )
    elif mode != ALONE and len(path.steps) > 1:
        words.append(
            "The order decides what each step is worth, not what all of them make together."
        )
    known = [name for name in runs if rows[name].known]
    if path.known and shown not in runs and len(known) < len(rows) - 1:
        words.append(f"The mean is of {' and '.join(known)} alone.")
    if metric == "image AUROC" and known:
        low, high = interval([runs[name] for name in known])
        chance = (
            f"95% interval {signed(low)} to {signed(high)} (paired bootstrap over the test images)"
        )
        one = ", ".join(
            f"{smallest_step(runs[name][0].split.labels):.2f} on {name}" for name in known
        )
        words.append(f"{total}: {signed(change)} points, {chance}.")
        words.append(
            f"A good and an anomalous image that swap ranks move it by this many points: {one}."
        )
    for name, (first, last) in runs.items():
        reason = first.reasons[metric] or last.reasons[metric]
        if reason:
            lacks = np.isnan(first.points[metric]) or np.isnan(last.points[metric])
            words.append(
                f"{name} has no {metric}: {reason}." if lacks else f"{metric} of {name}: {reason}."
            )
    return words


def paragraph(words: Sequence[str]) -> str:
    """Return sentences as small text."""
    return (
        f"<div class='adviz-small' style='margin:6px 0'>{' '.join(map(html.escape, words))}</div>"
        if words
        else ""
    )


def pictures(
    pair: tuple[Run, Run], samples: tuple[Any, Any], image: int, titles: tuple[str, str], unit: str
) -> str:
    """Return the image, its ground truth, its maps before and after a step, and how they differ.

    Parameters
    ----------
    pair: the runs before and after the step.
    samples: the image as it was read for both.
    image: its index.
    titles: of the two maps.
    unit: names of the flipped options that change the maps' unit; empty where both are on one
        scale.
    """
    before, after = samples
    limits = map_limits(*pair, bool(unit))
    heats = [
        _map(run, image, title, ends) for run, title, ends in zip(pair, titles, limits, strict=True)
    ]
    change, reason = _difference(pair, image, bool(unit))
    if np.array_equal(before.image, after.image) and _same(before.mask, after.mask):
        rows = markup.row(
            [_picture(before, "image"), _truth(before.mask, "ground truth"), *heats, change]
        )
    else:
        rows = markup.row(
            [_sized(before, "image before"), _truth(before.mask, "ground truth before"), heats[0]]
        )
        rows += markup.row(
            [
                _sized(after, "image after"),
                _truth(after.mask, "ground truth after"),
                heats[1],
                change,
            ]
        )
    words = f"{unit} changes the unit of the maps: each is on a scale of its own." if unit else ""
    return rows + paragraph([text for text in (words, reason) if text])


def _map(run: Run, image: int, title: str, limits: tuple[float, float] | None) -> str:
    maps, words = (
        run.prediction.anomaly_map,
        standing(run.prediction.score, run.split.labels, image),
    )
    if maps is None or limits is None:
        return f"<div style='width:{TILE}px'>{theme.note(f'{title}: no map. {words}')}</div>"
    drawn = markup.tile(plots.heat(maps[image], limits), title=title, caption=words, width=TILE)
    return f"<div>{drawn}<div style='margin-top:4px'>{markup.scale(limits, width=TILE)}</div></div>"


def _same(before: np.ndarray | None, after: np.ndarray | None) -> bool:
    return before is after if before is None or after is None else np.array_equal(before, after)


def _picture(sample: Any, title: str) -> str:
    return markup.tile(sample.image, title=title, width=TILE)


def _sized(sample: Any, title: str) -> str:
    high, wide = sample.image.shape[:2]
    return markup.tile(sample.image, title=title, caption=f"{high} x {wide} px", width=TILE)


def _truth(mask: np.ndarray | None, title: str) -> str:
    if mask is None:
        return f"<div style='width:{TILE}px'>{theme.note(NO_TRUTH)}</div>"
    drawn = np.repeat(np.uint8(255) * mask[..., None], 3, axis=2)
    return markup.tile(
        drawn, title=title, caption=f"{np.count_nonzero(mask)} of {mask.size} pixels", width=TILE
    )


def map_limits(
    before: Run, after: Run, own: bool
) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    """Return the colour range of the maps before and after: one for both, or each its own."""
    if own or before.limits is None or after.limits is None:
        return before.limits, after.limits
    both = min(before.limits[0], after.limits[0]), max(before.limits[1], after.limits[1])
    return both, both


def difference(
    before: Run, after: Run, own: bool, images: Any = slice(None), step: int = 1
) -> np.ndarray | None:
    """Return after - before of some images' maps, or of the maps as shares of their own scales.

    None without.
    """
    if not same_places(before, after):
        return None
    maps = []
    for run in (before, after):
        if run.prediction.anomaly_map is None or run.limits is None:
            return None
        values = run.prediction.anomaly_map[images, ::step, ::step]
        maps.append((values - run.limits[0]) / (run.limits[1] - run.limits[0]) if own else values)
    return np.asarray(maps[1] - maps[0])


def same_places(before: Run, after: Run) -> bool:
    """Return whether a pixel shows the same place in both.

    Whatever filter or rule of masks they were read with.
    """
    one, other = before.split.geometry, after.split.geometry
    return (one.size, one.resized, one.aspect) == (other.size, other.resized, other.aspect)


@lru_cache(64)
def difference_limit(before: Run, after: Run, own: bool) -> float:
    """Return the 99.8 % quantile of the differences, of every fourth pixel in both directions."""
    values = difference(before, after, own, step=4)
    return 0.0 if values is None else float(np.quantile(np.abs(values), 0.998))


def _difference(pair: tuple[Run, Run], image: int, own: bool) -> tuple[str, str]:
    """Return the tile of the difference, or why there is none."""
    values = difference(*pair, own, images=image)
    if values is None:
        words = (
            "The images were read at another size or crop: there is no pixel by pixel difference."
        )
        return "", "" if same_places(*pair) else words
    limit = difference_limit(*pair, own)
    if not limit:
        return "", "" if np.any(values) else "The step does not change the maps."
    limits, unit = (-limit, limit), "fraction of the scale" if own else "anomaly score"
    heat = markup.tile(
        signed_heat(values, limits),
        title="after - before",
        caption="orange: higher after",
        width=TILE,
    )
    return f"<div>{heat}{markup.scale(limits, unit, width=TILE, colours=signed_heat)}</div>", ""
