"""What `import adviz` offers, in whatever order it is asked for."""

import itertools
import subprocess
import sys

import pytest

import adviz


def test_every_public_name_is_there_and_functions_are_not_hidden_by_modules():
    for first, second in itertools.permutations(["evaluate", "Result", "explore", "data"], 2):
        code = f"import adviz; adviz.{first}; adviz.{second}; assert callable(adviz.evaluate), adviz.evaluate"
        subprocess.run([sys.executable, "-c", code], check=True)
    for name in adviz.__all__:
        assert getattr(adviz, name) is not None
    assert callable(adviz.data.demo)
    assert dir(adviz) == sorted(adviz.__all__)


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(AttributeError, match=r"it offers DN2, .*PatchCore"):
        adviz.PatchCare  # noqa: B018 - the attribute access is the test
