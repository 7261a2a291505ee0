"""The notebook that trains students, in JupyterLab.

The curve grows, and the layers' maps can be picked.
"""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def notebook(shared_page):
    """Return the code cells after a run in the shared page; four students are trained."""
    return shared_page.run_all("04_reverse_distillation.ipynb", seconds=600)


def view(page, title):
    """Return the status line of the first view whose status matches."""
    return page.find(".adviz-status").filter(has_text=title).first


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
    line = view(shared_page, "transistor")
    line.scroll_into_view_if_needed()
    position, count = map(int, re.search(r"image (\d+) of (\d+)", line.text_content()).groups())
    name, step = (".adviz-next", 1) if position < count else (".adviz-previous", -1)
    shared_page.changes(shared_page.find(name).first.click, number=1)  # the first is the curve
    expect(line).to_contain_text(f"image {position + step} of {count}")
