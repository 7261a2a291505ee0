"""A chart and its twin on paper: the same numbers, what hover says, what a notebook stores."""

import base64
import io
import json

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image

from adviz import plots
from adviz.metrics import roc_curve
from adviz.plots import Line, Panel, interactive

RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1, -1], (20, 25, 3))
SCORES = LABELS + RNG.normal(size=48) * 0.6
ROC = roc_curve(SCORES[:45], LABELS[:45])
X = np.array([1.0, 2.0, 5.0])
PLOTLY = "application/vnd.plotly.v1+json"


def panels():
    one = Line(
        X,
        np.array([61.23, np.nan, 93.4]),
        np.array([2.0, np.nan, np.nan]),
        printed=np.array([60.0, 70.0, np.nan]),
        details=["coreset 10 %, 3 seeds", "", "coreset 50 %, 1 seed"],
    )
    ticks = {1.0: "one", 2.0: "two\nor so", 5.0: "five"}
    first = Panel("shots", "AUROC, %", {"A": one, "B": Line(X, X)}, ticks=ticks, joined=False)
    second = Panel("shots", "PRO, %", {"B": Line(X, 2 * X)}, reference=("default", 3.5))
    return plots.panel_grid([first, second], 2, title="Few shots", note="A note.")


def sheet():
    curves = {"SPADE": {"nut": {"roc": (ROC.x, ROC.y), "precision_recall": ([0, 1], [1, 0.5])}}}
    curves["PatchCore"] = {"pipe": {"roc": ([0, 0, 1], [0, 0.8, 1])}}
    errors = {"SPADE": {"nut": (2.0, 4.0)}, "PatchCore": {"pipe": (np.nan, 5.0)}}
    return plots.curve_sheet(curves, errors, ["at F1", "at full recall"], title="Curves")


CHARTS = {
    "panel_grid": panels,
    "curve_sheet": sheet,
    "curves_chart": lambda: plots.curves_chart({"roc": {"one": ROC}}, title="ROC"),
    "score_histogram": lambda: plots.score_histogram(SCORES, LABELS, threshold=0.5),
    "histogram_sheet": lambda: plots.histogram_sheet({"nut": (SCORES, LABELS)}, title="Scores"),
}


def on_paper(axes):
    """Return what the lines of a static panel show, (P, 2) each."""
    # Without caps of error bars, and level lines, which span the axes
    named = [
        line
        for line in axes.lines
        if line.get_label() == "_printed" or not line.get_label().startswith("_")
    ]
    lines = [np.transpose(line.get_data()) for line in named if len(line.get_xdata())]
    lines = [line[np.isfinite(line).all(axis=1)] for line in lines]
    return [line for line in lines if len(line)]


def with_hover(figure, number):
    """Return the same of the panel with this number, from 1."""
    axis = "y" if number == 1 else f"y{number}"
    lines = []
    for trace in figure.data:
        if trace.type == "scatter" and (trace.yaxis or "y") == axis and len(trace.x):
            points = np.array([trace.x, trace.y], float).T
            lines.append(points[np.isfinite(points).all(axis=1)])
    return [line for line in lines if len(line)]


def assert_alike(first, second):
    """Every line of one is a line of the other; pages store five digits."""
    assert len(first) == len(second)
    for line in first:
        alike = [other for other in second if other.shape == line.shape]
        assert any(np.allclose(line, other, rtol=1e-4, atol=1e-9) for other in alike), line


def test_lines_of_both_ways_have_the_same_numbers():
    chart = panels()
    for number, axes in enumerate(chart.static().axes, start=1):
        hover = [line for line in with_hover(chart.figure, number) if (line[:, 1] != 3.5).all()]
        assert_alike(on_paper(axes), hover)
    (bars,) = [trace.error_y.array for trace in chart.figure.data if trace.error_y.array]
    assert list(bars) == [2.0, None]
    (level,) = [trace for trace in chart.figure.data if trace.name == "default"]
    assert list(level.y) == [3.5, 3.5]


def test_curves_and_errors_of_both_ways_have_the_same_numbers():
    chart = sheet()
    figure = chart.static()
    for number, axes in enumerate(figure.axes, start=1):
        assert_alike(on_paper(axes), with_hover(chart.figure, number))
    bars = [trace for trace in chart.figure.data if trace.type == "bar"]
    for row, method in enumerate(("SPADE", "PatchCore")):
        (axes,) = [axes for axes in figure.axes if axes.get_label() == f"{method} errors"]
        widths = [bar.get_width() for bar in axes.patches]
        assert [*bars[2 * row].x, *bars[2 * row + 1].x] == widths
    assert "unknown at F1" in bars[2].text[1]
    assert "4 misclassified images at full recall" in bars[1].text[0]


@pytest.mark.parametrize("name", ["score_histogram", "histogram_sheet"])
def test_bars_of_both_ways_count_the_same_images(name):
    chart = CHARTS[name]()
    (axes,) = chart.static().axes
    for container, trace in zip(axes.containers, chart.figure.data, strict=True):
        heights = [bar.get_height() for bar in container.patches]
        assert [height for height in heights if height] == list(trace.y)
        lefts = [bar.get_x() for bar in container.patches if bar.get_height()]
        np.testing.assert_allclose(
            np.array(trace.x) - np.array(trace.width) / 2, lefts, rtol=1e-4, atol=1e-4
        )
    assert sum(sum(trace.y) for trace in chart.figure.data) == len(SCORES)


