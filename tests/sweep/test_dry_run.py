"""The dry run: it counts, scales and warns, and never downloads; how near its seconds come is checked by hand."""

import dataclasses
import shutil

import numpy as np
import pytest
import standin
import standin_campus

from adviz import DN2, SPADE, PaDiM, PatchCore, ReverseDistillation, data, sweep
from adviz.data import Geometry
from adviz.detectors import ConventionalDistillation
from adviz.sweep import Experiment, costs, grid, measuring, tally, weights
from adviz.sweep.costs import Sample, Size, Terms, cost, kind, terms
from adviz.sweep.dry_run import _free, _gb, _time

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
    assert (after.done, after.hours, after.cache_bytes) == (2, 0, 0)
    assert repr(after).splitlines()[0] == "2 experiments, 2 of them done; 0 to do."


def test_bytes_are_those_of_the_features(tmp_path, monkeypatch):
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path / "cache"))
    standin.draw(tmp_path / "mvtec", categories=("bottle", "zipper"), side=64)
    wanted = grid("mvtec", ("bottle", "zipper"), TWO, like=dataclasses.replace(LIKE, every=1))
    found = sweep.estimate(wanted, tmp_path / "rows", root=tmp_path)
    sweep.run(wanted, tmp_path / "rows", root=tmp_path)
    files = (tmp_path / "cache" / "features").glob("*.npy")
    assert found.cache_bytes == sum(np.load(path, mmap_mode="r").nbytes for path in files)
    # Images, of zipper and of bottle
    assert found.at_once_bytes == found.cache_bytes * (2 + 8) / (2 + 8 + 2 + 4)
    assert (
        sweep.estimate(wanted, tmp_path / "x", root=tmp_path, workers=2).at_once_bytes
        == found.cache_bytes
    )


def test_a_cache_that_is_too_small_is_told_how_large_it_must_be(tmp_path, monkeypatch):
    plain = sweep.estimate(few(), tmp_path)
    assert "ADVIZ_CACHE_LIMIT" not in repr(plain)
    monkeypatch.setenv("ADVIZ_CACHE_LIMIT", "0.001")
    small = sweep.estimate(few(), tmp_path)
    assert "raise ADVIZ_CACHE_LIMIT to 1, or to 1 to keep" in repr(small)
    large = dataclasses.replace(
        plain, limit_bytes=10**10, cache_bytes=25 * 10**9, at_once_bytes=10**9
    )
    assert (
        "large enough for this run; to keep all features for later ones raise ADVIZ_CACHE_LIMIT to 25"
        in repr(large)
    )
    full = dataclasses.replace(large, free_bytes=10**9)
    assert "set ADVIZ_CACHE to one with more room" in repr(full)
    assert "set ADVIZ_CACHE" not in repr(dataclasses.replace(large, free_bytes=10**12))


def test_features_that_find_no_room_are_counted_for_every_experiment(tmp_path, monkeypatch):
    detectors = [PatchCore(coreset=share) for share in (0.01, 0.02, 0.03, 0.04)]
    monkeypatch.setattr(
        tally,
        "network_cost",
        lambda *_: (costs.Network(1.0, 0.0, {8: (2, 8, 8), 16: (4, 4, 4)}), None),
    )
    monkeypatch.setattr(
        tally, "probed", lambda *_: [Sample(Terms((1, 1), (1, 1)), dict.fromkeys(STEPS, 1.0), 1)]
    )
    images = len(data.demo("bottle").train) + len(measuring.load(few()[0]).test)
    assert sweep.estimate(few(detectors), tmp_path).seconds["features"] == images
    monkeypatch.setenv("ADVIZ_CACHE_LIMIT", "0")
    assert sweep.estimate(few(detectors), tmp_path).seconds["features"] == 4 * images


