import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_edt

from adviz.data.builtin import (
    CATEGORIES,
    N_TRAIN,
    VERSION,
    brick,
    capsule,
    ensure,
    render,
    write_tree,
)
from adviz.data.builtin.picture import Shot
from adviz.data.builtin.shapes import CROP, SIDE

CENTRE = slice(SIDE // 2 - CROP, SIDE // 2 + CROP)
PAINTERS = {category: write_tree.painter(category) for category in CATEGORIES}
# How far beyond the mask a picture may change, in pixels: shadows that fall from what moved, lips
# of holes, soft rims.
SHADOW = {"brick": 9, "hex_nut": 23, "transistor": 11, "capsule": 7, "mesh": 14, "bottle": 4}
FAULTY = [(category, defect) for category, module in PAINTERS.items() for defect in module.DEFECTS]


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setenv("ADVIZ_PROGRESS", "0")


@pytest.fixture
def _few(monkeypatch):
    """Test sets of two good and one picture of each defect, which are drawn in no time."""
    for module in PAINTERS.values():
        monkeypatch.setattr(module, "GOOD", 2)
        monkeypatch.setattr(module, "DEFECTS", dict.fromkeys(module.DEFECTS, 1))


def faulty(category: str, defect: str, index: int = 0, seed: int = 0) -> Shot:
    return Shot(category, f"test/{defect}", index, seed, defect)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*.png"))
    }


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize("category", CATEGORIES)
def test_the_tree_is_that_of_mvtec(category, tmp_path):
    render(category, tmp_path / "tree", n_train=2)
    defects = sorted(PAINTERS[category].DEFECTS)
    expected = [
        "test/good/000.png",
        "test/good/001.png",
        "train/good/000.png",
        "train/good/001.png",
    ]
    expected += [f"test/{defect}/000.png" for defect in defects]
    expected += [f"ground_truth/{defect}/000_mask.png" for defect in defects]
    assert sorted(contents(tmp_path / "tree")) == sorted(expected)
    for path in (tmp_path / "tree").rglob("*.png"):
        with Image.open(path) as image:
            assert image.size == (256, 256)
            assert image.mode == ("L" if "ground_truth" in path.parts else "RGB")
            if "ground_truth" in path.parts:
                assert set(np.unique(image)) == {0, 255}


@pytest.mark.parametrize("category", CATEGORIES)
def test_counts_are_what_the_design_promises(category):
    module = PAINTERS[category]
    assert 60 <= N_TRAIN <= 80
    assert 40 <= module.GOOD + sum(module.DEFECTS.values()) <= 60
    assert 2 <= len(module.DEFECTS) <= 4
    assert sum(shot.folder == "train/good" for shot in write_tree.shots(category, 0, 209)) == 209


@pytest.mark.usefixtures("_few")
def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        render("mesh", tmp_path / name, seed=seed, n_train=1)
    first, again, other = (contents(tmp_path / name) for name in "abc")
    assert first == again
    assert all(first[path] != other[path] for path in first)


@pytest.mark.usefixtures("_few")
def test_more_training_images_leave_the_others_as_they_are(tmp_path):
    render("bottle", tmp_path / "few", n_train=1)
    render("bottle", tmp_path / "many", n_train=3)
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    assert set(many) - set(few) == {"train/good/001.png", "train/good/002.png"}
    assert all(many[path] == few[path] for path in few)


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_two_pictures_are_alike(category):
    shots = [
        Shot(category, folder, index, 0)
        for folder in ("train/good", "test/good")
        for index in range(2)
    ]
    pictures = [write_tree.take(shot)[0].astype(int) for shot in shots]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert np.abs(one - other).mean() > 4  # grey levels; noise alone gives about 2


@pytest.mark.parametrize(("category", "defect"), FAULTY)
def test_the_mask_is_where_the_defect_is(category, defect):
    shot = faulty(category, defect, index=1)
    (picture, mask), (flawless, empty) = write_tree.take(shot), write_tree.take(shot.flawless())
    change = np.abs(picture.astype(int) - flawless).max(-1)
    assert not empty.any()
    assert mask[CENTRE, CENTRE].sum() >= 20
    away = distance_transform_edt(~mask)
    assert change[away > SHADOW[category]].max() <= 4
    assert change[away > 12].max() <= 20
    assert (change[mask] > 8).mean() > 0.5


def test_every_defect_reaches_into_the_crop_and_their_sizes_differ():
    for category, defect in (
        ("bottle", "crack"),
        ("bottle", "contamination"),
        ("hex_nut", "chip"),
        ("mesh", "bent"),
    ):
        masks = [write_tree.take(faulty(category, defect, index))[1] for index in range(4)]
        areas = [mask[CENTRE, CENTRE].sum() for mask in masks]
        assert min(areas) >= 20
        assert len(set(areas)) == len(areas)


def test_bottle_defects_differ_in_area_by_an_order_of_magnitude():
    area = {
        defect: [write_tree.take(faulty("bottle", defect, index))[1].sum() for index in range(4)]
        for defect in ("crack", "contamination")
    }
    assert max(area["crack"]) * 5 < min(area["contamination"])


def test_a_misplaced_transistor_is_missed_where_it_should_be():
    shot = faulty("transistor", "misplaced")
    mask = write_tree.take(shot)[1]
    (picture, _), (flawless, _) = write_tree.take(shot), write_tree.take(shot.flawless())
    # Was the black case
    change = (np.abs(picture.astype(int) - flawless).max(-1) > 60) & (flawless.max(-1) < 60)
    assert change.sum() > 300
    assert mask[change].mean() > 0.8


