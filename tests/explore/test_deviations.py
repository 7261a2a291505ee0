"""The explorer of deviations on made-up runs: which are made, what they show, every control."""

import io
import math
import threading
import zlib

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score
from traitlets import TraitError

from adviz import Prediction, data, evaluate, explore, plots
from adviz._support import progress
from adviz.explore.deviations.flips import ALONE, CUMULATIVE, TOGETHER
from adviz.explore.kit.packing import packed

STEPS = {
    "official": {
        "start": ("farthest", "anchors"),
        "distance": ("euclidean", "squared"),
        "score": ("reweighted", "max"),
    },
    "anomalib": {"start": ("farthest", "random"), "upsample": ("bilinear", "nearest")},
}
SIZE = 32


def write(root, name, masks=True):
    """Write a training image and test images: four good, three with a hole, two with a scratch."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[8:14, 8:20] = 255
    for kind, count in {"train/good": 1, "test/good": 4, "test/hole": 3, "test/scratch": 2}.items():
        (root / name / kind).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / kind / f"{number}.png")
            if masks and kind in ("test/hole", "test/scratch"):
                folder = root / name / "ground_truth" / kind.removeprefix("test/")
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(folder / f"{number}_mask.png")
    return data.mvtec(root, name, geometry=data.Geometry(SIZE, crop=False))


@pytest.fixture(scope="module")
def categories(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    return {name: write(root, name) for name in ("plate", "gear")}


def predicted(category, options):
    """Return a made-up prediction.

    The start of the search changes all, `score` the scores, `distance` the unit.
    """
    seed = zlib.crc32(f"{category.name}{options.get('start')}".encode())
    rng, truth = np.random.default_rng(seed), category.test.labels == 1
    score = truth + rng.uniform(0, 2, len(truth))
    maps = rng.uniform(0, 2, (len(truth), SIZE, SIZE))
    if category.test.has_masks:
        maps = maps + category.test.masks_array()
    if options.get("score") == "max":
        score = score + np.random.default_rng(1).uniform(0, 2, len(truth))
    power = 2 if options.get("distance") == "squared" else 1
    return Prediction(score**power, maps**power)


class Runner:
    """A `run` that remembers what it was asked, and can be told to wait or to fail."""

    def __init__(self, categories):
        self.categories, self.asked, self.failing = categories, [], False
        self.free = threading.Event()
        self.free.set()

    def __call__(self, name, options):
        for _ in progress.progress_bar(range(10**6), label="waiting"):
            if self.free.wait(0.005):
                break
        if self.failing:
            raise ValueError("no such option")
        self.asked.append((name, options))
        return predicted(self.categories[name], options)


@pytest.fixture
def runner(categories):
    return Runner(categories)


@pytest.fixture
def view(categories, runner):
    return explore.deviations(categories, STEPS, runner)


def ran(view):
    view.run()
    view.wait()
    assert "Error" not in view.status
    return view


def auroc(category, options):
    return 100 * roc_auc_score(category.test.labels, predicted(category, options).score)


def part(view, key):
    return view.part(key)


def rgb(value):
    return np.asarray(Image.open(io.BytesIO(value)))


def map_of(found):
    low, high = found["range"]
    return low + found["map"].astype(float) * (high - low) / 65535


def runs_of(view, name):
    return view.facts["runs"][name]


def test_it_opens_with_everything_flipped_and_nothing_run(view, runner):
    assert (view.target, view.mode, view.metric, view.category) == (
        "official",
        CUMULATIVE,
        "image AUROC",
        "mean",
    )
    assert view.flipped == view.order == ("start", "distance", "score")
    assert (
        view.status == "paper → official · one after the other · image AUROC · mean · 0 of 8 runs"
    )
    assert view.facts["runs"] == {"plate": {}, "gear": {}}
    assert not runner.asked
    assert all(
        math.isnan(value) for name in ("paper", "start", "official") for value in view.results[name]
    )


def test_run_makes_what_the_way_needs_and_each_run_once(view, runner):
    ran(view)
    each = [{}, {"start": "anchors"}, {"start": "anchors", "distance": "squared"}]
    each.append({**each[-1], "score": "max"})
    assert runner.asked == [(name, options) for name in ("plate", "gear") for options in each]
    ran(view)
    view.mode = ALONE
    # The start, the first flip and all together are there
    assert view.status.endswith("6 of 10 runs")
    ran(view)
    assert runner.asked[8:] == [
        (name, options)
        for name in ("plate", "gear")
        for options in ({"distance": "squared"}, {"score": "max"})
    ]
    view.mode, view.order = CUMULATIVE, ("score", "start", "distance")
    ran(view)
    assert runner.asked[12:] == [
        (name, {"score": "max", "start": "anchors"}) for name in ("plate", "gear")
    ]


def test_the_numbers_are_those_of_the_definition(view, categories):
    ran(view)
    one = categories["plate"]
    first = auroc(one, {"start": "anchors"}) - auroc(one, {})
    last = auroc(one, {"start": "anchors", "score": "max"}) - auroc(one, {"start": "anchors"})
    assert abs(first) > 1
    assert abs(last) > 1
    results = view.results
    assert list(results) == ["category", "paper", "start", "distance", "score", "official"]
    assert results["category"] == ["plate", "gear", "mean"]
    expected = [auroc(one, {}), first, 0, last, auroc(one, {"start": "anchors", "score": "max"})]
    np.testing.assert_allclose(
        [results[name][0] for name in list(results)[1:]], expected, atol=1e-9
    )
    for name in list(results)[1:]:
        assert results[name][2] == pytest.approx((results[name][0] + results[name][1]) / 2)
    assert runs_of(view, "plate")[""]["points"]["image AUROC"] == pytest.approx(expected[0])


def test_alone_every_flip_starts_from_the_paper(view, categories):
    view.mode = ALONE
    ran(view)
    one, results = categories["gear"], view.results
    expected = auroc(one, {"score": "max"}) - auroc(one, {})
    assert results["score"][1] == pytest.approx(expected)


def test_the_order_decides_what_each_step_is_worth_and_not_the_total(view):
    ran(view)
    before = view.results
    view.order = ("score", "distance", "start")
    ran(view)
    after = view.results
    assert list(after) == ["category", "paper", "score", "distance", "start", "official"]
    assert after["score"] != before["score"]
    assert after["official"] == before["official"]


def test_the_metrics_are_those_of_evaluate(view, categories):
    ran(view)
    found = evaluate(predicted(categories["plate"], {}), categories["plate"].test)
    for metric, value in (("pixel AUROC", found.pixel_auroc), ("PRO", found.pro)):
        view.metric = metric
        assert view.results["paper"][0] == pytest.approx(100 * value)
    assert view.static().axes[0].get_xlabel() == "PRO-global, points (the axis is cut)"


def test_every_choice_changes_the_status_or_the_results(view):
    view.category = "plate"
    ran(view)
    seen = [(view.status, str(view.results), str(view.state))]
    changes = [
        ("category", "gear"), ("metric", "pixel AUROC"), ("mode", ALONE),
        ("flipped", ("start", "distance")),
        ("step", "start"), ("defect", "scratch"), ("image", 8), ("target", "anomalib"),
    ]  # fmt: skip
    for name, value in changes:
        setattr(view, name, value)
        assert getattr(view, name) == value
        ran(view)
        seen.append((view.status, str(view.results), str(view.state)))
    assert len(set(seen)) == len(seen)
    assert "gear · 8 of 8 runs · image 9 of 9: scratch" in view.status


def test_order_and_flips_are_of_a_target_and_checked(view):
    view.order = ("distance", "start", "score")
    assert view.orders == {"official": ["distance", "start", "score"]}
    assert list(view.results)[2:5] == ["distance", "start", "score"]
    with pytest.raises(TraitError, match=r"each of start, distance, score once, got \['start'\]"):
        view.order = ("start",)
    with pytest.raises(TraitError, match=r"each of start, distance, score once"):
        view.order = ("start", "start", "score")
    with pytest.raises(TraitError, match=r"options of start, distance, score, got \['colour'\]"):
        view.flipped = ("colour",)
    with pytest.raises(TraitError, match="orders must be one of official, anomalib"):
        view.orders = {"nothing": []}
    assert view.order == ("distance", "start", "score")


def test_an_option_that_is_not_flipped_leaves_the_way(view):
    view.flipped = ("score",)
    assert list(view.results) == ["category", "paper", "score", TOGETHER]
    view.flipped = ()
    assert view.status.endswith("0 of 2 runs")
    ran(view)
    assert view.results["paper"] == view.results[TOGETHER]


def test_targets_share_the_start_and_keep_their_flips(view, runner):
    view.flipped = ("start", "distance")
    view.step = "distance"
    ran(view)
    view.target = "anomalib"
    assert view.step == TOGETHER  # it has no such option
    assert view.flipped == ("start", "upsample")
    assert view.status.endswith("2 of 6 runs")  # the paper's two
    ran(view)
    assert len(runner.asked) == len({repr(asked) for asked in runner.asked})
    # the start of both leads to other runs: they have other names
    names = {one["number"] for flips in view.facts["targets"].values() for one in flips}
    assert len(names) == 5
    view.target = "official"
    assert view.flipped == ("start", "distance")


def test_what_is_done_when_it_stops_is_kept_and_it_goes_on_from_there(view, runner):
    view.category = "plate"
    runner.free.clear()
    view.run()
    for _ in range(500):
        if "plate: 1 of 4: waiting" in view.busy:
            break
        threading.Event().wait(0.01)
    assert "plate: 1 of 4: waiting" in view.busy
    threading.Timer(0.05, view.stop).start()
    view.wait()
    assert view.status.startswith("stopped · paper → official")
    assert runner.asked == []
    view.metric = "PRO"
    assert not view.status.startswith("stopped")
    stopping = runner.__class__.__call__

    def stops_after_three(name, options):
        if len(runner.asked) == 3:
            view.stop()
        return stopping(runner, name, options)

    runner.free.set()
    view.source.runs._function = stops_after_three
    view.run()
    view.wait()
    done = list(runner.asked)
    assert 3 <= len(done) <= 4
    view.source.runs._function = runner
    ran(view)
    assert len(runner.asked) == 8
    assert len({repr(asked) for asked in runner.asked}) == 8


def test_the_browser_asks_for_runs_and_gets_each_as_it_is_made(view, runner):
    made = []
    view.observe(lambda change: made.append(len(change["new"]["runs"]["plate"])), "facts")
    view._answer(view, {"run": True}, [])
    view.wait()
    assert made == [1, 2, 3, 4, 4, 4, 4, 4]
    assert set(runs_of(view, "plate")) == {"", "0", "0-1", "0-1-2"}


def test_the_mean_is_of_what_is_known_in_full(view, runner):
    plain = runner.__class__.__call__

    def fails_on_gear(name, options):
        if name == "gear" and options:
            raise ValueError("too large")
        return plain(runner, name, options)

    view.source.runs._function = fails_on_gear
    view.run()
    view.wait()
    view.metric = "PRO"
    view.metric = "image AUROC"
    for values in list(view.results.values())[1:]:
        assert values[2] == values[0]
    assert list(runs_of(view, "gear")) == [""]


def test_an_error_is_said_and_what_was_done_is_kept(view, runner):
    view.flipped = ("start",)
    ran(view)
    view.flipped, runner.failing = ("start", "score"), True
    view.run()
    view.wait()
    assert view.status == (
        "Error: RuntimeError: plate with {'start': 'anchors', 'score': 'max'}: no such option"
    )
    assert not view.busy
    runner.failing = False
    assert view.results["paper"][0] > 0
    ran(view)


def test_a_run_sends_its_maps_and_how_they_differ(view, categories):
    view.category, view.image = "plate", 4
    ran(view)
    one, label = categories["plate"], categories["plate"].test
    maps = [predicted(one, options).anomaly_map for options in ({}, {"start": "anchors"})]
    before, after = (part(view, f"run/plate/{name}/4") for name in ("", "0"))
    np.testing.assert_allclose(map_of(before), maps[0][4], atol=1e-3)
    np.testing.assert_allclose(map_of(after), maps[1][4], atol=1e-3)
    limits = [list(plots.shared_limits(list(values))) for values in maps]
    assert [list(runs_of(view, "plate")[name]["limits"]) for name in ("", "0")] == limits
    picture = part(view, "picture/plate/0/4")
    close(rgb(picture["image"]), label[4].image)
    np.testing.assert_array_equal(
        np.unpackbits(picture["mask"])[: SIZE * SIZE].reshape(SIZE, SIZE), label[4].mask
    )
    change = part(view, "change/plate//0/4")
    most = np.quantile(np.abs(maps[1] - maps[0])[:, ::4, ::4], 0.998)
    close(rgb(change["image"]), plots.signed_heat(maps[1][4] - maps[0][4], (-most, most)))
    assert change["change"]["limit"] == pytest.approx(most)
    assert change["change"]["unit"] == "anomaly score"
    # distance changes the unit: fractions of the scales are compared
    assert part(view, "change/plate/0/0-1/4")["change"]["unit"] == "fraction of the scale"
    nothing = part(view, "change/plate/0-1/0-1-2/4")
    assert nothing["change"]["words"] == "The step does not change the maps."
    assert "image" not in nothing
    with pytest.raises(KeyError):
        part(view, "change/plate//9/4")


def close(shown, expected):
    """Assert that a JPEG shows an array: noise of single pixels is its hardest case."""
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 8


def test_where_an_image_stands_among_the_others(view, categories):
    ran(view)
    one = categories["plate"]
    for name, options in (("", {}), ("0", {"start": "anchors"})):
        scores = predicted(one, options).score
        words = part(view, f"run/plate/{name}/5")["words"]
        assert words == [f"above {(scores[:4] < scores[5]).sum()} of 4 good images"]
    scores = predicted(one, {}).score
    words = part(view, "run/plate//2")["words"]
    assert words == [f"below {(scores[4:] > scores[2]).sum()} of 5 anomalous images"]


def test_how_much_the_numbers_can_bear(view):
    ran(view)
    found = part(view, "interval/+/0-1-2/2")["interval"]
    assert found["pair"] == {"plate": 5.0, "gear": 5.0}  # 4 good times 5 anomalous
    change = view.results["official"][2] - view.results["paper"][2]
    assert found["low"] < change < found["high"]
    assert part(view, "interval/gear/0-1-2/1")["interval"]["pair"] == {"gear": 5.0}


def test_run_may_read_the_images_in_another_way(categories):
    def read(name, options):
        one = categories[name]
        if not options:
            return predicted(one, {})
        geometry = data.Geometry(
            options.get("size", SIZE), crop=False, mask_rule=options.get("mask_rule", ">0.5")
        )
        test = one.test.with_geometry(geometry)
        maps = np.random.default_rng(0).random((len(test), *test.image_size))
        found = Prediction(predicted(one, {}).score, maps)
        return found, test, evaluate(found, test, pro=options.get("pro", "global"))

    steps = {
        "other": {"size": (SIZE, 24), "mask_rule": (">0.5", ">0"), "pro": ("global", "per-image")}
    }
    view = explore.deviations(categories["plate"], steps, read, start="usual")
    assert view.category == "plate"
    ran(view)
    assert "usual → other" in view.status
    made = runs_of(view, "plate")
    assert [made[name]["size"] for name in ("", "0")] == [[SIZE, SIZE], [24, 24]]
    assert [made[name]["read"] for name in ("", "0", "0-1", "0-1-2")] == [0, 1, 2, 2]
    assert "read at another size" in part(view, "change/plate//0/4")["change"]["words"]
    assert part(view, "change/plate/0/0-1/4")["change"]["words"] == (
        "The step does not change the maps."
    )
    assert rgb(part(view, "picture/plate/1/4")["image"]).shape == (24, 24, 3)
    view.metric = "PRO"
    assert view.static().axes[0].get_xlabel().startswith("PRO-global / PRO-per-image")
    assert view.results["pro"][0] != 0


def test_without_masks_and_without_labels_it_says_what_is_missing(tmp_path):
    one = write(tmp_path, "plate", masks=False)
    view = ran(explore.deviations(one, STEPS, lambda name, options: predicted(one, options)))
    assert "mask" not in part(view, "picture/plate/0/4")
    made = runs_of(view, "plate")[""]
    assert (made["points"]["PRO"], made["reasons"]["PRO"]) == (None, "the test set has no masks")
    images = np.random.default_rng(0).integers(0, 255, (3, SIZE, SIZE, 3), dtype=np.uint8)
    loose = data.Split.from_arrays(images, [-1] * 3, geometry=data.Geometry(SIZE, crop=False))
    nothing = data.Category("loose", loose, loose)
    view = ran(explore.deviations(nothing, STEPS, lambda name, options: Prediction(np.arange(3.0))))
    made = runs_of(view, "loose")[""]
    assert "no anomalous image in the test set" in made["reasons"]["image AUROC"]
    assert made["limits"] is None
    assert list(part(view, "run/loose//1")) == ["words"]
    assert part(view, "interval/loose/0-1-2/1")["interval"]["low"] is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            None,
            "expected run to return a Prediction, and after it its Split and its Result, "
            "got NoneType",
        ),
        (
            Prediction(np.arange(3.0)),
            "expected a prediction of the 9 test images of plate, got one of 3 images",
        ),
    ],
)
def test_a_run_that_answers_something_else_is_refused(categories, answer, message):
    view = explore.deviations(categories["plate"], STEPS, lambda name, options: answer)
    view.run()
    view.wait()
    assert f"Error: RuntimeError: plate with nothing flipped: {message}" in view.status


def test_bad_arguments(categories, runner):
    with pytest.raises(ValueError, match="at least one category"):
        explore.deviations({}, STEPS, runner)
    with pytest.raises(ValueError, match="at least one option each"):
        explore.deviations(categories, {"official": {}}, runner)
    with pytest.raises(ValueError, match="none of them called 'mean'"):
        explore.deviations({"mean": categories["plate"]}, STEPS, runner)
    view = explore.deviations(categories["plate"], STEPS, runner)
    with pytest.raises(TraitError, match="image must be between 0 and 8, got 9"):
        view.image = 9
    with pytest.raises(TraitError, match="step must be one of all together, start"):
        view.step = "upsample"
    with pytest.raises(TraitError, match="category must be one of plate, got 'mean'"):
        view.category = "mean"
    with pytest.raises(TraitError, match="mode must be one of"):
        view.mode = "both"
    with pytest.raises(TraitError, match="metric must be one of image AUROC"):
        view.metric = "F1"
    with pytest.raises(TraitError, match="defect must be one of all, good, hole, scratch"):
        view.defect = "dent"
    with pytest.raises(TraitError, match=r"picked must be \[\] or \[row, column\], got \[1\]"):
        view.picked = [1]


def test_a_defect_goes_to_its_first_image(view):
    view.category = "plate"
    view.defect = "scratch"
    assert view.image == 7
    view.defect = "all"
    assert view.image == 7


def test_a_file_holds_every_run_and_every_step(view, tmp_path):
    ran(view)
    keys = view.export_keys(images=[0, 4])
    assert len(keys) == len(set(keys))
    for key in ("run/plate/0-1/4", "picture/gear/0/0", "change/plate/0/0-1/4", "interval/+/0/2"):
        assert key in keys
    assert not any(key.endswith("/1") for key in keys if key.startswith(("run", "picture")))
    for key in keys:
        packed(view.part(key))
    view.category, view.image = "plate", 7
    state = view.exported_state([0, 4])
    assert (state["image"], view.exported_state()["image"]) == (0, 7)
    file = view.export(tmp_path / "view.html", images=[0, 4])
    assert "interval/+/0-1-2/2" in file.read_text(encoding="utf-8")


def test_the_state_is_restored(view, categories, runner):
    view.state = {"category": "gear", "mode": ALONE, "step": "score", "image": 5}
    view.flipped = ("score",)
    other = explore.deviations(categories, STEPS, runner)
    other.state = view.state
    assert other.state == view.state
    assert other.flipped == ("score",)


def test_the_static_figure_is_the_displayed_waterfall(view, tmp_path):
    ran(view)
    view.category = "gear"
    assert view.static().axes[0].get_label() == "waterfall"
    texts = [text.get_text() for text in view.static().findobj() if hasattr(text, "get_text")]
    assert "gear: paper → official, one after the other" in texts
    assert "start: farthest → anchors" in texts
    view.save(str(tmp_path / "view.png"))
    with Image.open(tmp_path / "view.png") as image:
        assert image.size[0] > 600
