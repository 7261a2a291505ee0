"""The command `adviz`, called as a user calls it."""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from adviz import data
from adviz.app import cli
from adviz.app.commands import lab, run
from sorted_nuts import copy_nuts

REPOSITORY = Path(__file__).resolve().parents[2]


def write_notebook(path, *cells):
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A stand-in for the shipped notebooks, quick to run."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / lab.SOLUTIONS).write_text("# Solutions")
    write_notebook(
        folder / lab.QUICKSTART,
        new_markdown_cell("# Quick"),
        new_code_cell("import os\nprint('not a table')"),
        new_code_cell("print('category  auroc\\nmesh      0.98')", metadata={"tags": ["table"]}),
        new_code_cell(
            "os.environ['ADVIZ_PROGRESS'], os.path.basename(os.getcwd())",
            metadata={"tags": ["table"]},
        ),
        new_code_cell("import ipywidgets\nipywidgets.IntSlider()"),
        new_code_cell("from plotly.graph_objects import Bar, Figure\nFigure(Bar(y=[1, 4711]))"),
        new_code_cell("Figure(Bar(y=[1, 4712]))"),
    )
    write_notebook(folder / "02_other.ipynb", new_code_cell("1"))
    monkeypatch.setattr(lab, "notebooks_folder", lambda: folder)
    monkeypatch.chdir(tmp_path)
    return folder


def test_copy_keeps_what_the_user_changed(shipped, tmp_path):
    target = tmp_path / "deep" / "mine"
    assert lab.copy_notebooks(target) == []
    assert sorted(file.name for file in target.iterdir()) == [
        lab.QUICKSTART,
        "02_other.ipynb",
        lab.SOLUTIONS,
    ]
    (target / "02_other.ipynb").write_text("mine")
    (target / lab.QUICKSTART).unlink()
    assert lab.copy_notebooks(target) == [target / "02_other.ipynb"]
    assert (target / "02_other.ipynb").read_text() == "mine"
    assert (target / lab.QUICKSTART).read_bytes() == (shipped / lab.QUICKSTART).read_bytes()
    assert lab.copy_notebooks(shipped) == []  # serving the repository's own folder


def test_lab_reports_kept_files_and_serves_the_folder(shipped, tmp_path, monkeypatch, capsys):
    from jupyterlab.labapp import LabApp

    started = []
    monkeypatch.setattr(LabApp, "launch_instance", lambda argv: started.extend(argv))
    monkeypatch.setattr(lab, "is_root", lambda: True)
    # So that the change is undone after the test
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    target = tmp_path / "mine"
    target.mkdir()
    (target / "02_other.ipynb").write_text("mine")
    assert cli.main(["lab", str(target), "--port", "8899", "--ip", "::1"]) == 0
    assert f"kept your {target / '02_other.ipynb'}" in capsys.readouterr().out
    assert {
        f"--ServerApp.root_dir={target}",
        f"--LabApp.default_url=/lab/tree/{lab.START_HERE}",
        "--no-browser",
        "--allow-root",
        "--ServerApp.port=8899",
        "--ServerApp.ip=::1",
    } <= set(started)


def test_lab_opens_a_notebook_of_ones_own_and_copies_nothing(shipped, tmp_path, monkeypatch):
    from jupyterlab.labapp import LabApp

    started = []
    monkeypatch.setattr(LabApp, "launch_instance", lambda argv: started.extend(argv))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    folder = tmp_path / "mine"
    folder.mkdir()
    file = write_notebook(folder / "my part.ipynb", new_code_cell("1"))
    assert cli.main(["lab", str(file), "--no-browser"]) == 0
    assert f"--ServerApp.root_dir={folder}" in started
    assert "--LabApp.default_url=/lab/tree/my%20part.ipynb" in started
    assert list(folder.iterdir()) == [file]


def test_an_ordinary_user_with_a_screen_gets_a_browser_and_no_root_flag(tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "is_root", lambda: False)
    arguments = lab.lab_arguments(tmp_path, browser=True, port=None, ip=None)
    assert not {"--no-browser", "--allow-root"} & set(arguments)
    assert not any(
        argument.startswith(("--ServerApp.port", "--ServerApp.ip")) for argument in arguments
    )


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere a desktop is taken for granted"
)
def test_screen_needs_a_display_and_no_root(monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda path: False)  # no container
    monkeypatch.setattr(lab, "is_root", lambda: False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert lab.has_screen()
    monkeypatch.delenv("DISPLAY")
    assert not lab.has_screen()
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(lab, "is_root", lambda: True)
    assert not lab.has_screen()
    monkeypatch.setattr(lab, "is_root", lambda: False)
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == "/.dockerenv")
    assert not lab.has_screen()


