"""The curve of a training: it grows while a cell runs, and an epoch of it can be looked at."""

import numpy as np
import pytest
from driving import Driven, Exported, Live
from lab_server import write_notebook
from pages import axe, opened_file
from playwright.sync_api import expect

from adviz import explore

MAKE = "import numpy as np\nfrom adviz import explore\nview = explore.training(5, title='student')\nview"
TRAIN = "for epoch in range(1, 5):\n    view.update(np.arange(9.0, 9 - epoch, -1))"


@pytest.fixture
def file(tmp_path):
    view = explore.training(5, title="student")
    view.update(np.array([9.0, 8.0, 7.0, 6.0]))
    return view.export(tmp_path / "training.html")


def look_at_epochs(driven):
    expect(driven.status).to_have_text("epoch 4 of 5 · loss 6.000")
    rule = driven.find(".av-threshold")
    driven.press("ArrowLeft", rule)
    driven.becomes(epoch=3)
    expect(driven.status).to_have_text("epoch 3 of 5 · loss 7.000 · 4 epochs are done")
    driven.find(".av-line-mark").first.click(force=True)
    driven.becomes(epoch=1)
    driven.press("End", rule)
    driven.becomes(epoch=0)  # it goes along with the training again


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_epoch_is_looked_at_in_a_file(chromium, file, scheme):
    with opened_file(chromium, file, scheme=scheme) as page:
        look_at_epochs(Driven(page.explorer(), Exported(page.browser)))
        found = axe(page.browser)
        assert found == [], "\n".join(found)


@pytest.mark.parametrize("width", [320, 900])
def test_its_text_stays_legible(chromium, file, width):
    with opened_file(chromium, file, width=width) as page:
        assert page.wider() <= 0
        sizes = (
            page.explorer()
            .locator("svg text")
            .evaluate_all(
                "all => all.filter(one => one.textContent).map(one => one.getBoundingClientRect().height)"
            )
        )
        assert min(sizes) >= 12


def test_it_grows_while_a_cell_runs(lab, shared_page):
    write_notebook(lab.folder, "training.ipynb", MAKE, TRAIN)
    shared_page.run("training.ipynb")
    driven = Driven(shared_page.explorer(), Live(shared_page.browser, "view"))
    look_at_epochs(driven)
