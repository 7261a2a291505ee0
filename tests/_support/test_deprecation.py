"""A name that goes away: it still works, and says at the right line what to write instead."""

import inspect

import pytest

from adviz._support import deprecated

MESSAGE = r"adviz\.old is now adviz\.new: the old name goes away in version 0\.3"


@deprecated("adviz.old", "adviz.new", removal="0.3")
def double(number, *, plus=0):
    """Return twice a number."""
    return 2 * number + plus


@deprecated("adviz.old", "adviz.new", removal="0.3")
class Old:
    def __init__(self, number):
        self.number = number


def test_a_function_works_and_warns_where_it_is_called():
    with pytest.warns(DeprecationWarning, match=MESSAGE) as caught:
        assert double(2, plus=1) == 5
    (warning,) = caught
    assert warning.filename == __file__


def test_a_class_works_and_warns():
    with pytest.warns(DeprecationWarning, match=MESSAGE):
        assert Old(3).number == 3


def test_help_is_that_of_the_function():
    assert double.__doc__ == "Return twice a number."
    assert str(inspect.signature(double)) == "(number, *, plus=0)"
