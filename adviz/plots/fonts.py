"""Texts of any alphabet in figures: fonts that have the letters, or the letters' code points."""

from __future__ import annotations

import re
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter

# A code point as `drawable` writes it; not a lone surrogate, which stands for no letter
CODE_POINT = re.compile(r"\\u(?!d[89a-f])[0-9a-f]{4}|\\U[0-9a-f]{8}")


def make_legible(figure: Figure) -> None:
    r"""Give every text of a figure fonts that have its letters, in place.

    Matplotlib's own font has no Chinese, Japanese or Korean. Where another installed font has a
    missing letter it is used for it; a letter that no installed font has is written as its code
    point, such as ``\u50b7``, so that names stay different from each other.
    """
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = [label.get_text() for label in axis.get_majorticklabels()]
            legible = [drawable(label) for label in labels]
            # The formatter writes the labels of ticks anew whenever the figure is drawn
            if legible != labels:
                axis.set_major_formatter(FixedFormatter(legible))
    for text in figure.findobj(Text):
        families = _families_for(text.get_text())
        text.set_text(drawable(text.get_text()))
        if families:
            text.set_fontfamily(["sans-serif", *families])


def drawable(text: str) -> str:
    """Replace the letters that no installed font has by their code points."""
    if text.isascii() and (text.isprintable() or "\n" in text):
        return text
    return "".join(letter if _is_drawable(letter) else _code_point(letter) for letter in text)


def restored(text: str) -> str:
    """Replace the code points of `drawable` by their letters, for browsers with their own fonts."""
    return CODE_POINT.sub(lambda code: code[0].encode().decode("unicode_escape"), text)


def _is_drawable(letter: str) -> bool:
    return letter == "\n" or ord(letter) in _standard() or bool(_family_with(letter))


def _code_point(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


def _families_for(text: str) -> list[str]:
    """Return the families that the letters of a text need beside the standard one."""
    if text.isascii():
        return []
    families = [_family_with(letter) for letter in text if ord(letter) not in _standard()]
    return [family for family in dict.fromkeys(families) if family]


@cache
def _family_with(letter: str) -> str:
    """Return the family of an installed font that has a letter, "" for none."""
    fonts = [font for font in fontManager.ttflist if not font.name.startswith("Last Resort")]
    for font in sorted(fonts, key=_preference):
        if ord(letter) in _letters_of(font.fname):
            return font.name
    return ""


def _preference(font: FontEntry) -> tuple[bool, bool, str]:
    """Return a sort key: sans serif and upright fonts first."""
    is_serif = "Sans" not in font.name and "Gothic" not in font.name
    return is_serif, font.style != "normal", font.name


def _standard() -> frozenset[int]:
    return _letters_of(findfont(FontProperties()))


@cache
def _letters_of(path: str) -> frozenset[int]:
    """Return the code points that a font file has glyphs for."""
    return frozenset(get_font(path).get_charmap())