def test_the_hover_of_a_sheet_is_in_the_scores_own_unit():
    low, high = SCORES.min(), SCORES.max()
    figure = plots.histogram_sheet({"nut": (SCORES, LABELS)}, bins=4).figure
    good = next(trace for trace in figure.data if trace.name == "good")
    assert good.text[0] == f"nut<br>score {low:.4g} to {low + (high - low) / 4:.4g}"


def test_a_mark_says_its_line_value_spread_setting_and_what_is_printed():
    traces = {(trace.name, trace.xaxis): trace for trace in panels().figure.data}
    line, printed = traces["A", "x"], traces["printed in the paper", "x"]
    assert line.text[0].split("<br>") == [
        "<b>A</b>",
        "shots: one",
        "AUROC, %: 61.23 ± 2",
        "printed in the paper: 60",
        "coreset 10 %, 3 seeds",
    ]
    assert line.text[1].split("<br>")[1:] == [
        "shots: five",
        "AUROC, %: 93.4",
        "coreset 50 %, 1 seed",
    ]
    assert list(line.x) == [1, 5]
    assert list(printed.y) == [60, 70, None]
    assert printed.text[1].split("<br>")[1:3] == ["shots: two, or so", "printed in the paper: 70"]


def test_a_line_has_one_entry_in_the_legend_and_its_cues_on_paper():
    chart = panels()
    lines = [trace for trace in chart.figure.data if trace.name in ("A", "B")]
    assert [trace.showlegend for trace in lines] == [True, True, False]
    assert lines[1].line.color == lines[2].line.color
    assert lines[1].line.dash == lines[2].line.dash == "dash"
    assert lines[1].marker.symbol == lines[2].marker.symbol == "square"
    assert [trace.mode for trace in lines] == ["markers", "markers", "lines+markers"]
    assert len({trace.line.color for trace in lines}) == 2
    empty = plots.panel_grid([Panel("x", "y", {"a": Line(X, X * np.nan)})], 1).figure
    assert "no results yet" in empty.layout.annotations[0].text


def test_panels_of_one_quantity_share_their_scale_with_hover_as_on_paper():
    first = Panel("x", "AUROC", {"a": Line(X, X)}, logarithmic=True)
    second = Panel("x", "AUROC", {"a": Line(X, 10 * X)})
    chart = plots.panel_grid([first, second], 1)
    ranges = [axis.range for axis in chart.figure.select_yaxes()]
    assert ranges[0] == ranges[1]
    np.testing.assert_allclose(ranges[0], chart.static().axes[0].get_ylim(), rtol=1e-4)
    assert [axis.type for axis in chart.figure.select_xaxes()] == ["log", None]


def test_texts_are_shown_letter_by_letter():
    line = Line(X, X, details=["<b>", "&", "x" * 200])
    figure = plots.panel_grid([Panel("<x>", "y", {"<i>": line})], 1, title="<u>").figure
    assert figure.data[0].name == "&lt;i&gt;"
    assert "<br>&lt;b&gt;" in figure.data[0].text[0]
    assert max(map(len, figure.data[0].text[2].split("<br>"))) < 60  # a box that fits a panel
    assert figure.layout.xaxis.title.text == "&lt;x&gt;"
    assert figure.layout.title.text == "<b>&lt;u&gt;</b>"


def test_long_sheets_stay_small():
    n = 500
    labels = np.repeat([0, 1], n)
    curves = {}
    for method in range(3):
        curve = roc_curve(labels + RNG.normal(size=2 * n), labels)
        points = {"roc": (curve.x, curve.y)}
        curves[str(method)] = {f"category {number}": points for number in range(15)}
    figure = plots.curve_sheet(curves, {}, ["errors"]).figure
    assert sum(len(trace.x) for trace in figure.data if trace.type == "scatter") <= 6000
    ends = figure.data[15]
    assert (ends.x[0], ends.y[0], ends.x[-1], ends.y[-1]) == (0, 0, 1, 1)


@pytest.mark.parametrize("name", CHARTS)
def test_jupyter_stores_a_chart_with_hover_and_a_small_picture(name):
    chart = CHARTS[name]()
    data, _ = DisplayFormatter().format(chart)
    assert set(data) == {PLOTLY, "image/png", "text/plain"}
    assert data["text/plain"] == repr(chart) == f"Chart({chart.title!r})"
    assert len(json.dumps(data[PLOTLY])) < 30_000
    assert "bdata" not in json.dumps(data[PLOTLY])  # numbers can be read, and compared
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    figure = chart.static()
    assert picture.size == tuple(np.floor(figure.bbox.size).astype(int))
    assert len(data["image/png"]) < 60_000
    # In so few colours the picture is still the figure
    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi=100)
    wanted = np.asarray(Image.open(whole).convert("RGB").resize(picture.size), float)
    assert np.abs(np.asarray(picture.convert("RGB"), float) - wanted).mean() < 2
    assert set(chart._repr_mimebundle_(include=["image/png"])) == {"image/png"}
    assert set(chart._repr_mimebundle_(exclude=["image/png"])) == {PLOTLY}
    assert chart.static() is not chart.static()


def test_numbers_are_stored_with_five_digits_and_nothing_for_nan():
    assert interactive.plain([1.23456789, np.nan, np.inf]) == [1.2346, None, None]
    assert interactive.plain(np.array([123456, 7])) == [123456, 7]
