"""The explorer of the papers' tables.

What stands in a cell, what its detail says, and how missing cells are done.
"""

import dataclasses
import json
import threading

import numpy as np
import pytest
from traitlets import TraitError

from adviz import explore, sweep, tables
from adviz._support import progress
from adviz.explore.kit.packing import packed
from adviz.explore.tables.shown import SHOWS, texts_of
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


def described(view):
    """Return the table that the browser gets."""
    key = view.source.key(view.paper, view.table, view.pro)
    return view.part(key)["table"]


def layout(view):
    """Return the displayed layout."""
    return described(view)["layouts"]["all" if view.others else "ours"]


def heads(view, side="columns"):
    return {head["name"]: head for head in layout(view)[side]}


def legend(view):
    return layout(view)["legend"][view.shows]


def cell_of(view, line, place):
    (found,) = (
        one for one in described(view)["cells"] if (one["line"], one["place"]) == (line, place)
    )
    return found


def detail(view):
    """Return all that is said of the displayed cell, as one text."""
    table = described(view)
    cell = cell_of(view, *view.displayed_cell)
    experiments = [table["experiments"][row[3]] for row in cell["rows"]]
    method = table["methods"][cell["method"]] if cell["method"] >= 0 else {}
    return json.dumps([cell, experiments, method], ensure_ascii=False)


def texts(view, line, place):
    return texts_of(cell_of(view, line, place), view.shows)


def shown(view):
    """Return all texts of the page."""
    return json.dumps([described(view), legend(view), detail(view)], ensure_ascii=False)


def count(view, cells):
    """Return how many experiments a button would do."""
    experiments = described(view)["experiments"]
    numbers = {row[3] for one in cells for row in one["rows"]}
    return sum(experiments[number]["state"] not in ("", "queued") for number in numbers)


def counts(view):
    """Return how many experiments the buttons for the cell, its line and the table would do."""
    cells = described(view)["cells"]
    line, place = view.displayed_cell
    chosen = [one for one in cells if one["line"] == line]
    return (
        count(view, [one for one in chosen if one["place"] == place]),
        count(view, chosen),
        count(view, cells),
    )


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
    assert printed.cell == []
    assert printed.displayed_cell == ("SPADE", "average")
    assert (
        printed.status
        == "SPADE, Table 1 · 0 of 15 experiments done · SPADE · average · image AUROC"
    )
    assert "AUROC of the image scores" in legend(printed)
    assert texts(printed, "SPADE", "average")[0] == "85.5"
    assert list(printed.opening) == ["table/spade/1/own/0"]


@pytest.mark.parametrize("name", tables.NAMES, ids=str)
def test_every_table_can_be_shown_and_drawn(printed, view, name):
    view.others = True
    for one in (printed, view):
        one.paper, one.table = name.paper, name.table
        assert str(name) in one.status
        places = one.places
        assert len(places) == len(one.comparison.filled) == len(set(places))
        table = described(one)
        assert [(cell["line"], cell["place"]) for cell in table["cells"]] != []
        assert {(cell["line"], cell["place"]) for cell in table["cells"]} == set(places)
        drawn = [number for row in layout(one)["cells"] for number in row if number >= 0]
        assert sorted(drawn) == list(range(len(places)))
        packed({"table": table})  # is JSON
        sizes = one.static().get_size_inches()
        assert 5 <= sizes[0] <= 20
        assert min(sizes) > 1


def test_every_printed_value_stands_in_its_place(printed):
    printed.paper, printed.table = "rd", "2"
    table = described(printed)
    drawn = layout(printed)
    filled = printed.comparison.filled
    for i, row in enumerate(drawn["cells"]):
        for j, number in enumerate(row):
            if number < 0:
                continue
            cell = table["cells"][number]
            one = filled[number]
            category, metric = cell["place"].split(", ")
            assert (one.cell.category, one.metric) == (category, metric)
            assert cell["line"].startswith(one.cell.method)
            assert drawn["rows"][i]["name"] == category
            assert drawn["columns"][j]["name"] == one.cell.method
            assert drawn["columns"][j]["small"].endswith(metric) or cell["theirs"]
            assert texts_of(cell, printed.shows)[0] == one.texts[0]


def test_the_longer_side_is_the_rows(printed):
    printed.paper, printed.table = "patchcore", "S1"
    assert [head["name"] for head in layout(printed)["rows"][-2:]] == ["zipper", "average"]
    assert layout(printed)["stacked"]
    printed.table = "S5"
    assert layout(printed)["corner"] == "method"
    names = [head["name"] for head in layout(printed)["columns"]]
    assert names == ["image AUROC", "pixel AUROC", "PRO"]
    assert not layout(printed)["stacked"]


