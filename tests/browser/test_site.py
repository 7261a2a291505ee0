"""The documentation site, opened from disk without a network; `make docs` builds it."""

import io
import os
import re

import numpy as np
import pytest
from driving import Driven, Exported
from pages import opened_file
from PIL import Image
from playwright.sync_api import expect

import adviz
from adviz import tables
from adviz.plots import style
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
EXPLORERS = sorted((SITE / "_static" / "explorers").glob("*.html"))
PATIENCE = 20_000  # milliseconds; a loaded machine draws late
# Pages with one sentence for each of the pages behind them
LISTS = ("tutorials", "how-to", "reference", "explanation", "project")
# What stands beyond the window's right edge, though nothing fades to say that it scrolls there
CUT = """() => [...document.querySelectorAll("table, pre, img, iframe, .main-svg")].filter((one) =>
  one.clientWidth && one.getBoundingClientRect().right > innerWidth + 1
  && !one.closest("[data-more~=right]")).map((one) => one.outerHTML.slice(0, 200))"""
# What has the focus, once what the last key did is drawn; None if it was lost
HOLDER = """async () => {
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
  const { activeElement: one, body } = document;
  return one && one !== body ? one.outerHTML.slice(0, 120) : null;
}"""
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


@pytest.mark.parametrize("name", ["tutorials/14_few_shot", "tables/patchcore-S4", "glossary"])
def test_on_a_narrow_window_what_is_wider_says_that_it_scrolls(chromium, name):
    with page_of(chromium, name, width=600) as page:
        charts = page.browser.locator(".adviz-chart")
        for chart in charts.all():
            chart.scroll_into_view_if_needed()
            expect(chart.locator(".main-svg").first).to_be_visible(timeout=PATIENCE)
        page.browser.wait_for_function(f"({CUT})().length === 0", timeout=PATIENCE)
        assert page.browser.locator("[data-more~=right]").count() or not charts.count()
        assert page.wider() <= 0


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


@pytest.mark.soak
@pytest.mark.parametrize("file", EXPLORERS, ids=lambda file: file.stem)
def test_no_key_loses_the_focus(chromium, file):
    """Whatever Tab reaches in an explorer has the focus after an arrow key too, for the next one."""
    with opened_file(chromium, file) as page:
        reached = 0
        while (holder := pressed(page.browser, "Tab")) is not None:
            reached += 1
            assert reached < 200, f"Tab does not leave the page; it is at {holder}"
            assert pressed(page.browser, "ArrowRight"), f"ArrowRight took the focus from {holder}"
        assert reached


def pressed(browser, key):
    """Press a key; return what has the focus then."""
    browser.keyboard.press(key)
    return browser.evaluate(HOLDER)


def test_a_chart_tells_its_values(chromium):
    with page_of(chromium, "tutorials/12_tables_patchcore") as page:
        chart = page.browser.locator(".adviz-chart").first
        chart.scroll_into_view_if_needed()
        expect(chart.locator(".main-svg").first).to_be_visible(timeout=PATIENCE)
        assert page.problems == []


def brightness(element):
    """Return the mean of a picture of an element, 0 to 255."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("L")).mean()


def test_a_chart_is_dark_in_a_dark_page(chromium):
    with page_of(chromium, "tutorials/14_few_shot", scheme="dark") as page:
        chart = page.browser.locator(".adviz-chart").first
        chart.scroll_into_view_if_needed()
        title = chart.locator(".gtitle").first
        expect(title).to_have_css("fill", "rgb(230, 230, 230)", timeout=PATIENCE)
        assert brightness(chart) < 80
        page.browser.evaluate("document.documentElement.dataset.theme = 'light'")
        expect(title).to_have_css("fill", "rgb(34, 34, 34)", timeout=PATIENCE)
        assert brightness(chart) > 200


def test_every_colour_of_charts_has_its_partner_in_the_dark():
    script = (REPOSITORY / "docs/site/static/site.js").read_text()
    partners = dict(re.findall(r'"(#[0-9A-F]{6})": "(#[0-9A-F]{6})"', script))
    pale_enough = {style.ORANGE}
    used = {*style.PALETTE, style.PAPER, style.INK, style.GRID, style.REMARK, style.CHANCE}
    assert used - pale_enough <= partners.keys()
    assert len({partners.get(colour, colour) for colour in style.PALETTE}) == len(style.PALETTE)


def test_a_picture_of_the_first_page_leads_to_its_explorer(chromium):
    with page_of(chromium, "index") as page:
        pictures = page.browser.locator(".adviz-gallery a:has(img)")
        assert pictures.count() >= 10
        pictures.first.locator("img").click()
        page.browser.wait_for_selector(".av-explorer[data-drawn]")


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_pages_says_a_sentence_of_each(chromium, name):
    with page_of(chromium, name) as page:
        beside = page.browser.locator(".bd-sidebar-primary .bd-toc-item a").all()
        links = page.browser.locator(".bd-article dt a").all()
        assert {one.get_attribute("href") for one in links} == {
            one.get_attribute("href") for one in beside
        }
        sentences = page.browser.locator(".bd-article dd").all_text_contents()
        assert len(sentences) == len(links)
        assert all(len(text.split()) >= 4 for text in sentences), sentences


def test_beside_a_tutorial_stand_all_lessons_and_its_own_sections(chromium):
    with page_of(chromium, "tutorials/02_spade_retrieval") as page:
        beside = page.browser.locator(".bd-sidebar-primary")
        notebooks = list((REPOSITORY / "notebooks").glob("*.ipynb"))
        assert beside.locator(".bd-toc-item a").count() == len(notebooks) + 1  # and the solutions
        expect(beside.locator(".bd-toc-item a").first).to_be_visible()
        assert beside.locator(".page-toc a").count() > 3


def test_search_brings_what_a_page_is_about_first(chromium):
    with opened_file(chromium, SITE / "index.html", quiet=False) as page:
        page.browser.goto(f"{(SITE / 'search.html').as_uri()}?q=my+photographs")
        first = page.browser.locator("#search-results li a").first
        expect(first).to_have_attribute(
            "href", re.compile("^own-photographs.html"), timeout=PATIENCE
        )


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
