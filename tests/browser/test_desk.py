"""A desk in a file that is opened from disk, and in JupyterLab: every view, one state, a story."""

import inspect
import re

import checks
import driving
import explorer_data
import pytest
from driving import Driven, Exported, Live
from exports import with_changed_code
from lab_server import write_notebook
from pages import axe, opened_file
from playwright.sync_api import Error as PageError
from playwright.sync_api import expect
from test_keyboard import tab_to
from test_layers import prepared

from adviz import explore
from adviz.explore.desk import VIEWS

STEPS = [
    ("Four detectors look at one image.", {"image": 7}, lambda desk: desk.image == 7),
    ("A patch, and what it was compared with.", {"picked": [112, 56]}, lambda desk: desk.pixel),
    ("Another detector.", {"detector": "PaDiM", "views": ["compare"]}, lambda _desk: True),
]
VALUES = "names => names.map(name => globalThis.adviz.models[0].get(name))"
HISTORY = 100  # states
GESTURE = 800  # milliseconds: what changes the same traits within them is one step of undo


class OnDesk(Driven):
    """A desk, whose gallery is not the only one."""

    def thumbnails(self, *, chosen=False):
        return self.find(
            ".av-desk :is(.av-left, .av-desk-below) > .av-gallery "
            f"[role=option][aria-selected={str(chosen).lower()}]"
        )


def with_layers(predictions, layered):
    """Return predictions with one more of each category, which has two layers."""
    return {
        name: {**found, "both": layered[name]["PatchCore"]} for name, found in predictions.items()
    }


