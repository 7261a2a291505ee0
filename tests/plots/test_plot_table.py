"""Tables as figures: every text in its row and column, nothing overlaps or is cut off."""

import itertools

import numpy as np
import pytest

from adviz import plots

ROWS, COLUMNS = (
    ["bottle", "metal_nut", "average"],
    ["SPADE", "PatchCore, coreset=25%", "US, as printed"],
)
TEXTS = [["1.0", "2.0\n3.0", "99.9"], ["4.0", "100.0 ± 12.5", ""], ["7.0", "8.0", "9.0*"]]


@pytest.fixture
def figure():
    muted = np.array([[False, False, True]] * 3)
    return plots.table_figure(
        ROWS, COLUMNS, TEXTS, muted, corner="PRO", title="A table", legend="what it is " * 30
    )


def boxes(figure):
    renderer = figure.canvas.get_renderer()
    return {
        text: text.get_window_extent(renderer) for text in figure.texts if text.get_text().strip()
    }


def test_texts_are_in_their_rows_and_columns(figure):
    base = {text.get_text(): text.get_position()[1] for text in figure.texts}
    assert base["bottle"] > base["3.0"] > base["metal_nut"] > base["average"]
    for line, name in zip(TEXTS, ROWS, strict=True):
        assert {base[text.split("\n")[0]] for text in filter(None, line)} == {base[name]}
    assert base["SPADE"] == base["PRO"] == base["US, as printed"]
    found = {text.get_text(): box for text, box in boxes(figure).items()}
    heads = [
        next(box for text, box in found.items() if text.startswith(name.split(",")[0]))
        for name in COLUMNS
    ]
    for line in TEXTS:
        for text, head in zip(line, heads, strict=True):
            assert all(abs(found[one].x1 - head.x1) < 3 for one in text.split("\n") if one)


def test_nothing_overlaps_or_is_cut_off(figure):
    found = boxes(figure)
    for (a, one), (b, other) in itertools.combinations(found.items(), 2):
        width = min(one.x1, other.x1) - max(one.x0, other.x0)
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(width, height) <= 1, (a, b)
    for text, box in found.items():
        assert 0 <= box.x0 <= box.x1 <= figure.bbox.width, text
        assert 0 <= box.y0 <= box.y1 <= figure.bbox.height, text


def test_heads_are_broken_where_a_reader_would():
    figure = plots.table_figure(
        ["a"], ["PaDiM, image_size=256, backbone=wide_resnet50, PRO"], [["1"]]
    )
    texts = [text.get_text() for text in figure.texts]
    start = texts.index("PaDiM, image_")
    assert texts[start : start + 4] == [
        "PaDiM, image_",
        "size=256,",
        "backbone=wide_",
        "resnet50, PRO",
    ]


def test_what_is_muted_is_slanted_as_well_as_grey(figure):
    styles = {text.get_text(): (text.get_fontstyle(), text.get_color()) for text in figure.texts}
    assert styles["99.9"][0] == styles["9.0*"][0] == "italic"
    assert styles["1.0"][0] == "normal"
    assert styles["99.9"][1] != styles["1.0"][1]


@pytest.mark.parametrize(
    ("rows", "columns", "texts", "muted", "message"),
    [
        ([], ["a"], [], None, r"a text for each of \(0, 1\) cells"),
        (["x"], ["a"], [["1", "2"]], None, r"a text for each of \(1, 1\) cells, got rows of \[2\]"),
        (
            ["x"],
            ["a"],
            [["1"]],
            np.zeros((2, 1), bool),
            r"shape of the table \(1, 1\), got \(2, 1\)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(rows, columns, texts, muted, message):
    with pytest.raises(ValueError, match=message):
        plots.table_figure(rows, columns, texts, muted)
