"""What `import adviz` offers, in whatever order it is asked for."""

import pkgutil
from types import ModuleType

import pytest

import adviz
from adviz import data


@pytest.mark.parametrize("package", [adviz, data])
def test_no_public_function_shares_its_name_with_a_module(package):
    """Importing such a module, at any time, would put it in the function's place."""
    modules = {module.name for module in pkgutil.iter_modules(package.__path__)}
    for name in package.__all__:
        assert isinstance(getattr(package, name), ModuleType) == (name in modules), name


def test_dir_lists_what_a_user_needs():
    assert dir(adviz) == sorted(adviz.__all__)


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(AttributeError, match=r"it offers DN2, .*PatchCore"):
        adviz.PatchCare  # noqa: B018 - the attribute access is the test
