"""ROC, precision-recall and per-region-overlap curves, several on one chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from adviz.metrics import Curve
from adviz.plots import style
from adviz.plots.checks import takes_arrays

MOST_POINTS = 400  # per curve in a chart; a pixel-level curve has one per distinct score
Curves = Mapping[str, Curve]
Areas = Mapping[str, float] | None


class CurveKind(NamedTuple):
    """Title and axes of a kind of curve, and the name of the area under it."""

    title: str
    x: str
    y: str
    area: str


CURVE_KINDS = {
    "roc": CurveKind("ROC", "false positive rate", "true positive rate", "AUROC"),
    "precision_recall": CurveKind("precision-recall", "recall", "precision", "AP"),
    "pro": CurveKind(
        "per-region overlap", "false positive rate of the pixels", "mean overlap per region", "PRO"
    ),
}


@takes_arrays
def roc_figure(curves: Curves, *, areas: Areas = None, title: str = "") -> go.Figure:
    """Draw ROC curves over the diagonal of chance.

    Parameters
    ----------
    curves: name -> Curve, x = false positive rate 0..1, y = true positive rate 0..1, threshold in
        score units.
    areas: name -> AUROC, printed in the legend; names that are missing get none.
    title: text over the chart.

    Returns
    -------
    plotly.graph_objects.Figure; one line trace per curve, thinned to at most 400 points
    (`Curve.thinned`). A curve that is undefined (NaN) has no line and the legend says so.

    Raises
    ------
    ValueError: no curve.

    Examples
    --------
    >>> curve = metrics.roc_curve(prediction.score, category.test.labels)
    >>> figure = plots.roc_figure({"PatchCore": curve})
    >>> len(figure.data[0].x) == len(curve.x)
    True
    """
    figure = _figure("roc", curves, areas, title)
    # A random score has equal rates
    _chance_line(figure, (0, 0), (1, 1))
    return figure


@takes_arrays
def precision_recall_figure(
    curves: Curves, *, areas: Areas = None, prevalence: float | None = None, title: str = ""
) -> go.Figure:
    """Draw precision-recall curves.

    Parameters
    ----------
    curves: name -> Curve, x = recall 0..1, y = precision 0..1, threshold in score units.
    areas: name -> average precision, printed in the legend.
    prevalence: fraction of anomalous items 0..1, the precision of chance, drawn as a line; None for
        no line.
    title: text over the chart.

    Returns
    -------
    plotly.graph_objects.Figure, as `roc_figure`; precision is joined by steps, since between two
    thresholds it is not linear.

    Raises
    ------
    ValueError: as `roc_figure`, or a prevalence outside 0..1.

    Examples
    --------
    >>> curve = metrics.precision_recall_curve(prediction.score, category.test.labels)
    >>> figure = plots.precision_recall_figure({"PatchCore": curve}, prevalence=26 / 46)
    >>> figure.data[0].line.shape
    'vh'
    """
    if prevalence is not None and not 0 <= prevalence <= 1:
        raise ValueError(f"prevalence must lie in 0..1, got {prevalence}")
    figure = _figure("precision_recall", curves, areas, title)
    # The precision of a random score is the prevalence, at every recall
    if prevalence is not None:
        _chance_line(figure, (0, prevalence), (1, prevalence))
    return figure


@takes_arrays
def pro_figure(
    curves: Curves, *, limit: float = 0.3, areas: Areas = None, title: str = ""
) -> go.Figure:
    """Draw per-region-overlap curves, the range that the PRO number integrates shaded.

    Parameters
    ----------
    curves: name -> Curve, x = false positive rate of the pixels 0..1, y = mean overlap over the
        regions 0..1.
    limit: false positive rate up to which the area counts, 0 < limit <= 1.
    areas: name -> area up to the limit divided by the limit, 0..1, printed in the legend.
    title: text over the chart.

    Returns
    -------
    plotly.graph_objects.Figure, as `roc_figure`, with a rectangle shape named "limit" from 0 to the
    limit.

    Raises
    ------
    ValueError: as `roc_figure`, or a limit outside (0, 1].

    Examples
    --------
    >>> curve = metrics.pro_curve(prediction.anomaly_map, category.test.masks_array())
    >>> figure = plots.pro_figure({"PatchCore": curve}, limit=0.3)
    >>> figure.layout.shapes[0].name
    'limit'
    """
    check_limit(limit)
    figure = _figure("pro", curves, areas, title)
    figure.add_shape(
        type="rect",
        x0=0,
        x1=limit,
        y0=0,
        y1=1,
        yref="paper",
        layer="below",
        name="limit",
        fillcolor=style.SKY,
        opacity=0.2,
        line_width=0,
    )
    figure.add_annotation(
        x=limit,
        y=1,
        yref="paper",
        xanchor="right",
        yanchor="bottom",
        showarrow=False,
        font_size=14,
        text=f"area up to {style.number(limit)}",
    )
    return figure


def check_limit(limit: float) -> None:
    """Raise unless the PRO limit lies in (0, 1]."""
    if not 0 < limit <= 1:
        raise ValueError(f"limit must lie in (0, 1], a false positive rate, got {limit}")


def check_curves(curves: Curves) -> None:
    """Raise unless there is something to draw."""
    if not curves:
        raise ValueError("curves must hold at least one name -> Curve, got none")


def is_defined(curve: Curve) -> bool:
    """Return whether both axes are finite; metrics give NaN where a class is missing."""
    return bool(np.isfinite(curve.x).all() and np.isfinite(curve.y).all())


def drawable_part(curve: Curve, most_points: int) -> Curve:
    """Return a curve thinned to some points, or no points where it is undefined."""
    if is_defined(curve):
        return curve.thinned(most_points)
    return Curve(*np.empty((3, 0)))


def legend_name(name: str, curve: Curve, areas: Areas, measure: str) -> str:
    """Return the text of the legend: the name, and its area where one is given."""
    if not is_defined(curve):
        return f"{name} · undefined"
    if areas is None or areas.get(name) is None:
        return name
    return f"{name} · {measure} {areas[name]:.3f}"


def _figure(kind: str, curves: Curves, areas: Areas, title: str) -> go.Figure:
    """Return a chart of curves of one kind, without lines for chance or limits."""
    check_curves(curves)
    _, x, y, area = CURVE_KINDS[kind]
    figure = style.chart(title, x, y, height=480)
    for number, (name, curve) in enumerate(curves.items()):
        thinned = drawable_part(curve, MOST_POINTS)
        figure.add_scatter(
            x=thinned.x,
            y=thinned.y,
            mode="lines",
            name=legend_name(name, curve, areas, area),
            line={
                "color": style.PALETTE[number % len(style.PALETTE)],
                "dash": style.DASHES[number % len(style.DASHES)],
                "width": 3,
                # Between two thresholds precision is not linear
                "shape": "vh" if kind == "precision_recall" else "linear",
            },
            text=[style.number(value) for value in thinned.threshold],
            hovertemplate=(
                f"{name}<br>{x} %{{x:.4f}}<br>{y} %{{y:.4f}}<br>threshold %{{text}}<extra></extra>"
            ),
        )
    figure.update_layout(showlegend=True)
    figure.update_xaxes(range=[-0.01, 1.01], constrain="domain")
    figure.update_yaxes(range=[-0.01, 1.03])
    return figure


def _chance_line(figure: go.Figure, start: tuple[float, float], end: tuple[float, float]) -> None:
    figure.add_shape(
        type="line",
        x0=start[0],
        y0=start[1],
        x1=end[0],
        y1=end[1],
        layer="below",
        name="chance",
        line={"color": style.CHANCE, "dash": "dot"},
    )
