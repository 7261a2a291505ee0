import base64
import io
import json
import re
import threading

import numpy as np
import pytest
from PIL import Image

from adviz import Prediction, data, explore, metrics
from adviz._support import archive
from adviz.data import Category, Geometry, Split
from adviz.explore.thresholds.tags import FIRST, FORMAT

SIZE = 64
# Best F1 at 0.5: one good image is flagged
GOOD_SCORES, HOLE_SCORES = (0.1, 0.2, 0.8, 0.3), (0.5, 0.9, 0.7)


@pytest.fixture(scope="module")
def categories(tmp_path_factory):
    """Two categories; test images good 0 to 3, then three holes.

    In the middle, of two pixels, and cropped away.
    """
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    holes = [
        (slice(20, 40), slice(20, 40)),
        (slice(30, 32), slice(30, 31)),
        (slice(0, 4), slice(0, 70)),
    ]
    for name in ("nut", "mesh"):
        files = [
            "train/good/0",
            *(f"test/good/{n}" for n in range(4)),
            *(f"test/hole/{n}" for n in range(3)),
        ]
        for file in files:
            path = root / name / f"{file}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (73, 73, 3), dtype=np.uint8)).save(path)
        (root / name / "ground_truth/hole").mkdir(parents=True)
        for number, hole in enumerate(holes):
            mask = np.zeros((73, 73), np.uint8)
            mask[hole] = 255
            Image.fromarray(mask).save(root / name / f"ground_truth/hole/{number}_mask.png")
    geometry = Geometry(SIZE, resize=73)
    return {name: data.mvtec(root, name, geometry=geometry) for name in ("nut", "mesh")}


def prediction(scale=1.0, *, peak=False, scores=GOOD_SCORES + HOLE_SCORES):
    """Return scores, and maps that are highest at (25, 25)."""
    maps = 0.1 * np.random.default_rng(2).random((len(scores), SIZE, SIZE), np.float32)
    maps[:, 25, 25] = 1
    maps *= np.array(scores, np.float32)[:, None, None] * scale
    score = np.array(scores) * scale
    return Prediction(maps.max(axis=(1, 2)) if peak else score, maps * (1 if peak else 2))


@pytest.fixture
def view(categories):
    found = {
        "nut": {"A": prediction(), "B": prediction(3.0, peak=True)},
        "mesh": {"A": prediction(2.0)},
    }
    found["mesh"]["B"] = prediction(5.0, peak=True)
    made = explore.thresholds(categories, found, gate={"A": 0.5})
    made.wait()
    return made


def parts(view):
    return [
        view._page.value,
        view._walls._page.value,
        view._gate.page.value,
        view._tagging._hint.value,
        view.status,
    ]


def test_it_opens_at_the_f1_optimal_threshold(view):
    labels = view._categories["nut"].test.labels
    assert view.threshold == metrics.f1_threshold(prediction().score, labels).threshold == 0.5
    assert (view.outcome.false_positives, view.outcome.false_negatives) == (1, 0)
    assert view.status.startswith(
        "nut · A · image 1 of 7 · good · score 0.1, predicted good at 0.5"
    )
    assert view._slider.value == 0.5


def test_moving_the_threshold_moves_everything(view):
    before = parts(view)
    view._slider.value = 0.75
    view.wait()
    assert view.threshold == 0.75
    assert [error["kind"] for error in view.errors if error["category"] == "nut"] == [
        "false positive", "false negative", "false negative",
    ]  # fmt: skip
    assert all(old != new for old, new in zip(before[:2], parts(view)[:2], strict=True))
    view.threshold = 0.05
    assert view._slider.value == 0.05
    assert view.outcome.false_positives == 4
    view.threshold = 77.0  # beyond every score
    assert view._slider.value == 77.0
    assert view.outcome.false_negatives == 3
    with pytest.raises(ValueError, match="finite"):
        view.threshold = float("nan")


