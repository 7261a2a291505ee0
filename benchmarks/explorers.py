"""How long every explorer takes to answer, in JupyterLab and Chromium, on the built-in data.

    python -m benchmarks.explorers                       # all; needs Chromium and the test extras
    python -m benchmarks.explorers layers pro --repeats 40
    git worktree add ../former 9994d3f
    python -m benchmarks.explorers retrieval compare --old ../former   # beside those of a commit
    python -m benchmarks.explorers --files               # and exported pages of six categories

`benchmarks.drawn` says what is done and which change answers it. Explorers that drew themselves
from 21 on have no counterpart there in a former working tree: its own `benchmarks.explorers`
measures those.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import drawn

os.environ.setdefault("ADVIZ_PROGRESS", "0")

BROWSER = Path(__file__).resolve().parents[1] / "tests" / "browser"

PREPARE = """import numpy as np
from dataclasses import replace
from adviz import SPADE, Backbone, PaDiM, PatchCore, data, evaluate, explore
backbone = Backbone("efficientnet_lite0")
categories = {name: data.demo(name) for name in ("capsule", "bottle")}
features = {n: (backbone.extract(c.train), backbone.extract(c.test)) for n, c in categories.items()}
methods = {"SPADE": SPADE(layers=(8, 16), k_images=10), "PaDiM": PaDiM(layers=(8, 16)),
           "PatchCore": PatchCore(coreset=0.02)}
found = {n: {m: d.fit(train).predict(test) for m, d in methods.items()} for n, (train, test) in features.items()}"""
BUILT_IN = ("bottle", "brick", "capsule", "hex_nut", "mesh", "transistor")
DESK = ("retrieval", "bank", "layers", "compare", "thresholds")
OF_IMAGES = "view = explore.{}(categories, found)\nview.wait()\nview"
# Explorers that are made otherwise
MADE = {
    "coreset": """train, test = features["capsule"]
fitted = {s: PatchCore(coreset=0.1, sampler=s).fit(train) for s in ("greedy", "random")}
budgets = [0.001, 0.01, 0.1]
predictions = {s: d.predict_coreset_sizes(test, budgets) for s, d in fitted.items()}
view = explore.coreset(categories["capsule"], {s: d.trace_ for s, d in fitted.items()}, predictions)
view.wait()
view""",
    "coreset_160k": """from adviz.core import CoresetTrace
rng, images, grid = np.random.default_rng(0), 205, (28, 28)
cells = grid[0] * grid[1]
count = images * cells
places = 3 * rng.normal(size=(40, 8))[rng.integers(0, 40, count)] + rng.normal(size=(count, 8))
size = data.Geometry(224, crop=False)
pixels = np.repeat(rng.integers(0, 255, (images, 28, 28, 3), dtype=np.uint8), 8, 1).repeat(8, 2)
train = data.Split.from_arrays(pixels, [0] * images, geometry=size)
test = data.Split.from_arrays(pixels[:1], [0], geometry=size)
order = rng.permutation(count)[:1000]
where = np.repeat(np.arange(images), cells), np.tile(np.arange(cells), images)
unknown = np.full(len(order), np.nan)
trace = CoresetTrace(places.astype(np.float32), order, unknown, *where, "random", grid=grid)
view = explore.coreset(data.Category("many", train, test), trace)
view.wait()
view""",
    "deviations": """steps = {"official": PatchCore.preset("paper").differences("official")}
few = {n: [part.select(images=range(0, len(part.ids), 4)) for part in parts] for n, parts in features.items()}
small = {n: data.Category(n, c.train, c.test.subset(range(0, len(c.test), 4))) for n, c in categories.items()}
def run(name, options):
    train, test = few[name]
    return replace(PatchCore.preset("paper"), coreset=0.01, **options).fit(train).predict(test)
view = explore.deviations(small, steps, run)
view.run()
view.wait()
view.category = "capsule"
view""",
    # The papers' own tables with made-up rows, but for one category: its experiments break at once
    # without the data.
    "tables": """import tempfile
from adviz import sweep, tables
from adviz.sweep.results import write
book, rng = tables.Book(None, tempfile.mkdtemp()), np.random.default_rng(0)
seconds = {"features": 9.0, "fit": 1.0, "forward_per_image": 0.1, "predict_per_image": 0.1}
for name in book.names:
    for one in book.table(name.paper, name.table).missing:
        if one.category != "screw":
            values = {key: float(rng.uniform(0.9, 1)) for key in
                      ("image_auroc", "pixel_auroc", "pro", "pro_200", "pro_per_image")}
            curves = {key: rng.random((2, 200)).tolist() for key in ("roc", "pr", "pixel_roc", "pro")}
            values |= {"false_positives": 1.0, "false_negatives": 2.0}
            images, measured = {"scores": rng.random(100).tolist()}, {"seconds": seconds, "model_bytes": 2**20}
            write(sweep.ExperimentResult(one, {"digest": "0"}, values, {}, images, {}, curves, measured), book.folder)
