"""Explorers in a file that is opened from disk, without kernel and network."""

import re

import checks
import driving
import explorer_data
import numpy as np
import pytest
from checks import EXPLORERS
from driving import Driven, Exported
from exports import (
    LINKED,
    file_of,
    file_of_all,
    file_of_linked,
    file_of_some,
    file_with_photographs,
    with_changed_code,
)
from pages import axe, opened_file
from playwright.sync_api import Error as PageError
from playwright.sync_api import expect

from adviz import Prediction, explore


@pytest.fixture(scope="module")
def page(chromium):
    """Return a page that holds all explorers."""
    with opened_file(chromium, file_of_all()) as page:
        yield page


@pytest.fixture(params=EXPLORERS)
def driven(page, request):
    number = EXPLORERS.index(request.param)
    found = Driven(page.explorer(number), Exported(page.browser, number))
    found.reset()
    yield found
    found.reset()
    problems = list(page.problems)
    page.problems.clear()
    assert problems == [], "what the page complains of"


@pytest.mark.parametrize("check", checks.SHARED, ids=lambda check: check.__name__)
def test_it_answers(driven, check):
    check(driven)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", EXPLORERS)
def test_it_is_accessible(chromium, name, scheme):
    with opened_file(chromium, file_of(name), scheme=scheme) as page:
        driven = Driven(page.explorer(), Exported(page.browser))
        driven.complete()
        driven.press("?")  # its help as well
        found = axe(page.browser)
        assert found == [], "\n".join(found)


@pytest.mark.parametrize("width", [360, 900])
@pytest.mark.parametrize("name", EXPLORERS)
def test_it_fits_into_a_narrow_window(chromium, name, width):
    with opened_file(chromium, file_of(name), width=width) as page:
        driven = Driven(page.explorer(), Exported(page.browser))
        driven.complete()
        assert page.wider() <= 0
        assert page.wider(".av-detector-table, .av-tile-numbers, .av-foot, .av-controls") <= 0
        driven.pick(112, 56)
        driven.becomes(picked=[112, 56])


# A handler that is taken out of the page, and what notices it
MUTANTS = [
    ('canvas.addEventListener("pointerdown", down);', checks.a_pick),
    ('canvas.addEventListener("wheel", turn, { passive: false });', checks.zoom),
    ('root.addEventListener("keydown", onKey, true);', checks.detectors),
    ('svg.addEventListener("pointermove"', checks.the_threshold),
    ('list.addEventListener("click"', checks.a_dot_and_a_thumbnail),
]


@pytest.mark.parametrize(("text", "check"), MUTANTS, ids=[check.__name__ for _, check in MUTANTS])
def test_a_handler_that_is_missing_is_noticed(chromium, tmp_path, monkeypatch, text, check):
    broken = text.replace(".addEventListener(", '.addEventListener("no" + ', 1)
    file = with_changed_code(file_of("results"), text, broken, tmp_path / "mutant.html")
    monkeypatch.setattr(driving, "PATIENCE", 1.5)
    with opened_file(chromium, file) as opened:
        opened.browser.set_default_timeout(1500)
        driven = Driven(opened.explorer(), Exported(opened.browser))
        driven.complete()
        with pytest.raises((AssertionError, PageError)):
            check(driven)


def test_a_title_says_categories_and_detectors_once():
    page = file_of_all().read_text(encoding="utf-8")
    assert "<title>mesh, hex_nut: SPADE, PatchCore, PaDiM, DN2</title>" in page


def test_nothing_in_a_file_can_reach_a_network():
    page = file_of("results").read_text(encoding="utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src 'none'" in policy
    assert "http" not in policy


# --- several explorers, and some of the images


@pytest.fixture(scope="module")
def linked(chromium):
    """Return a page of three linked explorers."""
    with opened_file(chromium, file_of_linked()) as page:
        yield page


def test_linked_explorers_move_together(linked):
    """What is chosen in one is shown by all."""
    all_of_them = [
        Driven(linked.explorer(number), Exported(linked.browser, number))
        for number in range(len(LINKED))
    ]
    first, second, third = all_of_them
    second.click_dot(7)
    for one in all_of_them:
        one.becomes(image=7)
        expect(one.status).to_contain_text("image 8 of 12")
    third.press("3")
    for one in all_of_them:
        one.becomes(detector="PaDiM", image=7)
    first.pick(112, 56)
    for one in all_of_them:
        one.becomes(picked=[112, 56], detector="PaDiM", image=7)
    expect(third.find(".av-pixel")).to_contain_text("Row 112, column 56")
    first.choose("category", "hex_nut")
    for one in all_of_them:
        one.becomes(category="hex_nut", image=0, picked=[])


def test_a_page_of_several_explorers_is_accessible(linked):
    """Their headings, too; each says what it asks, below the page's title."""
    heads = linked.browser.locator("h1, article > h2").all_inner_texts()
    assert heads[0] == "Three views of one thing"
    assert len(set(heads)) == 1 + len(LINKED)
    found = axe(linked.browser)
    assert found == [], "\n".join(found)


def test_explorers_of_a_page_have_ids_of_their_own(linked):
    """Else a label belongs to the control of another explorer."""
    ids = linked.browser.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert sorted(ids) == sorted(set(ids))


def test_some_images_alone(chromium):
    """The others are dots in the chart, and a click on one says that it is not there."""
    with opened_file(chromium, file_of_some()) as page:
        driven = Driven(page.explorer(), Exported(page.browser))
        driven.complete()
        assert driven.listed() == 2
        driven.press("]")
        driven.until(lambda: driven.state("image") in (0, 3), "an image of the file")
        expect(driven.find(".av-k input")).to_have_attribute("max", "2")
        before = driven.drawing()
        driven.click_dot(5)
        expect(driven.status).to_contain_text("image 6 of mesh is not in this file")
        assert driven.drawing() == before
        driven.click_dot(3)
        driven.becomes(image=3)
        expect(driven.status).to_contain_text("image 4 of 12")
        page.problems.clear()  # the console says it, too


def test_a_map_that_follows_from_nothing_has_pythons_values(exported_page):
    category = explorer_data.categories["mesh"]
    count = len(category.test)
    maps = np.random.default_rng(0).random((count, *category.test.image_size), np.float32)
    view = explore.results(category, Prediction(maps.max((1, 2)), maps))
    view.image = 3
    page = exported_page(view)
    driven = Driven(page.explorer(), Exported(page.browser))
    driven.complete()
    for row, column in ((112, 56), (90, 223), (200, 1)):
        driven.pick(row, column)
        readout = driven.find(".av-readout").first
        expect(readout).to_contain_text(f"row {row}, column {column}")
        said = float(re.search(r"map ([\d.]+)", readout.inner_text())[1])
        assert said == pytest.approx(maps[3, row, column], abs=1e-4)  # as many digits as it shows


def test_zoom_shows_the_pixels_of_the_photograph(chromium):
    with opened_file(chromium, file_with_photographs()) as page:
        driven = Driven(page.explorer(), Exported(page.browser))
        driven.complete()
        driven.redraws(lambda: driven.press("+", driven.canvas))
        expect(driven.find(".av-picture .av-badge").first).to_contain_text("original pixels")
