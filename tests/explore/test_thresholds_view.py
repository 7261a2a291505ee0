import json

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

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


def labels_of(view, category="nut"):
    return view.source.categories[category].test.labels


def kinds(view, category="nut"):
    return [error["kind"] for error in view.errors if error["category"] == category]


def test_it_opens_at_the_f1_optimal_threshold(view):
    best = metrics.f1_threshold(prediction().score, labels_of(view)).threshold
    assert view.threshold == best == 0.5
    assert (view.outcome.false_positives, view.outcome.false_negatives) == (1, 0)
    assert view.thresholds == {}  # nobody chose it


def test_moving_the_threshold_moves_what_follows(view):
    view.threshold = 0.75
    assert view.thresholds == {"nut/A": 0.75}
    assert kinds(view) == ["false positive", "false negative", "false negative"]
    view.threshold = 0.05
    assert view.outcome.false_positives == 4
    view.threshold = 77.0  # beyond every score
    assert view.outcome.false_negatives == 3
    with pytest.raises(TraitError, match="finite"):
        view.threshold = float("nan")
    assert view.threshold == 77.0


def test_every_category_and_detector_has_a_threshold_of_its_own(view):
    view.threshold = 0.75
    view.category = "mesh"
    assert view.threshold == 1.0
    view.detector = "B"
    assert view.threshold == pytest.approx(2.5)
    view.category, view.detector = "nut", "A"
    assert view.threshold == 0.75


def test_one_threshold_for_all_categories_is_the_pooled_one(view):
    scores = np.concatenate([prediction().score, prediction(2.0).score])
    view.threshold = 0.75
    view.pooled = True
    pooled = metrics.f1_threshold(scores, np.tile(labels_of(view), 2)).threshold
    assert view.threshold == pooled != 0.75
    view.category = "mesh"
    assert view.threshold == pooled
    view.threshold = 0.6
    assert view.thresholds == {"nut/A": 0.75, "*/A": 0.6}
    view.category = "nut"
    assert view.threshold == 0.6
    assert {error["threshold"] for error in view.errors} == {0.6}
    view.pooled = False
    assert view.threshold == 0.75
    assert {error["threshold"] for error in view.errors} == {0.75, 1.0}


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


def test_missed_images_have_suggestions(view):
    view.threshold = 99.0
    guesses = {
        error["image"]: error["suggestions"] for error in view.errors if error["category"] == "nut"
    }
    assert guesses[4] == ["localised but under-weighted"]
    assert guesses[5] == ["not recovered", "fine-grained"]
    assert guesses[6] == ["cropped away"]  # the crop keeps the rows from 4 on
    assert view.tags == {}
    view.threshold = 0.05  # false alarms: only a person can say
    assert [error["suggestions"] for error in view.errors if error["category"] == "nut"] == [
        [], [], [], []
    ]  # fmt: skip


def test_the_state_is_plain_and_can_be_restored(view, categories):
    view.threshold = 0.7
    view.pooled, view.relative, view.gate = True, True, 0.4
    view.tags = {"nut/test/good/2.png": "background"}
    state = json.loads(json.dumps(view.state))
    assert state["gates"] == {"nut/A": 0.4}
    assert state["marks"] == {"nut/A": {"2": ["background", ""]}}
    other = explore.thresholds(categories, view.source.predictions, gate={"A": 0.5})
    other.state = state
    assert other.state == view.state
    assert other.tags == view.tags


def test_what_the_browser_writes_is_read_in_python(view):
    view.marks = {"nut/A": {"2": ["background", "dust"], "3": ["", ""]}, "mesh/B": {"4": ["", "?"]}}
    assert view.marks == {"nut/A": {"2": ["background", "dust"]}, "mesh/B": {"4": ["", "?"]}}
    assert view.tags == {"nut/test/good/2.png": "background"}
    assert view.notes == {"nut/test/good/2.png": "dust"}
    told = {(e["category"], e["image"]): (e["tag"], e["note"]) for e in view.errors}
    assert told["nut", 2] == ("background", "dust")
    assert told["mesh", 2] == ("", "")
    view.detector = "B"  # the error of another detector is another error
    assert (view.tags, view.notes) == ({}, {"mesh/test/hole/0.png": "?"})


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ({"nut/C": {}}, "marks must be of some of nut/A, nut/B, mesh/A, mesh/B, got 'nut/C'"),
        ({"nut/A": {"7": ["", "x"]}}, "images 0 to 6 of nut, got '7'"),
        ({"nut/A": {"-1": ["", "x"]}}, "images 0 to 6 of nut, got '-1'"),
        ({"nut/A": {"2": ["background"]}}, r"must be \[tag, note\], got \['background'\]"),
        ({"nut/A": {"2": ["background", 3]}}, r"must be \[tag, note\]"),
        ({"nut/A": {"2": ["cropped away", ""]}}, "unknown tag 'cropped away' of nut/test/good/2"),
    ],
)
def test_marks_that_do_not_fit_are_refused(view, marks, message):
    view.marks = {"nut/A": {"2": ["background", ""]}}
    with pytest.raises(TraitError, match=message):
        view.marks = marks
    assert view.tags == {"nut/test/good/2.png": "background"}


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
    other = explore.thresholds(categories, view.source.predictions)
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
    other = explore.thresholds(categories, view.source.predictions)
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


