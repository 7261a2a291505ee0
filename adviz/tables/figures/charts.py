"""Figures that are charts: a score against an option, averaged over categories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from adviz.plots import Line, Panel, panel_grid
from adviz.sweep import Experiment
from adviz.tables.cell_results import LABELS, FilledCell
from adviz.tables.comparison import Comparison
from adviz.tables.figures.contents import (
    CORESETS,
    DEFAULT_LEVELS,
    DEFAULT_SIDE,
    LEVELS,
    SIDES,
)
from adviz.tables.methods import parsed
from adviz.tables.paper_values import SCORES
from adviz.tables.statistics import by_row, by_size

if TYPE_CHECKING:
    from adviz.plots import Chart

SAMPLERS = {"greedy": "greedy coreset", "random": "random", "proxies": "learned proxies"}
# A cell -> (name of a line, x) of every point that it is drawn as
Points = Callable[[FilledCell], Iterator[tuple[str, float]]]


def locality(comparison: Comparison, note: str) -> Chart:
    """Draw scores against neighbourhood above, against hierarchy levels below (Figs 4 and S5)."""
    upper = _panels(
        comparison,
        "side p of the neighbourhood, patches",
        _side_points,
        ticks={float(p): str(p) for p in SIDES},
    )
    lower = _panels(
        comparison,
        "hierarchy levels",
        _level_points,
        ticks={float(position): levels for position, levels in enumerate(LEVELS)},
        joined=False,  # levels are no quantity
    )
    defaults = (
        f"Above with levels {DEFAULT_LEVELS}, below with p = {DEFAULT_SIDE}; these are the "
        "defaults."
    )
    return _figure(comparison, [*upper, *lower], f"{defaults} {note}", columns=len(upper))


def samplers(comparison: Comparison, _note: str) -> Chart:
    """Draw scores against the coreset size (Figs 5 and S6)."""
    percentages = [size.rstrip("%") for size in CORESETS]
    panels = _panels(
        comparison,
        "patches kept, %",
        _coreset_points,
        ticks={float(percentage): percentage for percentage in percentages},
        logarithmic=True,
    )
    note = (
        "With all patches kept there is nothing to choose: there the samplers are one. Proxies "
        "are learned for up to 10 % of the patches."
    )
    return _figure(comparison, panels, note)


def shots(comparison: Comparison, _note: str) -> Chart:
    """Draw scores against the number of training images (Fig. 6)."""
    counts = {
        int(parsed(filled.cell.variant)["shots"])
        for filled in comparison.of_ours
        if not filled.cell.reason  # a setting may leave some out
    }
    panels = _panels(
        comparison,
        "training images",
        _shot_points,
        ticks={float(count): str(count) for count in sorted(counts)},
        logarithmic=True,
    )
    n_seeds = max((filled.seeds for filled in comparison.filled), default=0)
    note = "Mean over the categories, one draw."
    if n_seeds > 1:
        note = (
            "Mean over the categories; bars: standard deviation over "
            f"{n_seeds} draws of training images."
        )
    return _figure(comparison, panels, note)


def resolutions(comparison: Comparison, note: str) -> Chart:
    """Draw scores against the images' size, a line for each neighbourhood (Fig. S4)."""
    panels = []
    for metric in _metrics(comparison):
        lines = _lines(comparison, metric, _resolution_points)
        sides = set(np.concatenate([line.x for line in lines.values()]))
        panel = Panel(
            "side of the images, pixels",
            _label(comparison, metric),
            lines,
            ticks={side: f"{side:.0f}" for side in sorted(sides)},
            reference=_default_level(comparison, metric),
        )
        panels.append(panel)
    return _figure(comparison, panels, note)


def _default_level(comparison: Comparison, metric: str) -> tuple[str, float] | None:
    """Return the name and score of the default size and neighbourhood."""
    for filled in comparison.of_ours:
        if (filled.cell.variant, filled.cell.metric) == ("coreset=10%", metric):
            name = f"default: {_image_side(filled)} pixels, p = {DEFAULT_SIDE}"
            return None if np.isnan(filled.ours) else (name, filled.ours)
    raise LookupError(f"expected a cell of the defaults in {comparison.table!r}")


