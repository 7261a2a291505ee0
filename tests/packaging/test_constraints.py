"""constraints.txt: one tested version of every dependency, inside the range that pyproject.toml leaves open."""

import importlib.util
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("constraints", ROOT / "packaging" / "constraints.py")
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Extras whose packages `make test` does not install
UNTESTED_EXTRAS = {"benchmarks", "gpu", "heic"}
LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def constraints():
    versions = {}
    for line in LINES:
        name, number = line.split("==")
        versions[name] = Version(number)
    return versions


def requirements(*, tested):
    """Return what the library needs, and its extras that are tested, or that are not."""
    texts = list(PROJECT["dependencies"]) if tested else []
    for extra, names in PROJECT["optional-dependencies"].items():
        if (extra in UNTESTED_EXTRAS) != tested:
            texts += names
    parsed = map(Requirement, texts)
    return [each for each in parsed if each.name != PROJECT["name"]]


def test_every_line_names_one_version_once():
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*==[0-9][\w.]*", line) for line in LINES)
    names = [line.split("==")[0] for line in LINES]
    assert names == sorted(set(names))


@pytest.mark.parametrize("requirement", requirements(tested=True), ids=str)
def test_every_dependency_has_a_tested_version_in_its_range(requirement):
    number = constraints()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(number, prereleases=True)


@pytest.mark.parametrize("requirement", requirements(tested=False), ids=str)
def test_a_version_of_an_untested_extra_is_in_its_range(requirement):
    number = constraints().get(canonicalize_name(requirement.name))
    assert number is None or requirement.specifier.contains(number, prereleases=True)


def test_the_script_follows_what_packages_need():
    wanted = [Requirement("jinja2>=3"), Requirement("a-package-that-nobody-has")]
    found = script.installed(wanted)
    assert found == {name: Version(version(name)).public for name in ("jinja2", "markupsafe")}


def test_the_script_knows_all_that_pyproject_names():
    named = {requirement.name for requirement in script.direct()}
    both = requirements(tested=True) + requirements(tested=False)
    assert named == {requirement.name for requirement in both}
