"""Small trees in the exact layouts of the published data sets; no two images are the same."""

import csv
import itertools

import numpy as np
from PIL import Image
from scipy.io import savemat

_count = itertools.count()
SIZE = (48, 40)  # width, height


def picture(size=SIZE):
    """Return an image that no other call returns."""
    return Image.fromarray(
        np.random.default_rng(next(_count)).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    )


def mask(value=255, size=SIZE, box=(12, 10, 30, 28)):
    """Return a mask with one rectangle (left, top, right, bottom)."""
    values = np.zeros(size[::-1], np.uint8)
    values[box[1] : box[3], box[0] : box[2]] = value
    return Image.fromarray(values)


def put(root, *names, image=None):
    """Save an image under each of these names; without one, each gets its own."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (image or picture()).save(root / name)
    return root


def mvtec(root, category="plate"):
    put(root / category, *(f"train/good/{index:03}.png" for index in range(3)), "test/good/000.png")
    put(root / category, "test/hole/000.png", "test/bent/000.png")
    put(
        root / category,
        "ground_truth/hole/000_mask.png",
        "ground_truth/bent/000_mask.png",
        image=mask(),
    )
    return root


def loco(root, category="pushpins"):
    path = put(
        root / category, "train/good/000.png", "train/good/001.png", "validation/good/000.png"
    )
    put(
        path,
        "test/good/000.png",
        "test/logical_anomalies/000.png",
        "test/logical_anomalies/001.png",
    )
    put(path, "test/structural_anomalies/000.png")
    # values as published: the numbers of kinds of defects, counted down from 255
    put(path, "ground_truth/logical_anomalies/000/000.png", image=mask(255))
    put(path, "ground_truth/logical_anomalies/000/001.png", image=mask(253, box=(0, 0, 6, 6)))
    put(path, "ground_truth/logical_anomalies/001/000.png", image=mask(240))
    put(path, "ground_truth/structural_anomalies/000/000.png", image=mask(248))
    (path / "defects_config.json").write_text(
        '[{"defect_name": "missing_pushpin", "pixel_value": 255}]'
    )
    return root


def ad2(root, category="can"):
    path = put(root / category, "train/good/000_regular.png", "train/good/001_regular.png")
    put(
        path,
        "validation/good/000_regular.png",
        "test_public/good/000_regular.png",
        "test_public/bad/000_regular.png",
    )
    put(path, "test_public/ground_truth/bad/000_regular_mask.png", image=mask())
    put(
        path,
        "test_private/000_regular.png",
        "test_private/001_regular.png",
        "test_private_mixed/000_overexposed.png",
    )
    return root


def btad(root, category="01"):
    image = "bmp" if category != "02" else "png"
    path = put(
        root / category, f"train/ok/0000.{image}", f"train/ok/0001.{image}", f"test/ok/0002.{image}"
    )
    put(path, f"test/ko/0003.{image}")
    put(path, f"ground_truth/ko/0003.{'bmp' if category == '03' else 'png'}", image=mask())
    return root


def visa(root, *categories):
    """Return VisA with three normal images (one tested) and two anomalous ones an object."""
    rows = []
    for name in categories or ("candle", "pcb1"):
        images, masks = f"{name}/Data/Images", f"{name}/Data/Masks/Anomaly"
        normal = [f"{images}/Normal/{index:04}.JPG" for index in range(3)]
        anomalous = [f"{images}/Anomaly/{index:03}.JPG" for index in range(2)]
        put(root, *normal, *anomalous)
        put(root, f"{masks}/000.png", image=mask(1))
        put(root, f"{masks}/001.png", image=mask(3))
        rows += [
            [name, "train" if index else "test", "normal", file, ""]
            for index, file in enumerate(normal)
        ]
        rows += [
            [name, "test", "anomaly", file, f"{masks}/{index:03}.png"]
            for index, file in enumerate(anomalous)
        ]
        kinds = [
            *((file, "normal", "") for file in normal),
            (anomalous[0], "scratch", f"{masks}/000.png"),
        ]
        kinds += [(anomalous[1], "melt,scratch", f"{masks}/001.png")]
        table(root / name / "image_anno.csv", ["image", "label", "mask"], kinds)
    table(root / "split_csv" / "1cls.csv", ["object", "split", "label", "image", "mask"], rows)
    return root


def table(file, columns, rows):
    """Write a table with the line ends of the published one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as lines:
        csv.writer(lines, lineterminator="\r\n").writerows([columns, *rows])


def cub(root, names=("001.Black_footed_Albatross", "002.Laysan_Albatross"), each=4):
    path = root / "CUB_200_2011"
    images = [f"{name}/{name[4:]}_{index:04}.jpg" for name in names for index in range(each)]
    for index, image in enumerate(images):
        put(path, f"images/{image}", image=picture((30 + index, 40)))
    ids = range(1, len(images) + 1)
    lists = {
        "images.txt": zip(ids, images, strict=True),
        "classes.txt": enumerate(names, 1),
        "image_class_labels.txt": ((one, (one - 1) // each + 1) for one in ids),
        "train_test_split.txt": ((one, one % 2) for one in ids),
    }
    for name, pairs in lists.items():
        (path / name).write_text("".join(f"{left} {right}\n" for left, right in pairs))
    return path


def flowers(root, classes=(1, 102, 1, 1, 102, 102, 1, 102, 102)):
    """Return Flowers-102 in torchvision's folder: three train, then three and three."""
    path = root / "flowers-102"
    for index in range(1, len(classes) + 1):
        put(path, f"jpg/image_{index:05}.jpg", image=picture((40, 30 + index)))
    savemat(path / "imagelabels.mat", {"labels": np.array([classes], np.uint8)})
    parts = {"trnid": [1, 2, 3], "valid": [6, 5, 4], "tstid": [7, 8, 9]}
    savemat(path / "setid.mat", {name: np.array([ids], np.uint16) for name, ids in parts.items()})
    return path


def tiles(root):
    for name in ("Free", "Blowhole", "Break", "Crack", "Fray", "Uneven"):
        for index in range(2):
            size = (30 + index, 40 + index)
            put(root, f"MT_{name}/Imgs/exp1_num_{index}.jpg", image=picture(size))
            marked = mask(size=size, box=(8, 8, 20, 20) if name != "Free" else (0, 0, 0, 0))
            put(root, f"MT_{name}/Imgs/exp1_num_{index}.png", image=marked)
    return root