STEPS = ("fit", "predict", "evaluate")


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
    like = dataclasses.replace(LIKE, backbones=("resnet18.tv_in1k", "efficientnet_lite0"))
    found = sweep.estimate(grid("demo", ["bottle"], [PatchCore(coreset=0.02)], like=like), tmp_path)
    assert list(found.weights) == ["resnet18.tv_in1k"]
    assert "cannot be downloaded (OSError). Three ways to get weights" in repr(found)
    assert found.hours > 0
    assert not found.unknown
    like = dataclasses.replace(like, weights="random")
    assert not sweep.estimate(
        grid("demo", ["bottle"], [PatchCore(coreset=0.02)], like=like), tmp_path
    ).weights


@pytest.mark.parametrize("name", ["resnet999.tv_in1k", "resnet18.no_such_tag"])
def test_an_unknown_network_is_named(tmp_path, name):
    like = dataclasses.replace(LIKE, backbones=(name,))
    found = sweep.estimate(grid("demo", ["bottle"], [PatchCore()], like=like), tmp_path)
    assert name in found.weights
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
    assert found.assumed == ("mvtec/bottle", "mvtec/my_part")
    assert {gap.category for gap in found.gaps} == {"bottle", "my_part"}
    assert "Data incomplete: mvtec: no folder" in repr(found)
    assert "numbers are assumed: mvtec/bottle, mvtec/my_part" in repr(found)
    cells = 40 * 8 * 8 + 112 * 4 * 4
    assert found.cache_bytes == (209 + 83 + 242 + 115) * cells * 4


def test_the_numbers_of_one_class_sets_are_known(tmp_path):
    wanted = grid("mnist", ["7"], [PatchCore(coreset=0.02)], like=LIKE)
    found = sweep.estimate(wanted, tmp_path / "rows", root=tmp_path)
    assert found.assumed == ("mnist/7",)
    cells = 40 * 8 * 8 + 112 * 4 * 4
    assert found.cache_bytes == (6000 + len(range(0, 10000, LIKE.every))) * cells * 4


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
    assert found.assumed == (f"{name}/{category}",)
    cells = 40 * 8 * 8 + 112 * 4 * 4
    assert found.cache_bytes == (train + test) * cells * 4


def test_no_video_is_decoded_for_an_estimate(tmp_path, monkeypatch):
    standin_campus.draw(tmp_path / "stc", scenes=("01",), videos=1, frames=2)
    monkeypatch.setattr("adviz.data.readers.videos._decode", lambda *_: pytest.fail("decodes"))
    found = sweep.estimate(
        grid("mstc", ["01"], [PatchCore(coreset=0.02)], like=LIKE), tmp_path / "r", root=tmp_path
    )
    assert (found.assumed, found.gaps) == (("mstc/01",), ())


def test_what_cannot_be_measured_is_named(tmp_path):
    found = sweep.estimate(few([PatchCore(layers=(8,), index="ivfpq", stride=8), DN2()]), tmp_path)
    assert list(found.unknown) == ["PatchCore on efficientnet_lite0"]
    assert "could not be measured" in repr(found)
    assert found.hours > 0


def test_rows_of_this_machine_stand_in_for_probes(tmp_path, monkeypatch):
    sweep.run(few([PatchCore(coreset=0.02)]), tmp_path)
    monkeypatch.setattr(tally, "probed", lambda *_: pytest.fail("probed"))
    near = few([PatchCore(coreset=0.02), PatchCore(coreset=0.03)])
    (row,) = sweep.run(near[:1], tmp_path).rows
    found = sweep.estimate(near, tmp_path)
    assert found.seconds["predict"] == pytest.approx(row.measured["seconds"]["predict"], rel=0.6)
    for other in (few([PatchCore(coreset=0.9)]), few([DN2()])):
        with pytest.raises(pytest.fail.Exception):
            sweep.estimate(near[:1] + other, tmp_path)
    monkeypatch.setattr(tally, "machine", lambda: {"cores": 1000})
    with pytest.raises(pytest.fail.Exception):
        sweep.estimate(near, tmp_path)


