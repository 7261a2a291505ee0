"""Two explorers that share what a person chose: in JupyterLab, over a reload, and in one file."""

import inspect

import explorer_data
import pytest
from driving import Driven, Exported, Live
from lab_server import write_notebook
from playwright.sync_api import expect

from adviz import explore

NAMES = ["retrieval", "thresholds"]
LINK = """from adviz import explore
retrieval = explore.retrieval(categories, predictions)
thresholds = explore.thresholds(categories, predictions)
explore.link(retrieval, thresholds)
retrieval"""
RESTART = """async () => {
  await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart();
}"""


def one_moves_the_other(first, second):
    """A pick, an image, a threshold and a zoom in one are seen in the other, and back."""
    first.choose("order", "as stored")
    second.becomes(order="as stored")
    first.pick(100, 60)
    second.becomes(picked=[100, 60])
    expect(second.find(".av-readout").first).to_contain_text("row 100, column 60")
    second.press("]")
    first.becomes(image=1, picked=[])
    second.drag_threshold(40)
    second.until(lambda: second.state("thresholds"), "a threshold")
    first.becomes(thresholds=second.state("thresholds"))
    assert first.facts()[0] == pytest.approx(second.facts()[0])
    first.press("+", first.canvas)
    first.until(lambda: first.state("zoom"), "a zoom")
    second.becomes(zoom=first.state("zoom"))
    second.choose("category", "hex_nut")
    first.becomes(category="hex_nut", image=0, zoom=[])
    first.press("2")
    second.becomes(detector="PatchCore")


def test_in_one_file(exported_page):
    given = explorer_data.categories, explorer_data.predictions
    views = [getattr(explore, name)(*given) for name in NAMES]
    explore.link(*views)
    page = exported_page(views[0])  # which takes the other one along
    first, second = (Driven(page.explorer(i), Exported(page.browser, i)) for i in range(2))
    first.complete()
    one_moves_the_other(first, second)


@pytest.fixture(scope="module")
def notebook(lab, shared_page):
    source = inspect.getsource(explorer_data)
    write_notebook(lab.folder, "linked.ipynb", source, LINK, "thresholds")
    shared_page.run("linked.ipynb")
    return shared_page


def both(page):
    """Return the notebook's explorers, both of which are asked for their state in the kernel."""
    return [Driven(page.explorer(i), Live(page.browser, name)) for i, name in enumerate(NAMES)]


@pytest.mark.usefixtures("screenshot")
def test_in_jupyterlab(notebook):
    first, second = both(notebook)
    first.complete()
    one_moves_the_other(first, second)


@pytest.mark.usefixtures("screenshot")
def test_a_reloaded_page_shows_the_same_and_is_linked(notebook):
    first, second = both(notebook)
    first.pick(90, 90)
    second.becomes(picked=[90, 90])
    before = first.state()
    words = first.status.inner_text()
    notebook.reload()
    first, second = both(notebook)
    assert first.state() == before
    expect(first.status).to_have_text(words)
    first.complete()
    first.pick(50, 50)
    second.becomes(picked=[50, 50])
    expect(second.find(".av-readout").first).to_contain_text("row 50, column 50")


@pytest.mark.usefixtures("screenshot")
def test_a_kernel_that_was_restarted_is_told_in_words(notebook):
    """What is in the browser still answers, and the cell that is run again shows all."""
    explorer = notebook.explorer(0)
    notebook.browser.evaluate(RESTART)
    explorer.locator(".av-category select").select_option("mesh")
    explorer.locator(".av-defect select").select_option("good")
    expect(explorer.locator(".av-status")).to_contain_text("The kernel was restarted")
    explorer.locator(".av-order select").select_option("score")
    expect(explorer.locator(".av-gallery").first).to_contain_text("the highest score first")
    notebook.run("linked.ipynb")
    first, second = both(notebook)
    first.complete()
    first.pick(70, 70)
    second.becomes(picked=[70, 70])
