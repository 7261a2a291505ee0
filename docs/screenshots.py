"""Photograph explorers for the README, as exported pages.

Run it as `.venv/bin/python docs/screenshots.py`, or with the names of the pictures that are wanted:
retrieval, coreset, layers.
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
from conftest import FLAGS, browser_path  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

IMAGES_OF = ROOT / "docs" / "images"
IMAGE = 20  # of the retrieval page: a contamination of the mesh
ENTRY = 51, 325  # of the coreset page: training image and location of a rare capsule's gloss
DEFECT = "misplaced"  # of the layers page
WIDTH = 1000  # pixels of a stored picture
QUALITY = 85  # of a JPEG
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


def coreset(folder: Path) -> Path:
    """Export the coreset explorer of the built-in capsules, with a random bank on display."""
    category = data.demo("capsule")
    backbone = Backbone("efficientnet_lite0", layers=(8, 16))
    train = backbone.extract(category.train)
    test = backbone.extract(category.test)
    banks = {
        name: PatchCore(coreset=0.10, sampler=name).fit(train) for name in ("greedy", "random")
    }
    traces = {name: bank.trace_ for name, bank in banks.items()}
    sizes = [0.001, 0.003, 0.01, 0.1]
    predictions = {name: bank.predict_coreset_sizes(test, sizes) for name, bank in banks.items()}
    view = explore.coreset(category, traces, predictions)
    view.wait()
    trace, (image, location) = traces["random"], ENTRY
    view.sampler = "random"
    view.picked = int(np.flatnonzero((trace.image == image) & (trace.location == location))[0])
    return view.export(folder / "coreset.html")


def layers(folder: Path) -> Path:
    """Export the layers explorer of the built-in transistor, with its coarsest layer alone."""
    category = data.demo("transistor")
    backbone = Backbone("efficientnet_lite0", layers=(4, 8, 16))
    train = backbone.extract(category.train)
    test = backbone.extract(category.test)
    detector = PatchCore(layers=(4, 8, 16), coreset=0.0025).fit(train)
    view = explore.layers(category, detector.predict(test))
    view.image = list(category.test.defects).index(DEFECT)
    view.layers = ["layer3"]
    view.wait()
    return view.export(folder / "layers.html")


# Picture -> the page that it is of, and the last element that is in it
STILL = {"coreset": (coreset, ".av-bank-charts"), "layers": (layers, ".av-left")}


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


def upper_part(page: Any, last: str = ".av-body") -> dict[str, float]:
    """Return where the explorer is, from its controls to an element, CSS pixels."""
    explorer = page.locator(".av-explorer").bounding_box()
    element = page.locator(last).first.bounding_box()
    end = element["y"] + element["height"]
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


def photograph(page: Any, last: str, file: Path) -> None:
    """Store what a page shows down to an element as a JPEG, as wide as the README shows it."""
    shot = page.screenshot(clip=upper_part(page, last))
    small(Image.open(io.BytesIO(shot)), WIDTH).save(file, quality=QUALITY)


def small(picture: Image.Image, width: int) -> Image.Image:
    """Return a picture in another width."""
    height = width * picture.height // picture.width
    return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


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
                photograph_moves(page, IMAGES_OF / "retrieval.gif")
        for picture, (export, last) in STILL.items():
            if not wanted or picture in wanted:
                with shown(browser, export(folder)) as page:
                    photograph(page, last, IMAGES_OF / f"{picture}.jpg")


if __name__ == "__main__":
    main(sys.argv[1:])
