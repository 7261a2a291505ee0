"""ShanghaiTech Campus: scenes, frames, labels and masks as published; and what may be wrong."""

import pickle
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

import standin_campus
from adviz import data
from adviz.data import Geometry, Split
from adviz.data.mask_arrays import ArrayMask
from adviz.data.masks import open_mask


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return standin_campus.draw(tmp_path_factory.mktemp("campus") / "stc", tests=2)


@pytest.fixture
def tree(drawn, tmp_path):
    """Return a copy that may be damaged."""
    return shutil.copytree(drawn, tmp_path / "stc")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def frame_of(clip, number):
    return f"testing/frames/{clip}/{number:03}.jpg"


def test_a_scene_is_read_with_every_fifth_frame(drawn):
    category = data.shanghaitech(drawn, "02")
    train, test = category.train, category.test
    assert (category.name, train.name, test.name) == ("shanghaitech: 02",) * 3
    assert [(name.split("-")[0], name[-10:]) for name in train.ids] == [
        (clip, f"{number:06}.jpg") for clip in ("02_001", "02_002") for number in (0, 5, 10)
    ]
    assert test.ids == [
        frame_of(clip, number) for clip in ("02_0014", "02_0015") for number in (0, 5, 10)
    ]
    assert test.labels.tolist() == [0, 0, 1, 0, 0, 1]
    assert test.defects == ["good", "good", "anomalous"] * 2
    assert not train.labels.any()
    assert train.geometry == test.geometry == Geometry(256, crop=False)


def test_frames_are_those_of_the_video(drawn):
    train = data.shanghaitech(drawn, "01", every=3).train
    for path, number in zip(train.paths, [0, 3, 6, 9] * 2, strict=True):
        clip = int(path.parent.name[3:6])
        with Image.open(path) as image:
            found = np.asarray(image.convert("RGB")).astype(int)
        expected, _ = standin_campus.frame("01", clip, number, standin_campus.SIZE)
        others = [
            standin_campus.frame("01", clip, n, standin_campus.SIZE)[0]
            for n in range(12)
            if n != number
        ]
        difference = np.abs(found - expected).mean()
        assert difference < 8  # of 255; both the video and the JPEG file lose a little
        assert difference < min(np.abs(found - other).mean() for other in others)


def test_masks_are_those_of_the_frame(drawn):
    test = data.shanghaitech(
        drawn, "01", every=1, geometry=Geometry(64, crop=False, mask_rule="nearest")
    ).test
    assert len(test) == 30
    for clip, part in (
        ("01_0014", test.subset(range(15))),
        ("01_0015", test.subset(range(15, 30))),
    ):
        marked = np.load(drawn / "testing" / "test_frame_mask" / f"{clip}.npy")
        masks = np.load(drawn / "testing" / "test_pixel_mask" / f"{clip}.npy")
        np.testing.assert_array_equal(part.labels, marked)
        for index in range(15):
            whole = Image.fromarray(masks[index] * 255).resize((64, 64), Image.Resampling.NEAREST)
            np.testing.assert_array_equal(part.mask(index), np.asarray(whole) > 0)
        assert part.masks_array().any((1, 2)).tolist() == marked.astype(bool).tolist()


def test_train_every_is_apart(drawn):
    category = data.shanghaitech(drawn, "01", train_every=4)
    assert [name[-10:-4] for name in category.train.ids] == ["000000", "000004", "000008"] * 2
    assert len(category.test) == 6
    assert len(data.shanghaitech(drawn, "01", every=2, train_every=100).train) == 2


def test_all_scenes_together(drawn):
    category = data.shanghaitech(drawn)
    assert category.name == "shanghaitech"
    assert [name[:6] for name in category.train.ids[::3]] == [
        "01_001",
        "01_002",
        "02_001",
        "02_002",
        "13_001",
        "13_002",
    ]
    assert len(category.test) == 12


