import numpy as np
import pytest
from PIL import Image

from adviz import data

IMAGE = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
MASK = Image.fromarray(np.full((8, 8), 255, np.uint8))


def put(folder, *names, image=IMAGE):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / name)


@pytest.fixture
def tree(tmp_path):
    """A category: two training images, two kinds of defect (one without masks), loose images."""
    root = tmp_path / "plate"
    put(
        root,
        "train/good/000.png",
        "train/good/001.jpg",
        "test/good/000.png",
        "test/hole/000.png",
        "test/hole/001.png",
    )
    put(root, "test/bent/000.png", "test/unlabeled/a.png", "test/b.png")
    put(root, "ground_truth/hole/000_mask.png", "ground_truth/hole/001.png", image=MASK)
    (root / "train/good/Thumbs.db").write_bytes(b"x")
    return root


def test_the_tree_is_read(tree):
    category = data.folder(tree)
    assert category.name == category.test.name == "plate"
    assert category.train.ids == ["train/good/000.png", "train/good/001.jpg"]
    assert category.test.ids == [
        "test/b.png",
        "test/bent/000.png",
        "test/good/000.png",
        "test/hole/000.png",
        "test/hole/001.png",
        "test/unlabeled/a.png",
    ]
    np.testing.assert_array_equal(category.test.labels, [-1, 1, 0, 1, 1, -1])
    names = [mask and mask.name for mask in category.test.masks]
    assert names == [None, None, None, "000_mask.png", "001.png", None]


def test_only_good_and_unlabelled_images_are_enough(tmp_path):
    put(tmp_path, "train/good/a.png", "test/b.png")
    category = data.folder(tmp_path)
    assert category.test[0].label is None
    assert category.test[0].mask is None
    assert not category.test.has_masks


def test_names_with_spaces_and_other_alphabets_work(tmp_path):
    put(tmp_path / "Grüße 1", "train/good/ä b.png", "test/Köln ß/ü.png")
    category = data.mvtec(tmp_path, "Grüße 1")
    assert category.test.defects == ["Köln ß"]
    assert category.test[0].image.shape == (224, 224, 3)


def test_a_missing_folder_says_what_is_there(tree):
    with pytest.raises(
        FileNotFoundError,
        match=r"train/good and test, or with good and bad, found none at .*nowhere",
    ):
        data.folder(tree / "nowhere")
    with pytest.raises(
        FileNotFoundError, match=r"folder train/good in .*hole, found 000\.png, 001\.png"
    ):
        data.folder(tree / "test" / "hole")
    with pytest.raises(FileNotFoundError, match=r"there are: plate\), got 'plane'"):
        data.mvtec(tree.parent, "plane")
    with pytest.raises(FileNotFoundError, match="folder of MVTec AD, found none"):
        data.mvtec(tree / "nowhere", "plate")


@pytest.mark.parametrize(
    ("part", "message"), [("train/good", "at least one good image"), ("test", "expected images in")]
)
def test_an_empty_folder_is_named(tmp_path, part, message):
    put(tmp_path, "train/good/a.png", "test/good/a.png")
    for file in (tmp_path / part).rglob("*.png"):
        file.unlink()
    with pytest.raises(ValueError, match=message):
        data.folder(tmp_path)


def test_a_mask_without_an_image_is_named(tree):
    put(tree, "ground_truth/hole/007_mask.png", image=MASK)
    with pytest.raises(ValueError, match=r"got 1 without one, first .*007_mask\.png"):
        data.folder(tree)


def test_images_in_deeper_folders_and_loose_masks_are_named(tree):
    put(tree, "ground_truth/lost_mask.png", image=MASK)
    with pytest.raises(ValueError, match=r"got 1 without one, first .*lost_mask\.png"):
        data.folder(tree)
    put(tree, "test/bent/more/000.png")
    with pytest.raises(
        ValueError, match=r"directly in .*bent, got some in deeper folders, first .*more/000\.png"
    ):
        data.folder(tree)


def test_hidden_files_and_upper_case_good_are_understood(tmp_path):
    put(tmp_path, "train/good/a.png", "train/good/.b.png", "test/Good/a.png")
    category = data.folder(tmp_path)
    assert len(category.train) == 1
    assert category.test[0].label == 0


def test_available_lists_categories_up_to_two_levels_down(tree, monkeypatch, tmp_path):
    put(tmp_path, "mvtec/screw/train/good/a.png", "notes/a.png")
    assert data.available(tmp_path) == {"mvtec/screw": tmp_path / "mvtec/screw", "plate": tree}
    monkeypatch.setenv("ADVIZ_DATA", str(tmp_path / "mvtec"))
    assert list(data.available()) == ["screw"]
    monkeypatch.setenv("ADVIZ_DATA", str(tmp_path / "nowhere"))
    assert data.available() == {}


@pytest.fixture
def photos(tmp_path):
    """Photographs as people have them: good and bad, of one kind with a folder of its own."""
    root = tmp_path / "my_part"
    put(
        root,
        *(f"good/{number:02}.jpg" for number in range(1, 13)),
        "bad/a.jpg",
        "bad/b.png",
        "bad/scratch/a.jpg",
    )
    return root


def test_sorted_photos_are_read_and_every_fifth_good_one_is_kept_for_the_test(photos):
    category = data.folder(photos)
    assert category.name == "my_part"
    assert category.train.ids == [
        f"good/{number:02}.jpg" for number in (1, 2, 3, 4, 6, 7, 8, 9, 11, 12)
    ]
    assert not category.train.labels.any()
    truth = dict(
        zip(
            category.test.ids,
            zip(category.test.labels, category.test.defects, strict=True),
            strict=True,
        )
    )
    assert truth == {
        "good/05.jpg": (0, "good"),
        "good/10.jpg": (0, "good"),
        "bad/a.jpg": (1, "bad"),
        "bad/b.png": (1, "bad"),
        "bad/scratch/a.jpg": (1, "scratch"),
    }
    assert not category.test.has_masks


def test_a_train_folder_beside_good_and_bad_counts(photos):
    """Else a category that also has such folders would be read as something else."""
    put(photos, "train/good/a.png", "test/b.png")
    assert data.folder(photos).train.ids == ["train/good/a.png"]


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (
            "good/*[6-9].jpg good/1*.jpg good/05.jpg",
            r"at least 5 images in .*good, .*every 5th.*, found 4: add some",
        ),
        ("bad/*.* bad/scratch/*", r"images in .*bad or its folders, found none"),
    ],
)
def test_too_few_sorted_photos_are_refused(photos, gone, message):
    for pattern in gone.split():
        for file in photos.glob(pattern):
            file.unlink()
    with pytest.raises(ValueError, match=message):
        data.folder(photos)


def test_sorted_photos_in_deeper_folders_are_refused(photos):
    put(photos, "good/monday/a.png")
    with pytest.raises(ValueError, match=r"directly in .*good, got some in deeper folders"):
        data.folder(photos)


def test_sorted_photos_are_available_and_checked(photos, tree):
    assert set(data.available(photos.parent)) == {"my_part", "plate"}
    report = data.check(photos)
    assert report.layout == "sorted photos"
    assert {(one.part, one.images) for one in report.counts} == {
        ("train", 10),
        ("test good", 2),
        ("test defective", 3),
    }


@pytest.mark.parametrize("path", [None, 3, ["photos"]])
@pytest.mark.parametrize("read", [data.folder, data.unlabelled, data.check])
def test_what_is_no_path_is_refused(read, path):
    with pytest.raises(
        TypeError, match=f"expected a path, such as 'photos/screws', got a {type(path).__name__}"
    ):
        read(path)
