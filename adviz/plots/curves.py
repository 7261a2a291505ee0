"""ROC, precision-recall and per-region-overlap curves: what is drawn, and the chart with hover."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from adviz.metrics import Curve
from adviz.plots import interactive, style

MOST_POINTS = 300  # per curve; a pixel-level curve has one per distinct score
# Pixels
PANEL = 330  # height of a panel with hover
ALONE = 620  # width of a chart of one panel
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
# Between two thresholds precision is not linear: first to the new one, then along
LINE_SHAPES = {"roc": "linear", "precision_recall": "vh", "pro": "linear"}


def check_limit(limit: float) -> None:
    """Raise unless the PRO limit lies in (0, 1]."""
    if not 0 < limit <= 1:
        raise ValueError(f"limit must lie in (0, 1], a false positive rate, got {limit}")


def check_curves(curves: Curves) -> None:
    """Raise unless there is something to draw."""
    if not curves:
        raise ValueError("curves must hold at least one name -> Curve, got none")


def names_of(curves: Mapping[str, Curves]) -> list[str]:
    """Return the names of all panels; a name's place gives its colour and dashes in each."""
    return list(dict.fromkeys(chain(*curves.values())))


def is_defined(curve: Curve) -> bool:
    """Return whether both axes are finite; metrics give NaN where a class is missing."""
    return bool(np.isfinite(curve.x).all() and np.isfinite(curve.y).all())


def drawable_part(curve: Curve) -> Curve:
    """Return a curve thinned to what is drawn, or no points where it is undefined."""
    if is_defined(curve):
        return curve.thinned(MOST_POINTS)
    return Curve(*np.empty((3, 0)))


def legend_name(name: str, curve: Curve, areas: Areas, measure: str) -> str:
    """Return the text of the legend: the name, and its area where one is given."""
    if not is_defined(curve):
        return f"{name} · undefined"
    if areas is None or areas.get(name) is None:
        return name
    return f"{name} · {measure} {areas[name]:.3f}"


def chance_line(
    kind: str, prevalence: float | None
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Return both ends of the curve of a random score, or None where it is not drawn."""
    if kind == "roc":  # equal rates
        return (0, 0), (1, 1)
    if kind == "precision_recall" and prevalence is not None:  # the prevalence, at every recall
        return (0, prevalence), (1, prevalence)
    return None


def interactive_curves(
    curves: Mapping[str, Curves],
    areas: Mapping[str, Areas],
    limit: float,
    prevalence: float | None,
    title: str,
) -> go.Figure:
    """Draw some kinds of curves side by side with plotly, each with its legend below."""
    figure = interactive.grid(
        1,
        len(curves),
        title=title,
        panel_titles=[f"<b>{CURVE_KINDS[kind].title}</b>" for kind in curves],
        panel_height=PANEL,
        gap=0.11,
        legend_lines=max(len(named) for named in curves.values()) + 1,
    )
    names = names_of(curves)
    if len(curves) == 1:
        figure.update_layout(width=ALONE)
    for column, (kind, named) in enumerate(curves.items(), start=1):
        legend = "legend" if column == 1 else f"legend{column}"
        left = figure.layout["xaxis" if column == 1 else f"xaxis{column}"].domain[0]
        figure.update_layout({legend: {**interactive.LEGEND, "orientation": "v", "x": left}})
        figure.update_layout({legend: {"y": -interactive.AXIS / PANEL}})
        axes = {"row": 1, "col": column}
        for name, curve in named.items():
            trace = _trace(kind, name, curve, areas.get(kind), names.index(name))
            trace.legend = legend
            figure.add_trace(trace, **axes)
        _mark(figure, kind, limit, prevalence, column)
        figure.update_xaxes(title_text=CURVE_KINDS[kind].x, range=[-0.01, 1.01], **axes)
        figure.update_yaxes(title_text=CURVE_KINDS[kind].y, range=[-0.01, 1.03], **axes)
    return figure


def _mark(
    figure: go.Figure, kind: str, limit: float, prevalence: float | None, column: int
) -> None:
    """Draw the curve of chance, and shade what the PRO number integrates."""
    axes = {"row": 1, "col": column}
    ends = chance_line(kind, prevalence)
    if ends is not None:
        (x0, y0), (x1, y1) = ends
        line = {"color": style.CHANCE, "dash": "dot"}
        chance = {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "line": line}
        figure.add_shape(type="line", layer="below", name="chance", **chance, **axes)
    if kind == "pro":
        shade = {"fillcolor": style.SKY, "opacity": 0.2, "line_width": 0, "layer": "below"}
        corners = {"x0": 0, "x1": limit, "y0": 0, "y1": 1.03}
        figure.add_shape(type="rect", name="limit", **corners, **shade, **axes)
        text = f"area up to {style.number(limit)}"
        inside = {"yanchor": "bottom", "xanchor": "left", "showarrow": False, "font_size": 12}
        figure.add_annotation(text=text, x=0.02 * limit, y=0.01, **inside, **axes)


def _trace(kind: str, name: str, curve: Curve, areas: Areas, number: int) -> go.Scatter:
    _, x, y, area = CURVE_KINDS[kind]
    thinned = drawable_part(curve)
    return go.Scatter(
        x=interactive.plain(thinned.x),
        y=interactive.plain(thinned.y),
        mode="lines",
        name=interactive.escaped(legend_name(name, curve, areas, area)),
        line={**style.plotly_line(number, width=2.5), "shape": LINE_SHAPES[kind]},
        text=[style.number(value) for value in thinned.threshold],
        hovertemplate=(
            f"{interactive.hover(name)}<br>{x} %{{x:.4f}}<br>{y} %{{y:.4f}}<br>"
            "threshold %{text}<extra></extra>"
        ),
    )
