"""What a category or a test set lacks, told from the names of its files."""

import published_trees as trees
import pytest

from adviz import data
from adviz.data import Missing, missing_from_category, missing_from_test, published_counts


@pytest.fixture
def plate(tmp_path):
    return trees.mvtec(tmp_path) / "plate"


def test_a_complete_category_lacks_nothing(plate):
    assert missing_from_category(plate) == []
    assert missing_from_test(data.folder(plate).test) == []


@pytest.mark.parametrize(
    ("gone", "what"), [("train/good", "folder train/good"), ("test", "folder test")]
)
def test_a_missing_folder_stops(plate, gone, what):
    (plate / gone).rename(plate.parent / "elsewhere")
    assert missing_from_category(plate) == [Missing(what, stops=True)]


def test_a_missing_category_and_a_missing_data_set_stop(tmp_path):
    assert missing_from_category(tmp_path / "nut") == [Missing("category folder", stops=True)]
    (missing,) = missing_from_category(tmp_path / "mvtec/nut")
    assert missing.stops
    assert str(tmp_path / "mvtec") in missing.what


def test_masks_of_some_images_are_no_option_and_all_of_them_are(plate):
    (plate / "ground_truth/hole/000_mask.png").unlink()
    assert missing_from_category(plate) == [Missing("masks of test/hole/000.png")]
    (plate / "ground_truth/bent/000_mask.png").unlink()
    assert missing_from_category(plate) == [Missing("masks in ground_truth", optional=True)]


def test_of_mvtec_ad_a_number_that_is_skipped_is_named(tmp_path):
    trees.mvtec(tmp_path, "carpet")
    (tmp_path / "carpet/train/good/001.png").unlink()
    assert missing_from_category(tmp_path / "carpet") == [Missing("files train/good/001")]


def test_a_data_set_without_a_sure_count_has_none():
    assert published_counts("mine") == {}
    assert published_counts("BTAD", "02") == {}
    assert published_counts("BTAD", "01") == {"train": 400}


def test_the_counts_of_mvtec_ad_are_those_of_its_table():
    sums = published_counts("MVTec AD")
    assert sums == {"train": 3629, "test": 467 + 1258}
