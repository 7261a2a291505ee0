"""Every data set has its reader and protocol; masks in arrays are part of a result's facts."""

import numpy as np
import pytest

import standin_campus
import standin_tiles
from adviz import DN2
from adviz.data import Geometry
from adviz.sweep import Experiment, measuring
from adviz.sweep.sources import READ_BY_NAME, folder_of, load

SMALL = Geometry(64, crop=False)


@pytest.fixture
def campus(tmp_path, monkeypatch):
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path / "cache"))
    return standin_campus.draw(tmp_path / "stc", frames=60)


def test_the_two_protocols_of_the_campus_share_a_folder_and_differ_in_training_frames(
    campus, tmp_path
):
    whole = {
        name: load(Experiment(name, "02", DN2(), geometry=SMALL), tmp_path)
        for name in ("stc", "mstc")
    }
    assert folder_of("stc", tmp_path) == folder_of("mstc", tmp_path) == campus
    assert [int(name[-10:-4]) for name in whole["stc"].train.ids] == [0, 55] * 2
    assert [int(name[-10:-4]) for name in whole["mstc"].train.ids] == [*range(0, 60, 5)] * 2
    for category in whole.values():
        assert category.test.ids == [
            f"testing/frames/02_0014/{number:03}.jpg" for number in (0, 5, 10)
        ]
        assert category.train.geometry == category.test.geometry == SMALL
        assert category.name == "02"


def test_fewer_test_frames_are_every_so_many_of_the_protocols(campus, tmp_path):
    few = load(Experiment("stc", "01", DN2(), every=2), tmp_path)
    assert [name[-7:-4] for name in few.test.ids] == ["000", "010"]


def test_tiles_are_divided_the_same_way_whatever_the_seed(tmp_path):
    standin_tiles.draw(tmp_path / "mtd")
    found = [
        load(Experiment("mtd", "magnetic_tile", DN2(), shots=3, seed=seed), tmp_path)
        for seed in (0, 1)
    ]
    assert found[0].test.ids == found[1].test.ids
    assert (len(found[0].train), len(found[0].test)) == (8, 7)


def test_the_masks_of_an_array_are_part_of_what_a_row_was_made_of(campus, tmp_path):
    one = Experiment("stc", "01", DN2(), geometry=SMALL)
    before = measuring._digest(load(one, tmp_path))
    file = campus / "testing" / "test_pixel_mask" / "01_0014.npy"
    masks = np.load(file)
    masks[0, 0, 0] = 1  # of a good frame, which nobody reads
    np.save(file, masks)
    assert measuring._digest(load(one, tmp_path)) == before
    masks[10, 0, 0] = 1
    np.save(file, masks)
    assert measuring._digest(load(one, tmp_path)) != before


@pytest.mark.parametrize(
    ("name", "end"), [("mine", "got 'mine'"), ("dmeo", "got 'dmeo': did you mean 'demo'?")]
)
def test_an_unknown_data_set_is_told_which_there_are(tmp_path, name, end):
    with pytest.raises(FileNotFoundError, match='expected a data set: "demo"') as caught:
        load(Experiment(name, "hex_nut", DN2()), tmp_path)
    said = str(caught.value)
    assert all(known in said for known in READ_BY_NAME)
    assert f"MVTec-style categories in {tmp_path}, found no folder {tmp_path / name}, " in said
    assert said.endswith(end)
    with pytest.raises(FileNotFoundError, match="the folder of MVTec AD, found none"):
        load(Experiment("mvtec", "cable", DN2()), tmp_path)