def test_what_is_not_ours_is_marked_by_a_word_as_well(printed):
    printed.paper, printed.table = "patchcore", "S1"
    assert heads(printed)["DifferNet"]["small"] == "as printed"
    assert heads(printed)["DifferNet"]["theirs"]
    assert not heads(printed)["PaDiM"]["theirs"]
    found = cell_of(printed, "DifferNet", "bottle")
    assert found["theirs"]
    printed.cell = ("DifferNet", "bottle")
    assert "There is nothing of ours here: not implemented" in detail(printed)
    assert counts(printed)[0] == 0
    printed.shows = "delta"
    assert texts(printed, "DifferNet", "bottle")[0] == "-"


def test_uncertain_values_carry_a_sign_and_their_note(printed):
    printed.paper, printed.table = "patchcore", "S2"
    assert texts(printed, "PaDiM", "transistor")[0] == "98.5*"
    assert "uncertain" in " ".join(cell_of(printed, "PaDiM", "transistor")["hints"])
    assert "*: the printed value is uncertain" in legend(printed)
    printed.cell = ("PaDiM", "transistor")
    assert "* The printed value: uncertain:" in detail(printed)
    assert "*" not in texts(printed, "PaDiM", "bottle")[0]


def test_three_ways_to_show(printed, laboratory):
    printed.paper, printed.table = "patchcore", "S1"
    printed.cell = (ONE_PERCENT, "bottle")
    ran(printed, "run_cell")
    found = {}
    for shows in SHOWS:
        printed.shows = shows
        found[shows] = texts(printed, ONE_PERCENT, "bottle")
    assert found == {
        "printed | ours": ("100.0", "90.0"),
        "ours": ("", "90.0"),
        "delta": ("", "-10.0"),
    }
    assert "Ours - printed" in legend(printed)
    assert "printed 100.0 · ours 90.0 · delta -10.0 points (values in %)" in detail(printed)


def test_running_a_cell_a_line_and_all(view, laboratory):
    view.cell = (ONE_PERCENT, "bottle")
    assert counts(view)[:2] == (1, 2)
    assert texts(view, ONE_PERCENT, "average")[1] == "…"
    ran(view, "run_cell")
    (one,) = laboratory.done
    assert (one.category, one.detector.coreset) == ("bottle", 0.01)
    assert texts(view, ONE_PERCENT, "bottle")[1] == "90.0"
    assert texts(view, ONE_PERCENT, "average")[1] == "1/2"
    assert counts(view)[0] == 0
    ran(view, "run_line")
    assert [one.category for one in laboratory.done] == ["bottle", "mesh"]
    assert texts(view, ONE_PERCENT, "average")[1] == "90.0"
    wanted = len(view.comparison.missing)
    assert counts(view)[2] == wanted
    ran(view, "run_all")
    assert len(laboratory.done) == len(set(laboratory.done)) == wanted + 2
    assert view.comparison.missing == []
    assert counts(view) == (0, 0, 0)
    assert f"{wanted + 2} of {wanted + 2} experiments done" in view.status
    ran(view, "run_all")
    assert len(laboratory.done) == wanted + 2


def test_the_browser_asks_for_runs(view, laboratory):
    view.cell = (ONE_PERCENT, "bottle")
    view._answer(view, {"run": "everything"}, [])
    view.wait()
    assert laboratory.done == []
    view._answer(view, {"run": "cell"}, [])
    view.wait()
    assert len(laboratory.done) == 1
    laboratory.free.clear()
    view._answer(view, {"run": "line"}, [])
    assert len(view.queued) == 1
    view._answer(view, {"stop": True}, [])
    assert view.queued == []
    view.wait()


def test_the_table_fills_while_it_runs_and_clicks_are_queued(view, laboratory):
    laboratory.free.clear()
    view.cell = (ONE_PERCENT, "average")
    view.run_cell()
    assert laboratory.entered.acquire(timeout=10)
    assert view.busy.startswith("computing 0 of 2 done")
    assert texts(view, ONE_PERCENT, "average")[1] == "queued"
    view.cell = ("PatchCore, coreset=10%", "bottle")
    view.run_cell()
    view.run_cell()  # twice is once
    assert len(view.queued) == 3
    assert texts(view, "PatchCore, coreset=10%", "bottle")[1] == "queued"
    seen = []
    view.observe(lambda change: seen.append(texts(view, ONE_PERCENT, "average")[1]), "facts")
    laboratory.free.set()
    view.wait()
    assert len(laboratory.done) == 3
    assert seen[0] == "queued"
    assert texts(view, ONE_PERCENT, "average")[1] == "90.0"
    assert len(seen) >= 3  # after every experiment
    assert (view.queued, view.busy) == ([], "")
    assert view.source.waiting.idle


