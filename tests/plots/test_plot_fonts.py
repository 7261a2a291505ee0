"""Names of other alphabets in drawn figures.

Warnings, such as that of a missing glyph, are errors in all tests.
"""

import numpy as np
import pytest
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text

from adviz import plots
from adviz.app.report.drawings import svg
from adviz.plots import fonts

SCRATCH = "\u50b7"  # Japanese, and in no font that matplotlib brings
ONLY_IN_STIX = "\u20dd"  # in STIX, which matplotlib brings, and not in its standard font


def texts(figure):
    return {text.get_text(): text for text in figure.findobj(Text)}


def strip(*defects, title=""):
    return plots.score_strip_static(np.arange(float(len(defects))), defects, title=title)


@pytest.fixture
def no_more_fonts(monkeypatch):
    """Let only matplotlib's own fonts be installed."""
    own = [font for font in fonts.fontManager.ttflist if "mpl-data" in font.fname]
    monkeypatch.setattr(fonts.fontManager, "ttflist", own)
    fonts._family_with.cache_clear()
    yield
    fonts._family_with.cache_clear()


@pytest.mark.parametrize(
    "name", [SCRATCH, "标签", "결함", "ไทย", "\U0001f9ff", "a\tb", "Köln ≥ 1", "трещина"]
)
def test_names_of_any_alphabet_are_drawn_without_missing_glyphs(name, tmp_path):
    figure = strip("good", name, title=name)
    figure.savefig(tmp_path / "figure.png")
    figure.savefig(tmp_path / "figure.pdf")
    assert figure._repr_jpeg_()


@pytest.mark.usefixtures("no_more_fonts")
def test_letters_of_no_font_are_written_as_code_points(tmp_path):
    figure = strip("good", SCRATCH, title=f"a {SCRATCH}")
    figure.savefig(tmp_path / "figure.png")
    assert {"a \\u50b7", "\\u50b7 (1)", "good (1)"} <= set(texts(figure))


def test_letters_of_other_fonts_are_drawn_in_these():
    standard = get_font(findfont(FontProperties())).get_charmap()
    assert ord(ONLY_IN_STIX) not in standard
    figure = strip("good", ONLY_IN_STIX)
    figure._repr_jpeg_()
    label = texts(figure)[f"{ONLY_IN_STIX} (1)"]
    standard_family, added = label.get_fontfamily()
    assert standard_family == "sans-serif"
    assert ord(ONLY_IN_STIX) in get_font(findfont(FontProperties(added))).get_charmap()
    assert texts(figure)["good (1)"].get_fontfamily() == ["sans-serif"]


def test_drawing_again_changes_nothing():
    figure = strip("good", SCRATCH, title=SCRATCH)
    assert figure._repr_jpeg_() == figure._repr_jpeg_()


@pytest.mark.usefixtures("no_more_fonts")
def test_drawings_in_a_page_keep_the_letters_for_the_browsers_fonts():
    drawing = svg(strip("good", SCRATCH, title="<&>"), text="strip")
    assert f"{SCRATCH} (1)" in drawing
    assert "&lt;&amp;&gt;" in drawing
    assert "50b7" not in drawing


@pytest.mark.parametrize("text", ["plain", "\\udce9", "\\x09", "C:\\users"])
def test_only_code_points_are_turned_back_into_letters(text):
    assert fonts.restored(text) == text


@pytest.mark.parametrize("text", ["plain", "two\nlines", "Köln", SCRATCH, "\U0001f9ff!", "a\tb"])
def test_what_is_written_in_place_of_a_letter_is_drawable(text):
    assert fonts.drawable(fonts.drawable(text)) == fonts.drawable(text)
    assert fonts.drawable("two\nlines") == "two\nlines"


def test_lines_of_wide_letters_hold_fewer_of_them():
    narrow = plots.style.lines_of("a" * 40, 2, 12, most=9)
    wide = plots.style.lines_of(SCRATCH * 40, 2, 12, most=9)
    assert max(map(len, wide)) * 12 <= 2 * 72
    assert len(wide) > len(narrow)
