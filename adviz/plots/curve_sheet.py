"""Precision-recall and ROC curves of several methods and categories, beside their errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from adviz.metrics import Curve
from adviz.plots import interactive, style
from adviz.plots.chart import Chart
from adviz.plots.curves import CURVE_KINDS, LINE_SHAPES, is_defined

# Inches
SIDE = 2.7  # of a curve's panel
BARS = 3.3  # width of the bars of errors
NAMES = 2.15  # for the methods' names
LABELS = 0.4  # for the categories' names
GAP = 0.75  # between columns
BETWEEN = 0.75  # between rows
KINDS = ("precision_recall", "roc")
HATCHES = ("", "////")
PLOTLY_HATCHES = ("", "/")
COLOURS = (style.SKY, style.ORANGE)  # of the bars
LEGEND_COLUMNS = 6
PANEL = 300  # pixels, height of a row with hover
MOST_POINTS = 6000  # of all curves with hover
FEWEST_POINTS = 20  # of each
Points = tuple[Sequence[float], Sequence[float]]


def curve_sheet(
    curves: Mapping[str, Mapping[str, Mapping[str, Points]]],
    errors: Mapping[str, Mapping[str, Sequence[float]]],
    kinds: Sequence[str],
    *,
    title: str = "",
) -> Chart:
    """Draw a row for every method: its precision-recall curves, its ROC curves, and bars of errors.

    Parameters
    ----------
    curves: method -> category -> "precision_recall" and "roc" -> (x, y), each 0..1; one that is
        missing is not drawn.
    errors: method -> category -> misclassified images, one number for each of `kinds`; NaN =
        unknown.
    kinds: at which thresholds the errors are counted, at most two.
    title: text over the figure.

    Returns
    -------
    Chart. A category has one colour and dash pattern in all rows; the errors share one scale. The
    axes of the static figure are labelled "method precision_recall", "method roc" and "method
    errors". With hover, curves are thinned so that all together have at most about 6000 points.

    Raises
    ------
    ValueError: no method, or more than two kinds of errors.

    Examples
    --------
    >>> found = evaluate(prediction, category.test)
    >>> curves = {"PatchCore": {"hex_nut": {"roc": (found.curves["roc"].x, found.curves["roc"].y)}}}
    >>> errors = {"PatchCore": {"hex_nut": [found.false_positives_at_full_recall]}}
    >>> plots.curve_sheet(curves, errors, ["at 100 % recall"])
    Chart('')
    """
    if not curves or not 1 <= len(kinds) <= len(HATCHES):
        raise ValueError(
            f"expected methods and one or two kinds of errors, got {list(curves)} and {list(kinds)}"
        )
    categories = list(dict.fromkeys(chain(*curves.values())))
    return Chart(
        title,
        lambda: _interactive(curves, errors, kinds, categories, title),
        lambda: _static(curves, errors, kinds, categories, title),
    )


def _static(
    curves: Mapping[str, Mapping[str, Mapping[str, Points]]],
    errors: Mapping[str, Mapping[str, Sequence[float]]],
    kinds: Sequence[str],
    categories: Sequence[str],
    title: str,
) -> style.StaticFigure:
    """Draw the sheet with matplotlib."""
    legend_height = 0.27 * -(-len(categories) // LEGEND_COLUMNS) + 0.35
    row_height = max(SIDE, 0.26 * len(categories) + 0.1)
    width = NAMES + 2 * (SIDE + GAP) + LABELS + BARS + 0.25
    top = style.title_room(title, width) + 0.45
    all_rows = len(curves) * row_height + (len(curves) - 1) * BETWEEN
    height = top + all_rows + 0.6 + legend_height
    figure = style.StaticFigure(width, height)
    style.write_title(figure, title)
    longest_bar = _longest_bar(errors)
    for row, (method, of_method) in enumerate(curves.items()):
        y = top + row * (row_height + BETWEEN)
        name = style.wrapped(method, NAMES - 0.75, style.LABEL_SIZE, most=4)
        style.write(figure, style.MARGIN, y, name, bold=True)
        x = NAMES
        for kind in KINDS:
            axes = figure.panel(x, y, SIDE, SIDE, f"{method} {kind}")
            _draw_curves(axes, kind, of_method, categories)
            if row == 0:
                style.chart_title(axes, CURVE_KINDS[kind].title, bold=True)
            x += SIDE + GAP
        axes = figure.panel(x + LABELS, y, BARS, row_height, f"{method} errors")
        _draw_bars(axes, errors.get(method, {}), categories, kinds)
        axes.set_xlim(0, longest_bar)
        if row == 0:
            _bars_legend(axes)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        names,
        loc="upper left",
        bbox_to_anchor=(style.MARGIN / width, (legend_height - 0.08) / height),
        ncols=LEGEND_COLUMNS,
        handlelength=2.6,
        **style.PLAIN_LEGEND,
    )
    return figure


def _longest_bar(errors: Mapping[str, Mapping[str, Sequence[float]]]) -> float:
    """Return the end of the errors' axis, which all methods share."""
    counts: list[float] = []
    for of_method in errors.values():
        counts += chain(*of_method.values())
    if not counts:
        return 1.08
    # No error at all still needs an axis
    return float(np.nanmax([*counts, 0.0])) * 1.08 or 1.0


