"""ROC | precision-recall | PRO side by side with matplotlib, for places that show no interactive chart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from adviz.metrics import Curve
from adviz.plots import style
from adviz.plots.checks import takes_arrays
from adviz.plots.curves import Areas, Curves, check_curves, check_limit, is_defined, legend_name

# panel -> title, x axis, y axis, name of the area
PANELS = {
    "roc": ("ROC", "false positive rate", "true positive rate", "AUROC"),
    "precision_recall": ("precision-recall", "recall", "precision", "AP"),
    "pro": (
        "per-region overlap",
        "false positive rate of the pixels",
        "mean overlap per region",
        "PRO",
    ),
}
# Inches: a panel's side, the first panel's margin, between two panels
SIDE, LEFT, GAP = 2.95, 0.8, 0.95
LEGEND_LINE, LEGEND_WIDTH = 0.26, 3.05  # inches: height of a line of a legend, width of its text
MOST_POINTS = 2000  # per curve; more than there are pixels along it


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
    unknown = set(curves) - set(PANELS)
    if unknown or not curves:
        raise ValueError(
            f"curves must map some of {tuple(PANELS)} to named curves, got {tuple(curves)}"
        )
    check_limit(limit)
    for named in curves.values():
        check_curves(named)
    keys = [key for key in PANELS if key in curves]
    texts = {key: _names(key, named, (areas or {}).get(key)) for key, named in curves.items()}
    lines = max(sum(text.count("\n") + 1 for text in texts[key]) + (key == "pro") for key in keys)
    across = LEFT + len(keys) * SIDE + (len(keys) - 1) * GAP + 0.45
    over, below = 0.45 + style.title_room(title, across), 0.85 + LEGEND_LINE * lines
    down = over + SIDE + below
    figure = style.StaticFigure(across, down)
    style.write_title(figure, title)
    for column, key in enumerate(keys):
        box = (LEFT + column * (SIDE + GAP)) / across, below / down, SIDE / across, SIDE / down
        axes = figure.add_axes(box, label=key)
        _draw(axes, key, curves[key], texts[key], limit)
    return figure


def _names(key: str, curves: Curves, areas: Areas) -> list[str]:
    """Return the legend's texts, broken so that they fit below their own panel."""
    measure = PANELS[key][3]
    return [
        _legend(name, legend_name(name, curve, areas, measure)) for name, curve in curves.items()
    ]


def _legend(name: str, text: str) -> str:
    """Break a legend's text; of a name that is too long the end is left out, and never what is said of it."""
    said = text.removeprefix(name)  # " · AUROC 0.988", or nothing
    lines = style.lines_of(f"{name}{_kept(said)}", LEGEND_WIDTH, style.SMALL_SIZE)
    if not lines[-1].endswith(_kept(said)):
        lines = style.lines_of(name, LEGEND_WIDTH, style.SMALL_SIZE) + (
            [said.removeprefix(" · ")] if said else []
        )
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def _kept(said: str) -> str:
    """Return a text with only its first space left to be broken at."""
    return said[:1] + said[1:].replace(" ", "\N{NO-BREAK SPACE}")


def _draw(axes: Axes, key: str, curves: Curves, names: list[str], limit: float) -> None:
    name, x, y, _ = PANELS[key]
    style.plain_axes(axes, x, y)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03), aspect=1.02 / 1.04)
    axes.set_title(name, fontsize=style.LABEL_SIZE, color=style.INK, loc="left", fontweight="bold")
    if key == "roc":
        axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", linewidth=1.2, label="_chance")
    for number, (label, curve) in enumerate(zip(names, curves.values(), strict=True)):
        shown = curve.thinned(MOST_POINTS) if is_defined(curve) else Curve(*np.empty((3, 0)))
        axes.plot(
            shown.x, shown.y, label=label, linewidth=2.2,
            color=style.PALETTE[number % len(style.PALETTE)],
            linestyle=style.LINE_STYLES[number % len(style.LINE_STYLES)],
            drawstyle="steps" if key == "precision_recall" else "default",
        )  # fmt: skip
    if key == "pro":
        axes.axvspan(
            0,
            limit,
            color=style.SKY,
            alpha=0.2,
            linewidth=0,
            label=f"area up to {style.number(limit)}",
        )
    axes.legend(
        loc="upper left", bbox_to_anchor=(-0.05, -0.17), frameon=False, fontsize=style.SMALL_SIZE, handlelength=3,
        labelcolor=style.INK, borderaxespad=0.2,
    )  # fmt: skip
