"""The papers' tables in JupyterLab.

Tables and cells are picked, missing cells run and fill, are stopped, go on.
"""

import re

import pytest
from lab_server import CONTRAST, write_notebook
from playwright.sync_api import expect

CELL = """import tempfile
from adviz import explore, tables
setting = tables.reduced(("bottle", "mesh"), every=8, scale=0.25)
view = explore.tables(tables.Book(setting, tempfile.mkdtemp() + "/results"))
view.paper, view.table, view.cell = "patchcore", "S1", ("PatchCore, coreset=1%", "bottle")
view"""
# The papers' own table beside made-up rows: what a person with MVTec AD sees.
PAPERS = """import numpy as np
from adviz import sweep
from adviz.sweep.results import write
folder = tempfile.mkdtemp() + "/results"
book = tables.Book(None, folder)
rng = np.random.default_rng(0)
for paper, number in (("patchcore", "S1"), ("patchcore", "S2"), ("rd", 2)):
    for one in book.table(paper, number).missing:
        if one.category != "screw":
            names = ("image_auroc", "pixel_auroc", "pro", "pro_200", "pro_per_image")
            seconds = {"features": 9.0, "fit": 1.0}
            seconds |= {"forward_per_image": 0.1, "predict_per_image": 0.1}
            measured = {"seconds": seconds, "model_bytes": 2**20, "peak_bytes": 2**28, "threads": 1,
                        "versions": {"adviz": "0.1.0", "torch": "2.15.0", "timm": "1.0.31"},
                        "machine": {"processor": "x86_64", "cores": 2}}
            facts = {"backbone": "wide_resnet50_2", "digest": "8f1c9a"}
            facts |= {"n_train": 209, "n_test": 83}
            values = {name: float(rng.uniform(0.95, 1)) for name in names}
            write(sweep.ExperimentResult(one, facts, values, {}, {}, {}, {}, measured), book.folder)
papers = explore.tables(book)
papers.paper, papers.table, papers.cell = "patchcore", "S2", ("PaDiM", "transistor")
papers"""
MUTANT = """unwired = explore.tables(book)
unwired.paper, unwired.table = "patchcore", "S3"
for control in (unwired._table, unwired._pro, unwired._shows):
    control.unobserve_all("value")
unwired._grid.unobserve_all("picked")
unwired"""
SMALL, REAL, UNWIRED = 0, 1, 2
RUNS = 60_000  # ms that experiments may take
LINE = "PatchCore, coreset=1%"


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "tables.ipynb", CELL, PAPERS, MUTANT)
    shared_page.run("tables.ipynb")
    return shared_page


@pytest.fixture
def page(explorer, screenshot):
    return explorer


def part(page, selector, number=SMALL):
    return page.find(".jp-OutputArea-output:has(.adviz-status)").nth(number).locator(selector)


def show(page, number):
    part(page, ".adviz-paper", number).evaluate("part => part.scrollIntoView()")


def choose(page, name, value, number=SMALL):
    part(page, f".adviz-{name} select", number).select_option(label=value)


def cell(page, line, place, number=SMALL):
    """Return the cell of a method and a category, whichever of them is the row."""
    at = part(page, ".adviz-grid", number).evaluate(
        """(table, [line, place]) => {
          const name = head => head.innerText.replace(/[\\s,]+/g, " ").trim();
          const like = text => text.replaceAll(",", "");
          const columns = [...table.tHead.rows[0].cells].slice(1).map(name);
          const rows = [...table.tBodies[0].rows].map(row => name(row.cells[0]));
          for (const [a, b] of [[like(line), like(place)], [like(place), like(line)]])
            if (rows.includes(a) && columns.includes(b))
              return [rows.indexOf(a), columns.indexOf(b)];
          throw new Error(`${line}, ${place}: ${rows} | ${columns}`);
        }""",
        [line, place],
    )
    return part(page, ".adviz-grid", number).locator("tbody tr").nth(at[0]).locator("td").nth(at[1])


def status(page, number=SMALL):
    return part(page, ".adviz-status", number)


