"""The papers' tables in JupyterLab and in an exported file.

Tables and cells are picked, missing cells run and fill, are stopped, go on.
"""

import re

import pytest
from driving import Driven, Exported, Live
from lab_server import CONTRAST, write_notebook
from pages import axe
from paper_tables import LINE, papers
from playwright.sync_api import expect

CELL = """import tempfile
from adviz import explore, tables
setting = tables.reduced(("bottle", "mesh"), every=8, scale=0.25)
view = explore.tables(tables.Book(setting, tempfile.mkdtemp() + "/results"))
view.paper, view.table, view.cell = "patchcore", "S1", ("PatchCore, coreset=1%", "bottle")
view"""
RUNS = 60_000  # ms that experiments may take
BOTH = "printed | ours"


class Tables(Driven):
    """The explorer of tables as a person uses it."""

    def cell(self, line, place):
        """Return the cell of a method and a category, whichever of them is the row.

        On other data than the paper's it is ours, which stand behind the printed ones.
        """
        at = self.find(".av-cell-table").evaluate(
            """(table, [line, place]) => {
              const name = head => head.innerText.replace(/[\\s,]+/g, " ").trim();
              const like = text => text.replaceAll(",", "");
              const columns = [...[...table.tHead.rows].at(-1).cells].slice(1).map(name);
              const rows = [...table.tBodies[0].rows].map(row => name(row.cells[0]));
              for (const [a, b] of [[like(line), like(place)], [like(place), like(line)]])
                if (rows.includes(a) && columns.includes(b))
                  return [rows.lastIndexOf(a), columns.lastIndexOf(b)];
              throw new Error(`${line}, ${place}: ${rows} | ${columns}`);
            }""",
            [line, place],
        )
        return self.find(".av-cell-table tbody tr").nth(at[0]).locator("td").nth(at[1])

    def complete(self):
        """Wait until the table is there."""
        expect(self.find(".av-cell-table td").first).to_be_visible()

    @property
    def picked(self):
        return self.find(".av-cell-table td[aria-selected=true]")

    def text(self, selector):
        return self.find(selector).first.inner_text()

    def table_is(self, words):
        expect(self.find(".av-paper-table h2")).to_contain_text(words)


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "tables.ipynb", CELL)
    shared_page.run("tables.ipynb")
    return shared_page


@pytest.fixture
def live(explorer, screenshot):
    return Tables(explorer.explorer(), Live(explorer.browser, "view"))


def test_a_cell_is_run_and_filled(live):
    expect(live.status).to_contain_text("PatchCore, Table S1 · 0 of 10 experiments done")
    expect(live.find(".av-run-cell")).to_have_text("run this cell (1)")
    expect(live.cell(LINE, "bottle")).to_have_text("…")
    groups = live.find(".av-cell-table th.av-group")
    expect(groups).to_have_text(["printed", "ours: built-in images"])
    live.push("run-cell")
    expect(live.cell(LINE, "bottle")).to_have_text(re.compile(r"^\d+\.\d$"), timeout=RUNS)
    expect(live.cell(LINE, "average")).to_have_text("1/2")
    expect(live.status).to_contain_text("1 of 10 experiments done")
    expect(live.find(".av-method")).to_contain_text("coreset=0.01")
    expect(live.find(".av-method")).to_contain_text("torch")
    expect(live.find(".av-run-cell")).to_be_disabled()
    expect(live.find(".av-stored")).to_contain_text("image auroc")  # its only experiment is open
    expect(live.find(".av-stored .av-strip")).to_be_visible()


def test_the_rest_fills_while_it_runs_and_can_be_stopped(live):
    live.push("run-all")
    expect(live.find(".av-busy")).to_contain_text(re.compile(r"computing \d of 9 done"))
    expect(live.find(".av-cell-table")).to_contain_text("queued")
    expect(live.status).to_contain_text(re.compile("[2-8] of 10 experiments done"), timeout=RUNS)
    live.push("stop")
    expect(live.status).to_contain_text("stopped · PatchCore, Table S1")
    expect(live.find(".av-busy")).to_be_hidden(timeout=RUNS)
    expect(live.status).to_contain_text("stopped · PatchCore, Table S1")
    expect(live.find(".av-cell-table")).not_to_contain_text("queued")
    left = int(re.search(r"\d+", live.text(".av-run-all"))[0])
    assert 0 < left < 9
    live.push("run-all")
    expect(live.status).to_contain_text("10 of 10 experiments done", timeout=RUNS)
    expect(live.find(".av-busy")).to_be_hidden()
    expect(live.cell(LINE, "average")).to_have_text(re.compile(r"^\d+\.\d$"))
    expect(live.find(".av-run-all")).to_be_disabled()


