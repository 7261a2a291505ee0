"""The wheel and the source distribution: what they hold, their size, and one made of the other."""

import base64
import importlib.util
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MOST_BYTES = 8 * 10**6  # of the wheel
spec = importlib.util.spec_from_file_location("build_hook", ROOT / "packaging" / "build_hook.py")
build_hook = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build_hook)


def build(project, out, *targets):
    """Build as pip does, with the build backend that is installed here, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out)]
    for target in targets:
        command += ["-t", target]
    result = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, out, "sdist", "wheel")
    (wheel,) = out.glob("*.whl")
    (source,) = out.glob("*.tar.gz")
    return wheel, source


def test_the_wheel_is_small(built):
    assert built[0].stat().st_size < MOST_BYTES


def test_the_wheel_has_the_package_and_the_notebooks(built):
    names = set(contents(built[0]))
    ignored = {"__pycache__"}
    for file in (ROOT / "adviz").rglob("*"):
        if file.is_file() and not ignored & set(file.parts):
            assert file.relative_to(ROOT).as_posix() in names
    notebooks = {f"adviz/notebooks/{file.name}" for file in (ROOT / "notebooks").glob("*.ipynb")}
    notebooks.add("adviz/notebooks/solutions.md")
    assert notebooks == {name for name in names if name.startswith("adviz/notebooks/")}
    tops = {name.split("/")[0] for name in names}
    assert len(tops) == 2  # adviz and its metadata


def test_a_wheel_of_the_source_distribution_is_the_same(built, tmp_path):
    wheel, source = built
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    (project,) = tmp_path.iterdir()
    build(project, tmp_path / "dist", "wheel")
    direct = contents(wheel)
    of_source = contents(tmp_path / "dist" / wheel.name)
    assert set(of_source) == set(direct)
    assert [name for name in direct if direct[name] != of_source[name]] == []


def test_the_source_distribution_can_be_tested(built):
    with tarfile.open(built[1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {
        ".ci/run",
        "CHANGELOG.md",
        "CITATION.cff",
        "LICENSE",
        "Makefile",
        "constraints.txt",
        "environment-cpu.yml",
        "notebooks/.ruff.toml",
        "packaging/build_hook.py",
        "pyproject.toml",
        "tests/conftest.py",
    }
    assert needed - names == set()


def notebook_with(picture):
    output = {"data": {"image/jpeg": picture, "text/plain": ["a text"]}}
    cells = [{"outputs": [output, {"text": "μ"}]}, {"source": "no outputs"}]
    return json.dumps({"cells": cells})


def jpeg(pixels, quality):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return base64.b64encode(file.getvalue()).decode()


def test_pictures_become_smaller_and_nothing_else_changes():
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    before = notebook_with(jpeg(pixels, 95))
    after = json.loads(build_hook.with_smaller_pictures(before))
    data = after["cells"][0]["outputs"][0]["data"]
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/jpeg"])))
    assert picture.size == (60, 40)
    assert len(data["image/jpeg"]) < len(jpeg(pixels, 95)) / 2
    data["image/jpeg"] = jpeg(pixels, 95)
    assert after == json.loads(before)


def test_wide_pictures_become_narrower():
    pixels = np.random.default_rng(0).integers(0, 255, (60, 1200, 3), dtype=np.uint8)
    after = json.loads(build_hook.with_smaller_pictures(notebook_with(jpeg(pixels, 90))))
    (output, _) = after["cells"][0]["outputs"]
    picture = Image.open(io.BytesIO(base64.b64decode(output["data"]["image/jpeg"])))
    assert picture.size == (1000, 50)


def test_a_picture_that_would_grow_stays():
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    before = notebook_with(jpeg(pixels, 20))
    assert json.loads(build_hook.with_smaller_pictures(before)) == json.loads(before)
