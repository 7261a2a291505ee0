"""ROC, precision-recall and PRO curves side by side with matplotlib, for papers and reports."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes

from adviz.plots import style
from adviz.plots.checks import takes_arrays
from adviz.plots.curves import (
    CURVE_KINDS,
    Areas,
    Curves,
    check_curves,
    check_limit,
    drawable_part,
    legend_name,
)

# Inches
SIDE = 2.95  # of a panel
LEFT = 0.8  # margin of the first panel
GAP = 0.95  # between two panels
LEGEND_LINE = 0.26  # height of a line of a legend
LEGEND_WIDTH = 3.05  # width of its text
MOST_POINTS = 2000  # per curve; more than there are pixels along it
NO_BREAK = "\N{NO-BREAK SPACE}"


@takes_arrays
def curves_static(
    curves: Mapping[str, Curves],
    *,
    areas: Mapping[str, Areas] | None = None,
    limit: float = 0.3,
    title: str = "",
) -> style.StaticFigure:
    """Draw up to three kinds of curves side by side, each with its legend below.

    Parameters
    ----------
    curves: "roc", "precision_recall" or "pro" -> (name -> Curve), as in the interactive figures;
        the panels come in this order whatever the mapping's.
    areas: the same keys -> (name -> area), printed in the legends.
    limit: false positive rate up to which the PRO area counts (shaded), 0 < limit <= 1.
    title: text over the figure.

    Returns
    -------
    StaticFigure; its axes are labelled with the panels' keys. Long curves are thinned to 2000
    points.

    Raises
    ------
    ValueError: another key, no curve, a limit outside (0, 1].

    Examples
    --------
    >>> curve = metrics.roc_curve(prediction.score, category.test.labels)
    >>> plots.curves_static({"roc": {"PatchCore": curve}})
    <StaticFigure size ... with 1 Axes>
    """
    unknown = set(curves) - set(CURVE_KINDS)
    if unknown or not curves:
        raise ValueError(
            f"curves must map some of {tuple(CURVE_KINDS)} to named curves, got {tuple(curves)}"
        )
    check_limit(limit)
    for named in curves.values():
        check_curves(named)
    kinds = [kind for kind in CURVE_KINDS if kind in curves]
    names = {kind: _legend_texts(kind, curves[kind], (areas or {}).get(kind)) for kind in kinds}
    # All panels have room for the longest legend, so that they stand in a row
    legend_lines = max(_count_lines(kind, names[kind]) for kind in kinds)
    width = LEFT + len(kinds) * SIDE + (len(kinds) - 1) * GAP + 0.45
    top = 0.45 + style.title_room(title, width)
    figure = style.StaticFigure(width, top + SIDE + 0.85 + LEGEND_LINE * legend_lines)
    style.write_title(figure, title)
    for column, kind in enumerate(kinds):
        axes = figure.panel(LEFT + column * (SIDE + GAP), top, SIDE, SIDE, kind)
        _draw(axes, kind, curves[kind], names[kind], limit)
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


def _draw(axes: Axes, kind: str, curves: Curves, names: list[str], limit: float) -> None:
    title, x, y, _ = CURVE_KINDS[kind]
    style.plain_axes(axes, x, y)
    # Square panels: a unit is as long across as up
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03), aspect=1.02 / 1.04)
    style.chart_title(axes, title, bold=True)
    if kind == "roc":
        axes.plot([0, 1], [0, 1], color=style.CHANCE, linestyle=":", linewidth=1.2, label="_chance")
    for number, (name, curve) in enumerate(zip(names, curves.values(), strict=True)):
        thinned = drawable_part(curve, MOST_POINTS)
        colour, dashes, _ = style.curve_style(number)
        axes.plot(
            thinned.x,
            thinned.y,
            label=name,
            linewidth=2.2,
            color=colour,
            linestyle=dashes,
            drawstyle="steps" if kind == "precision_recall" else "default",
        )
    if kind == "pro":
        label = f"area up to {style.number(limit)}"
        axes.axvspan(0, limit, color=style.SKY, alpha=0.2, linewidth=0, label=label)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(-0.05, -0.17),
        frameon=False,
        fontsize=style.SMALL_SIZE,
        handlelength=3,
        labelcolor=style.INK,
        borderaxespad=0.2,
    )
