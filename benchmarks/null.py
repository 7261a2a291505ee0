"""The tables of docs/units-of-good.md.

``python -m benchmarks.null``: are p-values of good images what they say, and what is the price? ``--train``,
``--held-out`` and ``--categories`` choose other sizes. ``python -m benchmarks.null --planted 3``: how high do anomalous
images rank that were hidden among the training images?
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

import numpy as np
from scipy.stats import binomtest

from adviz import DN2, SPADE, AnomalyDINO, Backbone, Features, Null, PaDiM, PatchCore, data
from adviz.detectors import Detector
from benchmarks.seeds import CATEGORIES

RATES = (0.05, 0.2, 0.5)  # p-values up to which good images are counted
PIXEL_RATE = 0.01
MAPS = 200  # held-out images whose pixels are counted
HEAD = """\
| category | detector, left out by | fit, predict, left out: s | images p ≤ 5 % | ≤ 20 % | ≤ 50 % | pixels p ≤ 1 % |
|---|---|---|---|---|---|---|"""
FOLDS = 5
WAYS: dict[str, tuple[Callable[[], Detector], int | None]] = {
    "DN2": (DN2, None),
    "SPADE": (lambda: SPADE(layers=(8, 16), k_images=20), None),
    "PaDiM": (lambda: PaDiM(layers=(8, 16)), None),
    "AnomalyDINO": (AnomalyDINO, None),
    "PatchCore 1 %, masked": (lambda: PatchCore(coreset=0.01), None),
    f"PatchCore 1 %, {FOLDS} folds": (lambda: PatchCore(coreset=0.01), FOLDS),
    "PatchCore 10 %, masked": (lambda: PatchCore(coreset=0.1), None),
    f"PatchCore 10 %, {FOLDS} folds": (lambda: PatchCore(coreset=0.1), FOLDS),
}


def row(category: str, name: str, train: Features, held_out: Features) -> str:
    """Return a row of the table."""
    make, folds = WAYS[name]
    detector = make()
    seconds = []
    start = time.process_time()
    for work in (
        lambda: detector.fit(train),
        lambda: detector.predict(train),
        lambda: detector.predict_left_out(train, folds=folds),
    ):
        done = work()
        seconds.append(time.process_time() - start)
        start = time.process_time()
    null = Null.of(done)
    prediction = detector.predict(held_out)
    p = null.p_values(prediction.score, "score")
    cells = [category, name, ", ".join(f"{one:.1f}" for one in seconds)]
    for rate in RATES:
        n_below = int(np.count_nonzero(p <= rate))
        low, high = binomtest(n_below, len(p)).proportion_ci()
        cells.append(f"{100 * n_below / len(p):.1f} ({100 * low:.1f} to {100 * high:.1f})")
    pixels = "-"
    if prediction.anomaly_map is not None:
        below = null.p_values(prediction.anomaly_map[:MAPS]) <= PIXEL_RATE
        pixels = f"{100 * below.mean():.2f}"
    return f"| {' | '.join([*cells, pixels])} |"


def table(names: list[str], n_train: int, n_held_out: int) -> Iterator[str]:
    """Yield the lines of the table as they are known."""
    yield HEAD
    backbone = Backbone("efficientnet_lite0", layers=(8, 16, 32))
    for name in names:
        category = data.demo(name, n_train=n_train + n_held_out)
        features = backbone.extract(category.train)
        train = features.select(images=range(n_train))
        held_out = features.select(images=range(n_train, n_train + n_held_out))
        for way in WAYS:
            yield row(name, way, train, held_out)


def suspects(names: list[str], n_planted: int) -> Iterator[str]:
    """Yield, for each category, the ranks of planted images among all, in three draws."""
    yield "| category | ranks of the planted images, by the score of each left out |"
    yield "|---|---|"
    backbone = Backbone("efficientnet_lite0", layers=(8, 16))
    for name in names:
        category = data.demo(name)
        train, test = backbone.extract(category.train), backbone.extract(category.test)
        anomalous = np.flatnonzero(category.test.labels == 1)
        ranks = []
        for seed in range(3):
            planted = np.random.default_rng(seed).choice(anomalous, n_planted, replace=False)
            layers = {
                layer: np.concatenate([values, test[layer][planted]])
                for layer, values in train.items()
            }
            mixed = Features(layers, image_size=train.image_size)
            detector = PatchCore(coreset=0.1, seed=seed).fit(mixed)
            strangest_first = np.argsort(-detector.predict_left_out(mixed).score, kind="stable")
            places = np.flatnonzero(strangest_first >= train.n_images) + 1
            ranks.append(", ".join(map(str, places)))
        yield f"| {name} | {'; '.join(ranks)} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=64, help="images that are fitted on")
    parser.add_argument("--held-out", type=int, default=500, help="further good images")
    parser.add_argument(
        "--categories",
        nargs="+",
        help="default: brick, hex_nut and mesh; of planted images all six",
    )
    parser.add_argument(
        "--planted", type=int, help="anomalous images among the training images, instead"
    )
    options = parser.parse_args()
    if options.planted:
        lines = suspects(options.categories or list(CATEGORIES), options.planted)
    else:
        lines = table(
            options.categories or ["brick", "hex_nut", "mesh"], options.train, options.held_out
        )
    for line in lines:
        print(line, flush=True)
