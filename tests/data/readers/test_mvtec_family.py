import dataclasses

import numpy as np
import published_trees as trees
import pytest
from PIL import Image

from adviz import data
from adviz.sweep import measuring

WHOLE = data.Geometry(40, crop=False)


def test_loco_is_read_with_its_validation_images_and_kinds_of_anomalies(tmp_path):
    category = data.mvtec_loco(trees.loco(tmp_path), "pushpins", geometry=WHOLE)
    assert category.name == "pushpins"
    assert category.train.ids == ["train/good/000.png", "train/good/001.png"]
    assert category.validation.ids == ["validation/good/000.png"]
    assert category.test.ids == [
        "test/good/000.png",
        "test/logical_anomalies/000.png",
        "test/logical_anomalies/001.png",
        "test/structural_anomalies/000.png",
    ]
    assert category.test.labels.tolist() == [0, 1, 1, 1]
    assert category.test.defects == [
        "good",
        "logical_anomalies",
        "logical_anomalies",
        "structural_anomalies",
    ]


def test_a_pixel_of_loco_is_defective_if_any_of_the_masks_marks_it(tmp_path):
    test = data.mvtec_loco(
        trees.loco(tmp_path), "pushpins", geometry=data.Geometry(40, crop=False)
    ).test
    union = np.zeros((40, 48), bool)
    union[10:28, 12:30] = union[0:6, 0:6] = True
    expected = WHOLE.mask(Image.fromarray(union.astype(np.uint8) * 255))
    np.testing.assert_array_equal(test.mask(1), expected)
    assert test.mask(1)[:3, :3].all()  # of the second file
    assert test.masks_array().any((1, 2)).tolist() == [False, True, True, True]


def test_audit_and_the_digest_of_a_row_know_folders_of_masks(tmp_path):
    category = data.mvtec_loco(trees.loco(tmp_path), "pushpins", geometry=WHOLE)
    assert data.audit(category.test).area.tolist() == [18 * 18 + 6 * 6, 18 * 18, 18 * 18]
    before = measuring._digest(category)
    trees.put(
        tmp_path, "pushpins/ground_truth/logical_anomalies/000/001.png", image=trees.mask(250)
    )
    assert measuring._digest(category) != before


def test_names_with_dots_find_their_folder_of_masks(tmp_path):
    trees.put(trees.loco(tmp_path), "pushpins/test/logical_anomalies/00.1.png")
    trees.put(tmp_path, "pushpins/ground_truth/logical_anomalies/00.1/000.png", image=trees.mask())
    test = data.mvtec_loco(tmp_path, "pushpins").test
    assert test.masks[test.ids.index("test/logical_anomalies/00.1.png")].name == "00.1"


def test_masks_of_one_image_must_have_one_size(tmp_path):
    wide = trees.mask(size=(50, 40))
    trees.put(
        trees.loco(tmp_path), "pushpins/ground_truth/logical_anomalies/000/002.png", image=wide
    )
    test = data.mvtec_loco(tmp_path, "pushpins").test
    with pytest.raises(
        ValueError,
        match=r"one size in the folder .*logical_anomalies/000, got 48x40 and 50x40: repl",
    ):
        test.mask(1)


def test_a_folder_of_masks_without_its_image_is_named(tmp_path):
    trees.put(
        trees.loco(tmp_path),
        "pushpins/ground_truth/logical_anomalies/007/000.png",
        image=trees.mask(),
    )
    with pytest.raises(ValueError, match=r"got 1 without one, first .*logical_anomalies/007"):
        data.mvtec_loco(tmp_path, "pushpins")


def test_validation_images_follow_the_geometry_and_are_shown(tmp_path):
    category = data.mvtec_loco(trees.loco(tmp_path), "pushpins").with_geometry(data.Geometry(16))
    assert category.validation.image_size == (16, 16)
    assert "validation=Split(1 images of 16x16: 1 good)" in repr(category)
    assert "validation" not in repr(dataclasses.replace(category, validation=None))
    assert category.with_geometry(WHOLE).validation.ids == category.validation.ids


def test_folder_reads_loco_too_so_that_masks_are_never_lost(tmp_path):
    category = data.folder(trees.loco(tmp_path) / "pushpins")
    assert category.validation is not None
    assert [mask and mask.name for mask in category.test.masks] == [None, "000", "001", "000"]


@pytest.mark.parametrize("missing", ["train/good", "validation/good", "test"])
def test_missing_folders_of_loco_are_named(tmp_path, missing):
    path = trees.loco(tmp_path) / "pushpins"
    (path / missing).rename(tmp_path / "away")
    with pytest.raises(
        FileNotFoundError,
        match=rf"expected a folder {missing} in .*pushpins, found .*data/README\.md",
    ):
        data.mvtec_loco(tmp_path, "pushpins")