def sizes(comparison: Comparison, _note: str) -> Chart:
    """Draw the overlap and AUROC of defect regions against their size (for RD's Figs 6 and 7)."""
    frame = by_size(by_row(comparison)).frame
    spans = frame.groupby(level="size", sort=False)[["from", "to"]].first()
    ticks = {}
    # "small\n0.1 to 0.5": a third and its areas, in % of the image
    for position, (size, span) in enumerate(spans.iterrows()):
        ticks[float(position)] = f"{size}\n{span['from']:.2g} to {span['to']:.2g}"
    panels = []
    for column, title in (("overlap", "overlap (PRO)"), ("AUROC", "pixel AUROC")):
        lines = {}
        for method, rows in frame.groupby(level="method", sort=False):
            lines[_short_name(method)] = Line(
                np.arange(float(len(rows))),
                rows[column].to_numpy(),
                rows[f"{column} ±"].to_numpy(),
                details=[_size_details(row) for _, row in rows.iterrows()],
            )
        panels.append(
            Panel(
                "area of the region, % of the image", f"{title} of a region, %", lines, ticks=ticks
            )
        )
    n_regions = int(frame.groupby(level="method")["regions"].sum().max())
    note = (
        f"{n_regions} regions of defects, in thirds by area; means (overlap: up to a false "
        "positive rate of 0.3), bars: 95 % interval. The paper shows examples instead."
    )
    return _figure(comparison, panels, note)


def _size_details(row: Mapping[str, float]) -> str:
    """Return what the hover says of a third of the regions."""
    return f"mean over {row['regions']:.0f} regions, ± half the 95 % interval"


# (paper, figure) -> drawing of a comparison and of what the paper leaves open
FIGURES: dict[tuple[str, str], Callable[[Comparison, str], Chart]] = {
    ("patchcore", "4"): locality,
    ("patchcore", "S5"): locality,
    ("patchcore", "5"): samplers,
    ("patchcore", "S6"): samplers,
    ("patchcore", "6"): shots,
    ("patchcore", "S4"): resolutions,
    ("rd", "6-7"): sizes,
}


def _figure(
    comparison: Comparison, panels: list[Panel], note: str, columns: int | None = None
) -> Chart:
    name = comparison.table.name
    if not comparison.table.setting.uses_paper_data:
        note += " Other data than the paper's: its values are not drawn."
    title = f"{name}: {name.title}"
    return panel_grid(panels, columns or len(panels), title=title, note=note.strip())


def _panels(
    comparison: Comparison,
    x_label: str,
    points: Points,
    *,
    ticks: dict[float, str],
    joined: bool = True,
    logarithmic: bool = False,
) -> list[Panel]:
    """Return a panel for each metric, whose lines go through the points of all cells."""
    return [
        Panel(
            x_label,
            _label(comparison, metric),
            _lines(comparison, metric, points),
            ticks=ticks,
            joined=joined,
            logarithmic=logarithmic,
        )
        for metric in _metrics(comparison)
    ]


def _metrics(comparison: Comparison) -> list[str]:
    metrics = {cell.metric for cell in comparison.table.cells}
    return [metric for metric in SCORES if metric in metrics]


def _label(comparison: Comparison, metric: str) -> str:
    if metric == "pro":
        return f"PRO ({comparison.table.pro}), %"
    return f"{LABELS[metric]}, %"


def _lines(comparison: Comparison, metric: str, points: Points) -> dict[str, Line]:
    """Return the lines of a panel: every cell at the points that it is drawn as."""
    cells_of_lines: dict[str, list[tuple[float, FilledCell]]] = {}
    for filled in comparison.of_ours:
        cell = filled.cell
        if cell.metric == metric and (cell.experiments or np.isfinite(cell.printed)):
            for name, x in points(filled):
                cells_of_lines.setdefault(name, []).append((x, filled))
    lines = {}
    for name, places in cells_of_lines.items():
        places.sort(key=lambda place: place[0])
        cells = [filled for _, filled in places]
        lines[name] = Line(
            x=np.array([x for x, _ in places], float),
            y=np.array([filled.ours for filled in cells], float),
            spread=np.array([filled.std for filled in cells], float),
            printed=np.array([filled.cell.printed for filled in cells], float),
            details=[_details(filled) for filled in cells],
        )
    return lines


