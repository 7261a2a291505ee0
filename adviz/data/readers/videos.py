"""Decoding of videos: every so many frames as image files, once, in a folder of the cache."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

VERSION = 1  # bumped whenever the same video gives other files; part of the cache folder's name
QUALITY = 95  # of the JPEG files, about what the published test frames have
REMEDY = "get it again, or extract its frames in another way (see data/README.md)"
# Of the frames that a file announces: a decoder may drop a few that repeat the one before
MISSING = 0.02


def cache_folder(cache: str | Path | None = None) -> Path:
    """Return where decoded frames are kept, below `cache`.

    None is ``$ADVIZ_CACHE``, or the user's cache folder.
    """
    chosen = cache or os.environ.get("ADVIZ_CACHE")
    if not chosen:
        from platformdirs import user_cache_dir

        chosen = user_cache_dir("adviz")
    return Path(chosen).expanduser() / f"frames-v{VERSION}"


def frames(video: Path, every: int = 1, cache: str | Path | None = None) -> list[Path]:
    """Return the image files of every so many frames of a video, decoding it the first time.

    The files lie in a folder that is named after the video's *contents*, so that another video of
    the same name has another. It appears when it is complete; what a killed process leaves is
    removed when the video is asked for again, and two processes that ask at once wait for each
    other.

    Parameters
    ----------
    video: any file that FFmpeg reads.
    every: the 1st, the (every + 1)th, ... frame is kept.
    cache: see `cache_folder`.

    Returns
    -------
    files: ``<frame>.jpg``, numbered from 0 as in the video, in order.

    Raises
    ------
    FileNotFoundError: there is no such video.
    ValueError: it cannot be decoded, or not all of it.
    ModuleNotFoundError: PyAV is not installed (the extra `video`).
    OSError: the cache folder cannot be written to.
    """
    name = f"{video.stem}-{_digest(video)}"
    folder = cache_folder(cache) / f"every{every}"
    files = _complete(folder, name)
    if files is not None:
        return files
    _check_library()
    try:
        return _decode_once(video, every, folder, name)
    except OSError as error:
        raise type(error)(
            f"the cache folder {folder} cannot be written ({error}); free some space, or set "
            "ADVIZ_CACHE to a folder that can"
        ) from error


def _decode_once(video: Path, every: int, folder: Path, name: str) -> list[Path]:
    """Decode a video while no other process does, into a folder that appears when complete."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{name}.lock"):
        files = _complete(folder, name)  # another process may have been first
        if files is not None:
            return files
        part = folder / f".{name}.part"
        for old in (part, *folder.glob(f"{name}-*")):  # of a killed process, or incomplete
            shutil.rmtree(old, ignore_errors=True)
        part.mkdir()
        try:
            count = _decode(video, every, part)
            part.rename(folder / f"{name}-{count}")
        finally:
            shutil.rmtree(part, ignore_errors=True)
        return _files(folder / f"{name}-{count}")


def _complete(folder: Path, name: str) -> list[Path] | None:
    """Return the files of a decoded video, whose folder's name ends in their number; else None."""
    for decoded in sorted(folder.glob(f"{name}-*")):
        files = _files(decoded)
        if str(len(files)) == decoded.name.rpartition("-")[2]:
            return files
    return None


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jpg"))


def _digest(video: Path) -> str:
    try:
        with video.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=10)).hexdigest()
    except FileNotFoundError:
        raise FileNotFoundError(f"expected a video, found nothing at {video}") from None


def _check_library() -> None:
    if not all(importlib.util.find_spec(name) for name in ("av", "filelock")):
        raise ModuleNotFoundError(
            "decoding videos needs PyAV: install adviz-anomaly[video], or extract the frames "
            "yourself (see data/README.md)"
        )


def _decode(video: Path, every: int, folder: Path) -> int:
    """Write every so many frames as JPEG files, and return how many."""
    import av

    n_frames = 0
    n_written = 0
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            announced = stream.frames
            for frame in container.decode(stream):
                # frames in between are decoded as well: others are stored as differences to them
                if n_frames % every == 0:
                    _write(frame, folder / f"{n_frames:06}.jpg")
                    n_written += 1
                n_frames += 1
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(
            f"expected a video that can be decoded, got {video} ({error}): {REMEDY}"
        ) from error
    # a truncated file may end without an error
    if n_frames == 0 or n_frames < (1 - MISSING) * announced:
        raise ValueError(
            f"expected the {announced} frames that {video} announces, got {n_frames}: {REMEDY}"
        )
    return n_written


def _write(frame: Any, file: Path) -> None:
    frame.to_image().save(file, quality=QUALITY)
