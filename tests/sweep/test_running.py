"""Sweeps: run once, resumed after any death, the same on a cluster; broken ones stop no other."""

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from adviz import DN2, SPADE, Backbone, PaDiM, PatchCore, data, evaluate, metrics, sweep
from adviz.data import Geometry
from adviz.sweep import Experiment, grid, measuring, running

LIKE = Experiment("demo", "", DN2(), geometry=Geometry(64), every=6)
FEW = [DN2(k_images=1), DN2(k_images=2), PatchCore(coreset=0.02)]


def few(categories=("bottle",), detectors=FEW):
    return grid("demo", categories, detectors, like=LIKE)


def test_a_row_is_what_the_library_says(tmp_path):
    (row,) = sweep.run(few(detectors=[PatchCore(coreset=0.02)]), tmp_path).results
    category = data.demo("bottle", geometry=Geometry(64))
    test = category.test.subset(range(0, len(category.test), 6))
    backbone = Backbone("efficientnet_lite0", layers=(8, 16))
    detector = PatchCore(coreset=0.02).fit(backbone.extract(category.train))
    prediction = detector.predict(backbone.extract(test))
    result = evaluate(prediction, test)
    for name in measuring.METRICS:
        assert row.metrics[name] == getattr(result, name), name
    assert row.metrics["pro_per_image"] == metrics.pro(
        prediction.anomaly_map, test.masks_array(), "per-image"
    )
    assert row.images["scores"] == prediction.score.tolist()
    assert row.images["ids"] == test.ids
    assert np.mean(row.regions["integral"]) == pytest.approx(row.metrics["pro"], abs=1e-12)
    pro_by_image = [value for value in row.images["pro"] if value is not None]
    assert len(pro_by_image) == sum(row.images["labels"])
    assert np.mean(pro_by_image) == pytest.approx(row.metrics["pro_per_image"], abs=1e-12)
    area, auroc = np.array(row.regions["area"]), np.array(row.regions["auroc"])
    assert np.average(auroc, weights=area) == pytest.approx(row.metrics["pixel_auroc"], abs=1e-12)
    assert {test.labels[image] for image in row.regions["image"]} == {1}
    assert row.facts["digest"] == backbone.digest
    assert row.facts["bank_size_"] == len(detector.bank_)
    assert row.measured["model_bytes"] >= detector.bank_.nbytes
    assert row.measured["seconds"]["fit"] > 0
    assert row.measured["threads"] == 1


def test_the_time_of_a_network_is_measured_once_and_without_its_first_pass(tmp_path, monkeypatch):
    """Four methods on one network had four times: the first one paid for its preparation."""
    monkeypatch.setattr(measuring, "_forward", {})
    extract, slow = Backbone.extract, []

    def first_is_slow(self, source, *, cache=None, **options):
        if cache is False and not slow:
            slow.append(time.sleep(2))
        return extract(self, source, cache=cache, **options)

    monkeypatch.setattr(Backbone, "extract", first_is_slow)
    rows = sweep.run(few(detectors=[DN2(k_images=1), DN2(k_images=3)]), tmp_path).results
    one, other = (row.measured["seconds"]["forward_per_image"] for row in rows)
    assert slow
    assert one == other
    assert 0 < one < 2 / measuring.TIMED


def test_what_is_there_is_not_done_again(tmp_path, monkeypatch):
    first = sweep.run(few(), tmp_path)
    assert (first.computed, len(first.results)) == (3, 3)
    monkeypatch.setattr(running, "measure", lambda *_: pytest.fail("was there"))
    again = sweep.run(few(), tmp_path)
    assert (again.computed, again.broken) == (0, [])
    assert [row.content() for row in again.results] == [row.content() for row in first.results]


def test_a_deleted_row_comes_back_the_same(tmp_path):
    first = sweep.run(few(), tmp_path).results[2]
    first.path.unlink()
    again = sweep.run(few(), tmp_path)
    assert again.computed == 1
    assert again.results[2].content() == first.content()


