import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.random_projection import johnson_lindenstrauss_min_dim

from adviz._support import progress
from adviz.core import coreset
from adviz.core.coreset import greedy
from adviz.core.coreset import integer_grid as grid
from adviz.core.coreset import prototypes as basis


def naive_greedy(grid, count, first):
    """Algorithm 1 of PatchCore, word by word, on integers (exact in int64)."""
    grid = grid.astype(np.int64)
    order = [first]
    nearest = ((grid - grid[first]) ** 2).sum(1)
    nearest[first] = -1
    radius = []
    while len(order) < count:
        order.append(int(nearest.argmax()))
        radius.append(nearest.max())
        nearest = np.minimum(nearest, ((grid - grid[order[-1]]) ** 2).sum(1))
        nearest[order[-1]] = -1
    radius.append(max(nearest.max(), 0))
    return np.array(order), np.sqrt(radius)


def check_equal_to_naive(points, count):
    rows, scale = coreset.to_grid(points)
    expected, radius = naive_greedy(rows, count, int((rows.astype(np.int64) ** 2).sum(1).argmax()))
    order, covered = coreset.k_center_greedy(points, count)
    np.testing.assert_array_equal(order, expected)
    # Both are float64 roots of one integer
    np.testing.assert_allclose(covered, radius / scale, rtol=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_greedy_equals_the_naive_loop_with_ties_and_duplicates(seed, monkeypatch):
    """Small blocks: refreshes, left-out candidates and plateaus all happen on 100 points."""
    rng = np.random.default_rng(seed)
    for name, largest in (("REFRESH", 40), ("CANDIDATES", 12), ("TILE", 8), ("CHUNK", 6)):
        monkeypatch.setattr(greedy, name, int(rng.integers(1, largest)))
    points = rng.integers(0, rng.integers(2, 9), size=(rng.integers(1, 120), rng.integers(1, 5)))
    check_equal_to_naive(points, int(rng.integers(1, len(points) + 1)))


def test_greedy_equals_the_naive_loop_at_the_real_block_sizes():
    points = np.random.default_rng(0).normal(size=(20000, 16))
    check_equal_to_naive(points, 600)


@pytest.mark.parametrize("value", [0.0, 7.5])
def test_equal_rows_are_chosen_in_order(value):
    order, radius = coreset.k_center_greedy(np.full((50, 3), value), 50)
    np.testing.assert_array_equal(order, np.arange(50))
    np.testing.assert_array_equal(radius, 0)


def test_greedy_is_nested_and_the_radius_falls():
    points = np.random.default_rng(1).normal(size=(500, 8))
    order, radius = coreset.k_center_greedy(points, 100)
    np.testing.assert_array_equal(coreset.k_center_greedy(points, 30)[0], order[:30])
    assert (np.diff(radius) <= 0).all()


def test_the_radius_is_the_largest_distance_to_the_chosen():
    points = np.random.default_rng(2).normal(size=(300, 4))
    order, radius = coreset.k_center_greedy(points, 20)
    exact = np.linalg.norm(points[:, None] - points[order], axis=2).min(1).max()
    # rounding to the grid moves a point by at most half a unit a dimension, at both ends
    assert abs(radius[-1] - exact) <= np.sqrt(4) / coreset.to_grid(points)[1]


def test_interruption_returns_the_prefix_chosen_so_far(monkeypatch):
    monkeypatch.setattr(greedy, "CANDIDATES", 5)
    points = np.random.default_rng(3).normal(size=(400, 4))
    full, radius = coreset.k_center_greedy(points, 100)
    block, calls = greedy._Greedy.block, []

    def stop_at_the_tenth(self):
        calls.append(1)
        if len(calls) == 10:
            raise KeyboardInterrupt
        block(self)

    monkeypatch.setattr(greedy._Greedy, "block", stop_at_the_tenth)
    with pytest.warns(UserWarning, match=r"interrupted: the coreset has \d+ of 100 rows"):
        part, covered = coreset.k_center_greedy(points, 100)
    assert 1 <= len(part) < 100
    np.testing.assert_array_equal(part, full[: len(part)])
    np.testing.assert_allclose(covered[:-1], radius[: len(part) - 1])
    assert np.isnan(covered[-1])


def test_a_far_outlier_is_reported():
    points = np.random.default_rng(7).normal(size=(200, 8))
    points[17] *= 1e6
    with pytest.warns(
        UserWarning, match=r"farthest row lies \d+ times as far out .* remove such rows"
    ):
        coreset.k_center_greedy(points, 5)


def test_points_that_are_not_finite_and_rows_that_do_not_exist_are_refused():
    points = np.zeros((10, 2))
    with pytest.raises(ValueError, match="first must be a row from 0 to 9, got -1"):
        coreset.k_center_greedy(points, 3, first=-1)
    points[3, 1] = np.nan
    with pytest.raises(ValueError, match="finite points"):
        coreset.k_center_greedy(points, 3)


def test_the_first_row_can_be_chosen():
    points = np.random.default_rng(8).normal(size=(30, 2))
    grid, scale = coreset.to_grid(points)
    order, radius = coreset.k_center_greedy(points, 6, first=4)
    expected, covered = naive_greedy(grid, 6, 4)
    np.testing.assert_array_equal(order, expected)
    np.testing.assert_allclose(radius, covered / scale, rtol=1e-12)


@pytest.mark.parametrize("dimension", [1, 128, 4000])
def test_the_grid_is_exact(dimension):
    points = np.random.default_rng(4).normal(size=(30, dimension)) * 1e3 + 5e4
    grid, scale = coreset.to_grid(points)
    assert grid.dtype == np.float32
    assert np.abs(grid).max() <= 2**24  # the integers that float32 holds
    # And float64
    assert 4 * sum(int(value) ** 2 for value in grid[np.abs(grid).max(1).argmax()]) < 2**53
    assert 4 * (grid.astype(np.int64) ** 2).sum(1).max() < 2**53
    # half a unit by rounding a row, and half by rounding the mean
    np.testing.assert_allclose(grid.astype(float) / scale, points - points.mean(0), atol=1 / scale)


@pytest.mark.parametrize("dimension", [1, 3, 128, 4000])
def test_the_grid_uses_all_of_its_range(dimension):
    """No power of two more: an integer would exceed 2**24, or a squared norm 2**51."""
    rows, scale = coreset.to_grid(np.random.default_rng(5).normal(size=(300, dimension)))
    longest = np.sqrt((rows.astype(np.int64) ** 2).sum(1).max())
    assert (
        2 * (np.abs(rows).max() + 1) > 2**24 or 2 * (longest + 1 + 2 * np.sqrt(dimension)) > 2**25.5
    )
    assert np.log2(scale).is_integer()


@pytest.mark.parametrize("value", [1e-30, 1e-3, 1e30])
def test_the_size_of_the_points_is_no_matter(value):
    """By a power of two more or less the grid is the same: only its scale changes."""
    points = np.random.default_rng(15).normal(size=(60, 5))
    small, large = (
        coreset.to_grid(points),
        coreset.to_grid(points * 2.0 ** np.round(np.log2(value))),
    )
    np.testing.assert_array_equal(small.rows, large.rows)


def float64_greedy(points, count):
    """The plain loop on the points in float64: distances are rounded to 2**-53 of themselves."""
    points = points.astype(np.float64) - points.mean(0, dtype=np.float64)
    order = [int((points**2).sum(1).argmax())]
    nearest = np.full(len(points), np.inf)
    while len(order) < count:
        nearest = np.minimum(nearest, ((points - points[order[-1]]) ** 2).sum(1))
        nearest[order[-1]] = -1
        order.append(int(nearest.argmax()))
    return order


@pytest.mark.parametrize("outlier", [1, 30])
@pytest.mark.parametrize("dimension", [2, 128])
def test_the_order_is_that_of_a_float64_loop_also_beside_an_outlier(dimension, outlier):
    """The grid may change only what differs by less than one in some millions.

    4,000 rows, a tenth of them chosen. With the outlier in 128 dimensions it does so twice: two
    neighbours of the order change places.
    """
    points = np.random.default_rng(14).gamma(2.0, size=(4000, dimension)).astype(np.float32)
    points[123] *= outlier
    order, _ = coreset.k_center_greedy(points, 400)
    expected = float64_greedy(points, 400)
    if outlier == 1:
        np.testing.assert_array_equal(order, expected)
    np.testing.assert_array_equal(order[:300], expected[:300])
    assert set(order) == set(expected)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("n_rows", [50, 10_000])
def test_the_memory_asked_for_a_grid_is_that_of_its_arrays(n_rows, threads, monkeypatch):
    """The grid in float32, and three float64 arrays for each thread's chunk."""
    asked = []
    monkeypatch.setattr(grid, "check_memory", lambda need, _: asked.append(need))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        coreset.to_grid(np.ones((n_rows, 2)))
    finally:
        torch.set_num_threads(before)
    assert asked == [4 * n_rows * 2 + 3 * 8 * 2 * min(n_rows, threads * grid.CHUNK)]


def test_the_grid_does_not_depend_on_the_chunks(monkeypatch):
    # Integers: sums do not depend on their order
    points = np.random.default_rng(9).integers(-50, 50, size=(100, 6))
    whole = coreset.to_grid(points)
    monkeypatch.setattr(grid, "CHUNK", 7)
    chunked = coreset.to_grid(points)
    np.testing.assert_array_equal(chunked.rows, whole.rows)
    assert chunked.scale == whole.scale


def test_a_grid_has_a_digest_and_can_be_searched_itself():
    points = np.random.default_rng(10).normal(size=(200, 6))
    made = coreset.to_grid(points)
    np.testing.assert_array_equal(
        coreset.k_center_greedy(made, 30)[0], coreset.k_center_greedy(points, 30)[0]
    )
    assert made.digest() == coreset.to_grid(points.copy()).digest()
    moved = made.rows.copy()
    moved[150, 3] += 1
    assert coreset.Grid(moved, made.scale).digest() != made.digest()


def test_the_digest_is_that_of_the_integers():
    made = coreset.to_grid(np.random.default_rng(12).normal(size=(5000, 6)))
    content = str(made.rows.shape).encode() + made.rows.astype(np.int32).tobytes()
    assert made.digest() == hashlib.blake2b(content, digest_size=6).hexdigest()


def test_too_little_memory_is_said_before_the_start(monkeypatch):
    points = np.random.default_rng(11).normal(size=(1000, 8))
    monkeypatch.setattr(grid.psutil, "virtual_memory", lambda: SimpleNamespace(available=30_000))
    with pytest.raises(
        MemoryError, match=r"a grid of 1000 rows needs about 0\.0 GiB, of which 0\.0 GiB are free"
    ):
        coreset.to_grid(points)
    monkeypatch.setattr(grid.psutil, "virtual_memory", lambda: SimpleNamespace(available=500_000))
    with pytest.raises(
        MemoryError, match=r"choosing 100 of 1000 rows needs .* draw a part of the rows first"
    ):
        coreset.k_center_greedy(points, 100)


@pytest.mark.parametrize(
    ("n_rows", "count", "dimension"), [(100, 10, 3), (3000, 2000, 300), (50_000, 2, 2)]
)
def test_the_memory_asked_for_is_that_of_the_arrays(n_rows, count, dimension, monkeypatch):
    """Choices, bounds, a thread's product, and the candidates' two square matrices."""
    asked = []
    monkeypatch.setattr(greedy, "check_memory", lambda need, _: asked.append(need))
    monkeypatch.setattr(greedy._Greedy, "run", lambda _, count: count)
    coreset.k_center_greedy(np.random.default_rng(0).normal(size=(n_rows, dimension)), count)
    choices, bounds = 8 * count * (dimension + 1), (8 + 8 + 8) * n_rows  # bound, seen and norm
    fixed = 8 * greedy.TILE * greedy.CHUNK * torch.get_num_threads() + 2 * 8 * greedy.CANDIDATES**2
    assert choices + bounds + fixed <= asked[0] <= choices + 20 * count + 3 * bounds + fixed


def test_who_watches_the_search_is_told_of_every_row():
    points, seen = np.random.default_rng(7).normal(size=(300, 3)), []
    with progress.watched(lambda *step: seen.append(step)):
        coreset.k_center_greedy(points, 60)
    assert {(label, total) for label, _, total in seen} == {("coreset", 60)}
    done = [step[1] for step in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (1, 60)


def test_random_is_nested_seeded_and_without_repeats():
    chosen = coreset.random(100, 50, seed=1)
    assert len(set(chosen)) == 50
    np.testing.assert_array_equal(coreset.random(100, 10, seed=1), chosen[:10])
    assert not np.array_equal(coreset.random(100, 50, seed=2), chosen)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(10))
def test_a_cap_bounds_every_distance_from_the_start(seed, dtype, monkeypatch):
    """The official approximation: min(mean distance to the anchors, distance to the chosen)."""
    for name, value in (("REFRESH", 30), ("CANDIDATES", 7), ("TILE", 8), ("CHUNK", 6)):
        monkeypatch.setattr(greedy, name, value)
    points = np.random.default_rng(seed).normal(size=(80, 3)).astype(dtype)
    cap = coreset.anchor_distance(points, seed)
    grid, scale = coreset.to_grid(points)
    grid = grid.astype(np.int64)
    nearest = np.square(cap.astype(np.float64) * scale)
    expected = []
    for _ in range(40):
        expected.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((grid - grid[expected[-1]]) ** 2).sum(1))
        nearest[expected[-1]] = -1
    order, radius = coreset.k_center_greedy(points, 40, cap=cap)
    np.testing.assert_array_equal(order, expected)
    assert np.isnan(radius).all()