def test_a_cell_is_run_and_filled(page):
    show(page, SMALL)
    expect(status(page)).to_contain_text("PatchCore, Table S1 · 0 of 10 experiments done")
    expect(part(page, ".adviz-run-cell")).to_have_text("run this cell (1)")
    expect(cell(page, LINE, "bottle")).to_have_text("…")
    part(page, ".adviz-run-cell").click()
    expect(cell(page, LINE, "bottle")).to_have_text(re.compile(r"^\d+\.\d$"), timeout=RUNS)
    expect(cell(page, LINE, "average")).to_have_text("1/2")
    expect(status(page)).to_contain_text("1 of 10 experiments done")
    expect(part(page, ".adviz-view")).to_contain_text("coreset=0.01")
    expect(part(page, ".adviz-view")).to_contain_text("torch")
    expect(part(page, ".adviz-run-cell")).to_be_disabled()


def test_the_rest_fills_while_it_runs_and_can_be_stopped(page):
    show(page, SMALL)
    part(page, ".adviz-run-all").click()
    expect(part(page, ".adviz-busy")).to_contain_text(re.compile(r"computing \d of 9 done"))
    expect(part(page, ".adviz-grid")).to_contain_text("queued")
    expect(status(page)).to_contain_text(re.compile("[2-8] of 10 experiments done"), timeout=RUNS)
    page.screenshot("tables_while_it_runs")
    part(page, ".adviz-stop").click()
    expect(part(page, ".adviz-busy")).to_be_hidden()
    expect(status(page)).to_contain_text("stopped · PatchCore, Table S1")
    expect(part(page, ".adviz-grid")).not_to_contain_text("queued")
    left = int(re.search(r"\d+", part(page, ".adviz-run-all").inner_text())[0])
    assert 0 < left < 9
    part(page, ".adviz-run-all").click()
    expect(status(page)).to_contain_text("10 of 10 experiments done", timeout=RUNS)
    expect(part(page, ".adviz-busy")).to_be_hidden()
    expect(cell(page, LINE, "average")).to_have_text(re.compile(r"^\d+\.\d$"))
    expect(part(page, ".adviz-run-all")).to_be_disabled()


def test_a_line_of_another_table(page):
    show(page, SMALL)
    page.changes(lambda: choose(page, "table", "Table 2: pixel AUROC on MVTec AD, average"))
    expect(status(page)).to_contain_text("10 of 10 experiments done")  # the same experiments
    page.changes(lambda: choose(page, "table", "Table S6: backbones"))
    expect(part(page, ".adviz-run-line")).to_contain_text("run PatchCore, coreset=10%, backbone=")
    part(page, ".adviz-run-line").click()
    expect(part(page, ".adviz-run-line")).to_be_disabled()
    expect(part(page, ".adviz-busy")).to_be_hidden(timeout=RUNS)
    expect(part(page, ".adviz-view")).to_contain_text(
        re.compile(r"ours \d+\.\d \(values in %\)"), timeout=RUNS
    )


def test_cells_are_picked_by_clicks_and_keys(page):
    show(page, REAL)
    expect(part(page, ".adviz-view", REAL)).to_contain_text("The printed value: uncertain:")
    picked = part(page, ".adviz-grid td[aria-selected=true]", REAL)
    expect(picked).to_have_attribute("title", re.compile("uncertain"))
    page.changes(cell(page, LINE, "bottle", REAL).click, REAL)
    expect(status(page, REAL)).to_contain_text(f"{LINE} · bottle")
    for key, place in (("ArrowDown", "cable"), ("ArrowUp", "bottle"), ("ArrowUp", None)):
        page.browser.keyboard.press(key)
        if place:
            expect(status(page, REAL)).to_contain_text(f"{LINE} · {place}")
    page.browser.keyboard.press("ArrowLeft")
    expect(status(page, REAL)).to_contain_text("PatchCore, coreset=10% · bottle")
    page.browser.keyboard.press("Home")
    expect(status(page, REAL)).to_contain_text("SPADE · bottle")
    expect(part(page, ".adviz-grid", REAL).locator(":focus")).to_have_attribute(
        "aria-selected", "true"
    )
    page.browser.keyboard.press("End")
    expect(status(page, REAL)).to_contain_text("PatchSVDD · bottle")


