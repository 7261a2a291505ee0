"""The quickstart in JupyterLab as a user meets it: it is run once, then its explorer is used."""

import pytest
from playwright.sync_api import expect


@pytest.fixture(scope="module")
def quickstart(shared_page):
    """Return the code cells of the quickstart after a run in the shared page."""
    return shared_page.run_all("01_quickstart.ipynb", seconds=300)


@pytest.fixture
def page(quickstart, shared_page, screenshot):
    shared_page.find(".av-explorer").scroll_into_view_if_needed(timeout=10_000)
    expect(status(shared_page)).to_contain_text("score")
    return shared_page


def status(page):
    return page.find(".av-explorer .av-status")


def place(page):
    """Return the displayed image's place among those that are gone through, and their number."""
    text = page.find(".av-explorer .av-counter").inner_text()
    return tuple(map(int, text.split(" of ")))


def stands_at(page, number, count):
    expect(page.find(".av-explorer .av-counter")).to_have_text(f"{number} of {count}")


def push(page, name):
    page.find(f".av-explorer button.av-{name}").first.click()


def press(page, key):
    page.find(".av-explorer").focus()
    page.browser.keyboard.press(key)


def choices(page, name):
    """Return a drop-down and its options, the chosen one first."""
    select = page.find(f".av-explorer .av-{name} select")
    chosen = select.evaluate("select => select.selectedOptions[0].label")
    others = [option for option in select.locator("option").all_inner_texts() if option != chosen]
    return select, [chosen, *others]


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


@pytest.mark.parametrize("name", ["category", "detector"])
def test_another_category_or_detector(page, name):
    select, (_, other, *_) = choices(page, name)
    select.select_option(other)
    expect(status(page)).to_contain_text(other)


def test_next_and_previous_image(page):
    number, count = place(page)
    assert number < count
    before = status(page).inner_text()
    push(page, "next")
    stands_at(page, number + 1, count)
    push(page, "previous")
    stands_at(page, number, count)
    expect(status(page)).to_have_text(before)


def test_images_by_keyboard(page):
    number, count = place(page)
    press(page, "]")
    stands_at(page, number + 1, count)
    press(page, "[")
    stands_at(page, number, count)


def test_a_thumbnail_goes_to_its_image(page):
    other = page.find(".av-explorer .av-gallery [role=option][aria-selected=false]").first
    image = int(other.get_attribute("data-image"))
    other.click()
    expect(status(page)).to_contain_text(f"image {image + 1} of")


def test_the_images_that_are_missed(page):
    """The question that the notebook asks is answered by a filter."""
    select, _ = choices(page, "errors")
    select.select_option("false negatives")
    shown = page.find(".av-explorer .av-gallery")
    expect(shown.first).to_contain_text("missed")
    select.select_option("all")
    assert place(page)[1] > 1