def desk(views=tuple(VIEWS)):
    made = explorer_data
    predictions = with_layers(made.predictions, prepared())
    return explore.desk(made.categories, predictions, views, traces=made.traces)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Return the file of a desk with every view."""
    return desk().export(tmp_path_factory.mktemp("desk") / "desk.html")


@pytest.fixture(scope="module")
def story_file(tmp_path_factory):
    """Return the file of a story."""
    told = explore.story(desk(["retrieval", "thresholds"]), STEPS)
    told.check()
    return told.export(tmp_path_factory.mktemp("story") / "story.html", title="A story")


@pytest.fixture(scope="module")
def page(chromium, file):
    with opened_file(chromium, file) as page:
        yield page


def driven_on(page):
    found = OnDesk(page.explorer(), Exported(page.browser))
    found.complete()
    return found


@pytest.fixture
def driven(page):
    found = driven_on(page)
    found.reset()
    yield found
    found.reset()
    problems = list(page.problems)
    page.problems.clear()
    assert problems == [], "what the page complains of"


@pytest.fixture
def told(chromium, story_file):
    with opened_file(chromium, story_file) as page:
        yield driven_on(page)


@pytest.mark.parametrize("check", checks.SHARED, ids=lambda check: check.__name__)
def test_it_answers_as_every_explorer(driven, check):
    check(driven)


# --- the views


def look_at(driven, view):
    """Show one view alone beside the picture, and return its pane."""
    driven.place.assign({"views": [view]})
    driven.until(lambda: shown(driven) == [view], f"the view {view} alone")
    driven.complete()
    return driven.find(f".av-pane-{view}")


def results_are_seen(driven):
    pane = look_at(driven, "results")
    pane.locator(".av-tile canvas").last.click(position={"x": 20, "y": 30})
    driven.until(lambda: driven.state("picked"), "a pick in a tile")
    row, column = driven.state("picked")
    expect(driven.find(".av-readout").first).to_contain_text(f"row {row}, column {column}")


def neighbours_are_looked_at(driven):
    pane = look_at(driven, "retrieval")
    driven.pick(112, 56)
    expect(pane.locator(".av-card-text").first).to_contain_text("14, 7")
    driven.slide("k", 2)
    driven.becomes(k=2, picked=[112, 56])
    pane.locator(".av-card-choose:not([hidden])").first.click()
    driven.until(lambda: driven.state("rank"), "a neighbour")


def detectors_are_compared(driven):
    pane = look_at(driven, "compare")
    driven.redraws(lambda: pane.locator("button.av-tile-title").filter(has_text="PaDiM").click())
    driven.becomes(detector="PaDiM")
    driven.redraws(lambda: driven.tick("relative"))
    expect(driven.find(".av-readout").first).to_contain_text("map / threshold")
    high = driven.find(".av-picture .av-scale input[type=range]").last
    driven.redraws(lambda: driven.press("ArrowLeft", high))
    (limits,) = driven.state("limits").values()
    expect(driven.find(".av-picture .av-scale-high")).to_have_text(re.compile(r"^1\.\d"))
    assert limits[0] < limits[1]


def the_threshold_is_set(driven):
    pane = look_at(driven, "thresholds")
    pane.locator("button.av-full").click()
    driven.until(lambda: driven.state("thresholds"), "a threshold")
    image = driven.state("image")
    pane.locator("button.av-next-error").click()
    driven.until(lambda: driven.state("image") != image, "an error")


def regions_are_gone_through(driven):
    pane = look_at(driven, "pro")
    driven.redraws(lambda: driven.tick("filled"))
    driven.becomes(filled=True)
    pane.locator("button.av-next-region").click()
    driven.until(lambda: driven.state("region") > 0, "a region")
    expect(pane.locator(".av-regions tr.av-chosen")).to_have_count(1)


def an_entry_of_the_bank_is_clicked(driven):
    pane = look_at(driven, "bank")
    driven.press("2")
    driven.becomes(detector="PatchCore")
    expect(pane).to_contain_text("are the nearest of its 784 patches")
    canvas = pane.locator("canvas.av-cloud-marks")
    box = canvas.bounding_box()
    for step in range(60):  # until one that is lit is near
        x, y = box["width"] * (0.1 + 0.08 * (step % 10)), box["height"] * (0.2 + 0.1 * (step // 10))
        canvas.click(position={"x": x, "y": y})
        if driven.state("picked"):
            return
    raise AssertionError("no entry could be clicked")


def layers_are_mixed(driven):
    pane = look_at(driven, "layers")
    expect(pane).to_contain_text("layer2")
    driven.choose("detector", "both")
    expect(pane.locator(".av-weights input[type=range]")).to_have_count(2)
    expect(pane.locator(".av-preset select")).to_have_value("the detector's own")
    driven.until(lambda: "…" not in pane.locator(".av-numbers-table").inner_text(), "metrics")
    driven.complete()
    driven.redraws(lambda: pane.locator("button.av-only").last.click())
    driven.becomes(layers=["layer3"])
    expect(driven.find(".av-readout").first).to_contain_text("fused map")
    expect(driven.status).to_contain_text("fusion: layer3, sum, root, sigma 4")
    driven.redraws(lambda: driven.slide("sigma", 1.5))
    driven.becomes(sigma=1.5)
    driven.press("4")
    driven.becomes(detector="DN2")
    expect(pane).to_contain_text("DN2 has no layers' maps")
    driven.choose("detector", "both")
    expect(driven.status).to_contain_text("fusion: layer3, sum, root, sigma 1.5")
    driven.choose("preset", "the detector's own")
    driven.becomes(layers=[], sigma=None)


VIEW_CHECKS = [
    results_are_seen,
    neighbours_are_looked_at,
    detectors_are_compared,
    the_threshold_is_set,
    regions_are_gone_through,
    an_entry_of_the_bank_is_clicked,
    layers_are_mixed,
]


@pytest.mark.parametrize("check", VIEW_CHECKS, ids=lambda check: check.__name__)
def test_every_view_answers(driven, check):
    check(driven)


def the_fused_map_is_neither_divided_nor_filled(driven):
    """What other views do to the detector's own map they do not do to another."""
    driven.place.assign(
        {"detector": "both", "relative": True, "views": ["compare", "layers", "pro"]}
    )
    readout = driven.find(".av-readout").first
    expect(readout).to_contain_text("map / threshold")
    driven.redraws(lambda: driven.choose("preset", "layer3"))
    expect(readout).to_contain_text("fused map")
    driven.place.assign({"filled": True})
    driven.complete()
    low = driven.find(".av-picture .av-scale input[type=range]").first
    least = float(driven.find(".av-picture .av-scale-low").inner_text())
    driven.redraws(lambda: driven.press("ArrowRight", low))
    (limits,) = driven.state("limits").values()
    assert limits[0] == pytest.approx(least, rel=0.2)


def test_the_fused_map_is_neither_divided_nor_filled(driven):
    the_fused_map_is_neither_divided_nor_filled(driven)


def shown(driven):
    return driven.find(".av-pane").evaluate_all("all => all.map(one => one.ariaLabel)")


def test_a_pick_moves_every_view(driven):
    driven.pick(112, 56)
    driven.becomes(picked=[112, 56])
    expect(driven.find(".av-pane-retrieval .av-card-text").first).to_contain_text("14, 7")
    expect(driven.find(".av-pane-compare .av-pixel")).to_contain_text("Row 112, column 56")
    cross = driven.find(".av-pane-results .av-tile-cross").first
    expect(cross).to_have_attribute("style", re.compile(r"--down: 50\.2\d*%"))


def test_what_is_chosen_in_a_view_is_seen_in_all(driven):
    compare = driven.find(".av-pane-compare")
    compare.locator("button.av-tile-title", has_text="PaDiM").click()
    driven.becomes(detector="PaDiM")
    expect(driven.status).to_contain_text("PaDiM")
    driven.find(".av-pane-thresholds button.av-full").click()
    driven.until(lambda: driven.state("thresholds"), "a threshold")
    assert driven.facts()[0] == pytest.approx(driven.state("thresholds")["mesh/PaDiM"])
    driven.press("1")
    driven.slide("k", 2)
    driven.becomes(k=2)
    driven.find(".av-pane-retrieval .av-card-choose:not([hidden])").first.click()
    driven.until(lambda: driven.state("rank"), "a neighbour")


