"""The book: results are read once, missing experiments done with a callback after each."""

import dataclasses
import json
import os

import numpy as np
import pytest

from adviz import sweep, tables
from adviz.sweep import running
from adviz.sweep.results import path_of, write
from adviz.tables import all_tables as module

SMALL = tables.reduced(("bottle",), every=6, scale=0.25)


def made(experiment, value=0.5):
    return sweep.ExperimentResult(
        experiment=experiment,
        facts={"backbone": "net", "digest": "d"},
        metrics={
            "image_auroc": value,
            "pixel_auroc": value,
            "pro": value,
            "pro_per_image": value / 2,
        },
        reasons={},
        images={},
        regions={},
        curves={},
        measured={
            "seconds": {"forward_per_image": 0.1, "predict_per_image": 0.1},
            "model_bytes": 1,
        },
    )


def cell(comparison, **wanted):
    (one,) = [
        f
        for f in comparison.of_ours
        if all(getattr(f.cell, key) == value for key, value in wanted.items())
    ]
    return one


SPADE = {"method": "SPADE", "category": "bottle", "data": "built-in images"}


@pytest.fixture
def book(tmp_path):
    return tables.Book(SMALL, tmp_path / "rows")


@pytest.fixture
def quick(monkeypatch):
    """Let experiments take no time, and tell which were done."""
    done = []

    def measure(experiment, root, threads):
        done.append(experiment)
        return made(experiment)

    monkeypatch.setattr(running, "measure", measure)
    monkeypatch.setattr(running, "prepare", lambda *_: None)
    return done


def test_a_folder_that_is_not_there_is_an_empty_table(book):
    found = book.table("spade", 3)
    assert len(found.missing) == len(found.table.experiments) > 0
    assert not book.folder.exists()
    assert "0 rows in" in repr(book)
    assert book.names is tables.NAMES


def test_what_is_on_disk_is_in_the_table_and_can_be_judged_otherwise(book):
    (one,) = cell(book.table("spade", 3), **SPADE).cell.experiments
    write(made(one, 0.8), book.folder)
    assert cell(book.table("spade", 3), **SPADE).ours == pytest.approx(80)
    assert cell(book.table("spade", 3, pro="per-image"), **SPADE).ours == pytest.approx(40)
    with pytest.raises(ValueError, match="pro must be one of 'global'"):
        book.table("spade", 3, pro="best")
    with pytest.raises(ValueError, match="expected a paper and one of its tables"):
        book.table("spade", 9)


def test_rows_are_read_again_only_when_their_file_has_changed(book, monkeypatch):
    read = []
    stored = module.stored
    monkeypatch.setattr(
        module, "stored", lambda one, folder: read.append(one) or stored(one, folder)
    )
    (one,) = cell(book.table("spade", 3), **SPADE).cell.experiments
    path = write(made(one, 0.8), book.folder)
    for _ in range(3):
        book.table("spade", 3)
    assert read == [one]
    write(made(one, 0.25), book.folder)
    os.utime(path, ns=(1, 1))
    assert cell(book.table("spade", 3), **SPADE).ours == pytest.approx(25)
    path.unlink()
    assert np.isnan(cell(book.table("spade", 3), **SPADE).ours)
    assert len(read) == 2


def test_the_rows_of_a_paper_are_read_beforehand(book, monkeypatch):
    found = book.table("spade", 6)
    for one in found.missing:
        write(made(one), book.folder)
    book.read("rd")
    assert not set(book._read) & set(found.table.experiments)
    book.read("spade")
    assert set(book._read) >= set(found.table.experiments)
    monkeypatch.setattr(module, "stored", lambda *_: pytest.fail("was read"))
    assert book.table("spade", 6).missing == []


def test_a_damaged_row_is_missing_stays_until_it_is_done_again_and_says_why(book, quick):
    (one,) = cell(book.table("spade", 3), **SPADE).cell.experiments
    path = write(made(one, 0.8), book.folder)
    path.write_text(path.read_text()[:100])
    assert one in book.table("spade", 3).missing
    assert "there is no JSON where that should be" in book.damaged[one]
    assert path.exists()  # looking changes nothing
    with pytest.warns(UserWarning, match="expected a complete result"):
        book.run([one])
    assert quick == [one]
    assert cell(book.table("spade", 3), **SPADE).ours == pytest.approx(50)
    assert one not in book.damaged


def test_running_a_table_does_what_is_missing_and_tells_after_each(book, quick):
    found = book.table("spade", 6)
    first, *rest = found.table.experiments
    write(made(first), book.folder)
    seen = []
    report = book.run(
        found, watch=lambda one, why: seen.append((one, why, path_of(one, book.folder).exists()))
    )
    assert (report.computed, len(report.results), report.broken) == (len(rest), len(rest) + 1, [])
    assert {one for one, _, _ in seen} == set(quick) == set(rest)
    assert all(why == "" and there for _, why, there in seen)
    assert book.table("spade", 6).missing == []
    assert book.run(book.table("spade", 6)).computed == 0


