"""Sheets of curves and histograms, and points in the plane."""

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from adviz import plots

RNG = np.random.default_rng(0)
CURVES = {"roc": ([0, 0, 1], [0, 0.8, 1]), "precision_recall": ([0, 0.5, 1], [1, 1, 0.6])}
KINDS = ("at F1", "at full recall")


def test_a_sheet_of_curves_has_a_row_for_each_method(panel, printed, inside):
    names = [f"category {number}" for number in range(15)]
    curves = {
        method: {name: CURVES for name in names} for method in ("SPADE", "PatchCore, coreset=25%")
    }
    errors = {method: {name: (2.0, 4.0) for name in names} for method in curves}
    figure = plots.curve_sheet(curves, errors, KINDS, title="Curves").static()
    for method in curves:
        axes = panel(figure, f"{method} roc")
        assert len(axes.lines) == 15
        np.testing.assert_array_equal(axes.lines[3].get_data(), CURVES["roc"])
        cues = {(line.get_color(), str(line._dash_pattern)) for line in axes.lines}
        assert len(cues) == 15  # told apart
        bars = panel(figure, f"{method} errors").patches
        assert [bar.get_width() for bar in bars] == [2.0] * 15 + [4.0] * 15
    first, second = (panel(figure, f"{method} roc").lines[7].get_color() for method in curves)
    assert first == second
    assert set(KINDS) <= set(printed(figure).split("\n"))
    inside(figure)


def test_a_category_that_one_method_lacks_keeps_its_place(panel):
    curves = {"a": {"x": CURVES, "y": CURVES}, "b": {"y": CURVES}}
    figure = plots.curve_sheet(curves, {"a": {"x": (1, 2), "y": (np.nan, 5)}}, KINDS).static()
    lines = panel(figure, "b roc").lines
    assert len(lines[0].get_xdata()) == 0
    assert lines[1].get_color() == panel(figure, "a roc").lines[1].get_color()
    assert [bar.get_width() for bar in panel(figure, "a errors").patches] == [1, 0, 2, 5]
    with pytest.raises(ValueError, match="one or two kinds"):
        plots.curve_sheet({}, {}, KINDS)


def test_histograms_count_every_image_once(panel, printed, inside):
    scores = {
        name: (RNG.normal(size=30) * scale, np.arange(30) % 2)
        for name, scale in (("a", 1), ("b", 100))
    }
    figure = plots.histogram_sheet(scores, areas={"a": 0.987}, bins=7, title="Scores").static()
    for name in scores:
        axes = panel(figure, name)
        assert axes.get_xlim() == (-0.02, 1.02)
        heights = [patch.get_height() for patch in axes.patches if isinstance(patch, Rectangle)]
        assert sum(heights) == 30
    assert "a: AUROC 0.987" in printed(figure)
    assert "b" in printed(figure).split("\n")
    inside(figure)
    with pytest.raises(ValueError, match="at least one category"):
        plots.histogram_sheet({})
    with pytest.raises(ValueError, match="a label for each"):
        plots.histogram_sheet({"a": (np.zeros(3), np.zeros(2))})


def test_chosen_points_are_marked(panel, printed, inside):
    clouds = {"even": RNG.uniform(size=(50, 2)), "far": RNG.normal(size=(40, 2)) * 9 + 100}
    chosen = {
        s: {name: np.array([0, 7, 9]) + shift for name in clouds}
        for shift, s in enumerate(("greedy", "random"))
    }
    figure = plots.sampling_panels(
        clouds, chosen, {"greedy": {"even": "radius 0.1"}}, title="Points"
    )
    axes = panel(figure, "random, far")
    points, marks = axes.collections
    np.testing.assert_array_equal(points.get_offsets(), clouds["far"])
    np.testing.assert_array_equal(marks.get_offsets(), clouds["far"][[1, 8, 10]])
    assert axes.get_xlim() == panel(figure, "greedy, far").get_xlim()
    assert np.ptp(axes.get_xlim()) == pytest.approx(np.ptp(axes.get_ylim()))
    assert "radius 0.1" in printed(figure)
    inside(figure)
    with pytest.raises(ValueError, match="from 0 to 49"):
        plots.sampling_panels(clouds, {"greedy": {"even": np.array([50]), "far": np.array([0])}})
    with pytest.raises(ValueError, match=r"\(M, 2\) points"):
        plots.sampling_panels({"even": np.zeros((3, 3))}, {})
