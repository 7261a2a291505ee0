"""A stand-in for ShanghaiTech Campus: its folders, file names and kinds of files, with a square
that walks.
"""

from pathlib import Path

import av
import numpy as np
from PIL import Image

SIZE = (48, 64)  # rows and columns; the real ones are 480 x 856
SIDE = 8  # of what walks, and of what should not be there, pixels


def draw(
    root,
    *,
    scenes=("01", "02"),
    videos=2,
    frames=12,
    tests=1,
    test_frames=15,
    size=SIZE,
    extracted=False,
):
    """Draw a tree and return its folder.

    Parameters
    ----------
    root: a folder, which is made.
    scenes: of training and test; another one, 13, has training videos alone.
    videos, frames: of each scene, for training, and in each of them.
    tests, test_frames: the same for testing; the last third of a test video is anomalous.
    size: rows and columns.
    extracted: write the training frames as images and no videos.
    """
    root = Path(root)
    for scene in (*scenes, "13"):
        for number in range(1, videos + 1):
            name = f"{scene}_{number:03}"
            shown = [frame(scene, number, step, size)[0] for step in range(frames)]
            if extracted:
                write_frames(root / "training" / "frames" / name, shown)
            else:
                write_video(root / "training" / "videos" / f"{name}.avi", shown)
    for scene in scenes:
        for number in range(tests):
            _draw_test(root / "testing", f"{scene}_{14 + number:04}", scene, test_frames, size)
    return root


def frame(scene, number, step, size, *, odd=False):
    """Return a (rows, columns, 3) uint8 frame, and the (rows, columns) bool mask of what is odd in
    it.
    """
    rng = np.random.default_rng([int(scene), number, step])
    pixels = np.full((*size, 3), 40 + 12 * (int(scene) % 12), np.uint8) + rng.integers(
        0, 12, (*size, 3), np.uint8
    )
    pixels[10 : 10 + SIDE, step % (size[1] - SIDE) :][:, :SIDE] = 190
    mask = np.zeros(size, bool)
    if odd:
        mask[30 : 30 + SIDE, (3 * step) % (size[1] - SIDE) :][:, :SIDE] = True
        pixels[mask] = (255, 30, 30)
    return pixels, mask


def _draw_test(place, name, scene, count, size):
    odd = np.arange(count) >= count - count // 3
    drawn = [frame(scene, 900, step, size, odd=bool(odd[step])) for step in range(count)]
    write_frames(place / "frames" / name, [pixels for pixels, _ in drawn])
    for folder, values in (
        ("test_frame_mask", odd.astype(np.int8)),
        ("test_pixel_mask", np.array([mask for _, mask in drawn], np.uint8)),
    ):
        (place / folder).mkdir(exist_ok=True)
        np.save(place / folder / f"{name}.npy", values)


def write_frames(folder, frames):
    """Write images as the published test frames are named: 000.jpg, 001.jpg, ..., 1000.jpg."""
    folder.mkdir(parents=True)
    for number, pixels in enumerate(frames):
        Image.fromarray(pixels).save(folder / f"{number:03}.jpg", quality=95)


def write_video(file, frames):
    """Write an AVI file of MPEG-4 pictures, as the published videos are."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=24)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
