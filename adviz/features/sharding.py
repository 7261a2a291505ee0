"""Extraction by the workers of a Dask cluster, into one array per layer that all of them write.

The arrays lie in a hidden folder beside `out` until every shard is written; next to them lies a
file for each finished shard, which names what its images were. So a later call goes on where a
stopped one was, and nothing that is incomplete ever has the name `out`.
"""

from __future__ import annotations

import glob
import hashlib
import os
import threading
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adviz._support import (
    Shapes,
    check_new_folder,
    explained_write,
    new_npy_file,
    progress_bar,
    remove,
    write_atomically,
)
from adviz.data import Split
from adviz.features.cache import digests, fingerprint

if TYPE_CHECKING:
    from adviz.features.backbone import Backbone

SHARD = 256  # images, rounded up to full batches
RETRIES = 2  # of a shard that fails; Dask itself gives those of dead workers to others
ARRAYS = "features"
ADVICE = "free some space and call again, which goes on from the shards that are complete"
_turn = threading.Lock()  # a shard uses all threads of its process


def extract_sharded(
    backbone: Backbone,
    split: Split,
    client: Any,
    out: Path,
    batch_size: int,
    configuration: Mapping[str, object],
) -> dict[str, np.ndarray]:
    """Return {layer: (N, C, h, w)}, memory-mapped from ``out/<layer>.npy``.

    Parameters
    ----------
    client: a Dask client, whose workers see the folder of `out` and the images by these paths.
    batch_size: shards are whole batches, so that every batch is that of an extraction in one
        process.
    configuration: all that decides the features of an image.

    Raises
    ------
    FileExistsError: `out` exists.
    TypeError: a backbone that cannot be sent to other processes.
    OSError: no room for the features. What is complete is used by the next call.
    """
    from adviz.features.network_plugin import on_workers  # loads Dask

    check_new_folder(out)
    first = backbone.extract(split[:1], batch_size=1, cache=False)
    shapes = {layer: (len(split), *array.shape[1:]) for layer, array in first.items()}
    key = fingerprint(
        {**configuration, "shapes": shapes, "ids": _digest(split.ids), "batch_size": batch_size}
    )
    # The checksum tells long names apart
    name = f".{out.name[:40]}-{zlib.crc32(os.fsencode(out.name)):08x}"
    folder = out.absolute().with_name(f"{name}-{key[:16]}.shards")
    with on_workers(client, backbone) as network:
        _allocate(folder, shapes, backbone.dtype)
        _extract_all(client, network, split, folder, batch_size)
    (folder / ARRAYS).rename(out)
    # Also those of calls with other options
    for unfinished in folder.parent.glob(f"{glob.escape(name)}-*.shards"):
        remove(unfinished)
    return {layer: np.lib.format.open_memmap(out / f"{layer}.npy", "c") for layer in shapes}


def _allocate(folder: Path, shapes: Shapes, dtype: np.dtype[Any]) -> None:
    """Reserve the space of all arrays, unless an earlier call did; without room nothing stays."""
    arrays = folder / ARRAYS
    if arrays.exists():
        return
    for done in folder.glob("*.done"):  # of arrays that are elsewhere by now
        done.unlink()
    # Under another name until all are reserved
    unfinished = folder / f"{ARRAYS}.part"
    remove(unfinished)
    unfinished.mkdir(parents=True)
    values = sum(int(np.prod(shape)) for shape in shapes.values())
    try:
        with explained_write(values * dtype.itemsize, f"{folder.parent}", ADVICE):
            for layer, shape in shapes.items():
                new_npy_file(unfinished / f"{layer}.npy", shape, dtype)
            unfinished.rename(arrays)
    except BaseException:
        remove(folder)
        raise


def _extract_all(client: Any, network: Any, split: Split, folder: Path, batch_size: int) -> None:
    """Extract the shards on the workers; one that fails three times ends the extraction."""
    from distributed import as_completed

    size = -(-SHARD // batch_size) * batch_size
    tasks = [
        client.submit(
            _extract_on_worker,
            network,
            str(folder),
            start,
            split[start : start + size],
            batch_size,
            retries=RETRIES,
            pure=False,
        )
        for start in range(0, len(split), size)
    ]
    try:
        done = as_completed(tasks)
        for task in progress_bar(done, label="shards of features", total=len(tasks)):
            task.result()
    finally:
        client.cancel(tasks)


def _extract_on_worker(
    network: str, folder: str, start: int, images: Split, batch_size: int
) -> None:
    """Write a shard with the network that this worker has; a Dask task."""
    from adviz.features.network_plugin import network_here

    _extract_shard(network_here(network), folder, start, images, batch_size)


def _extract_shard(
    backbone: Backbone, folder: str, start: int, images: Split, batch_size: int
) -> None:
    """Write the features of images `start`, `start` + 1, ... unless they are."""
    done = Path(folder) / f"{start}.done"
    contents = _contents(images)
    if done.exists() and done.read_bytes() == contents:
        return
    with _turn:
        features = backbone.extract(images, batch_size=batch_size, cache=False)
    # Also of a task that was cancelled but runs on: a later call's rows stay
    if _contents(images) != contents:
        raise OSError(
            f"expected images that stay as they are, got changed ones from {images.ids[0]}"
        )
    done.unlink(missing_ok=True)  # half of these rows may be written when this process dies
    for layer, values in features.items():
        with explained_write(values.nbytes, str(Path(folder).parent), ADVICE):
            _write_rows(Path(folder) / ARRAYS / f"{layer}.npy", start, values)
    write_atomically(done, contents)


def _write_rows(path: Path, start: int, values: np.ndarray) -> None:
    """Write rows into a file of numpy's format.

    Not through a memory map, which writes whole pages: those at a border hold a neighbour's rows,
    and on a network disk two machines would overwrite each other's. A full disk is an error here.
    """
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    row_bytes = values[0].nbytes
    with path.open("r+b", buffering=0) as file:
        file.seek(array.offset + start * row_bytes)
        content = np.ascontiguousarray(values).data.cast("B")
        while content:
            content = content[file.write(content) :]
        os.fsync(file.fileno())


def _contents(images: Split) -> bytes:
    """Return what changes with an image: digests of arrays, or sizes and times of files."""
    if images.pixels is not None:
        return _digest(digests(images.pixels) or ())
    status = [os.stat(path) for path in images.paths]
    return _digest([(each.st_size, each.st_mtime_ns) for each in status])


def _digest(values: Sequence[object]) -> bytes:
    return hashlib.blake2b(repr(list(values)).encode(), digest_size=20).hexdigest().encode()
