"""faiss' inverted files as plain arrays and back, bit for bit.

faiss' own files are not used: the code that reads them trusts what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

IVF_NAMES = {"centroids", "lists", "probes"}
IVFPQ_NAMES = IVF_NAMES | {"codes", "codebook"}
CODEWORDS = 256  # of a product quantiser with codes of 8 bits


def index_to_arrays(index: Any) -> dict[str, np.ndarray]:
    """Return the arrays that an inverted file of `adviz.core.neighbors` is made of.

    Parameters
    ----------
    index: of `ivf` or `ivfpq`, over M rows of C columns.

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

    list_of_row = np.empty(index.ntotal, np.int32)
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
        list_of_row[rows] = number
        list_codes = faiss.rev_swig_ptr(index.invlists.get_codes(number), size * index.code_size)
        codes[rows] = list_codes.reshape(size, -1)
    arrays = {
        "centroids": index.quantizer.reconstruct_n(0, index.nlist),
        "lists": list_of_row,
        "probes": np.array([index.nprobe], np.int32),
    }
    quantizer = getattr(index, "pq", None)
    if quantizer is None:  # the codes are the rows themselves
        return arrays
    codebook = faiss.vector_to_array(quantizer.centroids)
    codebook = codebook.reshape(quantizer.M, quantizer.ksub, quantizer.dsub)
    return {**arrays, "codes": codes, "codebook": codebook}


def index_from_arrays(arrays: Mapping[str, np.ndarray], bank: np.ndarray) -> Any:
    """Return the inverted file that the arrays of `index_to_arrays` came from.

    Its answers are the same, bit for bit.

    Parameters
    ----------
    arrays: as `index_to_arrays` returns them.
    bank: (M, C) float32, the rows of the index.

    Raises
    ------
    ValueError: arrays that are not those of an index over these rows.
    ModuleNotFoundError: faiss is not installed.
    """
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "an approximate index needs faiss: install adviz-anomaly[cpu] or adviz-anomaly[gpu]"
        ) from error
    _check(arrays, bank)
    centroids = np.ascontiguousarray(arrays["centroids"])
    n_lists, columns = centroids.shape
    coarse_quantizer = faiss.IndexFlatL2(columns)
    coarse_quantizer.add(centroids)
    index: Any
    if "codebook" in arrays:
        codebook = np.ascontiguousarray(arrays["codebook"])
        index = faiss.IndexIVFPQ(coarse_quantizer, columns, n_lists, len(codebook), 8)
        faiss.copy_array_to_vector(codebook.reshape(-1), index.pq.centroids)
        index.use_precomputed_table = -1  # as in adviz.core.neighbors.ivfpq
        codes = arrays["codes"]
    else:
        index = faiss.IndexIVFFlat(coarse_quantizer, columns, n_lists)
        codes = np.ascontiguousarray(bank).view(np.uint8)
    index.is_trained = True
    list_of_row = arrays["lists"]
    # Rows in the order of the lists, and in each list ascending, as faiss adds them
    order = np.argsort(list_of_row, kind="stable").astype(np.int64)
    starts = np.flatnonzero(np.diff(list_of_row[order], prepend=-1))
    for rows in np.split(order, starts[1:]) if len(order) else []:
        list_codes = np.ascontiguousarray(codes[rows])
        number = int(list_of_row[rows[0]])
        index.invlists.add_entries(
            number, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(list_codes)
        )
    index.ntotal = len(bank)
    index.nprobe = int(arrays["probes"][0])
    return index


def _check(arrays: Mapping[str, np.ndarray], bank: np.ndarray) -> None:
    """Refuse what would make faiss, which checks nothing, read beyond its memory."""
    if set(arrays) not in (IVF_NAMES, IVFPQ_NAMES):
        raise ValueError(f"expected the arrays of an inverted file, got {list(arrays)}")
    for name, (shape, dtype) in _expected(arrays, bank).items():
        if arrays[name].shape != shape or arrays[name].dtype != np.dtype(dtype):
            raise ValueError(
                f"expected {name} of shape {shape}, "
                f"got {arrays[name].shape} of {arrays[name].dtype}"
            )
    centroids = arrays["centroids"]
    lists = arrays["lists"]
    if bank.dtype != np.float32 or not (len(centroids) and np.isfinite(centroids).all()):
        raise ValueError("expected float32 rows and at least one finite centroid")
    if lists.size and not 0 <= lists.min() <= lists.max() < len(centroids):
        raise ValueError(
            f"expected lists from 0 to {len(centroids) - 1}, got {lists.min()} to {lists.max()}"
        )
    finite = "codebook" not in arrays or np.isfinite(arrays["codebook"]).all()
    if not 1 <= arrays["probes"][0] <= len(centroids) or not finite:
        raise ValueError(
            "expected probes from 1 to the number of lists and a finite codebook, got others"
        )


def _expected(
    arrays: Mapping[str, np.ndarray], bank: np.ndarray
) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return the shape and the type that each array must have."""
    rows, columns = bank.shape
    expected: dict[str, tuple[tuple[int, ...], str]] = {
        "centroids": ((*arrays["centroids"].shape[:1], columns), "<f4"),
        "lists": ((rows,), "<i4"),
        "probes": ((1,), "<i4"),
    }
    if "codes" in arrays:
        n_parts = arrays["codes"].shape[-1] if arrays["codes"].ndim else 0
        if not n_parts or columns % n_parts:
            raise ValueError(
                f"expected codes of some parts of {columns} columns, "
                f"got shape {arrays['codes'].shape}"
            )
        expected["codes"] = ((rows, n_parts), "|u1")
        expected["codebook"] = ((n_parts, CODEWORDS, columns // n_parts), "<f4")
    return expected
