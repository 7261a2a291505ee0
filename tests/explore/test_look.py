"""One visual language: docs/visual-language.md, held to the explorers and to their source."""

import base64
import io
import re
import tokenize
from pathlib import Path

import numpy as np
import pytest
from bank_data import small_bank, small_category
from PIL import Image

from adviz import Prediction, explore, tables
from adviz.explore.kit import bundle
from adviz.plots import style

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/visual-language.md").read_text()
SOURCES = sorted((ROOT / "adviz/explore").rglob("*.py"))
COLOUR = re.compile(
    r"#[0-9A-Fa-f]{3,8}\b|\brgba?\(\d"
    r"|(?:color|background|fill|stroke|solid)['\":= ]+(?:white|black)\b"
)


NAMES = (
    "results",
    "retrieval",
    "thresholds",
    "compare",
    "layers",
    "pro",
    "coreset",
    "deviations",
    "tables",
    "training",
)
JAVASCRIPT = ROOT / "adviz/explore/js"


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """Return every explorer by name."""
    one, bank = small_category(tmp_path_factory.mktemp("data")), small_bank()
    rng, size = np.random.default_rng(0), (len(one.test), 32, 32)
    layers = {
        name: rng.random((len(one.test), cells, cells))
        for name, cells in (("layer1", 8), ("layer2", 4))
    }
    found = {
        name: Prediction(rng.random(len(one.test)), rng.random(size), layers)
        for name in ("PaDiM", "SPADE")
    }
    made = {name: getattr(explore, name)(one, found) for name in NAMES[:6]}
    made["coreset"] = explore.coreset(
        {"plate": one}, {"plate": bank.traces}, {"plate": bank.predictions}
    )
    made["deviations"] = explore.deviations(
        {"plate": one}, {"code": {"k": (1, 2)}}, lambda _name, _options: found["PaDiM"]
    )
    setting = tables.reduced(("bottle",), every=8, scale=0.25)
    made["tables"] = explore.tables(tables.Book(setting, tmp_path_factory.mktemp("rows")))
    made["training"] = explore.training(3)
    for view in made.values():
        view.wait(60)
    yield made
    for view in made.values():
        view.close()


every = pytest.mark.parametrize("name", NAMES)


def strings(path):
    """Return a source file without comments and docstrings, which the page does not show."""
    found = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return " ".join(
        t.string for t in found if t.type != tokenize.COMMENT and not t.string.startswith('"""')
    )


@every
def test_the_explorers_of_the_browser_share_one_frame_and_style(views, name):
    view = views[name]
    assert view._css == bundle.styles()
    assert view._css.startswith((JAVASCRIPT / "base.css").read_text(encoding="utf-8"))
    frame = (JAVASCRIPT / "explorer.js").read_text(encoding="utf-8")
    for part in ("explorer", "controls", "line", "status", "busy", "error"):
        assert f"av-{part}" in frame, part
        assert f".av-{part}" in view._css, part
    module = (JAVASCRIPT / view.MODULE).read_text(encoding="utf-8")
    assert re.search(r'from "\./(explorer|images)\.js"', module)
    assert "el.append" not in module


BLOCK = re.compile(r"([^{};]*)([{}])")


def selectors_of(sheet):
    """Return every selector with those that it is nested in."""
    found, outer = [], []
    for text, brace in BLOCK.findall(re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)):
        if brace == "}":
            outer.pop()
            continue
        outer.append("" if text.strip().startswith("@") else text.strip())
        if outer[-1]:
            found += [" ".join([*outer[:-1], one]) for one in re.split(r",(?![^()]*\))", outer[-1])]
    return found


def test_styles_hold_inside_an_explorer_alone():
    """Every selector names the explorer's own classes: others would change the whole page."""
    strange = []
    for selector in selectors_of(bundle.styles()):
        is_step = re.fullmatch(r"from|to|\d+%", selector.strip())  # of a movement
        if ".av-" not in selector and not is_step:
            strange.append(selector)
    assert strange == []


# Marks on photographs, which have no theme: black and white together, see the guide
ON_PHOTOGRAPHS = re.compile(r"#(000|fff){1,2}|#0003|rgb\((0 0 0|255 255 255)( / [\d.]+)?\)")
IN_SCRIPTS = re.compile(r"#[0-9A-Fa-f]{3,8}\b|rgba?\(\d[^)]*\)")


def colours_of(path):
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {found.lower() for found in IN_SCRIPTS.findall(re.sub(r"(?m)^\s*//.*$", "", text))}


@pytest.mark.parametrize(
    "path",
    sorted([*JAVASCRIPT.glob("*.css"), *JAVASCRIPT.glob("*.js")]),
    ids=lambda path: path.name,
)
def test_scripts_and_styles_take_their_colours_from_two_files(path):
    if path.name in ("base.css", "colours.js", "page.css"):
        return
    strange = {one for one in colours_of(path) if not ON_PHOTOGRAPHS.fullmatch(one)}
    assert strange == set()


def test_figures_on_paper_and_in_the_browser_have_the_same_colours():
    sheet = (JAVASCRIPT / "base.css").read_text(encoding="utf-8").upper()
    for colour in (style.BLUE, style.VERMILLION, style.ORANGE):
        assert colour.upper() in sheet


@pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: path.relative_to(ROOT / "adviz/explore").as_posix()
)
def test_colours_are_named_in_the_style_modules_alone(path):
    assert COLOUR.findall(strings(path)) == []


def test_the_colour_pattern_finds_what_it_is_for():
    for text in (
        "border:3px solid #000",
        "fill='#FFFFFF'",
        "background:white",
        "rgb(1, 2, 3)",
        "color: black",
    ):
        assert COLOUR.search(text), text
    assert not COLOUR.search("the white paper, a black frame, &#x27;")


def test_per_cent_are_written_in_one_way():
    for path in SOURCES:
        assert re.findall(r"\} %|\d %(?=[\"' ,.])", strings(path)) == [], path.name


def mimebundle(view):
    """Return what a notebook stores of a view, without its metadata."""
    found = view._repr_mimebundle_()
    return found[0] if isinstance(found, tuple) else found


@every
def test_a_page_without_widgets_shows_what_static_draws(views, name):
    view = views[name]
    stored = mimebundle(view)
    assert {"text/plain", "application/vnd.jupyter.widget-view+json"} <= set(stored)
    picture = base64.b64decode(stored["image/jpeg"])
    if name == "retrieval":  # below the map
        height = Image.open(io.BytesIO(view.static()._repr_jpeg_())).height
        assert Image.open(io.BytesIO(picture)).height > height
    else:
        assert picture == view.static()._repr_jpeg_()


@every
def test_without_a_picture_there_is_the_widget_and_its_text(views, name, monkeypatch):
    view = views[name]

    def nothing_to_draw():
        raise ValueError("nothing to draw yet")

    monkeypatch.setattr(view, "static", nothing_to_draw)
    stored = mimebundle(view)
    assert "image/jpeg" not in stored
    assert type(view).__name__ in stored["text/plain"]
