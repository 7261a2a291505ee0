"""Magnetic tiles: the published layout, good test images drawn from the seed, masks of images."""

import shutil

import numpy as np
import pytest
from PIL import Image

import standin_tiles
from adviz import data
from adviz.data import Geometry


@pytest.fixture
def tree(tmp_path):
    return standin_tiles.draw(tmp_path / "mtd", good=20, defective=2)


def test_the_tree_is_read(tree):
    category = data.magnetic_tile(tree)
    train, test = category.train, category.test
    assert (category.name, len(train), len(test)) == ("magnetic_tile", 16, 4 + 5 * 2)
    assert set(train.defects) == {"good"}
    assert test.defects == ["good"] * 4 + [
        d for d in ("blowhole", "break", "crack", "fray", "uneven") for _ in "12"
    ]
    assert test.labels.tolist() == [0] * 4 + [1] * 10
    assert not train.labels.any()
    assert all(name.startswith("MT_Free/Imgs/exp") and name.endswith(".jpg") for name in train.ids)
    everything = {*train.ids, *test.ids}
    assert everything == {p.relative_to(tree).as_posix() for p in tree.rglob("*.jpg")}
    assert len(everything) == len(train) + len(test)


def test_masks_are_those_beside_the_images(tree):
    test = data.magnetic_tile(tree).test
    for sample, mask in zip(test, test.masks, strict=True):
        if sample.label:
            assert (mask.parent, mask.name) == (sample.path.parent, f"{sample.path.stem}.png")
            with Image.open(sample.path) as image:
                assert image.size[0] != image.size[1]
            assert 0 < sample.mask.sum() < sample.mask.size
        else:
            assert not sample.mask.any()
    assert test.masks_array().shape == (14, 224, 224)


def test_a_fifth_of_the_good_tiles_is_drawn_from_the_seed(tree):
    drawn = [set(data.magnetic_tile(tree, seed=seed).test.ids[:4]) for seed in range(6)]
    assert len(set(map(frozenset, drawn))) > 1
    assert data.magnetic_tile(tree, seed=3).test.ids[:4] == sorted(drawn[3])
    assert len(set.union(*drawn)) > 8  # not always the first ones
    assert len(data.magnetic_tile(tree, held_out=0.5).train) == 10
    assert len(data.magnetic_tile(tree, held_out=0.001).test) == 11
    assert len(data.magnetic_tile(tree, held_out=0.999).train) == 1


@pytest.mark.parametrize("held_out", [0, 1, -0.1, float("nan")])
def test_a_share_that_is_none(tree, held_out):
    with pytest.raises(
        ValueError, match="held_out must be a fraction of the good tiles above 0 and below 1, got"
    ):
        data.magnetic_tile(tree, held_out=held_out)


def test_the_size_protocol_is_named(tree):
    category = data.magnetic_tile(tree)
    assert category.train.geometry == Geometry(224, aspect="square")
    assert category.train.geometry.resized == 256
    assert "aspect='square'" in repr(category.test.geometry)
    assert category.train[0].image.shape == (224, 224, 3)
    kept = data.magnetic_tile(tree, geometry=Geometry(64, 64, aspect="shorter"))
    assert kept.train[0].image.shape == kept.test[0].image.shape == (64, 64, 3)


def test_a_defective_tile_without_its_mask_has_no_pixel_metrics(tree):
    mask = next((tree / "MT_Crack" / "Imgs").glob("*.png"))
    mask.unlink()
    test = data.magnetic_tile(tree).test
    (index,) = [i for i, path in enumerate(test.paths) if path == mask.with_suffix(".jpg")]
    assert test.masks[index] is test[index].mask is None
    with pytest.raises(ValueError, match=f"none for 1 of them, first .*{mask.stem}.jpg"):
        test.masks_array()


def test_a_mask_without_its_tile_is_named(tree):
    image = next((tree / "MT_Fray" / "Imgs").glob("*.jpg"))
    image.unlink()
    with pytest.raises(
        ValueError, match=f"1 without one, first .*{image.stem}.png: remove it, or restore"
    ):
        data.magnetic_tile(tree)


def test_good_tiles_need_no_mask(tree):
    for path in (tree / "MT_Free" / "Imgs").glob("*.png"):
        path.unlink()
    assert len(data.magnetic_tile(tree).test.masks_array()) == 14


def test_a_folder_that_is_missing_is_named(tree, tmp_path):
    shutil.rmtree(tree / "MT_Uneven")
    with pytest.raises(
        FileNotFoundError,
        match=r"expected a folder MT_Uneven/Imgs in .* found MT_Blowhole, MT_Break",
    ):
        data.magnetic_tile(tree)
    with pytest.raises(FileNotFoundError, match=r"found none at .*nowhere: see data/README\.md"):
        data.magnetic_tile(tmp_path / "nowhere")


def test_too_few_tiles(tmp_path):
    one = standin_tiles.draw(tmp_path / "one", good=1)
    with pytest.raises(
        ValueError, match=r"at least 2 images in .*MT_Free, to learn from and to test, got 1"
    ):
        data.magnetic_tile(one)
    whole = standin_tiles.draw(tmp_path / "whole", defective=0)
    with pytest.raises(ValueError, match=r"expected images in .*MT_Blowhole"):
        data.magnetic_tile(whole)


def test_hidden_files_are_no_tiles(tree):
    (tree / "MT_Free" / "Imgs" / "._exp1_num_4000.jpg").write_bytes(b"x")
    (tree / "MT_Free" / "Imgs" / "Thumbs.db").write_bytes(b"x")
    category = data.magnetic_tile(tree)
    assert len(category.train) + len(category.test) == 30
    assert np.isfinite(category.train[0].image).all()
