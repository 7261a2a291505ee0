"""The dry run counts, scales and warns, and never downloads; its seconds are checked by hand."""

import dataclasses
import shutil

import numpy as np
import pytest

import standin
import standin_campus
from adviz import DN2, SPADE, PatchCore, data, sweep
from adviz.data import Geometry
from adviz.sweep import Experiment, dry_run, grid, measuring, weights
from adviz.sweep.dry_run import _duration, _free_bytes

LIKE = Experiment("demo", "", DN2(), geometry=Geometry(64), every=6)


TWO = PatchCore(coreset=0.02), SPADE(layers=(16,))


def few(detectors=TWO, categories=("bottle",)):
    return grid("demo", categories, detectors, like=LIKE)


def test_it_counts_what_is_done_and_what_is_not(tmp_path):
    wanted = few()
    before = sweep.estimate(wanted, tmp_path)
    assert (before.experiments, before.done) == (2, 0)
    assert before.hours > 0
    assert not list(tmp_path.iterdir())
    sweep.run(wanted[:1], tmp_path)
    between = sweep.estimate(wanted, tmp_path)
    assert (between.experiments, between.done) == (2, 1)
    sweep.run(wanted, tmp_path)
    after = sweep.estimate(wanted, tmp_path)
    assert (after.done, after.hours, after.disk_gb) == (2, 0, 0)
    assert repr(after).splitlines()[0] == "2 experiments, 2 of them done; 0 to run."


def test_bytes_are_those_of_the_features(tmp_path, monkeypatch):
    standin.draw(tmp_path / "mvtec", categories=("bottle", "zipper"), side=64)
    wanted = grid("mvtec", ("bottle", "zipper"), TWO, like=dataclasses.replace(LIKE, every=1))
    found = sweep.estimate(wanted, tmp_path / "rows", root=tmp_path)
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path / "cache"))
    sweep.run(wanted, tmp_path / "rows", root=tmp_path)
    files = (tmp_path / "cache" / "features").glob("*.npy")
    total = sum(np.load(path, mmap_mode="r").nbytes for path in files)
    assert sum(found.group_bytes) == total
    assert found.disk_gb == pytest.approx(total / 1e9, abs=1e-3)
    # Images, of zipper and of bottle
    assert found.at_once_gb == pytest.approx(total * (2 + 8) / (2 + 8 + 2 + 4) / 1e9)
    assert found.memory_gb > found.at_once_gb
    assert dataclasses.replace(found, workers=2).at_once_gb == pytest.approx(total / 1e9)


def test_a_cache_that_is_too_small_is_told_how_large_it_must_be(tmp_path, monkeypatch):
    plain = sweep.estimate(few(), tmp_path)
    assert "ADVIZ_CACHE_LIMIT" not in repr(plain)
    monkeypatch.setenv("ADVIZ_CACHE_LIMIT", "0.001")
    small = sweep.estimate(few(), tmp_path)
    assert "raise ADVIZ_CACHE_LIMIT to 1, or to 1 to keep" in repr(small)
    large = dataclasses.replace(plain, group_bytes=[15 * 10**9, 10 * 10**9])
    assert "raise ADVIZ_CACHE_LIMIT to 15, or to 26 to keep" in repr(large)


def test_the_free_space_is_told(tmp_path, monkeypatch):
    plain = dataclasses.replace(sweep.estimate(few(), tmp_path), group_bytes=[25 * 10**9])
    monkeypatch.setattr(dry_run, "_free_bytes", lambda _: 7 * 10**9)
    assert "Disk: 25 GB, 7 GB are free. Memory: 76 GB." in repr(plain)


def test_several_workers_are_told():
    one = sweep.Estimate(10, 0, 1, {"features": 3600.0, "fit": 7200.0}, [2 * 10**9, 3 * 10**11])
    assert "about 3 hours on this machine, within a factor of 3 (features 1 hours" in repr(one)
    assert "Disk: 302 GB, " in repr(one)
    four = dataclasses.replace(one, workers=4)
    assert (
        "about 45 minutes by 4 workers as fast as this machine, within a factor of 3 (one after "
        "another: features 1 hours, fit 2 hours)" in repr(four)
    )
    assert "of all 4 workers together." in repr(four)


def test_features_that_find_no_room_are_counted_for_every_experiment(tmp_path, monkeypatch):
    detectors = [PatchCore(coreset=share) for share in (0.01, 0.02, 0.03, 0.04)]
    images = len(data.demo("bottle").train) + len(measuring.load(few()[0]).test)
    once = sweep.estimate(few(detectors), tmp_path)
    (sample,) = sweep.run(few(detectors[:1]), tmp_path / "x").results
    assert once.seconds["features"] == pytest.approx(
        images * sample.measured["seconds"]["forward_per_image"], rel=1
    )
    monkeypatch.setattr(dry_run, "_short", lambda *_: sample)
    once = sweep.estimate(few(detectors), tmp_path).seconds["features"]
    monkeypatch.setenv("ADVIZ_CACHE_LIMIT", "0")
    assert sweep.estimate(few(detectors), tmp_path).seconds["features"] == pytest.approx(4 * once)


