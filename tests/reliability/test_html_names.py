"""Names that come from files, folders and people are text in every page, never markup."""

import re
from html.parser import HTMLParser

import ipywidgets as widgets
import numpy as np
import plotly.io
import pytest
from conditions import small_features, small_tree
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from adviz import SPADE, Features, PatchCore, Prediction, evaluate, explore, metrics, plots
from adviz.app import notebook_html as pages
from adviz.explore.kit import bundle as bundling

# Ends an attribute in either kind of quotes and the tag it stands in, and begins an element of its
# own. A reader sees these very characters: "&lt;" is no "<" to him.
EVIL = """'"><evil onx='y'>&lt;"""
TAGS = {
    "b",
    "br",
    "caption",
    "circle",
    "code",
    "details",
    "div",
    "figure",
    "g",
    "i",
    "img",
    "line",
    "path",
    "polygon",
}
TAGS |= {
    "polyline",
    "pre",
    "rect",
    "small",
    "span",
    "summary",
    "svg",
    "table",
    "tbody",
    "td",
    "text",
    "th",
    "thead",
}
TAGS |= {"title", "tr", "style", "p", "a", "clippath", "defs", "use", "tspan"}
VALUES = {"style", "class", "src", "alt", "title", "role", "id", "type"}


class Page(HTMLParser):
    """Collects the elements, attributes and texts of a page, as a browser would find them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.texts.append(data)


def check(text, *, names=1):
    """Assert that a page holds nothing but our elements, and the evil name as text at least so many
    times.
    """
    page = Page(text)
    assert page.tags <= TAGS, page.tags - TAGS
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    addresses = [value for name, value in page.attributes if name in ("src", "href", "xlink:href")]
    assert all(
        value.startswith(("data:image/", "#")) or value.endswith(".json") for value in addresses
    ), addresses
    # Of reprs
    said = [
        one.replace("\\'", "'")
        for one in page.texts + [value or "" for _, value in page.attributes]
    ]
    seen = sum(EVIL in one for one in said)
    # what remains of a name that was broken up: its end, without its beginning
    assert not [one for one in said if "&lt;" in one.replace(EVIL, "")], said
    assert seen >= names, f"the name was to be read {names} times, and was {seen} times"
    return page


def html_of(view):
    """Return the values of all HTML widgets of a view, wherever they lie in it."""
    found, todo = [], [view]
    while todo:
        one = todo.pop()
        if isinstance(one, widgets.HTML | widgets.HTMLMath):
            found.append(one.value)
        assert not getattr(one, "description_allow_html", False), one
        todo += list(getattr(one, "children", ()))
    return found


@pytest.fixture(scope="module")
def category(tmp_path_factory):
    """Folders, files, defect and category are all called so; a mask's name follows."""
    root = tmp_path_factory.mktemp("data") / EVIL
    return small_tree(root, stem=EVIL, defect=EVIL)


@pytest.fixture(scope="module")
def bank(category):
    train, test = small_features(4), small_features(4, seed=1, defect=2)
    layers = [
        Features({EVIL: f["layer2"], "layer3": f["layer3"]}, image_size=(32, 32))
        for f in (train, test)
    ]
    detector = PatchCore(layers=(EVIL, "layer3"), coreset=0.5, sigma=1).fit(layers[0])
    spade = SPADE(
        layers=(EVIL,), image_layers=("layer3",), k_images=3, k_images_score=3, sigma=1
    ).fit(layers[0])
    return (
        detector,
        detector.predict_coreset_sizes(layers[1], [0.25, 0.5]),
        spade.predict(layers[1]),
    )


@pytest.fixture(scope="module")
def predictions(category, bank):
    """By name: one with neighbours and layers, one without."""
    _, budgets, retrieved = bank
    score = np.array([0.1, 0.9, 0.8, 0.2])
    bare = Prediction(
        score, score[:, None, None] * np.random.default_rng(0).random((4, 32, 32)), detector=EVIL
    )
    return {EVIL: budgets[0.5], f"other {EVIL}": retrieved, "bare": bare}


