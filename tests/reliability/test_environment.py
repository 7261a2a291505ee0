"""What may be missing or of another make around us: faiss, a GPU, memory, weights, the network."""

import io
import tarfile
import zlib

import numpy as np
import pytest
import torch
from conditions import small_features
from safetensors.torch import save_file
from torch import nn

from adviz import SPADE, Backbone, Features, PatchCore, metrics
from adviz.core import neighbors
from adviz.data import Geometry, Split
from adviz.data.readers import download
from adviz.data.readers.download import fetch, unpack
from adviz.features import networks

IMAGES = np.random.default_rng(0).integers(0, 255, (6, 16, 16, 3), dtype=np.uint8)
SPLIT = Split.from_arrays(IMAGES, [0] * 6, geometry=Geometry(16, crop=False))


def network(seed=0, layer=None):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 4, 3), layer or nn.ReLU())


# faiss


def test_without_faiss_detectors_find_the_same(monkeypatch):
    train, test = small_features(5), small_features(3, seed=1, defect=1)
    detectors = [
        PatchCore(layers=(8, 16), coreset=0.5),
        SPADE(layers=(8, 16), image_layers=(16,), k_images=3, k_images_score=3),
    ]
    with_it = [detector.fit(train).predict(test) for detector in detectors]
    monkeypatch.setattr("adviz.core.neighbors.has_faiss", lambda: False)
    for detector, expected in zip(detectors, with_it, strict=True):
        found = detector.fit(train).predict(test)
        # candidates are re-scored by subtraction: both are exact, and ties go to the same rows
        np.testing.assert_array_equal(found.score, expected.score)
        np.testing.assert_array_equal(found.anomaly_map, expected.anomaly_map)


def test_without_faiss_an_index_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("adviz.core.neighbors.has_faiss", lambda: False)
    with pytest.raises(
        ModuleNotFoundError, match=r"IVF-PQ needs faiss: install adviz-anomaly\[cpu\]"
    ):
        PatchCore(layers=(8, 16), coreset=0.5, index="ivfpq").fit(small_features(5)).predict(
            small_features(3)
        )
    assert neighbors.nearest(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32), 1)[
        1
    ].ravel().tolist() == [
        0,
        1,
        2,
    ]


# devices and memory


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "gpu", ""])
def test_a_gpu_that_is_not_there_is_said_by_the_backbone_too(device, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: device == "cuda:7")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    message = f'device must be "auto", "cpu", or "cuda" on a machine that has one, got {device!r}'
    with pytest.raises(ValueError, match=message):
        Backbone(network(), layers=["0"], device=device)


