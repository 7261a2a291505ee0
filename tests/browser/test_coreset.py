"""The coreset explorer in JupyterLab and in an exported file: scatter, lasso, sizes, images, keys."""

import re

import numpy as np
import pytest
from driving import ASK, Driven, Exported, Live
from lab_server import write_notebook
from pages import axe, opened_file
from playwright.sync_api import expect

from adviz import data, explore
from adviz.core import CoresetTrace

CELL = """import numpy as np
from adviz import Features, PatchCore, explore
from adviz.data import Category, Geometry, Split
rng, size = np.random.default_rng(0), Geometry(64, crop=False)
images = rng.integers(0, 255, (12, 64, 64, 3), dtype=np.uint8)
train = Split.from_arrays(images[:8], [0] * 8, geometry=size)
test = Split.from_arrays(images[8:], [0, 0, 1, 1], geometry=size)
layers = lambda n: {"layer": rng.normal(size=(n, 5, 8, 8)).astype(np.float32)}
old, new = (Features(layers(len(split)), image_size=(64, 64)) for split in (train, test))
banks = {
    name: PatchCore(layers=("layer",), coreset=0.5, sampler=name).fit(old)
    for name in ("greedy", "random")
}
found = {name: bank.predict_coreset_sizes(new, [0.02, 0.1, 0.5]) for name, bank in banks.items()}
traces = {name: bank.trace_ for name, bank in banks.items()}
view = explore.coreset(Category("tile", train, test), traces, found)
view.wait()
"""
STARTS = {"budget": 5, "colour": "distance to the coreset"}
# Colour of a pixel of the points' canvas, CSS pixels
PIXEL = """(canvas, [x, y]) => {
  const ratio = canvas.width / canvas.clientWidth;
  return Array.from(canvas.getContext("2d").getImageData(x * ratio, y * ratio, 1, 1).data);
}"""


class Bank(Driven):
    """The explorer as a person uses it; it is complete when its points are there."""

    @property
    def points(self):
        return self.find("canvas.av-cloud-marks")

    @property
    def selection(self):
        return self.find(".av-patches").filter(has_text="selected")

    def complete(self):
        self.until(lambda: self.points.get_attribute("data-drawn"), "points")

    def spot(self, row):
        """Return where an entry lies on the canvas."""
        self.assign(picked=row, image=row // 64)
        ring = self.find(".av-cloud-picked").bounding_box()
        box = self.points.bounding_box()
        x = ring["x"] + ring["width"] / 2 - box["x"]
        y = ring["y"] + ring["height"] / 2 - box["y"]
        self.assign(picked=None)
        return {"x": x, "y": y}

    def assign(self, **values):
        """Set the state as Python or a link would."""
        self.place.assign(values)
        self.becomes(**values)

    def lasso(self, corners):
        """Draw round some points with Shift held; corners are fractions of the canvas."""
        self.points.scroll_into_view_if_needed()
        box, mouse = self.points.bounding_box(), self.page.mouse
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in corners]
        self.page.keyboard.down("Shift")
        mouse.move(*places[0])
        mouse.down()
        for place in places[1:]:
            mouse.move(*place, steps=5)
        mouse.up()
        self.page.keyboard.up("Shift")


