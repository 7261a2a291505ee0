import dataclasses

import numpy as np
import pytest
from bank_data import N_TRAIN, SHARES, SIDE, small_bank, small_category

from adviz import PatchCore, evaluate
from adviz.core.coreset import rows_kept
from adviz.explore.coreset.bank import Bank, bank_usage, steps


@pytest.fixture(scope="module")
def category(tmp_path_factory):
    return small_category(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def found():
    return small_bank()


@pytest.fixture
def bank(found, category):
    return Bank(found.traces, category.test, N_TRAIN, found.predictions)


def test_steps_are_even_as_logarithms_and_hold_what_is_asked_for():
    assert steps(100, {42, 100, 200}) == [1, 2, 3, 5, 7, 10, 15, 20, 30, 42, 50, 70, 100]
    assert steps(1, set()) == [1]
    large = np.array(steps(50176, set()))
    assert (large[1:] / large[:-1] <= 2).all()


@pytest.mark.parametrize("share", SHARES)
def test_usage_counts_the_rows_that_are_nearest_of_a_test_patch(found, share):
    trace, neighbors = found.traces["greedy"], found.predictions["greedy"][share].neighbors["patch"]
    count = rows_kept(share, len(trace.points))
    used = bank_usage(trace, neighbors, count)
    rows = [
        int(np.flatnonzero((trace.image == image) & (trace.location == cell))[0])
        for image, cell in zip(
            neighbors.image[..., 0].ravel(), neighbors.location[..., 0].ravel(), strict=True
        )
    ]
    times = np.bincount(rows, minlength=len(trace.points))
    assert (used.rows, used.used, used.patches) == (count, np.count_nonzero(times), 4 * SIDE**2)
    assert (used.times, used.row) == (times.max(), times.argmax())
    assert used.share == np.count_nonzero(times) / count


def test_usage_refuses_the_prediction_of_another_bank(found):
    neighbors = found.predictions["random"][0.5].neighbors["patch"]
    with pytest.raises(
        ValueError,
        match="with the first 48 entries of the greedy trace, got one whose nearest patches",
    ):
        bank_usage(found.traces["greedy"], neighbors, 48)
    larger = found.predictions["greedy"][0.5].neighbors["patch"]
    with pytest.raises(ValueError, match="with the first 4 entries"):
        bank_usage(found.traces["greedy"], larger, 4)


def test_the_full_bank_is_all_rows_whatever_the_sampler(found, category):
    full = (
        PatchCore(layers=("layer",), coreset=1.0, sampler="random")
        .fit(found.train)
        .predict(found.test)
    )
    bank = Bank(found.traces, category.test, N_TRAIN, {"greedy": {1.0: full}})
    assert bank.usage["greedy"][96].rows == 96
    assert bank.limits == (1.0, 48.0)
    list(bank.lessons())
    assert bank.limits == (1.0, 96.0)


def test_lessons_tell_distances_radii_and_metrics_one_after_the_other(bank, found, category):
    assert not bank.learned
    assert bank.radius("random", 4) is None
    # Known from the search
    assert np.isclose(bank.radius("greedy", 4), found.traces["greedy"].radius[3])
    seen = [(bank.version, "random" in bank.distances, bool(bank.results)) for _ in bank.lessons()]
    assert seen == [(1, False, False), (2, True, False), (3, True, True)]
    assert bank.learned
    assert list(bank.lessons()) == []
    points, order = found.traces["random"].points, found.traces["random"].order
    expected = np.linalg.norm(points[:, None] - points[order[:24]], axis=2).min(1)
    # Float32 coordinates of about 1
    np.testing.assert_allclose(bank.distance("random", 24), expected, atol=1e-5)
    assert np.isclose(bank.radius("random", 24), expected.max())
    result = evaluate(found.predictions["random"][0.25], category.test)
    assert bank.results["random"][24].pro == result.pro
    curves = bank.curves()
    assert list(curves) == [
        "covering radius",
        "image AUROC",
        "pixel AUROC",
        "PRO",
        "fraction of the bank used",
    ]
    assert curves["PRO"]["random"][0].tolist() == [4, 24, 48]
    assert curves["PRO"]["random"][1][1] == result.pro
    assert curves["covering radius"]["greedy"][0].tolist() == bank.steps("greedy")


def test_results_that_are_given_are_not_computed(found, category):
    given = {
        name: {share: evaluate(one, category.test) for share, one in predictions.items()}
        for name, predictions in found.predictions.items()
    }
    bank = Bank(found.traces, category.test, N_TRAIN, found.predictions, given)
    assert bank.results["greedy"][24] is given["greedy"][0.25]
    list(bank.lessons())
    assert bank.results["greedy"][24] is given["greedy"][0.25]


def test_without_masks_the_pixel_metrics_are_left_out(found, tmp_path):
    bare = small_category(tmp_path, masks=False)
    bank = Bank(found.traces, bare.test, N_TRAIN, found.predictions)
    list(bank.lessons())
    assert list(bank.curves()) == ["covering radius", "image AUROC", "fraction of the bank used"]


def test_the_radius_of_a_trace_in_other_coordinates_is_measured_in_the_first_ones(found, category):
    greedy = found.traces["greedy"]
    other = dataclasses.replace(greedy, points=2 * greedy.points, radius=2 * greedy.radius)
    bank = Bank({"one": greedy, "twice": other}, category.test, N_TRAIN)
    assert bank.radius("twice", 48) is None
    list(bank.lessons())
    # The search measures on a grid
    assert np.isclose(bank.radius("twice", 48), greedy.radius[47], rtol=0.01)


def test_the_plane_is_told_in_steps(bank, found):
    from adviz.core import principal_plane

    plane, held = principal_plane(found.traces["greedy"].points)
    numbers, (_, _, step) = bank.whole_numbers
    assert numbers.dtype == np.uint16
    assert np.abs(bank.plane[0] - plane).max() <= 0.51 * step
    np.testing.assert_array_equal(bank.plane[1], held)


def test_what_lies_inside_of_an_outline_is_selected(bank):
    from matplotlib.path import Path

    points = bank.plane[0]
    rng = np.random.default_rng(0)
    for corners in (3, 4, 9):
        outline = points[rng.choice(len(points), corners, replace=False)] + 1e-4
        angle = np.arctan2(*(outline - outline.mean(0)).T)
        outline = outline[np.argsort(angle)]
        expected = np.flatnonzero(Path(outline).contains_points(points))
        assert bank.inside(outline.ravel()).tolist() == expected.tolist()


def test_what_stands_for_a_row_is_the_nearest_chosen_one(bank, found):
    points, order = found.traces["random"].points, found.traces["random"].order[:10]
    row = int(np.setdiff1d(np.arange(96), order)[0])
    nearest, distance = bank.nearest_chosen(row, "random", 10)
    apart = np.linalg.norm(points[order] - points[row], axis=1)
    assert nearest == order[apart.argmin()]
    assert np.isclose(distance, apart.min())
    assert bank.nearest_chosen(int(order[3]), "random", 10) == (order[3], 0.0)
    bank.learn("random")
    assert order[bank.nearest["random"][10][row]] == nearest


def test_proxies_have_one_size_and_their_rows_may_repeat(found, category):
    detector = PatchCore(layers=("layer",), coreset=0.25, sampler="proxies").fit(found.train)
    prediction = detector.predict(found.test)
    traces = {"greedy": found.traces["greedy"], "proxies": detector.trace_}
    bank = Bank(traces, category.test, N_TRAIN, {"proxies": {0.25: prediction, 0.1: prediction}})
    assert bank.steps("proxies") == [24]
    assert list(bank.usage["proxies"]) == [24]
    assert bank.usage["proxies"][24].rows == len(np.unique(detector.trace_.order))
    assert bank.radius("proxies", 24) is None
    list(bank.lessons())
    assert bank.curves()["covering radius"]["proxies"][0].tolist() == [24]


def test_what_does_not_fit_together_is_refused(found, category):
    greedy = found.traces["greedy"]
    other = dataclasses.replace(greedy, location=greedy.location[::-1])
    with pytest.raises(
        ValueError, match="expected traces of the same patches, got others in 'other'"
    ):
        Bank({"greedy": greedy, "other": other}, category.test, N_TRAIN)
    with pytest.raises(
        ValueError, match="expected patches of 3 training images, got some of image 5"
    ):
        Bank({"greedy": greedy}, category.test, 3)
    with pytest.raises(
        ValueError, match="expected predictions and results of greedy, got some of 'random'"
    ):
        Bank({"greedy": greedy}, category.test, N_TRAIN, {"random": found.predictions["random"]})
    with pytest.raises(ValueError, match=r"of the 2 test images, got one of 4 for greedy at 0\.05"):
        Bank(
            {"greedy": greedy},
            category.test.subset([0, 1]),
            N_TRAIN,
            {"greedy": found.predictions["greedy"]},
        )
    untold = dataclasses.replace(greedy, grid=None)
    assert Bank({"greedy": untold}, category.test, N_TRAIN).grid == (SIDE, SIDE)
    odd = dataclasses.replace(untold, location=greedy.location // 2)
    with pytest.raises(
        ValueError, match="expected a trace with its grid, or square images, got 8 locations"
    ):
        Bank({"greedy": odd}, category.test, N_TRAIN)
