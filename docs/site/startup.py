"""Run first by a notebook's kernel: explorers that a cell shows become pages of the site.

`build.py` names the folder in ``$ADVIZ_SITE_EXPLORERS``. A page is named after the digest of the
code up to its cell, by which the site finds the place where it was shown.
"""

from __future__ import annotations

import hashlib
import os
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BUDGET = 0.9  # megabytes of a page; a story has the images that it tells of
FEWEST = 3  # images
NEIGHBORS = 3  # of each patch
MEAN = "mean"  # in place of a category: of all
QUALITY = 60  # of JPEG pictures


def page_name(cells: Sequence[str]) -> str:
    """Return the name of the page of what the last of a notebook's code cells so far shows."""
    code = "\n".join(cell.strip() for cell in cells)
    return f"{hashlib.blake2b(code.encode(), digest_size=6).hexdigest()}.html"


def write_page(shown: Any, path: Path) -> None:
    """Export an explorer, a desk or a story: what is on display, and as much more as fits."""
    from adviz import explore

    if not hasattr(shown, "source"):  # a story
        shown.desk.export(path, images=shown.images, half=True, k=NEIGHBORS, quality=QUALITY)
        return
    options: dict[str, Any] = {"half": True, "k": NEIGHBORS, "quality": QUALITY}
    category = getattr(shown, "category", None)
    several = len(shown.source.facts.get("categories", {})) > 1
    if several and category != MEAN and explore.export_size(shown, **options) > BUDGET:
        options["categories"] = [category]
    count = max(shown.source.image_counts(), default=0)
    if count:
        size = explore.export_size(shown, images=range(count), **options)
        fitting = max(FEWEST, int(count * min(1, BUDGET / size)))
        options["images"] = spread_images(getattr(shown, "image", 0), count, fitting)
    shown.export(path, **options)


def spread_images(displayed: int, count: int, fitting: int) -> list[int]:
    """Return indices of images: that on display, and others from all of the gallery."""
    others = {round(i * (count - 1) / max(1, fitting - 2)) for i in range(fitting - 1)}
    return sorted({displayed, *others})


def after_cell(result: Any) -> None:
    """Leave a mark of the cell, and a page where it showed an explorer, or why there is none."""
    shown = result.result
    DONE.append(result.info.raw_cell)
    folder = Path(os.environ["ADVIZ_SITE_EXPLORERS"])
    (folder / page_name(DONE)).with_suffix(".done").touch()
    if hasattr(shown, "export") and hasattr(shown, "static"):
        path = folder / page_name(DONE)
        try:
            write_page(shown, path)
        except Exception:  # IPython would print it into the cell's output
            path.with_suffix(".error").write_text(traceback.format_exc(), encoding="utf-8")


DONE: list[str] = []  # code cells

# A kernel runs this file in its own namespace
if "ADVIZ_SITE_EXPLORERS" in os.environ and "get_ipython" in globals():
    globals()["get_ipython"]().events.register("post_run_cell", after_cell)
