"""The table to pick from: what is sent, what is not sent again, and what is refused."""

import pytest

from adviz.explore.widgets import Entry, Head, TableGrid

ROWS, COLUMNS = [Head("a"), Head("b", "small", theirs=True)], [Head("x"), Head("y"), Head("z")]
CELLS = [[Entry("1", "2", "said"), None, Entry("3", theirs=True)], [None, Entry(second="…"), None]]


def test_what_is_sent_is_what_was_given():
    grid = TableGrid()
    grid.show(ROWS, COLUMNS, CELLS, picked=(0, 2), corner="PRO", stacked=True, label="a table")
    content = grid.content
    assert [head["name"] for head in content["columns"]] == ["x", "y", "z"]
    assert content["rows"][1] == {"name": "b", "small": "small", "theirs": True}
    assert content["cells"][0][0] == {"first": "1", "second": "2", "title": "said", "theirs": False}
    assert content["cells"][1] == [
        None,
        {"first": "", "second": "…", "title": "", "theirs": False},
        None,
    ]
    assert (content["corner"], content["stacked"], content["label"], grid.picked) == (
        "PRO",
        True,
        "a table",
        [0, 2],
    )
    assert [head.text for head in ROWS] == ["a", "b, small"]


def test_what_is_the_same_is_not_sent_again():
    grid, seen = TableGrid(), []
    grid.show(ROWS, COLUMNS, CELLS)
    grid.observe(lambda change: seen.append(change["name"]))
    grid.show(ROWS, COLUMNS, CELLS, picked=(0, 0))
    assert seen == ["picked"]
    grid.show(ROWS, COLUMNS, CELLS, picked=(0, 0), corner="other")
    assert seen == ["picked", "content"]


@pytest.mark.parametrize(
    ("rows", "cells", "picked", "message"),
    [
        (ROWS[:1], CELLS, (), "expected 1 rows of 3 cells"),
        (ROWS, [line[:2] for line in CELLS], (), r"got rows of \[2, 2\]"),
        (ROWS, CELLS, (2, 0), r"picked must lie in 2 rows of 3 cells, got \[2, 0\]"),
        (ROWS, CELLS, (0, 3), "picked must lie"),
    ],
)
def test_what_does_not_fit_is_refused(rows, cells, picked, message):
    with pytest.raises(ValueError, match=message):
        TableGrid().show(rows, COLUMNS, cells, picked=picked)