def test_extracted_frames_need_no_library(tmp_path, monkeypatch):
    for name in ("av", "filelock"):
        monkeypatch.setitem(sys.modules, name, None)
    tree = standin_campus.draw(tmp_path / "there", scenes=("01",), extracted=True)
    train = data.shanghaitech(tree, "01").train
    assert train.ids == [
        f"training/frames/01_{c:03}/{number:03}.jpg" for c in (1, 2) for number in (0, 5, 10)
    ]
    assert not (tmp_path / "cache").exists()


def test_frames_come_in_the_order_of_their_numbers(tmp_path):
    """Names have three digits up to 999.jpg: as texts 1000.jpg would come before 101.jpg."""
    tree = standin_campus.draw(
        tmp_path / "long", scenes=("01",), test_frames=1003, extracted=True, size=(8, 16)
    )
    test = data.shanghaitech(tree, "01", every=1).test
    assert [int(path.stem) for path in test.paths] == list(range(1003))
    assert test.masks[-1].index == 1002


def test_without_the_library_the_extra_is_named(drawn, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ModuleNotFoundError, match=r"install adviz-anomaly\[video\], or extract the frames yourself"
    ):
        data.shanghaitech(drawn, "01")


def test_some_training_frames_of_all_are_refused(tree):
    """Half of an extraction would be half of the training set, silently."""
    standin_campus.write_frames(
        tree / "training" / "frames" / "01_001", [np.zeros((8, 8, 3), np.uint8)]
    )
    with pytest.raises(
        ValueError, match="got none of 1 of them, first 01_002: extract these too, or remove"
    ):
        data.shanghaitech(tree, "01")


def test_a_scene_that_is_not_there(tree, tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"of scene '99' \(those with both: 01, 02\) in .*stc, found none"
    ):
        data.shanghaitech(tree, "99")
    with pytest.raises(FileNotFoundError, match="expected test frames of scene '13'"):
        data.shanghaitech(tree, "13")
    shutil.rmtree(tree / "training")
    with pytest.raises(
        FileNotFoundError, match=r"expected training videos of scene '01' \(those with both: none\)"
    ):
        data.shanghaitech(tree, "01")
    with pytest.raises(
        FileNotFoundError, match="expected the folder of ShanghaiTech Campus, found none at"
    ):
        data.shanghaitech(tmp_path / "nowhere")


@pytest.mark.parametrize(("every", "train_every"), [(0, None), (5, 0), (-1, 5)])
def test_a_number_of_frames_below_one(drawn, every, train_every):
    with pytest.raises(ValueError, match="every and train_every must be at least 1 frame, got"):
        data.shanghaitech(drawn, "01", every=every, train_every=train_every)


def test_missing_pixel_masks_leave_the_labels(tree):
    shutil.rmtree(tree / "testing" / "test_pixel_mask")
    test = data.shanghaitech(tree, "01").test
    assert test.labels.tolist() == [0, 0, 1, 0, 0, 1]
    assert not test.has_masks
    with pytest.raises(
        ValueError, match="expected a mask for every anomalous image, got none for 2 of them"
    ):
        test.masks_array()


def test_the_missing_pixel_mask_of_one_video(tree):
    (tree / "testing" / "test_pixel_mask" / "01_0015.npy").unlink()
    test = data.shanghaitech(tree, "01").test
    assert [mask is None for mask in test.masks] == [True, True, False, True, True, True]
    with pytest.raises(ValueError, match=r"none for 1 of them, first .*01_0015/010.jpg"):
        test.masks_array()


def test_missing_labels_are_named(tree):
    (tree / "testing" / "test_frame_mask" / "01_0015.npy").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"expected an array file, found nothing at .*mask/01_0015.npy"
    ):
        data.shanghaitech(tree, "01")


@pytest.mark.parametrize(
    ("folder", "what"), [("test_frame_mask", "a label"), ("test_pixel_mask", "a mask")]
)
def test_masks_of_another_number_than_frames(tree, folder, what):
    (tree / frame_of("01_0014", 7)).unlink()
    if folder == "test_pixel_mask":
        file = tree / "testing" / "test_frame_mask" / "01_0014.npy"
        np.save(file, np.load(file)[:-1])
    with pytest.raises(
        ValueError, match=f"expected {what} in .*{folder}/01_0014.npy for each of 14 frames, got 15"
    ):
        data.shanghaitech(tree, "01")


