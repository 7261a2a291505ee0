"""The explorers' JavaScript, run by node on cases that adviz' Python has answered."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import cases
import pytest

JAVASCRIPT = Path(__file__).resolve().parents[1] / "javascript"
SECONDS = 120  # for one file, which takes less than one
MISSING = (
    "the explorers' JavaScript needs Node.js 18 or newer to be tested: "
    "as root `apt-get install nodejs` (`make test` does it where it can)"
)


@pytest.fixture(scope="module")
def node():
    path = shutil.which("node")
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    return path


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    path = tmp_path_factory.mktemp("javascript") / "cases.json"
    cases.write(path)
    return path


@pytest.mark.parametrize("file", sorted(path.name for path in JAVASCRIPT.glob("*.test.mjs")))
def test_it_does_what_python_does(node, answers, file):
    environment = {**os.environ, "ADVIZ_CASES": str(answers)}
    done = subprocess.run(
        [node, "--test", JAVASCRIPT / file],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert re.search(r"pass [1-9]", done.stdout), f"no test was run:\n{done.stdout}"