def test_whatever_is_learned_has_a_key_of_its_own(view, laboratory):
    """The browser keeps what it has under a key: another table needs another one."""
    keys = {view.source.key(view.paper, view.table, view.pro)}
    view.observe(lambda change: keys.add(view.source.key("patchcore", "S1", "own")), "facts")
    view.cell = (ONE_PERCENT, "bottle")
    ran(view, "run_cell")
    assert len(keys) >= 3  # before, queued, done
    assert view.facts["version"] == int(max(keys, key=lambda key: int(key.split("/")[-1]))[-1])


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
    view.shows = "ours"
    assert not view.status.startswith("stopped")
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
    assert texts(view, "PatchCore, coreset=10%", "mesh")[1] == "90.0"
    assert view.queued == []
    assert view.source.waiting.idle


def test_broken_experiments_are_in_the_cell_in_its_detail_and_in_the_status(view, laboratory):
    laboratory.breaks = lambda one: one.category == "mesh"
    view.cell = (ONE_PERCENT, "mesh")
    ran(view, "run_line")
    assert texts(view, ONE_PERCENT, "mesh")[1] == "broken"
    found = cell_of(view, ONE_PERCENT, "mesh")
    assert "broken: ValueError: no <such> thing" in found["hints"]
    assert texts(view, ONE_PERCENT, "average")[1] == "broken"
    assert texts(view, ONE_PERCENT, "bottle")[1] == "90.0"
    assert "1 broken: ValueError: no <such> thing" in view.status
    ((last, whole),) = found["errors"]
    assert last == "ValueError: no <such> thing"
    assert whole.startswith("Traceback")
    laboratory.breaks = lambda one: False
    assert counts(view)[0] == 1
    ran(view, "run_cell")
    assert texts(view, ONE_PERCENT, "average")[1] == "90.0"
    assert "broken" not in view.status


def test_what_failed_here_and_was_done_elsewhere_has_its_value(view, book, laboratory):
    laboratory.breaks = lambda one: True
    view.cell = (ONE_PERCENT, "mesh")
    ran(view, "run_cell")
    (one,) = book.broken
    view.part(view.source.key(view.paper, view.table, view.pro))  # the browser has it
    before = view.facts["version"]
    write(made(one), book.folder)
    view.shows = "ours"
    assert view.facts["version"] > before
    assert texts(view, ONE_PERCENT, "mesh")[1] == "90.0"
    assert "broken" not in shown(view)
    assert "broken" not in view.status


def test_a_table_whose_results_are_still_to_be_read_is_made_beside_the_kernel(book):
    view = explore.tables(book)
    view.paper, view.table = "patchcore", "S1"
    key = view.source.key("patchcore", "S1", "own")
    assert view.source.slow(key)
    assert not view.source.slow(view.source.key("spade", "1", "own"))  # came with the widget
    version = view.facts["version"]
    view._answer(view, {"ask": [key]}, [])
    view.wait()
    view.shows = "ours"
    view.table = "1"
    view.table = "S1"
    assert not view.source.slow(key)
    assert view.facts["version"] == version  # nothing new: the browser keeps what it has
    view.close()


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


def test_a_damaged_result_is_named(view, book, laboratory):
    view.cell = (ONE_PERCENT, "bottle")
    ran(view, "run_cell")
    (path,) = book.folder.glob("*.json")
    path.write_text("{")
    view.shows = "ours"
    assert "1 result files cannot be used" in view.status
    assert "missing: the file cannot be used, there is no JSON where that should be" in detail(view)


def test_the_detail_traces_a_number(view, book, laboratory):
    view.table = "S3"
    view.cell = (ONE_PERCENT, "average")
    assert "missing" in detail(view)
    assert "digest" not in detail(view)  # nothing measured yet
    ran(view, "run_cell")
    page = detail(view)
    for one in laboratory.done:
        assert f"{one.key}.json" in page
    words = ["ours 70.0 (values in %)", "coreset=0.01", "efficientnet_lite0", "0123abcd"]
    words += ["torch 9.9", "abacus, 2 cores", "32 MiB", "16 / 9", "3.5", "PRO-per-image"]
    words += ["73 → 64 px, cropped", "one test image in 6"]
    for text in words:
        assert text in page, text
    assert view.facts["folder"] == str(book.folder)