def test_every_category_and_detector_has_a_line_of_its_own(view):
    view.threshold = 0.75
    view.category = "mesh"
    assert view.threshold == 1.0
    view.detector = "B"
    assert view.threshold == pytest.approx(2.5)
    view.category, view.detector = "nut", "A"
    assert view.threshold == 0.75


def test_one_threshold_for_all_categories_is_the_pooled_one(view):
    scores = np.concatenate([prediction().score, prediction(2.0).score])
    labels = np.tile(view._categories["nut"].test.labels, 2)
    view.threshold = 0.75
    view.pooled = True
    pooled = metrics.f1_threshold(scores, labels).threshold
    assert view.threshold == pooled != 0.75
    view.category = "mesh"
    assert view.threshold == pooled
    assert "2 categories, one threshold" in view._page.value
    view.threshold = 0.6
    view.category = "nut"
    assert view.threshold == 0.6
    view.pooled = False
    assert view.threshold == 0.75
    assert "2 categories, each at its own threshold" in view._page.value


def test_buttons_go_to_the_best_f1_and_to_full_recall(view):
    view.threshold = 0.05
    view._full.click()
    assert view.threshold == 0.5
    assert view.outcome.false_negatives == 0
    view._best.click()
    assert view.threshold == 0.5
    view.pooled = True
    view._full.click()
    assert view.threshold == 0.5  # of both categories the lowest anomalous score


def test_the_page_prints_what_the_threshold_does(view):
    view.threshold = 0.75
    text = re.sub(r"<[^>]+>", " ", view._page.value)
    assert re.search(r"current\s+0\.75\s+1\s+2\s+0\.500\s+0\.333\s+0\.400", text)
    assert re.search(r"F1-optimal\s+0\.5\s+1\s+0\s+0\.750\s+1\.000\s+0\.857", text)
    assert re.search(r"100% recall\s+0\.5\s+1\s+0", text)
    assert re.search(r"anomalous\s+1\s+2\s+good\s+1\s+3", text)
    view.threshold = 5.0
    assert ">undefined<" in view._page.value  # no precision without anything flagged


def test_status_says_what_kind_of_error_the_image_is(view):
    view.image = 2
    assert "score 0.8, predicted anomalous at 0.5: a false positive" in view.status
    view.threshold = 0.6
    view.image = 4
    assert "score 0.5, predicted good at 0.6: a false negative" in view.status
    view.image = 5
    assert view.status.endswith("score 0.9, predicted anomalous at 0.6")


def pictures(view):
    found = re.findall(r"data:image/jpeg;base64,([^']+)'", view._page.value)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_the_map_is_held_against_the_threshold_that_the_page_names(view):
    test = view._categories["nut"].test
    best = metrics.f1_threshold(
        view._prediction.anomaly_map.ravel(), test.masks_array().ravel()
    ).threshold
    assert f"map ≥ {best:.4g}, the F1-optimal threshold of the pixels" in view._page.value
    view.detector = "B"
    assert (
        view._page.value.count("the threshold of the image score, which is the maximum of the map")
        == 1
    )
    assert "map ≥ 1.5," in view._page.value
    view.threshold = 1.2
    assert "map ≥ 1.2," in view._page.value


def test_map_over_threshold_has_the_decision_in_the_middle_of_its_scale(view):
    view.detector = "B"
    plain = pictures(view)[2]
    assert "anomaly score" in view._page.value
    view.relative = True
    assert "map / threshold: 1 is the decision" in view._page.value
    assert view._page.value.count("<span>0</span><span>2</span>") == 1
    assert (pictures(view)[2] != plain).any()
    at_one = pictures(view)[2]
    view.threshold = 9.0
    assert (pictures(view)[2] != at_one).any()  # the picture follows the decision
    view.threshold = -1.0
    assert "Nothing positive to divide the map by" in view._page.value


def test_what_takes_long_is_computed_beside_the_page(categories, monkeypatch):
    held = threading.Event()
    exact = metrics.f1_threshold

    def slow(scores, labels):
        if len(scores) > 100:
            assert held.wait(10)
        return exact(scores, labels)

    monkeypatch.setattr(metrics, "f1_threshold", slow)
    view = explore.thresholds(categories["nut"], {"A": prediction()})
    assert "The threshold of the pixels is being computed" in view._page.value
    assert view.busy
    view.threshold = 0.6  # the page is alive
    assert view.outcome.false_negatives == 1
    held.set()
    view.wait()
    assert "the F1-optimal threshold of the pixels" in view._page.value