def test_whatever_has_experiments_can_be_run_and_estimated(book, quick):
    figure = tables.plan_figure("spade", 1, SMALL)
    claims = tables.plan_claims("spade", SMALL)
    for what in (book.table("spade", 7).table, figure, claims, iter(book.experiments("spade"))):
        book.run(what)
    assert set(quick) == {*figure.experiments, *claims.experiments, *book.experiments("spade")}
    assert len(quick) == len(set(quick))
    found = book.estimate(figure)
    assert (found.experiments, found.done) == (len(figure.experiments), len(figure.experiments))


def test_the_experiments_of_a_paper_are_those_of_its_tables(book):
    tables_ = [name.table for name in book.names if name.paper == "rd"]
    assert set(book.experiments("rd")) == {
        one for t in tables_ for one in book.table("rd", t).table.experiments
    }
    with pytest.raises(
        ValueError, match="expected a paper, one of 'spade', 'patchcore', 'rd', got 'vae'"
    ):
        book.experiments("vae")


def test_a_cluster_and_threads_are_those_of_the_sweep(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        module, "run", lambda wanted, folder, **how: seen.append(how) or sweep.Report([])
    )
    tables.Book(SMALL, tmp_path, root="there", client="cluster", threads=2).run([])
    assert {name: seen[0][name] for name in ("root", "client", "threads")} == {
        "root": "there",
        "client": "cluster",
        "threads": 2,
    }


def test_what_the_data_lack_is_said_of_the_table(tmp_path):
    setting = dataclasses.replace(SMALL, folders={"mvtec_ad": "mvtec"})
    book = tables.Book(setting, tmp_path / "rows", root=tmp_path)
    book.run(book.table("spade", 3))
    assert "data incomplete: mvtec: no folder" in repr(book.table("spade", 3))


def test_the_folder_is_what_the_environment_names(tmp_path, monkeypatch):
    monkeypatch.setenv("ADVIZ_RESULTS", str(tmp_path / "here"))
    assert tables.Book(SMALL).folder == tmp_path / "here"
    monkeypatch.delenv("ADVIZ_RESULTS")
    assert str(tables.Book(SMALL).folder) == "results"


def test_what_breaks_is_remembered_until_it_works(book, monkeypatch, quick):
    (one,) = cell(book.table("spade", 3), **SPADE).cell.experiments
    with monkeypatch.context() as patch:
        patch.setattr(running, "measure", lambda *_: 1 / 0)
        assert len(book.run([one]).broken) == 1
    assert "ZeroDivisionError" in book.broken[one]
    assert "ZeroDivisionError" in cell(book.table("spade", 3), **SPADE).reason
    book.run([one])
    assert book.broken == {}


def test_a_run_that_its_watcher_ends_keeps_what_is_done(book, quick):
    wanted = book.table("spade", 6).missing

    def watch(one, why):
        if len(quick) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        book.run(wanted, watch=watch)
    assert len(book.table("spade", 6).missing) == len(wanted) - 2
    assert len(list(book.folder.glob("*.json"))) == 2


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "rows").write_text("a file")
    book = tables.Book(SMALL, tmp_path / "rows")
    found = book.table("spade", 3)
    with pytest.raises(OSError, match="expected a results folder that can be written to"):
        book.run(found)


def test_real_numbers_are_those_of_the_sweep(book, tmp_path):
    place = {"method": "PatchCore", "variant": "coreset=1%", "category": "bottle"}
    (one,) = cell(book.table("patchcore", "S1"), **place).cell.experiments
    book.run([one])
    (row,) = sweep.run([one], tmp_path / "other").results
    filled = cell(book.table("patchcore", "S1"), **place)
    assert filled.ours == 100 * row.metrics["image_auroc"]
    assert json.loads(filled.results[0].path.read_text())["experiment"]["category"] == "bottle"


def test_texts_have_the_decimals_of_their_unit():
    found = tables.Book().table("rd", 3)
    for metric, digits in (("time_s", 2), ("memory_mb", 0)):
        shown = [one for one in found.filled if one.cell.metric == metric]
        assert [one.texts for one in shown] == [
            (f"{one.cell.printed:.{digits}f}", "", "") for one in shown
        ]
    plan = tables.plan("patchcore", "S2")
    rows = [made(one, 0.99) for one in plan.experiments]
    one = cell(tables.compare(plan, rows), method="PaDiM", category="transistor")
    assert one.texts == ("98.5*", "99.0", "+0.5")
