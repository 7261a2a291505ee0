"""The explorer of deviations on made-up runs: which are made, what they show, every control."""

import base64
import io
import math
import re
import threading
import zlib

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from adviz import Prediction, data, evaluate, explore, plots
from adviz._support import progress
from adviz.explore.deviations.flips import ALONE, CUMULATIVE, MODES, TOGETHER

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


def shown(view):
    """Return all that is on show, as HTML."""
    return view._page.value + view._chart.value + view._maps.value


def pictures(view):
    """Return the pictures on the page, in order, as arrays."""
    found = re.findall(r"data:image/jpeg;base64,([^']+)'", shown(view))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def row(view, name):
    """Return the texts of a line of the table on the page."""
    found = re.search(rf"<th[^>]*>{name}</th>((?:<td[^>]*>[^<]*</td>)+)</tr>", view._page.value)
    return re.findall(r"<td[^>]*>([^<]*)</td>", found[1])


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
    assert view._button.description == "run 8 missing"
    assert row(view, "plate") == ["…"] * 5
    assert not runner.asked
    assert all(
        math.isnan(value) for name in ("paper", "start", "official") for value in view.results[name]
    )


def test_run_makes_what_the_way_needs_and_each_run_once(view, runner):
    ran(view)
    each = [{}, {"start": "anchors"}, {"start": "anchors", "distance": "squared"}]
    each.append({**each[-1], "score": "max"})
    assert runner.asked == [(name, options) for name in ("plate", "gear") for options in each]
    assert view._button.disabled
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
    assert row(view, "plate") == [
        f"{expected[0]:.1f}", f"{first:+.1f}", "0.0", f"{last:+.1f}", f"{expected[-1]:.1f}"
    ]  # fmt: skip


def test_alone_every_flip_starts_from_the_paper(view, categories):
    view.mode = ALONE
    ran(view)
    one, results = categories["gear"], view.results
    expected = auroc(one, {"score": "max"}) - auroc(one, {})
    assert results["score"][1] == pytest.approx(expected)
    added = sum(results[name][2] for name in STEPS["official"])
    assert f"Alone, the flips add up to {plots.signed(added)}" in shown(view)
    assert "The order decides" not in shown(view)


def test_the_order_decides_what_each_step_is_worth_and_not_the_total(view):
    ran(view)
    before = view.results
    view.order = ("score", "distance", "start")
    ran(view)
    after = view.results
    assert list(after) == ["category", "paper", "score", "distance", "start", "official"]
    assert after["score"] != before["score"]
    assert after["official"] == before["official"]
    assert "The order decides" in shown(view)


def test_the_metrics_are_those_of_evaluate(view, categories):
    ran(view)
    found = evaluate(predicted(categories["plate"], {}), categories["plate"].test)
    for metric, value in (("pixel AUROC", found.pixel_auroc), ("PRO", found.pro)):
        view.metric = metric
        assert view.results["paper"][0] == pytest.approx(100 * value)
    assert view.static().axes[0].get_xlabel() == "PRO-global, points (the axis is cut)"
    assert "bootstrap" not in shown(view)  # it is of images' scores


def test_every_control_changes_status_and_page(view):
    view.category = "plate"
    ran(view)
    seen = [(view.status, shown(view))]
    changes = [
        ("category", "gear"), ("metric", "pixel AUROC"), ("mode", ALONE),
        ("flipped", ("start", "distance")),
        ("step", "start"), ("defect", "scratch"), ("image", 8), ("target", "anomalib"),
    ]  # fmt: skip
    for name, value in changes:
        setattr(view, name, value)
        assert getattr(view, name) == value
        ran(view)
        seen.append((view.status, shown(view)))
    assert len({page for _, page in seen}) == len(seen)
    assert "gear · 8 of 8 runs · image 9 of 9: scratch" in view.status


def test_order_and_buttons(view):
    rows = view._lists["official"].children
    assert rows[0].children[1].disabled
    assert rows[2].children[2].disabled
    rows[0].children[2].click()
    assert view.order == ("distance", "start", "score")
    assert not rows[0].children[1].disabled
    assert list(view.results)[2:5] == ["distance", "start", "score"]
    rows[0].children[1].click()
    assert view.order == ("start", "distance", "score")
    with pytest.raises(ValueError, match=r"each of start, distance, score once, got \['start'\]"):
        view.order = ("start",)
    with pytest.raises(ValueError, match=r"options of start, distance, score, got \['colour'\]"):
        view.flipped = ("colour",)


