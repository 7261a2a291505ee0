"""Explorers in JupyterLab and in Notebook 7: every control and mark, with a kernel behind it."""

import inspect

import checks
import explorer_data
import pytest
from checks import EXPLORERS
from driving import Driven, Live
from lab_server import write_notebook

MAKE = "from adviz import explore\n{0} = explore.{0}(categories, predictions)\n{0}"
IN_NOTEBOOK_7 = "retrieval"  # its widgets and keys are JupyterLab's: one explorer tells of all

every_check = pytest.mark.parametrize("check", checks.SHARED, ids=lambda check: check.__name__)


def write(lab, name, explorers):
    """Write a notebook that displays some explorers."""
    cells = [MAKE.format(explorer) for explorer in explorers]
    write_notebook(lab.folder, name, inspect.getsource(explorer_data), *cells)


@pytest.fixture(scope="module")
def lab_explorers(lab, shared_page):
    """Return a page of JupyterLab that displays all explorers."""
    write(lab, "explorers_lab.ipynb", EXPLORERS)
    shared_page.run("explorers_lab.ipynb")
    return shared_page


@pytest.fixture(scope="module")
def notebook_explorer(lab, notebook_page):
    """Return a page of Notebook 7 that displays one."""
    write(lab, "explorers_notebook.ipynb", [IN_NOTEBOOK_7])
    page = notebook_page("explorers_notebook.ipynb")
    page.run("explorers_notebook.ipynb")
    return page


def drive(page, number, name, check, request):
    """Do a check on an explorer of a page, and leave it as it was."""
    driven = Driven(page.explorer(number), Live(page.browser, name))
    driven.reset()
    try:
        check(driven)
    except Exception:
        page.screenshot(request.node.name)
        raise
    finally:
        driven.reset()


@every_check
@pytest.mark.parametrize("name", EXPLORERS)
def test_it_answers_in_jupyterlab(lab_explorers, name, check, request):
    drive(lab_explorers, EXPLORERS.index(name), name, check, request)


@every_check
def test_it_answers_in_notebook_7(notebook_explorer, check, request):
    drive(notebook_explorer, 0, IN_NOTEBOOK_7, check, request)
