"""Explorers in a file that is opened from disk, without kernel and network."""

import re

import checks
import driving
import pytest
from checks import EXPLORERS
from driving import Driven, Exported
from exports import file_of, file_of_all, views
from pages import axe, opened_file
from playwright.sync_api import Error as PageError

from adviz import explore


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


def test_explorers_of_a_page_have_ids_of_their_own(page):
    """Else a label belongs to the control of another explorer."""
    ids = page.browser.locator("[id]").evaluate_all("all => all.map(one => one.id)")
    assert sorted(ids) == sorted(set(ids))


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
    page = file_of("results").read_text(encoding="utf-8")
    assert text in page
    broken = text.replace(".addEventListener(", '.addEventListener("no" + ', 1)
    file = tmp_path / "mutant.html"
    file.write_text(page.replace(text, broken), encoding="utf-8")
    monkeypatch.setattr(driving, "PATIENCE", 1.5)
    with opened_file(chromium, file) as opened:
        opened.browser.set_default_timeout(1500)
        driven = Driven(opened.explorer(), Exported(opened.browser))
        driven.complete()
        with pytest.raises((AssertionError, PageError)):
            check(driven)


def test_nothing_in_a_file_can_reach_a_network():
    page = file_of("results").read_text(encoding="utf-8")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src 'none'" in policy
    assert "http" not in policy