def test_a_result_that_comes_with_adviz_names_no_file(tmp_path, laboratory):
    view = explore.tables(tables.Book(tables.built_in(seeds=(0,)), tmp_path / "rows"))
    view.paper, view.table = "spade", "7"
    view.cell = ("SPADE, stage1=knn10", "average")
    page = detail(view)
    assert page.count("comes with adviz") == 6
    assert ".json" not in page
    assert laboratory.done == []


def test_a_result_is_opened(view, laboratory):
    view.cell = (ONE_PERCENT, "average")
    ran(view, "run_cell")
    first, second = laboratory.done
    view.result = second.key
    found = view.part(f"result/{second.key}")["result"]
    assert found["metrics"]["pro_200"] == 0.6
    assert found["title"].endswith(" on mesh")
    packed({"result": found})  # is JSON
    view.cell = (ONE_PERCENT, "bottle")
    assert view.result == ""  # it is of another cell
    view.result = first.key
    with pytest.raises(TraitError, match="result must be one of"):
        view.result = second.key
    with pytest.raises(KeyError):
        view.part("result/0123")


def test_that_no_result_is_opened_is_known_without_a_table(view, laboratory, monkeypatch):
    ran(view, "run_cell")
    view.result = laboratory.done[0].key
    monkeypatch.setattr(tables.Book, "table", None)  # which reads results
    view.result = ""
    assert view.result == ""


def test_a_stored_result_holds_scores_and_what_is_undefined(view, book):
    (one, *_others) = view.comparison.missing
    images = {"ids": ["a", "b"], "labels": [0, 1], "defects": ["good", "hole"], "scores": [1, 2]}
    nothing = dataclasses.replace(
        made(one, pro=float("nan")),
        images=images,
        reasons={"pro": "no masks"},
        regions={"area": [3.0]},
        curves={"roc": [[0, 1], [0, 1]]},
    )
    write(nothing, book.folder)
    found = view.part(f"result/{one.key}")["result"]
    assert (found["scores"], found["defects"], found["names"]) == (
        [1, 2],
        ["good", "hole"],
        ["a", "b"],
    )
    assert (found["metrics"]["pro"], found["reasons"]) == (None, {"pro": "no masks"})
    assert (found["regions"], found["curves"]) == (1, ["roc"])


def test_the_definition_of_pro_is_chosen(view, laboratory):
    assert not view.facts["papers"]["patchcore"]["tables"]["S1"]["pro"]  # no PRO in it
    view.pro = "global"
    assert view.source.key("patchcore", "S1", "global") == view.source.key("patchcore", "S1", "own")
    view.table = "S3"
    assert view.facts["papers"]["patchcore"]["tables"]["S3"]["pro"]
    view.cell = (ONE_PERCENT, "bottle")
    ran(view, "run_cell")
    found = {}
    for pro in ("own", "global", "global-200", "per-image"):
        view.pro = pro
        found[pro] = texts(view, ONE_PERCENT, "bottle")[1]
        words = view.comparison.definition("pro")
        assert words in legend(view)
        assert words in detail(view)
    assert found == {"own": "70.0", "global": "50.0", "global-200": "60.0", "per-image": "70.0"}


def test_methods_that_are_not_ours_can_be_left_out(printed):
    printed.paper, printed.table = "patchcore", "S1"
    every = [head["name"] for head in layout(printed)["columns"]]
    ours = [head["name"] for head in layout(printed)["columns"] if not head["theirs"]]
    assert every[: len(ours)] == ours  # first
    printed.cell = ("DifferNet", "bottle")
    printed.others = False
    assert printed.cell == []
    assert [head["name"] for head in layout(printed)["columns"]] == ours
    assert "10 methods that are not ours are not shown" in legend(printed)
    with pytest.raises(TraitError, match="cell must be"):
        printed.cell = ("DifferNet", "bottle")
    printed.paper, printed.table = "spade", "4"
    assert layout(printed)["rows"]  # there is nothing of ours: all stay
    assert "nothing of ours in it" in printed.status


def test_other_data_than_the_papers_say_so(view):
    assert view.others
    assert "Printed values are the paper's, on its data; ours are of other images" in legend(view)
    groups = {head["group"] for head in layout(view)["columns"]}
    groups |= {head["group"] for head in layout(view)["rows"]}
    assert groups - {""} == {"printed", "ours: built-in images"}
    assert "These are built-in images: no printed value can be compared" in detail(view)
    view.paper, view.table = "patchcore", "S5"
    small = {head["small"] for head in layout(view)["rows"]}
    assert {"coreset=10%, shots=1", "coreset=10%, shots=2, left out"} < small
    view.paper, view.table = "rd", "4"
    names = {head["small"] for head in layout(view)["rows"] if head["name"] == "RD4AD"}
    assert "mnist, no data" in names


