"""The whole way through an explorer without a mouse: everything is reached by Tab, and answers."""

import explorer_data
import pytest
from driving import Driven, Exported
from playwright.sync_api import expect

from adviz import explore

MOST = 80  # presses of Tab after which something counts as out of reach
FOCUSED = "selector => document.activeElement?.matches(selector) ?? false"
WHERE = "() => document.activeElement?.outerHTML.slice(0, 120)"


@pytest.fixture
def driven(exported_page):
    view = explore.retrieval(explorer_data.categories, explorer_data.predictions)
    page = exported_page(view)
    found = Driven(page.explorer(), Exported(page.browser))
    found.complete()
    return found


def tab_to(page, selector):
    """Press Tab until an element has the focus, which must be seen."""
    passed = []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED, selector):
            return
        passed.append(page.evaluate(WHERE))
    raise AssertionError(f"Tab does not reach {selector}, only {passed}")


def test_from_an_image_to_its_neighbours_and_the_threshold(driven):
    page = driven.page
    keys = page.keyboard

    # an image: of another detector, from the gallery
    tab_to(page, ".av-detector select")
    keys.press("ArrowDown")
    driven.becomes(detector="PatchCore")
    keys.press("ArrowUp")
    driven.becomes(detector="SPADE")
    keys.press("]")  # an own key of the page, where a drop-down has the focus
    tab_to(page, "canvas.av-picture-canvas")
    before = driven.state("image")
    keys.press("]")
    driven.until(lambda: driven.state("image") != before, "another image")

    # a patch and its neighbours
    keys.press("ArrowRight")
    driven.until(lambda: driven.state("picked"), "a pick")
    picked = driven.state("picked")
    expect(driven.find(".av-unseen[aria-live=polite]").first).to_contain_text(
        f"row {picked[0]}, column {picked[1]}"
    )
    tab_to(page, ".av-k input")
    keys.press("ArrowLeft")
    driven.becomes(k=4)
    tab_to(page, ".av-cards button, .av-cards [tabindex='0']")
    keys.press("Enter")
    driven.until(lambda: driven.state("rank") != 0, "a neighbour")

    # an image of the gallery
    tab_to(page, ".av-gallery [role=option]")
    image = driven.state("image")
    at_end = page.evaluate("() => document.activeElement.dataset.place === '11'")
    keys.press("ArrowLeft" if at_end else "ArrowRight")
    keys.press("Enter")
    driven.until(lambda: driven.state("image") != image, "another image")

    # the threshold
    tab_to(page, ".av-strip .av-threshold")
    before = driven.facts()[0]
    keys.press("ArrowRight")
    driven.until(lambda: driven.facts()[0] > before, "a higher threshold")


def test_the_menu_and_the_help(driven):
    page = driven.page
    tab_to(page, "button.av-help")
    page.keyboard.press("Enter")
    expect(driven.find("aside.av-help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(driven.find("button.av-help")).to_be_focused()
    tab_to(page, "button.av-menu")
    page.keyboard.press("Enter")
    expect(driven.find(".av-menu-item").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(driven.find(".av-menu-item").nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(driven.find("button.av-menu")).to_be_focused()
