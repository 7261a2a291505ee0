"""Histograms of the image scores of good and anomalous images, and scores by defect type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from adviz.plots import interactive, style
from adviz.plots.chart import Chart
from adviz.plots.checks import check_length, check_scores, check_threshold, takes_arrays


class Group(NamedTuple):
    """The images of one label, and how they are drawn; hatch and marker are the second cue."""

    name: str
    label: int
    colour: str
    plotly_hatch: str
    hatch: str
    marker: str


GROUPS = (
    Group("good", 0, style.GOOD, "", "", "o"),
    Group("anomalous", 1, style.ANOMALOUS, "/", "///", "D"),
    Group("unlabelled", -1, style.UNLABELLED, ".", "...", "s"),
)
# Every other defect type is anomalous
KIND_COLOURS = {"good": style.GOOD, "unlabelled": style.UNLABELLED}
# One symbol for each defect type, as plotly calls it and as matplotlib does
SYMBOLS = (
    ("circle", "o"),
    ("diamond", "D"),
    ("square", "s"),
    ("triangle-up", "^"),
    ("cross", "P"),
    ("star", "*"),
    ("hexagon", "h"),
    ("triangle-down", "v"),
    ("x", "X"),
)


@takes_arrays
def score_histogram(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    threshold: float | None = None,
    title: str = "",
    bins: int = 30,
    quantity: str = "anomaly score",
) -> Chart:
    """Draw the scores of good and anomalous images as two histograms over the same bins.

    Parameters
    ----------
    scores: (N,) float, higher = more anomalous.
    labels: (N,) int: 0 good, 1 anomalous, -1 unlabelled (drawn as a third group).
    threshold: score, drawn as a line with its value; None for no line.
    title: text over the chart.
    bins: how many equal bins from the lowest to the highest score, >= 1; with a threshold among the
        scores the bins move so that it is an edge (at most one bin more), and no bar mixes both
        sides of the decision.
    quantity: the name of the horizontal axis.

    Returns
    -------
    Chart. A bar that is pointed at says how many images of its group have scores in which range.
    With hover, empty bins have no bars.

    Raises
    ------
    ValueError: shapes that do not fit, scores or threshold not finite, labels other than 0, 1 and
        -1.

    Examples
    --------
    >>> chart = plots.score_histogram(prediction.score, category.test.labels, threshold=30.0)
    >>> [trace.name.split()[0] for trace in chart.figure.data]
    ['good', 'anomalous']
    """
    edges = _edges(scores, labels, threshold, bins)
    return Chart(
        title,
        lambda: _interactive_histogram(scores, labels, edges, threshold, title, quantity),
        lambda: _static_histogram(scores, labels, edges, threshold, title, quantity),
    )


def _interactive_histogram(
    scores: np.ndarray,
    labels: np.ndarray,
    edges: np.ndarray,
    threshold: float | None,
    title: str,
    quantity: str,
) -> go.Figure:
    """Draw the histogram with plotly."""
    figure = style.chart(title, quantity, "images")
    for bars in histogram_bars(scores, labels, edges):
        texts = [
            f"score {style.number(low)} to {style.number(high)}"
            for low, high in pairwise(edges.tolist())
        ]
        figure.add_trace(bar_trace(bars, edges, texts, name=f"{bars.group.name} ({bars.total})"))
    figure.update_layout(barmode="overlay", bargap=0, showlegend=True)
    highest = max((int(np.max(trace.y)) for trace in figure.data), default=1)
    figure.update_yaxes(dtick=max(1, math.ceil(highest / 6)))  # images are counted in whole numbers
    if threshold is not None:
        _threshold_line(figure, threshold)
    return figure


class Bars(NamedTuple):
    """The histogram of a group: how many of its images lie in each bin, and in all."""

    group: Group
    counts: np.ndarray
    total: int


def histogram_bars(scores: np.ndarray, labels: np.ndarray, edges: np.ndarray) -> list[Bars]:
    """Return the histogram of every group that occurs, over common edges."""
    histograms = []
    for group in GROUPS:
        chosen = scores[labels == group.label]
        if len(chosen):
            counts, _ = np.histogram(chosen, edges)
            histograms.append(Bars(group, counts, len(chosen)))
    return histograms


def bar_trace(bars: Bars, edges: np.ndarray, texts: Sequence[str], name: str) -> go.Bar:
    """Return plotly's bars of a group; `texts` say for each bin which scores are in it."""
    filled = bars.counts > 0  # empty bins would be hovered over
    return go.Bar(
        x=interactive.plain(((edges[:-1] + edges[1:]) / 2)[filled]),
        y=interactive.plain(bars.counts[filled]),
        width=interactive.plain(np.diff(edges)[filled]),
        name=name,
        opacity=0.75,
        marker=_bar_style(bars.group),
        text=[text for text, shown in zip(texts, filled, strict=True) if shown],
        textposition="none",
        hovertemplate=f"%{{y}} {bars.group.name}<br>%{{text}}<extra></extra>",
    )


