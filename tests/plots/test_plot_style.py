import io
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import plotly.io
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure
from PIL import Image

from adviz.plots import StaticFigure, style


def test_jupyter_shows_the_figure_without_pyplot_or_magic():
    data, _ = DisplayFormatter().format(StaticFigure(2, 1))
    assert data["image/jpeg"].startswith(b"\xff\xd8")
    assert not {"image/jpeg", "image/png"} & set(DisplayFormatter().format(Figure())[0]), (
        "a plain Figure would do"
    )


def test_the_picture_has_the_stated_size_and_white_paper_whatever_the_users_settings():
    with mpl.rc_context(
        {
            "figure.facecolor": "black",
            "savefig.bbox": "tight",
            "savefig.dpi": 30,
            "figure.autolayout": True,
        }
    ):
        jpeg = StaticFigure(3, 2)._repr_jpeg_()
    pixels = np.asarray(Image.open(io.BytesIO(jpeg)))
    assert pixels.shape == (200, 300, 3)
    np.testing.assert_array_equal(pixels, 255)


def test_saves_for_papers(tmp_path):
    StaticFigure(2, 1).savefig(tmp_path / "figure.pdf")
    assert (tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("value", "span", "text"),
    [(3.91999, 4.0, "3.92"), (-0.08441, 4.0, "-0.08"), (1000.9, 0.9, "1000.900"),
     (2.5e-7, 1e-6, "2.5e-07"), (1234.6, 5000.0, "1235"), (12.34567, None, "12.35")],
)  # fmt: skip
def test_numbers_keep_what_tells_the_ends_of_a_scale_apart(value, span, text):
    assert style.number(value, span) == text


def test_long_texts_are_wrapped_and_end_in_an_ellipsis():
    lines = style.lines_of("word " * 100, inches=2, size=12)
    assert len(lines) == 2
    assert lines[-1].endswith("…")
    assert style.lines_of("", 2, 12) == []
    assert style.lines_of("one\ntwo", 2, 12) == ["one", "two"]


def test_panels_lie_in_the_page_and_do_not_overlap():
    page = style.Page(2, 3, 0.5, [0.4, 0.3], right=1.0, bottom=0.5)
    figure = StaticFigure(*page.size)
    boxes = [
        page.axes(figure, row, column, "").get_position() for row in range(2) for column in range(3)
    ]
    width, height = page.size
    for box in boxes:
        assert box.height * height == pytest.approx(box.width * width * 0.5)
        assert box.x0 >= 0
        assert box.x1 * width <= width - 1.0 + 1e-9  # rounding of a few products
        assert box.y0 * height >= 0.5 - 1e-9
    assert boxes[0].x1 < boxes[1].x0
    assert boxes[3].y1 < boxes[0].y0


def test_charts_ignore_the_users_template():
    before = plotly.io.templates.default
    try:
        plotly.io.templates.default = "plotly_dark"
        figure = style.chart("title", "x", "y")
    finally:
        plotly.io.templates.default = before
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "#FFFFFF"
    assert figure.layout.template.layout.paper_bgcolor is None


def test_pandas_is_whole_before_plotly_asks_for_it():
    """Plotly looks for pandas among the imported modules, and fails in the middle of its import."""
    code = """
import sys
from adviz.plots import style
style.chart("t", "x", "y")
print("pandas" in sys.modules)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "True\n"
