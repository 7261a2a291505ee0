"""faiss' inverted files as plain arrays and back, bit for bit: faiss' own format is read by code that trusts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

NAMES = ("centroids", "lists", "probes")  # of an IVF; an IVF-PQ has "codes" and "codebook" as well


def taken_apart(index: Any) -> dict[str, np.ndarray]:
    """Return the arrays of an index of `adviz.neighbors.ivf` or `ivfpq` over M rows of C columns.

    Returns
    -------
    centroids: (L, C) float32, of the lists.
    lists: (M,) int32, which list each row is in.
    probes: (1,) int32, lists that a query looks into.
    codes: (M, parts) uint8 and codebook: (parts, 256, C / parts) float32, of a product quantiser
        alone.

    Raises
    ------
    ValueError: rows out of order within a list, which neither function makes.
    """
    import faiss

    coder = getattr(index, "pq", None)
    lists = np.empty(index.ntotal, np.int32)
    codes = np.empty((index.ntotal, index.code_size), np.uint8)
    for number in range(index.nlist):
        size = index.invlists.list_size(number)
        if not size:
            continue
        rows = faiss.rev_swig_ptr(index.invlists.get_ids(number), size).copy()
        if (np.diff(rows) <= 0).any():
            raise ValueError(
                f"expected rows in ascending order in list {number} of the index, got others"
            )
        lists[rows] = number
        codes[rows] = faiss.rev_swig_ptr(
            index.invlists.get_codes(number), size * index.code_size
        ).reshape(size, -1)
    arrays = {
        "centroids": index.quantizer.reconstruct_n(0, index.nlist),
        "lists": lists,
        "probes": np.array([index.nprobe], np.int32),
    }
    if coder is None:  # the codes are the rows themselves
        return arrays
    book = faiss.vector_to_array(coder.centroids).reshape(coder.M, coder.ksub, coder.dsub)
    return {**arrays, "codes": codes, "codebook": book}


def put_together(arrays: Mapping[str, np.ndarray], bank: np.ndarray) -> Any:
    """Return the index over the rows of `bank` (M, C) float32 that `taken_apart` took apart; it answers bit for bit.

    Raises
    ------
    ValueError: arrays that are not those of an index over these rows.
    ModuleNotFoundError: faiss is not installed.
    """
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "an approximate index needs faiss: install adviz[cpu] or adviz[gpu]"
        ) from error
    _check(arrays, bank)
    (n_lists, columns), quantizer = arrays["centroids"].shape, faiss.IndexFlatL2(bank.shape[1])
    quantizer.add(np.ascontiguousarray(arrays["centroids"]))
    index: Any
    if "codebook" in arrays:
        index = faiss.IndexIVFPQ(quantizer, columns, n_lists, len(arrays["codebook"]), 8)
        faiss.copy_array_to_vector(
            np.ascontiguousarray(arrays["codebook"]).reshape(-1), index.pq.centroids
        )
        index.use_precomputed_table = -1  # as in adviz.neighbors.ivfpq
        codes = arrays["codes"]
    else:
        index = faiss.IndexIVFFlat(quantizer, columns, n_lists)
        codes = np.ascontiguousarray(bank).view(np.uint8)
    index.is_trained = True
    order = np.argsort(arrays["lists"], kind="stable").astype(np.int64)
    starts = np.flatnonzero(np.diff(arrays["lists"][order], prepend=-1))
    for rows in np.split(order, starts[1:]) if len(order) else []:
        part = np.ascontiguousarray(codes[rows])
        number = int(arrays["lists"][rows[0]])
        index.invlists.add_entries(number, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(part))
    index.ntotal, index.nprobe = len(bank), int(arrays["probes"][0])
    return index


def _check(arrays: Mapping[str, np.ndarray], bank: np.ndarray) -> None:
    """Refuse what would make faiss, which checks nothing, read beyond its memory."""
    coded = set(arrays) == {*NAMES, "codes", "codebook"}
    if not coded and set(arrays) != set(NAMES):
        raise ValueError(f"expected the arrays of an inverted file, got {list(arrays)}")
    centroids, lists, probes = (arrays[name] for name in NAMES)
    rows, columns = bank.shape
    expected: dict[str, tuple[tuple[int, ...], str]] = {
        "centroids": ((*centroids.shape[:1], columns), "<f4"),
        "lists": ((rows,), "<i4"),
        "probes": ((1,), "<i4"),
    }
    if coded:
        parts = arrays["codes"].shape[-1] if arrays["codes"].ndim else 0
        if not parts or columns % parts:
            raise ValueError(
                f"expected codes of some parts of {columns} columns, got shape {arrays['codes'].shape}"
            )
        expected["codes"] = (rows, parts), "|u1"
        expected["codebook"] = (parts, 256, columns // parts), "<f4"
    for name, (shape, dtype) in expected.items():
        if arrays[name].shape != shape or arrays[name].dtype != np.dtype(dtype):
            raise ValueError(
                f"expected {name} of shape {shape}, got {arrays[name].shape} of {arrays[name].dtype}"
            )
    if bank.dtype != np.float32 or not (len(centroids) and np.isfinite(centroids).all()):
        raise ValueError("expected float32 rows and at least one finite centroid")
    if lists.size and not 0 <= lists.min() <= lists.max() < len(centroids):
        raise ValueError(
            f"expected lists from 0 to {len(centroids) - 1}, got {lists.min()} to {lists.max()}"
        )
    if not 1 <= probes[0] <= len(centroids) or (
        coded and not np.isfinite(arrays["codebook"]).all()
    ):
        raise ValueError(
            "expected probes from 1 to the number of lists and a finite codebook, got others"
        )
