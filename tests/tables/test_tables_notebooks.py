"""The notebooks of tables run unattended on a stand-in of MVTec AD, and show printed values."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

import standin
from adviz.app.commands.lab import notebooks_folder

FEW = ("grid", "bottle")
SETTING = """
import dataclasses
student = {"epochs": 1, "student": "small", "width": 0.25, "batch": 2}
setting = dataclasses.replace(
    tables.reduced(scale=0.25),
    folders={"mvtec_ad": "mvtec"},
    categories={"mvtec_ad": ("grid", "bottle")},
    shots=(1,),
    every=1,
    options={"ReverseDistillation": student},
)
"""


@pytest.mark.soak
@pytest.mark.parametrize("number", [11, 12, 13, 14])
def test_a_notebook_of_tables_runs_unattended_on_mvtec_ad(number, tmp_path, monkeypatch):
    standin.draw(tmp_path / "data" / "mvtec", categories=FEW, n_train=6, side=64, odd=True)
    for name, folder in (("DATA", "data"), ("RESULTS", "results"), ("CACHE", "cache")):
        monkeypatch.setenv(f"ADVIZ_{name}", str(tmp_path / folder))
    (file,) = notebooks_folder().glob(f"{number}_*.ipynb")
    notebook = nbformat.read(file, as_version=4)
    (cell,) = (one for one in notebook.cells if "tables.available_setting(" in one.source)
    cell.source = re.sub(
        r"setting = tables\.available_setting\(.*?\)\n",
        lambda _: SETTING,
        cell.source,
        flags=re.DOTALL,
    )
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = "\n".join(
        output.get("text", "") + output.get("data", {}).get("text/plain", "")
        for one in notebook.cells
        if one.cell_type == "code"
        for output in one.outputs
    )
    assert "printed | ours (ours - printed)" in shown
    assert "results, 0 broken" in shown or number == 14  # which prints no such line
    assert "on the paper's data" in shown
    assert list((tmp_path / "results").glob("*.json"))
