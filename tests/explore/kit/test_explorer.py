"""The state of explorers in Python: traits that are checked, observed and restored, and what they answer."""

import json

import numpy as np
import pytest
import traitlets
from bank_data import small_category

from adviz import Prediction, explore

SECONDS = 20  # more than anything here takes on a loaded machine


@pytest.fixture(scope="module")
def category(tmp_path_factory):
    return small_category(tmp_path_factory.mktemp("data"))


def prediction(category, seed=0):
    rng = np.random.default_rng(seed)
    count = len(category.test)
    return Prediction(rng.random(count), rng.random((count, *category.test.image_size)))


@pytest.fixture
def view(category):
    one = explore.results(category, {"A": prediction(category), "B": prediction(category, 1)})
    yield one
    one.close()


@pytest.fixture
def answers(view, monkeypatch):
    """What the browser is sent: (parts, buffers) of each message."""
    sent = []
    monkeypatch.setattr(
        view, "send", lambda content, buffers=(): sent.append((content["parts"], buffers))
    )
    return sent


def ask(view, **message):
    view._answer(view, message, [])


def test_it_begins_with_the_first_image_of_the_first_detector(view, category):
    assert (view.category, view.detector, view.image) == (category.name, "A", 0)
    assert view.state["picked"] == view.state["zoom"] == []
    assert set(view.opening) == {f"test/{category.name}/0", f"found/{category.name}/A/0"}


def test_the_state_is_observed(view):
    seen = []
    view.observe(lambda change: seen.append((change["old"], change["new"])), "image")
    view.image = 2
    assert seen == [(0, 2)]


def test_the_state_is_linked_through_the_kernel(view, category):
    other = explore.results(category, {"A": prediction(category), "B": prediction(category, 1)})
    traitlets.link((view, "image"), (other, "image"))
    other.image = 3
    assert view.image == 3
    other.close()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("category", "nut", "category must be one of plate, got 'nut'"),
        ("detector", "C", "detector must be one of A, B, got 'C'"),
        ("defect", "rust", "defect must be one of all, "),
        ("only", "some", "only must be one of all, errors, "),
        ("order", "random", "order must be one of score, as stored, got 'random'"),
        ("image", 99, "image must be between 0 and "),
        ("image", -1, "image must be between 0 and "),
        ("picked", [99, 0], r"picked must be \[\] or \[row, column\] of an image of 32x32 pixels"),
        ("picked", [1], r"picked must be \[\] or \[row, column\]"),
        ("zoom", [1, 2], r"zoom must be \[\] or \[row, column, magnification"),
        ("zoom", [1, 2, 0.5], r"magnification of 1 or more"),
        ("opacity", 1.5, "opacity"),
        ("shown_as", "dots", "shown_as must be one of map, outline"),
        ("thresholds", {"plate/A": float("nan")}, "a threshold must be a finite score, got nan"),
        ("limits", {"plate/A": [2, 1]}, r"limits must be \[low, high\], got \[2, 1\]"),
    ],
)
def test_what_does_not_exist_is_refused_and_nothing_changes(view, name, value, words):
    before = view.state
    with pytest.raises(traitlets.TraitError, match=words):
        setattr(view, name, value)
    assert view.state == before


def test_a_misspelt_attribute_is_refused(view):
    with pytest.raises(AttributeError, match=r"got 'imag': did you mean 'image'\?"):
        view.imag = 3


def test_a_pick_belongs_to_its_image_and_stays_with_another_detector(view):
    view.picked = [5, 6]
    view.detector = "B"
    assert view.picked == [5, 6]
    view.image = 1
    assert view.picked == []


def test_the_threshold_is_that_of_the_detector_until_it_is_set(view, category):
    first = view.threshold
    assert first == view.source.facts["categories"]["plate"]["detectors"]["A"]["threshold"]
    view.threshold = 0.25
    assert view.thresholds == {"plate/A": 0.25}
    view.detector = "B"
    assert view.threshold != 0.25
    view.detector = "A"
    assert view.threshold == 0.25


def test_the_state_is_plain_and_restores_what_it_was(view, category):
    view.detector, view.image = "B", 3
    view.picked, view.zoom = [3, 4], [3.0, 4.0, 2.0]
    view.thresholds = {"plate/B": 0.5}
    saved = json.loads(json.dumps(view.state))
    other = explore.results(category, {"A": prediction(category), "B": prediction(category, 1)})
    other.state = saved
    assert other.state == view.state
    other.close()


def test_a_state_that_is_not_possible_changes_nothing(view):
    before = view.state
    with pytest.raises(traitlets.TraitError, match="image must be"):
        view.state = {"detector": "B", "image": 99}
    assert view.state == before
    with pytest.raises(ValueError, match=r"expected some of category, .*, got colour"):
        view.state = {"colour": "red"}


def test_parts_are_answered_with_what_they_are(view, answers, category):
    ask(view, ask=["test/plate/1", "found/plate/A/1"])
    ((parts, buffers),) = answers
    assert [part["key"] for part in parts] == ["test/plate/1", "found/plate/A/1"]
    assert sum(len(part["heads"]) for part in parts) == len(buffers)


def test_a_part_that_does_not_exist_is_answered_in_words(view, answers):
    ask(view, ask=["test/plate/99", "test/plate/0"])
    ((parts, _),) = answers
    assert "KeyError" in parts[0]["error"]
    assert "heads" in parts[1]


def test_what_takes_long_is_answered_from_the_background(view, answers):
    ask(view, ask=["mean/plate"])
    view.wait(SECONDS)
    ((parts, buffers),) = answers
    assert parts[0]["key"] == "mean/plate"
    assert buffers[0][:2] == b"\xff\xd8"  # a JPEG file


def test_a_prediction_that_is_a_function_is_computed_when_it_is_chosen(category):
    calls = []

    def compute():
        calls.append("B")
        return prediction(category, 1)

    view = explore.results(category, {"A": prediction(category), "B": compute})
    assert view.facts["categories"]["plate"]["detectors"]["B"] is None
    view.detector = "B"
    view.wait(SECONDS)
    assert calls == ["B"]
    assert view.facts["categories"]["plate"]["detectors"]["B"]["scores"]
    assert view.error == ""
    view.detector = "A"
    view.detector = "B"
    view.wait(SECONDS)
    assert calls == ["B"]
    view.close()


def test_a_function_that_fails_is_told_and_tried_again(category):
    results = [ValueError("no memory"), prediction(category, 1)]

    def compute():
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    view = explore.results(category, {"A": prediction(category), "B": compute})
    view.detector = "B"
    view.wait(SECONDS)
    assert view.error == "Error: ValueError: no memory"
    with pytest.raises(RuntimeError, match="B of plate has not been computed yet"):
        view.threshold  # noqa: B018
    view.detector = "A"
    view.detector = "B"
    view.wait(SECONDS)
    assert view.error == ""
    assert view.threshold > 0
    view.close()


def test_a_prediction_of_other_images_is_refused(category):
    wrong = Prediction(np.zeros(3))
    with pytest.raises(ValueError, match="test images of plate, got one of 3 images"):
        explore.results(category, {"A": wrong})


def test_pages_without_widgets_get_a_picture(view):
    data, _ = view._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["image/jpeg"].startswith("/9j/")  # a JPEG file as base64


def test_explorers_of_the_same_objects_share_their_parts(category):
    found = {"A": prediction(category)}
    one = explore.results(category, found)
    other = explore.results(category, found)
    assert one.source is other.source
    one.close()
    other.close()