def test_anchor_distance_is_the_mean_distance_to_ten_random_rows():
    points = np.random.default_rng(9).normal(size=(50, 3))
    anchors = points[coreset.random(50, 10, seed=4)]
    expected = np.linalg.norm(points[:, None] - anchors, axis=2).mean(1)
    np.testing.assert_allclose(coreset.anchor_distance(points, seed=4), expected)
    assert coreset.anchor_distance(points[:3], seed=4).shape == (3,)


def test_the_lemma_of_johnson_and_lindenstrauss():
    assert coreset.jl_dimension(163856) == johnson_lindenstrauss_min_dim(163856, eps=0.9) == 296


def test_projection_keeps_squared_distances_on_average():
    rows = np.random.default_rng(5).normal(size=(60, 2000))
    small = coreset.project(rows, 128, seed=0)
    pairs = np.triu_indices(60, 1)
    ratio = ((small[pairs[0]] - small[pairs[1]]) ** 2).sum(1) / (
        (rows[pairs[0]] - rows[pairs[1]]) ** 2
    ).sum(1)
    # chi-squared with 128 degrees of freedom: standard deviation sqrt(2 / 128) = 0.125 for one pair
    assert small.shape == (60, 128)
    assert abs(ratio.mean() - 1) < 0.1
    assert ratio.std() < 0.2


