"""ROC, precision-recall and PRO curves side by side, with hover and for papers and reports."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from adviz.metrics import Curve
from adviz.plots import style
from adviz.plots.chart import Chart
from adviz.plots.checks import takes_arrays
from adviz.plots.curves import (
    CURVE_KINDS,
    Areas,
    Curves,
    chance_line,
    check_curves,
    check_limit,
    drawable_part,
    interactive_curves,
    legend_name,
    names_of,
)

# Inches
SIDE = 2.95  # of a panel
LEFT = 0.8  # margin of the first panel
GAP = 0.95  # between two panels
LEGEND_LINE = 0.26  # height of a line of a legend
LEGEND_WIDTH = 3.05  # width of its text
NO_BREAK = "\N{NO-BREAK SPACE}"


@takes_arrays
def curves_chart(
    curves: Mapping[str, Curves],
    *,
    areas: Mapping[str, Areas] | None = None,
    limit: float = 0.3,
    prevalence: float | None = None,
    title: str = "",
) -> Chart:
    """Draw up to three kinds of curves side by side, each with its legend below.

    Parameters
    ----------
    curves: "roc", "precision_recall" or "pro" -> (name -> Curve); the panels come in this order
        whatever the mapping's. Axes are rates 0..1, thresholds in score units.
    areas: the same keys -> (name -> area 0..1), printed in the legends; names that are missing get
        none.
    limit: false positive rate up to which the PRO area counts (shaded), 0 < limit <= 1.
    prevalence: fraction of anomalous items 0..1, the precision of chance, drawn as a line; None for
        no line. The ROC curve of chance, the diagonal, is always drawn.
    title: text over the chart.

    Returns
    -------
    Chart. Pointed at, a curve says its name, both rates and the threshold. Curves are thinned to at
    most 300 points (`Curve.thinned`); precision is joined by steps, since between two thresholds it
    is not linear. A curve that is undefined (NaN) has no line and the legend says so. The axes of
    the static figure are labelled with the panels' keys.

    Raises
    ------
    ValueError: another key, no curve, a limit outside (0, 1], a prevalence outside 0..1.

    Examples
    --------
    >>> curve = metrics.roc_curve(prediction.score, category.test.labels)
    >>> areas = {"roc": {"PatchCore": 0.98}}
    >>> chart = plots.curves_chart({"roc": {"PatchCore": curve}}, areas=areas)
    >>> chart.figure.data[0].name
    'PatchCore · AUROC 0.980'
    >>> chart.static()
    <StaticFigure size ... with 1 Axes>
    """
    unknown = set(curves) - set(CURVE_KINDS)
    if unknown or not curves:
        raise ValueError(
            f"curves must map some of {tuple(CURVE_KINDS)} to named curves, got {tuple(curves)}"
        )
    check_limit(limit)
    if prevalence is not None and not 0 <= prevalence <= 1:
        raise ValueError(f"prevalence must lie in 0..1, got {prevalence}")
    for named in curves.values():
        check_curves(named)
    in_order = {kind: curves[kind] for kind in CURVE_KINDS if kind in curves}
    return Chart(
        title,
        lambda: interactive_curves(in_order, areas or {}, limit, prevalence, title),
        lambda: _static(in_order, areas or {}, limit, prevalence, title),
    )


def _static(
    curves: Mapping[str, Curves],
    areas: Mapping[str, Areas],
    limit: float,
    prevalence: float | None,
    title: str,
) -> style.StaticFigure:
    """Draw the curves with matplotlib."""
    kinds = list(curves)
    texts = {kind: _legend_texts(kind, curves[kind], areas.get(kind)) for kind in kinds}
    # All panels have room for the longest legend, so that they stand in a row
    legend_lines = max(_count_lines(kind, texts[kind]) for kind in kinds)
    width = LEFT + len(kinds) * SIDE + (len(kinds) - 1) * GAP + 0.45
    top = 0.45 + style.title_room(title, width)
    figure = style.StaticFigure(width, top + SIDE + 0.85 + LEGEND_LINE * legend_lines)
    style.write_title(figure, title)
    for column, kind in enumerate(kinds):
        axes = figure.panel(LEFT + column * (SIDE + GAP), top, SIDE, SIDE, kind)
        _mark(axes, kind, limit, prevalence)
        for name, text in zip(curves[kind], texts[kind], strict=True):
            _draw_curve(axes, kind, curves[kind][name], text, names_of(curves).index(name))
        _draw_legend(axes)
    return figure


def _legend_texts(kind: str, curves: Curves, areas: Areas) -> list[str]:
    """Return the texts of the legend, broken so that they fit below their own panel."""
    measure = CURVE_KINDS[kind].area
    texts = []
    for name, curve in curves.items():
        area = legend_name(name, curve, areas, measure).removeprefix(name)
        texts.append(_broken(name, area))
    return texts


def _broken(name: str, area: str) -> str:
    """Return a name and its area, " · AUROC 0.988" or "", in lines; a long name is shortened."""
    # The area stays in one line: only its first space may be broken at
    unbroken = area[:1] + area[1:].replace(" ", NO_BREAK)
    lines = style.lines_of(f"{name}{unbroken}", LEGEND_WIDTH, style.SMALL_SIZE)
    if not lines[-1].endswith(unbroken):
        lines = style.lines_of(name, LEGEND_WIDTH, style.SMALL_SIZE)
        if area:
            lines.append(area.removeprefix(" · "))
    return "\n".join(lines).replace(NO_BREAK, " ")


def _count_lines(kind: str, texts: list[str]) -> int:
    """Return the lines of a legend; the PRO panel's also names the limit."""
    return sum(text.count("\n") + 1 for text in texts) + (kind == "pro")


def _mark(axes: Axes, kind: str, limit: float, prevalence: float | None) -> None:
    """Draw an empty panel: names, the curve of chance, and what the PRO number integrates."""
    title, x, y, _ = CURVE_KINDS[kind]
    style.plain_axes(axes, x, y)
    # Square panels: a unit is as long across as up
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03), aspect=1.02 / 1.04)
    style.chart_title(axes, title, bold=True)
    ends = chance_line(kind, prevalence)
    if ends is not None:
        start, end = ends
        rates = [start[0], end[0]], [start[1], end[1]]
        axes.plot(*rates, color=style.CHANCE, linestyle=":", linewidth=1.2, label="_chance")
    if kind == "pro":
        label = f"area up to {style.number(limit)}"
        axes.axvspan(0, limit, color=style.SKY, alpha=0.2, linewidth=0, label=label)


def _draw_curve(axes: Axes, kind: str, curve: Curve, text: str, number: int) -> None:
    thinned = drawable_part(curve)
    colour, dashes, _ = style.curve_style(number)
    axes.plot(
        thinned.x,
        thinned.y,
        label=text,
        linewidth=2.2,
        color=colour,
        linestyle=dashes,
        drawstyle="steps" if kind == "precision_recall" else "default",
    )


def _draw_legend(axes: Axes) -> None:
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(-0.05, -0.17),
        frameon=False,
        fontsize=style.SMALL_SIZE,
        handlelength=3,
        labelcolor=style.INK,
        borderaxespad=0.2,
    )
