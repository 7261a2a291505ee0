"""The explorer of deviations: options are flipped, run, stopped, maps displayed, live and in a file."""

import inspect
import re

import made_up_runs
import pytest
from driving import Driven, Exported, Live
from lab_server import write_notebook
from pages import axe
from playwright.sync_api import expect

OFFICIAL = "paper → official · one after the other · image AUROC · mean"


class Deviations(Driven):
    """The explorer of deviations as a person uses it."""

    def complete(self):
        """Wait until the table is there."""
        expect(self.find(".av-cell-table td").first).to_be_visible()

    def option(self, name):
        return self.find(f'.av-option-list li[data-name="{name}"]')

    def bar(self, name):
        """Return the bar of a step by its name."""
        return self.find(".av-waterfall .av-step").filter(has_text=name)

    def heads(self):
        return self.find(".av-cell-table thead th").all_inner_texts()[1:]

    def titles(self):
        return self.find(".av-tile:visible div.av-tile-title:visible").all_inner_texts()


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "deviations.ipynb", inspect.getsource(made_up_runs) + "view")
    shared_page.run("deviations.ipynb")
    return shared_page


@pytest.fixture
def live(explorer, screenshot):
    return Deviations(explorer.explorer(), Live(explorer.browser, "view"))


def test_nothing_is_run_before_it_is_asked_for(live):
    expect(live.status).to_have_text(f"{OFFICIAL} · 0 of 8 runs")
    expect(live.find("button.av-run")).to_have_text("run 8 missing")
    expect(live.find(".av-waterfall")).to_contain_text("not run yet")
    expect(live.find(".av-maps")).to_contain_text("Choose a category")
    expect(live.find(".av-defect")).to_be_hidden()


def test_the_button_runs_what_is_missing(live):
    live.push("run")
    expect(live.status).to_have_text(f"{OFFICIAL} · 8 of 8 runs", timeout=20_000)
    expect(live.find("button.av-run")).to_be_disabled()
    expect(live.find(".av-cell-table")).to_contain_text(re.compile(r"[+-]\d+\.\d"))
    expect(live.find(".av-remarks")).to_contain_text("95% interval")
    assert live.heads() == ["paper", "start", "image_score", "distance", "official"]


def test_options_are_flipped_and_moved_live(live):
    live.option("start").locator(".av-down").click()
    live.becomes(orders={"official": ["image_score", "start", "distance"]})
    assert live.heads() == ["paper", "image_score", "start", "distance", "official"]
    expect(live.status).to_contain_text("6 of 8 runs")
    live.press("Control+z")
    live.becomes(orders={})
    expect(live.status).to_contain_text("8 of 8 runs")


def test_long_runs_can_be_stopped(live):
    live.choose("target", "slow")
    expect(live.status).to_contain_text("2 of 6 runs")
    expect(live.option("no <b>change</b> at all")).to_contain_text("no <b>change</b> at all: 1 → 1")
    live.push("run")
    expect(live.find(".av-busy")).to_contain_text("hex_nut: 2 of 3: epoch")
    live.push("stop")
    expect(live.find(".av-busy")).to_be_hidden()
    expect(live.status).to_contain_text("stopped · paper → slow")
    live.choose("target", "official")
    expect(live.status).to_contain_text("8 of 8 runs")
    expect(live.status).not_to_contain_text("stopped")


def test_a_reloaded_page_shows_the_same(explorer, live):
    live.choose("category", "brick")
    live.bar("image_score").click()
    live.becomes(step="image_score", category="brick")
    status = live.status.inner_text()
    explorer.reload()
    again = Deviations(explorer.explorer(), Live(explorer.browser, "view"))
    expect(again.status).to_have_text(status)
    expect(again.bar("image_score")).to_have_attribute("aria-pressed", "true")
    expect(again.find(".av-maps")).to_contain_text("image_score: max")


# --- in a file


@pytest.fixture(scope="module")
def made():
    view = made_up_runs.view
    view.run()
    view.wait()
    view.state = {"category": "hex_nut", "step": "start"}
    return view


@pytest.fixture(scope="module")
def driven(exported_page, made):
    file = exported_page(made, images=[0, 5, 8, 9])
    return Deviations(file.explorer(), Exported(file.browser))


@pytest.fixture
def page(driven):
    driven.reset()
    expect(driven.find(".av-before-after h2")).to_contain_text("start")
    return driven


def test_a_file_has_no_button_to_run(page):
    expect(page.find("button.av-run")).to_be_hidden()
    expect(page.status).to_contain_text("8 of 8 runs")


