"""What people and systems call folders: good and bad, parts, hidden things, "." and "~"."""

import os

import numpy as np
import published_trees as trees
import pytest

from adviz import data, evaluate
from adviz.data.checking.published import mvtec_defects
from adviz.data.folder_names import AMBIGUOUS_WORDS, BAD_WORDS, GOOD_WORDS, UNLABELLED_WORDS
from adviz.data.folder_tree import label_of
from adviz.prediction import Prediction

HIDDEN = (
    ".ipynb_checkpoints",
    ".git",
    ".AppleDouble",
    ".Trash-1000",
    "__MACOSX",
    "@eaDir",
    "@EADIR",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "#recycle",
    "@Recycle",
    "#snapshot",
)
HIDDEN_FILES = (
    "._000.png",
    ".DS_Store",
    "Thumbs.db",
    "desktop.ini",
    "ehthumbs.db",
    ".000.png.icloud",
)


def sorted_photos(root, good="good", bad="bad", count=10):
    trees.put(
        root,
        *(f"{good}/{number:02}.png" for number in range(count)),
        f"{bad}/0.png",
        f"{bad}/1.png",
    )
    return root


def ids(category):
    parts = (category.train, category.validation, category.test)
    return [part and part.ids for part in parts], [str(mask) for mask in category.test.masks]


def litter(root):
    """Put hidden folders with an image into every folder of a tree, and hidden files."""
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for folder in folders:
        trees.put(
            folder,
            *(f"{name}/000.png" for name in HIDDEN),
            *(f"{name}/good/0.png" for name in HIDDEN),
        )
        for name in HIDDEN_FILES:
            (folder / name).write_bytes(b"x")


READERS = {
    "MVTec": (trees.mvtec, lambda root: data.mvtec(root, "plate")),
    "LOCO": (trees.loco, lambda root: data.mvtec_loco(root, "pushpins")),
    "AD 2": (trees.ad2, lambda root: data.mvtec_ad2(root, "can")),
    "AD 2, private": (trees.ad2, lambda root: data.mvtec_ad2(root, "can", test="private")),
    "BTAD": (trees.btad, lambda root: data.btad(root, "01")),
    "VisA": (trees.visa, lambda root: data.visa(root, "candle")),
    "tiles": (trees.tiles, data.magnetic_tile),
    "sorted photos": (sorted_photos, data.folder),
}


@pytest.mark.parametrize("name", READERS)
def test_what_systems_leave_in_folders_is_passed_over_by_every_reader(name, tmp_path):
    make, read = READERS[name]
    make(tmp_path)
    before, serious = ids(read(tmp_path)), data.check(tmp_path).serious
    litter(tmp_path)
    assert ids(read(tmp_path)) == before
    assert data.check(tmp_path).serious == serious


def test_hidden_things_are_passed_over_in_flat_folders_lists_of_categories_and_classes(tmp_path):
    trees.mvtec(tmp_path / "mvtec")
    sorted_photos(tmp_path / "photos")
    trees.put(tmp_path / "flat", "0.png", "1.png")
    for number in (1, 2):
        trees.put(
            tmp_path / "caltech256/256_ObjectCategories",
            *(f"00{number}.kind{number}/{i}.jpg" for i in range(5)),
        )
    before = data.available(tmp_path)
    assert list(before) == ["mvtec/plate", "photos"]
    images = data.novelty("caltech256", 0, root=tmp_path).train.ids
    litter(tmp_path)
    assert data.available(tmp_path) == before
    assert data.unlabelled(tmp_path / "flat").ids == ["0.png", "1.png"]
    assert data.novelty("caltech256", 0, root=tmp_path).train.ids == images


def test_a_category_may_itself_lie_in_a_hidden_folder(tmp_path):
    assert len(data.mvtec(trees.mvtec(tmp_path / ".cache"), "plate").train) == 3
    assert list(data.available(tmp_path / ".cache")) == ["plate"]


GOOD = (
    "Good",
    "ok",
    "OK",
    "normal",
    "Pass",
    "passed",
    "non_defective",
    "Non-Defective",
    "defect free",
    "No_Anomaly",
)
BAD = (
    "Bad",
    "NG",
    "defect",
    "Defective",
    "anomaly",
    "Anomalous",
    "abnormal",
    "FAIL",
    "not ok",
    "NOK",
    "rejected",
)