def test_few_columns_are_not_projected():
    rows = np.random.default_rng(6).normal(size=(5, 16)).astype(np.float32)
    np.testing.assert_array_equal(coreset.project(rows, 16, seed=0), rows)


@pytest.mark.parametrize("count", [0, 11])
def test_an_impossible_count_is_refused(count):
    with pytest.raises(ValueError, match=f"between 1 and the 10 rows there are, got {count}"):
        coreset.k_center_greedy(np.zeros((10, 2)), count)
    with pytest.raises(ValueError, match=f"between 1 and the 10 rows there are, got {count}"):
        coreset.random(10, count, seed=0)


def reconstruction(points, proxies, sign):
    """Mean loss of Eq. 8 in float64, row by row."""
    losses = []
    for point in points.astype(float):
        distance = np.linalg.norm(point - proxies, axis=1)
        weight = np.exp(sign * distance)
        losses.append(((point - (weight / weight.sum()) @ proxies) ** 2).sum())
    return np.mean(losses)


@pytest.mark.parametrize(("name", "sign"), [("negative", -1), ("paper", 1)])
def test_learned_proxies_rebuild_the_rows_better_than_the_rows_they_start_from(name, sign):
    rng = np.random.default_rng(0)
    points = (
        np.repeat(rng.normal(size=(6, 4)) * 3, 200, axis=0) + rng.normal(size=(1200, 4)) * 0.3 + 100
    )
    start = points[coreset.random(len(points), 12, 5)]
    proxies, losses = coreset.learn_proxies(points, 12, sign=name, epochs=30, seed=5)
    assert proxies.shape == (12, 4)
    assert losses.shape == (30,)
    before, after = reconstruction(points, start, sign), reconstruction(points, proxies, sign)
    assert after < 0.9 * before, (before, after)
    # the last pass's mean loss, taken while the proxies still moved a little, is close to the loss
    # that it leaves
    np.testing.assert_allclose(losses[-1], after, rtol=0.05)
    assert losses[-1] < losses[0]


