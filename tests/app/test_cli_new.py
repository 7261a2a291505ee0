"""`adviz new`: a notebook for a folder of photographs, which runs."""

import re

import nbformat
import numpy as np
import pytest

import adviz
from adviz.app import cli
from adviz.app.commands.run import execute
from adviz.app.learned import learn
from adviz.app.notebook_html import tables
from sorted_nuts import copy_nuts


def test_the_notebook_runs_on_a_folder_of_photographs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    folder = copy_nuts(tmp_path / "it's a nut", n_good=15, n_bad=3)
    assert cli.main(["new", "it's a nut"]) == 0
    assert "next: adviz lab it's a nut.ipynb" in capsys.readouterr().out
    notebook = nbformat.read(tmp_path / "it's a nut.ipynb", as_version=4)
    nbformat.validate(notebook)
    done = execute(notebook, tmp_path)
    texts = [output.get("text", "") for cell in done.cells for output in cell.get("outputs", [])]
    printed = "\n".join(texts)
    assert "false alarms: 17% of further good ones on average, 45% if unlucky" in printed
    assert re.search(r"\d of 3 bad ones found", printed)
    # It is what `adviz learn` makes of the same folder
    learned = learn(folder)
    threshold = adviz.load(tmp_path / "it's a nut-threshold.safetensors")
    detector = adviz.load(tmp_path / "it's a nut-detector.safetensors")
    assert threshold.value == learned.threshold.value
    shown = "\n".join(tables(done))
    assert f"anomalous from score {threshold.value:.5g} on" in shown
    assert "bad ones found" in shown
    np.testing.assert_array_equal(detector.bank_, learned.detector.bank_)
    kept = sorted(file.name for file in tmp_path.glob("*.safetensors"))
    assert kept == ["it's a nut-detector.safetensors", "it's a nut-threshold.safetensors"]


def test_a_notebook_that_is_there_is_never_replaced(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nut").mkdir()
    (tmp_path / "nut.ipynb").write_text("mine")
    assert cli.main(["new", "nut"]) == 2
    assert re.fullmatch("adviz: expected a name that is free, .*\n", capsys.readouterr().err)
    assert (tmp_path / "nut.ipynb").read_text() == "mine"
    assert cli.main(["new", "nut", "--to", "other.ipynb"]) == 0
    assert "# nut: which" in (tmp_path / "other.ipynb").read_text()


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_new_needs_a_folder(tmp_path, monkeypatch, capsys, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert cli.main(["new", name]) == 2
    assert re.fullmatch(f"adviz: expected a folder .* at {name}\n", capsys.readouterr().err)
