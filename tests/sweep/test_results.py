"""Rows on disk: complete or not there, and only what was written is read."""

import json
import os

import numpy as np
import pytest

from adviz import PatchCore
from adviz.sweep import Experiment, ExperimentResult, results
from adviz.sweep.results import QUARANTINE, check_folder, read, write

ONE = Experiment("demo", "bottle", PatchCore(coreset=0.01))


def row(experiment=ONE, auroc=0.123456789012345678):
    return ExperimentResult(
        experiment=experiment,
        facts={"backbone": "net", "digest": "0" * 16, "grid_": [14, 14]},
        metrics={"image_auroc": auroc, "pro": float("nan"), "false_positives": np.float64(2)},
        reasons={"pro": "the test set has no masks"},
        images={
            "ids": ["a", "ä"],
            "labels": np.array([0, 1]),
            "defects": ["good", "x"],
            "scores": [0.1, 1e-300],
        },
        regions={},
        curves={"roc": [[0.0, 1.0], [0.0, 1.0]]},
        measured={"seconds": {"fit": 1.5}},
    )


def test_what_was_written_is_read(tmp_path):
    assert read(ONE, tmp_path) is None
    path = write(row(), tmp_path)
    found = read(ONE, tmp_path)
    assert path == found.path == tmp_path / f"{ONE.key}.json"
    assert found.metrics["image_auroc"] == 0.123456789012345678
    assert np.isnan(found.metrics["pro"])
    assert found.images == {
        "ids": ["a", "ä"],
        "labels": [0, 1],
        "defects": ["good", "x"],
        "scores": [0.1, 1e-300],
    }
    assert found.reasons == row().reasons
    assert found.measured == row().measured
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_file_is_json_that_others_can_read(tmp_path):
    text = write(row(), tmp_path).read_text()
    whole = json.loads(text, parse_constant=pytest.fail)  # no NaN
    assert whole["experiment"]["options"]["coreset"] == 0.01
    assert whole["metrics"]["pro"] is None


def damaged(text, kind):
    whole = json.loads(text)
    if kind == "truncated":
        return text[: len(text) // 2]
    if kind == "version":
        return json.dumps(whole | {"format": 0})
    if kind == "changed":
        return json.dumps(whole | {"metrics": whole["metrics"] | {"image_auroc": 1.0}})
    if kind == "list":
        return "[]"
    if kind == "newer":
        return json.dumps(whole | {"format": 2})
    if kind == "twice":
        return text.replace("{", '{"format": 1, ', 1)
    return {"empty": "", "binary": "\0\0", "deep": "[" * 100_000}[kind]


KINDS = {
    "truncated": "no JSON",
    "version": "no format",
    "changed": "not those",
    "list": "a list",
    "empty": "no JSON",
}
KINDS |= {
    "binary": "no JSON",
    "deep": "too deeply",
    "newer": "update adviz",
    "twice": "a name comes twice",
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_cannot_be_trusted_is_put_aside(tmp_path, kind):
    path = write(row(), tmp_path)
    wrong = damaged(path.read_text(), kind)
    path.write_text(wrong)
    with pytest.warns(
        UserWarning, match=f"expected a complete result in .*{KINDS[kind]}.* run again"
    ):
        assert read(ONE, tmp_path) is None
    (aside,) = (tmp_path / QUARANTINE).iterdir()
    assert aside.read_text() == wrong  # a person may look at it
    assert not path.exists()


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    path = write(row(), tmp_path)
    monkeypatch.setattr(results, "LIMIT", path.stat().st_size)
    assert read(ONE, tmp_path) is not None
    monkeypatch.setattr(results, "LIMIT", path.stat().st_size - 1)
    with pytest.warns(UserWarning, match="it has more than"):
        assert read(ONE, tmp_path) is None


def test_what_was_measured_may_be_edited_and_the_rest_not(tmp_path):
    path = write(row(), tmp_path)
    whole = json.loads(path.read_text())
    path.write_text(json.dumps(whole | {"measured": {"seconds": {}}}))
    assert read(ONE, tmp_path).measured == {"seconds": {}}


def test_a_row_of_another_experiment_is_put_aside(tmp_path):
    other = Experiment("demo", "mesh", PatchCore(coreset=0.01))
    os.replace(write(row(other), tmp_path), tmp_path / f"{ONE.key}.json")
    with pytest.warns(UserWarning, match="another experiment"):
        assert read(ONE, tmp_path) is None


def test_a_full_disk_leaves_nothing_and_says_what_to_do(tmp_path, monkeypatch):
    write(row(), tmp_path)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=r"expected to write a result .*No space left.* free some space"
    ):
        write(row(auroc=0.5), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [f"{ONE.key}.json"]
    assert read(ONE, tmp_path).metrics["image_auroc"] != 0.5  # the old one is still there


def test_a_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="expected a results folder that can be written to"):
        check_folder(tmp_path / "file")


def test_leftovers_of_dead_writers_go(tmp_path):
    (tmp_path / "0123.part").write_text("half")
    check_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