def _draw_curves(
    axes: Axes, kind: str, curves: Mapping[str, Mapping[str, Points]], categories: Sequence[str]
) -> None:
    style.plain_axes(axes, CURVE_KINDS[kind].x, CURVE_KINDS[kind].y)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.03))
    for number, category in enumerate(categories):
        points = curves.get(category, {}).get(kind, ((), ()))
        # All colours come with one dash pattern before any comes with the next
        dashes = number // len(style.PALETTE)
        axes.plot(
            *points,
            label=category,
            linewidth=1.8,
            color=style.PALETTE[number % len(style.PALETTE)],
            linestyle=style.LINE_STYLES[dashes % len(style.LINE_STYLES)],
            drawstyle="steps" if kind == "precision_recall" else "default",
        )


def _draw_bars(
    axes: Axes,
    errors: Mapping[str, Sequence[float]],
    categories: Sequence[str],
    kinds: Sequence[str],
) -> None:
    style.plain_axes(axes, "misclassified images", "")
    positions = np.arange(len(categories), dtype=float)
    thickness = 0.8 / len(kinds)
    unknown = [np.nan] * len(kinds)
    for number, (kind, colour) in enumerate(zip(kinds, COLOURS, strict=False)):
        counts = [errors.get(category, unknown)[number] for category in categories]
        axes.barh(
            positions + (number - (len(kinds) - 1) / 2) * thickness,
            np.nan_to_num(counts),
            thickness,
            label=kind,
            color=colour,
            hatch=HATCHES[number],
            edgecolor=style.INK,
            linewidth=0.6,
        )
    axes.set_yticks(positions, categories, parse_math=False)
    axes.set_ylim(len(categories) - 0.45, -0.55)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))  # images


def _bars_legend(axes: Axes) -> None:
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1, 1.0),
        ncols=2,
        frameon=False,
        fontsize=style.SMALL_SIZE - 1,
        borderaxespad=0.2,
        handlelength=1.6,
        columnspacing=1.0,
    )