def test_the_cell_stays_where_the_next_table_has_it(view):
    view.cell = (ONE_PERCENT, "mesh")
    view.table = "S2"
    assert view.displayed_cell == (ONE_PERCENT, "mesh")
    view.table = "S5"
    assert view.cell == []
    ours = [place for place in view.places if not place[1].startswith("printed")]
    assert view.displayed_cell == ours[0]


def test_another_paper_begins_at_its_first_table(view):
    view.paper = "rd"
    assert (view.table, view.cell) == ("1", [])


def test_what_is_not_there_is_refused(view):
    with pytest.raises(TraitError, match="cell must be"):
        view.cell = ("PatchCore", "nut")
    with pytest.raises(TraitError, match="table must be one of 1, 2"):
        view.table = "S9"
    with pytest.raises(TraitError, match="paper must be one of spade, patchcore, rd"):
        view.paper = "padim"
    with pytest.raises(TraitError, match="pro must be one of own, global"):
        view.pro = "best"
    with pytest.raises(TraitError, match="shows must be one of"):
        view.shows = "printed"


def test_the_state_is_restored(view, book):
    view.state = {"table": "S3", "pro": "global", "shows": "ours", "others": True}
    view.cell = (ONE_PERCENT, "mesh")
    other = explore.tables(book)
    other.state = view.state
    assert other.state == view.state
    assert other.displayed_cell == (ONE_PERCENT, "mesh")


def test_every_choice_changes_the_page(printed):
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
    assert texts(view, ONE_PERCENT, "bottle")[1] == "90.0 ± 0.0"
    assert "bottle, seed 1" in detail(view)
    assert "(2 seeds)" in detail(view)
    next(iter(book.folder.glob("*.json"))).unlink()
    view.shows = "ours"
    assert texts(view, ONE_PERCENT, "bottle")[1] == "90.0 1/2"


def test_an_undefined_value_is_not_called_missing(view, book):
    plan = tables.plan("patchcore", "S3", SMALL)
    (one,) = {
        e
        for c in plan.cells
        for e in c.experiments
        if c.category == "mesh" and c.variant == "coreset=1%"
    }
    result = dataclasses.replace(
        made(one, pro_per_image=float("nan")), reasons={"pro_per_image": "no <mask>"}
    )
    write(result, book.folder)
    view.table = "S3"
    view.cell = (ONE_PERCENT, "mesh")
    assert texts(view, ONE_PERCENT, "mesh")[1] == "undefined"
    assert "Undefined: no <mask>" in detail(view)


def test_a_file_holds_all_tables_and_what_is_on_disk(view, laboratory):
    view.cell = (ONE_PERCENT, "bottle")
    ran(view, "run_cell")
    keys = view.export_keys()
    assert {key.split("/")[1:3] == ["patchcore", "S1"] for key in keys} == {True, False}
    assert len({tuple(key.split("/")[1:3]) for key in keys if key.startswith("table")}) == len(
        tables.NAMES
    )
    assert "table/patchcore/S3/global-200/0" in keys
    assert "table/patchcore/S1/global/0" not in keys  # there is no PRO in it
    assert [key for key in keys if key.startswith("result")] == [f"result/{laboratory.done[0].key}"]
    assert view.source.facts_with()["version"] == 0
    for key in keys[::9]:
        packed(view.part(key))


def test_equal_explorers_give_equal_files(view, book, laboratory, tmp_path):
    view.cell = (ONE_PERCENT, "bottle")
    ran(view, "run_cell")
    other = explore.tables(book)
    other.state = view.state
    files = [one.export(tmp_path / f"{i}.html") for i, one in enumerate((view, other))]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_figure_of_the_table_is_saved(view, tmp_path):
    view.save(str(tmp_path / "table.pdf"))
    assert (tmp_path / "table.pdf").read_bytes().startswith(b"%PDF")
    found = {text.get_text() for text in view.static().texts}
    assert "PatchCore, Table S1: image AUROC by category" in {
        text.replace("\n", " ") for text in found
    }
    assert {"mesh", "…"} <= found


def test_the_layout_is_a_pure_function_of_the_table(book):
    found = book.table("rd", 3)
    drawn = found.layout()
    assert np.shape(drawn.cells)[:2] == (len(drawn.rows), len(drawn.columns))


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