def test_the_loss_of_proxies_is_eq_8():
    rng = np.random.default_rng(1)
    rows, proxies = (torch.from_numpy(rng.normal(size=(n, 5)).astype(np.float32)) for n in (7, 3))
    for name, sign in (("negative", -1), ("paper", 1)):
        expected = reconstruction(rows.numpy(), proxies.numpy().astype(float), sign)
        found = float(basis._reconstruction(rows, proxies, name).mean())
        np.testing.assert_allclose(found, expected, rtol=1e-5)  # float32


def test_proxies_repeat_with_the_seed_and_keep_the_offset():
    points = np.random.default_rng(2).normal(size=(300, 3)) + 50
    first, again, other = (
        coreset.learn_proxies(points, 9, epochs=2, seed=seed)[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    # 0 is the default
    np.testing.assert_array_equal(first, coreset.learn_proxies(points, 9, epochs=2)[0])
    assert (first != other).any()
    assert np.abs(first - 50).max() < 6


def test_interrupted_proxies_are_returned_as_far_as_they_got(monkeypatch):
    points = np.random.default_rng(3).normal(size=(50, 3))
    real, calls = basis._reconstruction, []

    def stop_at_the_third(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(basis, "_reconstruction", stop_at_the_third)
    with pytest.warns(UserWarning, match="proxies have seen 2 of 10 passes"):
        proxies, losses = coreset.learn_proxies(points, 4)
    assert (len(proxies), len(losses)) == (4, 2)


def test_equal_rows_and_a_single_row_have_themselves_as_proxies():
    for rows in (np.full((20, 3), 4.0), np.full((1, 3), 4.0), np.full((1, 1), 4.0)):
        proxies, losses = coreset.learn_proxies(rows, 1, epochs=2)
        np.testing.assert_allclose(proxies, 4.0)
        np.testing.assert_allclose(losses, 0, atol=1e-12)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"count": 0}, "count must be between 1 and the 5 rows there are, got 0"),
        ({"count": 2, "sign": "plus"}, "'plus' and 10"),
        ({"count": 2, "epochs": 0}, "'negative' and 0"),
    ],
)
def test_proxies_refuse_what_does_not_exist(options, said):
    with pytest.raises(ValueError, match=said):
        coreset.learn_proxies(np.eye(5), **options)