class Greedy(nn.Module):
    """A layer for which there is not enough memory, of a GPU or of the machine."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def forward(self, x):
        raise self.error


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_gpu_without_memory_for_a_batch_says_which_size_to_try(tmp_path):
    full = Backbone(
        network(layer=Greedy(torch.cuda.OutOfMemoryError("CUDA out of memory"))), layers=["1"]
    )
    message = r"room on the GPU for 6 images of 16x16 at once, got none \(CUDA out of memory\): pass batch_size=1, or"
    with pytest.raises(MemoryError, match=message):
        full.extract(SPLIT, batch_size=32, cache=tmp_path)
    assert files(tmp_path) == []


def test_a_machine_without_memory_leaves_nothing_half_written(tmp_path, monkeypatch):
    full = Backbone(network(layer=Greedy(MemoryError("no memory"))), layers=["1"])
    for out, cache in ((tmp_path / "out", None), (None, tmp_path)):
        with pytest.raises(MemoryError, match="no memory"):
            full.extract(SPLIT, out=out, cache=cache)
    assert files(tmp_path) == []
    assert not (tmp_path / "out").exists()


def test_a_fit_without_memory_leaves_the_former_model(monkeypatch):
    test = small_features(3, seed=1, defect=1)
    detector = PatchCore(layers=(8, 16), coreset=0.5).fit(small_features(5))
    expected = detector.predict(test).score

    def none(*_, **__):
        raise MemoryError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr("adviz.detectors.patchcore.detector.np.concatenate", none)
        patch.setattr("adviz.core.coreset.greedy.np.empty", none)
        with pytest.raises(MemoryError, match="no memory"):
            detector.fit(small_features(9, seed=5))
    np.testing.assert_array_equal(detector.predict(test).score, expected)


# weights


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "other tensors", "a page instead"])
def test_weights_that_are_damaged_are_refused(tmp_path, suffix, damage):
    model, path = network(), tmp_path / f"weights.{suffix}"
    state = {
        name: value[:1].clone() if damage == "other tensors" else value
        for name, value in model.state_dict().items()
    }
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    whole = path.read_bytes()
    if damage != "other tensors":
        changed = {
            "truncated": whole[: len(whole) // 2],
            "empty": b"",
            "a page instead": b"<html>404</html>",
        }
        path.write_bytes(changed[damage])
    with pytest.raises(ValueError, match=r"expected .*tensors.*weights\.(safetensors|pth)"):
        networks.load(model, path)


def test_features_of_two_versions_of_weights_never_meet(tmp_path):
    """Another version is another digest: nothing of the cache, and no detector of the first takes
    its features.
    """
    first, second = (Backbone(network(seed), layers=["0"]) for seed in (0, 1))
    train = first.extract(SPLIT, cache=tmp_path)
    other = second.extract(SPLIT, cache=tmp_path)
    assert first.digest != second.digest
    assert len(files(tmp_path)) == 2
    assert not np.array_equal(train["0"], other["0"])
    detector = PatchCore(layers=("0",), coreset=0.5).fit(train)
    with pytest.raises(
        ValueError,
        match=f"training's backbone Sequential {first.digest}, got Sequential {second.digest}",
    ):
        detector.predict(other)


def test_a_torch_file_with_code_in_it_is_refused_wherever_it_stands(tmp_path):
    """Beside tensors that are right, and as the whole file; an old-style file, which is a bare
    pickle, as well.
    """

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    state = network().state_dict()
    for content in (Evil(), state | {"extra": Evil()}, {"state_dict": state, "optimizer": Evil()}):
        for new in (True, False):
            torch.save(content, tmp_path / "evil.pth", _use_new_zipfile_serialization=new)
            with pytest.raises(ValueError, match="torch file of tensors only"):
                networks.read(tmp_path / "evil.pth")
    assert not (tmp_path / "executed").exists()


# the network, and what comes from it


def test_a_download_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    class Breaking:
        def __init__(self):
            self.headers, self.pieces = {"Content-Length": str(3 << 20)}, iter([b"x" * (1 << 20)])

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def read(self, _):
            for piece in self.pieces:
                return piece
            raise ConnectionResetError("the other side is gone")

    monkeypatch.setattr(download, "urlopen", lambda url, timeout: Breaking())
    with pytest.raises(
        RuntimeError, match=r"download https://.*the other side is gone: get the file in"
    ):
        fetch("https://example.org/data.tar", "0" * 32, tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def bomb(path, kind):
    """Write an archive that holds ten times what it may: one file, or very many."""
    with tarfile.open(path, "w:gz", compresslevel=9) as tar:
        for number in range(1 if kind == "one large file" else 4000):
            info = tarfile.TarInfo(f"data/{number}")
            info.size = 4 << 20 if kind == "one large file" else 0
            tar.addfile(info, io.BytesIO(bytes(info.size)))


@pytest.mark.parametrize("kind", ["one large file", "very many files"])
def test_an_archive_that_grows_too_much_is_not_unpacked(tmp_path, kind):
    bomb(tmp_path / "data.tar.gz", kind)
    with pytest.raises(
        RuntimeError, match=r"expected a folder data in .*more than .* MB in it, 20 times its size"
    ):
        unpack(tmp_path / "data.tar.gz", "data")
    assert [path.name for path in tmp_path.iterdir()] == ["data.tar.gz"]


LINKS = {
    "an absolute name": ("/outside", None, None),
    "a way up": ("data/../../outside", None, None),
    "a link out": ("data/link", tarfile.SYMTYPE, "/etc"),
    "a link up": ("data/link", tarfile.SYMTYPE, "../../.."),
    "a hard link out": ("data/link", tarfile.LNKTYPE, "/etc/hostname"),
    "a device": ("data/device", tarfile.CHRTYPE, None),
}


@pytest.mark.parametrize("kind", LINKS)
def test_an_archive_that_reaches_out_of_its_folder_is_refused(tmp_path, kind):
    name, type_, target = LINKS[kind]
    home = tmp_path / "home"
    home.mkdir()
    with tarfile.open(home / "data.tar", "w") as tar:
        folder = tarfile.TarInfo("data")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        info = tarfile.TarInfo(name)
        info.type = type_ or tarfile.REGTYPE
        info.linkname = target or ""
        tar.addfile(info)
    if kind == "an absolute name":  # taken below the folder, as tar itself does
        unpack(home / "data.tar", "data")
        assert not list((home / "data").iterdir())
        return
    with pytest.raises(RuntimeError, match=r"expected a folder data in .*unpack it yourself"):
        unpack(home / "data.tar", "data")
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == [
        "home",
        "home/data.tar",
    ]


def test_features_that_changed_by_one_bit_on_the_disk_are_noticed(tmp_path):
    """A checksum tells any single bit; the values that are used are those that were stored."""
    backbone = Backbone(network(), layers=["0"])
    expected = np.array(backbone.extract(SPLIT, cache=tmp_path)["0"])
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    for place in np.random.default_rng(0).integers(0, 8 * len(whole), 8):
        changed = bytearray(whole)
        changed[place // 8] ^= 1 << place % 8
        assert zlib.crc32(changed) != zlib.crc32(whole)
        path.write_bytes(changed)
        with pytest.warns(UserWarning, match="removed, the features are extracted again"):
            found = backbone.extract(SPLIT, cache=tmp_path)
        np.testing.assert_array_equal(found["0"], expected)
        (path,) = files(tmp_path)


def test_metrics_need_no_gpu_no_faiss_and_no_network(monkeypatch):
    """They are numpy: whatever is broken around them, numbers can be had."""
    monkeypatch.setattr("adviz.core.neighbors.has_faiss", lambda: pytest.fail("asked for faiss"))
    maps = np.random.default_rng(0).random((3, 8, 8))
    masks = np.zeros((3, 8, 8), bool)
    masks[1, 2:4, 2:4] = True
    assert 0 <= metrics.pro(maps, masks) <= 1
    assert isinstance(Features({"a": maps[:, None]}, image_size=(8, 8)), Features)