def test_the_rare_capsule_is_rare_in_training_and_frequent_enough_in_the_test():
    def rare(folder: str, count: int) -> list[int]:
        return [
            i
            for i in range(count)
            if capsule.variant(Shot("capsule", folder, i, 3)) == capsule.RARE
        ]

    assert 3 <= len(rare("train/good", N_TRAIN)) <= 0.05 * N_TRAIN
    assert 0.04 * 209 <= len(rare("train/good", 209)) <= 0.05 * 209
    assert len(rare("test/good", capsule.GOOD)) >= 5
    assert {capsule.variant(Shot("capsule", "train/good", i, 3)) for i in range(N_TRAIN)} == set(
        range(5)
    )
    assert len(capsule.VARIANTS) == 5
    for defect in capsule.DEFECTS:
        assert not rare(f"test/{defect}", 20)


def test_a_rare_capsule_looks_unlike_the_others():
    rare, common = (write_tree.take(Shot("capsule", "train/good", index, 0))[0] for index in (7, 8))
    assert rare[100:156, 60:196].mean() < 0.75 * common[100:156, 60:196].mean()


def test_brick_train_and_test_share_no_pixel_of_the_photograph():
    used = {}
    for folder in ("train/good", "test/good", "test/crack"):
        seen = np.zeros(brick.photo().shape, bool)
        for index in range(60):
            top, left, size = brick.window(Shot("brick", folder, index, 0))
            assert 96 <= size <= 128
            assert min(top, left) >= 0
            assert max(top, left) + size <= 512
            seen[top : top + size, left : left + size] = True
        used[folder] = seen
    assert not (used["train/good"] & (used["test/good"] | used["test/crack"])).any()
    assert used["train/good"].mean() > 0.4  # of all 512 columns; its own share is 296


def test_an_unknown_category_is_told_the_six(tmp_path):
    for call in (
        lambda: ensure("screw", root=tmp_path),
        lambda: render("screw", tmp_path / "tree"),
    ):
        with pytest.raises(
            ValueError, match="brick, hex_nut, transistor, capsule, mesh, bottle, got 'screw'"
        ):
            call()


def test_no_training_images_is_an_error(tmp_path):
    for call in (
        lambda: ensure("mesh", n_train=0, root=tmp_path),
        lambda: render("mesh", tmp_path / "tree", n_train=0),
    ):
        with pytest.raises(ValueError, match="n_train must be at least 1, got 0"):
            call()
    assert not any(tmp_path.iterdir())


def test_render_overwrites_nothing(tmp_path):
    with pytest.raises(FileExistsError):
        render("mesh", tmp_path)


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file.*cannot be written.*ADVIZ_CACHE"):
        ensure("mesh", root=tmp_path / "file")


@pytest.mark.usefixtures("_few")
def test_ensure_renders_once_where_it_says(tmp_path, monkeypatch):
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path))
    folder = ensure("hex_nut", n_train=1)
    assert folder == tmp_path / f"demo-v{VERSION}" / "seed0-n1" / "hex_nut"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")}
    assert ensure("hex_nut", n_train=1) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.png")} == before
    assert os.listdir(folder.parent) == ["hex_nut"]  # no scratch folder left


def test_the_default_count_and_another_do_not_share_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(write_tree, "write", lambda shot, root: None)
    assert ensure("mesh", seed=4, root=tmp_path) == tmp_path / f"demo-v{VERSION}" / "seed4" / "mesh"
    assert (
        ensure("mesh", seed=4, n_train=64, root=tmp_path)
        == tmp_path / f"demo-v{VERSION}" / "seed4-n64" / "mesh"
    )


@pytest.mark.usefixtures("_few")
def test_an_interrupted_render_is_not_taken_for_a_complete_one(tmp_path, monkeypatch):
    write, written = write_tree.write, []

    def interrupted(shot, root):
        if len(written) >= 2:
            raise KeyboardInterrupt
        written.append(write(shot, root))

    monkeypatch.setattr(write_tree, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ensure("mesh", n_train=2, root=tmp_path)
    assert 2 <= len(written) <= 2 + write_tree.WORKERS
    assert not list(tmp_path.rglob("*.png"))
    monkeypatch.setattr(write_tree, "write", write)
    assert len(contents(ensure("mesh", n_train=2, root=tmp_path))) == 2 + 2 + 2 * 3


@pytest.mark.usefixtures("_few")
def test_a_second_process_may_finish_first(tmp_path, monkeypatch):
    write_all = write_tree.write_all

    def overtaken(category, root, seed, n_train):
        monkeypatch.setattr(write_tree, "write_all", write_all)
        ensure(category, seed=seed, n_train=n_train, root=tmp_path)
        write_all(category, root, seed, n_train)

    monkeypatch.setattr(write_tree, "write_all", overtaken)
    folder = ensure("mesh", n_train=1, root=tmp_path)
    assert len(contents(folder)) == 1 + 2 + 2 * 3
    assert os.listdir(folder.parent) == ["mesh"]


@pytest.mark.usefixtures("_few")
@pytest.mark.parametrize(("setting", "shown"), [("0", False), ("1", True)])
def test_the_progress_bar_can_be_switched_off(setting, shown, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ADVIZ_PROGRESS", setting)
    monkeypatch.setattr(write_tree, "write", lambda shot, root: None)
    render("mesh", tmp_path / "tree", n_train=1)
    assert ("drawing mesh" in capsys.readouterr().err) == shown