def test_errors_of_all_categories_the_worst_first(view):
    view.threshold = 0.75
    view.category = "mesh"
    view.threshold = 1.2  # scores are twice those of the nut
    found = [
        (error["kind"], error["category"], error["image"], error["score"]) for error in view.errors
    ]
    assert found == [
        ("false positive", "mesh", 2, 1.6),
        ("false positive", "nut", 2, 0.8),
        ("false negative", "nut", 4, 0.5),
        ("false negative", "mesh", 4, 1.0),
        ("false negative", "nut", 6, 0.7),
    ]
    view.wait()
    text = re.sub(r"<[^>]+>", " ", view._walls._page.value)
    assert "good images predicted anomalous (2)" in text
    assert "anomalous images that were missed (3)" in text
    assert view._walls._page.value.count("<img") == 5


def test_going_to_an_error_shows_it(view):
    view.category, view.defect = "mesh", "hole"
    view._walls._list.value = 0
    here = view.category, view.image
    assert here == (view.errors[0]["category"], view.errors[0]["image"])
    assert "a false positive" in view.status
    view._walls.move(1)
    assert (
        (view.category, view.image) == (view.errors[1]["category"], view.errors[1]["image"]) != here
    )
    view._walls.move(9)
    assert view._walls._list.value == len(view.errors) - 1
    view.image = 0
    assert view._walls._list.value == -1
    assert view._walls._list.options[0][0] == "2 of them: choose one"


def test_a_wall_shows_some_and_counts_the_rest(categories):
    split = Split.from_arrays(
        np.zeros((40, 32, 32, 3), np.uint8), [0] * 40, geometry=Geometry(32, crop=False)
    )
    view = explore.thresholds(Category("nut", split, split), {"A": Prediction(np.arange(40.0))})
    view.threshold = 3.0
    view.wait()
    assert "(37)" in view._walls._page.value
    assert view._walls._page.value.count("<figure") == view._walls._page.value.count("<img") == 24
    assert "and 13 more, in the list above" in view._walls._page.value
    assert len(view._walls._list.options) == 38


def test_suggestions_are_marked_as_such(view):
    view.threshold = 99.0
    view.wait()
    # Without anybody asking
    assert "<i>not recovered or fine-grained?</i>" in view._walls._page.value
    guesses = {
        error["image"]: error["suggestions"] for error in view.errors if error["category"] == "nut"
    }
    assert guesses[4] == ["localised but under-weighted"]
    assert guesses[5] == ["not recovered", "fine-grained"]
    assert guesses[6] == ["cropped away"]  # the crop keeps the rows from 4 on
    view.image = 5
    assert "suggested, not chosen: <b>not recovered</b>" in view._tagging._hint.value
    assert ("not recovered (suggested)", "not recovered") in view._tagging._tag.options
    assert "<i>not recovered or fine-grained?</i>" in view._walls._page.value
    assert view.tags == {}
    view.image = 2
    view.threshold = 0.05  # a false positive: only a person can say
    assert view._tagging._hint.value == ""
    assert [value for _, value in view._tagging._tag.options][1:] == [
        "nominal variance",
        "label ambiguity",
        "background",
    ]


def test_a_person_tags_the_image_on_show(view):
    view.image = 2
    view._tagging._tag.value = "background"
    assert view.tags == {"nut/test/good/2.png": "background"}
    assert "<b>background</b>" in view._walls._page.value
    view._tagging._note.value = "dust"
    assert view.notes == {"nut/test/good/2.png": "dust"}
    told = {
        (e["category"], e["image"]): (e["tag"], e["note"])
        for e in view.errors
        if e["kind"] == "false positive"
    }
    assert told == {("nut", 2): ("background", "dust"), ("mesh", 2): ("", "")}
    view.image = 0
    assert view._tagging._tag.disabled  # it is no error
    assert view._tagging._tag.value == ""
    view.image = 2
    assert (view._tagging._tag.value, view._tagging._note.value) == ("background", "dust")
    view.detector = "B"
    assert view.tags == {}  # the error of another detector is another error
    view.detector = "A"
    view._tagging._tag.value = ""
    view._tagging._note.value = ""
    assert (view.tags, view.notes) == ({}, {})


