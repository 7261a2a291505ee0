"""Make the results of the papers' tables on the built-in data, which come with adviz.

    python -m benchmarks.table_results FOLDER [--seeds 0 1 2] [--papers spade patchcore rd]
    python -m benchmarks.table_results FOLDER --ship [--maps]

All experiments of all tables, figures, ablations and claims in `tables.built_in()` take many hours
on two cores, and so do Fashion-MNIST's of Table 4 in `tables.one_class`. Each is a file in FOLDER
as soon as it is complete; a run that was stopped goes on where it was, and leaves out what comes
with adviz already. The second form adds what is in FOLDER to that, with ``--maps`` the maps of
figures as well, for which their experiments are done again.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from adviz import sweep, tables
from adviz.sweep import Experiment
from adviz.sweep.results import stored
from adviz.tables.figures.pictures import FIGURES as OF_IMAGES
from adviz.tables.shipped import FOLDER, ship, ship_prediction, shipped

PAPERS = ("spade", "patchcore", "rd")
ONE_CLASS = ("fashion_mnist",)
# Of images up to 448 x 448, of which a few give as many patches as all others of 224 x 224
LARGE = "resolution"
FIGURE_OF_LARGE = "S4"
TRAIN_OF_LARGE = 16
LAST = "S5"  # of PatchCore: seven numbers of shots, more experiments than all else


def stages(papers: Sequence[str], setting: tables.Setting) -> list[list[Experiment]]:
    """Return what is made of the papers: their tables, then the rest, then the few shots."""
    names = [name for name in tables.NAMES if name.paper in papers]
    planned = {name: tables.plan(name.paper, name.table, setting) for name in names}
    first = [planned[name] for name in names if name.table != LAST]
    if "rd" in papers:
        first.append(tables.plan("rd", 4, tables.one_class(ONE_CLASS)))
    second: list[tables.Table | tables.FigurePlan | tables.Claims] = []
    small = dataclasses.replace(setting, train=TRAIN_OF_LARGE)
    for name, content in tables.ABLATIONS.items():
        if content.paper in papers:
            second.append(tables.ablation(name, small if name == LARGE else setting))
    for paper in papers:
        keys = set(tables.plan_claims(paper).claims)
        second.append(tables.plan_claims(paper, setting, keys=sorted(keys - {LARGE})))
        if LARGE in keys:
            second.append(tables.plan_claims(paper, small, keys=[LARGE]))
    for figure in tables.FIGURES:
        if figure.paper in papers:
            chosen = small if figure.table == FIGURE_OF_LARGE else setting
            second.append(tables.plan_figure(figure.paper, figure.table, chosen))
    shots = [planned[name] for name in names if name.table == LAST]
    few = {experiment for table in shots for experiment in table.experiments}
    return [
        [one for one in _experiments(first) if one not in few],
        [one for one in _experiments(second) if one not in few],
        list(few),
    ]


def _experiments(
    plans: Iterable[tables.Table | tables.FigurePlan | tables.Claims],
) -> list[Experiment]:
    experiments: list[Experiment] = []
    for plan in plans:
        experiments += plan.experiments
    return list(dict.fromkeys(experiments))


def run(experiments: Iterable[Experiment], folder: Path) -> None:
    """Do what has no result in the folder, and say how far it is."""
    todo = [experiment for experiment in experiments if shipped(experiment) is None]
    done = 0
    start = time.monotonic()

    def watch(experiment: Experiment, error: str) -> None:
        nonlocal done
        done += 1
        minutes = (time.monotonic() - start) / 60
        print(f"{done} of {len(todo)}, {minutes:.1f} min: {experiment!r} {error}", flush=True)

    print(sweep.run(todo, folder, watch=watch))


def add_to_adviz(folder: Path) -> None:
    """Write all results that there are into the package, of all papers: they share files."""
    every = [one for stage in stages(PAPERS, tables.built_in()) for one in stage]
    found = [shipped(one) or stored(one, folder) for one in dict.fromkeys(every)]
    results = [result for result in found if result is not None]
    for path in ship(results, str(FOLDER)):
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")
    print(f"{len(results)} of {len(found)} experiments have a result")


def add_maps(papers: Sequence[str]) -> None:
    """Predict what figures of images show, and write the maps into the package."""
    setting = tables.built_in()
    plans = [tables.plan_figure(*figure, setting) for figure in OF_IMAGES if figure[0] in papers]
    for experiment in _experiments(plans):
        folder = Path(str(FOLDER)) / "maps"
        if experiment.seed == setting.seeds[0] and not (folder / f"{experiment.key}.npz").exists():
            _, prediction = sweep.predict(experiment)
            print(ship_prediction(experiment, prediction, folder), flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", type=Path, help="of the results")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*tables.built_in().seeds])
    parser.add_argument("--papers", nargs="+", default=PAPERS, choices=PAPERS)
    parser.add_argument("--ship", action="store_true", help="add the results to the package")
    parser.add_argument("--maps", action="store_true", help="add the maps of figures as well")
    options = parser.parse_args(arguments)
    if options.ship:
        add_to_adviz(options.folder)
        if options.maps:
            add_maps(options.papers)
        return
    for seed in options.seeds:
        for experiments in stages(options.papers, tables.built_in(seeds=(seed,))):
            run(experiments, options.folder)


if __name__ == "__main__":
    main()
