"""Figures that are charts of numbers: a score against an option, averaged over categories."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from adviz.plots import Line, Panel, panel_grid
from adviz.sweep import ExperimentResult
from adviz.tables.comparison import Comparison
from adviz.tables.figures.plans import (
    DEFAULT_LEVELS,
    DEFAULT_SIDE,
    LEVELS,
    SHARES,
    SIDES,
    FigurePlan,
)
from adviz.tables.filled import LABELS, Filled
from adviz.tables.lines import SCORES
from adviz.tables.methods import parsed
from adviz.tables.statistics import by_line, by_size

if TYPE_CHECKING:
    from adviz.plots import StaticFigure

PRO_NAMES = {
    "pro": "PRO (global)",
    "pro_200": "PRO (global-200)",
    "pro_per_image": "PRO (per-image)",
}
SAMPLERS = {"greedy": "greedy coreset", "random": "random", "proxies": "learned proxies"}
Places = Callable[[Filled], Iterator[tuple[str, float]]]


def local(plan: FigurePlan, rows: list[ExperimentResult]) -> StaticFigure:
    """Draw scores against the neighbourhood's side above, against the hierarchy levels below (Figs 4 and S5)."""
    found = plan.compare(rows)
    metrics = _metrics(plan)
    upper = [
        Panel("side p of the neighbourhood, cells", _label(plan, metric), _lines(found, metric, _sides),
              ticks={float(p): str(p) for p in SIDES})
        for metric in metrics
    ]  # fmt: skip
    lower = [
        Panel("hierarchy levels", _label(plan, metric), _lines(found, metric, _levels), joined=False,
              ticks={float(place): text for place, text in enumerate(LEVELS)})
        for metric in metrics
    ]  # fmt: skip
    note = f"Above with levels {DEFAULT_LEVELS}, below with p = {DEFAULT_SIDE}; these are the defaults. {plan.note}"
    return _figure(plan, [*upper, *lower], len(metrics), note)


def samplers(plan: FigurePlan, rows: list[ExperimentResult]) -> StaticFigure:
    """Draw scores against the share of patches that the bank keeps (Figs 5 and S6)."""
    found = plan.compare(rows)
    ticks = {float(share.rstrip("%")): share.rstrip("%") for share in SHARES}
    panels = [
        Panel(
            "patches kept, %",
            _label(plan, metric),
            _lines(found, metric, _budgets),
            ticks=ticks,
            logarithmic=True,
        )
        for metric in _metrics(plan)
    ]
    note = (
        "With all patches kept there is nothing to choose: there the samplers are one. Proxies are learned for up to "
        "10 % of the patches."
    )
    return _figure(plan, panels, len(panels), note)


def shots(plan: FigurePlan, rows: list[ExperimentResult]) -> StaticFigure:
    """Draw scores against the number of training images (Fig. 6)."""
    found = plan.compare(rows)
    shown = sorted(
        {int(parsed(one.cell.variant)["shots"]) for one in found.filled if not one.cell.reason}
    )
    panels = [
        Panel("training images", _label(plan, metric), _lines(found, metric, _shots), logarithmic=True,
              ticks={float(count): str(count) for count in shown})
        for metric in _metrics(plan)
    ]  # fmt: skip
    seeds = {one.seeds for one in found.filled if one.seeds}
    note = f"Mean over the categories; bars: standard deviation over {max(seeds, default=0)} draws of training images."
    return _figure(
        plan,
        panels,
        len(panels),
        note if max(seeds, default=0) > 1 else note.split(";")[0] + ", one draw.",
    )


def resolutions(plan: FigurePlan, rows: list[ExperimentResult]) -> StaticFigure:
    """Draw scores against the images' size, a line for each neighbourhood (Fig. S4)."""
    found = plan.compare(rows)
    panels = []
    for metric in _metrics(plan):
        lines = _lines(found, metric, _resolutions)
        places = sorted({float(x) for line in lines.values() for x in line.x})
        (base,) = [
            one
            for one in found.filled
            if (one.cell.variant, one.cell.metric) == ("coreset=10%", metric)
        ]
        level = (
            None
            if np.isnan(base.ours)
            else (f"default: {_side(base)} pixels, p = {DEFAULT_SIDE}", base.ours)
        )
        ticks = {place: f"{place:.0f}" for place in places}
        panels.append(
            Panel(
                "side of the images, pixels",
                _label(plan, metric),
                lines,
                ticks=ticks,
                reference=level,
            )
        )
    return _figure(plan, panels, len(panels), plan.note)