def test_a_line_of_another_table(live):
    live.choose("table", "2")
    live.table_is("Table 2")
    expect(live.status).to_contain_text("10 of 10 experiments done")  # the same experiments
    live.choose("table", "S6")
    live.table_is("Table S6")
    live.becomes(cell=[])  # it has no such cell
    expect(live.find(".av-run-line")).to_contain_text("run PatchCore, coreset=10%, backbone=")
    live.push("run-line")
    expect(live.find(".av-run-line")).to_be_disabled()
    expect(live.find(".av-busy")).to_be_hidden(timeout=RUNS)
    expect(live.find(".av-cell-values")).to_have_text(re.compile(r"ours \d+\.\d \(values in %\)"))


def test_python_and_the_browser_agree(live):
    live.place.assign({"table": "S1", "cell": [LINE, "mesh"]})
    live.table_is("Table S1")
    expect(live.status).to_contain_text(f"{LINE} · mesh")
    live.cell(LINE, "bottle").click()
    live.becomes(cell=[LINE, "bottle"])
    live.press("Control+z")
    live.becomes(cell=[LINE, "mesh"])


def test_the_dark_theme_is_legible(explorer, live):
    explorer.use_theme("JupyterLab Dark")
    try:
        parts = (".av-cell-table", ".av-legend", ".av-cell-detail")
        contrasts = [live.find(one).first.evaluate(CONTRAST) for one in parts]
    finally:
        explorer.use_theme("JupyterLab Light")
    assert min(contrasts) >= 4.5


def test_a_reloaded_page_shows_the_same(explorer, live):
    live.cell(LINE, "average").click()
    live.becomes(cell=[LINE, "average"])
    status = live.status.inner_text()
    table = live.text(".av-cell-table")
    explorer.reload()
    again = Tables(explorer.explorer(), Live(explorer.browser, "view"))
    expect(again.status).to_have_text(status)
    assert again.text(".av-cell-table") == table
    expect(again.find(".av-table select")).to_have_value("S1")


# --- the papers' own tables, in a file


@pytest.fixture(scope="module")
def driven(exported_page):
    view = papers()
    view.state = {"paper": "patchcore", "table": "S2", "cell": ["PaDiM", "transistor"]}
    file = exported_page(view)
    return Tables(file.explorer(), Exported(file.browser))


@pytest.fixture
def page(driven):
    driven.reset()
    driven.table_is("Table S2")
    return driven


def test_a_file_has_no_buttons_to_run(page):
    expect(page.find(".av-runs")).to_be_hidden()


def test_cells_are_picked_by_clicks_and_keys(page):
    expect(page.find(".av-cell-detail")).to_contain_text("The printed value: uncertain:")
    page.cell(LINE, "bottle").click()
    page.becomes(cell=[LINE, "bottle"])
    expect(page.status).to_contain_text(f"{LINE} · bottle")
    for key, place in (("ArrowDown", "cable"), ("ArrowUp", "bottle"), ("ArrowUp", "bottle")):
        page.page.keyboard.press(key)
        page.becomes(cell=[LINE, place])
    page.page.keyboard.press("ArrowLeft")
    page.becomes(cell=["PatchCore, coreset=10%", "bottle"])
    page.page.keyboard.press("Home")
    page.becomes(cell=["SPADE", "bottle"])
    expect(page.picked).to_be_focused()
    page.page.keyboard.press("End")
    page.becomes(cell=["PatchSVDD", "bottle"])
    expect(page.find(".av-cell-detail")).to_contain_text("There is nothing of ours here")


