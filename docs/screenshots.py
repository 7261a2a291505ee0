"""Photograph explorers for the README: one as an exported page, others in JupyterLab.

Run it after the notebooks: `.venv/bin/python docs/screenshots.py`, or with the names of the
pictures that are wanted.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from adviz import SPADE, Backbone, PaDiM, PatchCore, data, explore

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
from conftest import FLAGS, browser_path, opened  # noqa: E402
from lab_server import running_lab  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

# Picture: notebook, number of the explorer in it
IN_LAB = {"coreset": ("03_patchcore_coreset", 0), "layers": ("06_layers", 0)}
IMAGE = 20  # of the exported page: a contamination of the mesh
WIDTH = 1000  # pixels of a stored picture
WINDOW = {"width": 1280, "height": 1800}  # the whole explorer on one screen
SETTLED = 1500  # milliseconds after which all pictures are there


def retrieval(folder: Path) -> Path:
    """Export the retrieval explorer of the built-in mesh."""
    category = data.demo("mesh")
    backbone = Backbone("efficientnet_lite0", layers=(8, 16, 32))
    train = backbone.extract(category.train)
    test = backbone.extract(category.test)
    detectors = {
        "SPADE": SPADE(layers=(8, 16), k_images=10),
        "PatchCore": PatchCore(coreset=0.02),
        "PaDiM": PaDiM(layers=(8, 16)),
    }
    predictions = {name: one.fit(train).predict(test) for name, one in detectors.items()}
    view = explore.retrieval(category, predictions)
    view.image = IMAGE
    return view.export(folder / "retrieval.html")


def photograph_export(browser: Any, page: Path, file: Path) -> None:
    """Store the upper part of an exported page: controls, the image, and what is beside it."""
    context = browser.new_context(viewport=WINDOW, color_scheme="light", offline=True)
    shown = context.new_page()
    shown.goto(page.as_uri())
    shown.wait_for_selector(".av-explorer[data-drawn]")
    shown.wait_for_timeout(SETTLED)
    explorer = shown.locator(".av-explorer").bounding_box()
    body = shown.locator(".av-body").bounding_box()
    end = body["y"] + body["height"]
    frame = {
        "x": explorer["x"] - 8,
        "y": explorer["y"] - 8,
        "width": explorer["width"] + 16,
        "height": end - explorer["y"] + 16,
    }
    shown.screenshot(path=file, clip=frame)
    context.close()


def photograph_lab(lab: Any, browser: Any, notebook: str, number: int, file: Path) -> None:
    """Run a notebook, and store one of its explorers."""
    with opened(lab, browser) as page:
        page.browser.set_viewport_size(WINDOW)
        page.run_all(f"{notebook}.ipynb", seconds=600)
        page.browser.evaluate(
            "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
        )
        explorer = page.find(".jp-OutputArea-output:has(.adviz-status)").nth(number)
        explorer.scroll_into_view_if_needed()
        page.browser.wait_for_timeout(SETTLED)
        explorer.screenshot(path=file)


def store(file: Path) -> None:
    """Make a JPEG of a picture, as wide as the README shows it, and remove the picture."""
    with Image.open(file) as shot:
        height = WIDTH * shot.height // shot.width
        small = shot.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
    small.save(ROOT / "docs" / "images" / f"{file.stem}.jpg", quality=88)
    file.unlink()


def main(wanted: list[str]) -> None:
    """Store the pictures that are wanted; none named = all."""
    with (
        tempfile.TemporaryDirectory() as name,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=browser_path(), args=FLAGS) as browser,
    ):
        folder = Path(name)
        if not wanted or "retrieval" in wanted:
            photograph_export(browser, retrieval(folder), folder / "retrieval.png")
            store(folder / "retrieval.png")
        in_lab = {one: IN_LAB[one] for one in IN_LAB if not wanted or one in wanted}
        if not in_lab:
            return
        (folder / "lab").mkdir()
        with running_lab(folder / "lab") as lab:
            for picture, (notebook, number) in in_lab.items():
                photograph_lab(lab, browser, notebook, number, folder / f"{picture}.png")
                store(folder / f"{picture}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
