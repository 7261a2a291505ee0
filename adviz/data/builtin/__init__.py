"""The built-in data set: six categories in MVTec AD's layout, drawn from a seed."""

import os
import shutil
import tempfile
from pathlib import Path

from adviz._support import got

CATEGORIES: tuple[str, ...] = ("brick", "hex_nut", "transistor", "capsule", "mesh", "bottle")
VERSION: int = 4  # bumped whenever a pixel changes; part of the cache folder's name
N_TRAIN = 64


def render(category: str, folder: Path, *, seed: int = 0, n_train: int | None = None) -> None:
    """Draw a category in MVTec AD's layout: 256x256 RGB images, masks with 255 for a defect.

    Parameters
    ----------
    category: one of CATEGORIES.
    folder: where to; created, must not exist.
    seed: which of the endless data sets; image i of a subset depends on category, subset, i and the
        seed only.
    n_train: training images, >= 1; 64 if None.

    Raises
    ------
    ValueError: an unknown category, or n_train < 1.
    FileExistsError: `folder` exists.
    """
    count = _checked(category, n_train)
    from adviz.data.builtin.write_tree import write_all

    folder = Path(folder)
    folder.mkdir(parents=True)
    write_all(category, folder, seed, count)


def ensure(
    category: str, *, seed: int = 0, n_train: int | None = None, root: str | Path | None = None
) -> Path:
    """Return the folder of a category in the cache, drawing it on first use.

    Parameters
    ----------
    category: one of CATEGORIES.
    seed, n_train: as in `render`.
    root: cache folder; $ADVIZ_CACHE if None, and the user's cache folder where that is not set.

    Returns
    -------
    folder: ``<root>/demo-v<VERSION>/seed<seed>[-n<n_train>]/<category>``, always complete, also
        where several processes ask at once or one was killed.

    Raises
    ------
    ValueError: an unknown category, or n_train < 1.
    OSError: the cache folder cannot be written.
    """
    _checked(category, n_train)
    cache = _cache_root(root)
    subset = f"seed{seed}" if n_train is None else f"seed{seed}-n{n_train}"
    folder = cache / f"demo-v{VERSION}" / subset / category
    if not folder.is_dir():
        _render_atomically(category, folder, seed, n_train)
    return folder


def _checked(category: str, n_train: int | None) -> int:
    if category not in CATEGORIES:
        raise ValueError(
            f"expected one of the built-in categories {', '.join(CATEGORIES)}, "
            f"{got(category, CATEGORIES)}"
        )
    count = N_TRAIN if n_train is None else n_train
    if count < 1:
        raise ValueError(f"n_train must be at least 1, got {n_train}")
    return count


def _cache_root(root: str | Path | None) -> Path:
    folder = root or os.environ.get("ADVIZ_CACHE")
    if folder:
        return Path(folder).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("adviz"))


def _render_atomically(category: str, folder: Path, seed: int, n_train: int | None) -> None:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{category}-", dir=folder.parent))
    except OSError as error:
        raise type(error)(
            f"the cache folder {folder.parent} cannot be written ({error}); "
            "set the environment variable ADVIZ_CACHE to a folder that can, or pass root="
        ) from error
    try:
        render(category, scratch / category, seed=seed, n_train=n_train)
        _publish(scratch / category, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _publish(rendered: Path, folder: Path) -> None:
    """Move a complete tree to its folder, unless another process was first with the same tree."""
    try:
        rendered.replace(folder)
    except OSError:
        if not folder.is_dir():
            raise