def test_tags_and_notes_are_set_from_python(view):
    view.tags = {"mesh/test/hole/1.png": "not recovered", "nut/test/good/2.png": "label ambiguity"}
    view.notes = {"nut/test/good/2.png": "a scratch?", "nut/test/good/0.png": "only a note"}
    assert view.tags == {
        "mesh/test/hole/1.png": "not recovered",
        "nut/test/good/2.png": "label ambiguity",
    }
    view.tags = {"nut/test/good/2.png": "background"}
    assert view.tags == {"nut/test/good/2.png": "background"}
    assert view.notes == {"nut/test/good/2.png": "a scratch?", "nut/test/good/0.png": "only a note"}
    view.image = 2
    assert view._tagging._tag.value == "background"


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (
            {"nut/test/good/2.png": "not recovered"},
            r"tag 'not recovered' .*: expected nominal variance \| label",
        ),
        (
            {"nut/test/good/9.png": "background"},
            "unknown image nut/test/good/9.png: nut has no such test image",
        ),
        (
            {"bolt/test/good/2.png": "background"},
            "unknown image bolt/.*: the categories are nut, mesh",
        ),
    ],
)
def test_tags_that_do_not_fit_are_refused_and_nothing_is_lost(view, tags, message):
    view.tags = {"mesh/test/hole/1.png": "not recovered"}
    with pytest.raises(ValueError, match=message):
        view.tags = {"nut/test/good/2.png": "background", **tags}
    assert view.tags == {"mesh/test/hole/1.png": "not recovered"}


def test_saved_tags_are_loaded_by_another_view(view, categories, tmp_path):
    view.tags, view.notes = {"nut/test/good/2.png": "background"}, {"nut/test/good/2.png": "dust"}
    view.detector = "B"
    view.tags = {"mesh/test/good/2.png": "nominal variance"}
    view.category, view.threshold = "nut", 2.4
    view.save_tags(tmp_path / "tags.json")
    entries = json.loads((tmp_path / "tags.json").read_text())["tags"]
    chosen = [
        (e["detector"], e["category"], e["threshold"], e["tag"], e["note"])
        for e in entries
        if not e["suggested"]
    ]
    assert chosen == [
        ("A", "nut", 0.5, "background", "dust"),
        ("B", "mesh", 2.5, "nominal variance", ""),
    ]
    assert [(e["image"], e["tag"]) for e in entries if e["suggested"]] == [
        ("test/hole/0.png", "localised but under-weighted"), ("test/hole/2.png", "cropped away")
    ]  # fmt: skip
    other = explore.thresholds(categories, view._predictions)
    assert other.load_tags(tmp_path / "tags.json") == 2
    assert (other.tags, other.notes) == (
        {"nut/test/good/2.png": "background"},
        {"nut/test/good/2.png": "dust"},
    )
    other.detector = "B"
    # Suggestions are not a person's words
    assert other.tags == {"mesh/test/good/2.png": "nominal variance"}


def test_a_bad_file_changes_nothing(view, tmp_path):
    view.tags = {"nut/test/good/2.png": "background"}
    view.save_tags(tmp_path / "tags.json")
    content, _ = archive.read_json(tmp_path / "tags.json", "tags")
    # Which had no digest: the cases below agree with themselves
    text = json.dumps(content).replace(FORMAT, FIRST)
    for old, new, message in (
        ("background", "magic", "unknown tag 'magic'"),
        ("test/good/2.png", "test/good/7.png", "unknown image"),
        ('"nut"', '"bolt"', "unknown image bolt"),
        ('"A"', '"C"', "expected tags of the detectors A, B, got 'C'"),
        ('"tags"', '"words"', 'a list of "tags"'),
        ("}", "", "expected tags as JSON"),
    ):
        (tmp_path / "bad.json").write_text(text.replace(old, new))
        with pytest.raises(ValueError, match=message):
            view.load_tags(tmp_path / "bad.json")
        assert view.tags == {"nut/test/good/2.png": "background"}
    with pytest.raises(FileNotFoundError):
        view.load_tags(tmp_path / "none.json")


