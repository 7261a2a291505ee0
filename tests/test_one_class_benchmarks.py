"""The one-class benchmarks run, go on where they stopped, and their rows are those of their frozen
settings.
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks import one_class, one_class_distillation
from benchmarks.one_class_protocol import RESULTS, extracted, run

from adviz import DN2, Backbone, ReverseDistillation, data
from adviz.features.features import Features

INSTALLED = Path("/usr/share/datasets/fashion-mnist")
needs_data = pytest.mark.skipif(
    not INSTALLED.is_dir(), reason="needs Debian's package dataset-fashion-mnist"
)
FROZEN = {
    (setting.method, setting.variant): (setting, script)
    for script in (one_class, one_class_distillation)
    for setting in script.FROZEN.values()
}


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def few_epochs(setting):
    options = setting.options | ({"epochs": 4} if "epochs" in setting.options else {})
    return replace(setting, size=64, options=options)


@needs_data
@pytest.mark.parametrize("script", [one_class, one_class_distillation], ids=["DN2", "distillation"])
def test_trousers_are_known_and_a_run_goes_on_where_it_stopped(script, tmp_path, monkeypatch):
    backbone = Backbone("efficientnet_lite0", layers=(4, 8, 16, 32), dtype="float16")
    settings, path = (
        {title: few_epochs(setting) for title, setting in script.FROZEN.items()},
        tmp_path / "rows.csv",
    )
    first = run(backbone, settings, path, normals=[1], images=(96, 200))
    # The easiest class; chance is 50
    assert all(90 < values["Trouser"] <= 100 for values in first.values())
    rows = rows_of(path)
    assert [row["variant"] for row in rows] == [setting.variant for setting in settings.values()]
    assert {(row["category"], row["train"], row["test"]) for row in rows} == {
        ("Trouser", "96", "200")
    }
    assert {(row["backbone"], row["digest"]) for row in rows} == {(backbone.label, backbone.digest)}
    for detector in (DN2, ReverseDistillation):
        monkeypatch.setattr(detector, "fit", None)  # a class that has its row is not learned again
    again = run(backbone, settings, path, normals=[1], images=(96, 200))
    for title, values in first.items():
        # As many digits as are written
        assert again[title]["Trouser"] == pytest.approx(values["Trouser"], abs=1e-4)
    with pytest.raises(TypeError, match="not callable"):
        run(backbone, settings, path, normals=[1, 2], images=(96, 200))


@needs_data
def test_classes_are_judged_on_their_own_labels():
    backbone, names = (
        Backbone("efficientnet_lite0", layers=(32,), pool=True),
        data.classes("fashion_mnist"),
    )
    category, train, test = extracted(backbone, 8, 32, (10, 30))
    assert category.name == f"fashion_mnist: {names[8]}"
    assert set(category.train.defects) == {names[8]}
    assert (category.test.labels == [int(kind != names[8]) for kind in category.test.defects]).all()
    assert (train.n_images, test.n_images) == (10, 30)


def test_scores_by_other_maps_are_the_detectors_own():
    rng = np.random.default_rng(0)
    arrays = {"layer3": rng.normal(size=(6, 8, 8, 8)), "layer4": rng.normal(size=(6, 12, 4, 4))}
    features = Features({n: v.astype(np.float32) for n, v in arrays.items()}, image_size=(64, 64))
    detector = ReverseDistillation(layers=(8, 16), student="small", epochs=1, batch=2).fit(features)
    found = dict(one_class_distillation.scores(detector.predict(features), 64))
    assert len(found) == 9
    for name, score in found.items():
        maps, rule, *aligned = name.replace(",", "").split(" ", 2)
        detector.map_layers, detector.image_score, detector.align_corners = (
            tuple(maps.split("+")),
            rule,
            bool(aligned),
        )
        # A last digit of float32
        np.testing.assert_allclose(score, detector.predict(features).score, rtol=1e-6)


@pytest.mark.parametrize(("method", "variant"), FROZEN)
def test_committed_rows_are_ten_classes_of_the_frozen_settings(method, variant):
    rows = [row for row in rows_of(RESULTS) if (row["method"], row["variant"]) == (method, variant)]
    assert [row["category"] for row in rows] == data.classes("fashion_mnist")
    assert {(row["train"], row["test"], row["digest"]) for row in rows} == {
        ("6000", "10000", rows[0]["digest"])
    }
    mean = np.mean([float(row["value"]) for row in rows])
    # The figure that the docstring claims
    assert f"{mean:.2f}" in FROZEN[method, variant][1].__doc__


def test_there_are_no_rows_of_other_settings():
    assert {(row["method"], row["variant"]) for row in rows_of(RESULTS)} == set(FROZEN)
