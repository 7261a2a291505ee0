"""Reader for ShanghaiTech Campus (STC): videos for training, frames with masks for testing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from adviz._support import progress_bar, progress_behind
from adviz.data.category import Category
from adviz.data.folder_tree import SEE_README, checked_folder
from adviz.data.geometry import Geometry
from adviz.data.images import image_files_in
from adviz.data.mask_arrays import ArrayMask, open_array
from adviz.data.paths import children, expanded, folders_in
from adviz.data.readers.videos import cache_folder, frames
from adviz.data.split import ANOMALOUS, Split

# Of the test frames in SPADE and PatchCore, of the training frames in the subsampled variant (mSTC)
EVERY = 5
VIDEOS = (".avi", ".mp4")
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
    folder; see `adviz.data.readers.videos`.

    Parameters
    ----------
    root: the folder that holds ``training`` and ``testing``.
    scene: "01" to "12"; None = all videos together.
    every: of every test video the 1st, the (every + 1)th, ... frame is tested (5 in SPADE and
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
        expected = "every and train_every must be at least 1 frame"
        raise ValueError(f"{expected}, got {every} and {train_every}")
    test = labelled_test_frames(
        root, scene, every=every, geometry=geometry
    )  # first: decoding takes long
    clips = training_clips(root, scene)
    images: list[Path] = []
    steps = progress_bar(clips, label="videos")
    with progress_behind(steps):
        for clip in steps:
            if clip.is_dir():
                images += _numbered(clip)[::train_every]
            else:
                images += frames(clip, train_every, cache)
    base = expanded(root)
    if not clips[0].is_dir():
        base = cache_folder(cache) / f"every{train_every}"
    train = _split(images, np.zeros(len(images)), [None] * len(images), scene, geometry, base)
    return Category(train.name, train, test)


def training_clips(root: str | Path, scene: str | None = None) -> list[Path]:
    """Return the training videos of a scene, or the folders of their frames if these are extracted.

    Raises
    ------
    FileNotFoundError, ValueError: as for `shanghaitech`.
    """
    root = expanded(root)
    videos = _videos(root, scene)
    folders = _frame_folders(root, "training", scene)
    missing = sorted(set(videos) - set(folders))
    if folders and missing:
        raise ValueError(
            f"expected the frames of every training video in {root / 'training' / 'frames'}, got "
            f"none of {len(missing)} of them, first {missing[0]}: extract these too, or remove the "
            "folder, and the videos are decoded"
        )
    return _clips(folders or videos, root, scene, "training videos")


def labelled_test_frames(
    root: str | Path,
    scene: str | None = None,
    *,
    every: int = EVERY,
    geometry: Geometry | None = None,
) -> Split:
    """Return the test frames of a scene with labels and masks, decoding nothing.

    See `shanghaitech`.
    """
    root = expanded(root)
    folders = _frame_folders(root, "testing", scene)
    frame_masks = root / "testing" / "test_frame_mask"
    pixel_masks = root / "testing" / "test_pixel_mask"
    paths: list[Path] = []
    labels: list[int] = []
    masks: list[ArrayMask | None] = []
    # labels and masks are of all frames, of which every so many are tested
    for clip in _clips(folders, root, scene, "test frames"):
        files = _numbered(clip)
        is_anomalous = _frame_mask(frame_masks / f"{clip.name}.npy", len(files))
        pixel_mask = _pixel_mask(pixel_masks / f"{clip.name}.npy", len(files))
        for index in range(0, len(files), every):
            paths.append(files[index])
            labels.append(int(is_anomalous[index]))
            if pixel_mask is not None and is_anomalous[index]:
                masks.append(ArrayMask(pixel_mask, index))
            else:
                masks.append(None)
    return _split(paths, labels, masks, scene, geometry, root)


def _split(
    paths: Sequence[Path],
    labels: Sequence[int] | np.ndarray,
    masks: Sequence[ArrayMask | None],
    scene: str | None,
    geometry: Geometry | None,
    root: Path,
) -> Split:
    return Split(
        paths,
        labels,
        masks,
        ["anomalous" if label == ANOMALOUS else "good" for label in labels],
        geometry=geometry or Geometry(256, crop=False),
        name=NAME if scene is None else f"{NAME}: {scene}",
        root=root,
    )


def _frame_mask(file: Path, count: int) -> np.ndarray:
    """Return which of a video's frames are anomalous, (count,) 0 or 1."""
    labels = open_array(file, 1)
    if len(labels) != count:
        raise ValueError(
            f"expected a label in {file} for each of {count} frames, got {len(labels)}: get both "
            "again, or extract the frames again"
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"expected labels 0 and 1 in {file}, got {np.unique(labels)[:5]}")
    return np.asarray(labels)


def _pixel_mask(file: Path, count: int) -> Path | None:
    """Return the file of a video's pixel masks, checked by its header; None where there is none."""
    if not file.is_file():
        return None
    n_masks = len(open_array(file, 3))
    if n_masks != count:
        raise ValueError(
            f"expected a mask in {file} for each of {count} frames, got {n_masks}: get both again"
        )
    return file


def _videos(root: Path, scene: str | None) -> dict[str, Path]:
    """Return the training videos of a scene by name."""
    files = children(root / "training" / "videos")
    return _of_scene([file for file in files if file.suffix.lower() in VIDEOS], scene)


def _frame_folders(root: Path, part: str, scene: str | None) -> dict[str, Path]:
    """Return the folders of frames of a scene's training or test videos by name."""
    return _of_scene(folders_in(root / part / "frames"), scene)


def _of_scene(paths: Iterable[Path], scene: str | None) -> dict[str, Path]:
    """Return the videos, or folders of frames, of a scene by name; of all scenes for None."""
    return {path.stem: path for path in paths if scene is None or _scene(path.stem) == scene}


def _scene(clip: str) -> str:
    """Return the scene of a video: "01" of "01_001"."""
    return clip.partition("_")[0]


def _clips(clips: dict[str, Path], root: Path, scene: str | None, expected: str) -> list[Path]:
    """Return clips in the order of their names; the error of none lists the complete scenes."""
    checked_folder(root, "ShanghaiTech Campus")
    if clips:
        return list(clips.values())
    if scene is not None:
        complete = ", ".join(scenes(root)) or "none"
        expected += f" of scene {scene!r} (those with both: {complete})"
    raise FileNotFoundError(f"expected {expected} in {root}, found none: {SEE_README}")


def scenes(root: str | Path) -> list[str]:
    """Return the scenes that have training and test videos.

    The published set has training videos alone of one scene.
    """
    base = expanded(root)
    training = {*_videos(base, None), *_frame_folders(base, "training", None)}
    testing = _frame_folders(base, "testing", None)
    return sorted({_scene(clip) for clip in training} & {_scene(clip) for clip in testing})


def _numbered(folder: Path) -> list[Path]:
    """Return a folder's images in the order of their numbers, with or without leading zeros."""
    files = image_files_in(folder)
    if not files:
        raise ValueError(
            f"expected frames in {folder}, found none: extract them again, or remove the folder"
        )
    return sorted(files, key=lambda file: (len(file.stem), file.stem))
