"""The explorer of the papers' tables.

What stands in a cell, what its detail says, and how missing cells are done.
"""

import dataclasses
import re
import threading

import numpy as np
import pytest
from traitlets import TraitError

from adviz import explore, sweep, tables
from adviz._support import progress
from adviz.explore.tables.layout import SHOWS, entries, laid_out
from adviz.explore.tables.waiting import Waiting
from adviz.sweep import running
from adviz.sweep.results import write

SMALL = tables.reduced(("bottle", "mesh"), every=6, scale=0.25)
ONE_PERCENT = "PatchCore, coreset=1%"
VALUES = {"image_auroc": 0.9, "pixel_auroc": 0.8, "pro": 0.5, "pro_200": 0.6, "pro_per_image": 0.7}


def made(experiment, **values):
    return sweep.ExperimentResult(
        experiment=experiment,
        facts={"backbone": "net", "digest": "0123abcd", "n_train": 16, "n_test": 9},
        metrics={**VALUES, "false_positives": 1.0, "false_negatives": 2.0, **values},
        reasons={},
        images={},
        regions={},
        curves={},
        measured={
            "seconds": {
                "features": 1.0,
                "fit": 2.0,
                "predict": 0.5,
                "forward_per_image": 0.1,
                "predict_per_image": 0.1,
            },
            "model_bytes": 2**20,
            "peak_bytes": 2**25,
            "versions": {"torch": "9.9"},
            "machine": {"processor": "abacus", "cores": 2},
            "threads": 1,
        },
    )


class Laboratory:
    """Takes the place of real experiments.

    Remembers them, can be told to wait, or to break some.
    """

    def __init__(self):
        self.done, self.breaks = [], lambda one: False
        self.free = threading.Event()
        self.free.set()
        self.entered = threading.Semaphore(0)

    def __call__(self, experiment, root, threads):
        self.entered.release()
        for _ in progress.progress_bar(range(10**6), label="waiting"):
            if self.free.wait(0.005):
                break
        if self.breaks(experiment):
            raise ValueError("no <such> thing")
        self.done.append(experiment)
        return made(experiment)


@pytest.fixture
def laboratory(monkeypatch):
    found = Laboratory()
    monkeypatch.setattr(running, "measure", found)
    monkeypatch.setattr(running, "prepare", lambda *_: None)
    return found


@pytest.fixture
def book(tmp_path):
    return tables.Book(SMALL, tmp_path / "rows")


@pytest.fixture
def view(book, laboratory):
    view = explore.tables(book)
    view.paper, view.table = "patchcore", "S1"
    return view


@pytest.fixture
def printed(tmp_path, laboratory):
    """A view of the papers' own tables, on MVTec AD alone."""
    return explore.tables(
        tables.Book(tables.Setting(folders={"mvtec_ad": "mvtec"}), tmp_path / "rows")
    )


def shown(view):
    """Return all texts of the page."""
    return view._page.value + view._title.value + view._legend.value + str(view._grid.content)


def entry(view, line, place):
    row, column = view._layout.places[line, place]
    return view._grid.content["cells"][row][column]


def ran(view, what):
    getattr(view, what)()
    view.wait()
    return view


def test_it_opens_with_the_first_table_and_its_first_cell_of_ours(printed):
    assert (printed.paper, printed.table, printed.pro, printed.shows) == (
        "spade",
        "1",
        "own",
        SHOWS[0],
    )
    assert printed.cell == ("SPADE", "average")
    assert (
        printed.status
        == "SPADE, Table 1 · 0 of 15 experiments done · SPADE · average · image AUROC"
    )
    assert "AUROC of the image scores" in printed._legend.value
    assert entry(printed, "SPADE", "average")["first"] == "85.5"


@pytest.mark.parametrize("name", tables.NAMES, ids=str)
def test_every_table_can_be_shown_and_drawn(printed, view, name):
    view.others = True
    for one in (printed, view):
        one.paper, one.table = name.paper, name.table
        assert "Error" not in one.status
        assert str(name) in one.status
        places = one.places
        assert len(places) == len(one.comparison.filled) == len(set(places))
        for row, column in one._layout.places.values():
            assert one._layout.cells[row][column] is not None
        sizes = one.static().get_size_inches()
        assert 5 <= sizes[0] <= 20
        assert min(sizes) > 1


