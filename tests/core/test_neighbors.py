import numpy as np
import pytest

from adviz.core import neighbors


@pytest.fixture(params=["faiss", "torch"])
def search(request, monkeypatch):
    """Both searches; torch also in several blocks."""
    if request.param == "torch":
        monkeypatch.setattr(neighbors, "has_faiss", lambda: False)
        monkeypatch.setattr(neighbors, "BLOCK", 4096)
    else:
        pytest.importorskip("faiss")
    return neighbors.nearest


def test_nearest_agrees_with_the_definition(search):
    rng = np.random.default_rng(0)
    query, bank = (
        rng.normal(size=(50, 7)).astype(np.float32),
        rng.normal(size=(300, 7)).astype(np.float32),
    )
    distance, index = search(query, bank, k=4)
    full = ((query[:, None].astype(float) - bank) ** 2).sum(-1)
    np.testing.assert_array_equal(index, full.argsort(1, kind="stable")[:, :4])
    # Float32 sum of 7 squares
    np.testing.assert_allclose(distance, np.sort(full, 1)[:, :4], rtol=1e-5)


def test_other_numbers_are_searched_as_float32(search):
    rng = np.random.default_rng(8)
    query, bank = rng.normal(size=(9, 7)), np.asfortranarray(rng.normal(size=(60, 7)))
    distance, index = search(query, bank, k=4)
    expected = search(query.astype(np.float32), np.ascontiguousarray(bank, dtype=np.float32), k=4)
    assert (distance.dtype, index.dtype) == (np.float32, np.int64)
    np.testing.assert_array_equal(distance, expected[0])
    np.testing.assert_array_equal(index, expected[1])


def test_a_processor_searches_with_faiss_where_it_is(monkeypatch):
    pytest.importorskip("faiss")
    used, real = [], neighbors._search_faiss
    monkeypatch.setattr(neighbors, "_search_faiss", lambda *rows: used.append(1) or real(*rows))
    neighbors.nearest(np.eye(4), np.eye(4), 1)
    assert used == [1]


def test_faiss_multiplies_matrices_from_twenty_queries_on():
    faiss = pytest.importorskip("faiss")
    neighbors.nearest(np.eye(30), np.eye(30), 1)
    in_queries = 20
    assert faiss.cvar.distance_compute_blas_threshold in (in_queries, in_queries * 30)


def test_ties_go_to_the_lower_row(search):
    bank = np.array([[1.0], [5.0], [1.0], [3.0], [3.0]], dtype=np.float32)
    distance, index = search(np.array([[2.0]], dtype=np.float32), bank, k=5)
    np.testing.assert_array_equal(index, [[0, 2, 3, 4, 1]])
    np.testing.assert_array_equal(distance, [[1, 1, 1, 1, 9]])


def test_a_row_is_at_distance_zero_from_itself_far_from_the_origin(search):
    """The expanded square would be off by 1e4 * 1e4 * 6e-8 = 6; direct subtraction is exact."""
    bank = np.random.default_rng(1).normal(size=(40, 16)).astype(np.float32) + 1e4
    distance, index = search(bank, bank, k=1)
    assert (distance == 0).all()
    np.testing.assert_array_equal(index[:, 0], np.arange(40))


def test_columns_with_offsets_of_their_own_cost_no_digits(search):
    rng = np.random.default_rng(11)
    bank = (rng.normal(size=(1000, 16)) + rng.normal(size=16) * 1e4).astype(np.float32)
    distance, index = search(bank[:50], bank, k=1)
    assert (distance == 0).all()
    np.testing.assert_array_equal(index[:, 0], np.arange(50))


def test_every_row_of_the_bank_can_be_asked_for(search):
    bank = np.random.default_rng(2).normal(size=(6, 3)).astype(np.float32)
    assert sorted(search(bank[:1], bank, k=6)[1][0]) == list(range(6))


def test_prefixes_equal_a_search_in_each_of_them(search):
    rng = np.random.default_rng(4)
    # Many ties
    query, bank = (rng.integers(0, 4, size=(n, 5)).astype(np.float32) for n in (40, 200))
    sizes = [1, 2, 30, 31, 200]
    distance, index = neighbors.nearest_in_prefixes(query, bank, sizes)
    for column, size in enumerate(sizes):
        alone, row = search(query, bank[:size], k=1)
        np.testing.assert_array_equal(distance[:, column], alone[:, 0])
        np.testing.assert_array_equal(index[:, column], row[:, 0])