def damaged(file, how):
    whole = file.read_bytes()
    if how == "truncated":
        file.write_bytes(whole[:-5])
    elif how == "longer":
        file.write_bytes(whole + b"more")
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "objects":
        np.save(file, np.array([print, 1], dtype=object), allow_pickle=True)
    elif how == "pickled":
        file.write_bytes(pickle.dumps(np.load(file)))
    elif how == "archive":
        np.savez(file.with_suffix(".npz"), np.load(file))
        file.with_suffix(".npz").replace(file)
    elif how == "texts":
        np.save(file, np.array(["a"] * 15))
    elif how == "flat":
        np.save(file, np.load(file).ravel()[:, None, None, None])
    return file


@pytest.mark.parametrize("folder", ["test_frame_mask", "test_pixel_mask"])
@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated", "a complete .npy file of numbers, got .*01_0014.npy .*: get it again"),
        ("longer", "expected .* bytes in .*01_0014.npy, as its header says, got"),
        ("empty", "a complete .npy file of numbers, got"),
        ("objects", "a complete .npy file of numbers, got .*Python objects"),
        ("pickled", "a complete .npy file of numbers, got"),
        ("archive", "a complete .npy file of numbers, got"),
        ("texts", "expected booleans or numbers in . dimensions in .*01_0014.npy, got <U1 in 1"),
        ("flat", "expected booleans or numbers in . dimensions in .*01_0014.npy, got .*int8 in 4"),
    ],
)
def test_damaged_arrays_are_refused(tree, monkeypatch, folder, how, message):
    damaged(tree / "testing" / folder / "01_0014.npy", how)
    monkeypatch.setattr("pickle.load", lambda *_, **__: pytest.fail("unpickles"))
    monkeypatch.setattr("pickle.loads", lambda *_, **__: pytest.fail("unpickles"))
    with pytest.raises(ValueError, match=message):
        data.shanghaitech(tree, "01")


def test_labels_that_are_none(tree):
    file = tree / "testing" / "test_frame_mask" / "01_0014.npy"
    np.save(file, 2 * np.load(file))
    with pytest.raises(ValueError, match=r"expected labels 0 and 1 in .*01_0014.npy, got \[0 2\]"):
        data.shanghaitech(tree, "01")


def test_masks_of_another_size_than_the_frames(tree):
    file = tree / "testing" / "test_pixel_mask" / "01_0014.npy"
    np.save(file, np.load(file)[:, :, :-1])
    test = data.shanghaitech(tree, "01").test
    with pytest.raises(
        ValueError, match=r"expected a mask of the image's size 64x48, got 63x48 in .*npy, frame 10"
    ):
        test.mask(2)


def test_frames_that_are_gone(tree):
    for path in (tree / "testing" / "frames" / "01_0014").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match=r"expected frames in .*01_0014, found none"):
        data.shanghaitech(tree, "01")


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, np.float32])
def test_a_mask_of_an_array_is_as_good_as_a_file(tmp_path, kind):
    masks = np.random.default_rng(0).random((3, 6, 8)) > 0.7
    np.save(tmp_path / "m.npy", masks.astype(kind))
    Image.new("RGB", (8, 6)).save(tmp_path / "i.png")
    chosen = ArrayMask(tmp_path / "m.npy", 2)
    np.testing.assert_array_equal(np.asarray(open_mask(chosen)), 255 * masks[2])
    split = Split(
        [tmp_path / "i.png"] * 2,
        [1, 1],
        [chosen, None],
        ["a", "b"],
        geometry=Geometry(8, crop=False),
    )
    assert split.subset([0]).with_geometry(Geometry(4, crop=False)).mask(0).shape == (4, 4)
    assert data.audit(split)["area"].tolist() == [masks[2].sum()]