def test_a_file_with_tags_that_were_never_here_is_not_overwritten(view, categories, tmp_path):
    file = tmp_path / "tags.json"
    view.tags = {"nut/test/good/2.png": "background", "nut/test/good/3.png": "background"}
    view.save_tags(file)
    other = explore.thresholds(categories, view._predictions)
    other.tags = {"nut/test/good/2.png": "label ambiguity"}
    before = file.read_text()
    with pytest.raises(
        ValueError,
        match=r"holds 1 chosen tags that are not here, such as A · nut · test/good/3\.png",
    ):
        other.save_tags(file)
    assert file.read_text() == before
    other.load_tags(file)
    other.tags = {}  # a person took them away
    other.save_tags(file)
    assert [e for e in json.loads(file.read_text())["tags"] if not e["suggested"]] == []


def test_the_page_saves_and_loads_and_shows_what_went_wrong(view, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view.image = 2
    view._tagging._tag.value = "background"
    buttons = {b.description: b for b in view._tagging.children[0].children if hasattr(b, "click")}
    buttons["save tags"].click()
    assert view.status == "1 tags written to error_tags.json"
    assert [file.name for file in tmp_path.iterdir()] == ["error_tags.json"]
    view.tags = {}
    buttons["load tags"].click()
    assert view.tags == {"nut/test/good/2.png": "background"}
    assert view.status == "1 tags read from error_tags.json"
    view._tagging._file.value = "gone/tags.json"
    buttons["save tags"].click()
    assert view.status.startswith("Error: FileNotFoundError")


def test_the_gate_shows_what_a_first_stage_saves_and_loses(view):
    assert view._gate.layout.display is None
    assert view.gate == 0.3  # the last that loses no hole
    text = re.sub(r"<[^>]+>", " ", view._gate.page.value)
    assert re.search(r"images saved\s+3 \(43%\)\s+7", text)
    assert re.search(r"seconds saved\s+1\.50\s+3\.50", text)
    assert re.search(r"anomalous images lost\s+0 \(0%\)\s+3", text)
    view._gate.slider.value = 0.5
    assert view.gate == 0.5
    areas = view._categories["nut"].test.masks_array().sum(axis=(1, 2))
    text = re.sub(r"<[^>]+>", " ", view._gate.page.value)
    assert re.search(r"anomalous images lost\s+1 \(33%\)\s+3", text)
    assert f"{areas[4] / areas.sum():.1%}" in text
    view.gate = 0.85
    assert view._gate.slider.value == 0.85
    view.category = "mesh"
    assert view.gate == 0.6
    view.detector = "B"
    assert (view.gate, view.gating) == (None, None)
    assert view._gate.layout.display == "none"
    with pytest.raises(ValueError, match="B has no second stage"):
        view.gate = 1.0


def test_what_was_gated_away_is_said(categories):
    found = prediction()
    gated = Prediction(found.score, found.anomaly_map, segmented=found.score > 0.3)
    view = explore.thresholds(categories["nut"], {"SPADE": gated}, gate={"SPADE": 0.1})
    assert "In this prediction 3 images were not segmented already." in view._gate.page.value


def test_without_masks_maps_and_labels_it_works_and_says_what_cannot_be_known():
    rng = np.random.default_rng(0)
    images, scores = (
        rng.integers(0, 255, (6, 32, 32, 3), dtype=np.uint8),
        np.array([1.0, 2, 3, 4, 5, 6]),
    )
    maps = rng.random((6, 32, 32), np.float32)
    geometry = Geometry(32, crop=False)
    for labels in ([0, 0, 0, 1, 1, 1], [0, 0, 0, -1, -1, -1], [-1] * 6, [0] * 6, [1] * 6):
        split = Split.from_arrays(images, labels, geometry=geometry)
        category = Category("nut", split, split)
        for found in (Prediction(scores), Prediction(scores, maps)):
            view = explore.thresholds(category, {"A": found}, gate={"A": 0.1})
            view.threshold = 2.5
            view.image = 5
            view.relative = True
            view.gate = 3.0
            view.wait()
            assert "Error" not in view.status
            wrong = [
                flagged != (label == 1)
                for flagged, label in zip(scores >= 2.5, labels, strict=True)
            ]
            unflagged = [
                label == -1 and score < 2.5 for score, label in zip(scores, labels, strict=True)
            ]
            assert len(view.errors) == sum(wrong) - sum(wrong[i] and unflagged[i] for i in range(6))
            assert view._walls._page.value.count("<img") == len(view.errors)
            view.static()
    view = explore.thresholds(category, {"A": Prediction(scores, maps)})
    assert "there are no masks: no threshold of pixels is known" in view._page.value
    split = Split.from_arrays(images, [-1] * 6, geometry=geometry)
    view = explore.thresholds(
        Category("nut", split, split), {"A": Prediction(scores)}, gate={"A": 0.1}
    )
    assert "whether these are errors is unknown" in view._walls._page.value
    assert "what would be lost cannot be known" in view._gate.page.value
    assert (view._best.disabled, view._full.disabled, view._pooled.disabled) == (True, True, True)
    assert "There is no ground truth and no map of this image" in view._page.value


def test_a_detector_that_is_computed_when_chosen_is_left_out_until_then(categories):
    found = {
        "nut": {"A": prediction(), "B": prediction},
        "mesh": {"A": lambda: prediction(2.0), "B": prediction},
    }
    view = explore.thresholds(categories, found)
    view.threshold = 0.75
    view.wait()
    assert {error["category"] for error in view.errors} == {"nut"}
    view.pooled = True
    assert view.threshold == 0.5
    view.category = "mesh"
    view.wait()
    assert {error["category"] for error in view.errors} == {"nut", "mesh"}
    assert "2 categories, one threshold" in view._page.value


def test_the_static_picture_shows_scores_and_walls(view, tmp_path):
    view.threshold = 0.75
    figure = view.static()
    axes = {ax.get_label(): ax for ax in figure.axes}
    drawn = np.concatenate(
        [line.get_xdata() for line in axes["scores"].lines if line.get_markersize() == 7]
    )
    np.testing.assert_allclose(np.sort(drawn), np.sort(prediction().score))
    assert len([name for name in axes if name.startswith("gallery 0")]) == 2
    assert len([name for name in axes if name.startswith("gallery 1")]) == 2
    assert any("predicted anomalous from 0.75 on" in text.get_text() for text in figure.texts)
    view.save(str(tmp_path / "walls.png"))
    with Image.open(tmp_path / "walls.png") as image:
        assert np.asarray(image).std() > 10


def test_what_does_not_fit_is_refused(categories):
    with pytest.raises(
        ValueError, match="expected gate to name some of the detectors A, got 'SPADE'"
    ):
        explore.thresholds(categories["nut"], {"A": prediction()}, gate={"SPADE": 1.0})
    with pytest.raises(
        ValueError, match="seconds of A's second stage for one image, 0 or more, got -1"
    ):
        explore.thresholds(categories["nut"], {"A": prediction()}, gate={"A": -1})
    with pytest.raises(ValueError, match="finite"):
        explore.thresholds(categories["nut"], {"A": prediction()}, gate={"A": 1}).gate = float(
            "inf"
        )


def test_an_error_is_said_and_the_page_stays(view, monkeypatch):
    before = view._page.value
    monkeypatch.setattr(explore.ThresholdsView, "_html", lambda self: 1 / 0)
    view.threshold = 0.6
    assert view.status == "Error: ZeroDivisionError: division by zero"
    assert view._page.value == before