def test_a_digest_tells_shapes_apart():
    flat, square = (coreset.Grid(np.zeros(shape, np.float32), 1.0) for shape in ((4, 1), (2, 2)))
    assert flat.digest() != square.digest()


@pytest.mark.parametrize("cap", [np.ones(3), np.full(4, np.nan)])
def test_a_cap_must_fit_the_rows(cap):
    with pytest.raises(ValueError, match="cap must be 4 finite distances, without first"):
        coreset.k_center_greedy(np.eye(4), 2, cap=cap)


def test_proxies_of_points_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="finite and not empty"):
        coreset.learn_proxies(np.full((4, 2), np.nan), 2)


def test_a_grid_made_by_hand_must_be_exact():
    rows = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    for wrong in (rows, np.round(rows) * 2**25, np.full((20, 4), 0.5, np.float32)):
        with pytest.raises(ValueError, match="make the grid with to_grid"):
            coreset.k_center_greedy(coreset.Grid(wrong, 1.0), 5)


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(
        ValueError,
        match=r'device must be "auto", "cpu", or "cuda" on a machine that has one, got .tpu.',
    ):
        coreset.k_center_greedy(np.eye(4), 2, device="tpu")


@pytest.mark.parametrize("threads", [1, 3])
def test_the_order_does_not_depend_on_the_threads(threads, monkeypatch):
    monkeypatch.setattr(greedy, "REFRESH", 500)
    monkeypatch.setattr(greedy, "TILE", 64)
    points = np.random.default_rng(3).normal(size=(6000, 8))
    expected, _ = coreset.k_center_greedy(points, 200)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found, _ = coreset.k_center_greedy(points, 200)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found, expected)


