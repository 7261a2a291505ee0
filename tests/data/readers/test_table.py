"""Categories from tables of paths, labels, masks and parts."""

import subprocess
import sys

import numpy as np
import pandas as pd
import published_trees as trees
import pytest

from adviz import data

GOOD = [f"img/good{number:02}.png" for number in range(10)]
BAD = ["img/bad0.png", "img/bad1.png"]


@pytest.fixture
def root(tmp_path):
    """A folder with ten good and two defective images, one of which has a mask."""
    trees.put(tmp_path / "part", *GOOD, *BAD)
    return trees.put(tmp_path / "part", "masks/bad0.png", image=trees.mask())


def frame(labels=(0, 1), **columns):
    good, bad = labels
    return pd.DataFrame({"path": GOOD + BAD, "label": [good] * 10 + [bad] * 2} | columns)


def labels_of(category):
    return dict(zip(category.test.ids, category.test.labels.tolist(), strict=True))


EXPECTED = {"img/good04.png": 0, "img/good09.png": 0, "img/bad0.png": 1, "img/bad1.png": 1}


@pytest.mark.parametrize(
    "labels",
    [
        (0, 1),
        (0.0, 1.0),
        (False, True),
        ("good", "bad"),
        ("OK", "NG"),
        ("Normal", "Anomaly"),
        ("non-defective", "defective"),
        ("0", "1"),
        ("False", "True"),
        ("good", "scratch"),
        (np.int8(0), np.int8(1)),
    ],
)
def test_labels_are_understood_and_every_fifth_good_image_is_tested(labels, root):
    category = data.table(frame(labels), root=root)
    assert category.name == "part"
    assert labels_of(category) == EXPECTED
    assert category.train.ids == [name for name in GOOD if name not in EXPECTED]
    named = labels[1] in ("bad", "NG", "Anomaly", "defective", "scratch")
    assert set(category.test.defects) == {"good", labels[1] if named else "anomalous"}


def test_the_order_of_rows_does_not_decide_what_is_tested(root):
    category = data.table(frame().sample(frac=1, random_state=0), root=root)
    assert labels_of(category) == EXPECTED


@pytest.mark.parametrize(
    "nothing", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT, "", " ", "nan", "None", "N/A"]
)
def test_an_empty_cell_is_no_mask(nothing, root):
    masks = [nothing] * 10 + ["masks/bad0.png", nothing]
    category = data.table(frame(mask=masks), root=root)
    masks = dict(zip(category.test.ids, category.test.masks, strict=True))
    assert {name for name, mask in masks.items() if mask is not None} == {"img/bad0.png"}
    assert category.test.mask(category.test.ids.index("img/bad0.png")).any()


@pytest.mark.parametrize("nothing", [None, float("nan"), np.float64("nan"), pd.NA, ""])
def test_an_empty_cell_is_no_mask_of_a_split(nothing, root):
    split = data.Split(
        [root / name for name in BAD], [1, 1], [root / "masks/bad0.png", nothing], ["bad"] * 2
    )
    assert split.masks == [root / "masks/bad0.png", None]
    assert split.known_pixels.tolist() == [True, False]


def test_parts_are_understood(root):
    parts = ["Train", "training"] * 3 + ["val", "validation", "test", "Testing"] + ["test"] * 2
    category = data.table(frame(part=parts), root=root)
    assert category.train.ids == GOOD[:6]
    assert category.validation.ids == GOOD[6:8]
    assert category.test.ids == GOOD[8:] + BAD


def test_columns_are_named_or_found_by_usual_names(root):
    usual = frame().rename(columns={"path": "Image Path", "label": "Label"})
    assert labels_of(data.table(usual, root=root)) == EXPECTED
    odd = frame().rename(columns={"path": "foto", "label": "urteil"})
    assert labels_of(data.table(odd, root=root, image="foto", label="urteil")) == EXPECTED
    kinds = frame(defect=[""] * 10 + ["dent", None])
    assert data.table(kinds, root=root).test.defects == ["good", "good", "dent", "anomalous"]


def test_columns_by_name_and_a_csv_file_are_tables_too(root):
    columns = frame(mask=[""] * 10 + ["masks/bad0.png", ""])
    assert labels_of(data.table(columns.to_dict("list"), root=root)) == EXPECTED
    for separator in (",", ";", "\t"):
        columns.to_csv(root / "labels.csv", sep=separator, index=False, encoding="utf-8-sig")
        category = data.table(root / "labels.csv")
        assert (labels_of(category), category.name, category.test.has_masks) == (
            EXPECTED,
            "part",
            True,
        )
    assert data.table(str(root / "labels.csv"), name="nut").name == "nut"


def test_paths_may_be_absolute_of_the_current_folder_of_windows_or_of_the_user(root, monkeypatch):
    whole = frame(path=[str(root / name) for name in GOOD + BAD])
    assert data.table(whole).train.paths[0] == root / GOOD[0]
    monkeypatch.chdir(root)
    category = data.table(frame())
    assert (labels_of(category), category.name) == (EXPECTED, "")
    assert (
        labels_of(data.table(frame(path=[name.replace("/", "\\") for name in GOOD + BAD])))
        == EXPECTED
    )
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.setenv("USERPROFILE", str(root))
    assert labels_of(data.table(frame(), root="~")) == EXPECTED
    assert (
        data.table(frame(path=[f"~/{name}" for name in GOOD + BAD])).train.paths[0]
        == root / GOOD[0]
    )


