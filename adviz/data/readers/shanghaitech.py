"""Reader for ShanghaiTech Campus (STC): videos of a campus for training, frames with masks for testing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from adviz._support import bar, behind
from adviz.data.category import Category
from adviz.data.geometry import Geometry
from adviz.data.images import images_of
from adviz.data.mask_arrays import ArrayMask, open_array
from adviz.data.paths import children, expanded, folders_in
from adviz.data.readers.videos import cache_folder, frames
from adviz.data.split import ANOMALOUS, Split

# Of the test frames in SPADE and PatchCore, of the training frames in the subsampled variant (mSTC)
EVERY = 5
VIDEOS = (".avi", ".mp4")
HELP = "see data/README.md for the layout"
NAME = "shanghaitech"


def shanghaitech(
    root: str | Path,
    scene: str | None = None,
    *,
    every: int = EVERY,
    train_every: int | None = None,
    geometry: Geometry | None = None,
    cache: str | Path | None = None,
) -> Category:
    """Read a scene of ShanghaiTech Campus, or all of them, with every so many frames of each video.

    Expected are ``training/videos/01_001.avi`` (scene and number) or the frames of all of these,
    ``training/frames/01_001/000.jpg``; for testing ``testing/frames/01_0014/000.jpg``,
    ``testing/test_frame_mask/01_0014.npy`` (T,), which decides whether a frame is anomalous, and
    ``testing/test_pixel_mask/01_0014.npy`` (T, H, W), read a frame at a time and for anomalous
    frames only. Videos are decoded once, with PyAV (the extra `video`), as JPEG files in the cache
    folder; see `adviz.data.videos`.

    Parameters
    ----------
    root: the folder that holds ``training`` and ``testing``.
    scene: "01" to "12"; None = all videos together.
    every: of every test video the 1st, the (every + 1)th, ... frame is judged (5 in SPADE and
        PatchCore).
    train_every: the same of the training videos; None = `every`, the subsampled variant mSTC.
        SPADE's "roughly 5000 images" of the whole set are 55.
    geometry: how frames become squares; None = ``Geometry(256, crop=False)``, as in SPADE and
        PatchCore.
    cache: where decoded frames are kept; None = ``$ADVIZ_CACHE``, or the user's cache folder.

    Raises
    ------
    FileNotFoundError: a folder is not there, the scene has no training or no test video (those that
        have both are listed), or a test video has no frame mask.
    ValueError: a number of frames below 1; a video that cannot be decoded; frame or pixel masks of
        another number than there are frames, or that are truncated, no numbers, or Python objects;
        or frames of some videos only. Where pixel masks are missing frames are read all the same;
        only pixel metrics refuse them.
    ModuleNotFoundError: there are only videos and PyAV is not installed.

    Examples
    --------
    >>> scene = data.shanghaitech("data/stc", "01", every=5)
    >>> scene.test.image_size
    (256, 256)
    """
    train_every = every if train_every is None else train_every
    if every < 1 or train_every < 1:
        raise ValueError(
            f"every and train_every must be at least 1 frame, got {every} and {train_every}"
        )
    test = judged_frames(root, scene, every=every, geometry=geometry)  # first: decoding takes long
    clips = training_clips(root, scene)
    images: list[Path] = []
    steps = bar(clips, label="videos")
    with behind(steps):
        for clip in steps:
            images += (
                _numbered(clip)[::train_every]
                if clip.is_dir()
                else frames(clip, train_every, cache)
            )
    base = expanded(root) if clips[0].is_dir() else cache_folder(cache) / f"every{train_every}"
    train = _split(images, np.zeros(len(images)), [None] * len(images), scene, geometry, base)
    return Category(train.name, train, test)


def training_clips(root: str | Path, scene: str | None = None) -> list[Path]:
    """Return the training videos of a scene, or the folders of their frames where these are extracted; see above.

    Raises
    ------
    FileNotFoundError, ValueError: as for `shanghaitech`.
    """
    root = expanded(root)
    place = root / "training"
    videos = _clips(place / "videos", scene, folders=False)
    folders = _clips(place / "frames", scene, folders=True)
    missing = sorted(set(videos) - set(folders))
    if folders and missing:
        raise ValueError(
            f"expected the frames of every training video in {place / 'frames'}, got none of {len(missing)} of them, "
            f"first {missing[0]}: extract these too, or remove the folder, and the videos are decoded"
        )
    return _there(folders or videos, root, scene, "training videos")


def judged_frames(
    root: str | Path,
    scene: str | None = None,
    *,
    every: int = EVERY,
    geometry: Geometry | None = None,
) -> Split:
    """Return the test frames of a scene with their labels and masks; nothing is decoded. See `shanghaitech`."""
    root = expanded(root)
    place = root / "testing"
    clips = _clips(place / "frames", scene, folders=True)
    paths: list[Path] = []
    labels: list[int] = []
    masks: list[ArrayMask | None] = []
    for clip in _there(clips, root, scene, "test frames"):
        files = _numbered(clip)
        marked = _frame_mask(place / "test_frame_mask" / f"{clip.name}.npy", len(files))
        shapes = _pixel_mask(place / "test_pixel_mask" / f"{clip.name}.npy", len(files))
        for index in range(0, len(files), every):
            paths.append(files[index])
            labels.append(int(marked[index]))
            masks.append(ArrayMask(shapes, index) if shapes is not None and marked[index] else None)
    return _split(paths, labels, masks, scene, geometry, root)


def _split(
    paths: Sequence[Path],
    labels: Sequence[int] | np.ndarray,
    masks: Sequence[ArrayMask | None],
    scene: str | None,
    geometry: Geometry | None,
    root: Path,
) -> Split:
    name = NAME if scene is None else f"{NAME}: {scene}"
    kinds = ["anomalous" if label == ANOMALOUS else "good" for label in labels]
    return Split(
        paths,
        labels,
        masks,
        kinds,
        geometry=geometry or Geometry(256, crop=False),
        name=name,
        root=root,
    )


def _frame_mask(file: Path, count: int) -> np.ndarray:
    """Return which of a video's frames are anomalous, (count,) 0 or 1."""
    found = open_array(file, 1)
    if len(found) != count:
        raise ValueError(
            f"expected a label in {file} for each of {count} frames, got {len(found)}: get both again, or extract the "
            "frames again"
        )
    if not np.isin(found, (0, 1)).all():
        raise ValueError(f"expected labels 0 and 1 in {file}, got {np.unique(found)[:5]}")
    return np.asarray(found)