def test_kinds_leave_out_what_only_scales():
    one = Experiment("demo", "bottle", PatchCore(coreset=0.1), seed=3)
    same = Experiment("mvtec", "pill", PatchCore(coreset=0.25), seed=1, shots=5)
    assert kind(one, "net") == kind(same, "net")
    assert kind(dataclasses.replace(one, detector=PatchCore(presample=100)), "net") == kind(
        one, "net"
    )
    assert kind(one, "net") != kind(one, "another")
    assert kind(one, "net") != kind(dataclasses.replace(one, detector=PatchCore(stride=2)), "net")
    maps = [
        Experiment("demo", "bottle", ReverseDistillation(map_layers=layers))
        for layers in ((4,), (8, 16), None)
    ]
    assert len({kind(single, "net") for single in maps}) == 1
    other = Experiment("demo", "bottle", ReverseDistillation(bottleneck="oce"))
    assert kind(other, "net") != kind(maps[0], "net")


@pytest.mark.parametrize(
    ("detector", "fit", "predict"),
    [
        # All patches with a bank, both of twice the size; each patch with the bank
        (PatchCore(coreset=0.1), 4, 2),
        (PatchCore(coreset=0.1, sampler="random"), 1, 2),
        (SPADE(k_images=100), 1, 2),
        (SPADE(k_images=20), 1, 1),
        (PaDiM(dimension=2000), 4, 2),
        (PaDiM(dimension=20), 5 / 3, 1),  # n d^2 + d^3
        (DN2(), 1, 2),
    ],
)
def test_how_the_leading_work_grows_with_training_images(detector, fit, predict):
    small, large = (terms(detector, Size(n, 10, 0.1), 64, 300) for n in (40, 80))
    for step, expected in (("fit", fit), ("predict", predict)):
        one, two = (getattr(work, step)[1] or 1.0 for work in (small, large))
        assert two / one == pytest.approx(expected, rel=0.05), step


def test_a_pre_sample_bounds_the_search_and_not_the_embedding():
    small, large = (
        terms(PatchCore(coreset=0.1, presample=1000), Size(n, 10, 0.1), 64, 300) for n in (40, 80)
    )
    assert large.fit == (2 * small.fit[0], small.fit[1])
    assert small.fit == (40 * 64, 1000 * 0.1 * 1000)
    assert small.predict == large.predict == (10 * 64, 10 * 64 * 100)


def test_students_work_grows_with_images_and_epochs():
    for detector in (ReverseDistillation(), ConventionalDistillation()):
        work = terms(detector, Size(30, 5), 64, 300)
        assert work.fit == (1.0, 30 * detector.epochs)


def test_constants_are_found_again():
    works = [Terms((n, n**2), (n, 0.0)) for n in (3, 12)]
    samples = [
        Sample(
            work,
            {
                "fit": 2 * work.fit[0] + 0.5 * work.fit[1],
                "predict": 3 * work.predict[0],
                "evaluate": 8.0,
            },
            4,
        )
        for work in works
    ]
    found = cost(samples)
    assert found.fit.tolist() == pytest.approx([2, 0.5])
    assert found.seconds(Terms((100, 10000), (50, 0.0)), 10) == pytest.approx(
        {"fit": 5200, "predict": 150, "evaluate": 20}
    )
    noisy = [dataclasses.replace(one, seconds=one.seconds | {"fit": 1.0}) for one in samples]
    assert (cost(noisy).fit >= 0).all()


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


def test_amounts_are_said_as_people_say_them():
    assert [_time(s) for s in (3.21, 90, 3600 * 47, 86400 * 2, 3.2e9)] == [
        *("3.2 seconds", "1.5 minutes", "47 hours"),
        *("2 days", "101 years"),
    ]
    assert [_gb(n) for n in (20_000, 3_000_000, 2.5e10, 3.45e12)] == [
        "0.02 MB",
        "0.003 GB",
        "25 GB",
        "3.45 TB",
    ]


def test_the_free_space_of_a_cache_folder_that_is_not_there_yet(tmp_path):
    assert _free(tmp_path / "a" / "b") == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    assert np.isfinite(sweep.estimate(few(), tmp_path).free_bytes)
