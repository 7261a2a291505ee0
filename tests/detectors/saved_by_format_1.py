"""The files in saved/, as the code of format 1 wrote them, and what they must hold: written once,
never again.
"""

import dataclasses

import numpy as np
from random_features import make_features

from adviz import (
    DN2,
    SPADE,
    AnomalyDINO,
    ConventionalDistillation,
    PaDiM,
    PatchCore,
    ReverseDistillation,
    calibrate,
    evaluate,
)

TINY = {"student": "small", "width": 0.1, "epochs": 2, "batch": 2}
FITTED = {
    "dn2": lambda: DN2(layers=(16, 32), k_images=2),
    "dn2_ivf": lambda: DN2(index="ivf", k_images=2, image_distance="euclidean"),
    "spade": lambda: SPADE(layers=(8, 16), k_images_score=2, k_images=3, score_neighbors=2),
    "spade_per_layer": lambda: dataclasses.replace(SPADE.preset("port"), layers=(16, 32)),
    "spade_ivfpq": lambda: SPADE(layers=(8,), search="ivfpq", layer_upsample="bilinear"),
    "padim": lambda: PaDiM(layers=(16, 32), dimension=14, upsample="bicubic"),
    "padim_cholesky": lambda: PaDiM(layers=(16,), dimension=3),
    "patchcore": lambda: PatchCore(layers=(16,), dimension=12, coreset=0.1),
    "patchcore_ivfpq": lambda: PatchCore(
        layers=(8,), coreset=0.5, index="ivfpq", aggregation="mean"
    ),
    "patchcore_proxies": lambda: PatchCore(
        sampler="proxies", coreset=0.05, upsample="nearest", aggregation="adaptive", dimension=8
    ),
    "patchcore_official": lambda: dataclasses.replace(
        PatchCore.preset("official"), layers=(16,), dimension=10
    ),
    "anomaly_dino": lambda: AnomalyDINO(layers=(8,), neighbors=3),
    "reverse_distillation": lambda: ReverseDistillation(
        layers=(8, 16), image_score="sum", map="product", **TINY
    ),
    "conventional_distillation": lambda: ConventionalDistillation(layers=(8, 16), **TINY),
}
DIGITS = {"reverse_distillation": 1e-5, "conventional_distillation": 1e-5}


def features(detector, n_images, seed, defect=None):
    pixels = isinstance(detector, ConventionalDistillation)
    return make_features(n_images, seed, defect, pattern=4.0, pixels=pixels)


def fitted(name):
    detector = FITTED[name]()
    return detector.fit(features(detector, 8, 0))


def predicted(detector):
    return detector.predict(features(detector, 4, 1, defect=2))


class Judged:
    """Labels and masks of the four images."""

    name, image_size, has_masks = "random", (64, 64), True
    labels, ids = np.array([0, 0, 1, 0]), ["0", "1", "2", "3"]

    def masks_array(self, *_):
        masks = np.zeros((4, 64, 64), bool)
        masks[2, 32:, 32:] = True
        return masks

    def __len__(self):
        return 4


def records():
    """Return a Prediction, a Result and a Threshold."""
    prediction = predicted(DN2(layers=(16, 32), k_images=2).fit(make_features(8, 0, pattern=4.0)))
    judged = predicted(PaDiM(layers=(16,), dimension=3).fit(make_features(8, 0, pattern=4.0)))
    return {
        "prediction": prediction,
        "result": evaluate(judged, Judged()),
        "threshold": calibrate(prediction, Judged(), rule="full_recall"),
    }
