import numpy as np
import pytest
from matplotlib.colors import to_rgba

from adviz import plots
from adviz.plots import style

STEPS = {
    "start: farthest → anchors": (97.0, 92.4),
    "score: reweighted → max": (92.4, 92.4),
    "size: 224 → 256": (92.4, 95.0),
}
START, END = ("paper", 97.0), ("official", 95.0)


@pytest.fixture
def figure():
    return plots.waterfall(
        START, STEPS, END, quantity="image AUROC", title="hex_nut: paper → official"
    )


def bars(axes):
    """Return (row, from, to, colour) of every bar."""
    return [
        (
            round(bar.get_y() + bar.get_height() / 2),
            bar.get_x(),
            bar.get_x() + bar.get_width(),
            bar.get_facecolor(),
        )
        for bar in axes.patches
    ]


def test_every_step_is_a_bar_from_the_value_before_it_to_the_one_after(figure, panel):
    axes = panel(figure, "waterfall")
    left = axes.get_xlim()[0]
    found = {row: (before, after, colour) for row, before, after, colour in bars(axes)}
    assert found[0][:2] == pytest.approx((left, 97.0))
    assert found[1] == (97.0, pytest.approx(92.4), to_rgba(style.VERMILLION))
    assert 2 not in found  # nothing won or lost: a line
    assert found[3] == (92.4, pytest.approx(95.0), to_rgba(style.BLUE))
    assert found[4][:2] == pytest.approx((left, 95.0))
    assert axes.get_ylim() == (4.5, -0.5)  # the start is on top
    lost, won = (
        next(bar for bar in axes.patches if round(bar.get_y() + 0.31) == row) for row in (1, 3)
    )
    assert (lost.get_hatch(), won.get_hatch()) == ("///", "")


def test_the_values_are_printed_with_their_signs(figure, printed, inside):
    text = printed(figure).split("\n")
    for expected in (
        "97.0",
        "-4.6",
        "0.0",
        "+2.6",
        "95.0",
        *STEPS,
        "paper",
        "official",
        "hex_nut: paper → official",
    ):
        assert expected in text
    assert "image AUROC, points (the axis is cut)" in text
    inside(figure)


def test_bars_that_meet_are_linked(figure, panel):
    (lines,) = panel(figure, "waterfall").collections
    assert [segment[:, 0].tolist() for segment in lines.get_segments()] == [
        [97, 97],
        [92.4, 92.4],
        [92.4, 92.4],
        [95, 95],
    ]
    alone = plots.waterfall(START, {"a": (97.0, 96.0), "b": (97.0, 98.0)}, END, quantity="PRO")
    (lines,) = panel(alone, "waterfall").collections
    assert [segment[:, 0].tolist() for segment in lines.get_segments()] == [[97, 97]]


def test_what_is_not_known_is_said(printed, inside):
    nothing = float("nan")
    figure = plots.waterfall(
        ("paper", 97.0), {"a": (97.0, nothing)}, ("b", nothing), quantity="PRO"
    )
    assert printed(figure).count("not known") == 2
    inside(figure)
    empty = plots.waterfall(("paper", nothing), {}, ("official", nothing), quantity="PRO")
    assert printed(empty).count("not known") == 2


def test_long_names_and_titles_fit(inside):
    steps = {
        f"projection: 128 → johnson-lindenstrauss and more {n}": (50.0, 50.0 + n) for n in range(3)
    }
    title = "a category with a long name " * 6
    inside(
        plots.waterfall(
            ("paper", 50.0), steps, ("anomalib", 100.0), quantity="PRO-global", title=title
        )
    )


def test_errors():
    with pytest.raises(ValueError, match="values must be finite, or NaN"):
        plots.waterfall(("paper", float("inf")), {}, END, quantity="PRO")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.3, "+0.3"),
        (-1.25, "-1.2"),
        (0.0, "0.0"),
        (-0.04, "0.0"),
        (0.049, "0.0"),
        (0.051, "+0.1"),
        (float("nan"), "n/a"),
    ],
)
def test_differences_are_printed_with_their_sign(value, text):
    assert plots.signed(value) == text


def test_no_difference_is_white_and_the_signs_are_apart():
    low, none, high, beyond = plots.signed_heat(
        np.array([-1.0, 0.0, 1.0, 9.0]), (-1.0, 1.0)
    ).astype(int)
    assert (none > 240).all()
    assert low[2] > low[0]  # purple
    assert high[0] > high[2]  # orange
    assert (beyond == high).all()
    with pytest.raises(ValueError, match="low < high"):
        plots.signed_heat(np.zeros(2), (0.0, 0.0))


def test_only_an_axis_that_is_cut_says_so(printed):
    unknown = plots.waterfall(
        ("paper", np.nan), {"crop": (np.nan, np.nan)}, ("code", np.nan), quantity="PRO"
    )
    assert "PRO, points" in printed(unknown).split("\n")
