import numpy as np
import pytest

from adviz.explore.widgets import PatchScatter

POINTS = np.random.default_rng(0).normal(size=(50, 2))
COLOURS = np.random.default_rng(1).integers(0, 255, (50, 3), dtype=np.uint8)


def test_what_is_sent_is_what_was_given():
    scatter = PatchScatter(POINTS, COLOURS, np.array([7, 3]))
    np.testing.assert_array_equal(
        np.frombuffer(scatter.points, "<f4").reshape(50, 2), POINTS.astype("f4")
    )
    np.testing.assert_array_equal(np.frombuffer(scatter.colours, np.uint8).reshape(50, 3), COLOURS)
    assert np.frombuffer(scatter.order, "<u4").tolist() == [7, 3]
    assert (scatter.count, scatter.current, scatter.chosen.tolist()) == (2, -1, [])


def test_points_are_chosen_from_python_as_from_the_browser():
    scatter = PatchScatter(POINTS, COLOURS)
    scatter.chosen = np.array([4, 49])
    assert scatter.selected == np.array([4, 49], "<u4").tobytes()
    scatter.selected = np.array([1, 2], "<u4").tobytes()
    assert scatter.chosen.tolist() == [1, 2]
    scatter.paint(COLOURS[::-1])
    assert scatter.colours == COLOURS[::-1].tobytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((POINTS[:, :1], COLOURS), r"points must be \(M, 2\), finite, M at least 1, got \(50, 1\)"),
        ((POINTS[:0], COLOURS[:0]), "M at least 1"),
        ((POINTS * np.nan, COLOURS), "finite"),
        ((POINTS, COLOURS[:3]), r"colours must be \(50, 3\) uint8, got \(3, 3\)"),
        ((POINTS, COLOURS.astype(int)), "of int64"),
        ((POINTS, COLOURS, np.array([50])), "order must name points from 0 to 49"),
    ],
)
def test_what_cannot_be_shown_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        PatchScatter(*arguments)


def test_points_that_do_not_exist_cannot_be_chosen():
    with pytest.raises(ValueError, match="expected points from 0 to 49, got -1 to -1"):
        PatchScatter(POINTS, COLOURS).chosen = [-1]


def test_other_points_take_the_place_of_those_on_show():
    scatter = PatchScatter(POINTS, COLOURS, np.array([7, 3]))
    scatter.current, scatter.chosen = 4, [1, 2]
    scatter.paint(COLOURS, np.arange(50)[::-1])
    scatter.show(POINTS[:9], COLOURS[:9], np.array([8]))
    np.testing.assert_array_equal(
        np.frombuffer(scatter.points, "<f4").reshape(9, 2), POINTS[:9].astype("f4")
    )
    assert (scatter.count, scatter.current, scatter.chosen.tolist(), scatter.painting) == (
        1,
        -1,
        [],
        b"",
    )
    with pytest.raises(ValueError, match="expected points from 0 to 8"):
        scatter.chosen = [9]
    with pytest.raises(ValueError, match="colours must be"):
        scatter.show(POINTS, COLOURS[:9])
    scatter.chosen = [8]  # the points are still those from before


def test_rings_and_the_order_of_painting_are_sent():
    scatter = PatchScatter(POINTS, COLOURS)
    scatter.ring(np.array([9, 4, 1]), 2)
    assert (np.frombuffer(scatter.order, "<u4").tolist(), scatter.count) == ([9, 4, 1], 2)
    scatter.ring(np.array([5]))
    assert scatter.count == 1
    painting = np.random.default_rng(2).permutation(50)
    scatter.paint(COLOURS, painting)
    assert np.frombuffer(scatter.painting, "<u4").tolist() == painting.tolist()
    scatter.paint(COLOURS)
    assert scatter.painting == b""
    with pytest.raises(ValueError, match="order must name points from 0 to 49"):
        scatter.ring(np.array([50]))
    with pytest.raises(ValueError, match="painting must name each of the 50 points once"):
        scatter.paint(COLOURS, np.zeros(50, int))