def view_of():
    """Return the explorer that the notebook's cell makes."""
    names = {}
    exec(CELL, names)  # noqa: S102  (the text above)
    return names["view"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return the file of the explorer."""
    return view_of().export(tmp_path_factory.mktemp("coreset") / "tile.html")


@pytest.fixture(scope="module")
def file_page(chromium, exported):
    with opened_file(chromium, exported) as page:
        yield page


@pytest.fixture(scope="module")
def lab_explorer(lab, shared_page):
    write_notebook(lab.folder, "coreset.ipynb", CELL + "view")
    shared_page.run("coreset.ipynb")
    return shared_page


@pytest.fixture(params=["file", "lab"])
def driven(request):
    """Return the explorer in a file, and in JupyterLab."""
    if request.param == "file":
        page = request.getfixturevalue("file_page")
        found = Bank(page.explorer(), Exported(page.browser))
    else:
        page = request.getfixturevalue("lab_explorer")
        found = Bank(page.explorer(), Live(page.browser, "view"))
    found.reset()
    yield found
    found.reset()


def test_the_size_is_moved_by_its_slider_a_curve_and_keys(driven):
    assert driven.state("budget") == 5
    expect(driven.status).to_contain_text("tile · greedy · 5 entries of 512 (0.98%)")
    slider = driven.find(".av-size input")
    driven.press("ArrowRight", slider)
    driven.becomes(budget=7)
    expect(driven.status).to_contain_text("7 entries of 512 (1.4%) · covering radius")
    driven.press("ArrowRight", slider)
    driven.becomes(budget=10)  # 10 entries are one of the predictions
    expect(driven.status).to_contain_text("of the bank used at test time")
    expect(driven.find("tr.av-chosen")).to_contain_text("90% (9)")
    rule = driven.find(".av-bank-charts .av-threshold[role=slider]").first
    driven.press("PageDown", rule)
    driven.until(lambda: driven.state("budget") < 10, "a smaller size")
    expect(rule).to_be_focused()  # the next key moves it again
    curve = driven.find(".av-bank-charts svg.av-curves").first
    box = curve.bounding_box()
    curve.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.7})
    driven.until(lambda: driven.state("budget") > 20, "the size of the click")


def test_the_sampler_changes_and_keeps_the_size(driven):
    before = driven.points.evaluate("canvas => canvas.toDataURL()")
    driven.choose("sampler", "random")
    driven.becomes(sampler="random", budget=5)
    expect(driven.status).to_contain_text("tile · random · 5 entries of 512")
    driven.until(lambda: driven.points.evaluate("c => c.toDataURL()") != before, "other rings")
    driven.find(
        ".av-value-name",
    ).filter(has_text="greedy").click()
    driven.becomes(sampler="greedy")


def test_every_colour_has_its_legend(driven):
    legend = driven.find(".av-cloud-legend")
    words = {
        "order of choice": "number of the choice; grey: not chosen",
        "training image": "patches of the displayed training image",
        "row in the image": "row in the image, from 0",
        "column in the image": "column in the image, from 0",
        "distance to the coreset": "the farthest on top",
    }
    pictures = set()
    for name, text in words.items():
        driven.choose("colour", name)
        expect(legend).to_contain_text(text)
        driven.becomes(colour=name)
        pictures.add(driven.points.evaluate("canvas => canvas.toDataURL()"))
    assert len(pictures) == len(words)


def test_a_point_is_told_picked_and_explained(driven):
    spot = driven.spot(300)
    driven.points.hover(position=spot)
    expect(driven.find(".av-cloud .av-bubble")).to_contain_text(re.compile(r"entry \d+"))
    driven.points.click(position=spot)
    driven.until(lambda: driven.state("picked") is not None, "a pick")
    picked = driven.state("picked")
    assert driven.state("image") == picked // 64
    expect(driven.status).to_contain_text(f"entry {picked} picked")
    expect(driven.find(".av-bank-pick")).to_contain_text("this patch")
    stand = driven.find(".av-bank-pick .av-match .av-card-choose")
    stand.click()  # what stands for it is picked
    driven.until(lambda: driven.state("picked") != picked, "the nearest chosen patch")
    expect(driven.find(".av-bank-pick")).to_contain_text(re.compile(r"choice [1-5]"))
    driven.points.click(position={"x": 3, "y": 3})  # nothing is there
    driven.becomes(picked=None)


def test_keys_go_from_point_to_point_and_along_the_order(driven):
    order = []
    driven.press("Home", driven.points)
    for _ in range(3):
        driven.until(lambda: driven.state("picked") not in (None, *order), "another choice")
        order.append(driven.state("picked"))
        expect(driven.find(".av-bank-pick")).to_contain_text(f"choice {len(order)}")
        driven.press("PageDown", driven.points)
    driven.press("PageUp", driven.points)
    driven.becomes(picked=order[2])
    driven.press("ArrowRight", driven.points)
    driven.until(lambda: driven.state("picked") != order[2], "a point right of it")
    driven.press("ArrowLeft", driven.points)
    driven.press("Escape", driven.points)
    driven.becomes(picked=None)


def test_a_lasso_selects_entries_and_shows_their_patches(driven):
    driven.lasso([(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.32)])
    driven.until(lambda: driven.state("lasso"), "an outline")
    expect(driven.selection).to_contain_text(
        re.compile(r"\d+ entries selected, \d+ of them in the bank \([\d.]+ if drawn evenly\)")
    )
    count = int(re.search(r"(\d+) entries selected", driven.status.inner_text())[1])
    assert 24 < count < 512
    assert driven.selection.locator(".av-patch").count() == 24
    driven.selection.locator(".av-patch").last.click()
    driven.until(lambda: driven.state("picked") is not None, "a patch of the selection")
    driven.press("Escape", driven.points)
    driven.becomes(picked=None)
    driven.press("Escape", driven.points)
    driven.becomes(lasso=[])
    expect(driven.selection).to_be_hidden()
    driven.press("s", driven.points)  # all that is seen
    expect(driven.status).to_contain_text("512 entries selected")
    driven.push("clear-lasso")
    driven.becomes(lasso=[])
    driven.assign(chosen=[4, 5])  # as Python does
    expect(driven.status).to_contain_text("2 entries selected")


def test_python_selects_the_same_entries(lab_explorer):
    driven = Bank(lab_explorer.explorer(), Live(lab_explorer.browser, "view"))
    driven.reset()
    driven.lasso([(0.2, 0.2), (0.8, 0.4), (0.4, 0.8), (0.2, 0.3)])
    driven.until(lambda: driven.state("lasso"), "an outline")
    count = int(re.search(r"(\d+) entries? selected", driven.status.inner_text())[1])
    assert int(driven.page.evaluate(ASK, ["n = len(view.selected)", "n"])) == count
    driven.reset()


def test_the_scatter_is_zoomed_and_moved(driven):
    spot = driven.spot(100)
    driven.points.hover(position=spot)
    driven.page.keyboard.down("Control")
    driven.page.mouse.wheel(0, -300)
    driven.page.keyboard.up("Control")
    driven.until(lambda: len(driven.state("zoom")) == 3, "a zoom")
    near = driven.state("zoom")
    assert near[2] > 1
    driven.press("Shift+ArrowRight", driven.points)
    driven.until(lambda: driven.state("zoom")[0] > near[0], "what is right of it")
    driven.press("0", driven.points)
    driven.becomes(zoom=[])
    driven.find(".av-cloud button.av-nearer").click()
    driven.until(lambda: driven.state("zoom"), "a zoom by a button")
    driven.find(".av-cloud button.av-whole").click()
    driven.becomes(zoom=[])


def test_a_location_of_the_training_image_is_picked(driven):
    box = driven.canvas.bounding_box()
    driven.canvas.click(position={"x": box["width"] * 2.5 / 8, "y": box["height"] * 5.5 / 8})
    driven.becomes(picked=42)  # image 0, location 5, 2 of 8 x 8
    driven.push("next")
    driven.becomes(image=1, picked=None)
    expect(driven.find(".av-counter")).to_have_text("2 of 8")
    driven.press("[")
    driven.becomes(image=0)
    bars = driven.find(".av-count-handle")
    driven.press("End", bars)
    driven.becomes(image=7)
    driven.find("svg.av-counts").click(position={"x": 60, "y": 100})
    driven.until(lambda: driven.state("image") < 7, "the image of a bar")


def test_a_test_image_lights_what_it_matches(driven):
    driven.assign(budget=51)
    driven.find(".av-bank-below .av-gallery [role=option]").nth(2).click()
    driven.becomes(test=2)
    expect(driven.find(".av-bank-image")).to_contain_text(
        re.compile(r"Its 64 patches match \d+ entries of 51, which are lit")
    )
    box = driven.canvas.bounding_box()
    driven.canvas.click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.3})
    driven.becomes(patch=[2, 2])
    driven.until(lambda: driven.state("picked") is not None, "the entry that it matches")
    expect(driven.find(".av-bank-pick")).to_contain_text("choice")
    driven.assign(budget=5)
    expect(driven.find(".av-bank-image")).to_contain_text("is known for 10, 51, 256 entries")
    driven.push("training")
    driven.becomes(test=None, patch=[])


def test_undo_brings_back_what_was_chosen(driven):
    driven.choose("sampler", "random")
    driven.press("Home", driven.points)
    driven.until(lambda: driven.state("picked") is not None, "a pick")
    driven.press("Control+z")
    driven.becomes(picked=None, sampler="random")
    driven.press("Control+z")
    driven.becomes(sampler="greedy")


def test_a_reloaded_page_shows_the_same(lab_explorer):
    driven = Bank(lab_explorer.explorer(), Live(lab_explorer.browser, "view"))
    driven.press("Home", driven.points)
    driven.until(lambda: driven.state("picked") is not None, "a pick")
    text = driven.status.inner_text()
    lab_explorer.reload()
    expect(lab_explorer.explorer().locator(".av-status")).to_have_text(text)
    lab_explorer.screenshot("test_a_reloaded_coreset_shows_the_same")
    Bank(lab_explorer.explorer(), Live(lab_explorer.browser, "view")).assign(picked=None)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(chromium, exported, scheme):
    with opened_file(chromium, exported, scheme=scheme) as page:
        driven = Bank(page.explorer(), Exported(page.browser))
        driven.complete()
        driven.assign(picked=42, image=0, chosen=[1, 2, 3])
        driven.press("?")
        found = axe(page.browser)
        assert found == [], "\n".join(found)


@pytest.mark.parametrize("width", [360, 600, 1000])
def test_it_fits_into_a_narrow_window(chromium, exported, width):
    with opened_file(chromium, exported, width=width) as page:
        driven = Bank(page.explorer(), Exported(page.browser))
        driven.complete()
        driven.assign(picked=42, image=0, chosen=[1, 2, 3])
        assert page.wider() <= 0
        assert page.wider(".av-controls, .av-foot, .av-bank-pick") <= 0


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Return an explorer of 160,720 points, of which one lies far from all others, and its file."""
    images, grid = 205, (28, 28)
    count = images * grid[0] * grid[1]
    rng = np.random.default_rng(0)
    points = rng.uniform(0, (2, 1), (count, 2)).astype(np.float32)
    points[-1] = (6.0, 0.5)
    size = data.Geometry(56, crop=False)
    grey = np.full((images, 56, 56, 3), 128, np.uint8)
    train = data.Split.from_arrays(grey, [0] * images, geometry=size)
    test = data.Split.from_arrays(grey[:1], [0], geometry=size)
    trace = CoresetTrace(
        points,
        np.array([count - 1, 5, 6]),
        np.full(3, np.nan),
        np.repeat(np.arange(images), grid[0] * grid[1]),
        np.tile(np.arange(grid[0] * grid[1]), images),
        "random",
        grid=grid,
    )
    view = explore.coreset(data.Category("many", train, test), trace)
    view.wait()
    view.budget = 3
    return view, view.export(tmp_path_factory.mktemp("many") / "many.html")


def test_many_points_are_painted_ringed_selected_and_picked(chromium, many):
    view, file = many
    with opened_file(chromium, file) as page:
        driven = Bank(page.explorer(), Exported(page.browser))
        driven.complete()
        box = driven.points.bounding_box()
        middle = box["height"] / 2
        painted = driven.points.evaluate(PIXEL, [60, middle])
        assert painted[3] == 255  # so many points lie there
        assert driven.points.evaluate(PIXEL, [box["width"] * 0.7, middle]) == [0, 0, 0, 0]
        far = {"x": box["width"] - 16, "y": middle}
        assert driven.points.evaluate(PIXEL, [far["x"] + 4, middle])[3] > 0  # its ring
        driven.points.click(position=far)
        driven.becomes(picked=len(view._bank.plane[0]) - 1, image=204)
        driven.press("ArrowLeft", driven.points)
        driven.until(lambda: driven.state("picked") < 160_719, "a point left of it")
        driven.lasso([(0.1, 0.45), (0.25, 0.45), (0.2, 0.55), (0.1, 0.46)])
        driven.until(lambda: driven.state("lasso"), "an outline")
        count = int(re.search(r"(\d+) entries selected", driven.status.inner_text())[1])
        assert count > 1000
        view.lasso = driven.state("lasso")
        assert len(view.selected) == count
        page.problems.clear()  # the canvas is read by this test alone
