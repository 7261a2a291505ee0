"""The quickstart in JupyterLab as a user meets it: it is run once, then its widget is moved."""

import re

import pytest
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def quickstart(shared_page):
    """Return the code cells of the quickstart after a run in the shared page."""
    return shared_page.run_all("01_quickstart.ipynb", seconds=300)


@pytest.fixture
def page(quickstart, shared_page, screenshot):
    shared_page.explorer()
    return shared_page


def status(page):
    return page.find(".av-status")


def another(page, control):
    """Choose another option of a drop-down, and return its name."""
    select = page.find(f".av-{control} select")
    now = select.input_value()
    (other, *_) = [one for one in select.locator("option").all_inner_texts() if one != now]
    select.select_option(other)
    return other


@pytest.mark.usefixtures("screenshot")
def test_every_cell_ran_without_error(quickstart):
    errors = [
        output
        for cell in quickstart
        for output in cell["outputs"]
        if output["output_type"] == "error"
    ]
    assert errors == []
    assert [cell["execution_count"] for cell in quickstart] == list(range(1, len(quickstart) + 1))
    assert any(
        "table" in cell["metadata"].get("tags", []) and cell["outputs"] for cell in quickstart
    )


def test_another_category(page):
    other = another(page, "category")
    expect(status(page)).to_contain_text(other)


@pytest.mark.parametrize("by", ["buttons", "keys"])
def test_next_and_previous_image(page, by):
    before = status(page).inner_text()
    counter = page.find(".av-counter")
    place, count = map(int, re.findall(r"\d+", counter.inner_text()))
    there, back = ("next", "previous") if place < count else ("previous", "next")
    for way in (there, back):
        if by == "buttons":
            page.find(f"button.av-{way}").click()
        else:
            page.find("canvas.av-picture-canvas").press({"next": "]", "previous": "["}[way])
        if way == there:
            expect(status(page)).not_to_have_text(before)
    expect(status(page)).to_have_text(before)
    expect(counter).to_have_text(f"{place} of {count}")


def test_another_detector(page):
    other = another(page, "detector")
    expect(status(page)).to_contain_text(other)


def test_a_thumbnail_goes_to_its_image(page):
    other = page.find(".av-gallery [role=option][aria-selected=false]").first
    image = int(other.get_attribute("data-image"))
    other.click()
    expect(status(page)).to_contain_text(f"image {image + 1} of")


def test_the_missed_images_that_the_notebook_asks_for(page):
    select = page.find(".av-only select")
    select.select_option("false negatives")
    expect(page.find(".av-gallery").first).to_contain_text("missed")
    select.select_option("all")
    expect(page.find(".av-gallery").first).to_contain_text("all images")