@pytest.mark.parametrize(
    ("good", "bad"), [*zip(GOOD, BAD, strict=False), ("healthy", "broken"), ("i.O.", "n.i.O.")]
)
def test_good_and_bad_are_understood_in_any_case_and_word(good, bad, tmp_path):
    plate = trees.put(
        tmp_path / "plate", f"train/{good}/0.png", f"test/{good}/1.png", f"validation/{good}/2.png"
    )
    trees.put(plate, f"test/{bad}/3.png", f"test/scratch/{good}.png")
    category = data.folder(plate)
    assert dict(zip(category.test.defects, category.test.labels.tolist(), strict=True)) == {
        "good": 0,
        bad: 1,
        "scratch": 1,
    }
    assert [len(category.train), len(category.validation)] == [1, 1]
    photos = data.folder(sorted_photos(tmp_path / "photos", good, bad))
    assert [len(photos.train), photos.test.labels.tolist()] == [8, [0, 0, 1, 1]]
    assert photos.test.defects == ["good", "good", bad, bad]
    assert list(data.available(tmp_path)) == ["photos", "plate"]
    assert {data.check(tmp_path / name).layout for name in ("plate", "photos")} == {
        "MVTec style",
        "sorted photos",
    }


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("good parts", "bad parts"),
        ("Good_Images", "Defect_Images"),
        ("images-ok", "images-ng"),
        ("0_good", "1_bad"),
        ("OK Samples", "NG Samples"),
        ("img_normal", "img_abnormal"),
        ("Good 2", "defective units"),
    ],
)
def test_good_and_bad_are_understood_beside_what_they_are_said_of(good, bad, tmp_path):
    plate = trees.put(
        tmp_path / "plate", f"train/{good}/0.png", f"test/{good}/1.png", f"test/{bad}/3.png"
    )
    assert data.folder(plate).test.labels.tolist() == [1, 0] if bad < good else [0, 1]
    photos = data.folder(sorted_photos(tmp_path / "photos", good, bad))
    assert photos.test.labels.tolist() == [0, 0, 1, 1]


def test_names_with_more_in_them_stay_defects():
    names = (
        "no good parts found",
        "goodness",
        "imperfect",
        "ok but scratched",
        "partial",
        "photo",
        "7",
        "10",
    )
    assert {label_of(name) for name in (*names, "bad_1", "parts", "not good parts")} == {1}


def test_several_folders_of_good_images_are_no_defects(tmp_path):
    trees.put(
        tmp_path, "train/good/0.png", "test/good/0.png", "test/good_2/0.png", "test/dent/0.png"
    )
    with pytest.raises(
        ValueError, match=r"expected one folder of good images in .*test, got good, good_2: put"
    ):
        data.folder(tmp_path)


def test_validation_that_is_not_understood_is_not_passed_over(tmp_path):
    trees.put(tmp_path, "train/good/0.png", "test/good/0.png", "test/dent/0.png")
    (tmp_path / "validation").mkdir()
    assert data.folder(tmp_path).validation is None  # nothing in it
    trees.put(tmp_path, "validation/gut/0.png")
    with pytest.raises(
        FileNotFoundError, match=r"expected a folder validation/good in .*validation gut: rename it"
    ):
        data.folder(tmp_path)
    (tmp_path / "validation/gut/0.png").rename(tmp_path / "validation/0.png")
    with pytest.raises(
        FileNotFoundError, match=r"found 1 images in .*validation itself: move the good ones into"
    ):
        data.folder(tmp_path)


def test_folders_that_may_be_good_ones_are_asked_about(tmp_path):
    trees.put(
        tmp_path, "train/good/0.png", "test/good/1.png", "test/gut/2.png", "test/Good (old)/3.png"
    )
    trees.put(tmp_path, "test/dent/4.png", "test/nicht gut/5.png")
    found = data.check(tmp_path).of("seemingly good")
    assert [finding.message.partition("?")[0] for finding in found] == [
        f"is {name} a folder of good images" for name in ("Good (old)", "gut")
    ]
    assert all(finding.serious for finding in found)


def test_bytes_are_paths_as_well(tmp_path):
    trees.mvtec(tmp_path)
    assert data.folder(os.fsencode(tmp_path / "plate")).name == "plate"
    assert data.check(os.fsencode(tmp_path / "plate")).layout == "MVTec style"
    with pytest.raises(TypeError, match=r"expected a path, such as .*, got a int"):
        data.folder(3)


def test_no_word_says_two_things():
    groups = (GOOD_WORDS, BAD_WORDS, AMBIGUOUS_WORDS, UNLABELLED_WORDS)
    assert sum(map(len, groups)) == len(frozenset().union(*groups))