def test_a_session_that_rounds_products_or_flushes_small_numbers_changes_nothing():
    rng = np.random.default_rng(5)
    points = rng.integers(0, 3, size=(2500, 2))  # nine places: a plateau at 0 beyond the candidates
    expected, _ = coreset.k_center_greedy(points, 2400)
    torch.set_flush_denormal(True)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found, _ = coreset.k_center_greedy(points, 2400)
    finally:
        torch.set_flush_denormal(False)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("after", [0, 1, 20, 21])
def test_an_interruption_at_any_choice_returns_what_is_chosen(monkeypatch, after):
    """Also before the first choice, where there is nothing to return, and after the last."""
    points = np.random.default_rng(6).normal(size=(60, 3))
    expected, radius = coreset.k_center_greedy(points, 20)
    cap = coreset.anchor_distance(points, 0) if after == 0 else None
    choose = greedy._Greedy._choose

    def stop(self, row, distance):
        if self.chosen == after:
            raise KeyboardInterrupt
        choose(self, row, distance)
        if self.chosen == after == 21:
            raise KeyboardInterrupt

    monkeypatch.setattr(greedy._Greedy, "_choose", stop)
    if after == 0:
        with pytest.raises(KeyboardInterrupt):
            coreset.k_center_greedy(points, 20, cap=cap)
        return
    with pytest.warns(UserWarning, match=rf"interrupted: the coreset has {after} of 20 rows"):
        order, covered = coreset.k_center_greedy(points, 20)
    kept = min(after, 20)
    np.testing.assert_array_equal(order, expected[:kept])
    np.testing.assert_array_equal(covered[: kept - 1], radius[: kept - 1])
    assert np.isnan(covered[-1]) == (after <= 20)


