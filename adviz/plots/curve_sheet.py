"""Precision-recall and ROC curves of several methods, a line for every category, beside the errors they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from adviz.plots import style

SIDE, BARS = 2.7, 3.3  # inches: a curve's panel, the errors' width
# Inches: for the methods' names, between columns, between rows
NAMES, GAP, BETWEEN = 2.15, 0.75, 0.75
LABELS = 0.4  # inches, for the categories' names
COLUMNS = {"precision_recall": ("precision-recall", "recall", "precision"),
           "roc": ("ROC", "false positive rate", "true positive rate")}  # fmt: skip
HATCHES = ("", "////")
Points = tuple[Sequence[float], Sequence[float]]


def curve_sheet(
    curves: Mapping[str, Mapping[str, Mapping[str, Points]]],
    errors: Mapping[str, Mapping[str, Sequence[float]]],
    kinds: Sequence[str],
    *,
    title: str = "",
) -> style.StaticFigure:
    """Draw a row for every method: its precision-recall curves, its ROC curves, and bars of errors.

    Parameters
    ----------
    curves: method -> category -> "precision_recall" and "roc" -> (x, y), each 0..1; one that is
        missing is not drawn.
    errors: method -> category -> images on the wrong side, one number for each of `kinds`; NaN =
        unknown.
    kinds: at which thresholds the errors are counted, at most two.
    title: text over the figure.

    Returns
    -------
    StaticFigure; its axes are labelled "method precision_recall", "method roc" and "method errors".
    A category has one colour and dash pattern in all rows; the errors share one scale.

    Raises
    ------
    ValueError: no method, or more than two kinds of errors.

    Examples
    --------
    >>> found = evaluate(prediction, category.test)
    >>> curves = {"PatchCore": {"hex_nut": {"roc": (found.curves["roc"].x, found.curves["roc"].y)}}}
    >>> errors = {"PatchCore": {"hex_nut": [found.errors_at_full_recall]}}
    >>> plots.curve_sheet(curves, errors, ["at full recall"])
    <StaticFigure size ... with 3 Axes>
    """
    if not curves or not 1 <= len(kinds) <= len(HATCHES):
        raise ValueError(
            f"expected methods and one or two kinds of errors, got {list(curves)} and {list(kinds)}"
        )
    categories = list(dict.fromkeys(name for each in curves.values() for name in each))
    tall = max(SIDE, 0.26 * len(categories) + 0.1)
    across = NAMES + 2 * (SIDE + GAP) + LABELS + BARS + 0.25
    top = style.title_room(title, across) + 0.45
    legend = 0.27 * -(-len(categories) // 6) + 0.35
    down = top + len(curves) * tall + (len(curves) - 1) * BETWEEN + 0.6 + legend
    figure = style.StaticFigure(across, down)
    style.write_title(figure, title)
    most = (
        max([np.nanmax([*row, 0.0]) for each in errors.values() for row in each.values()] or [1.0])
        * 1.08
        or 1.0
    )
    for row, (method, each) in enumerate(curves.items()):
        y = top + row * (tall + BETWEEN)
        words = "\n".join(style.lines_of(method, NAMES - 0.75, style.LABEL_SIZE, most=4))
        style.write(figure, style.MARGIN, y, words, bold=True)
        for column, kind in enumerate(COLUMNS):
            box = _box(across, down, NAMES + column * (SIDE + GAP), y, SIDE, SIDE)
            _curves(
                figure.add_axes(box, label=f"{method} {kind}"),
                kind,
                each,
                categories,
                first=row == 0,
            )
        box = _box(across, down, NAMES + 2 * (SIDE + GAP) + LABELS, y, BARS, tall)
        axes = figure.add_axes(box, label=f"{method} errors")
        _bars(axes, errors.get(method, {}), categories, kinds, most, first=row == 0)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="upper left",
        bbox_to_anchor=(style.MARGIN / across, (legend - 0.08) / down),
        # Fmt: skip
        ncols=6,
        frameon=False,
        fontsize=style.SMALL_SIZE,
        borderaxespad=0,
        handlelength=2.6,
    )
    return figure


def _box(
    across: float, down: float, x: float, y: float, wide: float, tall: float
) -> tuple[float, float, float, float]:
    return x / across, 1 - (y + tall) / down, wide / across, tall / down


def _curves(
    axes: Axes,
    kind: str,
    each: Mapping[str, Mapping[str, Points]],
    categories: Sequence[str],
    *,
    first: bool,
) -> None:
    name, x, y = COLUMNS[kind]
    style.plain_axes(axes, x, y)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.03))
    if first:
        axes.set_title(
            name, fontsize=style.LABEL_SIZE, color=style.INK, loc="left", fontweight="bold"
        )
    for number, category in enumerate(categories):
        points = each.get(category, {}).get(kind, ((), ()))
        axes.plot(
            *points, label=category, linewidth=1.8, color=style.PALETTE[number % len(style.PALETTE)],
            linestyle=style.LINE_STYLES[number // len(style.PALETTE) % len(style.LINE_STYLES)],
            drawstyle="steps" if kind == "precision_recall" else "default",
        )  # fmt: skip


def _bars(
    axes: Axes,
    errors: Mapping[str, Sequence[float]],
    categories: Sequence[str],
    kinds: Sequence[str],
    most: float,
    *,
    first: bool,
) -> None:
    style.plain_axes(axes, "images on the wrong side", "")
    places = np.arange(len(categories), dtype=float)
    thick = 0.8 / len(kinds)
    colours = style.SKY, style.ORANGE
    unknown = [float("nan")] * len(kinds)
    for number, kind in enumerate(kinds):
        values = [errors.get(category, unknown)[number] for category in categories]
        axes.barh(
            places + (number - (len(kinds) - 1) / 2) * thick, np.nan_to_num(values), thick, label=kind,
            color=colours[number], hatch=HATCHES[number], edgecolor=style.INK, linewidth=0.6,
        )  # fmt: skip
    axes.set_yticks(places, categories, parse_math=False)
    axes.set(ylim=(len(categories) - 0.45, -0.55), xlim=(0, most))
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))  # images
    if first:
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=2, frameon=False, fontsize=style.SMALL_SIZE - 1,
                    borderaxespad=0.2, handlelength=1.6, columnspacing=1.0)  # fmt: skip