def test_demo_prints_the_table_and_writes_a_page_that_needs_no_network(shipped, tmp_path, capsys):
    before = (shipped / lab.QUICKSTART).read_bytes()
    assert cli.main(["demo"]) == 0
    printed = capsys.readouterr().out
    assert "category  auroc\nmesh      0.98\n" in printed
    # No progress bars, and a folder of its own
    assert re.search(r"\('0', 'adviz-demo-\w+'\)", printed)
    assert "not a table" not in printed
    page = (tmp_path / "quickstart.html").read_text(encoding="utf-8")
    assert "not a table" in page
    assert "IntSlider(value=0)" in page
    assert "[1,4711]" in page
    assert "[1,4712]" in page
    assert page.count("plotly.js v") == 1  # the script itself, once
    assert not re.search(r"<(script|link|img|iframe)[^>]*(src|href)=.https?:", page)
    assert (shipped / lab.QUICKSTART).read_bytes() == before


def test_run_in_place_stores_outputs_and_nothing_that_varies(shipped):
    file = shipped / lab.QUICKSTART
    assert cli.main(["run", str(file), "--in-place"]) == 0
    first = file.read_text(encoding="utf-8")
    notebook = nbformat.reads(first, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, 4, 5, 6]
    assert code[1].outputs[0].text == "category  auroc\nmesh      0.98\n"
    assert dict(notebook.metadata) == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(set(cell.metadata) <= {"tags"} for cell in notebook.cells)
    assert list(code[3].outputs[0].data) == ["text/plain"]  # no widget view without its state
    assert cli.main(["run", str(file), "--in-place"]) == 0
    assert file.read_text(encoding="utf-8") == first


def test_a_failing_cell_is_shown_and_nothing_is_written(tmp_path, capsys):
    file = write_notebook(tmp_path / "bad.ipynb", new_code_cell("1 + 1"), new_code_cell("[][3]"))
    before = file.read_bytes()
    page = tmp_path / "bad.html"
    assert cli.main(["run", str(file), "--in-place", "--html", str(page)]) == 1
    shown = capsys.readouterr().err
    assert "[][3]" in shown
    assert "IndexError: list index out of range" in shown
    assert file.read_bytes() == before
    assert not page.exists()