def test_broken_experiments_are_reported_and_do_not_stop_the_rest(tmp_path):
    wrong = grid("demo", ["bottle"], [PatchCore(layers=(64,))], like=LIKE)
    found = sweep.run([*wrong, *few(["nut", "bottle"], [DN2()])], tmp_path)
    assert [row.experiment.category for row in found.results] == ["bottle"]
    assert [one.category for one, _ in found.broken] == ["bottle", "nut"]
    assert "stride" in found.broken[0][1]
    assert "expected one of the built-in categories" in found.broken[1][1]
    assert "1 results, 1 of them new, 2 experiments broken" in repr(found)
    assert sweep.run(wrong, tmp_path).broken  # tried again


def test_a_missing_data_set_names_what_is_missing(tmp_path):
    (tmp_path / "mvtec" / "screw").mkdir(parents=True)
    found = sweep.run(grid("mvtec", ["screw", "pill"], [DN2()]), tmp_path / "rows", root=tmp_path)
    assert not found.results
    assert "train/good" in found.broken[0][1]
    assert "expected a category of" in found.broken[1][1]


def test_a_write_error_stops_the_run(tmp_path, monkeypatch):
    done = []

    def full(row, folder):
        done.append(row)
        raise OSError("expected to write a row")

    monkeypatch.setattr(running, "write", full)
    with pytest.raises(OSError, match="expected to write a row"):
        sweep.run(few(), tmp_path)
    assert len(done) == 1


def test_shared_features_are_extracted_once(tmp_path, monkeypatch):
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path / "cache"))
    data.demo("bottle")  # drawn before images are counted
    ran = []
    real = Backbone._run

    def counted(self, missing, images, *rest):
        ran.append((tuple(missing), images.count))
        return real(self, missing, images, *rest)

    monkeypatch.setattr(Backbone, "_run", counted)
    monkeypatch.setattr(measuring, "TIMED", 1)
    detectors = [
        DN2(),
        PatchCore(coreset=0.02),
        SPADE(k_images=3, layers=(8,)),
        PaDiM(layers=(8, 16)),
    ]
    sweep.run(few(detectors=detectors), tmp_path / "rows")
    whole = [one for one in ran if one[1] > 1]
    assert whole == [
        (("layer2", "layer3", "layer4"), 64),
        (("layer2", "layer3", "layer4"), whole[1][1]),
    ]


def test_shots_are_nested_and_seeded():
    for seed in (0, 1):
        drawn = [set(measuring.drawn(64, shots, seed)) for shots in (1, 2, 5, 50)]
        assert [len(one) for one in drawn] == [1, 2, 5, 50]
        assert all(a < b for a, b in itertools.pairwise(drawn))
    assert set(measuring.drawn(64, 5, 0)) != set(measuring.drawn(64, 5, 1))
    with pytest.raises(ValueError, match="at most as many shots as there are training images"):
        measuring.drawn(4, 5, 0)


def test_few_shots_use_only_those_images(tmp_path):
    like = Experiment("demo", "", DN2(), geometry=Geometry(64), every=6, shots=2)
    (row,) = sweep.run(
        grid("demo", ["bottle"], [DN2(k_images=2)], like=like, seeds=[4]), tmp_path
    ).results
    backbone = Backbone("efficientnet_lite0", layers=(32,))
    category = data.demo("bottle", geometry=Geometry(64))
    train = backbone.extract(category.train).select(images=measuring.drawn(64, 2, 4))
    test = backbone.extract(category.test.subset(range(0, len(category.test), 6)))
    assert row.images["scores"] == DN2(k_images=2).fit(train).predict(test).score.tolist()
    assert row.facts["n_train"] == 2