def _pixel_mask(file: Path, count: int) -> Path | None:
    """Return the file of a video's pixel masks, checked by its header; None where there is none."""
    if not file.is_file():
        return None
    if len(found := open_array(file, 3)) != count:
        raise ValueError(
            f"expected a mask in {file} for each of {count} frames, got {len(found)}: get both again"
        )
    return file


def _clips(place: Path, scene: str | None, *, folders: bool) -> dict[str, Path]:
    """Return the videos, or folders of frames, of a scene by their name: "01_001" is of scene "01"."""
    fitting = (
        folders_in(place)
        if folders
        else [one for one in children(place) if one.suffix.lower() in VIDEOS]
    )
    return {
        one.stem: one for one in fitting if scene is None or one.stem.partition("_")[0] == scene
    }


def _there(clips: dict[str, Path], root: Path, scene: str | None, what: str) -> list[Path]:
    """Return clips in the order of their names, refusing an empty list with what there is instead."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"expected the folder of ShanghaiTech Campus, found none at {root}: {HELP}"
        )
    if not clips:
        of = (
            ""
            if scene is None
            else f" of scene {scene!r} (those with both: {', '.join(scenes(root)) or 'none'})"
        )
        raise FileNotFoundError(f"expected {what}{of} in {root}, found none: {HELP}")
    return list(clips.values())


def scenes(root: str | Path) -> list[str]:
    """Return the scenes that have training and test videos; the published set has training videos alone of one."""
    base = expanded(root)
    places = base / "training" / "videos", base / "training" / "frames", base / "testing" / "frames"
    videos, extracted, tested = (
        _scenes(_clips(place, None, folders=index > 0)) for index, place in enumerate(places)
    )
    return sorted((videos | extracted) & tested)


def _scenes(clips: Iterable[str]) -> set[str]:
    return {name.partition("_")[0] for name in clips}


def _numbered(folder: Path) -> list[Path]:
    """Return a folder's images in the order of their numbers, also where these have no leading zeros."""
    files = images_of(folder)
    if not files:
        raise ValueError(
            f"expected frames in {folder}, found none: extract them again, or remove the folder"
        )
    return sorted(files, key=lambda file: (len(file.stem), file.stem))
