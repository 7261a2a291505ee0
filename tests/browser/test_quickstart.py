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
    shared_page.find(".adviz-view").scroll_into_view_if_needed(timeout=10_000)
    return shared_page


def status(page):
    return page.find(".adviz-status")


def choices(page, selector):
    """Return the options of a drop-down, the chosen one first."""
    select = page.find(f"{selector} select")
    chosen = select.evaluate("select => select.selectedOptions[0].label")
    return [
        chosen,
        *(name for name in select.locator("option").all_inner_texts() if name != chosen),
    ]


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
    _, other, *_ = choices(page, ".adviz-category")
    page.changes(lambda: page.find(".adviz-category select").select_option(other))
    expect(status(page)).to_contain_text(other)


def test_next_and_previous_image(page):
    before = status(page).inner_text()
    position, count = map(int, re.search(r"image (\d+) of (\d+)", before).groups())
    assert position < count
    page.changes(page.find(".adviz-next").click)
    expect(status(page)).to_contain_text(f"image {position + 1} of {count}")
    page.changes(page.find(".adviz-previous").click)
    expect(status(page)).to_have_text(before)


def test_image_slider_by_keyboard(page):
    handle = page.find(".adviz-image .noUi-handle")
    position = int(re.search(r"image (\d+) of", status(page).inner_text())[1])
    page.changes(lambda: handle.press("ArrowRight"))
    expect(status(page)).to_contain_text(f"image {position + 1} of")


def test_another_detector(page):
    _, other, *_ = choices(page, ".adviz-detector")
    page.changes(lambda: page.find(".adviz-detector select").select_option(other))
    expect(status(page)).to_contain_text(other)