@pytest.mark.parametrize("reader", [data.mvtec_loco, data.mvtec_ad2, data.btad, data.visa])
def test_categories_that_are_not_there_list_those_that_are(tmp_path, reader):
    {
        data.mvtec_loco: trees.loco,
        data.mvtec_ad2: trees.ad2,
        data.btad: trees.btad,
        data.visa: trees.visa,
    }[reader](tmp_path)
    there = {
        data.mvtec_loco: "pushpins",
        data.mvtec_ad2: "can",
        data.btad: "01",
        data.visa: "candle, pcb1",
    }[reader]
    with pytest.raises(FileNotFoundError, match=rf"there are: {there}\), got 'spoon'"):
        reader(tmp_path, "spoon")
    with pytest.raises(FileNotFoundError, match=r"found none at .*nowhere: see data/README"):
        reader(tmp_path / "nowhere", there)


def test_the_public_test_set_of_ad2_has_labels_and_masks(tmp_path):
    category = data.mvtec_ad2(trees.ad2(tmp_path), "can")
    assert (len(category.train), len(category.validation)) == (2, 1)
    assert category.test.ids == [
        "test_public/bad/000_regular.png",
        "test_public/good/000_regular.png",
    ]
    assert category.test.labels.tolist() == [1, 0]
    assert [mask and mask.name for mask in category.test.masks] == ["000_regular_mask.png", None]


@pytest.mark.parametrize(("test", "count"), [("private", 2), ("private_mixed", 1)])
def test_the_private_test_sets_of_ad2_have_no_labels(tmp_path, test, count):
    category = data.mvtec_ad2(trees.ad2(tmp_path), "can", test=test)
    assert category.test.labels.tolist() == [-1] * count
    assert category.test.defects == ["unlabelled"] * count
    assert not category.test.has_masks
    assert all(name.startswith(f"test_{test}/") for name in category.test.ids)
    assert len(category.train) == 2


def test_wrong_and_missing_test_sets_of_ad2_are_named(tmp_path):
    trees.ad2(tmp_path)
    with pytest.raises(ValueError, match="one of public, private, private_mixed, got 'secret'"):
        data.mvtec_ad2(tmp_path, "can", test="secret")
    (tmp_path / "can/test_private").rename(tmp_path / "away")
    assert len(data.mvtec_ad2(tmp_path, "can").test) == 2
    with pytest.raises(
        FileNotFoundError, match=r"expected a folder test_private in .*can, found .*test_public"
    ):
        data.mvtec_ad2(tmp_path, "can", test="private")


def test_a_mask_of_ad2_without_image_is_named(tmp_path):
    trees.put(
        trees.ad2(tmp_path),
        "can/test_public/ground_truth/bad/009_regular_mask.png",
        image=trees.mask(),
    )
    with pytest.raises(ValueError, match=r"got 1 without one, first .*009_regular_mask\.png"):
        data.mvtec_ad2(tmp_path, "can")


@pytest.mark.parametrize(
    ("product", "image", "mask"), [("01", "bmp", "png"), ("02", "png", "png"), ("03", "bmp", "bmp")]
)
def test_btad_is_read_with_its_mixed_suffixes(tmp_path, product, image, mask):
    category = data.btad(trees.btad(tmp_path, product), product, geometry=WHOLE)
    assert category.train.ids == [f"train/ok/0000.{image}", f"train/ok/0001.{image}"]
    assert category.test.ids == [f"test/ko/0003.{image}", f"test/ok/0002.{image}"]
    assert category.test.labels.tolist() == [1, 0]
    assert category.test.defects == ["ko", "good"]
    assert category.test.masks == [tmp_path / product / f"ground_truth/ko/0003.{mask}", None]
    assert category.validation is None
    assert 0 < category.test.mask(0).mean() < 0.5


def test_what_is_wrong_in_a_tree_of_btad_is_named(tmp_path):
    trees.btad(tmp_path)
    trees.put(tmp_path, "01/ground_truth/ko/0042.png", image=trees.mask())
    with pytest.raises(ValueError, match=r"got 1 without one, first .*0042\.png"):
        data.btad(tmp_path, "01")
    (tmp_path / "01/ground_truth/ko/0042.png").unlink()
    (tmp_path / "01/train/ok").rename(tmp_path / "01/train/ko")
    with pytest.raises(
        FileNotFoundError, match=r"folder train/ok in .*01, found ground_truth, test, train"
    ):
        data.btad(tmp_path, "01")


def test_a_mask_that_two_images_could_have_is_refused(tmp_path):
    """The stem alone ties a mask to its image: 000.png and 000.jpg would share one."""
    trees.put(trees.mvtec(tmp_path), "plate/test/hole/000.jpg")
    with pytest.raises(
        ValueError,
        match=r"belong to one image, got 000\.jpg, 000\.png for .*000_mask\.png: rename one",
    ):
        data.mvtec(tmp_path, "plate")