def _interactive(
    curves: Mapping[str, Mapping[str, Mapping[str, Points]]],
    errors: Mapping[str, Mapping[str, Sequence[float]]],
    kinds: Sequence[str],
    categories: Sequence[str],
    title: str,
) -> go.Figure:
    """Draw the sheet with plotly."""
    panel_titles: list[str] = []
    for method in curves:
        kind_titles = [CURVE_KINDS[kind].title for kind in KINDS]
        first = f"<b>{interactive.escaped(method)}</b><br>{kind_titles[0]}"
        panel_titles += [first, *kind_titles[1:], "errors"]
    figure = interactive.grid(
        len(curves),
        3,
        title=title,
        panel_titles=panel_titles,
        panel_height=max(PANEL, 24 * len(categories)),
        widths=(SIDE, SIDE, BARS),
        gap=0.085,
        legend_lines=-(-(len(categories) + len(kinds)) // LEGEND_COLUMNS),
    )
    most = max(FEWEST_POINTS, MOST_POINTS // (2 * len(curves) * len(categories)))
    longest_bar = _longest_bar(errors)
    for row, (method, of_method) in enumerate(curves.items(), start=1):
        for column, kind in enumerate(KINDS, start=1):
            for number, category in enumerate(categories):
                points = of_method.get(category, {}).get(kind, ((), ()))
                trace = _curve_trace(method, category, kind, points, number, most)
                trace.showlegend = (row, column) == (1, 1)
                figure.add_trace(trace, row, column)
            axes = {"row": row, "col": column}
            figure.update_xaxes(title_text=CURVE_KINDS[kind].x, range=[-0.02, 1.02], **axes)
            figure.update_yaxes(title_text=CURVE_KINDS[kind].y, range=[-0.02, 1.03], **axes)
        for number in range(len(kinds)):
            trace = _bar_trace(method, errors.get(method, {}), categories, kinds, number)
            trace.showlegend = row == 1
            figure.add_trace(trace, row, 3)
        figure.update_xaxes(
            title_text="misclassified images", range=[0, longest_bar], row=row, col=3
        )
        figure.update_yaxes(autorange="reversed", showgrid=False, row=row, col=3)
    figure.update_layout(barmode="group", bargap=0.2, bargroupgap=0)
    return figure


def _curve_trace(
    method: str, category: str, kind: str, points: Points, number: int, most: int
) -> go.Scatter:
    x, y = (np.asarray(values, float) for values in points)
    thinned = Curve(x, y, np.full(len(x), np.nan))
    if is_defined(thinned):
        thinned = thinned.thinned(most)
    about = CURVE_KINDS[kind]
    return go.Scatter(
        x=interactive.plain(thinned.x),
        y=interactive.plain(thinned.y),
        mode="lines",
        line={
            "color": style.PALETTE[number % len(style.PALETTE)],
            "dash": style.DASHES[number // len(style.PALETTE) % len(style.DASHES)],
            "width": 2,
            "shape": LINE_SHAPES[kind],
        },
        name=interactive.escaped(category),
        legendgroup=category,
        hovertemplate=(
            f"{interactive.hover(category, method)}<br>"
            f"{about.x} %{{x:.3f}}<br>{about.y} %{{y:.3f}}<extra></extra>"
        ),
    )


def _bar_trace(
    method: str,
    errors: Mapping[str, Sequence[float]],
    categories: Sequence[str],
    kinds: Sequence[str],
    number: int,
) -> go.Bar:
    unknown = [np.nan] * len(kinds)
    counts = [errors.get(category, unknown)[number] for category in categories]
    texts = []
    for category, count in zip(categories, counts, strict=True):
        told = "unknown" if np.isnan(count) else f"{count:.3g} misclassified images"
        texts.append(interactive.hover(category, method, f"{told} {kinds[number]}"))
    return go.Bar(
        x=interactive.plain(np.nan_to_num(counts)),
        y=[interactive.escaped(category) for category in categories],
        orientation="h",
        name=interactive.escaped(kinds[number]),
        legendgroup=kinds[number],
        marker={
            "color": COLOURS[number],
            "line": {"color": style.INK, "width": 0.6},
            "pattern": {
                "shape": PLOTLY_HATCHES[number],
                "fgcolor": style.INK,
                "bgcolor": COLOURS[number],
                "solidity": 0.15,
            },
        },
        text=texts,
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
    )
