"""Nearest neighbours in a memory bank, exact or by inverted files.

One unit, squared Euclidean distance; one tie rule, the lower row wins.
"""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from adviz._support import as_numpy, check_device, device_here, full_float32

__all__ = ["has_faiss", "ivf", "ivfpq", "nearest", "nearest_in_prefixes"]
SHORTLIST = 100  # candidates of an approximate index that are re-scored exactly
CODEWORDS = 256  # of a product quantiser with codes of 8 bits
SPARE = 8  # candidates beyond k, so that rounding in the search cannot displace a neighbour
SAMPLE = 1024  # rows that tell whether the bank needs centring
MOST_ON_GPU = 2048  # neighbours that faiss finds on a GPU
FEW = 20  # queries; faiss searches fewer than these row by row
BLOCK = 2**26  # bytes of one block of the distance matrix, or of gathered rows
_reserving = threading.Lock()


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
    """Find the k nearest memory bank entries of every query.

    Parameters
    ----------
    query: (Q, C) float32, one feature vector per row.
    bank: (M, C) float32, same C.
    k: how many to return, 1 <= k <= M.
    index: None searches exactly; an index of `ivf` or `ivfpq` over the same bank proposes
        candidates instead.
    shortlist: how many candidates such an index proposes, at least k.
    device: where an exact search runs: "cpu", "cuda", or "auto", a GPU if there is one. On a GPU it
        is faiss' where that was built for GPUs, else torch's. faiss shares the bank out among all
        GPUs that ``$CUDA_VISIBLE_DEVICES`` shows; "cuda:1" is one of them.

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
    An exact search returns what this loop does::

        for query_row in query:
            distance = ((bank - query_row) ** 2).sum(1)
            index = distance.argsort(kind="stable")[:k]
            yield distance[index], index

    To be fast, candidates come from faiss where it is installed, else from torch; both expand the
    square, which loses digits, so k + 8 candidates are re-scored by direct subtraction and sorted
    by (distance, row). Unless more than 8 rows lie within float32 rounding of the k-th, that equals
    the loop: a row is at distance 0 from itself, and both searches agree. Distances of an
    approximate search are exact too, but of rows that need not be the nearest.

    Examples
    --------
    >>> from adviz.core.neighbors import nearest
    >>> bank = np.array([[0], [1], [3]], "float32")
    >>> nearest(np.array([[2.9]], "float32"), bank, k=2)[1]
    array([[2, 1]])
    """
    query = _float32(query)
    bank = _float32(bank)
    check_device(device)
    device = device_here(device)
    _check_search(query, bank, k, index)
    if index is None:
        search = partial(_candidates, device=device)
        n_candidates = min(k + SPARE, len(bank))
    else:
        search = partial(_index_candidates, index=index)
        n_candidates = min(max(k, shortlist), len(bank))
    # Blocks of queries whose gathered candidates, (rows, n_candidates, C), fill BLOCK bytes
    rows = max(1, BLOCK // (4 * n_candidates * bank.shape[1]))
    distances = []
    indices = []
    with np.errstate(over="ignore", invalid="ignore"):  # the check below reports them
        for block in np.split(query, range(rows, len(query), rows)):
            candidates = search(block, bank, n_candidates)
            block_distance, block_index = _rescore(block, bank, candidates, k)
            distances.append(block_distance)
            indices.append(block_index)
    distance = np.concatenate(distances)
    neighbor = np.concatenate(indices)
    if not np.isfinite(distance).all() or neighbor.min(initial=0) < 0:
        raise ValueError(
            "expected a bank without NaN, and rows whose squared distances float32 holds "
            "(below 3e38), got others: check the features, or scale them"
        )
    return distance, neighbor


def _check_search(query: np.ndarray, bank: np.ndarray, k: int, index: Any) -> None:
    if query.ndim != 2 or bank.ndim != 2 or query.shape[1] != bank.shape[1]:
        raise ValueError(
            "query and bank must be (Q, C) and (M, C) with one C, "
            f"got {query.shape} and {bank.shape}"
        )
    if not np.isfinite(query).all():
        raise ValueError("expected finite queries, got NaN or infinity: check the features")
    if not 1 <= k <= len(bank):
        raise ValueError(f"k must be between 1 and the {len(bank)} rows of the bank, got k={k}")
    if index is not None and (index.ntotal, index.d) != bank.shape:
        raise ValueError(
            f"expected an index over the bank's {bank.shape}, got one of {(index.ntotal, index.d)}"
        )


def nearest_in_prefixes(
    query: np.ndarray, bank: np.ndarray, sizes: Sequence[int], *, device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest of the first n memory bank entries, for several n.

    It costs one search for the largest n. A greedy coreset is nested, so this is "score against
    coreset size" without refitting.

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
    >>> from adviz.core.neighbors import nearest_in_prefixes
    >>> bank = np.array([[0], [1], [3]], "float32")
    >>> nearest_in_prefixes(np.array([[2.0]], "float32"), bank, [1, 2, 3])[0]
    array([[4., 1., 1.]], dtype=float32)
    """
    ends = [0, *sizes]
    ascending = all(start < end for start, end in pairwise(ends))
    if not len(sizes) or not ascending or ends[-1] > len(bank):
        raise ValueError(
            f"sizes must ascend from 1 or more to at most the bank's {len(bank)} rows, "
            f"got {list(sizes)}"
        )
    distances = []
    indices = []
    for start, end in pairwise(ends):
        part_distance, part_index = nearest(query, bank[start:end], 1, device=device)
        distances.append(part_distance)
        indices.append(part_index + start)
    distance = np.hstack(distances)  # (Q, len(sizes)), so far of each part alone
    index = np.hstack(indices)
    for column in range(1, len(sizes)):
        before = distance[:, column - 1] <= distance[:, column]
        distance[before, column] = distance[before, column - 1]
        index[before, column] = index[before, column - 1]
    return distance, index


def ivf(bank: np.ndarray, *, probes: int = 8) -> Any:
    """Build faiss' inverted file over a memory bank, for `nearest` in many image features (DN2).

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
    >>> from adviz.core.neighbors import has_faiss, ivf, nearest
    >>> bank = np.random.default_rng(0).normal(size=(300, 8)).astype("float32")
    >>> index = ivf(bank) if has_faiss() else None
    >>> nearest(bank[:2], bank, 1, index=index)[1].ravel()
    array([0, 1])
    """
    faiss = _faiss("IVF")
    bank = _float32(bank)
    n_lists = _lists(len(bank))
    columns = bank.shape[1]
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(columns), columns, n_lists)
    return _trained(index, bank, min(probes, n_lists))


def ivfpq(bank: np.ndarray, *, probes: int = 8) -> Any:
    """Build faiss' inverted file with product quantisation over a memory bank, for `nearest`.

    PatchCore, Table 5. Lists: 4 sqrt(M), at most one per 39 rows; codes: a byte each for as many
    equal parts of 8 columns or more as fit.

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
    >>> from adviz.core.neighbors import has_faiss, ivfpq, nearest
    >>> bank = np.random.default_rng(0).normal(size=(300, 8)).astype("float32")
    >>> index = ivfpq(bank) if has_faiss() else None
    >>> nearest(bank[:2], bank, 1, index=index)[1].ravel()
    array([0, 1])
    """
    faiss = _faiss("IVF-PQ")
    bank = _float32(bank)
    if len(bank) < CODEWORDS:
        raise ValueError(f"IVF-PQ needs at least {CODEWORDS} rows, got {len(bank)}: search exactly")
    columns = bank.shape[1]
    n_lists = _lists(len(bank))
    most_parts = max(1, columns // 8)
    n_parts = next(count for count in range(most_parts, 0, -1) if columns % count == 0)
    index = faiss.IndexIVFPQ(faiss.IndexFlatL2(columns), columns, n_lists, n_parts, 8)
    index.pq.cp.min_points_per_centroid = 1
    index.use_precomputed_table = -1  # it would take n_lists * n_parts * 1024 bytes
    return _trained(index, bank, min(probes, n_lists))


def index_with_rows(index: Any, bank: np.ndarray) -> Any:
    """Return a copy of a trained index that holds the rows of another bank, (M, C), instead."""
    copy = _faiss("A copy of an index").clone_index(index)
    copy.reset()
    copy.add(np.ascontiguousarray(bank, dtype=np.float32))
    return copy


def _float32(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(as_numpy(rows), dtype=np.float32)


def _faiss(what: str) -> Any:
    if not has_faiss():
        raise ModuleNotFoundError(
            f"{what} needs faiss: install adviz-anomaly[cpu] or adviz-anomaly[gpu], or search "
            "exactly"
        )
    import faiss

    return faiss


def _lists(n_rows: int) -> int:
    """Return the number of inverted lists: 4 sqrt(M), with 39 training rows or more in each."""
    return max(1, min(int(4 * n_rows**0.5), n_rows // 39))


def _trained(index: Any, bank: np.ndarray, probes: int) -> Any:
    index.cp.min_points_per_centroid = 1  # no advice on standard error
    index.train(bank)
    index.add(bank)
    index.nprobe = probes
    return index


def _index_candidates(query: np.ndarray, bank: np.ndarray, k: int, index: Any) -> np.ndarray:
    """Return (Q, k) rows of `bank` that an approximate index proposes.

    Queries whose lists hold fewer than k rows are searched exactly.
    """
    candidates = np.asarray(index.search(query, k)[1])
    too_few = (candidates < 0).any(1)
    if too_few.any():
        candidates[too_few] = _candidates(query[too_few], bank, k)
    return candidates


def has_faiss(*, gpu: bool = False) -> bool:
    """Return whether faiss is installed (the extras `cpu` and `gpu`).

    Without it torch searches, see `nearest`.

    Parameters
    ----------
    gpu: whether it must be built for GPUs, and find one.

    Examples
    --------
    >>> from adviz.core.neighbors import has_faiss
    >>> "faiss" if has_faiss() else "torch"
    '...'
    """
    if importlib.util.find_spec("faiss") is None:
        return False
    if not gpu:
        return True
    import faiss

    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def faiss_build() -> dict[str, Any] | None:
    """Return the version of faiss and whether it searches on this machine's GPU, if installed.

    The distribution does not tell: conda's faiss is installed under other names than pip's.
    """
    if not has_faiss():
        return None
    import faiss

    return {"version": faiss.__version__, "gpu": has_faiss(gpu=True)}


def _gpu(number: int) -> tuple[Any, threading.Lock]:
    with _reserving:
        return _reserved_gpu(number)


@cache
def _reserved_gpu(number: int) -> tuple[Any, threading.Lock]:
    """Return faiss' scratch memory on a GPU, which takes long to reserve, and its lock.

    Threads may not search with the same memory at once.
    """
    import faiss

    return faiss.StandardGpuResources(), threading.Lock()


def _search_faiss_gpu(
    query: np.ndarray, bank: np.ndarray, k: int, gpus: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Search parts of the bank on some GPUs side by side; (Q, k of each part)."""
    import faiss

    ends = np.linspace(0, len(bank), min(len(gpus), len(bank)) + 1).astype(int).tolist()

    def search_part(gpu: int, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        resources, lock = _gpu(gpu)
        part = bank[start:end]
        with lock:
            distance, index = faiss.knn_gpu(resources, query, part, min(k, len(part)), device=gpu)
        return distance, index + start

    with ThreadPoolExecutor(len(gpus)) as pool:
        parts = list(pool.map(search_part, gpus, ends, ends[1:]))
    distances, indices = zip(*parts, strict=True)
    return np.hstack(distances), np.hstack(indices)


def _candidates(query: np.ndarray, bank: np.ndarray, k: int, device: str = "cpu") -> np.ndarray:
    """Return (Q, k) rows of `bank`, the nearest up to rounding: the best k over blocks of the bank.

    Both sides are centred where the rows' common offset is larger than their spread, because the
    expanded square loses what float32 cannot hold beside it.
    """
    search: Any = partial(_search_torch, device=device)
    if device == "cpu" and has_faiss():
        search = _search_faiss
    elif device != "cpu" and k <= MOST_ON_GPU and has_faiss(gpu=True):
        number = torch.device(device).index
        gpus = range(torch.cuda.device_count()) if number is None else [number]
        search = partial(_search_faiss_gpu, gpus=gpus)
    sample = bank[:: -(-len(bank) // SAMPLE)]
    centre = sample.mean(0)  # (C,)
    is_offset = bool(centre @ centre > sample.var(0).sum())
    if is_offset:
        query = query - centre
    distance = np.empty((len(query), 0), np.float32)
    index = np.empty((len(query), 0), np.int64)
    step = max(k, BLOCK // (4 * max(len(query), bank.shape[1])))
    step = -(-len(bank) // -(-len(bank) // step))  # equal blocks, no small one at the end
    for start in range(0, len(bank), step):
        block = bank[start : start + step]
        if is_offset:
            block = block - centre
        block_distance, block_index = search(query, block, min(k, len(block)))
        # (Q, up to 2 k): the best so far and those of this block
        distance = np.hstack([distance, block_distance])
        index = np.hstack([index, block_index + start])
        best = np.argsort(distance, axis=1, kind="stable")[:, :k]
        distance = np.take_along_axis(distance, best, 1)
        index = np.take_along_axis(index, best, 1)
    return index


def _search_faiss(query: np.ndarray, bank: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    import faiss

    if _has_limit_of_values():
        faiss.cvar.distance_compute_blas_threshold = FEW * query.shape[1]
    distance, index = faiss.knn(query, bank, k)
    return distance, index


@cache
def _has_limit_of_values() -> bool:
    """Return whether faiss multiplies matrices from a number of values on, not of queries.

    Since 1.15 it does so from 128,000 values on, which the 784 patches of an image with 152 columns
    are not: their search took 2.4 times as long. Results are the same.
    """
    import faiss

    return bool(faiss.cvar.distance_compute_blas_threshold > 1_000)


def _search_torch(
    query: np.ndarray, bank: np.ndarray, k: int, device: str
) -> tuple[np.ndarray, np.ndarray]:
    queries = torch.from_numpy(query).to(device)
    rows = torch.from_numpy(bank).to(device)
    with full_float32():
        # (Q, M), less each query's own square, which changes no order
        distance = torch.addmm(rows.square().sum(1), queries, rows.T, alpha=-2)
    smallest = distance.topk(k, dim=1, largest=False)
    return smallest.values.cpu().numpy(), smallest.indices.cpu().numpy()


def _rescore(
    query: np.ndarray, bank: np.ndarray, candidates: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best k of (Q, n) candidates and their distances by direct subtraction."""
    # By row first: the stable sort below then breaks ties towards the lower row
    candidates = np.sort(candidates, axis=1)
    difference = bank[candidates]  # (Q, n, C)
    difference -= query[:, None]
    distance = np.einsum("qkc,qkc->qk", difference, difference)
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(distance, order, 1), np.take_along_axis(candidates, order, 1)
