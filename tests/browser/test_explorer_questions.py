"""What one explorer alone answers to, in a file that is opened from disk."""

import pytest
from checks import EXPLORERS
from driving import Driven, Exported
from exports import file_of_all
from pages import opened_file
from questions import QUESTIONS

CASES = [(name, check) for name, checks in QUESTIONS.items() for check in checks]


@pytest.fixture(scope="module")
def page(chromium):
    """Return a page that holds all explorers."""
    with opened_file(chromium, file_of_all()) as page:
        yield page


@pytest.mark.parametrize(
    ("name", "check"), CASES, ids=[f"{name}-{check.__name__}" for name, check in CASES]
)
def test_it_answers(page, name, check):
    number = EXPLORERS.index(name)
    driven = Driven(page.explorer(number), Exported(page.browser, number))
    driven.reset()
    check(driven)
    driven.reset()
    problems = list(page.problems)
    page.problems.clear()
    assert problems == [], "what the page complains of"