def test_a_count_must_be_an_integer():
    with pytest.raises(TypeError, match=r"count must be an integer, got 5\.0"):
        coreset.k_center_greedy(np.eye(9), 5.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_cap_of_any_precision_rounds_no_distance(dtype):
    """Of squared distances 1 apart in 10**12 the larger comes first, though its row is later."""
    rows = np.array([[0, 0], [2**20, 0], [2**20, 1]], np.float32)
    cap = np.array([2**22, 2**21, 2**21], dtype)
    order, _ = coreset.k_center_greedy(coreset.Grid(rows, 1.0), 3, cap=cap)
    np.testing.assert_array_equal(order, [0, 2, 1])


def authors_rule(points, start, count):
    """The rule of the authors' code in float32, as its text says: not ours in float32."""
    points = torch.from_numpy(points)
    nearest = torch.from_numpy(start.astype(np.float32))
    norm = (points**2).sum(1)
    order = []
    for _ in range(count):
        order.append(int(nearest.argmax()))
        distance = (norm + norm[order[-1]] - 2 * points @ points[order[-1]]).clamp(min=0).sqrt()
        nearest = torch.minimum(nearest, distance)
    return order


@pytest.mark.parametrize("seed", range(3))
def test_a_search_from_anchors_keeps_the_rows_that_the_authors_code_keeps(seed):
    """Of 5,000 rows all 500 in common; float32 rounds, so that some change places."""
    points = np.random.default_rng(seed).gamma(2.0, size=(5000, 128)).astype(np.float32)
    start = coreset.anchor_distance(points, seed)
    order, _ = coreset.k_center_greedy(points, 500, cap=start)
    assert len(set(order) & set(authors_rule(points, start, 500))) >= 498


def test_a_grid_can_be_written_into_an_array_that_is_there(tmp_path):
    points = np.random.default_rng(16).normal(size=(9000, 3))
    there = np.lib.format.open_memmap(tmp_path / "grid.npy", "w+", np.float32, points.shape)
    made = coreset.to_grid(points, out=there)
    assert made.rows is there
    np.testing.assert_array_equal(there, coreset.to_grid(points).rows)
    np.testing.assert_array_equal(
        coreset.k_center_greedy(made, 50)[0], coreset.k_center_greedy(points, 50)[0]
    )
    for wrong in (np.empty((9000, 2), np.float32), np.empty((9000, 3), np.float64)):
        with pytest.raises(
            ValueError, match=r"out must be \(9000, 3\) float32, as the points are, got"
        ):
            coreset.to_grid(points, out=wrong)


def plain_two_rounds(points, count, shards):
    """Two rounds of the plain loop over rows of one grid's integers; the radii of both, rounded up."""

    def greedy_of(rows):
        integers, scale = coreset.to_grid(rows)
        first = int((integers.astype(np.int64) ** 2).sum(1).argmax())
        return integers, scale, first

    candidates, radii = [], []
    for rows in np.array_split(np.arange(len(points)), shards):
        size = min(len(rows), int(np.ceil(2 * count * len(rows) / len(points))))
        integers, scale, first = greedy_of(points[rows])
        order, radius = naive_greedy(integers, size, first)
        candidates += sorted(rows[order])
        radii.append((radius[-1] + points.shape[1] ** 0.5) / scale)
    candidates = np.array(candidates)
    integers, scale, first = greedy_of(points[candidates])
    order, radius = naive_greedy(integers, count, first)
    return candidates[order], max(radii), (radius[-1] + points.shape[1] ** 0.5) / scale


@pytest.mark.parametrize(
    ("count", "shards"), [(1, 4), (30, 4), (30, 1), (90, 4), (240, 4), (9, 48)]
)
def test_two_rounds_are_the_plain_ones_and_the_radius_is_measured_over_all_rows(count, shards):
    rng = np.random.default_rng(5)
    # Shards of different means: what one keeps covers no other
    points = rng.normal(size=(240, 3)) + np.repeat(rng.normal(size=(4, 3)) * 5, 60, 0)
    chosen = coreset.k_center_two_rounds(points, count, shards)
    order, first, second = plain_two_rounds(points, count, shards)
    np.testing.assert_array_equal(chosen.order, order)
    assert chosen.bound == pytest.approx(first + second, rel=1e-9)
    distance = np.linalg.norm(points[:, None] - points[chosen.order], axis=2).min(1)
    assert chosen.radius == pytest.approx(distance.max(), rel=1e-5, abs=1e-6)  # float32
    assert chosen.radius <= chosen.bound


def test_two_rounds_read_rows_from_a_file(tmp_path):
    points = np.random.default_rng(6).normal(size=(200, 4)).astype(np.float32)
    np.save(tmp_path / "points.npy", points)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        coreset.k_center_two_rounds(mapped, 9, 3).order,
        coreset.k_center_two_rounds(points, 9, 3).order,
    )


@pytest.mark.parametrize("shards", [0, 11])
def test_two_rounds_need_as_many_rows_as_shards(shards):
    with pytest.raises(ValueError, match=f"shards must be from 1 to the 10 rows, got {shards}"):
        coreset.k_center_two_rounds(np.eye(10), 2, shards)
