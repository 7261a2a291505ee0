"""A stand-in for the magnetic tile data set: its folders, file names, modes and varying sizes, with
drawn images.
"""

from pathlib import Path

import numpy as np
from PIL import Image

import standin

FOLDERS = ("MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Free", "MT_Uneven")


def draw(root, *, good=10, defective=1, side=64, seed=0):
    """Draw a tree of grey tiles, each with its mask beside it, and return its folder."""
    root = Path(root)
    for folder in FOLDERS:
        place = root / folder / "Imgs"
        place.mkdir(parents=True)
        for number in range(good if folder == "MT_Free" else defective):
            rng = np.random.default_rng([seed, number, FOLDERS.index(folder)])
            size = int(rng.integers(side // 2, side)), int(rng.integers(side, 2 * side))
            mask = np.zeros(size, bool) if folder == "MT_Free" else standin.blob(size, rng)
            pixels = standin.texture("tile", size, rng).mean(-1)
            pixels[mask] = 255 - pixels[mask] // 2
            name = f"exp{1 + number % 6}_num_{1000 * FOLDERS.index(folder) + number}"
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
                place / f"{name}.jpg", quality=90
            )
            Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).save(place / f"{name}.png")
    return root
