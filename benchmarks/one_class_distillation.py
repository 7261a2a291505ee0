"""Reverse distillation on Fashion-MNIST in the one-class protocol: mean image AUROC over ten classes, each normal once.

TODO figures
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np

from adviz import Backbone, ReverseDistillation, maps, metrics
from adviz.prediction import Prediction
from benchmarks.one_class_protocol import CHOOSING, Setting, extracted, run

LEARNED, JUDGED = 2000, 4000  # images of each class to choose on
COMMON = {"student": "small", "schedule": "cosine", "loss": "position"}
# no smoothing, which does not change a sum
FROZEN = {
    "distillation": Setting(
        ReverseDistillation, 128, {"layers": (32,), **COMMON, "epochs": 2, "score": "sum", "sigma": 0.0}
    ),
}
# what was compared on classes 4 and 6: size and options beside the common ones
CANDIDATES = {
    "stage 4": (128, {"layers": (32,), "epochs": 5}),
    "its loss flat": (128, {"layers": (32,), "epochs": 5, "loss": "flat"}),
    "its epochs 15": (128, {"layers": (32,), "epochs": 15}),
    "at 64 px": (64, {"layers": (32,), "epochs": 8}),
    "at 192 px": (192, {"layers": (32,), "epochs": 4, "batch": 32, "width": 0.5}),
    "stages 3, 4": (128, {"layers": (16, 32), "epochs": 3, "batch": 32, "width": 0.25}),
}


def teacher(layers: tuple[int, ...], runtime: str) -> Backbone:
    """Return the frozen network; half precision halves what lies on disk."""
    return Backbone("efficientnet_lite0", layers=layers, runtime=runtime, dtype="float16")


def scores(prediction: Prediction, size: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what the detector's scores would be with other maps and rules, without running the student again."""
    names = tuple(prediction.layer_maps)
    for chosen in dict.fromkeys([*((name,) for name in names), names]):
        for rule, aligned in (("sum", False), ("sum", True), ("max", True)):
            resized = [maps.resize(prediction.layer_maps[n], (size, size), align_corners=aligned) for n in chosen]
            joined = maps.smooth(np.add.reduce(resized), 4.0)
            score = joined.max((1, 2)) if rule == "max" else joined.sum((1, 2), dtype=np.float64)
            yield f"{'+'.join(chosen)} {rule}{', corners aligned' if aligned else ''}", score


def choose(backbone: Backbone, chosen: list[str]) -> None:
    """Print the image AUROC of classes 4 and 6, per cent, for every candidate, set of maps and rule."""
    for title in chosen:
        size, options = CANDIDATES[title]
        start, rows = time.perf_counter(), {}
        for normal in CHOOSING:
            category, train, test = extracted(backbone, normal, size, (LEARNED, JUDGED))
            prediction = ReverseDistillation(**{**COMMON, **options}).fit(train).predict(test)
            for name, score in scores(prediction, size):
                rows.setdefault(name, []).append(100 * metrics.auroc(score, category.test.labels))
        print(f"{title}: {size} px, {options}, {time.perf_counter() - start:.0f} s")
        for name, values in rows.items():
            print(f"{name:>40}", *(f"{value:6.2f}" for value in (*values, np.mean(values))), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choose", nargs="*", metavar="NAME", help="compare settings on classes 4 and 6 instead")
    parser.add_argument("--runtime", default="openvino", help="openvino, or torch, which takes twice the time")
    options = parser.parse_args()
    if options.choose is None:
        run(teacher((32,), options.runtime), FROZEN)
    else:
        choose(teacher((16, 32), options.runtime), options.choose or list(CANDIDATES))


if __name__ == "__main__":
    main()