def _bar_style(group: Group) -> dict[str, object]:
    return {
        "color": group.colour,
        "line": {"color": group.colour, "width": 1.5},
        "pattern": {
            "shape": group.plotly_hatch,
            "bgcolor": group.colour,
            "fgcolor": style.PAPER,
            "size": 8,
            "solidity": 0.2,
        },
    }


def _static_histogram(
    scores: np.ndarray,
    labels: np.ndarray,
    edges: np.ndarray,
    threshold: float | None,
    title: str,
    quantity: str,
) -> style.StaticFigure:
    """Draw the histogram with matplotlib."""
    figure, axes = style.static_chart(title, quantity, "images", label="histogram")
    draw_histograms(axes, scores, labels, edges, counted=True)
    if threshold is not None:
        name = f"threshold {style.number(threshold)}"
        axes.axvline(threshold, color=style.INK, linestyle="dashed", linewidth=1.8, label=name)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    style.legend_at_right(axes)
    return figure


def draw_histograms(
    axes: Axes,
    scores: np.ndarray,
    labels: np.ndarray,
    edges: np.ndarray,
    *,
    counted: bool = False,
) -> None:
    """Draw the histogram of every group that occurs, with its number of images if `counted`."""
    # Filled bars, then their outline: where two groups overlap, both are visible
    for bars in histogram_bars(scores, labels, edges):
        group = bars.group
        binned = {"x": edges[:-1], "bins": edges.tolist(), "weights": bars.counts}
        axes.hist(
            **binned,
            label=f"{group.name} ({bars.total})" if counted else group.name,
            facecolor=group.colour,
            edgecolor=style.PAPER,
            alpha=0.75,
            hatch=group.hatch,
            linewidth=0.5 if counted else 0.4,
        )
        outline_width = 1.5 if counted else 1.2
        axes.hist(**binned, histtype="step", edgecolor=group.colour, linewidth=outline_width)


