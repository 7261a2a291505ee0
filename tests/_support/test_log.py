"""Messages for engineers: silent unless asked for, on one logger, with numbers that are right."""

import io
import logging
import subprocess
import sys

import numpy as np
import pytest

from adviz import DN2, Backbone, Features, PatchCore, data, sweep
from adviz._support import log
from adviz.features import Cache

IMAGES = np.random.default_rng(0).integers(0, 255, (6, 32, 32, 3), dtype=np.uint8)
SPLIT = data.Split.from_arrays(IMAGES, [0] * 6, geometry=data.Geometry(32, crop=False))


@pytest.fixture
def fresh():
    """Let the next message look at ADVIZ_LOG again, and take back what that sets."""
    adviz = logging.getLogger("adviz")
    before = adviz.handlers[:], adviz.level
    adviz.handlers.clear()
    log.logger.cache_clear()
    yield adviz
    adviz.handlers[:], adviz.level = before
    log.logger.cache_clear()


def messages(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "adviz"]


def features(n_images, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {"layer": rng.random((n_images, 4, 8, 8), dtype=np.float32)}
    return Features(arrays, image_size=(32, 32))


def run(level):
    """Return what a program without logging of its own prints on standard error."""
    code = "from adviz._support import logger; logger().info('one'); logger().debug('two')"
    command = [sys.executable, "-c", f"import os; os.environ['ADVIZ_LOG'] = {level!r}; {code}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stdout == ""
    return result.stderr


def test_nothing_is_printed_unless_asked_for():
    assert run("") == ""


@pytest.mark.parametrize(("level", "expected"), [("info", ["one"]), ("DEBUG", ["one", "two"])])
def test_the_environment_asks_for_a_level(level, expected):
    lines = run(level).splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == expected
    assert all(" adviz " in line for line in lines)


def test_another_level_is_one_clear_error(fresh, monkeypatch):
    monkeypatch.setenv("ADVIZ_LOG", "loud")
    for _ in range(2):  # it stays wrong until it is set right
        with pytest.raises(ValueError, match="expected ADVIZ_LOG as info or debug, got 'loud'"):
            Backbone("efficientnet_lite0", (8,), weights="random").extract(SPLIT, cache=False)
    monkeypatch.setenv("ADVIZ_LOG", "info")
    assert log.logger().level == logging.INFO


def test_a_program_with_handlers_gets_each_message_once(fresh, monkeypatch, capsys):
    """Its own handler is enough: a second one would print everything twice."""
    monkeypatch.setenv("ADVIZ_LOG", "info")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        log.logger().info("a message")
    finally:
        logging.getLogger().removeHandler(handler)
    assert stream.getvalue() == "a message\n"
    assert capsys.readouterr().err == ""


def test_extraction_says_what_the_cache_had(caplog, tmp_path):
    caplog.set_level(logging.DEBUG, "adviz")
    backbone = Backbone("efficientnet_lite0", (8,), weights="random")
    backbone.extract(SPLIT.subset(range(4)), cache=tmp_path)
    assert "features of 4 images, 0 of them from the cache" in caplog.text
    caplog.clear()
    backbone.extract(SPLIT, cache=tmp_path)
    assert "efficientnet_lite0 (random): features of 6 images, 4 of them from" in caplog.text
    assert "computed were the layers layer2" in caplog.text
    caplog.clear()
    backbone.extract(SPLIT, cache=tmp_path)
    assert "features of 6 images, 6 of them from the cache" in caplog.text
    assert "computed were the layers none" in caplog.text


def test_evictions_are_told(caplog, tmp_path, monkeypatch):
    caplog.set_level(logging.INFO, "adviz")
    backbone = Backbone("efficientnet_lite0", (8,), weights="random")
    backbone.extract(SPLIT.subset([0, 1]), cache=tmp_path)
    (entry,) = Cache(tmp_path).folder.glob("*.npy")
    monkeypatch.setenv("ADVIZ_CACHE_LIMIT", str(1.5 * entry.stat().st_size / 1e9))
    backbone.extract(SPLIT.subset([2, 3]), cache=tmp_path)
    assert "removed the 1 least recently used entries" in caplog.text
    assert not entry.exists()


@pytest.mark.parametrize("detector", [PatchCore(layers=("layer",), coreset=0.5), DN2(("layer",))])
def test_detectors_say_what_they_did(detector, caplog):
    caplog.set_level(logging.INFO, "adviz")
    detector.fit(features(5)).predict(features(3, seed=1))
    fitted, predicted = messages(caplog)
    name = type(detector).__name__
    assert fitted.startswith(f"{name} fitted on 5 images in ")
    assert predicted.startswith(f"{name} predicted 3 images in ")


def test_what_fails_is_not_said_to_be_done(caplog):
    caplog.set_level(logging.DEBUG, "adviz")
    with pytest.raises(TypeError, match="expected Features"):
        PatchCore(layers=("layer",)).fit(np.zeros((3, 4)))
    assert messages(caplog) == []


def test_a_sweep_says_which_experiments_it_ran(caplog, tmp_path):
    caplog.set_level(logging.INFO, "adviz")
    experiments = sweep.grid("demo", ["unknown"], [DN2()])
    sweep.run(experiments, tmp_path)
    said = messages(caplog)
    assert said[0] == f"sweep: {len(experiments)} experiments, 0 of them with results in {tmp_path}"
    assert len(said) == 1 + len(experiments)
    assert " failed: " in said[1]