def opened(view, *, pick=True):
    """Wait for a view, and go through its detectors, images and a pixel; return all pages that were
    seen.
    """
    view.wait(120)
    pages = [*html_of(view)]
    for detector in getattr(getattr(view, "_detector", None), "options", ()):
        view.detector = detector
        view.wait(120)
        for image in (0, 3):
            view.image = image
            if pick and hasattr(view, "select"):
                view.select(10, 12)
            view.wait(120)
            pages += html_of(view)
    return pages


def check_all(pages, names):
    for text in pages:
        check(text, names=0)
    check("".join(pages), names=names)


@pytest.mark.parametrize("name", ["results", "retrieval", "compare", "thresholds", "pro", "layers"])
def test_exported_pages(category, predictions, name, tmp_path):
    if name == "layers":
        predictions = {key: one for key, one in predictions.items() if key != "bare"}
    view = getattr(explore, name)(category, predictions)
    page = Page(view.export(tmp_path / "page.html").read_text())
    assert "evil" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert sum(EVIL in text for text in page.texts) >= 2  # title and heading
    view.close()


def test_explorers_in_the_browser_write_text_and_no_markup():
    for path in bundling.FOLDER.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", text), path


def test_explorer_of_the_coreset(category, bank, tmp_path):
    detector, budgets, _ = bank
    view = explore.coreset(category, {EVIL: detector.trace_}, {EVIL: budgets})
    view.picked, view.chosen = 1, [1, 2, 3]
    page = Page(view.export(tmp_path / "page.html").read_text())
    assert "evil" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert sum(EVIL in text for text in page.texts) >= 2  # title and heading


def test_errors_in_the_status_line(category):
    def fails():
        raise ValueError(EVIL)

    view = explore.results(category, {EVIL: fails})
    view.wait(120)
    assert view.error == f"Error: ValueError: {EVIL}"


def test_reprs_of_results_detectors_and_predictions(category, predictions, bank):
    prediction = Prediction(
        np.arange(4.0), detector=EVIL, backbone=EVIL, layer_maps={EVIL: np.zeros((4, 2, 2))}
    )
    check(prediction._repr_html_(), names=1)
    result = evaluate(prediction, category.test)
    result.reasons["pro"] = EVIL
    check(result._repr_html_(), names=2)
    check(bank[0]._repr_html_(), names=1)


def test_a_page_with_plotly_figures_cannot_be_broken_out_of():
    """plotly draws names itself, without scripts; what must not happen is that one ends the script
    of the page.
    """
    evil = f"</script>{EVIL}"
    curve = metrics.roc_curve(np.arange(4.0), np.array([0, 0, 1, 1]))
    chart = plots.curves_chart({"roc": {evil: curve}}, title=evil)
    page = plotly.io.to_html(chart.figure, include_plotlyjs=False, full_html=False)
    assert Page(page).tags == {"div", "script"}
    assert page.count("</script>") == page.count("<script")
    assert "&lt;evil" in page  # it is there, as text


def test_a_notebook_page_shows_names_as_text(tmp_path):
    """What `adviz demo --html` writes: outputs of our own are escaped, and texts by nbconvert."""
    prediction = Prediction(np.arange(2.0), detector=EVIL, layer_maps={EVIL: np.zeros((2, 2, 2))})
    outputs = [
        new_output(
            "execute_result",
            {"text/html": prediction._repr_html_(), "text/plain": repr(prediction)},
        ),
        new_output("stream", text=EVIL),
    ]
    cells = [new_code_cell("prediction", outputs=outputs), new_markdown_cell("# results")]
    page = Page(pages.to_html(new_notebook(cells=cells), EVIL, tmp_path))
    assert "evil" not in page.tags
    assert not [name for name, _ in page.attributes if name == "onx"]
    assert sum(EVIL in text for text in page.texts) >= 3  # the title, the prediction and the stream