def test_every_printed_value_stands_in_its_place(printed):
    printed.paper, printed.table = "rd", "2"
    for line, place in printed.places:
        row, column = printed._layout.places[line, place]
        filled = printed._layout.cells[row][column]
        category, metric = place.split(", ")
        assert (filled.cell.category, filled.metric) == (category, metric)
        assert line.startswith(filled.cell.method)
        heads = printed._layout.rows[row].text, printed._layout.columns[column].text
        assert heads[0] == category
        assert heads[1].startswith(filled.cell.method)
        assert metric in heads[1]
        assert entry(printed, line, place)["first"] == filled.texts[0]


def test_the_longer_side_is_the_rows(printed):
    printed.paper, printed.table = "patchcore", "S1"
    assert [head.name for head in printed._layout.rows[-2:]] == ["zipper", "average"]
    assert printed._grid.content["stacked"]
    printed.table = "S5"
    assert printed._layout.corner == "method"
    assert [head.name for head in printed._layout.columns] == ["image AUROC", "pixel AUROC", "PRO"]
    assert not printed._grid.content["stacked"]


def test_what_is_not_ours_is_marked_by_a_word_as_well(printed):
    printed.paper, printed.table = "patchcore", "S1"
    heads = {head["name"]: head for head in printed._grid.content["columns"]}
    assert heads["DifferNet"]["small"] == "as printed"
    assert heads["DifferNet"]["theirs"]
    assert not heads["PaDiM"]["theirs"]
    found = entry(printed, "DifferNet", "bottle")
    assert found["theirs"]
    assert "as printed" in found["title"]
    printed.cell = ("DifferNet", "bottle")
    assert "There is nothing of ours here: not implemented" in printed._page.value
    assert printed._buttons["run-cell"].disabled
    printed.shows = "delta"
    assert entry(printed, "DifferNet", "bottle")["first"] == "-"


def test_uncertain_values_carry_a_sign_and_their_note(printed):
    printed.paper, printed.table = "patchcore", "S2"
    assert entry(printed, "PaDiM", "transistor")["first"] == "98.5*"
    assert "uncertain" in entry(printed, "PaDiM", "transistor")["title"]
    assert "*: the printed value is uncertain" in printed._legend.value
    printed.cell = ("PaDiM", "transistor")
    assert "* The printed value: uncertain:" in printed._page.value
    assert "*" not in entry(printed, "PaDiM", "bottle")["first"]


def test_three_ways_to_show(printed, laboratory):
    printed.paper, printed.table = "patchcore", "S1"
    printed.cell = (ONE_PERCENT, "bottle")
    ran(printed, "run_cell")
    found = {}
    for shows in SHOWS:
        printed.shows = shows
        one = entry(printed, ONE_PERCENT, "bottle")
        found[shows] = one["first"], one["second"]
    assert found == {
        "printed | ours": ("100.0", "90.0"),
        "ours": ("", "90.0"),
        "delta": ("", "-10.0"),
    }
    assert "Ours - printed" in printed._legend.value
    assert "printed 100.0 · ours 90.0 · delta -10.0 points (values in %)" in printed._page.value


def test_running_a_cell_a_line_and_all(view, laboratory):
    view.cell = (ONE_PERCENT, "bottle")
    assert view._buttons["run-cell"].description == "run this cell (1)"
    assert view._buttons["run-line"].description == f"run {ONE_PERCENT} (2)"
    assert entry(view, ONE_PERCENT, "average")["second"] == "…"
    ran(view, "run_cell")
    (one,) = laboratory.done
    assert (one.category, one.detector.coreset) == ("bottle", 0.01)
    assert entry(view, ONE_PERCENT, "bottle")["second"] == "90.0"
    assert entry(view, ONE_PERCENT, "average")["second"] == "1/2"
    assert view._buttons["run-cell"].disabled
    ran(view, "run_line")
    assert [one.category for one in laboratory.done] == ["bottle", "mesh"]
    assert entry(view, ONE_PERCENT, "average")["second"] == "90.0"
    wanted = len(view.comparison.missing)
    assert view._buttons["run-all"].description == f"run all missing ({wanted})"
    ran(view, "run_all")
    assert len(laboratory.done) == len(set(laboratory.done)) == wanted + 2
    assert view.comparison.missing == []
    assert all(button.disabled for button in view._buttons.values())
    assert f"{wanted + 2} of {wanted + 2} experiments done" in view.status
    ran(view, "run_all")
    assert len(laboratory.done) == wanted + 2


