"""Exact nearest neighbours of one image's patches in banks of three sizes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import faiss
import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors

from adviz.core.coreset import k_center_greedy, project
from adviz.core.neighbors import nearest
from benchmarks.data import features, patches, training_patches
from benchmarks.timing import Options, Section, Way, interleaved

AGREEMENT = 1e-5  # relative, of squared distances


def run(options: Options) -> Iterator[Section]:
    """Time banks of 1 %, 10 % and all of the training patches, 1024 columns, 784 queries."""
    bank = training_patches(options.quick)
    query = patches(features(options.quick)[1].select(images=[0]))
    order, _ = k_center_greedy(project(bank, 128, seed=0), len(bank) // 10)
    tenth = bank[order]
    for rows in (tenth[: len(tenth) // 10], tenth, bank):
        yield _section(query, rows, options)


def _section(query: np.ndarray, bank: np.ndarray, options: Options) -> Section:
    flat = faiss.IndexFlatL2(bank.shape[1])
    flat.add(bank)
    brute = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(bank)
    rows = torch.from_numpy(bank)
    section = Section(f"Search, {len(query)} queries x {len(bank)} rows x {bank.shape[1]}")
    section.facts.append(_check(query, bank, flat))
    section.rows = interleaved(
        [
            Way(
                "adviz, k = 1",
                partial(nearest, query, bank, 1),
                note="re-scored by subtraction, lower row wins ties",
            ),
            Way("faiss alone, k = 1", partial(flat.search, query, 1), note="index built before"),
            Way("scikit-learn brute, k = 1", partial(brute.kneighbors, query)),
            Way("torch.cdist, k = 1", lambda: torch.cdist(torch.from_numpy(query), rows).min(1)),
            Way("adviz, k = 9", partial(nearest, query, bank, 9)),
            Way("faiss alone, k = 9", partial(flat.search, query, 9)),
        ],
        options.repeats,
    )
    ratio = section.ratio("faiss alone, k = 1")
    if ratio is not None and 10_000 < len(bank) < 100_000:
        section.within("search in 16k rows, time over faiss alone", 1 / ratio, 1.10, "x")
    return section


def _check(query: np.ndarray, bank: np.ndarray, flat: faiss.IndexFlatL2) -> str:
    """Assert that no row found by faiss is nearer than ours, in float64; return how many are the
    same.
    """
    distance, ours = nearest(query, bank, 1)
    theirs = flat.search(query, 1)[1]
    exact = [((query.astype(float) - bank[found[:, 0]]) ** 2).sum(1) for found in (ours, theirs)]
    assert (exact[0] <= exact[1] * (1 + AGREEMENT)).all(), "faiss found a nearer row"
    np.testing.assert_allclose(distance[:, 0], exact[0], rtol=AGREEMENT)
    return f"checked: the same row as faiss for {np.mean(ours == theirs):.1%} of queries, no nearer one for the others"
