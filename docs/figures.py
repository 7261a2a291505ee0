"""Take the pictures that the pages show out of the stored notebooks.

Run it after `make notebooks`.
"""

import base64
import io
from pathlib import Path

import nbformat
from PIL import Image

HERE = Path(__file__).resolve().parent
# File: notebook, start of the cell
FIGURES = {"quickstart.jpg": ("01_quickstart.ipynb", "plots.anomaly_rows(")}
WIDTH, QUALITY = 1000, 85  # of a stored picture: pixels, and of the JPEG


def picture(notebook: str, start: str) -> Image.Image:
    """Return the picture that the cell starting with `start` stores."""
    cells = nbformat.read(HERE.parent / "notebooks" / notebook, as_version=4).cells
    cell = next(cell for cell in cells if cell.source.startswith(start))
    return Image.open(io.BytesIO(base64.b64decode(cell.outputs[0].data["image/jpeg"])))


for name, (notebook, start) in FIGURES.items():
    whole = picture(notebook, start)
    small = whole.resize((WIDTH, WIDTH * whole.height // whole.width), Image.Resampling.LANCZOS)
    small.save(HERE / "images" / name, quality=QUALITY)