def test_the_page_saves_and_loads_and_is_told_what_went_wrong(view, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def ask(what, path):
        view._answer(view, {"tags": what, "path": path}, [])

    view.tags = {"nut/test/good/2.png": "background"}
    ask("save", "error_tags.json")
    assert view.said == "1 tags written to error_tags.json"
    assert [file.name for file in tmp_path.iterdir()] == ["error_tags.json"]
    view.tags = {}
    assert view.said == ""  # it was said of other tags
    ask("load", "error_tags.json")
    assert view.tags == {"nut/test/good/2.png": "background"}
    assert view.said == "1 tags read from error_tags.json"
    ask("save", "gone/tags.json")
    assert view.said.startswith("Error: FileNotFoundError")
    assert view.error == ""


def test_the_page_asks_for_parts_as_before(view, monkeypatch):
    sent = []
    monkeypatch.setattr(view, "send", lambda content, buffers=None: sent.append(content))
    view._answer(view, {"ask": ["test/nut/4", "guess/nut/A/5", "pixels/nut/A", "areas/nut"]}, [])
    view.wait()
    keys = [part["key"] for message in sent for part in message["parts"]]
    assert sorted(keys) == ["areas/nut", "guess/nut/A/5", "pixels/nut/A", "test/nut/4"]


def test_the_parts_hold_what_the_page_draws(view):
    test = view.source.categories["nut"].test
    maps = view.prediction.anomaly_map
    best = metrics.f1_threshold(maps.ravel(), test.masks_array().ravel()).threshold
    assert view.part("pixels/nut/A")["threshold"] == [best]
    areas = test.masks_array().sum(axis=(1, 2))
    assert view.part("areas/nut")["pixels"].tolist() == areas.tolist()
    tags = view.part("guess/nut/A/5")["tags"]
    assert [tag for tag, _ in tags] == ["not recovered", "fine-grained"]
    assert all(reason for _, reason in tags)
    assert set(view.part("maps/nut/A/0")) == {"image"}
    facts = view.source.facts["categories"]["nut"]["detectors"]
    assert (facts["A"]["peak"], facts["B"]["peak"]) == (False, True)


def test_an_exported_page_has_the_errors_of_all_images(view):
    keys = view.export_keys(images=[0])
    assert "found/nut/A/0" in keys
    assert "found/nut/A/1" not in keys
    for category in ("nut", "mesh"):
        assert f"areas/{category}" in keys
        assert f"small/test/{category}/0" in keys
        for detector in ("A", "B"):
            assert f"maps/{category}/{detector}/0" in keys
            assert f"pixels/{category}/{detector}" in keys
            assert [f"guess/{category}/{detector}/{image}" in keys for image in range(7)] == [
                False, False, False, False, True, True, True
            ]  # fmt: skip
    assert not [key for key in keys if key.startswith(("train/", "numbers/", "quantiles/"))]
    assert len(keys) == len(set(keys))


def test_the_gate_says_what_a_first_stage_saves_and_loses(view):
    assert view.gate == 0.3  # the last that loses no hole
    found = view.gating
    at = found.at(view.gate)
    assert (found.saved[at], found.images_lost[at]) == (3 / 7, 0)
    view.gate = 0.5
    assert view.gates == {"nut/A": 0.5}
    at = found.at(view.gate)
    areas = view.source.categories["nut"].test.masks_array().sum(axis=(1, 2))
    assert found.images_lost[at] == 1
    assert found.pixels_lost[at] == pytest.approx(areas[4] / areas.sum())
    view.category = "mesh"
    assert view.gate == 0.6
    view.detector = "B"
    assert (view.gate, view.gating) == (None, None)
    with pytest.raises(ValueError, match="B has no second stage"):
        view.gate = 1.0
    with pytest.raises(TraitError, match="gate must be a finite score, got inf for nut/A"):
        view.gates = {"nut/A": float("inf")}


def test_what_was_gated_away_is_told(categories):
    found = prediction()
    gated = Prediction(found.score, found.anomaly_map, segmented=found.score > 0.3)
    view = explore.thresholds(categories["nut"], {"SPADE": gated}, gate={"SPADE": 0.1})
    assert view.options == {"gate": {"SPADE": 0.1}, "skipped": {"nut/SPADE": 3}}
    later = explore.thresholds(categories["nut"], {"SPADE": lambda: gated}, gate={"SPADE": 0.1})
    later.wait()
    assert later.options["skipped"] == {"nut/SPADE": 3}


def test_without_masks_maps_and_labels_it_works():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (6, 32, 32, 3), dtype=np.uint8)
    scores = np.array([1.0, 2, 3, 4, 5, 6])
    maps = rng.random((6, 32, 32), np.float32)
    geometry = Geometry(32, crop=False)
    wrong = {
        (0, 0, 0, 1, 1, 1): ["false positive"],
        (0, 0, 0, -1, -1, -1): ["false positive", *["unlabelled"] * 3],
        (-1, -1, -1, -1, -1, -1): ["unlabelled"] * 4,
        (0, 0, 0, 0, 0, 0): ["false positive"] * 4,
        (1, 1, 1, 1, 1, 1): ["false negative"] * 2,
    }
    for labels, expected in wrong.items():
        split = Split.from_arrays(images, list(labels), geometry=geometry)
        category = Category("nut", split, split)
        for found in (Prediction(scores), Prediction(scores, maps)):
            view = explore.thresholds(category, {"A": found}, gate={"A": 0.1})
            view.threshold = 2.5
            view.image = 5
            view.relative = True
            view.gate = 3.0
            view.wait()
            assert view.error == ""
            assert [error["kind"] for error in view.errors] == expected
            assert np.isnan(view.gating.pixels_lost).all()
            assert not [key for key in view.export_keys() if key.startswith(("pixels", "areas"))]
            view.static()


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


def test_the_static_picture_shows_scores_and_galleries(view, tmp_path):
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
    view.save(str(tmp_path / "errors.png"))
    with Image.open(tmp_path / "errors.png") as image:
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
    view = explore.thresholds(categories["nut"], {"A": prediction()}, gate={"A": 1})
    with pytest.raises(TraitError, match="finite"):
        view.gate = float("inf")
