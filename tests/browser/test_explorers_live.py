"""Explorers in JupyterLab and in Notebook 7: every control and mark, with a kernel behind it."""

import inspect

import checks
import explorer_data
import pytest
from checks import EXPLORERS
from driving import Driven, Live
from lab_server import write_notebook

# Notebook 7 is JupyterLab's widgets and keys in another frame: one explorer there tells of all
CASES = [*(("lab", name) for name in EXPLORERS), ("notebook", "retrieval")]
MAKE = "from adviz import explore\n{0} = explore.{0}(categories, predictions)\n{0}"


def cells():
    return [inspect.getsource(explorer_data), *(MAKE.format(name) for name in EXPLORERS)]


@pytest.fixture(scope="module")
def page(request, lab):
    """Return the page of a notebook that displays all explorers, in one front end."""
    write_notebook(lab.folder, f"explorers_{request.param}.ipynb", *cells())
    name = f"explorers_{request.param}.ipynb"
    if request.param == "lab":
        found = request.getfixturevalue("shared_page")
    else:
        found = request.getfixturevalue("notebook_page")(name)
    found.run(name)
    return found


@pytest.fixture
def driven(page, request):
    number = EXPLORERS.index(request.param)
    found = Driven(page.explorer(number), Live(page.browser, request.param))
    found.reset()
    yield found
    found.reset()


@pytest.mark.parametrize("check", checks.SHARED, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("page", "driven"), CASES, indirect=True)
def test_it_answers(page, driven, check, request):
    try:
        check(driven)
    except Exception:
        page.screenshot(request.node.name)
        raise
