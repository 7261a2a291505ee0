import re

import numpy as np
import pytest

from adviz.explore.kit.svg import Chart


@pytest.fixture
def chart():
    return Chart((0, 10), (0, 1), names=("score <s>", "share"), size=(500, 300), left=60, top=20)


def test_points_lie_where_their_values_say(chart):
    assert chart.place(0, 0) == (60, 256)
    assert chart.place(10, 1) == (486, 20)
    assert chart.place(5, 0.5) == (273, 138)
    assert chart.place(99, -3) == (486, 256)  # beyond the axes: at their ends


def test_what_is_added_is_in_the_text_and_escaped(chart):
    chart.rule(5, "half & half")
    chart.path(np.array([0.0, 10]), np.array([0.0, 1]), "#654321", dash="dashed", fill_to=5)
    chart.dots([5], [0.5], ["image <1>"], "#111111", shape="diamond")
    chart.ring(5, 0.5)
    text = chart.svg("a 'chart'")
    parts = (
        "score &lt;s&gt;",
        "half &amp; half",
        "image &lt;1&gt;",
        "a &#x27;chart&#x27;",
        "60.0,256.0 486.0,20.0",
    )
    assert [part for part in parts if part not in text] == []
    assert "translate(273.0 138.0)" in text
    # the area under the line up to 5 is a triangle with its corner at (5, 0.5)
    assert "points='60.0,256.0 273.0,138.0 273.0,256.0 60.0,256.0'" in text


def test_axes_have_numbers():
    text = Chart((0, 1), (0, 2), names=("x", "")).svg("")
    across = ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert re.findall(r">([\d.]+)</text>", text)[: len(across)] == across