def test_an_option_that_is_not_flipped_leaves_the_way(view):
    view.flipped = ("score",)
    assert list(view.results) == ["category", "paper", "score", TOGETHER]
    assert list(view._step.options) == [TOGETHER, "score"]
    view.flipped = ()
    assert view.status.endswith("0 of 2 runs")
    ran(view)
    assert view.results["paper"] == view.results[TOGETHER]
    view._lists["official"]._ticks["start"].value = True
    assert view.flipped == ("start",)


def test_targets_share_the_start_and_keep_their_flips(view, runner):
    view.flipped = ("start", "distance")
    ran(view)
    view.target = "anomalib"
    assert view.flipped == ("start", "upsample")
    assert view.status.endswith("2 of 6 runs")  # the paper's two
    ran(view)
    assert len(runner.asked) == len({repr(asked) for asked in runner.asked})
    view.target = "official"
    assert view.flipped == ("start", "distance")


def test_what_is_done_when_it_stops_is_kept_and_it_goes_on_from_there(view, runner):
    view.category = "plate"
    runner.free.clear()
    view.run()
    for _ in range(500):
        if "plate: 1 of 4: waiting" in view._progress.value:
            break
        threading.Event().wait(0.01)
    assert "plate: 1 of 4: waiting" in view._progress.value
    threading.Timer(0.05, view.stop).start()
    view.wait()
    assert view.status == "stopped"
    assert runner.asked == []
    stopping = runner.__class__.__call__

    def stops_after_three(name, options):
        if len(runner.asked) == 3:
            view.stop()
        return stopping(runner, name, options)

    runner.free.set()
    view._runs._function = stops_after_three
    view.run()
    view.wait()
    done = list(runner.asked)
    assert 3 <= len(done) <= 4
    view._runs._function = runner
    ran(view)
    assert len(runner.asked) == 8
    assert len({repr(asked) for asked in runner.asked}) == 8


def test_the_page_fills_as_the_runs_are_made(view, runner):
    view.category, pages = "plate", []
    plain = runner.__class__.__call__

    def watched(name, options):
        pages.append(row(view, "plate"))
        return plain(runner, name, options)

    view._runs._function = watched
    ran(view)
    assert pages[0] == ["…"] * 5
    assert [text == "…" for text in pages[2]] == [False, False, True, True, True]
    assert pages[4] == row(view, "plate")


def test_the_mean_is_of_what_is_known_in_full(view, runner):
    plain = runner.__class__.__call__

    def fails_on_gear(name, options):
        if name == "gear" and options:
            raise ValueError("too large")
        return plain(runner, name, options)

    view._runs._function = fails_on_gear
    view.run()
    view.wait()
    view.metric = "PRO"
    view.metric = "image AUROC"
    for values in list(view.results.values())[1:]:
        assert values[2] == values[0]
    assert "The mean is of plate alone." in shown(view)
    assert row(view, "gear")[1:] == ["…"] * 4
    assert row(view, "gear")[0] != "…"


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


def test_maps_before_and_after_share_one_scale_unless_their_unit_changes(view, categories):
    view.category, view.image = "plate", 4
    assert "the maps before and after the step will be here" in shown(view)
    ran(view)
    view.step = "start"
    one, label = categories["plate"], categories["plate"].test
    maps = [predicted(one, options).anomaly_map for options in ({}, {"start": "anchors"})]
    limits = [plots.shared_limits(list(values)) for values in maps]
    both = min(low for low, _ in limits), max(high for _, high in limits)
    image, truth, before, after, change = pictures(view)
    assert view._chart.value.count("<svg") == 1
    assert "start: farthest" in view._chart.value  # its steps are text in the page
    close(image, label[4].image)
    close(truth, np.repeat(np.uint8(255) * label[4].mask[..., None], 3, 2))
    close(before, plots.heat(maps[0][4], both))
    close(after, plots.heat(maps[1][4], both))
    most = np.quantile(np.abs(maps[1] - maps[0])[:, ::4, ::4], 0.998)
    close(change, plots.signed_heat(maps[1][4] - maps[0][4], (-most, most)))
    assert "scale of its own" not in shown(view)
    view.step = "distance"
    assert "distance changes the unit of the maps: each is on a scale of its own" in shown(view)
    squared = maps[1] ** 2
    close(pictures(view)[3], plots.heat(squared[4], plots.shared_limits(list(squared))))
    view.step = "score"
    assert "The step does not change the maps." in shown(view)
    assert "scale of its own" not in shown(view)  # both are squared


