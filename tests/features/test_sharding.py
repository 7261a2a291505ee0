"""Extraction on a Dask cluster: the serial features, whatever dies, fills up or is called again."""

import errno
import importlib
import os
import shutil
import signal
import sys
import threading
import time

import numpy as np
import pytest
import torch
from record import record

from adviz import Backbone, PatchCore
from adviz.data import Geometry, Split
from adviz.features import sharding

N_IMAGES = 45  # 5 full shards of 8, and one whose last batch has one image
LAST = 40  # the first image of the last shard
BATCH = 4


@pytest.fixture(scope="module")
def client():
    from distributed import Client, LocalCluster
    from distributed.protocol.pickle import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # which workers cannot import
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
    with LocalCluster(host="127.0.0.1", **options) as local, Client(local) as one:
        yield one


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return files_of(N_IMAGES, tmp_path_factory.mktemp("images"))


def files_of(count, folder):
    """Return a split of `count` files of 40 x 40 noise."""
    from PIL import Image

    rng = np.random.default_rng(0)
    paths = [folder / f"{number}.png" for number in range(count)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(path)
    return Split(paths, [0] * count, [None] * count, [""] * count, geometry=Geometry(32, 40))


@pytest.fixture(scope="module")
def backbone():
    return Backbone("efficientnet_lite0", layers=(8, 16))


@pytest.fixture(scope="module")
def serial(backbone, split):
    return backbone.extract(split, batch_size=BATCH, cache=False)


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(sharding, "SHARD", 7)  # rounded up to two batches


def assert_same(features, expected):
    assert list(features) == list(expected)
    for layer, values in expected.items():
        np.testing.assert_array_equal(features[layer], values)
    assert features.ids == expected.ids
    assert features.strides == expected.strides
    assert features.digest == expected.digest


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_cluster_writes_the_serial_files(backbone, split, serial, client, tmp_path):
    """Files as `extract` writes them without a client, byte for byte, and nothing beside them."""
    features = backbone.extract(split, batch_size=BATCH, client=client, out=tmp_path / "out")
    assert_same(features, serial)
    assert all(isinstance(values, np.memmap) for values in features.values())
    backbone.extract(split, batch_size=BATCH, out=tmp_path / "alone")
    assert names_in(tmp_path) == ["alone", "out"]
    assert names_in(tmp_path / "out") == names_in(tmp_path / "alone")
    for name in names_in(tmp_path / "out"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    with pytest.raises(FileExistsError, match="remove it first"):
        backbone.extract(split, client=client, out=tmp_path / "out")


def test_float16_and_letterboxes_are_the_serial_ones_too(split, client, tmp_path):
    backbone = Backbone("efficientnet_lite0", layers=(8,), dtype="float16")
    wide = split.with_geometry(Geometry((32, 48), aspect="letterbox"))
    features = backbone.extract(wide, batch_size=BATCH, client=client, out=tmp_path / "out")
    expected = backbone.extract(wide, batch_size=BATCH, cache=False)
    assert_same(features, expected)
    np.testing.assert_array_equal(features.boxes, expected.boxes)


def spoil(kind, flag, at=LAST):
    """Make a worker fail, or die, halfway through the shard at an image while a file exists."""
    write = sharding._write_rows

    def write_half(path, start, values):
        if start == at and flag.exists():
            write(path, start, values[: len(values) // 2])
            if kind == "die":
                flag.unlink()
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, start, values)

    sharding._write_rows = write_half


@pytest.fixture
def flag(tmp_path_factory):
    path = tmp_path_factory.mktemp("flag") / "flag"
    path.touch()
    return path


@pytest.fixture
def full_disk(client, flag):
    """Make the disk full for the last shard, for as long as the file that is returned exists."""
    client.run(spoil, "fail", flag)
    yield flag
    client.run(reload_sharding)


def reload_sharding():
    importlib.reload(sharding)


def complete_shards(folder):
    """Return the first images of the complete shards of an extraction that was stopped."""
    return sorted(int(path.stem) for path in folder.glob(".*.shards/*.done"))


def test_a_full_disk_is_one_error_and_the_next_call_makes_what_is_missing(
    backbone, tmp_path, client, full_disk
):
    """What stands in a complete shard's rows stays, unless its images are others by then."""
    (tmp_path / "images").mkdir()
    split = files_of(N_IMAGES, tmp_path / "images")
    options = {"batch_size": BATCH, "client": client, "out": tmp_path / "out"}
    with pytest.raises(OSError, match=r"No space left on device\) in .*: free some space"):
        backbone.extract(split, **options)
    assert not (tmp_path / "out").exists()
    first, second, *_ = complete_shards(tmp_path)
    assert LAST not in complete_shards(tmp_path)
    kept = np.arange(first, first + 8)
    for path in tmp_path.glob(".*.shards/features/*.npy"):
        array = np.load(path, mmap_mode="r+")
        array[kept] = 7
        array[second : second + 8] = 7
        array.flush()
    os.utime(split.paths[second + 1], (0, 0))  # as after it was replaced
    full_disk.unlink()
    features = backbone.extract(split, **options)
    for layer, expected in backbone.extract(split, batch_size=BATCH, cache=False).items():
        assert (features[layer][kept] == 7).all()
        np.testing.assert_array_equal(
            np.delete(features[layer], kept, 0), np.delete(expected, kept, 0)
        )
    assert names_in(tmp_path) == ["images", "out"]


def test_other_options_use_nothing_of_a_stopped_extraction(
    backbone, split, serial, client, full_disk, tmp_path
):
    with pytest.raises(OSError, match="No space left"):
        backbone.extract(split, batch_size=8, client=client, out=tmp_path / "out")
    for path in tmp_path.glob(".*.shards/features/*.npy"):
        np.load(path, mmap_mode="r+")[:] = 7
    full_disk.unlink()
    features = backbone.extract(split, batch_size=BATCH, client=client, out=tmp_path / "out")
    assert_same(features, serial)
    assert names_in(tmp_path) == ["out"]


def test_the_shards_of_a_killed_worker_go_to_another(
    backbone, split, serial, client, flag, tmp_path
):
    client.run(spoil, "die", flag)
    features = backbone.extract(split, batch_size=BATCH, client=client, out=tmp_path / "out")
    client.run(reload_sharding)
    assert not flag.exists()
    assert_same(features, serial)


def test_without_room_nothing_is_begun(backbone, split, client, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match=r"room for .* GB of features \(No space left.*free some"):
        backbone.extract(split, client=client, out=tmp_path / "out")
    assert names_in(tmp_path) == []


def test_what_is_left_of_a_finished_extraction_counts_for_nothing(
    backbone, split, serial, client, tmp_path, monkeypatch
):
    """As where its folder could not be removed, and `out` was by its user."""
    monkeypatch.setattr(sharding, "remove", lambda path: None)
    backbone.extract(split, batch_size=BATCH, client=client, out=tmp_path / "out")
    assert complete_shards(tmp_path)
    shutil.rmtree(tmp_path / "out")
    features = backbone.extract(split, batch_size=BATCH, client=client, out=tmp_path / "out")
    assert_same(features, serial)


@pytest.fixture
def shard(backbone, tmp_path):
    """The folder of an extraction that was stopped before its only shard, and its images."""
    (tmp_path / "images").mkdir()
    images = files_of(3, tmp_path / "images")
    folder = tmp_path / "shards"
    shapes = {layer: values.shape for layer, values in backbone.extract(images).items()}
    sharding._allocate(folder, shapes, backbone.dtype)
    return folder, images


def test_a_shard_that_is_made_again_is_not_complete_until_then(backbone, shard, monkeypatch):
    folder, images = shard
    sharding._extract_shard(backbone, str(folder), 0, images, BATCH)
    os.utime(images.paths[0], (0, 0))  # as after it was replaced

    def broken(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sharding, "_write_rows", broken)
    with pytest.raises(OSError, match=r"expected to write .* GB of features in .*Input/output"):
        sharding._extract_shard(backbone, str(folder), 0, images, BATCH)
    assert not list(folder.glob("*.done"))


def test_a_task_whose_images_changed_meanwhile_writes_nothing(backbone, shard, monkeypatch):
    """As one that was cancelled, but runs on beside a later call for the new images."""
    folder, images = shard
    array_file = next((folder / sharding.ARRAYS).glob("*.npy"))
    layer = array_file.stem
    extract = Backbone.extract

    def slow(self, split, **options):
        features = extract(self, split, **options)
        os.utime(split.paths[0], (0, 0))
        sharding._write_rows(array_file, 0, features[layer] * 0 + 7)
        return features

    monkeypatch.setattr(Backbone, "extract", slow)
    with pytest.raises(OSError, match="expected images that stay as they are"):
        sharding._extract_shard(backbone, str(folder), 0, images, BATCH)
    assert (np.load(array_file) == 7).all()
    assert not list(folder.glob("*.done"))


def test_a_module_of_ones_own_is_sent_too(split, client, tmp_path):
    class Local(torch.nn.Sequential):
        """A class that no other process can import."""

    own = Backbone(Local(torch.nn.Conv2d(3, 4, 3)), layers=["0"])
    features = own.extract(split, batch_size=BATCH, client=client, out=tmp_path / "out")
    assert_same(features, own.extract(split, batch_size=BATCH, cache=False))


def test_what_cannot_be_shared_is_refused(backbone, split, client, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="expected out=, a folder that all workers see"):
        backbone.extract(split, client=client)
    with pytest.raises(TypeError, match="expected a Split with client=, got a list"):
        backbone.extract(split.paths, client=client, out=out)

    class Own(Split):
        """Its parts are plain splits, of other pixels maybe."""

    count = len(split)
    own_split = Own(split.paths, [0] * count, [None] * count, [""] * count)
    with pytest.raises(TypeError, match="expected a Split with client=, got a Own"):
        backbone.extract(own_split, client=client, out=out)

    class Locked(torch.nn.Sequential):
        """What no other process can have."""

        def __init__(self, *layers):
            super().__init__(*layers)
            self.lock = threading.Lock()

    own = Backbone(Locked(torch.nn.Conv2d(3, 4, 3)), layers=["0"])
    with pytest.raises(TypeError, match="expected a backbone that can be sent to the workers"):
        own.extract(split, client=client, out=out)
    assert names_in(tmp_path) == []


@pytest.mark.soak
def test_twenty_thousand_images_survive_a_full_disk_and_two_killed_workers(
    backbone, client, flag, tmp_path, monkeypatch
):
    monkeypatch.setattr(sharding, "SHARD", 256)
    (tmp_path / "images").mkdir()
    split = files_of(20_000, tmp_path / "images")
    options = {"batch_size": BATCH, "client": client, "out": tmp_path / "out"}
    client.run(spoil, "fail", flag, 20 * 256)
    with pytest.raises(OSError, match="No space left on device"):
        backbone.extract(split, **options)
    client.run(reload_sharding)
    stopped_after = len(complete_shards(tmp_path))
    assert 0 < stopped_after < 79
    killed = []

    def kill_two():
        for count in (stopped_after + 10, stopped_after + 30):
            while len(complete_shards(tmp_path)) < count:
                time.sleep(0.05)
            killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[-1], signal.SIGKILL)

    killer = threading.Thread(target=kill_two, daemon=True)
    killer.start()
    started = time.perf_counter()
    features = backbone.extract(split, **options)
    seconds = time.perf_counter() - started
    killer.join(1)
    assert len(set(killed)) == 2
    started = time.process_time()
    expected = backbone.extract(split, batch_size=BATCH, cache=False)
    alone = time.process_time() - started
    assert_same(features, expected)
    started = time.process_time()
    trace = PatchCore(layers=(8, 16), coreset=0.01, shards=8).fit(features).trace_
    two_rounds = time.process_time() - started
    started = time.process_time()
    whole = PatchCore(layers=(8, 16), coreset=0.01).fit(features).trace_
    one_round = time.process_time() - started
    assert trace.radius[-1] <= trace.bound
    figures = {
        "shards_before_the_disk_was_full": stopped_after,
        "seconds_of_the_second_call": round(seconds, 1),
        "processor_seconds_in_one_process": round(alone, 1),
        "covering_radius": round(float(trace.radius[-1]), 4),
        "bound": round(trace.bound, 4),
        "covering_radius_in_one_round": round(float(whole.radius[-1]), 4),
        "processor_seconds_of_a_fit": [round(two_rounds, 1), round(one_round, 1)],
    }
    record("sharded_extraction", figures)
