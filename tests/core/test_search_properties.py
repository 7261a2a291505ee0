"""Neighbours, coresets and ensembles on random data: brute force, bounds, invariances."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from adviz import Prediction, ensemble
from adviz.core import coreset, neighbors

# Of drawn rows one is often far from all others, which the search warns of.
pytestmark = pytest.mark.filterwarnings("ignore:the farthest row lies")

# Small whole numbers: every squared distance is exact in float32 and ties are many.
WHOLE = st.integers(-5, 5)


def rows(low=1, high=40, columns=None):
    size = st.tuples(
        st.integers(low, high), st.integers(1, 4) if columns is None else st.just(columns)
    )
    return size.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=WHOLE))


@st.composite
def searched(draw):
    bank = draw(rows())
    # with more than 8 rows that tie with the k-th the choice among them is free: see `nearest`
    query = draw(rows(1, 12, bank.shape[1]))
    full = ((query[:, None].astype(int) - bank.astype(int)) ** 2).sum(2)
    k = draw(st.integers(1, len(bank)))
    kth = np.sort(full, 1)[:, k - 1]
    assume(((full == kth[:, None]).sum(1) <= 8).all())
    return query, bank, k, full


@pytest.mark.parametrize("library", ["faiss", "torch"])
@given(case=searched())
def test_neighbours_are_those_of_brute_force_with_ties_by_row(library, case):
    query, bank, k, full = case
    has_faiss = neighbors.has_faiss
    if library == "faiss":
        pytest.importorskip("faiss")
    else:
        neighbors.has_faiss = lambda: False
    try:
        distance, index = neighbors.nearest(query, bank, k)
    finally:
        neighbors.has_faiss = has_faiss
    expected = full.argsort(1, kind="stable")[:, :k]
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_array_equal(distance, np.take_along_axis(full, expected, 1))


@given(case=searched(), cut=st.integers(1, 12))
def test_queries_do_not_know_of_each_other(case, cut):
    query, bank, k, _ = case
    together = neighbors.nearest(query, bank, k)
    parts = [neighbors.nearest(part, bank, k) for part in (query[:cut], query[cut:]) if len(part)]
    for number in (0, 1):
        np.testing.assert_array_equal(
            np.concatenate([part[number] for part in parts]), together[number]
        )


@given(case=searched(), data=st.data())
def test_prefixes_of_a_bank_get_nearer_and_equal_a_search_in_each(case, data):
    query, bank, _, full = case
    sizes = sorted(data.draw(st.sets(st.integers(1, len(bank)), min_size=1)))
    distance, index = neighbors.nearest_in_prefixes(query, bank, sizes)
    for column, size in enumerate(sizes):
        np.testing.assert_array_equal(distance[:, column], full[:, :size].min(1))
        np.testing.assert_array_equal(index[:, column], full[:, :size].argmin(1))


@given(rows(2, 30), st.data())
def test_a_coreset_is_nested_without_repeats_and_its_radius_falls_to_zero(points, data):
    order, radius = coreset.k_center_greedy(points, len(points))
    assert sorted(order) == list(range(len(points)))
    assert (np.diff(radius) <= 0).all()
    assert radius[-1] == 0
    count = data.draw(st.integers(1, len(points)))
    fewer, covered = coreset.k_center_greedy(points, count)
    np.testing.assert_array_equal(fewer, order[:count])
    np.testing.assert_array_equal(covered, radius[:count])


def rounding(points):
    """How far rounding can move two rows together: half a unit a dimension each, and float32's."""
    return np.sqrt(points.shape[1]) / coreset.to_grid(points).scale * (1 + 1e-5)


@given(rows(2, 30), st.data())
def test_every_choice_is_a_row_farthest_from_those_before_it(points, data):
    first = data.draw(st.none() | st.integers(0, len(points) - 1))
    order, radius = coreset.k_center_greedy(points, len(points), first=first)
    between = np.linalg.norm(points[:, None].astype(float) - points, axis=2)
    slack = rounding(points)
    if first is None:
        out = np.linalg.norm(points - points.mean(0, dtype=float), axis=1)
        assert out[order[0]] >= out.max() - slack
    else:
        assert order[0] == first
    for count in range(1, len(points)):
        nearest = between[:, order[:count]].min(1)
        assert nearest[order[count]] >= nearest.max() - 2 * slack
        assert abs(radius[count - 1] - nearest.max()) <= slack


