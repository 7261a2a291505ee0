"""Reverse distillation's choices, one changed at a time, on the built-in data: what each costs and
what it brings.

    python -m benchmarks.ablation transistor hex_nut                      # all runs at 128 px
    python -m benchmarks.ablation transistor --runs cpu skip --seeds 0 1 2
    python -m benchmarks.ablation transistor --runs cpu --size 256

Every run is the preset "cpu" with one change, trained on one thread. Seconds are of the processor,
so that other work on the machine counts little. Pixel AUROCs of a transistor are given for its
misplaced parts as well (good and misplaced images only), for the sum of all maps, of the two
coarser ones and for the coarsest alone.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace

os.environ.setdefault("ADVIZ_PROGRESS", "0")

import numpy as np
import torch

from adviz import Backbone, ConventionalDistillation, ReverseDistillation, data, evaluate
from adviz.detectors.distillation.base import Distiller
from adviz.features.features import Features

LAYERS = ("image", 4, 8, 16, 32)
MAPS = {"1+2+3": None, "2+3": (8, 16), "3": (16,)}
RUNS: dict[str, tuple[type[Distiller], dict[str, object]]] = {
    "cpu": (ReverseDistillation, {}),
    "no schedule": (ReverseDistillation, {"schedule": None}),
    "patience": (ReverseDistillation, {"schedule": None, "patience": 5}),
    "mirrored": (ReverseDistillation, {"student": "mirrored"}),
    "width 1": (ReverseDistillation, {"width": 1.0}),
    "120 epochs": (ReverseDistillation, {"epochs": 120}),
    "position": (ReverseDistillation, {"loss": "position"}),
    "skip": (ReverseDistillation, {"skip": True}),
    "pre": (ReverseDistillation, {"bottleneck": "pre"}),
    "oce": (ReverseDistillation, {"bottleneck": "oce"}),
    "forward": (ConventionalDistillation, {}),
    "forward, mirrored": (ConventionalDistillation, {"student": "mirrored"}),
}
HEADER = (
    f"{'category':>10} {'run':>17} seed epochs {'s':>5} {'million':>7} {'loss':>6} {'image':>6} {'pixel':>6} "
    f"{'PRO':>6} {'sum':>6}  pixel AUROC of misplaced parts with maps {', '.join(MAPS)}"
)


def trained(run: str, seed: int, train: Features) -> tuple[Distiller, float]:
    """Return a fitted detector and the processor's seconds that it took."""
    kind, options = RUNS[run]
    detector = replace(kind.preset("cpu"), seed=seed, **options)
    start = time.process_time()
    detector.fit(train)
    return detector, time.process_time() - start


def pixel_auroc(
    detector: Distiller, test: Features, split: data.Split, chosen: tuple[int, ...] | None
) -> float:
    """Return the pixel AUROC of the good images and the misplaced parts."""
    index = np.flatnonzero([defect in ("good", "misplaced") for defect in split.defects])
    detector.map_layers = chosen
    found = detector.predict(test.select(images=index))
    detector.map_layers = None
    return evaluate(found, split.subset(index)).pixel_auroc


def row(category: data.Category, run: str, seed: int, train: Features, test: Features) -> str:
    detector, seconds = trained(run, seed, train)
    result = evaluate(detector.predict(test), category.test)
    detector.image_score = "sum"
    total = evaluate(detector.predict(test), category.test).image_auroc
    columns = (
        f"{category.name:>10} {run:>17} {seed:4d} {detector.epochs_:6d} {seconds:5.0f} "
        f"{detector.parameters_ / 1e6:7.2f} {detector.losses_[-1]:6.3f} {result.image_auroc:6.3f} "
        f"{result.pixel_auroc:6.3f} {result.pro:6.3f} {total:6.3f}"
    )
    if "misplaced" not in category.test.defects:
        return columns
    return (
        columns
        + "  "
        + " ".join(f"{pixel_auroc(detector, test, category.test, c):.3f}" for c in MAPS.values())
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("categories", nargs="+", help="of the built-in data, seed 0")
    parser.add_argument(
        "--runs", nargs="+", default=list(RUNS), choices=list(RUNS), help="default: all"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the training")
    parser.add_argument(
        "--size", type=int, default=128, help="pixels; images are resized, not cropped"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(HEADER, flush=True)
    backbone = Backbone("efficientnet_lite0", layers=LAYERS)
    for name in options.categories:
        category = data.demo(name, geometry=data.Geometry(options.size, crop=False))
        train, test = backbone.extract(category.train), backbone.extract(category.test)
        for run in options.runs:
            for seed in options.seeds:
                print(row(category, run, seed, train, test), flush=True)


if __name__ == "__main__":
    main()
