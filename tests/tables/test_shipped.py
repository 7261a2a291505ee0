"""Results that come with adviz: written, read as they were, and taken in place of a run."""

import dataclasses
import hashlib
import json
import math
import random
from pathlib import Path

import numpy as np
import pytest

from adviz import DN2, SPADE, PatchCore, ReverseDistillation, sweep, tables
from adviz.detectors import ConventionalDistillation
from adviz.tables import all_tables, shipped
from adviz.tables.figures import pictures, plans

# How far a metric of a result that comes with adviz may be from the same one made anew, on a
# machine that rounds otherwise: a greedy coreset or a training may then go another way
TOLERANCE = 0.02
TOLERANCE_OF_STUDENTS = 0.1
HANDFUL = 3
QUICK = 10  # seconds that fit, predict and evaluate took at most
LIKE = sweep.Experiment("demo", "", DN2(), geometry=tables.reduced().geometry(64, crop=True))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    like = dataclasses.replace(LIKE, every=6, shots=4)
    grid = sweep.grid("demo", ["mesh", "bottle"], [DN2(), PatchCore(coreset=0.1)], like=like)
    return sweep.run(grid, tmp_path_factory.mktemp("results")).results


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Let adviz look for its results in a folder of the test."""
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    shipped._read.cache_clear()
    yield tmp_path
    shipped._read.cache_clear()


def test_a_shipped_result_is_what_was_measured(results, folder):
    paths = shipped.ship(results, folder)
    assert sorted(path.name for path in paths) == ["DN2.jsonl", "PatchCore.jsonl"]
    for result in results:
        found = shipped.shipped(result.experiment)
        assert (found.experiment, found.path) == (result.experiment, None)
        assert found.facts == result.facts
        assert found.reasons == result.reasons
        for name, value in result.metrics.items():
            assert found.metrics[name] == pytest.approx(value, rel=1e-6, nan_ok=True), name
        for name in ("ids", "labels", "defects"):
            assert found.images[name] == result.images[name]
        np.testing.assert_allclose(found.images["scores"], result.images["scores"], rtol=1e-6)
        for ours, theirs in zip(found.images["pro"], result.images["pro"], strict=True):
            assert ours == (theirs if theirs is None else pytest.approx(theirs, rel=1e-4))
        assert found.regions.keys() == result.regions.keys()
        assert found.measured["versions"] == result.measured["versions"]
        seconds = result.measured["seconds"]["predict_per_image"]
        assert found.measured["seconds"]["predict_per_image"] == pytest.approx(seconds, rel=1e-6)
        np.testing.assert_allclose(found.curves["roc"], result.curves["roc"], atol=1e-12)


def test_another_option_has_no_shipped_result(results, folder):
    shipped.ship(results, folder)
    other = dataclasses.replace(results[0].experiment, detector=DN2(k_images=1))
    assert shipped.shipped(other) is None
    assert shipped.shipped(dataclasses.replace(results[0].experiment, every=5)) is None


def test_results_of_two_versions_are_not_mixed(results, folder):
    other = dataclasses.replace(
        results[2], measured=results[2].measured | {"versions": {"torch": "1.0"}}
    )
    with pytest.raises(ValueError, match="one version of every library"):
        shipped.ship([results[0], other], folder)
    assert list(folder.iterdir()) == []


def test_results_of_other_images_are_not_mixed(results, folder):
    images = results[0].images | {"ids": ["another.png", *results[0].images["ids"][1:]]}
    other = dataclasses.replace(results[0], images=images)
    with pytest.raises(ValueError, match="same test images of mesh"):
        shipped.ship([results[0], other], folder)


def test_a_book_takes_what_is_shipped_unless_it_shall_not(folder, tmp_path, monkeypatch):
    setting = tables.reduced(("mesh",), every=6, scale=0.25)
    planned = tables.plan("spade", 1, setting)
    (result,) = sweep.run(planned.experiments, tmp_path / "made").results
    shipped.ship([result], folder)
    book = tables.Book(setting, tmp_path / "empty")
    monkeypatch.setattr(all_tables, "run", None)  # there is nothing to do
    table = book.table("spade", 1)
    assert table.missing == []
    assert book.run(table).results[0].experiment == result.experiment
    assert (book.estimate(table).experiments, book.estimate(table).done) == (1, 1)
    assert not book.folder.exists()
    anew = tables.Book(setting, tmp_path / "empty", use_shipped=False)
    assert len(anew.table("spade", 1).missing) == 1
    assert anew.estimate(planned).done == 0


def test_maps_that_come_with_adviz_are_those_of_the_experiment_but_for_their_size(results, folder):
    experiment = results[-1].experiment
    category, prediction = sweep.predict(experiment)
    assert shipped.shipped_prediction(results[-1]) is None
    shipped.ship_prediction(experiment, prediction, folder / "maps")
    found_category, found = shipped.shipped_prediction(results[-1])
    assert found_category.test.ids == category.test.ids
    assert found.score.tolist() == results[-1].images["scores"]
    assert found.ids == tuple(results[-1].images["ids"])
    error = np.abs(found.anomaly_map - prediction.anomaly_map) / np.ptp(prediction.anomaly_map)
    # The smallest maps that there are: 32 pixels, of which 8 are stored
    assert (error.mean() < 0.01, error.max() < 0.05) == (True, True)
    assert "image" not in found.neighbors


def test_the_nearest_normal_image_comes_with_the_maps(folder):
    like = dataclasses.replace(LIKE, category="mesh", every=6, shots=12)
    experiment = dataclasses.replace(like, detector=SPADE())
    (result,) = sweep.run([experiment], folder / "made").results
    _, prediction = sweep.predict(experiment)
    shipped.ship_prediction(experiment, prediction, folder / "maps")
    _, found = shipped.shipped_prediction(result)
    nearest = prediction.neighbors["image"]
    assert found.neighbors["image"].image.shape == (len(prediction.score), 1, 1, 1)
    assert (found.neighbors["image"].image == nearest.image[..., :1]).all()
    assert (found.neighbors["image"].distance == nearest.distance[..., :1]).all()


def test_a_prediction_without_maps_is_not_shipped(results, folder):
    _, prediction = sweep.predict(results[0].experiment)
    with pytest.raises(ValueError, match="expected a prediction with maps"):
        shipped.ship_prediction(results[0].experiment, prediction, folder / "maps")
    assert list(folder.iterdir()) == []


def test_figures_take_maps_that_come_with_adviz_and_make_those_of_other_results(
    results, folder, monkeypatch
):
    made = []

    def predict(experiment, root):
        made.append(experiment)
        return "made anew"

    monkeypatch.setattr(plans.sweep, "predict", predict)
    result = results[-1]
    come = dataclasses.replace(result, path=None)
    found = {result.experiment: come}
    assert plans._predict(found, None, result.experiment) == "made anew"  # there are no maps
    _, prediction = sweep.measuring.predict(result.experiment)
    shipped.ship_prediction(result.experiment, prediction, folder / "maps")
    assert plans._predict(found, None, result.experiment)[1].detector == "PatchCore"
    assert plans._predict({result.experiment: result}, None, result.experiment) == "made anew"
    assert made == [result.experiment] * 2


def test_every_figure_of_images_has_its_maps():
    setting = tables.built_in(seeds=(0,))
    plans_of_images = [tables.plan_figure(*key, setting) for key in pictures.FIGURES]
    experiments = {one for plan in plans_of_images for one in plan.experiments}
    results = [shipped.shipped(experiment) for experiment in experiments]
    assert None not in results
    maps = Path(str(shipped.FOLDER)) / "maps"
    assert {path.stem for path in maps.glob("*.npz")} == {one.key for one in experiments}
    (result,) = random.sample(results, 1)
    category, prediction = shipped.shipped_prediction(result)
    assert len(prediction.anomaly_map) == len(category.test) == len(result.images["ids"])


def shipped_lines():
    for file in sorted(Path(str(shipped.FOLDER)).glob("*.jsonl")):
        for line in file.read_text().splitlines():
            record = json.loads(line)
            if "key" in record:
                yield record


def test_every_line_that_comes_with_adviz_is_of_the_experiment_that_it_says():
    for record in shipped_lines():
        text = json.dumps(record["experiment"], sort_keys=True)
        assert hashlib.blake2b(text.encode(), digest_size=8).hexdigest() == record["key"]
        experiment = sweep.Experiment.from_facts(record["experiment"])
        assert experiment.key == record["key"]
        result = shipped.shipped(experiment)
        assert not math.isnan(result.metrics["image_auroc"])


def tolerance(experiment):
    trained = isinstance(experiment.detector, ReverseDistillation | ConventionalDistillation)
    return TOLERANCE_OF_STUDENTS if trained else TOLERANCE


def assert_found_again(experiments, folder):
    """Run experiments, and compare with what comes with adviz."""
    report = sweep.run(experiments, folder)
    assert not report.broken, report
    for result in report.results:
        before = shipped.shipped(result.experiment)
        assert result.facts["images"] == before.facts["images"]
        for name in ("image_auroc", "pixel_auroc", "pro", "pro_per_image"):
            expected = pytest.approx(
                before.metrics[name], abs=tolerance(result.experiment), nan_ok=True
            )
            assert result.metrics[name] == expected, (name, result.experiment)


def test_a_random_handful_is_found_again(tmp_path):
    # Another one each time; whatever fails is named
    quick = []
    for record in shipped_lines():
        seconds = record["measured"]["seconds"]
        took = seconds["fit"] + seconds["predict"] + seconds["evaluate"]
        if took < QUICK and record["experiment"]["data"] == "demo":
            quick.append(record["experiment"])
    chosen = random.sample(quick, HANDFUL)
    assert_found_again([sweep.Experiment.from_facts(facts) for facts in chosen], tmp_path)


@pytest.mark.soak
def test_everything_is_found_again(tmp_path):
    everything = [sweep.Experiment.from_facts(record["experiment"]) for record in shipped_lines()]
    assert_found_again(everything, tmp_path)
