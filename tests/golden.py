"""Golden values of the built-in data set: drawn pictures, features, and what every detector makes
of them.

The one place where tests compare with stored output of our own: `tests/golden.json` tells when a
new torch, timm, faiss, scipy or Pillow, or a change of ours, changes results. After a reasoned look
at what changed and why, and only then, ``python -m tests.golden`` makes the file again.
"""

import json
import platform
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np

from adviz import (
    DN2,
    SPADE,
    Backbone,
    ConventionalDistillation,
    PaDiM,
    PatchCore,
    ReverseDistillation,
    data,
    evaluate,
)
from adviz.data.builtin import CATEGORIES, write_tree

FILE = Path(__file__).with_name("golden.json")
COMMAND = "python -m tests.golden"
TRAIN, GOOD, EACH = 12, 4, 3  # pictures: training, good test ones, and of every defect
# Whose features and results are kept; of the other categories one picture of each kind
SHOWN = "bottle"
SIDE = 160  # the 256 pixels are resized to 183, so that the filter counts, and cropped
PACKAGES = (
    "torch",
    "timm",
    "faiss-cpu",
    "numpy",
    "scipy",
    "pillow",
    "scikit-image",
    "scikit-learn",
)
# Three epochs teach next to nothing, and at the usual rate they already turn roundings into per
# cents of a score.
SHORT = {
    "student": "small",
    "width": 0.5,
    "epochs": 3,
    "batch": 6,
    "learning_rate": 2e-4,
    "device": "cpu",
}
DETECTORS = {
    "DN2": lambda: DN2(),
    "SPADE": lambda: SPADE(k_images=5),
    "PaDiM": lambda: PaDiM(),
    "PatchCore": lambda: PatchCore(),
    "ReverseDistillation": lambda: ReverseDistillation(**SHORT),
    "ConventionalDistillation": lambda: ConventionalDistillation(**SHORT),
}


def versions():
    """Return what is installed, with the processor's instructions that torch uses."""
    import torch

    found = {"python": platform.python_version(), "cpu": torch.backends.cpu.get_cpu_capability()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def drawn(category, root):
    """Write a few pictures of a category, always anew, and return them as the reader gives them."""
    painter = write_tree.painter(category)
    for shot in write_tree.shots(category, 0, TRAIN):
        wanted = {"train/good": TRAIN, "test/good": min(GOOD, painter.GOOD)}.get(shot.folder, EACH)
        if shot.index < (wanted if category == SHOWN else 1):
            write_tree.write(shot, root / category)
    return data.mvtec(root, category, geometry=data.Geometry(size=SIDE))


def blocks(images):
    """Return the mean of 2 x 2 blocks of every picture and channel, in grey levels."""
    n, h, w, c = images.shape
    return images.reshape(n, 2, h // 2, 2, w // 2, c).mean((2, 4)).ravel()


def pictures(category):
    splits = {"train": category.train, "test": category.test}
    for name, split in splits.items():
        yield (
            f"pictures/{category.name}/{name}",
            blocks(np.stack([sample.image for sample in split])),
        )
    yield f"masks/{category.name}", category.test.masks_array().sum((1, 2))


def layers(name, features):
    """Return of each layer its mean, deviation, and the values of one channel in six images."""
    for layer, array in features.items():
        yield (
            f"features/{name}/{layer}",
            [
                array.mean(),
                array.std(),
                *array[:4, 1].reshape(4, -1)[:, :: max(1, array[0, 1].size // 8)].ravel(),
            ],
        )


def results(name, category, train, test):
    for detector, make in DETECTORS.items():
        prediction = make().fit(train).predict(test)
        place = f"{detector}/{name}"
        yield f"{place}/score", prediction.score
        result = evaluate(prediction, category.test)
        yield f"{place}/image AUROC", [result.image_auroc]
        if prediction.anomaly_map is not None:
            yield f"{place}/map", prediction.anomaly_map[::4, 5::25, 5::25].ravel()
            yield f"{place}/pixel AUROC and PRO", [result.pixel_auroc, result.pro]


def measure(runtime="torch"):
    """Return name -> numbers, and name -> text that must be the same."""
    backbone = Backbone(
        "efficientnet_lite0", layers=("image", 4, 8, 16, 32), runtime=runtime, device="cpu"
    )
    numbers, texts = {}, {"weights": backbone.digest}
    with tempfile.TemporaryDirectory() as folder:
        for name in CATEGORIES:
            category = drawn(name, Path(folder))
            numbers.update(pictures(category))
            if name == SHOWN:
                train, test = (
                    backbone.extract(split, cache=False)
                    for split in (category.train, category.test)
                )
                numbers.update(layers(name, train))
                numbers.update(results(name, category, train, test))
    return {
        name: np.asarray(values, dtype=float).tolist() for name, values in numbers.items()
    }, texts


def tolerance(name, golden):
    """Return how far numbers of this name may be from the golden ones, in their own unit; see
    tests/test_drift.py.
    """
    kind, student = name.split("/")[0], "Distillation" in name
    if kind == "pictures":
        return 0.05  # grey levels of a mean: 5 % of its pixels by one
    if kind == "masks":
        return 2.0  # pixels
    if name.endswith("image AUROC"):
        return 0.1 if student else 1e-6  # two pairs of images; none
    if "AUROC" in name:
        return 1e-2 if student else 1e-4
    return (1e-2 if student else 1e-4) * np.abs(golden).max()


def drifted(found, golden):
    """Return one line for every name whose numbers are too far from the golden ones."""
    (numbers, texts), lines = found, []
    for name in sorted({*golden["texts"], *texts}):
        if texts.get(name) != golden["texts"].get(name):
            lines.append(
                f"{name}: {golden['texts'].get(name)} was expected, {texts.get(name)} found"
            )
    for name in sorted({*golden["numbers"], *numbers}):
        before, now = (np.array(side.get(name, [])) for side in (golden["numbers"], numbers))
        if before.shape != now.shape:
            lines.append(f"{name}: {before.size} numbers were expected, {now.size} found")
            continue
        worst, allowed = int(np.abs(now - before).argmax()), tolerance(name, before)
        if not np.abs(now - before).max() <= allowed:  # NaN too
            lines.append(
                f"{name}[{worst}]: {before[worst]:.6g} was expected to {allowed:.2g}, {now[worst]:.6g} found"
            )
    return lines


def message(lines, golden, installed):
    """Say what drifted, what is installed that the golden values were not made with, and how to
    make them again.
    """
    if not lines:
        return ""
    others = [
        f"{n} {installed[n]} (golden: {v})"
        for n, v in golden["versions"].items()
        if installed[n] != v
    ]
    return "\n".join(
        [
            f"{len(lines)} results are no longer those of {FILE.name}:",
            *(f"  {line}" for line in lines),
            "installed, other than the golden values were made with: "
            + (", ".join(others) or "nothing"),
            f"look for the reason first; where the new results are right, `{COMMAND}` stores them",
        ]
    )


def main():
    numbers, texts = measure()
    kept = {name: [float(f"{value:.7g}") for value in values] for name, values in numbers.items()}
    lines = [f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in kept.items()]
    head = [
        f' "{key}": {json.dumps(value)}'
        for key, value in (("versions", versions()), ("texts", texts))
    ]
    FILE.write_text(
        "{\n" + ",\n".join([*head, ' "numbers": {\n' + ",\n".join(lines) + "\n }"]) + "\n}\n"
    )
    sys.stdout.write(f"{sum(map(len, kept.values()))} numbers written to {FILE}\n")


if __name__ == "__main__":
    main()