def test_the_table_fills_while_it_runs_and_clicks_are_queued(view, laboratory):
    laboratory.free.clear()
    view.cell = (ONE_PERCENT, "average")
    view.run_cell()
    assert laboratory.entered.acquire(timeout=10)
    assert view.busy
    assert entry(view, ONE_PERCENT, "average")["second"] == "queued"
    view.cell = ("PatchCore, coreset=10%", "bottle")
    view.run_cell()
    view.run_cell()  # twice is once
    assert len(view.queued) == 3
    assert entry(view, "PatchCore, coreset=10%", "bottle")["second"] == "queued"
    seen = []
    view._grid.observe(
        lambda change: seen.append(entry(view, ONE_PERCENT, "average")["second"]), "content"
    )
    laboratory.free.set()
    view.wait()
    assert len(laboratory.done) == 3
    assert seen[0] == "queued"
    assert entry(view, ONE_PERCENT, "average")["second"] == "90.0"
    assert len(seen) >= 3  # after every experiment
    assert (view.queued, view.busy) == ([], False)
    assert view._waiting.idle


def test_stopping_keeps_what_is_done_and_empties_the_queue(view, book, laboratory):
    laboratory.free.clear()
    view.run_all()
    assert laboratory.entered.acquire(timeout=10)
    laboratory.free.set()
    while not laboratory.done:
        pass
    laboratory.free.clear()
    view.stop()
    assert view.status.startswith("stopped · PatchCore, Table S1")
    view.wait()
    assert view.status.startswith("stopped · PatchCore, Table S1")
    assert view.queued == []
    assert "queued" not in shown(view)
    assert 0 < len(list(book.folder.glob("*.json"))) < len(view.comparison.table.experiments)
    assert book.broken == {}
    laboratory.free.set()
    ran(view, "run_all")  # goes on
    assert view.comparison.missing == []
    assert len(set(laboratory.done)) == len(view.comparison.table.experiments)


def test_run_again_while_the_stopped_experiment_still_ends(view, laboratory):
    laboratory.free.clear()
    view.cell = (ONE_PERCENT, "average")
    view.run_cell()
    assert laboratory.entered.acquire(timeout=10)
    view.stop()
    view.cell = ("PatchCore, coreset=10%", "mesh")
    view.run_cell()
    laboratory.free.set()
    view.wait()
    assert entry(view, "PatchCore, coreset=10%", "mesh")["second"] == "90.0"
    assert view.queued == []
    assert view._waiting.idle


def test_broken_experiments_are_in_the_cell_in_its_detail_and_in_the_status(view, laboratory):
    laboratory.breaks = lambda one: one.category == "mesh"
    view.cell = (ONE_PERCENT, "mesh")
    ran(view, "run_line")
    assert entry(view, ONE_PERCENT, "mesh")["second"] == "broken"
    assert "broken: ValueError: no <such> thing" in entry(view, ONE_PERCENT, "mesh")["title"]
    assert entry(view, ONE_PERCENT, "average")["second"] == "broken"
    assert entry(view, ONE_PERCENT, "bottle")["second"] == "90.0"
    assert "1 broken: ValueError: no <such> thing" in view.status
    assert "broken: ValueError: no &lt;such&gt; thing" in view._page.value
    assert "<such>" not in view._page.value
    laboratory.breaks = lambda one: False
    assert not view._buttons["run-cell"].disabled
    ran(view, "run_cell")
    assert entry(view, ONE_PERCENT, "average")["second"] == "90.0"
    assert "broken" not in view.status


def test_what_failed_here_and_was_done_elsewhere_has_its_value(view, book, laboratory):
    laboratory.breaks = lambda one: True
    view.cell = (ONE_PERCENT, "mesh")
    ran(view, "run_cell")
    (one,) = book.broken
    write(made(one), book.folder)
    view.shows = "ours"
    assert entry(view, ONE_PERCENT, "mesh")["second"] == "90.0"
    assert "broken" not in shown(view)
    assert "broken" not in view.status


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path, laboratory):
    (tmp_path / "rows").write_text("a file")
    view = explore.tables(tables.Book(SMALL, tmp_path / "rows"))
    ran(view, "run_all")
    assert view.status.startswith(
        "Error: OSError: expected a results folder that can be written to"
    )
    assert view.queued == []
    assert "queued" not in shown(view)
    view.shows = "ours"  # alive
    assert "0 of" in view.status