def test_images_that_no_shot_is_are_not_extracted(tmp_path, monkeypatch):
    """What several draws need is extracted once, and each result is the one it has alone."""
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path / "cache"))
    extracted = []
    real = Backbone._run

    def counted(self, missing, images, *rest):
        extracted.append(images.count)
        return real(self, missing, images, *rest)

    monkeypatch.setattr(Backbone, "_run", counted)
    monkeypatch.setattr(measuring, "TIMED", 1)
    both = [
        dataclasses.replace(LIKE, category="bottle", detector=DN2(k_images=1), shots=n, seed=seed)
        for n, seed in ((2, 4), (3, 5))
    ]
    needed = measuring.learned_from(both, 64)
    expected = {*measuring.drawn(64, 2, 4).tolist(), *measuring.drawn(64, 3, 5).tolist()}
    assert set(needed.tolist()) == expected
    results = sweep.run(both, tmp_path / "rows").results
    assert [count for count in extracted if count > 1] == [len(needed), 8]
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path / "other cache"))
    for experiment, result in zip(both, results, strict=True):
        assert measuring.measure(experiment).images == result.images
    whole = dataclasses.replace(both[0], shots=None)
    assert len(measuring.learned_from([*both, whole], 64)) == 64


def test_more_shots_than_images_stop_no_other_experiment(tmp_path):
    two = dataclasses.replace(LIKE, category="bottle", detector=DN2(k_images=1), shots=2)
    report = sweep.run([two, dataclasses.replace(two, shots=65)], tmp_path)
    assert len(report.results) == 1
    assert "at most as many shots as there are training images (64), got 65" in report.broken[0][1]


def test_several_backbones_are_an_ensemble(tmp_path):
    like = Experiment(
        "demo",
        "",
        DN2(),
        backbones=("efficientnet_lite0", "efficientnet_lite1"),
        geometry=Geometry(64),
    )
    (row,) = sweep.run(
        grid("demo", ["bottle"], [PatchCore(coreset=0.02)], like=like), tmp_path
    ).results
    assert row.facts["backbone"] == "efficientnet_lite0 + efficientnet_lite1"
    assert all(0 <= score <= 1 for score in row.images["scores"])


KILLED = """
import sys
from adviz import DN2, sweep
from adviz.data import Geometry
from adviz.sweep import Experiment, grid
like = Experiment("demo", "", DN2(), geometry=Geometry(64), every=6)
detectors = [DN2(k_images=k) for k in range(1, 60)]
sweep.run(grid("demo", ["bottle"], detectors, like=like), sys.argv[1])
"""