def test_tab_reaches_the_grid(page):
    show(page, REAL)
    part(page, ".adviz-others input", REAL).focus()
    page.browser.keyboard.press("Tab")
    expect(part(page, ".adviz-grid", REAL).locator("td:focus")).to_have_count(1)


def test_every_control_of_the_papers_tables(page):
    show(page, REAL)
    for label in ("ours", "delta"):
        part(page, ".adviz-shows button", REAL).filter(has_text=re.compile(f"^{label}$")).click()
        expect(part(page, ".adviz-legend", REAL)).to_contain_text(
            re.compile(f"^{'Ours' if label == 'ours' else 'Ours - '}")
        )
    expect(cell(page, LINE, "bottle", REAL)).to_have_text(re.compile(r"^[+-]\d+\.\d$"))
    part(page, ".adviz-shows button", REAL).first.click()
    part(page, ".adviz-others input", REAL).click()
    expect(part(page, ".adviz-grid", REAL)).not_to_contain_text("as printed")
    part(page, ".adviz-others input", REAL).click()
    expect(part(page, ".adviz-grid", REAL)).to_contain_text("as printed")
    page.changes(lambda: choose(page, "paper", "Reverse distillation", REAL), REAL)
    page.changes(
        lambda: choose(page, "table", "Table 2: pixel AUROC and PRO by category", REAL), REAL
    )
    expect(part(page, ".adviz-legend", REAL)).to_contain_text(
        "PRO-per-image: the mean over anomalous images"
    )
    grid = part(page, ".adviz-grid", REAL)
    before = grid.inner_text()
    choose(page, "pro", "PRO-global", REAL)
    expect(part(page, ".adviz-legend", REAL)).to_contain_text("PRO-global: all thresholds")
    assert grid.inner_text() != before
    page.screenshot("tables_rd2")
    page.changes(lambda: choose(page, "paper", "PatchCore", REAL), REAL)
    page.changes(lambda: choose(page, "table", "Table S1: image AUROC by category", REAL), REAL)


def test_a_narrow_page_is_not_scrolled_sideways(page):
    page.browser.set_viewport_size({"width": 1000, "height": 900})
    show(page, REAL)
    wide = part(page, ".adviz-view", REAL).evaluate("part => part.scrollWidth - part.clientWidth")
    page.screenshot("tables_narrow")
    page.browser.set_viewport_size({"width": 1280, "height": 900})
    assert wide <= 1


def test_the_dark_theme_is_legible(page):
    page.use_theme("JupyterLab Dark")
    show(page, REAL)
    try:
        contrasts = [
            part(page, one, REAL).evaluate(CONTRAST)
            for one in (".adviz-grid", ".adviz-legend", ".adviz-view")
        ]
        page.screenshot("tables_dark")
    finally:
        page.use_theme("JupyterLab Light")
    assert min(contrasts) >= 4.5
    assert part(page, ".adviz-grid", REAL).evaluate(CONTRAST) >= 4.5


def test_a_reloaded_page_shows_the_same(page):
    show(page, REAL)
    page.changes(cell(page, LINE, "cable", REAL).click, REAL)
    text, grid = status(page, REAL).inner_text(), part(page, ".adviz-grid", REAL).inner_text()
    page.reload()
    expect(status(page, REAL)).to_have_text(text)
    expect(part(page, ".adviz-grid td[aria-selected=true]", REAL)).to_have_attribute(
        "title", re.compile("cable")
    )
    assert part(page, ".adviz-grid", REAL).inner_text() == grid
    expect(part(page, ".adviz-table select", REAL)).to_have_value(
        "Table S1: image AUROC by category"
    )
    show(page, REAL)


def test_controls_that_are_not_wired_are_noticed(page):
    show(page, UNWIRED)
    page.stays(lambda: choose(page, "table", "Table S1: image AUROC by category", UNWIRED), UNWIRED)
    page.stays(cell(page, LINE, "cable", UNWIRED).click, UNWIRED)
    page.stays(lambda: choose(page, "pro", "PRO-global", UNWIRED), UNWIRED)