def close(shown, expected):
    """Assert that a JPEG shows an array: noise of single pixels is its hardest case."""
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 8


def test_where_an_image_stands_among_the_others(view, categories):
    view.category, view.image, view.step = "plate", 5, "start"
    ran(view)
    one = categories["plate"]
    for options in ({}, {"start": "anchors"}):
        scores = predicted(one, options).score
        assert f"above {(scores[:4] < scores[5]).sum()} of 4 good images" in shown(view)
    view.image = 2
    scores = predicted(one, {}).score
    assert f"below {(scores[4:] > scores[2]).sum()} of 5 anomalous images" in shown(view)


def test_how_much_the_numbers_can_bear(view):
    ran(view)
    # 4 good times 5 anomalous
    assert "move it by this many points: 5.00 on plate, 5.00 on gear" in shown(view)
    said = re.search(
        r"official: ([^ ]+) points, 95% interval ([^ ]+) to ([^ ]+) \(paired", shown(view)
    )
    change, low, high = map(float, said.groups())
    assert low < change < high
    assert change == pytest.approx(view.results["official"][2] - view.results["paper"][2], abs=0.05)


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
    view.image = 4
    ran(view)
    assert "usual → other" in view.status
    assert "read at another size or crop" in shown(view)
    assert "24 x 24 px" in shown(view)
    assert len(pictures(view)) == 6  # image, truth and map twice; no difference
    view.step = "mask_rule"
    assert "read at another size" not in shown(view)
    assert shown(view).count("ground truth before") == 1
    view.step = "pro"
    assert len(pictures(view)) == 4
    assert "does not change the maps" in shown(view)
    view.metric = "PRO"
    assert view.static().axes[0].get_xlabel().startswith("PRO-global / PRO-per-image")
    assert view.results["pro"][0] != 0


def test_without_masks_and_without_labels_it_says_what_is_missing(tmp_path):
    one = write(tmp_path, "plate", masks=False)
    view = ran(explore.deviations(one, STEPS, lambda name, options: predicted(one, options)))
    view.image = 4
    assert "There is no ground truth of this image" in shown(view)
    view.metric = "PRO"
    assert row(view, "plate") == ["undefined"] * 5
    assert "plate has no PRO: the test set has no masks" in shown(view)
    images = np.random.default_rng(0).integers(0, 255, (3, SIZE, SIZE, 3), dtype=np.uint8)
    loose = data.Split.from_arrays(images, [-1] * 3, geometry=data.Geometry(SIZE, crop=False))
    nothing = data.Category("loose", loose, loose)
    view = ran(explore.deviations(nothing, STEPS, lambda name, options: Prediction(np.arange(3.0))))
    assert row(view, "loose") == ["undefined"] * 5
    assert "no anomalous image in the test set" in shown(view)
    assert "farthest: no map" not in shown(view)
    view.step = "start"
    assert "start: farthest: no map" in shown(view)


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
    with pytest.raises(ValueError, match=r"one of the 9 on offer, .* got 9"):
        view.image = 9


def test_the_static_figure_is_the_waterfall_on_show(view, tmp_path):
    ran(view)
    view.category = "gear"
    assert view.static().axes[0].get_label() == "waterfall"
    texts = [text.get_text() for text in view.static().findobj() if hasattr(text, "get_text")]
    assert "gear: paper → official, one after the other" in texts
    assert "start: farthest → anchors" in texts
    view.save(str(tmp_path / "view.png"))
    with Image.open(tmp_path / "view.png") as image:
        assert image.size[0] > 600
    assert set(MODES) == set(view._mode.options)