def test_the_defects_of_published_data_sets_stay_defects():
    names = set().union(*mvtec_defects().values())
    others = {
        "ko",
        "logical_anomalies",
        "structural_anomalies",
        "bad",
        "blowhole",
        "break",
        "crack",
        "fray",
        "uneven",
    }
    assert {label_of(name) for name in names | others} == {1}


@pytest.mark.parametrize(
    ("one", "other"), [("positive", "negative"), ("0", "1"), ("True", "False"), ("POS", "NEG")]
)
def test_names_that_may_mean_either_are_refused(one, other, tmp_path):
    both = ", ".join(sorted((one, other)))
    trees.put(tmp_path / "plate", "train/good/0.png", f"test/{one}/0.png", f"test/{other}/0.png")
    with pytest.raises(
        ValueError, match=rf"say which images are good, got {both}, which may be either: rename"
    ):
        data.folder(tmp_path / "plate")
    sorted_photos(tmp_path / "photos", one, other)
    with pytest.raises(
        FileNotFoundError,
        match=rf"found {both}, of which {both} may be either: rename them good and",
    ):
        data.folder(tmp_path / "photos")
    assert list(data.available(tmp_path)) == ["plate"]
    trees.put(tmp_path / "plate", "test/good/0.png")  # then every other name is a defect's
    assert data.folder(tmp_path / "plate").test.labels.tolist().count(1) == 2


@pytest.mark.parametrize("part", ["train", "test", "validation"])
def test_two_folders_of_good_images_are_refused(part, tmp_path):
    trees.put(trees.mvtec(tmp_path) / "plate", f"{part}/good/0.png", f"{part}/OK/0.png")
    with pytest.raises(
        ValueError, match=rf"one folder of good images in .*{part}, got OK, good: put the images"
    ):
        data.mvtec(tmp_path, "plate")


def test_two_folders_of_good_or_bad_photographs_are_refused(tmp_path):
    trees.put(sorted_photos(tmp_path), "NG/0.png")
    with pytest.raises(ValueError, match=r"one folder of bad images in .*, got NG, bad: put"):
        data.folder(tmp_path)
    trees.put(tmp_path, "Normal/0.png")
    with pytest.raises(ValueError, match=r"one folder of good images in .*, got Normal, good: put"):
        data.folder(tmp_path)


def test_an_empty_second_folder_does_not_matter(tmp_path):
    (trees.mvtec(tmp_path) / "plate/test/OK").mkdir()
    assert data.mvtec(tmp_path, "plate").test.labels.tolist().count(0) == 1


def test_parts_and_masks_are_understood_in_any_case_and_word(tmp_path):
    trees.put(
        tmp_path, "Training/Good/0.png", "VAL/ok/0.png", "Testing/Good/0.png", "Testing/hole/0.png"
    )
    trees.put(tmp_path, "GroundTruth/hole/0_mask.png", image=trees.mask())
    category = data.folder(tmp_path)
    assert [len(category.train), len(category.validation), category.test.has_masks] == [1, 1, True]
    for name in ("ground truth", "Masks", "gt", "mask", "GROUND_TRUTH"):
        (tmp_path / "GroundTruth").rename(tmp_path / name)
        assert data.folder(tmp_path).test.has_masks
        (tmp_path / name).rename(tmp_path / "GroundTruth")


def test_the_exact_name_of_a_part_counts_before_others(tmp_path):
    trees.mvtec(tmp_path)
    trees.put(tmp_path / "plate", "masks/hole/999.png", "Testing/x/0.png")
    assert data.mvtec(tmp_path, "plate").test.has_masks
    (tmp_path / "plate/test").rename(tmp_path / "plate/TEST")
    with pytest.raises(ValueError, match=r"expected one folder test in .*plate, got TEST, Testing"):
        data.mvtec(tmp_path, "plate")


def test_a_folder_of_good_photographs_alone_can_be_learned_from(tmp_path):
    trees.put(tmp_path / "part", *(f"OK/{number:02}.png" for number in range(11)))
    category = data.folder(tmp_path / "part")
    assert category.train.ids == [f"OK/{number:02}.png" for number in (0, 1, 2, 3, 5, 6, 7, 8, 10)]
    assert category.test.ids == ["OK/04.png", "OK/09.png"]
    result = evaluate(Prediction(np.arange(2.0)), category.test)
    assert np.isnan(result.image_auroc)
    assert "no anomalous image" in result.reasons["image_auroc"]