def test_workers_share_the_time(tmp_path):
    found = sweep.estimate(few(), tmp_path)
    assert dataclasses.replace(found, workers=4).hours == found.hours / 4
    with pytest.raises(ValueError, match="at least one worker, got 0"):
        sweep.estimate(few(), tmp_path, workers=0)


def test_weights_that_cannot_be_had_are_named_with_remedies(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", offline)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    monkeypatch.setattr(
        "timm.models._builder.load_pretrained", lambda *_, **__: pytest.fail("downloads")
    )
    networks = ("resnet18.tv_in1k", "resnet34.tv_in1k", "efficientnet_lite0")
    like = dataclasses.replace(LIKE, backbones=networks)
    found = sweep.estimate(grid("demo", ["bottle"], [PatchCore(coreset=0.02)], like=like), tmp_path)
    assert found.missing[0] == (
        "Weights of resnet18.tv_in1k, resnet34.tv_in1k: not here, and cannot be downloaded (OSError)."
    )
    (remedies,) = found.missing[1:]  # once for all networks
    assert remedies.startswith("Three ways to get weights: (1) run once with network access")
    assert found.hours > 0
    assert not found.unknown
    like = dataclasses.replace(like, weights="random")
    assert not sweep.estimate(
        grid("demo", ["bottle"], [PatchCore(coreset=0.02)], like=like), tmp_path
    ).missing


@pytest.mark.parametrize("name", ["resnet999.tv_in1k", "resnet18.no_such_tag"])
def test_an_unknown_network_is_named(tmp_path, name):
    like = dataclasses.replace(LIKE, backbones=(name,))
    found = sweep.estimate(grid("demo", ["bottle"], [PatchCore()], like=like), tmp_path)
    assert any(name in sentence for sentence in found.missing)
    assert name in repr(found)


def test_weights_that_are_kept_need_no_network(monkeypatch):
    monkeypatch.setattr(
        "huggingface_hub.get_hf_file_metadata", lambda *_, **__: pytest.fail("asks the network")
    )
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: "/there")
    assert weights.weights_missing("resnet18.tv_in1k") == ""
    assert weights.weights_missing("efficientnet_lite1") == ""


def test_without_the_data_their_usual_numbers_are_assumed(tmp_path):
    like = dataclasses.replace(LIKE, every=1)
    wanted = grid("mvtec", ["bottle", "my_part"], [PatchCore(coreset=0.02)], like=like)
    found = sweep.estimate(wanted, tmp_path / "rows", root=tmp_path)
    assert found.assumed == ["mvtec/bottle", "mvtec/my_part"]
    assert "Data incomplete: mvtec: no folder" in repr(found)
    assert "and so nothing of bottle, my_part" in repr(found)
    assert "numbers are assumed: mvtec/bottle, mvtec/my_part" in repr(found)
    cells = 40 * 8 * 8 + 112 * 4 * 4
    assert sum(found.group_bytes) == (209 + 83 + 242 + 115) * cells * 4


def test_the_numbers_of_one_class_sets_are_known(tmp_path):
    wanted = grid("mnist", ["7"], [PatchCore(coreset=0.02)], like=LIKE)
    found = sweep.estimate(wanted, tmp_path / "rows", root=tmp_path)
    assert found.assumed == ["mnist/7"]
    cells = 40 * 8 * 8 + 112 * 4 * 4
    assert sum(found.group_bytes) == (6000 + len(range(0, 10000, LIKE.every))) * cells * 4


