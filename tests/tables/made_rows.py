"""Rows made up for tests: as `sweep` writes them, with chosen numbers."""

import numpy as np

from adviz import metrics
from adviz.sweep import ExperimentResult


def made_row(
    experiment,
    *,
    scores=None,
    labels=None,
    defects=None,
    seconds=0.5,
    facts=None,
    regions=None,
    **values,
):
    """Return a result with given metrics; image metrics are those of its scores, if any."""
    found = {
        "image_auroc": 0.9,
        "pixel_auroc": 0.8,
        "pro": 0.7,
        "pro_per_image": 0.6,
        "false_positives": 1.0,
    }
    found |= {"false_negatives": 2.0, "false_positives_at_full_recall": 3.0, "threshold_f1": 0.5}
    images, curves = {"ids": [], "labels": [], "defects": [], "scores": []}, {}
    if scores is not None:
        scores, labels = np.asarray(scores, float), np.asarray(labels)
        best = metrics.f1_threshold(scores, labels)
        found |= {"image_auroc": metrics.auroc(scores, labels), "threshold_f1": best.threshold}
        found |= {"false_positives": best.false_positives, "false_negatives": best.false_negatives}
        found["false_positives_at_full_recall"] = metrics.false_positives_at_full_recall(
            scores, labels
        )
        images = {
            "ids": [f"{i}.png" for i in range(len(scores))],
            "labels": labels.tolist(),
            "scores": scores.tolist(),
        }
        images["defects"] = defects or ["crack" if label else "good" for label in labels]
        roc, recall = (
            metrics.roc_curve(scores, labels),
            metrics.precision_recall_curve(scores, labels),
        )
        curves = {
            "roc": [roc.x.tolist(), roc.y.tolist()],
            "precision_recall": [recall.x.tolist(), recall.y.tolist()],
        }
    each = {"forward_per_image": seconds / 2, "predict_per_image": seconds / 2}
    return ExperimentResult(
        experiment=experiment,
        facts={"backbone": "net", "n_test": len(images["ids"]), **(facts or {})},
        metrics=found | values,
        reasons={},
        images=images,
        regions=regions or {},
        curves=curves,
        measured={"seconds": each, "model_bytes": 2**21},
    )
