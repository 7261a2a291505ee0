"""How long every explorer takes to answer, in JupyterLab and Chromium, on the built-in data.

    python -m benchmarks.explorers                       # all; needs Chromium and the test extras
    python -m benchmarks.explorers layers pro --repeats 40
    git worktree add ../former 9994d3f
    python -m benchmarks.explorers retrieval compare --old ../former   # beside those of a commit
    python -m benchmarks.explorers --files               # and exported pages of six categories

Explorers that draw themselves (results, retrieval, thresholds, compare) are measured by
`benchmarks.drawn`. Of the others a control is moved as a person would (choose the next option,
press an arrow key on a slider or an image, click); the clock, the page's own, runs from the event
to the first frame in which the kernel's answer is seen: another picture, another status line, or
that work has begun; for what never asks the kernel, such as opacity, to the next drawing. Each is
moved `--repeats` times, one after the other has settled.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import drawn

os.environ.setdefault("ADVIZ_PROGRESS", "0")

BROWSER = Path(__file__).resolve().parents[1] / "tests" / "browser"
TARGET = 0.3  # seconds, 95th percentile

PREPARE = """import numpy as np
from dataclasses import replace
from adviz import SPADE, Backbone, PaDiM, PatchCore, data, evaluate, explore
backbone = Backbone("efficientnet_lite0")
categories = {name: data.demo(name) for name in ("capsule", "bottle")}
features = {n: (backbone.extract(c.train), backbone.extract(c.test)) for n, c in categories.items()}
methods = {"SPADE": SPADE(layers=(8, 16), k_images=10), "PaDiM": PaDiM(layers=(8, 16)),
           "PatchCore": PatchCore(coreset=0.02)}
found = {n: {m: d.fit(train).predict(test) for m, d in methods.items()} for n, (train, test) in features.items()}"""
# In the order in which they are displayed, each with a name of its own
DRAWN = """
from IPython.display import display
shown = {}
for name in NAMES:
    shown[name] = getattr(explore, name)(categories, found)
    display(shown[name])
for view in shown.values():
    getattr(view, "wait", lambda: None)()"""
BUILT_IN = ("bottle", "brick", "capsule", "hex_nut", "mesh", "transistor")
EXPLORERS = {
    "layers": "explore.layers(categories, found)",
    "coreset": """train, test = features["capsule"]
fitted = {s: PatchCore(coreset=0.1, sampler=s).fit(train) for s in ("greedy", "random")}
budgets = [0.001, 0.01, 0.1]
predictions = {s: d.predict_coreset_sizes(test, budgets) for s, d in fitted.items()}
view = explore.coreset(categories["capsule"], {s: d.trace_ for s, d in fitted.items()}, predictions)
view.wait()
view""",
    "pro": """view = explore.pro(categories, found)
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
view.paper, view.table, view.cell = "patchcore", "S1", ("PatchCore, coreset=1%", "screw")
view""",
}

CONTROLS = "slider dropdown label button checkbox toggle-buttons text".split()
# Watches everything of an explorer but its controls, which change at once.
WATCH = """([root, controls]) => {
  window.advizTimes = { start: performance.now() };
  for (const kind of ['change', 'click', 'keydown', 'pointerup'])
    document.addEventListener(kind, () => { window.advizTimes = { start: performance.now() }; }, true);
  window.advizObserver?.disconnect();
  window.advizObserver = new MutationObserver(list => {
    const times = window.advizTimes;
    times.last = performance.now();
    for (const { target, type } of list) {
      if ((target.closest ? target : target.parentElement)?.closest(controls)) continue;
      const name = type === 'attributes' ? 'drawn' : 'answered';
      requestAnimationFrame(() => { times[name] ??= performance.now(); });
    }
  });
  window.advizObserver.observe(root, { subtree: true, childList: true, characterData: true, attributes: true,
    attributeFilter: ['data-drawn'] });
}"""
# Resolves, when nothing has changed for a while, to the milliseconds from the event to the answer,
# or null.
ANSWER = """async patience => {
  const pause = time => new Promise(done => setTimeout(done, time));
  const times = window.advizTimes;
  while (!times.answered && performance.now() < times.start + patience) await pause(5);
  while (times.last && performance.now() - times.last < 300) await pause(50);
  const end = times.answered ?? times.drawn;
  return end ? end - times.start : null;
}"""
# Ms to wait for the kernel; longer answers are counted as this long where something was drawn
PATIENCE = 1500


def controls(root: Any) -> list[tuple[str, str]]:
    """Return (name, kind) of an explorer's controls that can be used, as found on the page."""
    kinds = {
        "cell": "table.adviz-grid",  # before the table is another, perhaps of one cell
        "select": ".widget-dropdown",
        "slider": ".widget-slider",
        "button": "button.widget-button",
        "checkbox": ".widget-checkbox",
        "toggle": ".widget-toggle-buttons",
        "canvas": "canvas.adviz-overlay, canvas.adviz-scatter",
    }
    found = []
    for kind, selector in kinds.items():
        for element in root.locator(selector).all():
            name = element.evaluate(
                "e => [...(e.closest('[class*=adviz-]') || e).classList].filter(c => c.startsWith('adviz-'))[0] || ''"
            )
            if (
                element.is_visible()
                and name not in ("", "adviz-stop")
                and (name, kind) not in found
            ):
                found.append((name, kind))
    return found


