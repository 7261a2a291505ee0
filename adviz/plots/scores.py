"""How well one number per image separates good from anomalous."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from matplotlib.ticker import MaxNLocator

from adviz.plots import style
from adviz.plots.checks import check_length, check_scores, takes_arrays

# name, label in the data, colour, hatch (plotly), hatch (matplotlib): the hatch is the second cue
# next to the colour
GROUPS = (
    ("good", 0, style.GOOD, "", ""),
    ("anomalous", 1, style.ANOMALOUS, "/", "///"),
    ("unlabelled", -1, style.UNLABELLED, ".", "..."),
)
# Every other defect type is anomalous
KIND_COLOURS = {"good": style.GOOD, "unlabelled": style.UNLABELLED}
SYMBOLS = (
    "circle",
    "diamond",
    "square",
    "triangle-up",
    "cross",
    "star",
    "hexagon",
    "triangle-down",
    "x",
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
) -> go.Figure:
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
    plotly.graph_objects.Figure; one bar trace per group that occurs, x = centres of its bins that
    are not empty, y = counts.

    Raises
    ------
    ValueError: shapes that do not fit, scores or threshold not finite, labels other than 0, 1 and
        -1.

    Examples
    --------
    >>> figure = plots.score_histogram(prediction.score, category.test.labels, threshold=30.0)
    >>> [trace.name.split()[0] for trace in figure.data]
    ['good', 'anomalous']
    """
    edges = _edges(scores, labels, threshold, bins)
    centres, widths = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    figure = style.chart(title, quantity, "images")
    for name, label, colour, hatch, _ in GROUPS:
        chosen = scores[labels == label]
        if not len(chosen):
            continue
        counts, _ = np.histogram(chosen, edges)
        filled = counts > 0
        figure.add_bar(
            x=centres[filled], y=counts[filled], width=widths[filled], name=f"{name} ({len(chosen)})", opacity=0.75,
            marker={"color": colour, "line": {"color": colour, "width": 1.5},
                    "pattern": {"shape": hatch, "bgcolor": colour, "fgcolor": style.PAPER, "size": 8, "solidity": 0.2}},
            customdata=np.stack([edges[:-1], edges[1:]], 1)[filled],
            hovertemplate=f"%{{y}} {name}<br>score %{{customdata[0]:.4g}} to %{{customdata[1]:.4g}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="overlay", bargap=0, showlegend=True)
    highest = max((int(np.max(trace.y)) for trace in figure.data if len(trace.y)), default=1)
    figure.update_yaxes(dtick=max(1, math.ceil(highest / 6)))  # images are counted in whole numbers
    if threshold is not None:
        _threshold_line(figure, threshold)
    return figure


@takes_arrays
def score_histogram_static(
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    threshold: float | None = None,
    title: str = "",
    bins: int = 30,
    quantity: str = "anomaly score",
) -> style.StaticFigure:
    """Draw `score_histogram` with matplotlib, for places that show no interactive chart; same arguments.

    Examples
    --------
    >>> plots.score_histogram_static(prediction.score, category.test.labels)
    <StaticFigure size ... with 1 Axes>
    """
    edges = _edges(scores, labels, threshold, bins)
    figure, axes = style.static_chart(title, quantity, "images", label="histogram")
    for name, label, colour, _, hatch in GROUPS:
        chosen = scores[labels == label]
        if len(chosen):
            axes.hist(
                chosen, edges.tolist(), label=f"{name} ({len(chosen)})", facecolor=colour, edgecolor=style.PAPER,
                alpha=0.75, hatch=hatch, linewidth=0.5,
            )  # fmt: skip
            axes.hist(chosen, edges.tolist(), histtype="step", edgecolor=colour, linewidth=1.5)
    if threshold is not None:
        name = f"threshold {style.number(threshold)}"
        axes.axvline(threshold, color=style.INK, linestyle="dashed", linewidth=1.8, label=name)
    axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.legend(
        fontsize=style.SMALL_SIZE, loc="upper left", bbox_to_anchor=(1.01, 1), edgecolor=style.GRID
    )
    return figure


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
    _check_threshold(threshold)
    kinds = sorted(set(defects), key=lambda kind: (kind != "good", kind == "unlabelled", kind))
    figure = style.chart(title, quantity, "", height=170 + 60 * len(kinds))
    for line, kind in enumerate(kinds):
        index = np.flatnonzero(np.array([defect == kind for defect in defects])).tolist()
        figure.add_scatter(
            x=scores[index], y=-line + spread(len(index)), mode="markers", name=kind, customdata=index,
            text=[names[i] if names else f"image {i}" for i in index],
            marker={"color": KIND_COLOURS.get(kind, style.ANOMALOUS), "size": 10, "opacity": 0.75,
                    "symbol": SYMBOLS[line % len(SYMBOLS)], "line": {"color": style.PAPER, "width": 1}},
            hovertemplate=f"%{{text}}<br>{kind}<br>score %{{x:.4g}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(showlegend=False)
    counts = [f"{kind} ({sum(defect == kind for defect in defects)})" for kind in kinds]
    figure.update_yaxes(
        tickvals=[-line for line in range(len(kinds))],
        ticktext=counts,
        range=[0.5 - len(kinds), 0.5],
        showline=False,
        ticks="",
    )
    if threshold is not None:
        _threshold_line(figure, threshold)
    return figure


def spread(count: int) -> np.ndarray:
    """Return offsets within +-0.3 that fill the height evenly, neighbours far apart: multiples of the golden ratio."""
    golden = (np.sqrt(5) - 1) / 2
    spread: np.ndarray = 0.6 * ((0.5 + golden * np.arange(count)) % 1 - 0.5)
    return spread


def _edges(
    scores: np.ndarray, labels: np.ndarray, threshold: float | None, bins: int
) -> np.ndarray:
    """Check what both histograms get and return the shared edges of the bins."""
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
    _check_threshold(threshold)
    edges: np.ndarray = np.histogram_bin_edges(scores, bins)
    if threshold is None or not edges[0] < threshold < edges[-1]:
        return edges
    width = edges[1] - edges[0]
    left, right = (
        int(np.ceil(room / width)) for room in (threshold - edges[0], edges[-1] - threshold)
    )
    # A bar lies on one side of the decision
    moved: np.ndarray = threshold + width * np.arange(-left, right + 1)
    # Whatever rounding does
    moved[0], moved[-1] = min(moved[0], edges[0]), max(moved[-1], edges[-1])
    return moved


def _check_threshold(threshold: float | None) -> None:
    if threshold is not None and not np.isfinite(threshold):
        raise ValueError(f"threshold must be finite, got {threshold}")


def _threshold_line(figure: go.Figure, threshold: float) -> None:
    figure.add_shape(
        type="line", x0=threshold, x1=threshold, y0=0, y1=1, yref="paper", name="threshold",
        line={"color": style.INK, "width": 2, "dash": "dash"},
    )  # fmt: skip
    figure.add_annotation(
        x=threshold, y=1, yref="paper", yanchor="bottom", showarrow=False, font_size=14,
        text=f"threshold {style.number(threshold)}",
    )  # fmt: skip
