import importlib

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from adviz.core import coreset

module = importlib.import_module("adviz.core.coreset.coverage")  # not the function of that name


def naive(points, order, counts):
    """The definition: the distance to the nearest of the first n chosen rows, in float64."""
    points = points.astype(np.float64)
    between = np.linalg.norm(points[:, None] - points[order], axis=-1)
    return np.stack([between[:, :count].min(1) for count in counts])


@pytest.mark.parametrize("sampler", ["greedy", "random", "repeated"])
def test_coverage_is_the_distance_to_the_nearest_chosen_row(sampler, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 37)  # so that rows and choices are cut into blocks
    monkeypatch.setattr(module, "CHUNK", 7)
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(200, 6)) * 10 + 100).astype(np.float32)  # far from the origin
    order = {
        "greedy": coreset.k_center_greedy(points, 90)[0],
        "random": coreset.random(200, 90, 0),
        "repeated": rng.integers(0, 200, 90),  # the rows nearest to learned proxies may repeat
    }[sampler]
    counts = [1, 2, 9, 10, 40, 90]
    found, expected = coreset.coverage(points, order, counts), naive(points, order, counts)
    np.testing.assert_allclose(found, expected, rtol=1e-5)  # float32 coordinates of about 100
    np.testing.assert_allclose(
        coreset.covering_radius(points, order, counts), expected.max(1), rtol=1e-5
    )
    assert (found[-1][order] == 0).all()
    assert (np.diff(found, axis=0) <= 0).all()
    again, nearest = module.nearest_chosen(points, order, counts)
    np.testing.assert_array_equal(again, found)
    for i, count in enumerate(counts):
        assert nearest[i].max() < count
        stand = points[order[nearest[i]]].astype(np.float64)
        apart = np.linalg.norm(points - stand, axis=1)
        np.testing.assert_allclose(apart, found[i], rtol=1e-5)
    first = [order[:90].tolist().index(row) for row in order]
    assert nearest[-1][order].tolist() == first  # chosen rows stand for themselves


def test_the_covering_radius_is_the_greedy_searchs_own_up_to_its_grid():
    points = np.random.default_rng(1).normal(size=(3000, 16)).astype(np.float32)
    order, radius = coreset.k_center_greedy(points, 500)
    counts = [1, 7, 100, 500]
    apart = np.abs(coreset.covering_radius(points, order, counts) - radius[np.array(counts) - 1])
    assert (apart <= np.sqrt(16) / coreset.to_grid(points)[1]).all()


def test_a_common_offset_costs_no_digits():
    rng = np.random.default_rng(4)
    # Its expanded square has no digit left for these
    points = (rng.normal(size=(300, 8)) + 10_000).astype(np.float32)
    order = rng.permutation(300)[:50]
    np.testing.assert_allclose(
        coreset.coverage(points, order, [50]), naive(points, order, [50]), rtol=1e-3
    )


def test_chosen_rows_are_at_no_distance_however_near_others_are():
    rng = np.random.default_rng(5)
    points = np.repeat(rng.normal(size=(200, 64)), 2, axis=0)
    points[1::2, 0] += 1e-4  # below the rounding of the expanded square
    assert (coreset.coverage(points, np.arange(400), [400]) == 0).all()


def test_one_row_may_be_all_that_is_chosen():
    points = np.array([[0.0, 0], [3, 4], [0, 1]])
    np.testing.assert_array_equal(coreset.coverage(points, np.array([0]), [1]), [[0, 5, 1]])


def test_no_direction_holds_less_than_nothing():
    """On a line the second variance is 0 up to rounding: for half of these it is below 0."""
    rng = np.random.default_rng(6)
    for _ in range(20):
        points = rng.integers(0, 50, size=(50, 1)) * rng.integers(1, 9, size=(1, 2))
        assert (coreset.principal_plane(points)[1] >= 0).all()


def test_equal_rows_are_covered_by_one():
    np.testing.assert_array_equal(
        coreset.covering_radius(np.full((50, 3), 7.5), np.arange(5), [1, 5]), 0
    )


def test_coverage_can_be_stopped_and_leaves_the_settings_of_torch_alone(monkeypatch):
    from adviz._support import progress

    monkeypatch.setattr(module, "BLOCK", 10)
    points, seen = np.random.default_rng(2).normal(size=(100, 4)), []

    def stop(label, done, total):
        seen.append((label, done, total))
        if done == 3:
            raise KeyboardInterrupt

    with progress.watched(stop), pytest.raises(KeyboardInterrupt):
        coreset.coverage(points, np.arange(9), [9])
    assert seen == [("coverage", done, 10) for done in range(4)]
    assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize(
    ("points", "order", "counts", "message"),
    [
        (np.zeros(5), [0], [1], r"points must be \(M, d\)"),
        (np.full((5, 2), np.nan), [0], [1], "NaN"),
        (np.zeros((5, 2)), [5], [1], "order must name rows from 0 to 4"),
        (np.zeros((5, 2)), [-1], [1], "order must name rows from 0 to 4"),
        (np.zeros((5, 2)), [], [1], "order must name rows"),
        (np.zeros((5, 2)), [0, 1], [], "counts must ascend"),
        (np.zeros((5, 2)), [0, 1], [0, 1], "counts must ascend"),
        (np.zeros((5, 2)), [0, 1], [2, 2], "counts must ascend"),
        (np.zeros((5, 2)), [0, 1], [3], r"at most 2, got \[3\]"),
    ],
)
def test_what_cannot_be_covered_is_refused(points, order, counts, message):
    with pytest.raises(ValueError, match=message):
        coreset.coverage(points, np.array(order, dtype=int), counts)


@pytest.mark.parametrize("seed", range(3, 7))
def test_the_plane_is_that_of_the_principal_components(seed, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 100)
    rng = np.random.default_rng(seed)
    points = (rng.normal(size=(700, 5)) @ rng.normal(size=(5, 5)) + 20).astype(np.float32)
    plane, share = coreset.principal_plane(points)
    reference = PCA(2, svd_solver="full").fit(points.astype(np.float64))
    np.testing.assert_allclose(share, reference.explained_variance_ratio_, rtol=1e-6)
    sign = np.sign([axis[np.abs(axis).argmax()] for axis in reference.components_])
    # Float32 coordinates of about 20
    np.testing.assert_allclose(plane, reference.transform(points) * sign, atol=1e-4)
    assert plane.dtype == np.float32


def test_the_plane_of_one_dimension_and_of_equal_rows():
    plane, share = coreset.principal_plane(np.array([[1.0], [2.0], [4.0]]))
    np.testing.assert_allclose(plane[:, 0], np.array([1, 2, 4]) - 7 / 3, atol=1e-6)
    np.testing.assert_array_equal(plane[:, 1], 0)
    np.testing.assert_array_equal(share, [1, 0])
    plane, share = coreset.principal_plane(np.ones((4, 3)))
    np.testing.assert_array_equal(plane, 0)
    np.testing.assert_array_equal(share, 0)
    with pytest.raises(ValueError, match="NaN"):
        coreset.principal_plane(np.full((4, 3), np.inf))


def test_a_share_keeps_as_many_rows_as_the_official_code():
    assert [coreset.rows_kept(share, 100) for share in (0.29, 0.011, 0.001, 1.0)] == [29, 1, 1, 100]