def move(root: Any, name: str, kind: str, turn: int) -> bool:
    """Use a control once; return whether it could be used."""
    element = root.locator(f".{name}").first
    if not element.is_visible() or element.locator("[disabled]").count():
        return False
    if kind == "select":
        select = element.locator("select")
        count = select.locator("option").count()
        if count < 2:
            return False
        at = select.evaluate("s => s.selectedIndex")
        select.select_option(index=(at + 1) % count)
    elif kind == "slider":
        handle = element.locator(".noUi-handle").first
        now, least, most = (
            float(handle.get_attribute(f"aria-value{part}") or 0) for part in ("now", "min", "max")
        )
        if least == most:
            return False
        handle.press("ArrowLeft" if now >= most or (turn % 2 and now > least) else "ArrowRight")
    elif kind == "checkbox":
        element.locator("input").click()
    elif kind == "toggle":
        buttons = element.locator("button")
        buttons.nth(turn % buttons.count()).click()
    elif kind == "button":
        if element.is_disabled():
            return False
        element.click()
    elif kind == "cell":
        cells = element.locator("td:not(:empty)")
        cells.nth((7 * turn + 3) % cells.count()).click()
    else:
        box = element.bounding_box()
        place = {
            "x": (37 * turn + 20) % int(box["width"] - 4) + 2,
            "y": (61 * turn + 30) % int(box["height"] - 4) + 2,
        }
        element.click(position=place)
    return True


def measure(page: Any, root: Any, repeats: int) -> dict[tuple[str, str], list[float]]:
    """Return control -> seconds of each move."""
    page.browser.evaluate(
        WATCH, [root.element_handle(), ",".join(f".widget-{name}" for name in CONTROLS)]
    )
    times: dict[tuple[str, str], list[float]] = {}
    page.browser.wait_for_timeout(1000)  # until the modules of widgets are loaded
    for name, kind in controls(root):
        for turn in range(repeats):
            root.scroll_into_view_if_needed()
            page.browser.evaluate("() => { window.advizTimes = { start: performance.now() }; }")
            if not move(root, name, kind, turn):
                break
            answer = page.browser.evaluate(ANSWER, PATIENCE)
            if answer is not None:
                times.setdefault((name, kind), []).append(answer / 1000)
        first = root.locator(f".{name} select").first
        if kind == "select" and first.is_visible() and first.is_enabled():
            first.select_option(index=0)
            page.browser.evaluate(ANSWER, PATIENCE)
    return times