def maps_are_divided(driven):
    driven.redraws(lambda: driven.tick("relative"))
    driven.becomes(relative=True)
    expect(driven.find(".av-readout").first).to_contain_text("map / threshold")


def test_maps_are_divided_in_all_views_at_once(driven):
    maps_are_divided(driven)


def views_come_and_go(driven):
    """By their checkboxes and their buttons; undo brings them back."""
    driven.place.assign({"views": ["retrieval"]})
    driven.until(lambda: shown(driven) == ["retrieval"], "one pane")
    driven.tick("view-compare")
    driven.becomes(views=["retrieval", "compare"])
    driven.until(lambda: shown(driven) == ["retrieval", "compare"], "two panes")
    driven.page.wait_for_timeout(GESTURE)
    driven.find(".av-pane-retrieval button.av-pane-close").click()
    driven.becomes(views=["compare"])
    expect(driven.find(".av-view-retrieval input")).to_be_focused()
    driven.push("undo")
    driven.becomes(views=["retrieval", "compare"])
    driven.until(lambda: shown(driven) == ["retrieval", "compare"], "two panes")
    for name in ("retrieval", "compare"):
        driven.tick(f"view-{name}")
    driven.becomes(views=[])
    expect(driven.find(".av-desk-side .av-note").last).to_contain_text("choose a view")


def test_views_come_and_go(driven):
    views_come_and_go(driven)


