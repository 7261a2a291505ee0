"""Nearest neighbours, exact or by inverted files: one unit (squared Euclidean), one tie rule (the lower row wins)."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from adviz._support import as_numpy, check_device, full_float32

__all__ = ["has_faiss", "ivf", "ivfpq", "nearest", "nearest_in_prefixes"]
SHORTLIST = 100  # candidates of an approximate index that are re-scored exactly
CODEWORDS = 256  # of a product quantiser with codes of 8 bits
SPARE = 8  # candidates beyond k, so that rounding in the search cannot displace a true neighbour
SAMPLE = 1024  # rows that tell whether the bank needs centring
BLOCK = 2**26  # bytes of one block of the distance matrix, or of gathered rows


def __dir__() -> list[str]:
    return sorted(__all__)


def nearest(
    query: np.ndarray,
    bank: np.ndarray,
    k: int,
    *,
    index: Any = None,
    shortlist: int = SHORTLIST,
    device: str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k rows of `bank` closest to every row of `query`.

    Parameters
    ----------
    query: (Q, C) float32, one feature vector per row.
    bank: (M, C) float32, same C.
    k: how many to return, 1 <= k <= M.
    index: None searches exactly; an index of `ivf` or `ivfpq` over the same bank proposes
        candidates instead.
    shortlist: how many candidates such an index proposes, at least k.
    device: where an exact search runs; on "cuda" it is torch's.

    Returns
    -------
    distance: (Q, k) float32, squared Euclidean in squared feature units, ascending along k.
    index: (Q, k) int64, rows of `bank`; ties go to the lower row (beyond 8 rows that tie with the
        k-th, which of them are reported is the search's choice).

    Raises
    ------
    ValueError: k outside 1..M, C differs, NaN or infinity in a query, distances that float32 does
        not hold, or a device that is not there.

    Notes
    -----
    Candidates come from faiss where it is installed, else from torch; both expand the square, so k
    + 8 candidates are re-scored by direct subtraction and sorted by (distance, row). Unless more
    than 8 rows lie within float32 rounding of the k-th, a row is therefore at distance 0 from
    itself, and both searches agree. Distances of an approximate search are exact too, but of rows
    that need not be the nearest.

    Examples
    --------
    >>> from adviz.neighbors import nearest
    >>> bank = np.array([[0], [1], [3]], "float32")
    >>> nearest(np.array([[2.9]], "float32"), bank, k=2)[1]
    array([[2, 1]])
    """
    query, bank = (np.ascontiguousarray(as_numpy(rows), dtype=np.float32) for rows in (query, bank))
    if query.ndim != 2 or bank.ndim != 2 or query.shape[1] != bank.shape[1]:
        raise ValueError(
            f"query and bank must be (Q, C) and (M, C) with one C, got {query.shape} and {bank.shape}"
        )
    if not np.isfinite(query).all():
        raise ValueError("expected finite queries, got NaN or infinity: check the features")
    check_device(device)
    if not 1 <= k <= len(bank):
        raise ValueError(f"k must be between 1 and the {len(bank)} rows of the bank, got k={k}")
    if index is not None and (index.ntotal, index.d) != bank.shape:
        raise ValueError(
            f"expected an index over the bank's {bank.shape}, got one of {(index.ntotal, index.d)}"
        )
    candidates = min(k + SPARE if index is None else max(k, shortlist), len(bank))
    rows = max(1, BLOCK // (4 * candidates * bank.shape[1]))
    blocks = np.split(query, range(rows, len(query), rows))
    search = partial(_candidates, device=device) if index is None else _proposals(index)
    with np.errstate(over="ignore", invalid="ignore"):  # said below
        parts = [_rescore(block, bank, search(block, bank, candidates), k) for block in blocks]
    distance, index = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    if not np.isfinite(distance).all() or index.min(initial=0) < 0:
        raise ValueError(
            "expected a bank without NaN, and rows whose squared distances float32 holds (below 3e38), got others: "
            "check the features, or scale them"
        )
    return distance, index


def nearest_in_prefixes(
    query: np.ndarray, bank: np.ndarray, sizes: Sequence[int], *, device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest of the first n rows of `bank` for several n, at the cost of one search for the largest.

    A greedy coreset is nested, so this is "score against coreset size" without refitting.

    Parameters
    ----------
    query, bank, device: as for `nearest`.
    sizes: ascending, 1 <= n <= M.

    Returns
    -------
    distance: (Q, len(sizes)) float32, squared Euclidean.
    index: (Q, len(sizes)) int64, rows of `bank`; ties go to the lower row.

    Raises
    ------
    ValueError: sizes not ascending or beyond the bank, or C differs.

    Examples
    --------
    >>> from adviz.neighbors import nearest_in_prefixes
    >>> bank = np.array([[0], [1], [3]], "float32")
    >>> nearest_in_prefixes(np.array([[2.0]], "float32"), bank, [1, 2, 3])[0]
    array([[4., 1., 1.]], dtype=float32)
    """
    ends = [0, *sizes]
    if (
        len(sizes) == 0
        or any(end <= start for start, end in pairwise(ends))
        or ends[-1] > len(bank)
    ):
        raise ValueError(
            f"sizes must ascend from 1 or more to at most the bank's {len(bank)} rows, got {list(sizes)}"
        )
    found = [nearest(query, bank[start:end], 1, device=device) for start, end in pairwise(ends)]
    distance = np.hstack([part[0] for part in found])
    index = np.hstack([part[1] + start for part, start in zip(found, ends, strict=False)])
    for column in range(1, len(sizes)):
        before = distance[:, column - 1] <= distance[:, column]
        for values in (distance, index):
            values[before, column] = values[before, column - 1]
    return distance, index


def ivf(bank: np.ndarray, *, probes: int = 8) -> Any:
    """Build faiss' inverted file over `bank`, for `nearest` in large sets of image features (DN2).

    Lists: 4 sqrt(M), at most one per 39 rows, so that a small bank has one and is searched exactly.

    Parameters
    ----------
    bank: (M, C) float32.
    probes: lists that a query looks into.

    Raises
    ------
    ModuleNotFoundError: faiss is not installed.

    Examples
    --------
    >>> from adviz.neighbors import has_faiss, ivf, nearest
    >>> bank = np.random.default_rng(0).normal(size=(300, 8)).astype("float32")
    >>> index = ivf(bank) if has_faiss() else None
    >>> nearest(bank[:2], bank, 1, index=index)[1].ravel()
    array([0, 1])
    """
    faiss, bank = _faiss("IVF"), np.ascontiguousarray(as_numpy(bank), dtype=np.float32)
    lists = _lists(len(bank))
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(bank.shape[1]), bank.shape[1], lists)
    return _trained(index, bank, min(probes, lists))


def ivfpq(bank: np.ndarray, *, probes: int = 8) -> Any:
    """Build faiss' inverted file with product quantisation over `bank` (PatchCore, Table 5), for `nearest`.

    Lists: 4 sqrt(M), at most one per 39 rows; codes: a byte each for as many equal parts of 8
    columns or more as fit.

    Parameters
    ----------
    bank: (M, C) float32, M >= 256.
    probes: lists that a query looks into.

    Raises
    ------
    ValueError: fewer rows than the quantiser has codewords.
    ModuleNotFoundError: faiss is not installed.

    Examples
    --------
    >>> from adviz.neighbors import has_faiss, ivfpq, nearest
    >>> bank = np.random.default_rng(0).normal(size=(300, 8)).astype("float32")
    >>> index = ivfpq(bank) if has_faiss() else None
    >>> nearest(bank[:2], bank, 1, index=index)[1].ravel()
    array([0, 1])
    """
    faiss, bank = _faiss("IVF-PQ"), np.ascontiguousarray(as_numpy(bank), dtype=np.float32)
    if len(bank) < CODEWORDS:
        raise ValueError(f"IVF-PQ needs at least {CODEWORDS} rows, got {len(bank)}: search exactly")
    columns, lists = bank.shape[1], _lists(len(bank))
    parts = next(count for count in range(max(1, columns // 8), 0, -1) if columns % count == 0)
    index = faiss.IndexIVFPQ(faiss.IndexFlatL2(columns), columns, lists, parts, 8)
    index.pq.cp.min_points_per_centroid = 1
    index.use_precomputed_table = -1  # it would take lists * parts * 1024 bytes
    return _trained(index, bank, min(probes, lists))


def refilled(index: Any, bank: np.ndarray) -> Any:
    """Return a copy of an index, trained as it is, that holds the rows of `bank` (M, C) alone."""
    copy = _faiss("A copy of an index").clone_index(index)
    copy.reset()
    copy.add(np.ascontiguousarray(bank, dtype=np.float32))
    return copy


def _faiss(what: str) -> Any:
    if not has_faiss():
        raise ModuleNotFoundError(
            f"{what} needs faiss: install adviz[cpu] or adviz[gpu], or search exactly"
        )
    import faiss

    return faiss


def _lists(n_rows: int) -> int:
    return max(1, min(int(4 * n_rows**0.5), n_rows // 39))


def _trained(index: Any, bank: np.ndarray, probes: int) -> Any:
    index.cp.min_points_per_centroid = 1  # no advice on standard error
    index.train(bank)
    index.add(bank)
    index.nprobe = probes
    return index


def _proposals(index: Any) -> Any:
    """Return a search for candidates in `index`; queries whose lists hold too few are searched exactly."""

    def search(query: np.ndarray, bank: np.ndarray, k: int) -> np.ndarray:
        found = np.asarray(index.search(query, k)[1])
        short = (found < 0).any(1)
        if short.any():
            found[short] = _candidates(query[short], bank, k)
        return found

    return search


def has_faiss() -> bool:
    """Return whether faiss is installed (the extras `cpu` and `gpu`); without it torch searches, see `nearest`.

    Examples
    --------
    >>> from adviz.neighbors import has_faiss
    >>> "faiss" if has_faiss() else "torch"
    '...'
    """
    return importlib.util.find_spec("faiss") is not None


def _candidates(query: np.ndarray, bank: np.ndarray, k: int, device: str = "cpu") -> np.ndarray:
    """Return (Q, k) rows of `bank`, the nearest up to rounding: the best k over blocks of the bank.

    Both sides are centred where the rows' common offset is larger than their spread, because the
    expanded square loses what float32 cannot hold beside it.
    """
    search = (
        _search_faiss if device == "cpu" and has_faiss() else partial(_search_torch, device=device)
    )
    sample = bank[:: -(-len(bank) // SAMPLE)]
    centre = sample.mean(0)
    offset = bool(centre @ centre > sample.var(0).sum())
    query = query - centre if offset else query
    distance, index = np.empty((len(query), 0), np.float32), np.empty((len(query), 0), np.int64)
    step = max(k, BLOCK // (4 * max(len(query), bank.shape[1])))
    step = -(-len(bank) // -(-len(bank) // step))  # equal blocks, no small one at the end
    for start in range(0, len(bank), step):
        part = bank[start : start + step] - centre if offset else bank[start : start + step]
        found = search(query, part, min(k, len(part)))
        distance, index = np.hstack([distance, found[0]]), np.hstack([index, found[1] + start])
        keep = np.argsort(distance, axis=1, kind="stable")[:, :k]
        distance, index = np.take_along_axis(distance, keep, 1), np.take_along_axis(index, keep, 1)
    return index


def _search_faiss(query: np.ndarray, bank: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    import faiss

    distance, index = faiss.knn(query, bank, k)
    return distance, index


def _search_torch(
    query: np.ndarray, bank: np.ndarray, k: int, device: str
) -> tuple[np.ndarray, np.ndarray]:
    rows = torch.from_numpy(bank).to(device)
    with full_float32():
        distance = torch.addmm(
            rows.square().sum(1), torch.from_numpy(query).to(device), rows.T, alpha=-2
        )
    near = distance.topk(k, dim=1, largest=False)
    return near.values.cpu().numpy(), near.indices.cpu().numpy()


def _rescore(
    query: np.ndarray, bank: np.ndarray, index: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    # By row first: the stable sort below then breaks ties towards the lower row
    index = np.sort(index, axis=1)
    difference = bank[index]
    difference -= query[:, None]
    distance = np.einsum("qkc,qkc->qk", difference, difference)
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distance, order, 1), np.take_along_axis(index, order, 1)
