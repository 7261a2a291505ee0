import threading

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image
from traitlets import TraitError

from adviz import Prediction, data, explore, plots
from adviz.data import Category, Geometry, Split
from adviz.explore.compare.view import BY_MAPS, BY_SCORES
from adviz.explore.kit import source as kit_source
from adviz.explore.kit.disagreement import compared, map_disagreement, score_disagreement

COUNT = 6
SECONDS = 20  # more than anything here takes on a loaded machine
IMAGES = np.random.default_rng(0).integers(0, 255, (COUNT + 1, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def categories(tmp_path_factory):
    """Two categories of six test images: three good, three with a hole."""
    root = tmp_path_factory.mktemp("data")
    mask = np.zeros((32, 32), np.uint8)
    mask[8:14, 10:18] = 255
    files = ["train/good/0", *(f"test/{kind}/{n}" for kind in ("good", "hole") for n in range(3))]
    for name in ("nut", "mesh"):
        for number, file in enumerate(files):
            path = root / name / f"{file}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(IMAGES[number]).save(path)
        (root / name / "ground_truth/hole").mkdir(parents=True)
        for number in range(3):
            Image.fromarray(mask).save(root / name / f"ground_truth/hole/{number}_mask.png")
    return {
        name: data.mvtec(root, name, geometry=Geometry(32, crop=False)) for name in ("nut", "mesh")
    }


def made(seed, scale=1.0):
    rng = np.random.default_rng(seed)
    return Prediction(
        rng.permutation(COUNT) * scale + 1.0, scale * rng.random((COUNT, 32, 32), np.float32)
    )


@pytest.fixture
def predictions():
    return {
        "nut": {
            "SPADE": made(1),
            "PaDiM": made(2, 50.0),
            "DN2": Prediction(np.arange(float(COUNT))),
        },
        "mesh": {"SPADE": made(4), "PaDiM": made(5), "DN2": Prediction(np.arange(float(COUNT)))},
    }


@pytest.fixture
def view(categories, predictions):
    view = explore.compare(categories, predictions)
    view.wait(SECONDS)
    yield view
    view.close()


def by_scores(found):
    return score_disagreement(np.stack([one.score for one in found.values()]))


def sent_by(view, monkeypatch):
    """Return the list of answers that the browser is sent from now on."""
    sent = []
    monkeypatch.setattr(view, "send", lambda content, buffers=(): sent.extend(content["parts"]))
    return sent


def test_it_opens_with_the_most_disputed_image(view, predictions):
    by = by_scores(predictions["nut"])
    assert by.max() > by.min()
    np.testing.assert_array_equal(view.disagreement, by)
    assert (view.order, view.image) == ("disagreement of scores", int(by.argmax()))
    assert (view.x, view.y) == ("SPADE", "PaDiM")
    found = {f"found/nut/{name}/{view.image}" for name in predictions["nut"]}
    assert set(view.opening) == {f"test/nut/{view.image}", *found}


def test_an_image_that_is_given_is_shown(categories, predictions):
    first = int(by_scores(predictions["nut"]).argmax())
    other = (first + 1) % COUNT
    view = explore.compare(categories, predictions)
    state = {**view.state, "image": other, "order": BY_MAPS, "x": "DN2"}
    view.state = state
    assert view.state == state


@pytest.mark.parametrize("order", [BY_SCORES, BY_MAPS, "score", "as stored"])
def test_another_order_begins_at_its_first_image(view, predictions, order):
    found = predictions["nut"]
    maps = [found["SPADE"].anomaly_map, found["PaDiM"].anomaly_map]
    values = {
        "disagreement of scores": by_scores(found),
        "disagreement of maps": map_disagreement(maps),
        "score": found["PaDiM"].score,
        "as stored": -np.arange(COUNT),
    }[order]
    view.detector = "PaDiM"
    view.order = "score" if order == "as stored" else "as stored"
    view.order = order
    assert view.image == int(np.argmax(values))
    expected = values if order in (BY_SCORES, BY_MAPS) else None
    np.testing.assert_array_equal(view.disagreement, expected)
    view.defect = "hole"
    view.category = "mesh"
    view.category = "nut"
    assert view.image == 3 + int(np.argmax(values[3:]))  # images 3, 4 and 5 have a hole


def test_only_errors_are_begun_with(view, categories):
    view.detector = "DN2"  # its scores are 0 to 5, good images are 0, 1, 2
    view.threshold = 1.5
    view.only = "false positives"
    view.order = "score"
    assert view.image == 2
    view.threshold = 4.5
    view.only = "errors"
    view.order = "as stored"
    assert view.image == 3


def test_the_browser_chooses_its_image_itself(view):
    view.set_state({"order": "as stored", "image": 4})
    assert (view.order, view.image) == ("as stored", 4)


def test_names_are_checked(view):
    with pytest.raises(TraitError, match="x must be one of SPADE, PaDiM, DN2, got 'nut'"):
        view.x = "nut"
    with pytest.raises(TraitError, match="order must be one of score, as stored, disagreement"):
        view.order = "disagreement"


def test_the_table_has_every_detectors_numbers(view, categories, predictions):
    view.category = "mesh"
    view.wait(SECONDS)
    test = categories["mesh"].test
    for name, found in predictions["mesh"].items():
        np.testing.assert_equal(view.table[name], compared(found, test.labels, test.masks_array()))


def test_numbers_are_sent_once_and_to_whoever_waits(view, monkeypatch):
    go = threading.Event()
    calls = []

    def slowly(prediction, *truth):
        calls.append(prediction)
        assert go.wait(SECONDS)
        return compared(prediction, *truth)

    monkeypatch.setattr(kit_source, "compared", slowly)
    sent = sent_by(view, monkeypatch)
    view.category = "mesh"
    assert view.table == {}
    assert view.static() is not None  # with what there is
    keys = [f"numbers/mesh/{name}" for name in ("SPADE", "PaDiM", "DN2")]
    view._answer(view, {"ask": keys}, [])
    go.set()
    view.wait(SECONDS)
    assert list(view.table) == ["SPADE", "PaDiM", "DN2"]
    assert sorted(answer["key"] for answer in sent) == sorted(keys)
    assert len(calls) == 3


def test_another_category_drops_what_is_not_needed_any_more(view, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(
        kit_source, "compared", lambda *given: go.wait(SECONDS) and compared(*given)
    )
    view.category = "mesh"
    sent = sent_by(view, monkeypatch)
    view.category = "nut"
    go.set()
    view.wait(SECONDS)
    stopped = [answer["key"] for answer in sent if answer.get("stopped")]
    assert "numbers/mesh/DN2" in stopped
    assert "numbers/mesh/DN2" not in [a["key"] for a in sent if "heads" in a]


def drawn_maps(view):
    return {axes.get_label(): axes.images[0] for axes in view.static().axes if axes.images}


def test_each_detector_has_its_own_scale_unless_maps_are_divided_by_their_thresholds(
    view, predictions
):
    view.image = 3
    shown = drawn_maps(view)
    for name in ("SPADE", "PaDiM"):
        maps = predictions["nut"][name].anomaly_map
        np.testing.assert_array_equal(shown[f"map {name}"].get_array(), maps[3])
        assert shown[f"map {name}"].get_clim() == plots.shared_limits(list(maps))
    view.relative = True
    shown = drawn_maps(view)
    for name in ("SPADE", "PaDiM"):
        by = view.table[name]["pixel_threshold"]
        expected = predictions["nut"][name].anomaly_map[3] / by
        np.testing.assert_allclose(shown[f"map {name}"].get_array(), expected, rtol=1e-6)
        assert shown[f"map {name}"].get_clim() == (0, 2)
    view.limits = {"nut/PaDiM": [10, 20]}
    by = view.table["PaDiM"]["pixel_threshold"]
    assert drawn_maps(view)["map PaDiM"].get_clim() == pytest.approx((10 / by, 20 / by))
    view.relative = False
    assert drawn_maps(view)["map PaDiM"].get_clim() == (10, 20)


def test_the_figure_says_rank_and_verdict_by_the_chosen_threshold(view, predictions):
    view.image = 4
    text = words(view)
    for found in predictions["nut"].values():
        assert f"rank {1 + (found.score > found.score[4]).sum()} of 6" in text
    assert f"{view.order} {view.disagreement[4]:.3g}" in text
    view.detector = "DN2"
    view.threshold = 4.5  # above the fifth image's score
    assert "missed" in words(view)
    view.threshold = 1.0
    assert "rank 2 of 6\nanomalous: right" in words(view)


def words(view):
    return " ".join(one.get_text() for one in view.static().findobj(Text))


def test_without_labels_and_masks_it_says_what_is_missing(predictions):
    split = Split.from_arrays(IMAGES[:COUNT], [-1] * COUNT, geometry=Geometry(32, crop=False))
    view = explore.compare(Category("nut", split, split), predictions["nut"])
    view.wait(SECONDS)
    for numbers in view.table.values():
        assert all(np.isnan(value) for value in numbers.values())
    view.relative = True
    view.static()


def test_one_detector_has_nothing_to_disagree_with(categories, predictions):
    view = explore.compare(categories["nut"], {"SPADE": predictions["nut"]["SPADE"]})
    assert (view.disagreement == 0).all()
    view.order = "disagreement of maps"
    assert view.disagreement is None
    assert view.image == 0
    assert (view.x, view.y) == ("SPADE", "SPADE")


def test_detectors_that_are_computed_when_needed(categories, predictions):
    names = ("SPADE", "PaDiM")
    found = {name: lambda name=name: predictions["nut"][name] for name in names}
    view = explore.compare(categories["nut"], found)
    view.wait(SECONDS)
    by = by_scores({name: predictions["nut"][name] for name in names})
    np.testing.assert_array_equal(view.disagreement, by)
    assert by[view.image] == by.max()
    assert set(view.table) == set(found)


def test_what_waits_for_predictions_is_answered_after_them(categories, predictions, monkeypatch):
    go = threading.Event()
    found = {
        **predictions["nut"],
        "PaDiM": lambda: go.wait(SECONDS) and predictions["nut"]["PaDiM"],
    }
    view = explore.compare(categories["nut"], found)
    sent = sent_by(view, monkeypatch)
    view._answer(view, {"ask": ["disagreement/nut"]}, [])
    assert view.disagreement is None
    view.image = 5  # somebody went on
    go.set()
    view.wait(SECONDS)
    assert "heads" in next(answer for answer in sent if answer["key"] == "disagreement/nut")
    assert view.image == 5


def test_categories_may_have_other_detectors(categories, predictions):
    predictions["mesh"] = {"PaDiM": predictions["mesh"]["PaDiM"], "other": made(7)}
    view = explore.compare(categories, predictions)
    view.y = "DN2"
    view.category = "mesh"
    assert (view.detector, view.x, view.y) == ("PaDiM", "PaDiM", "other")
    assert view.image == int(by_scores(predictions["mesh"]).argmax())
    view.wait(SECONDS)
    assert set(view.table) == {"PaDiM", "other"}


def test_a_page_of_it_has_what_it_asks_for(view):
    keys = view.export_keys(images=[2])
    assert {"numbers/nut/DN2", "quantiles/mesh/SPADE", "disagreement/mesh"} < set(keys)
    assert not [key for key in keys if "train" in key]


def test_the_figure_can_be_saved(view, tmp_path):
    view.save(str(tmp_path / "compare.pdf"))
    assert (tmp_path / "compare.pdf").read_bytes().startswith(b"%PDF")
