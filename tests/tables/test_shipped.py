"""Results that come with adviz: written, read as they were, and taken in place of a run."""

import dataclasses
import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest

from adviz import DN2, PatchCore, sweep, tables
from adviz.tables import all_tables, shipped

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
            assert ours == (theirs if theirs is None else pytest.approx(theirs, rel=1e-6))
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
