"""Videos to image files: every so many frames of a video are decoded once, into a folder that appears whole."""

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
LOST = 0.02


def cache_folder(cache: str | Path | None = None) -> Path:
    """Return where decoded frames are kept, below `cache`: None = ``$ADVIZ_CACHE``, or the user's cache folder."""
    chosen = cache or os.environ.get("ADVIZ_CACHE")
    if not chosen:
        from platformdirs import user_cache_dir

        chosen = user_cache_dir("adviz")
    return Path(chosen).expanduser() / f"frames-v{VERSION}"


def frames(video: Path, every: int = 1, cache: str | Path | None = None) -> list[Path]:
    """Return the image files of every so many frames of a video, decoding it unless that was done before.

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
    stem = f"{video.stem}-{_digest(video)}"
    place = cache_folder(cache) / f"every{every}"
    if (found := _complete(place, stem)) is not None:
        return found
    _check_library()
    try:
        return _alone(video, every, place, stem)
    except OSError as error:
        raise type(error)(
            f"the cache folder {place} cannot be written ({error}); free some space, or set ADVIZ_CACHE to a folder "
            "that can"
        ) from error


def _alone(video: Path, every: int, place: Path, stem: str) -> list[Path]:
    """Decode a video while no other process does."""
    from filelock import FileLock

    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / f".{stem}.lock"):
        found = _complete(place, stem)  # another process may have been first
        return _published(video, every, place, stem) if found is None else found


def _published(video: Path, every: int, place: Path, stem: str) -> list[Path]:
    """Decode into a folder of another name, which gets its own with the number of files in it."""
    part = place / f".{stem}.part"
    for old in (part, *place.glob(f"{stem}-*")):  # of a process that was killed, or incomplete
        shutil.rmtree(old, ignore_errors=True)
    part.mkdir()
    try:
        count = _decode(video, every, part)
        part.rename(place / f"{stem}-{count}")
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return _files(place / f"{stem}-{count}")


def _complete(place: Path, stem: str) -> list[Path] | None:
    """Return the files of a folder that holds as many as its name says, if there is one."""
    for folder in sorted(place.glob(f"{stem}-*")):
        files = _files(folder)
        if str(len(files)) == folder.name.rpartition("-")[2]:
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
    if importlib.util.find_spec("av") is None or importlib.util.find_spec("filelock") is None:
        raise ModuleNotFoundError(
            "decoding videos needs PyAV: install adviz[video], or extract the frames yourself (see data/README.md)"
        )


def _decode(video: Path, every: int, folder: Path) -> int:
    """Write every so many frames as JPEG files, and return how many."""
    import av

    seen, kept = 0, 0
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            announced = stream.frames
            for frame in container.decode(stream):
                if seen % every == 0:
                    _write(frame, folder / f"{seen:06}.jpg")
                    kept += 1
                seen += 1
    except (av.FFmpegError, IndexError) as error:
        raise ValueError(
            f"expected a video that can be decoded, got {video} ({error}): {REMEDY}"
        ) from error
    if seen == 0 or seen < (1 - LOST) * announced:
        raise ValueError(
            f"expected the {announced} frames that {video} announces, got {seen}: {REMEDY}"
        )
    return kept


def _write(frame: Any, file: Path) -> None:
    frame.to_image().save(file, quality=QUALITY)