@given(rows(2, 9), st.data())
def test_greedy_covers_within_twice_the_best_there_is(points, data):
    """Gonzalez' bound, against every subset of that size."""
    count = data.draw(st.integers(1, len(points)))
    between = np.linalg.norm(points[:, None].astype(float) - points, axis=2)
    best = min(
        between[:, chosen].min(1).max()
        for chosen in map(list, combinations(range(len(points)), count))
    )
    order, _ = coreset.k_center_greedy(points, count)
    assert between[:, order].min(1).max() <= 2 * best + 4 * rounding(points)


@given(rows(2, 30), st.floats(-1e3, 1e3), st.sampled_from([0.125, 1.0, 8.0]))
def test_a_shift_moves_no_choice_and_a_power_of_two_scales_the_radius(points, shift, factor):
    order, radius = coreset.k_center_greedy(points, len(points))
    moved, scaled = coreset.k_center_greedy(
        factor * points.astype(float) + round(shift), len(points)
    )
    # the centre is rounded otherwise, and with it a coordinate halfway between two grid points
    np.testing.assert_allclose(scaled, factor * radius, atol=factor * rounding(points))
    assert len(set(moved)) == len(order)


@given(rows(2, 30), st.integers(0, 2**32 - 1), st.data())
def test_a_covering_radius_falls_whatever_the_order_and_is_never_below_greedys_half(
    points, seed, data
):
    order = coreset.random(len(points), len(points), seed)
    counts = sorted(data.draw(st.sets(st.integers(1, len(points)), min_size=1)))
    radius = coreset.covering_radius(points, order, counts)
    exact = np.linalg.norm(points[:, None].astype(float) - points[order], axis=2)
    np.testing.assert_allclose(radius, [exact[:, :n].min(1).max() for n in counts], rtol=1e-6)
    assert (np.diff(radius) <= 0).all()
    greedy = coreset.covering_radius(
        points, coreset.k_center_greedy(points, len(points))[0], counts
    )
    assert (greedy <= 2 * radius + 4 * rounding(points)).all()


@given(st.integers(1, 60), st.integers(0, 2**32 - 1), st.data())
def test_random_coresets_are_nested_permutations(count, seed, data):
    fewer = data.draw(st.integers(1, count))
    order = coreset.random(count, count, seed)
    assert sorted(order) == list(range(count))
    np.testing.assert_array_equal(coreset.random(count, fewer, seed), order[:fewer])


# ---- ensembles


@st.composite
def predictions(draw):
    """Two to four predictions of the same two to six images, some without a map."""
    count, members = draw(st.integers(2, 6)), draw(st.integers(2, 4))
    values = st.integers(-1000, 1000).map(lambda value: value / 8)
    made = []
    for name in "ABCD"[:members]:
        score = draw(arrays.arrays(np.float64, count, elements=values))
        anomaly_map = draw(st.none() | arrays.arrays(np.float64, (count, 2, 3), elements=values))
        made.append(Prediction(score, anomaly_map, detector=name))
    return made


def assert_alike(one, other):
    # means of a few float64 values between 0 and 1
    np.testing.assert_allclose(one.score, other.score, rtol=0, atol=1e-12)
    assert (one.anomaly_map is None) == (other.anomaly_map is None)
    if one.anomaly_map is not None:
        np.testing.assert_allclose(one.anomaly_map, other.anomaly_map, rtol=0, atol=1e-12)


@given(
    predictions(),
    st.sampled_from([0.25, 3.0, 1e4]),
    st.integers(-50, 50),
    st.randoms(use_true_random=False),
)
def test_ensembles_do_not_depend_on_units_nor_on_the_members_order(members, factor, shift, random):
    expected = ensemble(members)
    for values in (
        expected.score,
        *([] if expected.anomaly_map is None else [expected.anomaly_map]),
    ):
        assert ((values >= 0) & (values <= 1)).all()
    first, *others = members
    changed = None if first.anomaly_map is None else factor * first.anomaly_map + shift
    assert_alike(ensemble([Prediction(factor * first.score + shift, changed), *others]), expected)
    random.shuffle(others)
    assert_alike(ensemble([*others, first]), expected)
    assert_alike(ensemble([*members, *members]), expected)


@given(predictions(), st.randoms(use_true_random=False))
def test_ensembles_keep_the_images_order_and_a_lone_members_ranks(members, random):
    order = list(range(len(members[0])))
    random.shuffle(order)
    moved = [
        Prediction(m.score[order], None if m.anomaly_map is None else m.anomaly_map[order])
        for m in members
    ]
    expected = ensemble(members)
    one_map = None if expected.anomaly_map is None else expected.anomaly_map[order]
    assert_alike(ensemble(moved), Prediction(expected.score[order], one_map))
    alone = ensemble(members[:1]).score
    np.testing.assert_array_equal(
        np.argsort(alone, kind="stable"), np.argsort(members[0].score, kind="stable")
    )
