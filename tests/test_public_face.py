"""What `import adviz` offers, in whatever order it is asked for."""

import importlib
import pkgutil
import re
from pathlib import Path
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
    with pytest.raises(AttributeError, match=f"it offers {', '.join(adviz.__all__)}$"):
        adviz.PatchCare  # noqa: B018 - the attribute access is the test


def test_a_detector_is_registered_by_one_line():
    """Its file and class, in `__init__.pyi`; all else reads that."""
    stub = Path(adviz.detectors.__file__).with_suffix(".pyi").read_text()
    lines = re.findall(r"^from \.(\w+) import (\w+) as \2$", stub, re.MULTILINE)
    assert {name for _, name in lines} == set(dir(adviz.detectors)) <= set(adviz.__all__)
    for module, name in lines:
        cls = getattr(adviz, name)
        assert cls is getattr(adviz.detectors, name)
        assert cls.__module__ == f"adviz.detectors.{module}"


def test_every_detector_of_the_package_is_registered():
    """A class with fit and predict of its own that no other builds on."""
    from adviz.detectors.base import Detector

    for module in pkgutil.iter_modules(adviz.detectors.__path__):
        importlib.import_module(f"adviz.detectors.{module.name}")
    classes, leaves = [Detector], set()
    for one in classes:
        below = [cls for cls in one.__subclasses__() if cls.__module__.startswith("adviz.")]
        classes += below
        leaves |= set() if below else {one.__name__}
    assert leaves == set(dir(adviz.detectors))