def test_a_bar_shows_the_maps_before_and_after_its_step(page):
    page.until(lambda: len(page.titles()) == 5, "five pictures")
    assert page.titles()[2:] == ["start: farthest", "start: anchors", "after - before"]
    page.bar("distance").click()
    page.becomes(step="distance")
    expect(page.find(".av-maps .av-note")).to_contain_text("distance changes the unit of the maps")
    assert page.titles()[2:4] == ["distance: euclidean", "distance: squared"]
    page.bar("distance").press("ArrowDown")
    page.becomes(step="all together")
    assert page.titles()[2:4] == ["paper", "official"]
    page.page.keyboard.press("ArrowUp")
    page.page.keyboard.press("ArrowUp")
    page.becomes(step="image_score")
    page.bar("start").press("Enter")
    page.becomes(step="start")


def test_numbers_beside_bars_do_not_overlap(page):
    boxes = page.find(".av-waterfall text").evaluate_all(
        "all => all.map(one => { const b = one.getBoundingClientRect();"
        " return [b.left, b.top, b.right, b.bottom]; })"
    )
    for i, (left, top, right, bottom) in enumerate(boxes):
        for other in boxes[i + 1 :]:
            across = min(right, other[2]) - max(left, other[0])
            down = min(bottom, other[3]) - max(top, other[1])
            assert across <= 1 or down <= 3


def test_options_are_flipped_moved_and_dragged(page):
    page.option("distance").locator("input").press("Space")
    page.becomes(flips={"official": ["start", "image_score"]})
    assert page.heads() == ["paper", "start", "image_score", "all together"]
    expect(page.option("distance").locator("input")).to_be_focused()
    page.option("distance").locator("input").click()
    expect(page.option("start").locator(".av-up")).to_be_disabled()
    page.option("start").locator(".av-down").press("Enter")
    page.becomes(orders={"official": ["image_score", "start", "distance"]})
    expect(page.option("start").locator(".av-down")).to_be_focused()
    page.page.keyboard.press("Enter")
    page.becomes(orders={"official": ["image_score", "distance", "start"]})
    page.option("start").drag_to(page.option("image_score"))
    page.becomes(orders={"official": ["start", "image_score", "distance"]})
    assert page.heads() == ["paper", "start", "image_score", "distance", "official"]


def test_a_number_is_its_category_and_its_step(page):
    cells = page.find(".av-cell-table tbody tr").nth(1).locator("td")
    cells.nth(2).click()
    page.becomes(category="brick", step="image_score")
    page.page.keyboard.press("ArrowRight")
    page.becomes(category="brick", step="distance")
    page.page.keyboard.press("ArrowDown")
    page.becomes(category="mean")
    expect(page.find(".av-maps")).to_contain_text("Choose a category")


def test_images_defects_and_pixels(page):
    page.press("]")
    page.becomes(image=5)
    page.push("previous")
    page.becomes(image=0)
    defect = page.find(".av-defect option").nth(1).inner_text()
    page.choose("defect", defect)
    page.becomes(defect=defect)
    canvas = page.find(".av-tile-stage canvas").nth(2)
    canvas.click(position={"x": 50, "y": 60})
    page.until(lambda: page.state("picked"), "a pixel")
    assert page.find(".av-tile-cross:visible").count() == 5


def test_other_metrics_and_modes(page):
    page.choose("metric", "PRO")
    page.becomes(metric="PRO")
    expect(page.find(".av-waterfall")).to_contain_text("PRO-global, points")
    page.choose("mode", "each alone")
    expect(page.status).to_contain_text("6 of 10 runs")
    expect(page.find(".av-waterfall")).to_contain_text("not in this file")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(exported_page, made, scheme):
    page = exported_page(made, scheme=scheme, images=[0, 8])
    driven = Deviations(page.explorer(), Exported(page.browser))
    driven.until(lambda: len(driven.titles()) == 5, "five pictures")
    driven.press("?")
    found = axe(page.browser)
    assert found == [], "\n".join(found)


@pytest.mark.parametrize("width", [360, 900])
def test_it_fits_into_a_narrow_window(exported_page, made, width):
    page = exported_page(made, width=width, images=[0, 8])
    driven = Deviations(page.explorer(), Exported(page.browser))
    driven.until(lambda: len(driven.titles()) == 5, "five pictures")
    assert page.wider() <= 0
    driven.bar("distance").click()
    driven.becomes(step="distance")