def report(explorer: str, times: dict[tuple[str, str], list[float]]) -> None:
    """Print a row for every control, and one for all of them."""
    rows = {
        f"{name.removeprefix('adviz-')} ({kind})": found for (name, kind), found in times.items()
    }
    rows["all"] = [value for found in times.values() for value in found]
    for name, found in rows.items():
        worst = statistics.quantiles(found, n=20)[-1] if len(found) > 1 else found[0]
        verdict = "yes" if worst <= TARGET else "**no**"
        print(
            f"| {explorer} | {name} | {len(found)} | {statistics.median(found):.3f} | {worst:.3f} | {verdict} |"
        )


def other_explorers(lab: Any, browser: Any, names: list[str], repeats: int) -> None:
    """Print a table of every control of explorers that the kernel draws."""
    from conftest import opened
    from lab_server import write_notebook

    print("| explorer | control | moves | median s | p95 s | within 0.3 s |")
    print("|---|---|---:|---:|---:|---|", flush=True)
    for name in names:
        write_notebook(lab.folder, f"{name}.ipynb", PREPARE, EXPLORERS[name])
        with opened(lab, browser) as page:
            run(page, f"{name}.ipynb")
            root = page.find(".jp-OutputArea-output:has(.adviz-status)").last
            report(name, measure(page, root, repeats))
            sys.stdout.flush()


def drawn_explorers(
    lab: Any, browser: Any, names: list[str], repeats: int, former: Path | None
) -> None:
    """Print a table of what explorers that draw themselves take, and those of former code."""
    from conftest import opened
    from lab_server import write_notebook

    sources = {"now": PREPARE}
    if former is not None:
        # before anything imports adviz
        sources["before"] = f"import sys\nsys.path.insert(0, {str(former)!r})\n{PREPARE}"
    print(drawn.HEAD, flush=True)
    for way, source in sources.items():
        for name in names:
            file = f"{way}_{name}.ipynb"
            write_notebook(lab.folder, file, source, f"NAMES = [{name!r}]{DRAWN}")
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
    detectors = {
        "SPADE": SPADE(layers=(8, 16), k_images=10),
        "PaDiM": PaDiM(layers=(8, 16)),
        "PatchCore": PatchCore(coreset=0.02),
    }
    print(drawn.FILE_HEAD, flush=True)
    for name in BUILT_IN:
        category = data.demo(name)
        train = backbone.extract(category.train)
        test = backbone.extract(category.test)
        found = {label: one.fit(train).predict(test) for label, one in detectors.items()}
        view = explore.retrieval(category, found)
        print(drawn.exported(browser, view, name, folder, repeats).row(), flush=True)


def run(page: Any, file: str) -> None:
    """Run a notebook, none of whose cells may raise."""
    cells = page.run_all(file, seconds=600)
    outputs = [output for cell in cells for output in cell["outputs"]]
    errors = [output for output in outputs if output["output_type"] == "error"]
    assert not errors, errors


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [*drawn.NAMES, *EXPLORERS]
    parser.add_argument("explorers", nargs="*", help=f"some of: {' '.join(known)}; none = all")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument(
        "--old", type=Path, metavar="FOLDER", help="working tree of the version to compare with"
    )
    parser.add_argument("--files", action="store_true", help="measure exported pages, too")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.explorers) - set(known))
    if unknown:
        parser.error(f"expected some of {' '.join(known)}, got {' '.join(unknown)}")
    wanted = chosen.explorers or ([] if chosen.files else known)
    others = [name for name in wanted if name in EXPLORERS]
    own = [name for name in wanted if name in drawn.NAMES]

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
        if own:
            drawn_explorers(lab, browser, own, chosen.repeats, former)
        if others:
            other_explorers(lab, browser, others, chosen.repeats)


if __name__ == "__main__":
    main()
