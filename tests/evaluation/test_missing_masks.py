"""One of the defective images has no mask: everything works, with the pixels that are known."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

import adviz
from adviz import Prediction, Result, data, evaluate, explore, metrics
from adviz.core.maps import resize
from adviz.data import Geometry
from adviz.explore.deviations.runs import record
from adviz.explore.kit.disagreement import compared
from adviz.explore.kit.truth import truth_of
from adviz.explore.layers.judging import measured
from adviz.sweep.measuring import evaluation_of
from adviz.tables.figures import pictures

SIZE = 32
BARE = "test/hole/1.png"
REASON = f"1 of 3 anomalous images has no mask and is left out: {BARE}"
# Of two good images, three with holes, and one that nobody judged
KNOWN = [True, True, True, False, True, False]


@pytest.fixture
def category(tmp_path):
    root, rng = tmp_path / "nut", np.random.default_rng(0)
    images = [
        "train/good/0",
        "train/good/1",
        "test/good/0",
        "test/good/1",
        *(f"test/hole/{i}" for i in range(3)),
    ]
    for name in [*images, "test/unlabelled/0"]:
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)).save(path)
    (root / "ground_truth/hole").mkdir(parents=True)
    for number in (0, 2):
        mask = np.zeros((SIZE, SIZE), np.uint8)
        mask[4 : 10 + number, 4:12] = 255
        Image.fromarray(mask).save(root / f"ground_truth/hole/{number}_mask.png")
    return data.folder(root, geometry=Geometry(SIZE, crop=False))


@pytest.fixture
def prediction(category):
    rng, test = np.random.default_rng(1), category.test
    maps = rng.random((6, SIZE, SIZE), np.float32)
    maps[KNOWN] += 0.6 * test.subset(KNOWN).masks_array()
    maps[3] += 2  # what nobody knows would be seen in every metric of the pixels
    layers = {"a": maps[:, ::4, ::4].copy(), "b": maps[:, ::8, ::8].copy()}
    return Prediction(test.labels + rng.random(6), maps, layers, detector="A")


@pytest.fixture
def pixels(category, prediction):
    """The maps and masks of the images whose pixels are known."""
    return prediction.anomaly_map[KNOWN], category.test.subset(KNOWN).masks_array()


def test_it_is_said_whose_pixels_are_known(category):
    assert category.test.known_pixels.tolist() == KNOWN
    with pytest.raises(
        ValueError,
        match=r"got none for 1 of them, first .*1\.png: add it .*subset\(split\.known_pixels",
    ):
        category.test.masks_array()


def test_the_pixel_metrics_are_of_the_images_with_masks_and_say_so(category, prediction, pixels):
    result = evaluate(prediction, category.test)
    maps, masks = pixels
    assert result.pixel_auroc == pytest.approx(
        roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-12
    )
    assert result.pixel_ap == pytest.approx(
        average_precision_score(masks.ravel(), maps.ravel()), abs=1e-12
    )
    assert result.pro == pytest.approx(metrics.pro(maps, masks), abs=1e-12)
    assert result.reasons == dict.fromkeys(("pixel_auroc", "pixel_ap", "pro"), REASON)
    labels = category.test.labels[:5]
    assert result.image_auroc == roc_auc_score(labels, prediction.score[:5])
    assert (result.n_good, result.n_anomalous, result.n_unlabelled) == (2, 3, 1)
    assert f"of fewer images: pixel_auroc, pixel_ap, pro ({REASON})" in repr(result)
    assert "undefined" not in repr(result)
    assert REASON in result._repr_html_()


def test_the_size_and_the_definition_can_be_chosen(category, prediction, pixels):
    maps, masks = pixels
    found = evaluate(prediction, category.test, size=16, pro="per-image")
    small = np.concatenate([resize(mask[None], (16, 16), method="area") > 0.5 for mask in masks])
    assert found.pro == metrics.pro(resize(maps, (16, 16), method="area"), small, "per-image")


def test_the_reason_is_kept_in_files_and_tables(category, prediction, tmp_path):
    result = evaluate(prediction, category.test)
    result.save(tmp_path / "result.adviz")
    assert Result.load(tmp_path / "result.adviz").reasons == result.reasons
    assert REASON in result.to_frame().loc[0, "reasons"]


def test_of_several_the_first_is_named(category, prediction):
    test = category.test
    fewer = data.Split(
        test.paths,
        test.labels,
        [None, *test.masks[1:4], None, None],
        test.defects,
        geometry=test.geometry,
        root=test.root,
    )
    result = evaluate(prediction, fewer)
    assert (
        result.reasons["pro"]
        == f"2 of 3 anomalous images have no mask and are left out, first {BARE}"
    )
    assert result.pixel_auroc == result.pixel_auroc


def test_a_prediction_without_maps_says_that_alone(category, prediction):
    found = evaluate(
        dataclasses.replace(prediction, anomaly_map=None, layer_maps={}), category.test
    )
    assert found.reasons["pro"] == "the detector has no maps"


def test_the_report_is_written_and_says_it(category, prediction, tmp_path):
    other = dataclasses.replace(prediction, anomaly_map=None, layer_maps={})
    page = adviz.report(
        category, {"A": prediction, "B": other}, tmp_path / "report.html"
    ).read_text()
    assert f"Of fewer images: pixel AUROC, pixel AP, PRO-global ({REASON})." in page
    assert "—, undefined: pixel AUROC, pixel AP, PRO-global (the detector has no maps)." in page
    assert f"{evaluate(prediction, category.test).pixel_auroc:.3f}" in page


def test_a_mask_that_cannot_be_read_or_has_another_size_is_still_an_error(
    category, prediction, tmp_path
):
    mask = tmp_path / "nut/ground_truth/hole/0_mask.png"
    Image.new("L", (SIZE, SIZE + 1)).save(mask)
    with pytest.raises(
        ValueError, match=r"mask of the image's size 32x32, got 32x33 in .*0_mask\.png"
    ):
        evaluate(prediction, category.test)
    mask.write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"expected a readable image, got .*0_mask\.png"):
        evaluate(prediction, category.test)


@pytest.mark.parametrize("explorer", ["pro", "thresholds", "results", "compare", "layers"])
def test_every_explorer_opens(explorer, category, prediction):
    found = {"A": prediction, "B": dataclasses.replace(prediction, score=prediction.score + 1)}
    view = getattr(explore, explorer)({"nut": category}, {"nut": found})
    for view.image in (0, 3):  # the second has no mask
        view.wait()
        part = view.part(f"test/nut/{view.image}")
        assert ("mask" in part) == (view.image == 0)
        assert view.error == ""
        assert view.picture()


def test_explorers_judge_the_same_pixels(category, prediction, pixels):
    maps, masks = pixels
    expected = roc_auc_score(masks.ravel(), maps.ravel()), metrics.pro(maps, masks)
    for found in (
        compared(prediction, *truth_of(category.test)),
        measured(prediction, None, *truth_of(category.test)),
    ):
        assert (found["pixel_auroc"], found["pro"]) == pytest.approx(expected, abs=1e-12)


def test_what_was_left_out_of_a_search_for_deviations_is_said(category, prediction):
    found = record(category, prediction)
    assert found.reasons["pixel AUROC"] == REASON
    assert np.isfinite(list(found.points.values())).all()


def test_a_row_of_the_tables_keeps_no_number_of_fewer_images(category, prediction):
    """It would stand beside one of all images."""
    row = evaluation_of(prediction, category.test, None)
    assert np.isnan(row["metrics"]["pixel_auroc"])
    assert row["reasons"]["pixel_auroc"] == f"1 defective images have no mask, first {BARE}"
    assert row["metrics"]["image_auroc"] == evaluate(prediction, category.test).image_auroc


def test_a_figures_threshold_is_of_the_pixels_that_are_known(category, prediction, pixels):
    maps, masks = pixels
    found = SimpleNamespace(category=category, prediction=prediction, threshold=0.0)
    assert (
        pictures._pixel_threshold(found)
        == metrics.f1_threshold(maps.ravel(), masks.ravel()).threshold
    )