def test_good_photographs_beside_other_images_are_not_alone(tmp_path):
    """Else what may be defects would be passed over without a word."""
    trees.put(tmp_path, *(f"good/{number}.png" for number in range(6)), "scratch/0.png")
    with pytest.raises(
        FileNotFoundError,
        match=r"expected folders good and bad, .* found good, scratch: put the .* into .*bad",
    ):
        data.folder(tmp_path)
    trees.mvtec(tmp_path / "mvtec")
    for part in ("train", "test"):  # of a category
        with pytest.raises(FileNotFoundError, match="expected folders good and bad"):
            data.folder(tmp_path / "mvtec/plate" / part)
    assert data.available(tmp_path / "mvtec/plate") == {}


def test_other_names_are_refused_with_those_that_are_understood(tmp_path):
    trees.put(tmp_path / "a", "gut/0.png", "schlecht/0.png")
    with pytest.raises(
        FileNotFoundError,
        match=r"found gut, schlecht: rename them \(understood are good, ok, .* bad, ng",
    ):
        data.folder(tmp_path / "a")
    trees.put(tmp_path / "b", "train/gut/0.png", "test/good/0.png")
    with pytest.raises(
        FileNotFoundError,
        match=r"train/good in .*, and in .*train gut: rename it \(understood are good",
    ):
        data.folder(tmp_path / "b")
    trees.put(tmp_path / "c", "train/0.png", "train/1.png", "test/good/0.png")
    with pytest.raises(
        FileNotFoundError, match=r"found 2 images in .*train itself: move the good ones into .*good"
    ):
        data.folder(tmp_path / "c")


def test_what_is_no_folder_or_has_no_test_is_refused_with_what_to_do(tmp_path):
    trees.put(tmp_path, "train/good/0.png")
    with pytest.raises(
        FileNotFoundError,
        match=r"expected a folder test in .*, found train: add it, with good images",
    ):
        data.folder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"good and bad, got the file .*0\.png"):
        data.folder(tmp_path / "train/good/0.png")


def test_a_flat_folder_is_read_without_labels(tmp_path):
    trees.put(tmp_path / "shots", "b.jpg", "a.png")
    split = data.unlabelled(tmp_path / "shots")
    assert (split.name, split.ids, split.labels.tolist()) == ("shots", ["a.png", "b.jpg"], [-1, -1])
    assert split.defects == ["unlabelled"] * 2
    assert split[0].label is split[0].mask is None
    with pytest.raises(
        FileNotFoundError,
        match=r"sort the 2 images into good and bad, or .* data\.unlabelled\('.*shots",
    ):
        data.folder(tmp_path / "shots")


def test_a_flat_folder_without_images_or_with_more_folders_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected the folder of images, found none at"):
        data.unlabelled(tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match=r"expected images in .*, found notes\.txt: add some"):
        data.unlabelled(tmp_path)
    trees.put(tmp_path, "monday/0.png")
    with pytest.raises(
        ValueError, match=r"images directly in .*, got some in deeper folders, first .*0\.png: move"
    ):
        data.unlabelled(tmp_path)


@pytest.mark.parametrize("typed", [".", "./", "../plate", "~/plate", "~/plate/", str])
def test_paths_as_people_type_them(typed, tmp_path, monkeypatch):
    trees.mvtec(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path / "plate")
    path = str(tmp_path / "plate") + os.sep if typed is str else typed
    category = data.folder(path)
    assert (category.name, category.train.ids[0]) == ("plate", "train/good/000.png")
    assert category.train[0].image.shape == (224, 224, 3)
    flat = data.unlabelled(f"{path}/test/hole")
    assert (flat.name, flat.ids) == ("hole", ["000.png"])


@pytest.mark.parametrize("name", [name for name in READERS if name != "sorted photos"])
def test_the_users_folder_can_be_the_root_of_every_data_set(name, tmp_path, monkeypatch):
    make, read = READERS[name]
    make(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert ids(read("~"))[0] == ids(read(tmp_path))[0]


def test_the_users_folder_in_the_environment_and_in_a_split(tmp_path, monkeypatch):
    trees.mvtec(tmp_path / "sets")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("ADVIZ_DATA", "~/sets")
    assert list(data.available()) == ["plate"]
    place = "~/sets/plate"
    mask = f"{place}/ground_truth/hole/000_mask.png"
    split = data.Split([f"{place}/test/hole/000.png"], [1], [mask], ["hole"])
    assert split[0].mask.any()
    in_memory = data.Split.from_arrays(np.zeros((1, 8, 8), np.uint8), [0], names=["~"])
    assert in_memory.ids == ["~"]