def sizes(plan: FigurePlan, rows: list[ExperimentResult]) -> StaticFigure:
    """Draw how well regions of defects are found against their size (for RD's Figs 6 and 7)."""
    frame = by_size(by_line(plan.compare(rows))).frame
    spans = frame.groupby(level="size", sort=False)[["from", "to"]].first()
    ticks = {
        float(place): f"{size}\n{one['from']:.2g} to {one['to']:.2g}"
        for place, (size, one) in enumerate(spans.iterrows())
    }
    titles = {"overlap": "overlap (PRO) of a region, %", "AUROC": "pixel AUROC of a region, %"}
    panels = [
        Panel("area of the region, % of the image", title, {
            _short(method): Line(np.arange(float(len(one))), one[key].to_numpy(), one[f"{key} ±"].to_numpy())
            for method, one in frame.groupby(level="method", sort=False)
        }, ticks=ticks)
        for key, title in titles.items()
    ]  # fmt: skip
    note = (
        f"{int(frame.groupby(level='method')['regions'].sum().max())} regions of defects, in thirds by area; means "
        "(overlap: up to a false positive rate of 0.3), bars: 95 % interval. The paper shows examples instead."
    )
    return _figure(plan, panels, 2, note)


def _figure(plan: FigurePlan, panels: list[Panel], columns: int, note: str) -> StaticFigure:
    name = plan.name
    words = (
        [note]
        if plan.setting.papers
        else [note, "Other data than the paper's: nothing printed to compare with."]
    )
    return panel_grid(panels, columns, title=f"{name}: {name.title}", note=" ".join(words).strip())


def _metrics(plan: FigurePlan) -> list[str]:
    there = {cell.metric for cell in plan.table.cells}
    return [metric for metric in SCORES if metric in there]


def _label(plan: FigurePlan, metric: str) -> str:
    return f"{PRO_NAMES[plan.table.pro] if metric == 'pro' else LABELS[metric]}, %"


def _lines(found: Comparison, metric: str, places: Places) -> dict[str, Line]:
    """Return the lines of a panel: every cell at the places that it has in it."""
    points: dict[str, list[tuple[float, Filled]]] = {}
    for one in found.filled:
        if one.cell.metric == metric and (one.cell.experiments or np.isfinite(one.cell.printed)):
            for name, x in places(one):
                points.setdefault(name, []).append((x, one))
    lines = {}
    for name, each in points.items():
        each.sort(key=lambda point: point[0])
        columns = [[x, one.ours, one.std, one.cell.printed] for x, one in each]
        lines[name] = Line(*np.array(columns, float).T)
    return lines


def _sides(one: Filled) -> Iterator[tuple[str, float]]:
    options = parsed(one.cell.variant)
    if "layers" not in options:
        yield _name(options), float(options.get("neighborhood", DEFAULT_SIDE))


def _levels(one: Filled) -> Iterator[tuple[str, float]]:
    options = parsed(one.cell.variant)
    if "neighborhood" not in options:
        yield _name(options), float(LEVELS.index(options.get("layers", DEFAULT_LEVELS)))


def _budgets(one: Filled) -> Iterator[tuple[str, float]]:
    options = parsed(one.cell.variant)
    share = float(options["coreset"].rstrip("%"))
    if "weights" in options:
        yield f"{SAMPLERS['greedy']}, untrained network", share
    elif "sampler" in options or share < 100:
        yield SAMPLERS[options.get("sampler", "greedy")], share
    else:
        for name in SAMPLERS.values():
            yield name, share


def _shots(one: Filled) -> Iterator[tuple[str, float]]:
    options = parsed(one.cell.variant)
    yield (
        (_name(options) if one.cell.method == "PatchCore" else one.cell.method),
        float(options["shots"]),
    )


def _resolutions(one: Filled) -> Iterator[tuple[str, float]]:
    options = parsed(one.cell.variant)
    if "neighborhood" in options:
        yield f"p = {options['neighborhood']}", float(_side(one))


def _side(one: Filled) -> int:
    """Return the shorter side of the images, pixels."""
    return min(one.cell.experiments[0].geometry.shape)


def _name(options: dict[str, str]) -> str:
    return f"PatchCore, {options['coreset'].rstrip('%')} % of the patches"


def _short(name: str) -> str:
    """Return a line's name without the network and the size that all lines share."""
    return ", ".join(
        part for part in name.split(", ") if not part.startswith(("backbone=", "image_size="))
    )