def _details(filled: FilledCell) -> str:
    """Return what the hover says of a cell: its setting, and what our number is a mean of."""
    experiments = filled.cell.experiments
    if not experiments:
        return filled.cell.variant.replace(";", ", ") or filled.cell.method
    settings = _settings(experiments[0])
    if filled.seeds:
        categories = {experiment.category for experiment in experiments}
        settings.append(f"{_count(len(categories), 'categor', 'y', 'ies')}")
        settings.append(f"{_count(filled.seeds, 'seed', '', 's')}")
    return ", ".join(settings)


def _settings(experiment: Experiment) -> list[str]:
    """Return what a figure may vary: options of PatchCore, images, network."""
    settings = []
    options = vars(experiment.detector)
    if "coreset" in options:
        settings.append(f"coreset {100 * options['coreset']:g} %")
        if options["sampler"] != "greedy" and options["coreset"] < 1:
            settings.append(SAMPLERS[options["sampler"]])
        settings.append(f"p = {options['patch_size']}")
        settings.append(f"strides {'+'.join(map(str, options['layers']))}")
    if experiment.shots is not None:
        settings.append(_count(experiment.shots, "training image", "", "s"))
    settings.append(f"{min(experiment.geometry.shape)} px")
    network = "+".join(experiment.backbones)
    settings.append(network if experiment.weights == "published" else f"{network} untrained")
    return settings


def _count(number: int, noun: str, one: str, several: str) -> str:
    return f"{number} {noun}{one if number == 1 else several}"


def _side_points(filled: FilledCell) -> Iterator[tuple[str, float]]:
    options = parsed(filled.cell.variant)
    if "layers" not in options:
        yield _patchcore_name(options), float(options.get("neighborhood", DEFAULT_SIDE))


def _level_points(filled: FilledCell) -> Iterator[tuple[str, float]]:
    options = parsed(filled.cell.variant)
    if "neighborhood" not in options:
        levels = options.get("layers", DEFAULT_LEVELS)
        yield _patchcore_name(options), float(LEVELS.index(levels))


def _coreset_points(filled: FilledCell) -> Iterator[tuple[str, float]]:
    options = parsed(filled.cell.variant)
    percentage = float(options["coreset"].rstrip("%"))
    if "weights" in options:
        yield f"{SAMPLERS['greedy']}, untrained network", percentage
    elif "sampler" in options or percentage < 100:
        yield SAMPLERS[options.get("sampler", "greedy")], percentage
    else:  # all patches: the samplers are one
        for name in SAMPLERS.values():
            yield name, percentage


def _shot_points(filled: FilledCell) -> Iterator[tuple[str, float]]:
    options = parsed(filled.cell.variant)
    name = filled.cell.method
    if name == "PatchCore":
        name = _patchcore_name(options)
    yield name, float(options["shots"])


def _resolution_points(filled: FilledCell) -> Iterator[tuple[str, float]]:
    options = parsed(filled.cell.variant)
    if "neighborhood" in options:
        yield f"p = {options['neighborhood']}", float(_image_side(filled))


def _image_side(filled: FilledCell) -> int:
    """Return the shorter side of the images, pixels."""
    return min(filled.cell.experiments[0].geometry.shape)


def _patchcore_name(options: dict[str, str]) -> str:
    return f"PatchCore, {options['coreset'].rstrip('%')} % of the patches"


def _short_name(name: str) -> str:
    """Return a method's name without the network and the size that all methods share."""
    parts = name.split(", ")
    shared = ("backbone=", "image_size=")
    return ", ".join(part for part in parts if not part.startswith(shared))
