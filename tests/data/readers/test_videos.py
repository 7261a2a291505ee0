"""Decoding: once and atomically, whatever is killed, damaged, or asked for at once."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest

import standin_campus
from adviz.data.readers import videos
from adviz.data.readers.videos import frames


@pytest.fixture
def video(tmp_path):
    file = tmp_path / "videos" / "01_001.avi"
    standin_campus.write_video(
        file, [standin_campus.frame("01", 1, step, (48, 64))[0] for step in range(12)]
    )
    return file


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def left(cache):
    """Return the names in the cache folder, without the locks, which are empty."""
    return sorted(path.name for path in cache.rglob("*") if path.suffix != ".lock")


def test_files_are_numbered_as_the_frames(video, cache):
    assert [file.name for file in frames(video, 5, cache)] == [
        "000000.jpg",
        "000005.jpg",
        "000010.jpg",
    ]
    assert [file.name for file in frames(video, 1, cache)] == [
        f"{number:06}.jpg" for number in range(12)
    ]


def test_a_video_is_decoded_once(video, cache, monkeypatch):
    first = frames(video, 5, cache)
    times = [file.stat().st_mtime_ns for file in first]
    monkeypatch.setattr(videos, "_decode", lambda *_: pytest.fail("decodes"))
    assert frames(video, 5, cache) == first
    assert [file.stat().st_mtime_ns for file in first] == times


def test_another_video_of_the_same_name_and_time_is_decoded(video, cache):
    before, status = frames(video, 5, cache), video.stat()
    standin_campus.write_video(
        video, [np.full((48, 64, 3), 7 * step, np.uint8) for step in range(12)]
    )
    os.utime(video, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = frames(video, 5, cache)
    assert not set(before) & set(after)
    assert before[0].read_bytes() != after[0].read_bytes()


def test_files_that_vanished_from_the_cache_come_back(video, cache):
    found = frames(video, 5, cache)
    whole = [file.read_bytes() for file in found]
    found[1].unlink()
    assert frames(video, 5, cache) == found
    assert [file.read_bytes() for file in found] == whole


def test_a_file_that_is_no_video(video, cache):
    video.write_bytes(b"no video at all" * 100)
    with pytest.raises(
        ValueError, match=r"a video that can be decoded, got .*01_001.avi .*: get it again, or"
    ):
        frames(video, 5, cache)
    assert left(cache) == ["every5", "frames-v1"]


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        ("header", r"a video that can be decoded, got .*01_001\.avi"),
        ("pictures", r"expected the 12 frames that .* got \d"),
    ],
)
def test_a_video_that_is_cut_off(video, cache, cut, message):
    """Behind the header FFmpeg decodes what is there and says nothing."""
    with av.open(str(video)) as container:
        starts = [packet.pos for packet in container.demux(video=0) if packet.size]
    video.write_bytes(video.read_bytes()[: starts[0] // 2 if cut == "header" else starts[6]])
    with pytest.raises(ValueError, match=message):
        frames(video, 5, cache)
    assert left(cache) == ["every5", "frames-v1"]


def test_sound_alone(tmp_path, cache):
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        stream.layout = "mono"
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), format="s16", layout="mono"
        )
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(ValueError, match=r"expected a video that can be decoded, got .*a\.avi"):
        frames(tmp_path / "a.avi", 5, cache)


def test_a_video_that_is_not_there(tmp_path, cache):
    with pytest.raises(FileNotFoundError, match=r"expected a video, found nothing at .*b\.avi"):
        frames(tmp_path / "b.avi", 5, cache)


def test_a_cache_that_cannot_be_written(video, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(
        OSError,
        match=r"the cache folder .* cannot be written .* set ADVIZ_CACHE to a folder that can",
    ):
        frames(video, 5, tmp_path / "file")


def test_a_full_disk_leaves_nothing(video, cache, monkeypatch):
    def write(frame, file, write=videos._write):
        if file.stem == "000010":
            raise OSError(28, "No space left on device")
        write(frame, file)

    with monkeypatch.context() as patch:
        patch.setattr(videos, "_write", write)
        with pytest.raises(OSError, match=r"No space left on device.*; free some space"):
            frames(video, 5, cache)
    assert left(cache) == ["every5", "frames-v1"]
    assert len(frames(video, 5, cache)) == 3


KILLED = """
import sys, time
from pathlib import Path
from adviz.data.readers import videos
write = videos._write
def slow(frame, file):
    write(frame, file)
    time.sleep(0.02 if file.stem < "000005" else 60)
videos._write = slow
videos.frames(Path(sys.argv[1]), 1, sys.argv[2])
"""


def test_what_a_killed_process_leaves_is_never_read_and_goes(video, cache):
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(video), str(cache)])
    while len(list(cache.rglob("*.jpg"))) < 6:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert any(name.endswith(".part") for name in left(cache))
    found = frames(video, 1, cache)
    assert [file.name for file in found] == [f"{number:06}.jpg" for number in range(12)]
    assert left(cache) == sorted(
        ["every1", "frames-v1", found[0].parent.name, *(file.name for file in found)]
    )


def test_those_who_ask_at_once_wait_for_the_first(video, cache, monkeypatch):
    decoded, decode = [], videos._decode

    def counted(*arguments):
        decoded.append(arguments)
        time.sleep(0.1)
        return decode(*arguments)

    monkeypatch.setattr(videos, "_decode", counted)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: frames(video, 5, cache), range(4)))
    assert len(decoded) == 1
    assert all(result == results[0] for result in results)


def test_the_cache_is_where_the_environment_says(video, tmp_path, monkeypatch):
    monkeypatch.setenv("ADVIZ_CACHE", str(tmp_path / "mine"))
    assert Path(tmp_path / "mine") in frames(video, 5)[0].parents
