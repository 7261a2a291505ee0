"""Copy the pictures that the pages show out of the stored notebooks.

Run it after `make notebooks`.
"""

import base64
from pathlib import Path

import nbformat

HERE = Path(__file__).resolve().parent
# File: notebook, start of the cell
FIGURES = {"quickstart.jpg": ("01_quickstart.ipynb", "plots.anomaly_rows(")}


def picture(notebook: str, start: str) -> bytes:
    """Return the JPEG that the cell starting with `start` stores."""
    cells = nbformat.read(HERE.parent / "notebooks" / notebook, as_version=4).cells
    cell = next(cell for cell in cells if cell.source.startswith(start))
    return base64.b64decode(cell.outputs[0].data["image/jpeg"])


for name, (notebook, start) in FIGURES.items():
    (HERE / "images" / name).write_bytes(picture(notebook, start))