def test_a_damaged_row_is_named(view, book, laboratory):
    view.cell = (ONE_PERCENT, "bottle")
    ran(view, "run_cell")
    (path,) = book.folder.glob("*.json")
    path.write_text("{")
    view.shows = "ours"
    assert "1 result files cannot be used" in view.status
    assert (
        "missing: the file cannot be used, there is no JSON where that should be"
        in view._page.value
    )


def test_the_detail_traces_a_number(view, book, laboratory):
    view.table = "S3"
    view.cell = (ONE_PERCENT, "average")
    assert "missing" in view._page.value
    assert "digest" not in view._page.value  # nothing measured yet
    ran(view, "run_cell")
    page = view._page.value
    for one in laboratory.done:
        assert f"{one.key}.json" in page
    texts = [
        "ours 70.0 (values in %)",
        "coreset=0.01",
        "efficientnet_lite0",
        "0123abcd",
        "torch 9.9",
    ]
    texts += ["abacus, 2 cores", "32 MiB"]
    for text in [
        *texts,
        "16 / 9",
        "3.5",
        "PRO-per-image",
        "73 → 64 px, cropped",
        "one test image in 6",
    ]:
        assert text in page, text
    assert str(book.folder) in page


def test_the_definition_of_pro_is_chosen(view, laboratory):
    view.cell = (ONE_PERCENT, "bottle")
    assert view._pro.disabled  # no PRO in it
    view.table = "S3"
    assert not view._pro.disabled
    view.cell = (ONE_PERCENT, "bottle")
    ran(view, "run_cell")
    found = {}
    for pro in ("own", "global", "global-200", "per-image"):
        view.pro = pro
        found[pro] = entry(view, ONE_PERCENT, "bottle")["second"]
        words = view.comparison.definition("pro")
        assert words in view._legend.value
        assert words in view._page.value
    assert found == {"own": "70.0", "global": "50.0", "global-200": "60.0", "per-image": "70.0"}


def test_methods_that_are_not_ours_can_be_left_out(printed):
    printed.paper, printed.table = "patchcore", "S1"
    ours = [head["name"] for head in printed._grid.content["columns"] if not head["theirs"]]
    assert [head["name"] for head in printed._grid.content["columns"]][: len(ours)] == ours  # first
    printed.others = False
    assert [head["name"] for head in printed._grid.content["columns"]] == ours
    assert "10 methods that are not ours are not shown" in printed._legend.value
    with pytest.raises(ValueError, match="cell must be one of"):
        printed.cell = ("DifferNet", "bottle")
    printed.paper, printed.table = "spade", "4"
    assert printed._grid.content["rows"]  # there is nothing of ours: all stay
    assert "nothing of ours in it" in printed.status


def test_other_data_than_the_papers_say_so(view):
    assert not view.others
    view.others = True
    assert "no printed value to compare with" in view._legend.value
    heads = {head["name"]: head["small"] for head in view._grid.content["rows"]}
    assert heads["DifferNet"] == "not ours"
    assert "other data than the paper" in view._page.value
    view.paper, view.table = "patchcore", "S5"
    heads = {head["small"] for head in view._grid.content["rows"]}
    assert {"coreset=10%, shots=1", "coreset=10%, shots=2, left out"} < heads
    view.paper, view.table = "rd", "4"
    assert "mnist, no data" in {
        head["small"] for head in view._grid.content["rows"] if head["name"] == "RD4AD"
    }


def test_a_click_in_the_grid_picks_a_cell(view):
    place = (ONE_PERCENT, "mesh")
    view._grid.picked = list(view._layout.places[place])
    assert view.cell == place
    assert f"{ONE_PERCENT} · mesh" in view.status
    before = view._page.value
    view.cell = (ONE_PERCENT, "bottle")
    assert view._grid.picked == list(view._layout.places[ONE_PERCENT, "bottle"])
    assert view._page.value != before


