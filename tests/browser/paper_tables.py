"""The papers' own tables beside made-up results: what a person with MVTec AD sees."""

import tempfile

import numpy as np

from adviz import explore, sweep, tables
from adviz.sweep.results import write

LINE = "PatchCore, coreset=1%"
TABLES = (("patchcore", "S1"), ("patchcore", "S2"), ("rd", 2))
NAMES = ("image_auroc", "pixel_auroc", "pro", "pro_200", "pro_per_image")
ERRORS = ("false_positives", "false_negatives", "false_positives_at_full_recall")
MEASURED = {
    "seconds": {"features": 9.0, "fit": 1.0, "forward_per_image": 0.1, "predict_per_image": 0.1},
    "model_bytes": 2**20,
    "peak_bytes": 2**28,
    "threads": 1,
    "versions": {"adviz": "0.1.0", "torch": "2.15.0", "timm": "1.0.31"},
    "machine": {"processor": "x86_64", "cores": 2},
}
FACTS = {"backbone": "wide_resnet50_2", "digest": "8f1c9a", "n_train": 209, "n_test": 60}


def papers():
    """Return the explorer of a book whose results are there but for one category."""
    folder = tempfile.mkdtemp(prefix="adviz-tables-") + "/results"
    book = tables.Book(None, folder)
    rng = np.random.default_rng(0)
    defects = ["good"] * 20 + ["broken"] * 20 + ["scratch"] * 20
    for paper, number in TABLES:
        for one in book.table(paper, number).missing:
            if one.category == "screw":
                continue
            values = {name: float(rng.uniform(0.95, 1)) for name in NAMES}
            values |= dict.fromkeys(ERRORS, 2.0)
            scores = rng.normal(2, 0.5, 60) + np.repeat([0, 1, 1], 20)
            images = {
                "ids": [f"{name}/{i:03d}" for i, name in enumerate(defects)],
                "labels": [int(name != "good") for name in defects],
                "defects": defects,
                "scores": scores.tolist(),
            }
            regions = {"area": [30.0] * 40, "integral": [0.9] * 40, "auroc": [0.9] * 40}
            curves = {"roc": [[0, 1], [0, 1]]}
            result = sweep.ExperimentResult(
                one, FACTS, values, {}, images, regions, curves, MEASURED
            )
            write(result, book.folder)
    return explore.tables(book)
