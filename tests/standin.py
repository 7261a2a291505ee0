"""A stand-in for MVTec AD: its folders, file names, image modes and sizes, with images that are
drawn.
"""

import gzip
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

# category -> folders of defective test images, as MVTec AD has them
DEFECTS = {
    "bottle": ("broken_large", "broken_small", "contamination"),
    "cable": (
        *("bent_wire", "cable_swap", "combined", "cut_inner_insulation", "cut_outer_insulation"),
        *("missing_cable", "missing_wire", "poke_insulation"),
    ),
    "capsule": ("crack", "faulty_imprint", "poke", "scratch", "squeeze"),
    "carpet": ("color", "cut", "hole", "metal_contamination", "thread"),
    "grid": ("bent", "broken", "glue", "metal_contamination", "thread"),
    "hazelnut": ("crack", "cut", "hole", "print"),
    "leather": ("color", "cut", "fold", "glue", "poke"),
    "metal_nut": ("bent", "color", "flip", "scratch"),
    "pill": (
        "color",
        "combined",
        "contamination",
        "crack",
        "faulty_imprint",
        "pill_type",
        "scratch",
    ),
    "screw": ("manipulated_front", "scratch_head", "scratch_neck", "thread_side", "thread_top"),
    "tile": ("crack", "glue_strip", "gray_stroke", "oil", "rough"),
    "toothbrush": ("defective",),
    "transistor": ("bent_lead", "cut_lead", "damaged_case", "misplaced"),
    "wood": ("color", "combined", "hole", "liquid", "scratch"),
    "zipper": (
        *("broken_teeth", "combined", "fabric_border", "fabric_interior"),
        *("rough", "split_teeth", "squeezed_teeth"),
    ),
}
CATEGORIES = tuple(DEFECTS)
GREY = ("grid", "screw", "zipper")
ODD = ("bottle", "grid", "pill", "wood")  # drawn in odd, oblong sizes where that is asked for
# Pixels; the others' are 1024
SIDES = {"bottle": 900, "capsule": 1000, "metal_nut": 700, "pill": 800, "tile": 840}


def draw(root, *, categories=CATEGORIES, n_train=2, n_test=1, side=None, odd=False, seed=0):
    """Draw a tree and return its folder; images follow from the seed, the category, the folder and
    the number.

    Parameters
    ----------
    root: a folder, which is made.
    categories: which.
    n_train: images in train/good.
    n_test: images in test/good and in each of the folders of defects.
    side: of the images, pixels; None = MVTec AD's, 700 to 1024.
    odd: some categories are three pixels wider and eleven less high, which MVTec AD's are not.
    seed: another seed draws other images.
    """
    root = Path(root)
    for category in categories:
        length = side or SIDES.get(category, 1024)
        size = (length - 11, length + 3) if odd and category in ODD else (length, length)
        names = ["train/good", "test/good", *(f"test/{defect}" for defect in DEFECTS[category])]
        for name in names:
            count = n_train if name.startswith("train") else n_test
            for number in range(count):
                _draw_image(root / category, name, number, size, seed)
    return root


def draw_digits(folder, *, n_train=2, n_test=1, seed=0):
    """Write MNIST's four files with so many images of each digit: noise, and a bar where the digit
    says.
    """
    folder = Path(folder)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for part, count in (("train", n_train), ("t10k", n_test)):
        labels = np.tile(np.arange(10, dtype=np.uint8), count)
        images = rng.integers(0, 60, (len(labels), 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[:, 2 * label + 4 : 2 * label + 7] = 255
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes((0, 0, 8, values.ndim)) + np.array(values.shape, ">u4").tobytes()
            (folder / f"{part}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + values.tobytes()))
    return folder


def _draw_image(folder, name, number, size, seed):
    rng = np.random.default_rng(
        [seed, number, *(zlib.crc32(word.encode()) for word in (folder.name, name))]
    )
    pixels = texture(folder.name, size, rng)
    defect = name.removeprefix("test/")
    if defect in DEFECTS[folder.name]:
        mask = blob(size, rng)
        pixels[mask] = 255 - pixels[mask] // 2 + rng.integers(-20, 20, (mask.sum(), 1))
        _save(
            Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)),
            folder,
            "ground_truth",
            defect,
            number,
            "_mask",
        )
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    _save(
        image.convert("L") if folder.name in GREY else image, folder, *name.split("/"), number, ""
    )


def _save(image, folder, side, defect, number, ending):
    target = folder / side / defect
    target.mkdir(parents=True, exist_ok=True)
    image.save(target / f"{number:03}{ending}.png", compress_level=1)


def texture(category, size, rng):
    """Return (height, width, 3) int64 waves of a category's own colours and lengths, a little
    shifted, with noise.
    """
    own = np.random.default_rng(zlib.crc32(category.encode()))
    lengths, colour, depth = (
        own.uniform(0.1, 0.4, 2),
        own.uniform(70, 150, 3),
        own.uniform(15, 40, 3),
    )
    rows, columns = (np.arange(length) / max(size) for length in size)
    shift = rng.uniform(-0.05, 0.05, 2)
    waves = np.sin(2 * np.pi * (rows + shift[0]) / lengths[0])[:, None] + np.cos(
        2 * np.pi * (columns + shift[1]) / lengths[1]
    )
    return (
        (colour + depth * waves[..., None] + rng.normal(0, 4, (*size, 3))).round().astype(np.int64)
    )


def blob(size, rng):
    """Return (height, width) bool, an ellipse within the image's middle."""
    middle, radius = rng.uniform(0.35, 0.65, 2), rng.uniform(0.1, 0.2, 2)
    rows, columns = (np.arange(length) / length for length in size)
    return ((rows[:, None] - middle[0]) / radius[0]) ** 2 + (
        (columns - middle[1]) / radius[1]
    ) ** 2 < 1