def test_tab_reaches_the_table(page):
    page.find(".av-others input").focus()
    page.page.keyboard.press("Tab")
    expect(page.picked).to_be_focused()


def test_the_pointer_is_told_what_a_cell_holds(page):
    bubble = page.find(".av-cells .av-bubble")
    page.cell(LINE, "bottle").hover()
    expect(bubble).to_contain_text(f"{LINE} · bottle")
    expect(bubble).to_contain_text(re.compile(r"printed [\d.]+ · ours [\d.]+ · delta"))
    page.cell("PaDiM", "transistor").hover()
    expect(bubble).to_contain_text("uncertain")
    page.status.hover()
    expect(bubble).to_be_hidden()


def test_a_cell_opens_its_results(page):
    page.cell(LINE, "average").click()
    names = page.find(".av-experiments button")
    expect(names.first).to_have_attribute("aria-expanded", "false")
    expect(page.find(".av-stored")).to_be_hidden()
    first = names.first.inner_text()
    names.first.press("Enter")
    expect(page.find(".av-stored h2")).to_contain_text(f"on {first}")
    expect(page.find(".av-stored")).to_contain_text("pixel auroc")
    expect(page.find(".av-stored")).to_contain_text("60 images")
    page.find(".av-stored .av-strip").hover(position={"x": 5, "y": 5})
    expect(page.find(".av-experiments button").first).to_have_attribute("aria-expanded", "true")
    page.find(".av-experiments button").first.click()
    page.becomes(result="")
    expect(page.find(".av-stored")).to_be_hidden()


def test_every_control(page):
    for name, begin in (("ours", "Ours"), ("delta", "Ours - ")):
        page.find(".av-shows").get_by_text(name, exact=True).click()
        page.becomes(shows=name)
        expect(page.find(".av-legend")).to_have_text(re.compile(f"^{begin}"))
    expect(page.cell(LINE, "bottle")).to_have_text(re.compile(r"^[+-]\d+\.\d$"))
    page.find(".av-shows").first.click()
    page.becomes(shows=BOTH)
    page.find(".av-others input").click()
    expect(page.find(".av-cell-table")).not_to_contain_text("as printed")
    page.find(".av-others input").click()
    expect(page.find(".av-cell-table")).to_contain_text("as printed")
    page.choose("paper", "rd")
    page.becomes(paper="rd", table="1")
    page.choose("table", "2")
    expect(page.find(".av-legend")).to_contain_text("PRO-per-image: the mean over anomalous images")
    before = page.text(".av-cell-table")
    page.choose("pro", "global")
    expect(page.find(".av-legend")).to_contain_text("PRO-global: all thresholds")
    assert page.text(".av-cell-table") != before
    page.choose("table", "1")
    expect(page.find(".av-pro")).to_be_hidden()  # there is no PRO in it


def test_numbers_and_state_can_be_taken_away(page):
    page.entry("copy the Python line").click()
    line = page.page.evaluate("navigator.clipboard.readText()")
    assert '"table": "S2"' in line
    assert '"cell": ["PaDiM", "transistor"]' in line


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(exported_page, scheme):
    view = papers()
    view.state = {"paper": "patchcore", "table": "S1", "cell": [LINE, "bottle"]}
    page = exported_page(view, scheme=scheme)
    driven = Tables(page.explorer(), Exported(page.browser))
    expect(driven.find(".av-stored")).to_be_visible()
    driven.press("?")
    found = axe(page.browser)
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("width", [360, 900])
def test_a_wide_table_is_scrolled_in_its_own_place(exported_page, width):
    view = papers()
    view.state = {"paper": "rd", "table": "2"}
    page = exported_page(view, width=width)
    driven = Tables(page.explorer(), Exported(page.browser))
    driven.table_is("Table 2")
    assert page.wider() <= 0
    assert page.wider(".av-cell-box") > 0
    driven.picked.focus()
    driven.page.keyboard.press("End")
    left, right = driven.picked.evaluate(
        """cell => {
          const box = cell.closest('.av-cell-box').getBoundingClientRect();
          const { left, right } = cell.getBoundingClientRect();
          return [left - box.left, box.right - right];
        }"""
    )
    assert left > 0
    assert right > -2
