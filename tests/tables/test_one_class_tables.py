"""Table 4 of reverse distillation, where one class is normal: on what is there of its data."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

import standin
from adviz import data, sweep, tables
from adviz.tables.setting import CALTECH, PROTOCOLS

CLASSES = ("001.ak47", "002.american-flag", "257.clutter")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with MNIST's files and three classes of Caltech-256, ten images each."""
    folder = tmp_path_factory.mktemp("data")
    standin.draw_digits(folder / "mnist", n_train=4)
    rng = np.random.default_rng(0)
    for number, name in enumerate(CLASSES):
        images = folder / "caltech256" / "256_ObjectCategories" / name
        images.mkdir(parents=True)
        for index in range(10):
            pixels = rng.integers(0, 80 * (number + 1), (40, 50, 3), np.uint8)
            Image.fromarray(pixels).save(images / f"{name[:3]}_{index:04}.jpg")
    return folder


def of(table, dataset):
    """Return our cell of a data set."""
    (cell,) = [one for one in table.cells if (one.dataset, one.method) == (dataset, "RD4AD")]
    return cell


def test_the_setting_has_what_is_there_and_only_that(root, tmp_path):
    setting = tables.one_class(root=root)
    assert dict(setting.categories) == {
        "mnist": tuple(data.classes("mnist")),
        CALTECH: ("ak47", "american-flag"),  # the clutter is never normal
    }
    assert set(setting.folders) == {"mnist", CALTECH}
    assert tables.one_class(root=tmp_path).categories == {}
    table = tables.plan("rd", 4, tables.one_class(root=tmp_path))
    assert table.experiments == []
    assert of(table, "mnist").reason == "these data are not part of this setting"
    assert "read from its folders" in of(table, CALTECH).reason


def test_its_experiments_are_the_papers_but_for_numbers_and_networks(root):
    table = tables.plan("rd", 4, tables.one_class(root=root))
    assert of(table, "mnist").printed == 99.3
    ones = of(table, CALTECH).experiments
    assert [one.category for one in ones] == ["ak47", "american-flag"]
    for one in table.experiments:
        assert (one.geometry.size, one.geometry.crop) == (256, False)
        assert one.detector.image_score == "sum"
        assert one.detector.layers == (4, 8, 16)
        assert (one.shots, one.every) == (500, 10)
        assert one.backbones == ("efficientnet_lite0",)
    legend = repr(tables.compare(table, []))
    assert "mnist: 500 drawn training images of a class, one in 10 for testing" in legend
    assert "RD4AD: student = small in place of mirrored, width = 0.5 in place of 1.0" in legend
    assert PROTOCOLS[CALTECH] in legend
    whole = tables.one_class(train=None, every=1, root=root)
    assert "drawn training images" not in repr(tables.compare(tables.plan("rd", 4, whole), []))


def test_caltech_is_part_of_the_papers_setting_where_it_is_on_disk(root, tmp_path):
    (tmp_path / "mvtec").mkdir()
    (tmp_path / CALTECH).symlink_to(root / CALTECH)
    setting = tables.available_setting(one_class=True, root=tmp_path)
    assert setting.categories[CALTECH] == ("ak47", "american-flag")
    assert len(of(tables.plan("rd", 4, setting), CALTECH).experiments) == 2


def test_every_class_of_caltech_is_normal_once(root, tmp_path):
    setting = tables.one_class((CALTECH,), train=3, every=1, root=root)
    student = {"epochs": 1, "student": "small", "width": 0.25, "batch": 2}
    small = dataclasses.replace(
        setting, scale=0.25, options={"ReverseDistillation": {**student, "image_score": "sum"}}
    )
    table = tables.plan("rd", 4, small)
    report = sweep.run(table.experiments, tmp_path, root=root)
    assert not report.broken, report
    for result in report.results:
        category = data.novelty(CALTECH, result.experiment.category, root=root)
        assert result.images["ids"] == list(category.test.ids)
        # Two of ten images of each of three classes
        assert np.bincount(result.images["labels"]).tolist() == [2, 4]
        assert set(result.images["defects"]) == {"ak47", "american-flag", "clutter"}
        assert result.facts["n_train"] == 3
    (filled,) = [
        one for one in tables.compare(table, report).filled if one.cell == of(table, CALTECH)
    ]
    aurocs = [100 * result.metrics["image_auroc"] for result in report.results]
    assert filled.ours == pytest.approx(np.mean(aurocs))
