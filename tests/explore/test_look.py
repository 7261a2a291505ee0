"""One visual language: docs/visual-language.md, held to the explorers and to their source."""

import base64
import io
import re
import tokenize
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest
from bank_data import small_bank, small_category
from ipywidgets.widgets.domwidget import DOMWidget
from PIL import Image

from adviz import Prediction, explore, plots, tables
from adviz.explore.kit import bundle, theme
from adviz.explore.kit.texts import NO_TRUTH
from adviz.explore.kit.view import View
from adviz.plots import StaticFigure, style

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/visual-language.md").read_text()
SOURCES = sorted((ROOT / "adviz/explore").rglob("*.py"))
COLOUR = re.compile(
    r"#[0-9A-Fa-f]{3,8}\b|\brgba?\(\d"
    r"|(?:color|background|fill|stroke|solid)['\":= ]+(?:white|black)\b"
)


# Explorers whose pages the kernel draws, and those that draw themselves in the browser
OLD = ("pro", "coreset", "deviations", "tables", "training")
NEW = ("results", "retrieval", "thresholds", "compare", "layers")
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
    made = {name: getattr(explore, name)(one, found) for name in ("pro", *NEW)}
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


every = pytest.mark.parametrize("name", [*OLD, *NEW])
old = pytest.mark.parametrize("name", OLD)


def parts(widget):
    """Return a widget and all that it shows."""
    return [widget, *(one for child in getattr(widget, "children", ()) for one in parts(child))]


def of_class(view, name):
    return [one for one in parts(view) if isinstance(one, DOMWidget) and name in one._dom_classes]


def strings(path):
    """Return a source file without comments and docstrings, which the page does not show."""
    found = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return " ".join(
        t.string for t in found if t.type != tokenize.COMMENT and not t.string.startswith('"""')
    )


@old
def test_every_explorer_has_the_one_style_sheet_and_the_parts_of_a_page(views, name):
    view = views[name]
    assert "adviz-explorer" in view._dom_classes
    for part in ("sheet", "controls", "status", "busy", "stop", "view"):
        assert len(of_class(view, f"adviz-{part}")) == 1, part
    sheets = [
        one.value for one in parts(view) if isinstance(one, widgets.HTML) and "<style" in one.value
    ]
    assert sheets == [f"<style>{theme.SHEET}</style>"]


@old
def test_an_error_is_marked_until_something_is_shown_again(views, name, monkeypatch):
    view = views[name]
    (status,) = of_class(view, "adviz-status")

    def broken(_self):
        raise ValueError("no <such> thing")

    with monkeypatch.context() as patch:
        patch.setattr(type(view), "_draw", broken)
        view._redraw()
    assert status.value == "Error: ValueError: no &lt;such&gt; thing"
    assert "adviz-error" in status._dom_classes
    view._redraw()
    assert "adviz-error" not in status._dom_classes
    assert not view.status.startswith("Error")


@old
def test_work_looks_alike(views, name):
    view = views[name]
    view._tell("metrics: layers 40%")
    assert view._busy.layout.display is None
    assert view._progress.value == "computing metrics: layers 40%"
    view._tell("")
    assert view._busy.layout.display == "none"


def labels():
    """Return the labels that the guide's last table lists."""
    lines = GUIDE[GUIDE.index("| control | labels |") :].splitlines()[2:]
    return {text.strip() for line in lines for text in line.split("|")[2].split(",")}


def described(view):
    """Return the labels of a view's controls.

    But for those that data name and buttons with a sign.
    """
    data = {"layer1", "layer2", "layers", "\N{MULTIPLICATION SIGN}", "◀", "▶", "▲", "▼", ""}
    found = {one.description for one in parts(view) if hasattr(one, "description")} - data
    return {text for text in found if not re.match(r"run |nothing missing|k: 1", text)}


