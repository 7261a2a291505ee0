"""Write constraints.txt: the versions with which `make check` passes, of all that adviz needs.

``make constraints`` runs it in the environment of the tests. What an extra needs and this
environment does not have is left out, and so was not tested.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
HEAD = """\
# Versions with which adviz was tested, of its dependencies and of theirs (Python {python}, Linux):
#   pip install -c constraints.txt "adviz-anomaly[cpu,lab]"
# Written by `make constraints`; tests/packaging/test_constraints.py holds it to pyproject.toml.
"""


def main() -> None:
    """Write the file anew."""
    import platform

    lines = [f"{name}=={number}" for name, number in sorted(installed(direct()).items())]
    text = HEAD.format(python=platform.python_version()) + "\n".join(lines) + "\n"
    (ROOT / "constraints.txt").write_text(text, encoding="utf-8")


def direct() -> list[Requirement]:
    """Return what pyproject.toml names, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    texts = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        texts += extra
    own = canonicalize_name(project["name"])
    requirements = [Requirement(text) for text in texts]
    return [each for each in requirements if canonicalize_name(each.name) != own]


def installed(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Return {distribution: version} of these and of all that they need, as far as it is here."""
    versions: dict[str, str] = {}
    waiting = list(requirements)
    seen = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = name, tuple(sorted(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            # Without "+cu128": the same release for another processor satisfies it
            versions[name] = Version(version(name)).public
        except PackageNotFoundError:
            continue
        waiting += _needed_by(requirement)
    return versions


def _needed_by(requirement: Requirement) -> Iterator[Requirement]:
    for text in distribution(requirement.name).requires or []:
        needed = Requirement(text)
        extras = requirement.extras or {""}
        if needed.marker is None or any(needed.marker.evaluate({"extra": e}) for e in extras):
            yield needed


if __name__ == "__main__":
    main()
