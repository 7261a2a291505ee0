"""The documentation site, opened from disk without a network; `make docs` builds it."""

import os
import re

import pytest
from driving import Driven, Exported
from pages import opened_file
from playwright.sync_api import expect

import adviz
from adviz import tables
from test_notebooks import REPOSITORY

SITE = REPOSITORY / "site" / adviz.__version__
PAGES = {
    "index": "See why an image was called anomalous",
    "tutorials": "Tutorials",
    "tutorials/02_spade_retrieval": "Why retrieve images first?",
    "tutorials/12_tables_patchcore": "Does PatchCore give the numbers that its paper prints?",
    "how-to": "How to",
    "own-photographs": "Your own photographs",
    "reference/detectors": "Detectors",
    "reference/metrics": "adviz.metrics",
    "tables/patchcore-1": "PatchCore, Table 1",
    "glossary": "Glossary",
}
PATIENCE = 20_000  # milliseconds; a loaded machine draws late
# Tutorials whose first explorer is clicked in
CLICKED = ["01_quickstart", "02_spade_retrieval", "09_compare"]


@pytest.fixture(scope="module", autouse=True)
def _built():
    if not (SITE / "index.html").exists():
        missing = "there is no site: `make docs` builds it"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(missing)


def page_of(chromium, name, **options):
    return opened_file(chromium, SITE / f"{name}.html", quiet=False, **options)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_a_complaint(chromium, name, scheme):
    with page_of(chromium, name, scheme=scheme) as page:
        expect(page.browser.locator("h1")).to_have_text(re.compile(re.escape(PAGES[name])))
        expect(page.browser.locator("html")).to_have_attribute("data-theme", scheme)
        assert page.problems == []


def test_on_a_narrow_window_pages_are_not_scrolled_sideways(chromium):
    for name in PAGES:
        with page_of(chromium, name, width=600) as page:
            assert page.wider() <= 0, name


def spare_height(element, frame):
    """Return by how many pixels a frame is higher than what it shows."""
    shown = frame.evaluate("document.querySelector('main').getBoundingClientRect().height")
    return element.bounding_box()["height"] - shown


@pytest.mark.parametrize("name", CLICKED)
def test_an_explorer_in_a_tutorial_answers_clicks(chromium, name):
    with page_of(chromium, f"tutorials/{name}") as page:
        element = page.browser.locator(".adviz-live iframe").first
        element.scroll_into_view_if_needed()
        frame = element.element_handle().content_frame()
        explorer = frame.locator(".av-explorer").first
        expect(explorer).to_have_attribute("data-drawn", re.compile(r"\d+"), timeout=PATIENCE)
        driven = Driven(explorer, Exported(frame))
        before = driven.state("image")
        driven.press("]")
        driven.until(lambda: driven.state("image") != before, "another image")
        driven.until(lambda: abs(spare_height(element, frame)) <= 2, "as high as what it shows")
        assert page.problems == []


def test_a_chart_tells_its_values(chromium):
    with page_of(chromium, "tutorials/12_tables_patchcore") as page:
        chart = page.browser.locator(".adviz-chart").first
        chart.scroll_into_view_if_needed()
        expect(chart.locator(".main-svg").first).to_be_visible(timeout=PATIENCE)
        assert page.problems == []


def test_search_finds_a_method_and_a_table(chromium):
    for words, found in (("covering radius", "coreset"), ("DifferNet", "PatchCore, Table 1")):
        with opened_file(chromium, SITE / "index.html", quiet=False) as page:
            page.browser.goto(f"{(SITE / 'search.html').as_uri()}?q={words.replace(' ', '+')}")
            results = page.browser.locator("#search-results li a")
            hit = results.filter(has_text=re.compile(found, re.IGNORECASE)).first
            expect(hit).to_be_visible(timeout=PATIENCE)
            assert page.problems == []


def test_every_public_name_has_its_place_in_the_reference():
    text = "\n".join(file.read_text() for file in (SITE / "reference").glob("*.html"))
    names = [f"adviz.{name}" for name in adviz.__all__]
    for module in ("data", "explore", "metrics", "plots", "sweep", "tables"):
        names += [f"adviz.{module}.{name}" for name in getattr(adviz, module).__all__]
    # Of a module what it offers has a place
    missing = [name for name in names if not re.search(rf'id="{re.escape(name)}["\.]', text)]
    assert missing == []


def test_every_table_of_the_papers_has_a_page():
    pages = {file.stem for file in (SITE / "tables").glob("*.html")}
    assert pages == {f"{name.paper}-{name.table}" for name in tables.NAMES}


def test_it_is_small():
    size = sum(file.stat().st_size for file in SITE.rglob("*") if file.is_file())
    assert size < 60e6