def labels_in_scripts():
    """Return the labels of the guide that stand in the explorers' scripts as texts."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in JAVASCRIPT.glob("*.js"))
    return {label for label in labels() if f'"{label}"' in text}


def test_every_control_has_a_label_of_the_guide(views):
    found = {text for name in OLD for text in described(views[name])}
    assert found <= labels()
    assert labels() - found - labels_in_scripts() == set()


@pytest.mark.parametrize("name", NEW)
def test_the_explorers_of_the_browser_share_one_frame_and_style(views, name):
    view = views[name]
    assert view._css == bundle.styles()
    assert view._css.startswith((JAVASCRIPT / "base.css").read_text(encoding="utf-8"))
    frame = (JAVASCRIPT / "explorer.js").read_text(encoding="utf-8")
    for part in ("explorer", "controls", "line", "status", "busy", "error"):
        assert f"av-{part}" in frame, part
        assert f".av-{part}" in view._css, part
    module = (JAVASCRIPT / view.MODULE).read_text(encoding="utf-8")
    assert 'from "./explorer.js"' in module
    assert "el.append" not in module


SELECTOR = re.compile(r"(?:^|\})\s*([^{}@]+)\{")


def test_styles_hold_inside_an_explorer_alone():
    """Every selector names the explorer's own classes: others would change the whole page."""
    sheet = re.sub(r"/\*.*?\*/", "", bundle.styles(), flags=re.DOTALL)
    strange = []
    for selectors in SELECTOR.findall(sheet):
        for selector in re.split(r",(?![^()]*\))", selectors):
            name = selector.strip()
            is_step = re.fullmatch(r"from|to|\d+%", name)  # of a movement
            if ".av-" not in name and not is_step:
                strange.append(name)
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


def test_the_same_control_has_the_same_label_everywhere(views):
    named = {}
    for view in views.values():
        for one in parts(view):
            for part in getattr(one, "_dom_classes", ()):
                if getattr(one, "description", "") and part.startswith("adviz-"):
                    named.setdefault(part, set()).add(one.description)
    # The bank's images are others than all else's
    training = {"adviz-image": {"image", "training image"}}
    assert {part: found for part, found in named.items() if len(found) > 1} == training
    assert {"adviz-category", "adviz-detector", "adviz-defect"} < set(named)


@pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: path.relative_to(ROOT / "adviz/explore").as_posix()
)
def test_colours_are_named_in_the_style_modules_alone(path):
    if path.name != "theme.py":
        assert COLOUR.findall(strings(path)) == []


def test_widgets_take_their_colours_from_the_theme_or_name_them():
    folder = ROOT / "adviz/explore/widgets"
    for path in folder.glob("*.css"):
        assert COLOUR.findall(re.sub(r"var\(--jp-[\w-]+, #\w+\)", "", path.read_text())) == [], (
            path.name
        )
    for path in folder.glob("*.js"):
        lines = [
            line for line in path.read_text().splitlines() if not re.match(r"const [A-Z]+ = ", line)
        ]
        assert [line for line in lines if COLOUR.search(line.replace("rgb(${", ""))] == [], (
            path.name
        )


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


def test_figures_in_the_page_have_its_ink_and_paper():
    figure, axes = style.static_chart("a <title>", "x", "y", label="one")
    axes.plot([0, 1], [0, 1], color=style.BLUE, label="line")
    axes.bar([0], [1], color=style.UNLABELLED, edgecolor=style.PAPER, hatch="/")
    axes.legend()
    drawn = theme.svg(figure, text="a <chart>", width=300)
    assert isinstance(figure, StaticFigure)
    assert drawn.startswith(
        "<svg class='adviz-figure adviz-drawn' role='img' aria-label='a &lt;chart&gt;' "
        "style='width:300px'"
    )
    assert drawn.rstrip().endswith("</svg>")
    assert "<style" not in drawn  # it would hold for the whole page
    left = {colour.upper() for colour in re.findall(r"#[0-9A-Fa-f]{6}(?=[;\"])", drawn)}
    assert left == {style.BLUE, style.UNLABELLED}
    assert drawn.count("currentColor") > 10
    assert theme.PAPER in drawn
    assert "a &lt;title&gt;" in drawn


def test_a_figure_in_the_page_leaves_matplotlib_as_it_was():
    import matplotlib as mpl

    before = mpl.rcParams["svg.fonttype"], mpl.rcParams["svg.hashsalt"]
    figure = plots.loss_curve(np.array([2.0, 1.0]))
    ids = re.compile(r"\b[a-z]?[0-9a-f]{10}\b")  # every drawing has its own
    first = ids.sub("", theme.svg(figure, text="loss"))
    assert ids.sub("", theme.svg(figure, text="loss")) == first
    assert (mpl.rcParams["svg.fonttype"], mpl.rcParams["svg.hashsalt"]) == before


@pytest.mark.parametrize("name", ["pro"])
def test_what_is_missing_is_a_note(tmp_path, name):
    one = small_category(tmp_path, masks=False)
    rng = np.random.default_rng(0)
    layers = {"layer1": rng.random((4, 4, 4))}
    view = getattr(explore, name)(one, Prediction(rng.random(4), rng.random((4, 32, 32)), layers))
    view.wait(60)
    view.image = 2
    assert isinstance(view, View)
    assert NO_TRUTH in view._page.value
    assert re.search(
        r"class='adviz-(remark|small)'[^>]*>[^<]*There is no ground truth", view._page.value
    )


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
