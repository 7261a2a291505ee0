"""Explorers in Voila and in marimo, where these are installed (the extra `fronts`)."""

import importlib.util
import inspect
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import explorer_data
import pytest
from driving import SIDE
from lab_server import environment, free_port, write_notebook
from playwright.sync_api import expect

pytestmark = pytest.mark.soak

LINKED = """from adviz import explore
retrieval = explore.retrieval(categories, predictions)
thresholds = explore.thresholds(categories, predictions)
"""
# marimo has no manager of ipywidgets: the kernel links
MARIMO = """import marimo

app = marimo.App(width="full")


@app.cell
def _():
    import sys
    sys.path.insert(0, {folder!r})
    import marimo as mo
    import traitlets
    from adviz import explore
    from explorer_data import categories, predictions
    retrieval = explore.retrieval(categories, predictions)
    thresholds = explore.thresholds(categories, predictions)
    for name in ("image", "picked", "detector"):
        traitlets.link((retrieval, name), (thresholds, name))
    return mo, retrieval, thresholds


@app.cell
def _(mo, retrieval):
    mo.ui.anywidget(retrieval)
    return


@app.cell
def _(mo, thresholds):
    mo.ui.anywidget(thresholds)
    return


if __name__ == "__main__":
    app.run()
"""


def need(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: pip install {module} to test explorers in it")


@contextmanager
def serving(command, home, url, seconds=120):
    """Run a server until the block ends; it is there when its address answers."""
    home.mkdir()
    log = home / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=environment(home),
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=home,
        )
    try:
        end = time.monotonic() + seconds
        while not answers(url):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} does not answer: {log.read_text()[-3000:]}")
            time.sleep(0.3)
        yield log
    finally:
        process.terminate()
        process.wait(20)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=60):
            return True
    except urllib.error.HTTPError:  # it answers, if only that there is no such page
        return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    yield opened
    context.close()


def pick(explorer, row, column):
    """Click on a pixel of the image, and wait until its values are told."""
    canvas = explorer.locator("canvas.av-picture-canvas")
    expect(canvas).to_have_attribute("data-drawn", "1", timeout=60_000)
    canvas.scroll_into_view_if_needed()
    side = canvas.bounding_box()["width"]
    canvas.click(position={"x": (column + 0.5) * side / SIDE, "y": (row + 0.5) * side / SIDE})
    tells(explorer, row, column)


def tells(explorer, row, column):
    expect(explorer.locator(".av-readout").first).to_contain_text(f"row {row}, column {column}")


def test_voila(page, tmp_path):
    need("voila")
    source = inspect.getsource(explorer_data)
    link = "explore.link(retrieval, thresholds)\nretrieval"
    write_notebook(tmp_path, "linked.ipynb", source, LINKED + link, "thresholds")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["voila", str(tmp_path / "linked.ipynb"), "--no-browser", f"--port={port}"]
    command.append("--Voila.ip=127.0.0.1")
    with serving(command, tmp_path / "home", f"{url}/voila/static/"):
        page.goto(url)
        first, second = (page.locator(".av-explorer").nth(i) for i in range(2))
        expect(second).to_be_visible(timeout=120_000)
        pick(first, 112, 56)
        tells(second, 112, 56)
        second.locator("button.av-next").click()
        words = second.locator(".av-status").inner_text().split(" · ")[2]  # image N of M
        expect(first.locator(".av-status")).to_contain_text(words)


def test_marimo(page, tmp_path):
    need("marimo")
    folder = str(explorer_data.__file__).rpartition("/")[0]
    file = tmp_path / "linked.py"
    file.write_text(MARIMO.format(folder=folder), encoding="utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["marimo", "run", str(file), "--headless", "--no-token", "-p", str(port)]
    with serving(command, tmp_path / "home", url):
        page.goto(url)
        first, second = (page.locator(".av-explorer").nth(i) for i in range(2))
        expect(second).to_be_visible(timeout=120_000)
        pick(first, 112, 56)
        tells(second, 112, 56)