def test_rows_without_a_label_are_tested_and_not_judged(root):
    labels = [0] * 8 + [None, -1, 1, "unlabelled"]
    found = labels_of(data.table(frame(label=labels), root=root))
    assert found == {
        "img/good04.png": 0,
        "img/good08.png": -1,
        "img/good09.png": -1,
        "img/bad0.png": 1,
        "img/bad1.png": -1,
    }


def test_an_unknown_column_is_refused_with_the_one_that_was_meant(root):
    with pytest.raises(
        ValueError,
        match=r"column of the table for mask= \(path, label, masks\), got 'mask'.*'masks'",
    ):
        data.table(frame(masks=[None] * 12), root=root, mask="mask")
    with pytest.raises(
        ValueError,
        match=r"a column image or image_path or path, got the columns datei, label: name it",
    ):
        data.table(frame().rename(columns={"path": "datei"}), root=root)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"label": [0] * 11 + [2]}, r"as label, got 2 in row 11, which says neither"),
        ({"label": ["scratch"] * 12}, r"as label, got 'scratch' in row 0, which says neither"),
        (
            {"label": ["good"] * 11 + ["positive"]},
            r"got 'positive' in row 11, which may be either: rename it",
        ),
        (
            {"part": ["train"] * 11 + ["holdout"]},
            r'"train", "validation" or "test" as part, got \'holdout\' in row 11',
        ),
        ({"part": ["train"] * 11 + [None]}, r"as part, got nothing in row 11: correct it"),
        (
            {"part": ["train"] * 9 + ["test", "train", "test"]},
            r"only good images for train, got 'anomalous' .* row 10",
        ),
        ({"part": ["test"] * 12}, r"expected images for train, found none among 12 rows"),
        (
            {"part": ["train"] * 10 + ["val", "test"]},
            r"only good images for validation, got 'anomalous'",
        ),
        (
            {"label": [0] * 4 + [1] * 8},
            r"at least 5 good images, .*, got 4: add some, or say in a column part",
        ),
        (
            {"path": [*GOOD, BAD[0], BAD[0]]},
            r"every image once, got .*bad0\.png in rows 10 and 11: drop one",
        ),
        (
            {"path": [*GOOD, GOOD[0], BAD[0]]},
            r"one label for an image, got 'good' and 'anomalous' .* rows 0 and 10",
        ),
        ({"path": [*GOOD, BAD[0], None]}, r"an image in every row, got none in row 11"),
        ({"path": [*GOOD, BAD[0], 7]}, r"path of a file as image, got 7 in row 11"),
        ({"defect": ["dent"] * 12}, r"no defect of a good image, got 'dent' in row 0"),
    ],
)
def test_what_contradicts_itself_is_refused_by_row(columns, words, root):
    with pytest.raises(ValueError, match=words):
        data.table(frame(**columns), root=root)


def test_files_that_are_not_there_are_named(root):
    with pytest.raises(
        FileNotFoundError,
        match=r"file of every image, found 12 missing, first .*good00\.png: pass as root=",
    ):
        data.table(frame(), root=root / "img")
    with pytest.raises(
        FileNotFoundError, match=r"file of every mask, found 2 missing, first .*gone\.png"
    ):
        data.table(frame(mask=[None] * 10 + ["gone.png"] * 2), root=root)
    with pytest.raises(
        FileNotFoundError, match=r"expected a CSV file, found none at .*labels\.csv"
    ):
        data.table(root / "labels.csv")


def test_what_is_no_table_is_refused(root):
    with pytest.raises(TypeError, match=r"expected a DataFrame, .* got a list: pandas\.DataFrame"):
        data.table([{"path": GOOD[0], "label": 0}], root=root)
    with pytest.raises(ValueError, match=r"columns of one length, got \{'path': 2, 'label': 1\}"):
        data.table({"path": GOOD[:2], "label": [0]}, root=root)
    with pytest.raises(ValueError, match="columns of different names, got 'label' more than once"):
        data.table(pd.concat([frame(), frame()[["label"]]], axis=1), root=root)
    (root / "labels.csv").write_bytes("path,label\nä.png,0\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"table as CSV in UTF-8 in .*labels\.csv"):
        data.table(root / "labels.csv")
    (root / "labels.csv").write_text("path,label\na.png\n")
    with pytest.raises(
        ValueError, match=r"expected 2 columns in every line of .*, got others in line 2"
    ):
        data.table(root / "labels.csv")


def test_pandas_is_not_imported_for_columns_by_name(root):
    code = (
        "import sys; from adviz import data; "
        f"data.table({{'path': {GOOD + BAD}, 'label': {[0] * 10 + [1] * 2}}}, root={str(root)!r}); "
        "sys.exit('pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("column", ["is_good", "Good", "OK", "isNormal", "is ok"])
@pytest.mark.parametrize("labels", [(1, 0), (True, False), ("True", "False"), (1.0, 0.0)])
def test_numbers_in_a_column_that_says_good_are_refused(root, column, labels):
    """They would be read the wrong way round, without a word."""
    table = frame(labels).rename(columns={"label": column})
    with pytest.raises(
        ValueError, match=f"labels in which 1 is bad, got numbers in the column '{column}'"
    ):
        data.table(table, root=root, label=column)
    words = frame(("good", "bad")).rename(columns={"label": column})
    assert labels_of(data.table(words, root=root, label=column)) == EXPECTED


@pytest.mark.parametrize("column", ["is_bad", "defect_free_not", "NG", "target"])
def test_numbers_in_other_columns_are_read(root, column):
    table = frame().rename(columns={"label": column})
    assert labels_of(data.table(table, root=root, label=column)) == EXPECTED
