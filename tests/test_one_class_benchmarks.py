"""The one-class benchmarks run, go on where they stopped, and their committed rows are those of their frozen settings."""

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from adviz import Backbone, ReverseDistillation, data
from adviz.features import Features
from benchmarks import one_class, one_class_distillation
from benchmarks.one_class_distillation import Setting
from benchmarks.one_class_rows import RESULTS

INSTALLED = Path("/usr/share/datasets/fashion-mnist")
needs_data = pytest.mark.skipif(not INSTALLED.is_dir(), reason="needs Debian's package dataset-fashion-mnist")


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@needs_data
def test_distillation_learns_trousers_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    backbone = Backbone("efficientnet_lite0", layers=one_class_distillation.STRIDES, dtype="float16")
    few = Setting(64, {**one_class_distillation.FROZEN.options, "epochs": 4})
    options = {"setting": few, "images": (96, 200)}
    first = one_class_distillation.run(backbone, tmp_path / "rows.csv", normals=[1], **options)
    assert 90 < first["Trouser"] <= 100  # the easiest class; chance is 50
    monkeypatch.setattr(ReverseDistillation, "fit", None)  # a class that has its row is not learned again
    again = one_class_distillation.run(backbone, tmp_path / "rows.csv", normals=[1], **options)
    assert again["Trouser"] == pytest.approx(first["Trouser"], abs=1e-4)  # as many digits as are written
    with pytest.raises(TypeError):
        one_class_distillation.run(backbone, tmp_path / "rows.csv", normals=[1, 2], **options)
    (row,) = rows_of(tmp_path / "rows.csv")
    assert (row["category"], row["train"], row["test"], row["variant"]) == ("Trouser", "96", "200", few.variant)
    assert (row["backbone"], row["digest"]) == (backbone.label, backbone.digest)


@needs_data
def test_dn2_knows_trousers_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    backbone = Backbone("efficientnet_lite0", layers=one_class.STRIDES, pool=True)
    first = one_class.run(backbone, tmp_path / "rows.csv", normals=[1], images=(96, 200))
    assert [row["variant"] for row in rows_of(tmp_path / "rows.csv")] == list(first)
    assert all(90 < values["Trouser"] <= 100 for values in first.values())
    monkeypatch.setattr(one_class, "DN2", None)
    again = one_class.run(backbone, tmp_path / "rows.csv", normals=[1], images=(96, 200))
    assert {v: pytest.approx(c, abs=1e-4) for v, c in again.items()} == first


@needs_data
def test_classes_are_judged_on_their_own_labels():
    backbone = Backbone("efficientnet_lite0", layers=(32,), pool=True)
    category, train, test = one_class.extracted(backbone, 8, 32, (10, 30))
    names = data.classes("fashion_mnist")
    assert category.name == f"fashion_mnist: {names[8]}"
    assert set(category.train.defects) == {names[8]}
    assert (category.test.labels == [int(kind != names[8]) for kind in category.test.defects]).all()
    assert (train.n_images, test.n_images) == (10, 30)


def test_scores_by_other_maps_are_the_detectors_own():
    rng = np.random.default_rng(0)
    layers = {"layer3": rng.normal(size=(6, 8, 8, 8)), "layer4": rng.normal(size=(6, 12, 4, 4))}
    features = Features({n: v.astype(np.float32) for n, v in layers.items()}, image_size=(64, 64))
    detector = ReverseDistillation(layers=(8, 16), student="small", epochs=1, batch=2).fit(features)
    prediction = detector.predict(features)
    for chosen in (("layer3",), ("layer4",), ("layer3", "layer4")):
        for detector.score in ("max", "sum"):
            detector.map_layers = chosen
            own = detector.predict(features).score
            np.testing.assert_allclose(
                one_class_distillation.score(prediction, (64, 64), chosen, detector.score), own, rtol=1e-6
            )  # the same operations; a last digit of float32


FROZEN = {
    **{("DN2", setting.variant): one_class for setting in one_class.FROZEN.values()},
    ("ReverseDistillation", one_class_distillation.FROZEN.variant): one_class_distillation,
}


@pytest.mark.parametrize(("method", "variant"), FROZEN)
def test_committed_rows_are_ten_classes_of_the_frozen_settings(method, variant):
    rows = [row for row in rows_of(RESULTS) if (row["method"], row["variant"]) == (method, variant)]
    assert [row["category"] for row in rows] == data.classes("fashion_mnist")
    assert {(row["train"], row["test"]) for row in rows} == {("6000", "10000")}
    assert len({(row["backbone"], row["digest"]) for row in rows}) == 1
    mean = np.mean([float(row["value"]) for row in rows])
    assert f"{mean:.2f}" in FROZEN[method, variant].__doc__  # the figure that the docstring claims


def test_there_are_no_other_rows():
    assert {(row["method"], row["variant"]) for row in rows_of(RESULTS)} == set(FROZEN)
