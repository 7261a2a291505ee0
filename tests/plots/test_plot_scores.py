import json

import numpy as np
import pytest

from adviz.plots import score_histogram as chart
from adviz.plots import score_strip

SCORES = np.array([0.0, 0.1, 0.2, 0.35, 0.7, 0.9, 1.0, 0.5])
LABELS = np.array([0, 0, 0, 1, 1, 1, 1, -1])


def score_histogram(*arrays, **options):
    return chart(*arrays, **options).figure


def score_histogram_static(*arrays, **options):
    return chart(*arrays, **options).static()


def bars(figure):
    return {trace.name: trace for trace in figure.data}


def test_every_image_is_counted_once_in_the_bar_that_holds_its_score():
    figure = score_histogram(SCORES, LABELS, bins=5)
    assert list(bars(figure)) == ["good (3)", "anomalous (4)", "unlabelled (1)"]
    for name, label in (("good (3)", 0), ("anomalous (4)", 1), ("unlabelled (1)", -1)):
        trace = bars(figure)[name]
        expected = np.histogram(SCORES[LABELS == label], np.linspace(0, 1, 6))[0]
        np.testing.assert_allclose(trace.x, np.linspace(0.1, 0.9, 5)[expected > 0])
        np.testing.assert_array_equal(trace.y, expected[expected > 0])
        np.testing.assert_allclose(trace.width, 0.2)


def test_groups_differ_by_more_than_colour():
    traces = score_histogram(SCORES, LABELS).data
    assert (
        len({trace.marker.color for trace in traces})
        == len({trace.marker.pattern.shape for trace in traces})
        == 3
    )


def test_absent_groups_are_not_in_the_legend():
    assert list(bars(score_histogram(SCORES[:3], LABELS[:3]))) == ["good (3)"]


@pytest.mark.parametrize("threshold", [0.35, 0.2, 0.55, 0.123456789])
def test_no_bar_mixes_both_sides_of_the_threshold(threshold):
    figure = score_histogram(SCORES, LABELS, bins=4, threshold=threshold)
    above = 0
    for trace in figure.data:
        centre, half = np.array(trace.x), np.array(trace.width) / 2
        low, high = centre - half, centre + half
        # Pages store five digits
        assert np.all((high <= threshold + 1e-4) | (low >= threshold - 1e-4))
        above += np.sum(trace.y, where=centre > threshold)
    assert above == np.sum(SCORES >= threshold)
    assert sum(sum(trace.y) for trace in figure.data) == len(SCORES)


def test_threshold_line_stands_at_its_value_and_says_it():
    figure = score_histogram(SCORES, LABELS, threshold=0.123456)
    (line,) = figure.layout.shapes
    assert (line.x0, line.x1) == (0.123456, 0.123456)
    (note,) = figure.layout.annotations
    assert (note.x, note.text) == (0.123456, "threshold 0.1235")
    assert score_histogram(SCORES, LABELS).layout.shapes == ()


def test_static_histogram_has_the_same_counts(panel, printed, inside):
    figure = score_histogram_static(
        SCORES, LABELS, bins=5, threshold=0.45, title="PatchCore on brick " * 8
    )
    axes = panel(figure, "histogram")
    bars = {container.patches[0].get_label(): container.patches for container in axes.containers}
    for trace in score_histogram(SCORES, LABELS, bins=5, threshold=0.45).data:
        assert [bar.get_height() for bar in bars[trace.name] if bar.get_height()] == list(trace.y)
    assert "threshold 0.45" in printed(figure)
    assert [line.get_xdata()[0] for line in axes.lines] == [0.45]
    inside(figure)


def test_constant_and_outlying_values_still_draw():
    assert sum(score_histogram(np.ones(4), np.zeros(4, int), threshold=1.0).data[0].y) == 4
    assert sum(
        sum(trace.y) for trace in score_histogram(SCORES, LABELS, threshold=50.0).data
    ) == len(SCORES)


def test_strip_has_one_dot_per_image_on_the_line_of_its_defect():
    defects = ["scratch", "good", "unlabelled", "bent", "good", "scratch", "bent", "good"]
    figure = score_strip(
        SCORES, defects, names=[f"{index}.png" for index in range(8)], threshold=0.4
    )
    assert [trace.name for trace in figure.data] == ["good", "bent", "scratch", "unlabelled"]
    assert list(figure.layout.yaxis.ticktext) == [
        "good (3)",
        "bent (2)",
        "scratch (2)",
        "unlabelled (1)",
    ]
    for line, trace in enumerate(figure.data):
        index = np.flatnonzero(np.array(defects) == trace.name)
        np.testing.assert_array_equal(trace.customdata, index)
        np.testing.assert_array_equal(trace.x, SCORES[index])
        assert list(trace.text) == [f"{i}.png" for i in index]
        assert np.all(np.abs(trace.y + line) <= 0.3)
    assert figure.layout.shapes[0].x0 == 0.4
    assert len({trace.marker.symbol for trace in figure.data}) == 4
    assert score_strip(SCORES, defects).data[0].text[0] == "image 1"


def test_charts_are_small_and_inputs_stay_as_they_were():
    scores, labels = SCORES.copy(), LABELS.copy()
    assert (
        len(
            json.dumps(score_histogram(scores, labels, threshold=0.3).to_plotly_json(), default=str)
        )
        < 10_000
    )
    score_strip(scores, ["good"] * 8)
    np.testing.assert_array_equal(scores, SCORES)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": np.ones((2, 4))}, r"scores must have shape \(N,\) .* got shape \(2, 4\)"),
        ({"scores": np.array([])}, r"N >= 1, got shape \(0,\)"),
        ({"scores": np.r_[SCORES[:7], np.nan]}, "1 of 8 values that are NaN"),
        ({"labels": LABELS[:5]}, r"labels must have the shape \(8,\) of scores, got shape \(5,\)"),
        ({"labels": LABELS + 1}, r"0 good, 1 anomalous or -1 unlabelled, got also \[2\]"),
        ({"threshold": np.inf}, "threshold must be finite, got inf"),
        ({"bins": 0}, "bins must be at least 1, got 0"),
    ],
)
def test_histogram_errors(change, message):
    arguments = {"scores": SCORES, "labels": LABELS, **change}
    with pytest.raises(ValueError, match=message):
        chart(**arguments)


def test_strip_errors():
    with pytest.raises(
        ValueError, match="defects must hold one entry for each of the 8 scores, got 1"
    ):
        score_strip(SCORES, ["good"])
    with pytest.raises(
        ValueError, match="names must hold one entry for each of the 8 scores, got 1"
    ):
        score_strip(SCORES, ["good"] * 8, names=["a"])
    with pytest.raises(ValueError, match="threshold must be finite, got nan"):
        score_strip(SCORES, ["good"] * 8, threshold=np.nan)
