"""Explorers in Voila and in marimo, where these are installed: no extra of this project has them."""

import importlib.util
import inspect
import re
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
PATIENCE = 30_000  # ms

LINKED = """from adviz import explore
retrieval = explore.retrieval(categories, predictions)
thresholds = explore.thresholds(categories, predictions)
explore.link(retrieval, thresholds)
retrieval"""
TOLD = """from adviz import explore
desk = explore.desk(categories["mesh"], predictions["mesh"]["PatchCore"])
STEPS = [
    ("First this image.", {"image": 1}, lambda desk: desk.image == 1),
    ("Then that one.", {"image": 4}, lambda desk: desk.image == 4),
]
explore.story(desk, STEPS)"""
MARIMO = """import marimo

app = marimo.App(width="full")


@app.cell
def _():
    import sys
    sys.path.insert(0, {folder!r})
    import marimo as mo
    from adviz import explore
    from explorer_data import categories, predictions
    retrieval = explore.retrieval(categories, predictions)
    thresholds = explore.thresholds(categories, predictions)
    explore.link(retrieval, thresholds)
    return mo, retrieval, thresholds


@app.cell
def _(mo, retrieval):
    mo.ui.anywidget(retrieval)
    return


@app.cell
def _(thresholds):
    thresholds
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
    opened.set_default_timeout(2 * PATIENCE)
    yield opened
    context.close()


def pick(explorer, row, column):
    canvas = explorer.locator("canvas.av-picture-canvas")
    expect(canvas).to_have_attribute("data-drawn", re.compile(r"\d"), timeout=PATIENCE)
    canvas.scroll_into_view_if_needed()
    side = canvas.bounding_box()["width"]
    canvas.click(position={"x": (column + 0.5) * side / SIDE, "y": (row + 0.5) * side / SIDE})


def follow_each_other(page):
    """Pick, choose and step in either of two linked explorers; the other one shows the same.

    The first one is used again after the second, when all parts are there: it must not be their
    arrival alone that draws the other one.
    """
    first, second = (page.locator(".av-explorer").nth(i) for i in range(2))
    expect(second).to_be_visible(timeout=120_000)
    for used, row, column in ((first, 112, 56), (second, 50, 150), (first, 20, 20)):
        pick(used, row, column)
        for explorer in (first, second):
            readout = explorer.locator(".av-readout").first
            expect(readout).to_contain_text(f"row {row}, column {column}", timeout=PATIENCE)
    for used, detector in ((second, "PaDiM"), (first, "PatchCore"), (second, "SPADE")):
        used.locator(".av-detector select").first.select_option(detector)
        both_say(first, second, f"mesh · {detector} · image 1 of 12")
    for used, place in ((second, 11), (first, 12)):
        used.locator("button.av-next").click()
        for explorer in (first, second):
            counter = explorer.locator(".av-counter").first
            expect(counter).to_have_text(f"{place} of 12", timeout=PATIENCE)
    first.locator(".av-category select").first.select_option("hex_nut")
    both_say(first, second, "hex_nut · SPADE · image 1 of 12")


def both_say(first, second, words):
    for explorer in (first, second):
        expect(explorer.locator(".av-status")).to_contain_text(words, timeout=PATIENCE)


@contextmanager
def voila(folder, *sources):
    """Serve a notebook of code cells with Voila, and yield its address."""
    write_notebook(folder, "cells.ipynb", *sources)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = ["voila", str(folder / "cells.ipynb"), "--no-browser", f"--port={port}"]
    command.append("--Voila.ip=127.0.0.1")
    with serving(command, folder / "home", f"{url}/voila/static/"):
        yield url


def test_voila(page, tmp_path):
    need("voila")
    with voila(tmp_path, inspect.getsource(explorer_data), LINKED, "thresholds") as url:
        # The page is complete when all cells have run
        page.goto(url, wait_until="commit")
        follow_each_other(page)


def test_a_lesson_is_told_in_voila(page, tmp_path):
    need("voila")
    with voila(tmp_path, inspect.getsource(explorer_data), TOLD) as url:
        page.goto(url, wait_until="commit")
        sentence = page.locator(".av-story-sentence")
        expect(sentence).to_have_text("First this image.", timeout=120_000)
        status = page.locator(".av-status").first
        expect(status).to_contain_text("image 2 of 12", timeout=PATIENCE)
        page.locator("button.av-story-next").click()
        expect(sentence).to_have_text("Then that one.", timeout=PATIENCE)
        expect(status).to_contain_text("image 5 of 12", timeout=PATIENCE)
        expect(page.locator("button.av-story-next")).to_be_disabled()
        # No code is on a lecturer's page
        expect(page.get_by_text("explore.story")).to_have_count(0)
        page.locator("button.av-story-back").click()
        expect(status).to_contain_text("image 2 of 12", timeout=PATIENCE)


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
        follow_each_other(page)