def test_wrong_use_is_one_clear_line_and_status_2(tmp_path, monkeypatch, capsys):
    assert cli.main(["run", str(tmp_path / "none.ipynb")]) == 2
    assert re.fullmatch(
        r"adviz: expected a notebook, got \S+none.ipynb, which does not exist\n",
        capsys.readouterr().err,
    )
    (tmp_path / "text.ipynb").write_text("no notebook")
    assert cli.main(["run", str(tmp_path / "text.ipynb")]) == 2
    assert re.fullmatch(
        r"adviz: expected a notebook, got \S+text.ipynb, .*\n", capsys.readouterr().err
    )
    (tmp_path / "file").touch()
    assert cli.main(["lab", str(tmp_path / "file")]) == 2
    assert re.fullmatch(r"adviz: .*file.*\n", capsys.readouterr().err)
    monkeypatch.setattr(lab, "__file__", str(tmp_path / "adviz" / "app" / "commands" / "lab.py"))
    assert cli.main(["demo"]) == 2
    assert re.fullmatch(
        r"adviz: .*01_quickstart.ipynb, found it neither in .*\n", capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("arguments", "module", "words"),
    [
        (["lab"], "jupyterlab", "adviz lab needs JupyterLab"),
        (["demo"], "nbconvert", "adviz demo needs nbconvert"),
        (["run", "a.ipynb"], "nbclient", "adviz run needs nbclient"),
        (["new", "folder"], "nbformat", "adviz new needs nbformat"),
    ],
)
def test_without_jupyter_one_line_tells_what_to_install(
    tmp_path, monkeypatch, capsys, arguments, module, words
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    assert cli.main(arguments) == 2
    expected = f'adviz: {words}: pip install "adviz-anomaly[lab]"\n'
    assert capsys.readouterr().err == expected
    assert not list(tmp_path.iterdir())


def test_checking_a_folder_needs_no_jupyter(tmp_path, monkeypatch):
    for module in ("jupyterlab", "nbclient", "nbconvert", "nbformat"):
        monkeypatch.setitem(sys.modules, module, None)
    assert cli.main(["check", str(tmp_path)]) == 1


def test_check_says_what_it_takes_to_learn_from_a_folder(tmp_path, capsys):
    def checked(folder):
        assert cli.main(["check", str(folder)]) == 0
        return " ".join(capsys.readouterr().out.split())

    out = checked(copy_nuts(tmp_path / "some", n_good=20, n_bad=2))
    assert f"adviz learn {tmp_path / 'some'} learns from 14 good photographs, and sets a" in out
    assert "threshold on 6 others, every third of the 20" in out
    assert "about 14 % on average over such thresholds (of one alone it can be 39 %" in out
    assert "5 % on average takes 57 good ones. Photographs" in out
    assert "Photographs become 224x224 pixels, and nothing is cut off" in out
    assert "data.folder keeps every fifth good one for a test and cuts off the edges" in out
    assert f"adviz new {tmp_path / 'some'}" in out
    many = checked(copy_nuts(tmp_path / "many", n_good=57, n_bad=1))
    assert "about 5 % on average over such thresholds (of one alone it can be 15 %" in many
    assert "are below) are false alarms. Photographs" in many
    few = checked(copy_nuts(tmp_path / "few", n_good=11, n_bad=2))
    assert "expected at least 12 good photographs" in few
    assert "got 11" in few
    # A tree has its own test images, which are left alone
    tree = checked(data.demo("hex_nut").test.root)
    assert "learns from 43 good photographs, and sets a threshold on 21 others" in tree
    assert "data.folder cuts off the edges, as papers do; here a defect may be there" in tree
    assert "every fifth" not in tree
    # Of several categories none is meant
    several = checked(data.demo("hex_nut").test.root.parent)
    assert "adviz learn" not in several


def test_without_a_command_the_help_is_printed(capsys):
    assert cli.main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    for name, command in cli.COMMANDS.items():
        assert f"    {name}" in captured.err
        assert command.SUMMARY.split()[0] in captured.err


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_argument_of_a_command_is_explained(name):
    parser = argparse.ArgumentParser()
    cli.COMMANDS[name].add_arguments(parser)
    assert not [action.dest for action in parser._actions if not action.help]


def test_unwritable_page_is_noticed_before_the_notebook_runs(shipped, tmp_path, capsys):
    assert cli.main(["demo", "--html", str(tmp_path / "nowhere" / "page.html")]) == 2
    captured = capsys.readouterr()
    assert "nowhere" in captured.err
    assert "mesh" not in captured.out


def test_check_prints_what_was_found_and_fails_if_it_is_serious(tmp_path, capsys):
    for index, name in enumerate(("train/good/a.png", "test/good/b.png")):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("RGB", (32, 32), (index, 0, 0)).save(tmp_path / name)
    assert cli.main(["check", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "no problems, 1 note\n" in out
    assert "no defective test image: nothing can be measured" in " ".join(out.split())
    (tmp_path / "test/good/c.png").write_bytes((tmp_path / "train/good/a.png").read_bytes())
    assert cli.main(["check", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "train/good/a.png, test/good/c.png" in captured.out
    assert captured.err == "adviz: what is marked with ! can change results\n"
    assert cli.main(["check", str(tmp_path / "nowhere")]) == 2
    assert re.fullmatch(
        r"adviz: expected the folder of a data set, found none at .*nowhere\n",
        capsys.readouterr().err,
    )


@pytest.mark.parametrize("arguments", [["--version"], ["version"]])
@pytest.mark.parametrize("module", ["adviz", "adviz.app.cli"])
def test_version(module, arguments):
    result = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"adviz \d+\.\d+\.\d+\n", result.stdout)


def test_data_is_looked_for_where_adviz_was_called(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("ADVIZ_DATA", "elsewhere")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.chdir(tmp_path)
    run.set_kernel_environment()
    assert os.environ["ADVIZ_DATA"] == "elsewhere"
    monkeypatch.delenv("ADVIZ_DATA")
    run.set_kernel_environment()
    assert "ADVIZ_DATA" not in os.environ
    (tmp_path / "data").mkdir()
    run.set_kernel_environment()
    assert os.environ["ADVIZ_DATA"] == str(tmp_path / "data")
    assert os.environ["JUPYTER_PREFER_ENV_PATH"] == "1"
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


def test_a_wheel_carries_the_notebooks(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    built = subprocess.run(build, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "from adviz.app.commands.lab import notebooks_folder; print(notebooks_folder())"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()) == tmp_path / "site" / "adviz" / "notebooks"


@contextmanager
def lab_process(folder, port, home):
    environment = {**os.environ, "HOME": str(home), "IPYTHONDIR": str(home / "ipython")}
    for name in ("CONFIG", "DATA", "RUNTIME"):
        environment[f"JUPYTER_{name}_DIR"] = str(home / name.lower())
    command = [
        sys.executable,
        "-m",
        "adviz.app.cli",
        "lab",
        str(folder),
        "--no-browser",
        "--port",
        str(port),
    ]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        watchdog = threading.Timer(60, server.kill)
        watchdog.start()
        try:
            yield server
        finally:
            watchdog.cancel()
            server.terminate()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def patient_get(url, seconds=20):
    """Fetch `url`; the server prints its address a moment before it listens."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=seconds) as reply:
                return reply.read()
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_lab_prints_an_address_that_serves_the_table_of_contents(tmp_path):
    port = free_port()
    address = rf"http://127\.0\.0\.1:{port}/lab/tree/{re.escape(lab.START_HERE)}\?token=(\w+)"
    with lab_process(tmp_path / "notebooks", port, tmp_path) as server:
        found = next((match for line in server.stdout if (match := re.search(address, line))), None)
        assert found, "adviz lab ended without printing its address"
        contents = f"http://127.0.0.1:{port}/api/contents/{lab.START_HERE}?token={found[1]}"
        served = json.loads(patient_get(contents))
        server.terminate()
        server.stdout.read()
    assert served["type"] == "notebook"
    assert served["content"]["cells"]