def test_killed_at_any_moment_the_next_run_goes_on(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
    end = time.monotonic() + 120
    while (
        len(list(tmp_path.glob("*.json"))) < 3 and process.poll() is None and time.monotonic() < end
    ):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.json")}
    assert 3 <= len(there) < 59, "killed too late, or nothing was done"
    for path in there:
        json.loads(path.read_text())
    wanted = few(detectors=[DN2(k_images=k) for k in range(1, 60)])
    found = sweep.run(wanted, tmp_path)
    assert found.computed == 59 - len(there)
    assert {path: path.stat().st_mtime_ns for path in there} == there
    assert not list(tmp_path.glob("*.part"))


@pytest.fixture(scope="module")
def client():
    from distributed import Client, LocalCluster

    options = {
        "n_workers": 2,
        "threads_per_worker": 1,
        "dashboard_address": ":0",
        "host": "127.0.0.1",
    }
    with LocalCluster(**options) as local, Client(local) as one:
        yield one


def all_kinds():
    """Return experiments of all kinds of detectors."""
    detectors = [DN2(k_images=k) for k in (1, 3)]
    detectors += [PatchCore(coreset=0.01, image_score=score) for score in ("max", "reweighted")]
    detectors += [SPADE(layers=(16,), k_images=k, gallery="random") for k in (1, 3)]
    detectors += [PaDiM(layers=(8, 16))]
    return grid("demo", ["bottle", "mesh"], detectors, seeds=range(2), like=LIKE)


def test_a_cluster_gives_the_same_rows(tmp_path, client):
    wanted = all_kinds()
    assert len(wanted) >= 20
    alone = sweep.run(wanted, tmp_path / "alone")
    together = sweep.run(wanted, tmp_path / "together", client=client)
    assert not alone.broken
    assert not together.broken
    assert together.computed == len(wanted)
    for one, two in zip(alone.results, together.results, strict=True):
        assert one.content() == two.content(), one.experiment


def test_a_device_travels_to_the_workers(tmp_path, monkeypatch):
    """It is no fact of an experiment, of which there is one result, wherever it was computed."""
    from distributed import Client

    found, measure = [], running.measure

    def measured(experiment, root, threads):
        found.append(experiment.detector.device)
        return measure(experiment, root, threads)

    monkeypatch.setattr(running, "measure", measured)
    wanted = few(detectors=[PatchCore(coreset=0.02, device="auto")])
    with Client(processes=False, n_workers=1, dashboard_address=None) as client:
        (result,) = sweep.run(wanted, tmp_path, client=client).results
    assert found == ["auto"]
    assert result.measured["detector_device"] == ("cuda" if torch.cuda.is_available() else "cpu")
    (again,) = sweep.run(few(detectors=[PatchCore(coreset=0.02)]), tmp_path).results
    assert again.content() == result.content()
    assert found == ["auto"]


def test_a_cluster_reports_broken_experiments(tmp_path, client):
    found = sweep.run(few(["nut", "bottle"], [DN2()]), tmp_path, client=client)
    assert len(found.results) == 1
    assert "expected one of the built-in categories" in found.broken[0][1]


def test_a_dead_worker_is_survived(tmp_path, client):
    wanted = few(detectors=[DN2(k_images=k) for k in range(1, 40)])
    pids = client.run(os.getpid)
    killer = subprocess.Popen(
        [sys.executable, "-c", KILLER, str(tmp_path), str(next(iter(pids.values())))]
    )
    found = sweep.run(wanted, tmp_path, client=client)
    assert killer.wait(60) == 0
    assert not found.broken
    assert len(found.results) == len(wanted)


KILLER = """
import os, signal, sys, time
from pathlib import Path
while not list(Path(sys.argv[1]).glob("*.json")):
    time.sleep(0.02)
os.kill(int(sys.argv[2]), signal.SIGKILL)
"""


def test_an_experiment_can_be_done_again_for_its_maps(tmp_path):
    (row,) = sweep.run(few(detectors=[PatchCore(coreset=0.02)]), tmp_path).results
    category, prediction = sweep.predict(row.experiment)
    assert list(category.test.ids) == row.images["ids"]
    assert prediction.score.tolist() == row.images["scores"]
    assert evaluate(prediction, category.test).pixel_auroc == row.metrics["pixel_auroc"]


def test_a_row_says_which_share_of_the_bank_is_used(tmp_path):
    detectors = [PatchCore(coreset=0.02), PatchCore(coreset=0.01, sampler="proxies"), SPADE()]
    greedy, proxies, spade = sweep.run(few(detectors=detectors), tmp_path).results
    category = data.demo("bottle", geometry=Geometry(64))
    backbone = Backbone("efficientnet_lite0", layers=(8, 16))
    detector = PatchCore(coreset=0.02).fit(backbone.extract(category.train))
    found = detector.predict(
        backbone.extract(category.test.subset(range(0, len(category.test), 6)))
    ).neighbors["patch"]
    nearest = set(
        zip(
            found.image[..., 0].ravel().tolist(),
            found.location[..., 0].ravel().tolist(),
            strict=True,
        )
    )
    assert greedy.facts["bank_used"] == len(nearest) / len(detector.bank_)
    assert "bank_used" not in proxies.facts | spade.facts