@pytest.mark.parametrize("sizes", [[], [0, 2], [2, 2], [3, 2], [7], [2, 7]])
def test_prefixes_must_ascend_within_the_bank(sizes):
    with pytest.raises(ValueError, match=r"at most the bank's 6 rows, got \["):
        neighbors.nearest_in_prefixes(np.zeros((2, 3)), np.zeros((6, 3)), sizes)


@pytest.fixture
def clusters():
    """40 clusters of 30 rows, so that an inverted file has something to find."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(40, 1, 24)) * 10
    return (centres + rng.normal(size=(40, 30, 24))).reshape(-1, 24).astype(np.float32)


def test_ivfpq_finds_most_neighbours_and_tells_their_exact_distance(clusters):
    query = clusters[::7] + np.float32(0.1)
    exact, rows = neighbors.nearest(query, clusters, k=3)
    distance, found = neighbors.nearest(query, clusters, k=3, index=neighbors.ivfpq(clusters))
    direct = ((query[:, None].astype(float) - clusters[found]) ** 2).sum(2)
    np.testing.assert_allclose(distance, direct, rtol=1e-5)
    assert (distance >= exact * (1 - 1e-6)).all()
    assert (found == rows).mean() > 0.9


def test_an_inverted_file_finds_most_neighbours_and_of_a_small_bank_all(clusters):
    query = clusters[::7] + np.float32(0.1)
    rows = neighbors.nearest(query, clusters, k=3)[1]
    index = neighbors.ivf(clusters)
    assert index.nlist > 8
    assert (neighbors.nearest(query, clusters, k=3, index=index)[1] == rows).mean() > 0.9
    few = clusters[:60]
    found = neighbors.nearest(query, few, k=3, index=neighbors.ivf(few))
    np.testing.assert_array_equal(found[1], neighbors.nearest(query, few, k=3)[1])


def test_a_refilled_index_holds_the_new_rows_alone(clusters):
    index = neighbors.ivfpq(clusters)
    part = neighbors.index_with_rows(index, clusters[300:600])
    assert (index.ntotal, part.ntotal) == (1200, 300)
    found = neighbors.nearest(clusters[300:600], clusters[300:600], k=1, index=part)[1][:, 0]
    assert (found == np.arange(300)).mean() > 0.9


def test_an_index_over_another_bank_is_refused(clusters):
    with pytest.raises(
        ValueError, match=r"an index over the bank's \(1200, 24\), got one of \(600, 24\)"
    ):
        neighbors.nearest(clusters[:5], clusters, k=1, index=neighbors.ivf(clusters[:600]))


def test_ivfpq_falls_back_to_exact_where_its_lists_hold_too_few(clusters):
    index = neighbors.ivfpq(clusters, probes=1)
    distance, found = neighbors.nearest(clusters[:5], clusters, k=400, index=index)
    exact, rows = neighbors.nearest(clusters[:5], clusters, k=400)
    np.testing.assert_array_equal(found, rows)
    np.testing.assert_array_equal(distance, exact)


def test_ivfpq_needs_rows_and_faiss(clusters, monkeypatch):
    with pytest.raises(ValueError, match="at least 256 rows, got 100: search exactly"):
        neighbors.ivfpq(clusters[:100])
    monkeypatch.setattr(neighbors, "has_faiss", lambda: False)
    for build in (neighbors.ivf, neighbors.ivfpq):
        with pytest.raises(ModuleNotFoundError, match=r"install adviz-anomaly\[cpu\]"):
            build(clusters)


@pytest.mark.parametrize("k", [0, 7])
def test_k_beyond_the_bank_is_refused(search, k):
    with pytest.raises(ValueError, match=f"between 1 and the 6 rows of the bank, got k={k}"):
        search(np.zeros((2, 3)), np.zeros((6, 3)), k=k)


def test_different_lengths_are_refused(search):
    with pytest.raises(ValueError, match="with one C"):
        search(np.zeros((2, 3)), np.zeros((6, 4)), k=1)


def test_rounding_in_the_search_does_not_displace_the_nearest(search):
    """Groups of 8 rows that differ by less than the expanded square resolves at norms of 1000."""
    rng = np.random.default_rng(5)
    groups = rng.normal(size=(30, 1, 16)) * 250
    bank = (groups + rng.normal(size=(30, 8, 16)) * 0.02).reshape(-1, 16).astype(np.float32)
    query = (groups[:, 0] + rng.normal(size=(30, 16)) * 0.02).astype(np.float32)
    full = ((query[:, None].astype(float) - bank) ** 2).sum(-1)
    np.testing.assert_array_equal(search(query, bank, k=1)[1][:, 0], full.argmin(1))


def test_what_cannot_be_searched_is_refused(search):
    bank = np.random.default_rng(5).normal(size=(6, 3)).astype(np.float32)
    with pytest.raises(ValueError, match="expected finite queries, got NaN or infinity"):
        search(np.full((1, 3), np.nan, np.float32), bank, k=1)
    with pytest.raises(
        ValueError,
        match=r'device must be "auto", "cpu", or "cuda" on a machine that has one, got .tpu.',
    ):
        search(bank, bank, k=1, device="tpu")
    with pytest.raises(ValueError, match=r"got .tpu."):
        neighbors.nearest_in_prefixes(bank, bank, [1, 6], device="tpu")


def test_more_probes_find_more_neighbours(clusters):
    pytest.importorskip("faiss")
    bank, rng = clusters, np.random.default_rng(7)
    # Between clusters
    query = bank[::7] + rng.normal(size=(len(bank[::7]), 24)).astype(np.float32) * 8
    exact = neighbors.nearest(query, bank, 1)[1]
    few, many = (
        (
            neighbors.nearest(
                query, bank, 1, index=neighbors.ivf(bank, probes=probes), shortlist=1
            )[1]
            == exact
        ).mean()
        for probes in (1, 64)
    )
    assert few < many


@pytest.mark.parametrize(
    ("columns", "parts"), [(24, 3), (20, 2), (17, 1), (12, 1), (5, 1), (40, 5), (39, 3)]
)
def test_product_codes_have_as_many_equal_parts_of_eight_columns_or_more_as_fit(columns, parts):
    pytest.importorskip("faiss")
    bank = np.random.default_rng(6).normal(size=(400, columns)).astype(np.float32)
    quantiser = neighbors.ivfpq(bank).pq
    assert (quantiser.M, quantiser.nbits) == (parts, 8)


def test_there_are_four_times_the_root_of_the_rows_lists_but_not_more_than_one_per_39_rows(
    clusters,
):
    pytest.importorskip("faiss")
    assert [neighbors._lists(rows) for rows in (1, 77, 78, 389, 390, 10_000, 40_000)] == [
        1,
        1,
        2,
        9,
        10,
        256,
        800,
    ]
    assert [neighbors.ivf(clusters[:rows]).nlist for rows in (60, 390)] == [1, 10]
    assert neighbors.ivfpq(clusters[:390]).nlist == 10


@pytest.mark.parametrize("build", [neighbors.ivf, neighbors.ivfpq])
def test_a_query_looks_into_eight_lists_or_as_many_as_asked_or_there_are(build, clusters):
    pytest.importorskip("faiss")
    assert build(clusters).nprobe == 8  # of 30
    assert build(clusters, probes=3).nprobe == 3
    assert build(clusters[:300]).nprobe == 7  # all


class Proposing:
    """An index that remembers how many candidates it is asked for, and proposes the first rows."""

    def __init__(self, bank):
        (self.ntotal, self.d), self.asked = bank.shape, []

    def search(self, query, count):
        self.asked.append(count)
        return None, np.tile(np.arange(count), (len(query), 1))


def test_an_index_proposes_the_shortlist_or_as_many_as_are_wanted_or_there_are(clusters):
    index = Proposing(clusters)
    neighbors.nearest(clusters[:2], clusters, 5, index=index)
    neighbors.nearest(clusters[:2], clusters, 5, index=index, shortlist=20)
    neighbors.nearest(clusters[:2], clusters, 30, index=index, shortlist=20)
    neighbors.nearest(clusters[:2], clusters, 1, index=index, shortlist=10_000)
    assert index.asked == [100, 20, 30, 1200]


def test_an_exact_search_re_scores_eight_more_than_are_wanted(clusters, monkeypatch):
    asked, candidates = [], neighbors._candidates
    monkeypatch.setattr(
        neighbors, "_candidates", lambda q, b, k, **o: asked.append(k) or candidates(q, b, k, **o)
    )
    for wanted in (1, 5, 1195):
        neighbors.nearest(clusters[:2], clusters, wanted)
    assert asked == [9, 13, 1200]


def test_queries_are_cut_so_that_gathered_rows_fit_into_a_block(clusters, monkeypatch):
    """Blocks, same result: 10 candidates of 24 columns in float32 are 960 bytes a query."""
    expected = neighbors.nearest(clusters[:50], clusters, 2)
    seen, rescore = [], neighbors._rescore
    monkeypatch.setattr(
        neighbors, "_rescore", lambda query, *rest: seen.append(len(query)) or rescore(query, *rest)
    )
    monkeypatch.setattr(neighbors, "BLOCK", 7 * 960 + 959)
    found = neighbors.nearest(clusters[:50], clusters, 2)
    assert seen == [7] * 7 + [1]
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[0], expected[0])