def test_the_cell_stays_where_the_next_table_has_it(view):
    view.cell = (ONE_PERCENT, "mesh")
    view.table = "S2"
    assert view.cell == (ONE_PERCENT, "mesh")
    view.table = "S5"
    assert view.cell == view.places[0]


def test_a_cell_that_is_not_there_is_refused(view):
    with pytest.raises(ValueError, match="cell must be one of"):
        view.cell = ("PatchCore", "nut")
    with pytest.raises(TraitError, match="value not found"):
        view.table = "S9"


def test_every_control_changes_the_page(printed):
    view, seen = printed, [shown(printed)]
    for name, value in [
        ("paper", "rd"),
        ("table", "5"),
        ("pro", "global"),
        ("shows", "delta"),
        ("table", "7"),
    ]:
        setattr(view, name, value)
        assert getattr(view, name) == value
        seen.append(shown(view))
    assert len(set(seen)) == len(seen)


def test_seeds_have_a_spread_and_a_row_each(book, laboratory):
    view = explore.tables(tables.Book(dataclasses.replace(SMALL, seeds=(0, 1)), book.folder))
    view.paper, view.table = "patchcore", "S1"
    view.cell = (ONE_PERCENT, "bottle")
    ran(view, "run_cell")
    assert len(laboratory.done) == 2
    assert entry(view, ONE_PERCENT, "bottle")["second"] == "90.0 ± 0.0"
    assert "bottle, seed 1" in view._page.value
    assert "(2 seeds)" in view._page.value
    next(iter(book.folder.glob("*.json"))).unlink()
    view.shows = "ours"
    assert entry(view, ONE_PERCENT, "bottle")["second"] == "90.0 1/2"


def test_an_undefined_value_is_not_called_missing(view, book):
    plan = tables.plan("patchcore", "S3", SMALL)
    (one,) = {
        e
        for c in plan.cells
        for e in c.experiments
        if c.category == "mesh" and c.variant == "coreset=1%"
    }
    row = dataclasses.replace(
        made(one, pro_per_image=float("nan")), reasons={"pro_per_image": "no <mask>"}
    )
    write(row, book.folder)
    view.table = "S3"
    view.cell = (ONE_PERCENT, "mesh")
    assert entry(view, ONE_PERCENT, "mesh")["second"] == "undefined"
    assert "Undefined: no &lt;mask&gt;" in view._page.value


def test_names_are_escaped(book):
    found = book.table("patchcore", "S1")
    cells = tuple(dataclasses.replace(one.cell, method="<i>x", note="<u>n") for one in found.filled)
    book._plans[found.table.name] = dataclasses.replace(found.table, cells=cells)
    view = explore.tables(book)
    view.paper, view.table = "patchcore", "S1"
    assert "&lt;i&gt;x" in view._page.value
    assert not re.search("<i>|<u>", view._page.value + view._title.value + view._legend.value)


def test_a_figure_of_the_table_is_saved(view, tmp_path):
    view.save(str(tmp_path / "table.pdf"))
    assert (tmp_path / "table.pdf").read_bytes().startswith(b"%PDF")
    texts = {text.get_text() for text in view.static().texts}
    assert "PatchCore, Table S1: image AUROC by category" in {
        text.replace("\n", " ") for text in texts
    }
    assert {"mesh", "…"} <= texts


def test_the_layout_is_a_pure_function_of_the_table(book):
    found = book.table("rd", 3)
    layout = laid_out(found)
    marks = entries(layout, "printed | ours", {}, ())
    assert np.shape(marks) == (len(layout.rows), len(layout.columns))
    assert {mark.second for line in marks for mark in line if mark} == {"…"}


def test_the_queue_has_one_worker_at_a_time():
    queue = Waiting()
    assert queue.add([]) is None
    first = queue.add("ab")
    assert first is not None
    assert queue.add("bc") is None
    assert queue.batch(first) == ["a", "b", "c"]
    queue.finished("a")
    assert str(queue).startswith("1 of 3 done, about")
    queue.drop("bc")
    assert not queue.idle
    assert queue.batch(first) == []
    assert queue.idle
    second = queue.add("d")
    assert queue.batch(first) == []  # dismissed
    assert not queue.give_up(first)
    assert list(queue) == ["d"]
    assert queue.give_up(second)
    assert (len(queue), queue.idle) == (0, True)
