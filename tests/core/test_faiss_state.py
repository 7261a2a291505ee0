"""Inverted files as arrays: the rebuilt index answers the same, and odd arrays are refused."""

import numpy as np
import pytest

from adviz.core import faiss_state as inverted
from adviz.core.neighbors import ivf, ivfpq, nearest

CASES = {
    "ivf": (ivf, 200, 5),
    "ivf, one list": (ivf, 20, 3),
    "ivfpq": (ivfpq, 900, 24),
    "ivfpq, one part": (ivfpq, 300, 7),
}


def rows(count, columns, seed=0):
    values = np.random.default_rng(seed).normal(size=(count, columns)).astype(np.float32)
    # Some twice: their order within a list decides
    return np.concatenate([values[:-3], values[:3]])


@pytest.mark.parametrize("case", CASES)
def test_the_answers_are_the_same_bit_for_bit(case):
    make, count, columns = CASES[case]
    bank, query = rows(count, columns), rows(50, columns, 1)
    index = make(bank)
    arrays = inverted.index_to_arrays(index)
    again = inverted.index_from_arrays(arrays, bank)
    for found, expected in zip(again.search(query, 12), index.search(query, 12), strict=True):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip(
        nearest(query, bank, 4, index=again), nearest(query, bank, 4, index=index), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    for name, array in inverted.index_to_arrays(again).items():
        np.testing.assert_array_equal(array, arrays[name])


WRONG = {
    "a list that is not there": ("lists", lambda a: np.full_like(a, 10**6)),
    "a negative list": ("lists", lambda a: np.full_like(a, -1)),
    "lists of another type": ("lists", lambda a: a.astype(np.int64)),
    "fewer rows": ("lists", lambda a: a[:-1]),
    "fewer codes": ("codes", lambda a: a[:-1]),
    "other codes": ("codes", lambda a: a[:, :2]),
    "no codes": ("codes", lambda a: a[:, :0]),
    "codes of another type": ("codes", lambda a: a.astype(np.int8)),
    "a shorter codebook": ("codebook", lambda a: a[:, :-1]),
    "a codebook with NaN": ("codebook", lambda a: np.full_like(a, np.nan)),
    "centroids with NaN": ("centroids", lambda a: np.full_like(a, np.nan)),
    "no centroid": ("centroids", lambda a: a[:0]),
    "narrower centroids": ("centroids", lambda a: a[:, 1:]),
    "no probe": ("probes", lambda a: a * 0),
    "more probes than lists": ("probes", lambda a: a + 10**6),
}


@pytest.mark.parametrize("case", WRONG)
def test_arrays_that_do_not_fit_are_refused(case):
    """faiss itself would read beyond its memory."""
    bank = rows(300, 24)
    arrays = inverted.index_to_arrays(ivfpq(bank))
    name, change = WRONG[case]
    with pytest.raises(ValueError, match="expected"):
        inverted.index_from_arrays({**arrays, name: change(arrays[name])}, bank)


def test_missing_and_surplus_arrays_are_refused():
    bank = rows(300, 24)
    arrays = inverted.index_to_arrays(ivfpq(bank))
    for name in arrays:
        with pytest.raises(ValueError, match="expected the arrays of an inverted file"):
            inverted.index_from_arrays(
                {key: array for key, array in arrays.items() if key != name}, bank
            )
    with pytest.raises(ValueError, match="expected the arrays of an inverted file"):
        inverted.index_from_arrays({**arrays, "more": bank}, bank)
    with pytest.raises(ValueError, match="float32 rows"):
        inverted.index_from_arrays(arrays, bank.astype(np.float64))