view = explore.tables(book)
view.paper, view.table = "patchcore", "S1"
view""",
}


def drawn_explorers(
    lab: Any, browser: Any, names: list[str], repeats: int, former: Path | None
) -> None:
    """Print a table of what explorers take, and those of former code."""
    from conftest import opened
    from lab_server import write_notebook

    sources = {"now": PREPARE}
    if former is not None:
        # before anything imports adviz
        sources["before"] = f"import sys\nsys.path.insert(0, {str(former)!r})\n{PREPARE}"
    print(drawn.HEAD, flush=True)
    for way, source in sources.items():
        for name in names:
            if way == "before" and name not in drawn.FORMER:
                continue
            file = f"{way}_{name}.ipynb"
            write_notebook(lab.folder, file, source, MADE.get(name, OF_IMAGES.format(name)))
            with opened(lab, browser) as page:
                run(page, file)
                selector = ".av-explorer"
                if way == "before":
                    selector = ".jp-OutputArea-output:has(.adviz-status)"
                root = page.find(selector).first
                root.scroll_into_view_if_needed()
                page.browser.wait_for_timeout(3000)  # until the first picture is there
                explorer = drawn.Explorer(page.browser, root, former=way == "before")
                received = drawn.Received(page.browser)
                for one in drawn.measured(explorer, name, way, repeats, received):
                    print(one.row(), flush=True)


def files(browser: Any, folder: Path, repeats: int) -> None:
    """Print a table of exported pages, one for each built-in category."""
    from adviz import SPADE, Backbone, PaDiM, PatchCore, data, explore

    backbone = Backbone("efficientnet_lite0")
    patchcore = PatchCore(coreset=0.02)
    detectors = {
        "SPADE": SPADE(layers=(8, 16), k_images=10),
        "PaDiM": PaDiM(layers=(8, 16)),
        "PatchCore": patchcore,
    }
    print(drawn.FILE_HEAD, flush=True)
    for name in BUILT_IN:
        category = data.demo(name)
        train = backbone.extract(category.train)
        test = backbone.extract(category.test)
        found = {label: one.fit(train).predict(test) for label, one in detectors.items()}
        views = {
            name: explore.retrieval(category, found),
            f"{name}, default desk": explore.desk(category, found),
            f"{name}, {len(DESK)} views": explore.desk(
                category, found, DESK, traces=patchcore.trace_
            ),
        }
        for title, view in views.items():
            print(drawn.exported(browser, view, title, folder, repeats).row(), flush=True)


def run(page: Any, file: str) -> None:
    """Run a notebook, none of whose cells may raise."""
    cells = page.run_all(file, seconds=600)
    outputs = [output for cell in cells for output in cell["outputs"]]
    errors = [output for output in outputs if output["output_type"] == "error"]
    assert not errors, errors


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = list(drawn.ACTIONS)
    parser.add_argument(
        "explorers", nargs="*", help=f"beginnings of some of: {' '.join(known)}; none = all"
    )
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument(
        "--old", type=Path, metavar="FOLDER", help="working tree of the version to compare with"
    )
    parser.add_argument("--files", action="store_true", help="measure exported pages, too")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.explorers if not any(one.startswith(name) for one in known)]
    if unknown:
        parser.error(f"expected some of {' '.join(known)}, got {' '.join(unknown)}")
    wanted = [name for name in known if name.startswith(tuple(chosen.explorers))]
    if not chosen.explorers and not chosen.files:
        wanted = known
    sys.path.insert(0, str(BROWSER))
    from conftest import LAUNCH, browser_path
    from lab_server import running_lab
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=browser_path(), **LAUNCH)
        stack.callback(browser.close)
        if chosen.files:
            files(browser, folder, chosen.repeats)
        if not wanted:
            return
        former = None
        if chosen.old:
            former = chosen.old.resolve()
        home = folder / "lab"
        home.mkdir()
        lab = stack.enter_context(running_lab(home))
        drawn_explorers(lab, browser, wanted, chosen.repeats, former)


if __name__ == "__main__":
    main()
