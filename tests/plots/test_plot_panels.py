"""Charts of lines: numbers where they belong, one scale for one quantity, printed values marked."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from adviz import plots
from adviz.plots import Line, Panel

X, Y = np.array([1.0, 2.0, 5.0]), np.array([60.0, np.nan, 90.0])


def drawn(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_lines_bars_and_printed_values_are_drawn(panel, printed, inside):
    spread = np.array([2.0, np.nan, np.nan])
    lines = {"one": Line(X, Y, spread, printed=Y + 1), "other": Line(X, Y - 10)}
    figure = plots.panel_grid(
        [Panel("shots", "AUROC, %", lines)], 3, title="Few", note="A note."
    ).static()
    axes = panel(figure, "panel 0")
    np.testing.assert_array_equal(drawn(axes)["one"].get_data(), (X[[0, 2]], Y[[0, 2]]))
    (marks,) = [line for line in axes.lines if line.get_label() == "_printed"]
    np.testing.assert_array_equal(marks.get_ydata(), Y + 1)
    assert marks.get_markerfacecolor() == "none"
    bars = axes.collections[0].get_segments()
    np.testing.assert_array_equal(bars[0][:, 1], [58, 62])
    styles = [
        (to_hex(one.get_color()), one.get_marker(), str(one._dash_pattern))
        for one in drawn(axes).values()
    ]
    assert all(len(set(cue)) == 2 for cue in zip(*styles, strict=True))
    assert {"Few", "A note.", "one", "other", "printed in the paper"} <= set(
        printed(figure).split("\n")
    )
    inside(figure)


def test_panels_of_one_quantity_share_their_scale_and_a_line_its_colour(panel):
    first = Panel("x", "AUROC", {"a": Line(X, X), "b": Line(X, X)})
    second = Panel("x", "AUROC", {"b": Line(X, 10 * X)})
    third = Panel("x", "PRO", {"b": Line(X, X)})
    figure = plots.panel_grid([first, second, third], 2).static()
    axes = [panel(figure, f"panel {number}") for number in range(3)]
    assert axes[0].get_ylim() == axes[1].get_ylim() != axes[2].get_ylim()
    assert axes[0].get_ylim()[1] > 50
    assert len({drawn(one)["b"].get_color() for one in axes}) == 1


def test_named_places_that_lie_too_close_lose_their_name(panel):
    places = {100.0: "100", 1.0: "1", 95.0: "95"}  # in any order
    axes = panel(
        plots.panel_grid([Panel("x", "y", {"a": Line(X, X)}, ticks=places)], 1).static(), "panel 0"
    )
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "95", ""]
    axes = panel(
        plots.panel_grid([Panel("x", "y", {"a": Line(X, X)}, ticks={1: "a", 2: "b"})], 1).static(),
        "panel 0",
    )
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b"]


def test_places_without_order_are_not_joined_and_a_level_is_named(panel, printed, inside):
    one = Panel(
        "level",
        "AUROC",
        {"a": Line(X, X)},
        ticks={1: "first\n0 to 1"},
        reference=("default", 3.5),
        joined=False,
    )
    figure = plots.panel_grid(
        [one],
        1,
        title="A long title that needs more than a single line on so narrow a page as this",
    ).static()
    axes = panel(figure, "panel 0")
    assert drawn(axes)["a"].get_linestyle() == "None"
    (level,) = [line for line in axes.lines if line.get_label() == "_reference"]
    assert list(level.get_ydata()) == [3.5, 3.5]
    assert "default" in printed(figure)
    inside(figure)


def test_a_panel_without_values_says_so(panel, printed):
    figure = plots.panel_grid([Panel("x", "y", {"a": Line(X, np.full(3, np.nan))})], 1).static()
    assert "no results yet" in printed(figure)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="needs panels"):
        plots.panel_grid([], 2)
    with pytest.raises(ValueError, match=r"spread must have the shape \(3,\)"):
        Line(X, Y, np.zeros(2))
