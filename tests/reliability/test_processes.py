"""Processes that are killed, that race, and threads whose page is gone."""

import json
import os
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import two_sweeps
from conditions import small_features, small_tree
from PIL import Image

from adviz import PatchCore, Prediction, data, explore, sweep, tables
from adviz._support import progress
from adviz.sweep import Experiment, results


def killed_training(what, folder):
    """Return how many processes died of a signal, and which names are left beside the checkpoints."""
    script = Path(__file__).with_name("killed_training.py")
    result = subprocess.run(
        [sys.executable, script, what, folder], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_killed_while_writing_a_checkpoint_it_goes_on_bit_for_bit(tmp_path):
    assert killed_training("steps", tmp_path) == "1 of 1, left: student\n"


@pytest.mark.soak
def test_killed_while_training_at_any_time_it_goes_on_bit_for_bit(tmp_path):
    assert re.fullmatch(
        r"([6-9]|1[0-4]) of 14, left: student\n", killed_training("times", tmp_path)
    )


@pytest.mark.soak
def test_two_sweeps_in_one_folder_at_once_are_both_right(tmp_path):
    data.demo("bottle")  # drawn before
    command = [sys.executable, "-W", "error", two_sweeps.__file__, str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        found = two_sweeps.begin(tmp_path, "other", "one")
        error = program.communicate(timeout=300)[1]
    assert program.returncode == 0, error
    # Nothing put aside or left over
    assert [path.suffix for path in (tmp_path / "rows").iterdir()] == [".json"] * 12
    alone = sweep.run(two_sweeps.wanted(), tmp_path / "alone")
    assert [row.content() for row in found.results] == [row.content() for row in alone.results]


def test_a_view_that_is_closed_stops_what_it_computes(tmp_path, capfd):
    entered, ended, free = threading.Event(), threading.Event(), threading.Event()
    category = small_tree(tmp_path / "nut")

    def predicted():
        entered.set()
        try:
            for _ in progress.progress_bar(range(10**6), label="steps"):
                if free.wait(0.005):
                    break
        finally:
            ended.set()
        return Prediction(np.arange(4.0))

    view = explore.results(category, {"slow": predicted})
    assert entered.wait(30)
    view.close()
    assert ended.wait(30)
    view.wait(30)
    assert view.source.missing(category.name, "slow") is predicted  # nothing came of it
    assert (view.busy, view.error) == ("", "")
    assert capfd.readouterr().err == ""  # nor does the thread die with a traceback


def test_an_image_that_is_replaced_while_it_is_on_show_is_read_as_it_was(tmp_path):
    """A view keeps what it has read; what it reads later is what is there then, or an error that it
    shows.
    """
    category = small_tree(tmp_path / "nut")
    prediction = Prediction(np.arange(4.0), np.random.default_rng(0).random((4, 32, 32)))
    view = explore.results(category, prediction)
    first, second = (f"test/{category.name}/{number}" for number in (0, 1))
    before = view.part(first)["image"]
    path, later = category.test.paths[0], category.test.paths[1]
    Image.fromarray(np.full((32, 32, 3), 255, np.uint8)).save(path)
    later.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ValueError, match="expected a readable image, got") as error:
        view.part(second)
    assert str(later) in str(error.value)
    assert view.part(first)["image"] == before


def test_a_page_that_nobody_shows_works():
    """Without Jupyter there is no front end to send anything to; results are the same."""
    view = explore.training(2)
    view.update(np.array([1.0]))
    assert view.facts["losses"] == [1.0]
    assert "to be used in Jupyter" in repr(view)


def test_a_clock_that_goes_back_serves_no_old_row(tmp_path):
    """Rows are told by their contents and files, not by when they were written."""
    one = Experiment("demo", "bottle", PatchCore(coreset=0.5))
    book = tables.Book(None, tmp_path)

    def written(value):
        row = results.ExperimentResult(one, {}, {"image_auroc": value}, {}, {}, {}, {}, {})
        path = results.write(row, tmp_path)
        os.utime(path, ns=(10**9, 10**9))  # 1970

    written(0.25)
    assert book.result(one).metrics["image_auroc"] == 0.25
    written(0.75)
    assert book.result(one).metrics["image_auroc"] == 0.75


def test_interrupted_between_two_detectors_the_first_stays():
    """Ctrl-C while the second of two fits runs leaves the first fitted and the second as it was."""
    train = small_features(4)
    first = PatchCore(layers=(8,), coreset=0.5).fit(train)
    expected = first.predict(train).score

    class Interrupting:
        calls = 0

        def __getattr__(self, name):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        first.fit(Interrupting())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(first.predict(train).score, expected)


def begun(*methods, threads=None):
    """Return what came of computing in processes that were begun by fork and by these methods; see
    forked.py.
    """
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = threads
    command = [sys.executable, Path(__file__).with_name("forked.py"), *methods]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=240
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def check_processes(methods, threads):
    found = begun(*methods, threads=threads)
    for name in ("OpenVINO", "OpenVINO anew"):
        assert "forked from it, where its threads do not live: start processes with" in found.pop(
            name
        )
    assert found == {name: [True, True] if name in methods else True for name in found}
    assert len(found) == 12 + len(methods)


def test_processes_compute_the_same_however_they_were_begun():
    """After torch and faiss were used on several threads, whose pools a fork does not have."""
    check_processes(["spawn", "forkserver"], threads=None)


@pytest.mark.soak
def test_joblibs_processes_compute_the_same():
    check_processes(["joblib"], threads="2")
