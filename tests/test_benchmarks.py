"""`python -m benchmarks`: what it keeps of a run, and what it says when adviz became slower."""

import json

import pytest
from benchmarks import __main__ as command
from benchmarks import baseline
from benchmarks.timing import Options, Row, Section


def section(**ratios):
    names = {"adviz": 1.0, **{name.replace("_", " "): ratio for name, ratio in ratios.items()}}
    rows = [Row(name, 2.0 * ratio, ratio, "") for name, ratio in names.items()]
    return Section("Search, 784 queries", rows=[*rows, Row("torch", None, None, "not installed")])


@pytest.fixture
def before(tmp_path):
    path = tmp_path / "before.json"
    sections = [section(faiss=3.0, cdist=8.0, adviz_with_k_9=2.0)]
    baseline.write(path, sections, Options(repeats=5, threads=2))
    return path


def test_what_became_slower_is_told_by_ratios_alone(before):
    ratios = baseline.read(before, Options(repeats=3, threads=2))
    # The same ratios on a machine of half the speed
    assert not list(baseline.slower([section(faiss=3.0, cdist=8.0, adviz_with_k_9=2.0)], ratios))
    # Faster, or within the noise
    assert not list(baseline.slower([section(faiss=6.0, cdist=7.0, adviz_with_k_9=1.0)], ratios))
    assert list(baseline.slower([section(faiss=1.5, adviz_with_k_9=3.0)], ratios)) == [
        "Search, 784 queries: cdist is not measured any more",
        "Search, 784 queries: 2.00 times as slow as before (faiss: 1.5x, was 3x)",
        "Search, 784 queries: 1.50 times as slow as before (adviz with k 9: 3x, was 2x)",
    ]


def test_a_table_that_is_gone_from_a_whole_run_is_told(before):
    ratios = baseline.read(before, Options(threads=2))
    other = Section("Another title")
    assert not list(baseline.slower([other], ratios))
    assert list(baseline.slower([other], ratios, whole=True)) == [
        "Search, 784 queries is not measured any more"
    ]


def test_runs_of_other_options_are_not_compared(before, capsys):
    with pytest.raises(ValueError, match=r"'threads': 1.* got one with .*'threads': 2"):
        baseline.read(before, Options(threads=1))
    with pytest.raises(SystemExit):
        command.main(["search", "--quick", "--threads", "2", "--baseline", str(before)])
    assert "expected a baseline of a run with" in capsys.readouterr().err


def test_the_page_of_results_is_that_of_whole_runs(capsys):
    for other in (["search"], ["--quick"], ["--full"]):
        with pytest.raises(SystemExit):
            command.main(["--write", *other])
        assert "expected --write without NAME, --quick and --full" in capsys.readouterr().err


def test_a_run_keeps_its_ratios_and_compares_them(tmp_path, monkeypatch, capsys):
    measured = iter([section(faiss=3.0), section(faiss=1.0)])
    for name in ("RESULTS", "BASELINE"):
        monkeypatch.setattr(command, name, tmp_path / name)
    module = type("Module", (), {"run": staticmethod(lambda options: [next(measured)])})
    monkeypatch.setattr(command.importlib, "import_module", lambda name: module)
    monkeypatch.setattr(command, "NAMES", ("search",))
    command.main(["--write", "--threads", "1"])
    page = (tmp_path / "RESULTS").read_text()
    assert "## Targets" in page
    assert "| faiss | 6 | 3 |  |" in page
    assert json.loads((tmp_path / "BASELINE").read_text())["ratios"] == {
        "Search, 784 queries": {"adviz": 1.0, "faiss": 3.0}
    }
    capsys.readouterr()
    command.main(["--threads", "1", "--baseline", str(tmp_path / "BASELINE")])
    assert "3.00 times as slow as before (faiss: 1x, was 3x)" in capsys.readouterr().out
