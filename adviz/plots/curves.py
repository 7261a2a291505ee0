"""ROC, precision-recall and per-region-overlap curves, several on one chart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import plotly.graph_objects as go

from adviz.plots import style

MOST_POINTS = 800  # per curve in a chart; a pixel-level curve has one per distinct score


class CurveLike(Protocol):
    """A curve of `adviz.metrics`, or any object with these three arrays (P,) of one length, in drawing order."""

    @property
    def x(self) -> np.ndarray: ...  # noqa: D102
    @property
    def y(self) -> np.ndarray: ...  # noqa: D102
    @property
    def threshold(self) -> np.ndarray: ...  # noqa: D102


Curves = Mapping[str, CurveLike]
Areas = Mapping[str, float] | None


def roc_figure(curves: Curves, *, areas: Areas = None, title: str = "") -> go.Figure:
    """Draw ROC curves over the diagonal of chance.

    Parameters
    ----------
    curves: name -> Curve, x = false positive rate 0..1, y = true positive rate 0..1, threshold in score units.
    areas: name -> AUROC, printed in the legend; names that are missing get none.
    title: text over the chart.

    Returns
    -------
    plotly.graph_objects.Figure; one line trace per curve, thinned to at most 800 points (see `thin`).

    Raises
    ------
    ValueError: no curve, or arrays that are not (P,) of one length, or NaN.
    """
    figure = _figure(curves, areas, title, "false positive rate", "true positive rate", "AUROC")
    figure.add_shape(
        type="line", x0=0, y0=0, x1=1, y1=1, layer="below", name="chance", line={"color": "#999999", "dash": "dot"}
    )
    return figure


def precision_recall_figure(
    curves: Curves, *, areas: Areas = None, prevalence: float | None = None, title: str = ""
) -> go.Figure:
    """Draw precision-recall curves.

    Parameters
    ----------
    curves: name -> Curve, x = recall 0..1, y = precision 0..1, threshold in score units.
    areas: name -> average precision, printed in the legend.
    prevalence: share of anomalous items 0..1, the precision of chance, drawn as a line; None for no line.
    title: text over the chart.

    Returns
    -------
    plotly.graph_objects.Figure, as `roc_figure`; precision is joined by steps, since between two thresholds it is
    not linear.

    Raises
    ------
    ValueError: as `roc_figure`, or a prevalence outside 0..1.
    """
    if prevalence is not None and not 0 <= prevalence <= 1:
        raise ValueError(f"prevalence must lie in 0..1, got {prevalence}")
    figure = _figure(curves, areas, title, "recall", "precision", "AP")
    if prevalence is not None:
        figure.add_shape(
            type="line", x0=0, y0=prevalence, x1=1, y1=prevalence, layer="below", name="chance",
            line={"color": "#999999", "dash": "dot"},
        )  # fmt: skip
    return figure


def pro_figure(curves: Curves, *, limit: float = 0.3, areas: Areas = None, title: str = "") -> go.Figure:
    """Draw per-region-overlap curves, the range that the PRO number integrates shaded.

    Parameters
    ----------
    curves: name -> Curve, x = false positive rate of the pixels 0..1, y = mean overlap over the regions 0..1.
    limit: false positive rate up to which the area counts, 0 < limit <= 1.
    areas: name -> area up to the limit divided by the limit, 0..1, printed in the legend.
    title: text over the chart.

    Returns
    -------
    plotly.graph_objects.Figure, as `roc_figure`, with a rectangle shape named "limit" from 0 to the limit.

    Raises
    ------
    ValueError: as `roc_figure`, or a limit outside (0, 1].
    """
    check_limit(limit)
    figure = _figure(curves, areas, title, "false positive rate of the pixels", "mean overlap per region", "PRO")
    figure.add_shape(
        type="rect", x0=0, x1=limit, y0=0, y1=1, yref="paper", layer="below", name="limit", fillcolor=style.SKY,
        opacity=0.2, line_width=0,
    )  # fmt: skip
    figure.add_annotation(
        x=limit, y=1, yref="paper", xanchor="right", yanchor="bottom", showarrow=False, font_size=14,
        text=f"area up to {style.number(limit)}",
    )  # fmt: skip
    return figure


def thin(curve: CurveLike, most: int = MOST_POINTS) -> np.ndarray:
    """Choose points of a long curve so that a chart stays small.

    Parameters
    ----------
    curve: P points.
    most: how many points to keep, >= 2.

    Returns
    -------
    (at most `most`,) int, ascending, first and last point included: all points where P <= most, else points evenly
    spaced along the curve's length abs(dx) + abs(dy). A monotone curve in the unit square has length 2 at most, so that
    no dropped point lies further than 2 / (most - 1) from a kept one, unless the curve jumps there.
    """
    if len(curve.x) <= most:
        return np.arange(len(curve.x))
    steps = np.abs(np.diff(curve.x)) + np.abs(np.diff(curve.y))
    along = np.concatenate([[0.0], np.cumsum(steps, dtype=np.float64)])
    kept = np.searchsorted(along, np.linspace(0, along[-1], most - 1))
    return np.unique(np.concatenate([kept, [len(along) - 1]]))


def check_limit(limit: float) -> None:
    """Raise unless the PRO limit lies in (0, 1]."""
    if not 0 < limit <= 1:
        raise ValueError(f"limit must lie in (0, 1], a false positive rate, got {limit}")


def check_curves(curves: Curves) -> None:
    """Raise unless there is a curve and all have x, y and threshold (P,) of one length, P >= 2, without NaN."""
    if not curves:
        raise ValueError("curves must hold at least one name -> Curve, got none")
    for name, curve in curves.items():
        shapes = [np.shape(values) for values in (curve.x, curve.y, curve.threshold)]
        if len(set(shapes)) != 1 or len(shapes[0]) != 1 or shapes[0][0] < 2:
            raise ValueError(f"x, y and threshold of curve {name!r} must share one shape (P,), P >= 2, got {shapes}")
        if not (np.isfinite(curve.x).all() and np.isfinite(curve.y).all()):
            raise ValueError(
                f"x and y of curve {name!r} must be finite, got NaN or infinity; leave it out of the chart"
            )


def legend_name(name: str, areas: Areas, measure: str) -> str:
    """Return the legend's text: the name, and its area where it is known."""
    area = (areas or {}).get(name)
    return name if area is None else f"{name} · {measure} {area:.3f}"


def _figure(curves: Curves, areas: Areas, title: str, x: str, y: str, measure: str) -> go.Figure:
    check_curves(curves)
    figure = style.chart(title, x, y, height=480)
    for number, (name, curve) in enumerate(curves.items()):
        kept = thin(curve)
        figure.add_scatter(
            x=curve.x[kept], y=curve.y[kept], mode="lines", name=legend_name(name, areas, measure),
            line={"color": style.PALETTE[number % len(style.PALETTE)], "dash": style.DASHES[number % len(style.DASHES)],
                  "width": 3, "shape": "vh" if measure == "AP" else "linear"},
            text=[style.number(value) for value in curve.threshold[kept]],
            hovertemplate=f"{name}<br>{x} %{{x:.4f}}<br>{y} %{{y:.4f}}<br>threshold %{{text}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(legend={"x": 1.02, "y": 1, "xanchor": "left", "yanchor": "top"}, showlegend=True)
    figure.update_xaxes(range=[-0.01, 1.01], constrain="domain")
    figure.update_yaxes(range=[-0.01, 1.03])
    return figure
