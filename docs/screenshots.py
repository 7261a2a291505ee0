"""Photograph explorers for the README: one as an exported page, others in JupyterLab.

Run it after the notebooks: `.venv/bin/python docs/screenshots.py`, or with the names of the
pictures that are wanted.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
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
# Of the animation: where it clicks, as fractions of the image; images that follow; how it is stored
PICKS = [(0.2, 0.3), (0.55, 0.8)]
IMAGES = 3
SHORT = 600  # milliseconds after which a click is answered
MOVING_WIDTH = 800  # pixels
COLOURS = 255
FRAME = 1400  # milliseconds


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


@contextmanager
def shown(browser: Any, page: Path) -> Iterator[Any]:
    """Open an exported page, as a colleague does who got it by mail."""
    context = browser.new_context(viewport=WINDOW, color_scheme="light", offline=True)
    opened_page = context.new_page()
    opened_page.goto(page.as_uri())
    opened_page.wait_for_selector(".av-explorer[data-drawn]")
    opened_page.wait_for_timeout(SETTLED)
    yield opened_page
    context.close()


def upper_part(page: Any) -> dict[str, float]:
    """Return where the controls, the image, and what is beside it are, CSS pixels."""
    explorer = page.locator(".av-explorer").bounding_box()
    body = page.locator(".av-body").bounding_box()
    end = body["y"] + body["height"]
    return {
        "x": explorer["x"] - 8,
        "y": explorer["y"] - 8,
        "width": explorer["width"] + 16,
        "height": end - explorer["y"] + 16,
    }


def photograph_moves(page: Any, file: Path) -> None:
    """Store what a few clicks show, one after the other, as an animation."""
    canvas = page.locator("canvas.av-picture-canvas").first
    side = canvas.bounding_box()["width"]
    frame = upper_part(page)
    shots = [page.screenshot(clip=frame)]
    for row, column in PICKS:
        canvas.click(position={"x": column * side, "y": row * side})
        page.wait_for_timeout(SHORT)
        shots.append(page.screenshot(clip=frame))
    for _ in range(IMAGES):
        page.locator(".av-stepper .av-next").click()
        page.wait_for_timeout(SHORT)
        shots.append(page.screenshot(clip=frame))
    pictures = [small(Image.open(io.BytesIO(shot)), MOVING_WIDTH) for shot in shots]
    sheet = Image.fromarray(np.concatenate([np.asarray(picture) for picture in pictures]))
    palette = sheet.quantize(COLOURS, Image.Quantize.MAXCOVERAGE)  # rare colours, too
    frames = [picture.quantize(palette=palette) for picture in pictures]
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=FRAME, loop=0)


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


def small(picture: Image.Image, width: int) -> Image.Image:
    """Return a picture in another width."""
    height = width * picture.height // picture.width
    return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def store(file: Path) -> None:
    """Make a JPEG of a picture, as wide as the README shows it, and remove the picture."""
    with Image.open(file) as shot:
        small(shot, WIDTH).save(ROOT / "docs" / "images" / f"{file.stem}.jpg", quality=88)
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
            with shown(browser, retrieval(folder)) as page:
                photograph_moves(page, ROOT / "docs" / "images" / "retrieval.gif")
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