@pytest.mark.parametrize(
    ("name", "category", "train", "test"),
    [
        ("mtd", "magnetic_tile", 952 - 190, 190 + 392),
        ("stc", "01", 274_515 // 55 // 12, 40_791 // 5 // 12),
        ("mstc", "01", 274_515 // 5 // 12, 40_791 // 5 // 12),
    ],
)
def test_the_numbers_of_tiles_and_of_a_scene_are_the_published_ones(
    tmp_path, name, category, train, test
):
    like = dataclasses.replace(LIKE, every=1)
    found = sweep.estimate(
        grid(name, [category], [PatchCore(coreset=0.02)], like=like), tmp_path, root=tmp_path
    )
    assert found.assumed == [f"{name}/{category}"]
    cells = 40 * 8 * 8 + 112 * 4 * 4
    assert sum(found.group_bytes) == (train + test) * cells * 4


def test_no_video_is_decoded_for_an_estimate(tmp_path, monkeypatch):
    standin_campus.draw(tmp_path / "stc", scenes=("01",), videos=1, frames=2)
    monkeypatch.setattr("adviz.data.readers.videos._decode", lambda *_: pytest.fail("decodes"))
    found = sweep.estimate(
        grid("mstc", ["01"], [PatchCore(coreset=0.02)], like=LIKE), tmp_path / "r", root=tmp_path
    )
    assert (found.assumed, found.missing) == (["mstc/01"], [])


def test_what_cannot_be_measured_is_named(tmp_path):
    found = sweep.estimate(few([PatchCore(layers=(8,), index="ivfpq", stride=8), DN2()]), tmp_path)
    assert list(found.unknown) == ["PatchCore on efficientnet_lite0"]
    assert "could not be measured" in repr(found)
    assert found.hours > 0


def test_results_of_this_machine_stand_in_for_short_experiments(tmp_path, monkeypatch):
    near = few([PatchCore(coreset=0.02), PatchCore(coreset=0.03)])
    (result,) = sweep.run(near[:1], tmp_path).results
    monkeypatch.setattr(dry_run, "_short", lambda *_: pytest.fail("was run"))
    found = sweep.estimate(near, tmp_path)
    assert found.seconds["predict"] == pytest.approx(result.measured["seconds"]["predict"], rel=0.6)
    for other in (few([DN2()]), [dataclasses.replace(near[1], geometry=Geometry(96))]):
        with pytest.raises(pytest.fail.Exception):
            sweep.estimate(near[:1] + other, tmp_path)
    monkeypatch.setattr(dry_run, "machine", lambda: {"cores": 1000})
    with pytest.raises(pytest.fail.Exception):
        sweep.estimate(near, tmp_path)


@dataclasses.dataclass
class Worker:
    """A detector that says what it needs, as all of adviz's do."""

    layers: tuple[int, ...] = (8,)
    power: int = 1

    def fit(self, features):
        return self

    def predict(self, features):
        return DN2(image_layer=self.layers[0]).fit(features).predict(features)

    def work(self, *, n_train, n_test, locations, channels):
        return 1000.0 * n_train**self.power, 10.0 * locations * channels * n_test


def test_seconds_grow_with_the_work_that_a_detector_says_it_needs(tmp_path, monkeypatch):
    """16 and 4 images took a second a step; 64 and 8 are to be estimated."""
    like = few([Worker()])[0]
    spent = dict.fromkeys(("fit", "predict", "evaluate", "forward_per_image"), 1.0)
    sample = sweep.ExperimentResult(
        like, {"n_train": 16, "n_test": 4}, {}, {}, {}, {}, {}, {"seconds": spent}
    )
    monkeypatch.setattr(
        dry_run, "_short", lambda one, _: dataclasses.replace(sample, experiment=one)
    )
    n_test = len(measuring.load(like).test)
    for power, fit in ((1, 4), (2, 16)):
        found = sweep.estimate(few([Worker(power=power)]), tmp_path).seconds
        expected = {"features": 64 + n_test, "fit": fit, "predict": n_test / 4}
        assert found == pytest.approx(expected | {"evaluate": n_test / 4})


def test_a_download_that_failed_is_not_tried_again_for_each_experiment(tmp_path, monkeypatch):
    tried = []

    def fails(name, *_, **__):
        tried.append(name)
        raise RuntimeError(f"the weights of {name!r} could not be downloaded")

    monkeypatch.setattr(measuring, "Backbone", fails)
    monkeypatch.setattr(measuring, "_unavailable", {})
    like = dataclasses.replace(LIKE, backbones=("resnet18.tv_in1k",))
    wanted = grid("demo", ["bottle"], [DN2(), PatchCore(), SPADE()], like=like)
    found = sweep.run(wanted, tmp_path)
    assert len(found.broken) == 3
    assert all("could not be downloaded" in why for _, why in found.broken)
    assert tried == ["resnet18.tv_in1k"]
    monkeypatch.setattr(measuring, "AGAIN", 0.0)
    sweep.run(wanted[:1], tmp_path)
    assert len(tried) == 2


def test_durations_have_the_unit_that_people_use():
    spans = [_duration(seconds) for seconds in (3.21, 90, 3600 * 47, 86400 * 2)]
    assert spans == ["3.2 seconds", "1.5 minutes", "47 hours", "2 days"]


def test_the_free_space_of_a_cache_folder_that_is_not_there_yet(tmp_path):
    assert _free_bytes(tmp_path / "a" / "b") == pytest.approx(
        shutil.disk_usage(tmp_path).free, rel=0.1
    )
