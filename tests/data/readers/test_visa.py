import csv

import numpy as np
import published_trees as trees
import pytest

from adviz import data


def rewritten(root, change):
    """Rewrite the table of splits: `change` takes and returns its rows, the head first."""
    file = root / "split_csv/1cls.csv"
    with file.open(newline="") as lines:
        rows = list(csv.reader(lines))
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows(change(rows))


def test_the_table_decides_what_is_for_training(tmp_path):
    category = data.visa(trees.visa(tmp_path), "candle")
    assert category.train.ids == ["Data/Images/Normal/0001.JPG", "Data/Images/Normal/0002.JPG"]
    assert category.test.ids == [
        "Data/Images/Anomaly/000.JPG",
        "Data/Images/Anomaly/001.JPG",
        "Data/Images/Normal/0000.JPG",
    ]
    assert category.test.labels.tolist() == [1, 1, 0]
    assert category.test.defects == ["scratch", "melt,scratch", "good"]
    assert category.validation is None
    assert category.train[0].image.shape == (224, 224, 3)


def test_masks_hold_numbers_of_defect_types(tmp_path):
    test = data.visa(trees.visa(tmp_path), "candle", geometry=data.Geometry(40, crop=False)).test
    # The same rectangle, 1 in one and 3 in the other
    np.testing.assert_array_equal(test.mask(0), test.mask(1))
    assert 0 < test.mask(0).mean() < 0.5


def test_without_annotations_defects_are_anomalies(tmp_path):
    (trees.visa(tmp_path) / "candle/image_anno.csv").unlink()
    assert data.visa(tmp_path, "candle").test.defects == ["anomaly", "anomaly", "good"]


def test_the_objects_do_not_mix(tmp_path):
    trees.visa(tmp_path)
    for name in ("candle", "pcb1"):
        category = data.visa(tmp_path, name)
        assert (len(category.train), len(category.test)) == (2, 3)
        assert all(tmp_path / name in path.parents for path in category.test.paths)


def test_a_missing_table_or_file_is_named(tmp_path):
    trees.visa(tmp_path)
    (tmp_path / "candle/Data/Images/Normal/0001.JPG").unlink()
    (tmp_path / "candle/Data/Masks/Anomaly/001.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"found 2 missing, first .*Normal/0001\.JPG: unpack"
    ):
        data.visa(tmp_path, "candle")
    assert len(data.visa(tmp_path, "pcb1").train) == 2
    (tmp_path / "split_csv/1cls.csv").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"file split_csv/1cls\.csv in .*, found candle, pcb1, split_csv"
    ):
        data.visa(tmp_path, "pcb1")


BROKEN = {
    "columns": (
        lambda rows: [["object", "image"], *rows[1:]],
        "columns object,split,label,image,mask in .*got object,im",
    ),
    "empty": (lambda _: [], "expected the columns object.*got : get it again"),
    "no such object": (
        lambda rows: [rows[0], *([["x", *row[1:]] for row in rows[1:]])],
        "train images of 'candle'",
    ),
    "supervised": (
        lambda rows: [
            [*row[:1], "train", *row[2:]] if row[2] == "anomaly" else row for row in rows
        ],
        r"only normal training images in .*1cls\.csv, got .*Anomaly/000\.JPG",
    ),
    "another part": (
        lambda rows: [*rows, ["candle", "val", *rows[1][2:]]],
        "splits train and test in .*, got val",
    ),
    "outside": (
        lambda rows: [*rows, ["candle", "test", "normal", "../../secret.png", ""]],
        r"files of the data set in .*, got '\.\./\.\./secret\.png'",
    ),
    "absolute": (
        lambda rows: [*rows, ["candle", "test", "anomaly", rows[1][3], "/etc/secret.png"]],
        "files of the data set in .*, got '/etc/secret.png'",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_wrong_tables_are_refused(tmp_path, case):
    change, message = BROKEN[case]
    rewritten(trees.visa(tmp_path), change)
    with pytest.raises(ValueError, match=message):
        data.visa(tmp_path, "candle")


def test_tables_that_are_no_text_are_refused(tmp_path):
    (trees.visa(tmp_path) / "split_csv/1cls.csv").write_bytes(b"object\xff\xfe,split\n")
    with pytest.raises(
        ValueError, match=r"expected a table in .*1cls\.csv, got .*decode.*: get it again"
    ):
        data.visa(tmp_path, "candle")


def test_a_mask_that_the_table_does_not_name_is_reported(tmp_path):
    trees.put(trees.visa(tmp_path), "candle/Data/Masks/Anomaly/099.png", image=trees.mask(1))
    with pytest.raises(ValueError, match=r"got 1 without one, first .*099\.png: remove it"):
        data.visa(tmp_path, "candle")
