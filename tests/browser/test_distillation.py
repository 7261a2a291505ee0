"""The notebook that trains students, in JupyterLab.

The curve grows, and the layers' maps can be picked.
"""

import re

import pytest
from playwright.sync_api import expect

# nbval runs the notebook, test_training.py and test_layers.py try its explorers live
pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def notebook(shared_page):
    """Return the code cells after a run in the shared page; four students are trained."""
    return shared_page.run_all("04_reverse_distillation.ipynb", seconds=600)


@pytest.mark.usefixtures("screenshot")
def test_every_cell_ran_without_error(notebook):
    errors = [
        output
        for cell in notebook
        for output in cell["outputs"]
        if output["output_type"] == "error"
    ]
    assert errors == []
    assert [cell["execution_count"] for cell in notebook] == list(range(1, len(notebook) + 1))


@pytest.mark.usefixtures("notebook", "screenshot")
def test_the_curve_has_grown_to_its_end(shared_page):
    line = shared_page.find(".av-status").filter(has_text=re.compile(r"epoch \d+ of")).first
    line.scroll_into_view_if_needed()
    done, epochs = map(int, re.search(r"epoch (\d+) of (\d+)", line.text_content()).groups())
    assert done == epochs > 1


@pytest.mark.usefixtures("notebook", "screenshot")
def test_the_layers_maps_follow_the_image(shared_page):
    line = shared_page.find(".av-status").filter(has_text="transistor").first
    line.scroll_into_view_if_needed()
    explorer = line.locator("xpath=ancestor::div[contains(@class, 'av-explorer')]")
    counter = explorer.locator(".av-counter")
    position, count = map(int, re.findall(r"\d+", counter.text_content()))
    name, step = ("next", 1) if position < count else ("previous", -1)
    fused = explorer.locator("canvas.av-picture-canvas")
    before = int(fused.get_attribute("data-drawn"))
    explorer.locator(f"button.av-{name}").click()
    expect(counter).to_have_text(f"{position + step} of {count}")
    shared_page.browser.wait_for_function(
        "([canvas, before]) => Number(canvas.dataset.drawn) > before",
        arg=[fused.element_handle(), before],
    )
    expect(line).to_contain_text("fusion")