@takes_arrays
def score_strip(
    scores: np.ndarray,
    defects: Sequence[str],
    *,
    names: Sequence[str] = (),
    threshold: float | None = None,
    title: str = "",
    quantity: str = "anomaly score",
) -> go.Figure:
    """Draw every image as a dot at its score, one line per defect type.

    Parameters
    ----------
    scores: (N,) float, higher = more anomalous.
    defects: N defect types; "good" comes first, then the others in alphabetical order, "unlabelled"
        last.
    names: N texts for the hover, such as file names; empty for the image's number.
    threshold: score, drawn as a line with its value; None for no line.
    title: text over the chart.
    quantity: the name of the horizontal axis.

    Returns
    -------
    plotly.graph_objects.Figure; one scatter trace per type, customdata = the image's number. The
    dots are spread over the height of their line so that they do not hide each other; the spread
    means nothing.

    Raises
    ------
    ValueError: lengths that do not fit, scores or threshold not finite.

    Examples
    --------
    >>> figure = plots.score_strip(prediction.score, category.test.defects, names=category.test.ids)
    >>> len(figure.data)
    4
    """
    check_scores(scores)
    check_length(defects, len(scores), "defects", "scores")
    if names:
        check_length(names, len(scores), "names", "scores")
    check_threshold(threshold)
    rows = strip_rows(defects)
    figure = style.chart(title, quantity, "", height=170 + 60 * len(rows))
    for number, (kind, images, heights) in enumerate(rows):
        figure.add_scatter(
            x=scores[images],
            y=heights,
            mode="markers",
            name=kind,
            customdata=images.tolist(),
            text=[names[index] if names else f"image {index}" for index in images],
            marker={
                "color": KIND_COLOURS.get(kind, style.ANOMALOUS),
                "size": 10,
                "opacity": 0.75,
                "symbol": SYMBOLS[number % len(SYMBOLS)][0],
                "line": {"color": style.PAPER, "width": 1},
            },
            hovertemplate=f"%{{text}}<br>{kind}<br>score %{{x:.4g}}<extra></extra>",
        )
    figure.update_layout(showlegend=False)
    figure.update_yaxes(
        tickvals=[-number for number in range(len(rows))],
        ticktext=[f"{kind} ({len(images)})" for kind, images, _ in rows],
        range=[0.5 - len(rows), 0.5],
        showline=False,
        ticks="",
    )
    if threshold is not None:
        _threshold_line(figure, threshold)
    return figure


def strip_rows(defects: Sequence[str]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return (defect type, its images, the height of each) for every row of a strip of scores.

    Row i lies at height -i; "good" comes first and "unlabelled" last.
    """
    rows = []
    for number, kind in enumerate(sorted(set(defects), key=_kind_order)):
        images = np.flatnonzero([defect == kind for defect in defects])
        rows.append((kind, images, -number + _spread(len(images))))
    return rows


def _kind_order(kind: str) -> tuple[bool, bool, str]:
    return kind != "good", kind == "unlabelled", kind


def _spread(count: int) -> np.ndarray:
    """Return offsets within +-0.3 that fill the height evenly, neighbours far apart."""
    # Multiples of the golden ratio, modulo 1, lie most evenly
    golden = (np.sqrt(5) - 1) / 2
    return np.asarray(0.6 * ((0.5 + golden * np.arange(count)) % 1 - 0.5))


def _edges(
    scores: np.ndarray, labels: np.ndarray, threshold: float | None, bins: int
) -> np.ndarray:
    """Check the arguments of both histograms and return the edges of their bins."""
    check_scores(scores)
    if np.shape(labels) != np.shape(scores):
        raise ValueError(
            f"labels must have the shape {np.shape(scores)} of scores, got shape {np.shape(labels)}"
        )
    unknown = set(np.unique(labels).tolist()) - {0, 1, -1}
    if unknown:
        raise ValueError(
            f"labels must be 0 good, 1 anomalous or -1 unlabelled, got also {sorted(unknown)}"
        )
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    check_threshold(threshold)
    edges: np.ndarray = np.histogram_bin_edges(scores, bins)
    if threshold is None or not edges[0] < threshold < edges[-1]:
        return edges
    # Move the edges so that every bar lies on one side of the threshold
    width = edges[1] - edges[0]
    left = int(np.ceil((threshold - edges[0]) / width))
    right = int(np.ceil((edges[-1] - threshold) / width))
    moved: np.ndarray = threshold + width * np.arange(-left, right + 1)
    # No score falls outside by rounding
    moved[0] = min(moved[0], edges[0])
    moved[-1] = max(moved[-1], edges[-1])
    return moved


def _threshold_line(figure: go.Figure, threshold: float) -> None:
    figure.add_shape(
        type="line",
        x0=threshold,
        x1=threshold,
        y0=0,
        y1=1,
        yref="paper",
        name="threshold",
        line={"color": style.INK, "width": 2, "dash": "dash"},
    )
    figure.add_annotation(
        x=threshold,
        y=1,
        yref="paper",
        yanchor="bottom",
        showarrow=False,
        font_size=14,
        text=f"threshold {style.number(threshold)}",
    )
