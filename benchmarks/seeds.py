"""The table of results in docs/built-in-data.md: means and standard deviations over seeds.

``python -m benchmarks.seeds`` prints it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import numpy as np

from adviz import SPADE, Backbone, Features, PaDiM, PatchCore, data, evaluate

CATEGORIES = ("brick", "hex_nut", "transistor", "capsule", "mesh", "bottle")
SEEDS = 10
HEAD = """\
| category | image AUROC: DN2, SPADE | PaDiM | PatchCore | PRO-global: SPADE | PaDiM | PatchCore |
|---|---|---|---|---|---|---|"""


def detectors(seed: int) -> list[SPADE | PaDiM | PatchCore]:
    """Return the quickstart's detectors that have maps; SPADE's score of an image is DN2's, and it
    has no seed.
    """
    seeded: list[SPADE | PaDiM | PatchCore] = [
        PaDiM(layers=(8, 16), seed=seed),
        PatchCore(coreset=0.02, seed=seed),
    ]
    if seed > 0:
        return seeded
    return [SPADE(layers=(8, 16), k_images=5), *seeded]


def measured(
    category: data.Category, train: Features, test: Features, seeds: int
) -> dict[str, np.ndarray]:
    """Return detector -> (seeds, 2) image AUROC and PRO-global."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(seeds):
        for detector in detectors(seed):
            result = evaluate(detector.fit(train).predict(test), category.test)
            found.setdefault(type(detector).__name__, []).append((result.image_auroc, result.pro))
    return {name: np.array(values) for name, values in found.items()}


def written(values: np.ndarray) -> str:
    """Write the mean of several values with their standard deviation, and one value alone."""
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{values.mean():.3f} ± {values.std(ddof=1):.3f}"


def table(seeds: int, names: Sequence[str] = CATEGORIES) -> Iterator[str]:
    """Yield the lines of the table as they are known."""
    yield HEAD
    backbone = Backbone("efficientnet_lite0", layers=(8, 16, 32))
    for name in names:
        category = data.demo(name)
        found = measured(
            category, backbone.extract(category.train), backbone.extract(category.test), seeds
        )
        cells = [written(values[:, metric]) for metric in (0, 1) for values in found.values()]
        yield f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many, from 0 on")
    for line in table(parser.parse_args().seeds):
        print(line, flush=True)