def test_back_and_forward_through_a_hundred_states(driven):
    # with every view, each of the 320 states takes several times as long
    look_at(driven, "results")
    for step in range(HISTORY + 20):
        driven.press("]" if step % 2 else "12"[step // 2 % 2])
        if step == 19:
            early = driven.state()
    late = driven.state()
    for _ in range(HISTORY):
        driven.press("Control+z")
    driven.becomes(**early)
    expect(driven.find("button.av-undo")).to_be_disabled()
    for _ in range(HISTORY):
        driven.press("Control+Shift+Z")
    driven.becomes(**late)


# A text that is taken out of the page, and what notices it
MUTANTS = [
    ("change({ views:", "void ({ views:", views_come_and_go),
    ("panel.given(now, shown, one)", "one", maps_are_divided),
    ("if (isOwn) return given;", "return given;", layers_are_mixed),
]


@pytest.mark.parametrize(("text", "broken", "check"), MUTANTS, ids=lambda one: str(one)[:20])
def test_what_is_broken_is_noticed(chromium, file, tmp_path, monkeypatch, text, broken, check):
    mutant = with_changed_code(file, text, broken, tmp_path / "mutant.html")
    monkeypatch.setattr(driving, "PATIENCE", 1.5)
    with opened_file(chromium, mutant) as opened:
        opened.browser.set_default_timeout(1500)
        with pytest.raises((AssertionError, PageError)):
            check(driven_on(opened))


# --- room, and those who use neither mouse nor eyes


@pytest.mark.parametrize("layered", [False, True])
def test_its_default_fits_without_scrolling(chromium, tmp_path, layered):
    category, found = explorer_data.categories["mesh"], explorer_data.predictions["mesh"]
    views = ["retrieval", "compare", "thresholds"]
    if layered:
        found, views = prepared()["mesh"]["PatchCore"], ["layers", "thresholds"]
    view = explore.desk(category, found)
    file = view.export(tmp_path / "desk.html")
    with opened_file(chromium, file, width=1280, height=800) as page:
        driven = driven_on(page)
        assert shown(driven) == views
        assert page.wider() <= 0
        higher = "() => document.documentElement.scrollHeight - innerHeight"
        assert page.browser.evaluate(higher) <= 0


@pytest.mark.parametrize("width", [360, 600, 900, 1920])
def test_nothing_is_cut_off(chromium, file, width):
    with opened_file(chromium, file, width=width) as page:
        driven = driven_on(page)
        assert page.wider() <= 0
        assert page.wider(".av-pane, .av-tile-numbers, .av-controls, .av-desk-views") <= 0
        driven.pick(112, 56)
        driven.becomes(picked=[112, 56])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", ["file", "story_file"])
def test_it_is_accessible(chromium, request, which, scheme):
    file = request.getfixturevalue(which)
    with opened_file(chromium, file, scheme=scheme) as page:
        driven = driven_on(page)
        driven.press("?")
        found = axe(page.browser)
        assert found == [], "\n".join(found)


def test_by_keyboard_from_a_view_to_a_patch_and_the_threshold(driven):
    keys = driven.page.keyboard
    driven.place.assign({"views": ["compare"]})
    driven.until(lambda: shown(driven) == ["compare"], "one pane")
    tab_to(driven.page, "canvas.av-picture-canvas")
    keys.press("ArrowRight")
    driven.until(lambda: driven.state("picked"), "a pick")
    tab_to(driven.page, ".av-view-retrieval input")
    keys.press("Space")
    driven.becomes(views=["compare", "retrieval"])
    tab_to(driven.page, ".av-pane-compare .av-relative input")
    keys.press("Space")
    driven.becomes(relative=True)
    tab_to(driven.page, ".av-k input")
    keys.press("ArrowLeft")
    driven.becomes(k=4)
    tab_to(driven.page, ".av-strip .av-threshold")
    keys.press("ArrowRight")
    driven.until(lambda: driven.state("thresholds"), "a threshold")
    keys.press("Control+z")
    driven.becomes(thresholds={})
    tab_to(driven.page, ".av-view-layers input")
    keys.press("Space")
    driven.becomes(views=["compare", "retrieval", "layers"])
    tab_to(driven.page, ".av-pane-layers .av-sigma input")
    keys.press("ArrowLeft")
    driven.becomes(sigma=3.5)
    tab_to(driven.page, ".av-pane-layers button.av-pane-close")
    keys.press("Enter")
    driven.becomes(views=["compare", "retrieval"])
    expect(driven.find(".av-view-layers input")).to_be_focused()


# --- with a kernel


@pytest.fixture(scope="module")
def lab_desk(lab, shared_page):
    """Return a page of JupyterLab with a desk."""
    made = inspect.getsource(prepared).replace("explorer_data.", "")
    joined = inspect.getsource(with_layers)
    layered = f"from adviz import Prediction, explore, maps\n{made}\n{joined}"
    view = (
        "both = with_layers(predictions, prepared())\n"
        f"view = explore.desk(categories, both, {list(VIEWS)}, traces=traces)\nview"
    )
    write_notebook(lab.folder, "desk.ipynb", inspect.getsource(explorer_data), layered, view)
    shared_page.run("desk.ipynb")
    return shared_page


LIVE_CHECKS = [*VIEW_CHECKS, maps_are_divided, views_come_and_go, *checks.SHARED]


@pytest.mark.parametrize("check", LIVE_CHECKS, ids=lambda check: check.__name__)
def test_it_answers_in_jupyterlab(lab_desk, request, check):
    driven = OnDesk(lab_desk.explorer(), Live(lab_desk.browser, "view"))
    driven.reset()
    try:
        check(driven)
    except Exception:
        lab_desk.screenshot(request.node.name)
        raise
    finally:
        driven.reset()


# --- with others, and as a story


def test_it_moves_an_explorer_that_it_is_linked_with(exported_page):
    given = explorer_data.categories, explorer_data.predictions
    one, other = desk(["compare"]), explore.retrieval(*given)
    explore.link(one, other)
    page = exported_page(one)
    first = OnDesk(page.explorer(0), Exported(page.browser, 0))
    second = Driven(page.explorer(1), Exported(page.browser, 1))
    first.complete()
    first.pick(112, 56)
    second.becomes(picked=[112, 56])
    second.press("]")
    first.until(lambda: first.state("image") == second.state("image"), "the same image")


def test_a_story_is_walked_through(told):
    sentence = told.find(".av-story-sentence")
    count = told.find(".av-story-count")
    expect(sentence).to_have_text(STEPS[0][0])
    expect(count).to_have_text("step 1 of 3")
    expect(told.find("button.av-story-back")).to_be_disabled()
    told.push("story-next")
    told.becomes(step=1, picked=[112, 56])
    expect(sentence).to_have_text(STEPS[1][0])
    told.press("n")
    told.becomes(step=2, detector="PaDiM", picked=[], views=["compare"])
    told.until(lambda: shown(told) == ["compare"], "another view")
    expect(told.find("button.av-story-next")).to_be_disabled()
    told.press("n")
    told.page.wait_for_timeout(GESTURE)
    told.press("b")
    told.becomes(step=1, detector="SPADE", picked=[112, 56], views=["retrieval", "thresholds"])
    told.press("Control+z")
    told.becomes(step=2, detector="PaDiM", views=["compare"])


def test_a_reader_looks_for_himself_and_comes_back(told):
    again = told.find("button.av-story-again")
    expect(again).to_be_hidden()
    told.press("3")
    told.becomes(detector="PaDiM", step=0)
    expect(told.find(".av-story-count")).to_have_text("step 1 of 3")
    again.click()
    told.becomes(detector="SPADE", step=0)
    expect(again).to_be_hidden()
    assert told.page.evaluate(VALUES, ["step", "image"]) == [0, 7]
