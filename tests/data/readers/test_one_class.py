import dataclasses
import gzip
import hashlib
import io
import struct
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adviz import DN2, Backbone, data, evaluate, explore
from adviz.data import Geometry
from adviz.data.readers import download, one_class
from adviz.data.readers.idx import read_idx

TINY = Geometry(8, crop=False)
COUNTS = {"train": 40, "t10k": 20}


def idx(values):
    """Return the bytes of an IDX file, written after the format's description."""
    return (
        bytes((0, 0, 8, values.ndim))
        + struct.pack(f">{values.ndim}I", *values.shape)
        + values.tobytes()
    )


def images_and_labels(part, classes=10, seed=0):
    rng = np.random.default_rng((seed, COUNTS[part]))
    count = COUNTS[part]
    return rng.integers(0, 256, (count, 28, 28), dtype=np.uint8), np.arange(
        count, dtype=np.uint8
    ) % classes


def idx_folder(folder, packed=True):
    folder.mkdir(parents=True)
    for part in COUNTS:
        for kind, values in zip(
            ("images-idx3", "labels-idx1"), images_and_labels(part), strict=True
        ):
            file = folder / f"{part}-{kind}-ubyte{'.gz' if packed else ''}"
            file.write_bytes(gzip.compress(idx(values)) if packed else idx(values))
    return folder


def cifar_folder(folder):
    """Ten images of each class in every batch, as planes of red, green and blue."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    planes = rng.integers(0, 256, (6, 20, 3, 32, 32), dtype=np.uint8)
    labels = np.tile(np.arange(20, dtype=np.uint8) % 10, (6, 1))
    for index, name in enumerate(
        [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    ):
        rows = [
            bytes([label]) + image.tobytes()
            for label, image in zip(labels[index], planes[index], strict=True)
        ]
        (folder / f"{name}.bin").write_bytes(b"".join(rows))
    (folder / "batches.meta.txt").write_text("airplane\n")
    return planes


def caltech_folder(folder, names=("001.ak47", "002.american-flag", "257.clutter")):
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for index in range(10 + number):
            pixels = np.full((12 + index, 10, 3), 10 * index, np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{name[:3]}_{index:04}.jpg")
    (folder / names[0] / "RENAME2").write_text(
        "a stray file, as there is one in the published tree"
    )
    (folder / names[1] / "greg").mkdir()  # and a stray folder
    return folder


# IDX


@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_packed_or_not(tmp_path, packed):
    values, labels = images_and_labels("train")
    folder = idx_folder(tmp_path / "mnist", packed)
    ending = ".gz" if packed else ""
    np.testing.assert_array_equal(read_idx(folder / f"train-images-idx3-ubyte{ending}", 3), values)
    np.testing.assert_array_equal(read_idx(folder / f"train-labels-idx1-ubyte{ending}", 1), labels)


WHOLE = idx(np.ones((3, 2, 2), np.uint8))
HUGE = WHOLE[:4] + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1)
BAD = {
    "empty": (b"", "magic number 00000803, got nothing"),
    "labels": (idx(np.ones(3, np.uint8)), "magic number 00000803, got 00000801"),
    "short header": (WHOLE[:9], "header of 16 bytes, got 9"),
    "truncated": (WHOLE[:-1], "expected 12 values"),
    "too long": (WHOLE + b"x", "expected 12 values, got more"),
    "no images": (
        idx(np.ones((0, 2, 2), np.uint8)),
        r"at least one value, got the sizes \(0, 2, 2\)",
    ),
    "announces too much": (HUGE, "got room for at most"),
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("case", BAD)
def test_bad_idx_files_are_refused(tmp_path, case, packed):
    content, message = BAD[case]
    file = tmp_path / ("file.gz" if packed else "file")
    file.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=f"whole IDX file, got .*file.*{message}.*get it again"):
        read_idx(file, 3)


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"x" + b[1:], lambda b: b[:-6] + b"\0" * 6]
)
def test_damaged_gzip_files_are_refused(tmp_path, damage):
    file = tmp_path / "file.gz"
    file.write_bytes(damage(gzip.compress(idx(images_and_labels("train")[0]))))
    with pytest.raises(ValueError, match=r"whole IDX file, got .*file\.gz"):
        read_idx(file, 3)


def test_memory_follows_what_is_there_and_not_what_is_announced(tmp_path):
    """Within what a gzip file could hold: 900 MB are announced, a megabyte follows."""
    file = tmp_path / "bomb.gz"
    noise = np.random.default_rng(0).integers(0, 256, 1 << 20, dtype=np.uint8).tobytes()
    file.write_bytes(gzip.compress(WHOLE[:4] + struct.pack(">3I", 900, 1000, 1000) + noise, 1))
    tracemalloc.start()
    with pytest.raises(ValueError, match="expected 900000000 values, got only 1048576"):
        read_idx(file, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6


# the protocol


def test_training_is_one_class_and_testing_is_all(tmp_path):
    idx_folder(tmp_path / "FashionMNIST" / "raw")
    category = data.novelty(
        "fashion_mnist", "Shirt", root=tmp_path, geometry=Geometry(28, crop=False)
    )
    train, labels = images_and_labels("train")
    assert category.name == category.test.name == "fashion_mnist: Shirt"
    assert category.train.ids == [f"train/{index:05}" for index in np.flatnonzero(labels == 6)]
    assert set(category.train.defects) == {"Shirt"}
    assert not category.train.labels.any()
    np.testing.assert_array_equal(
        category.train[1].image, np.repeat(train[labels == 6][1][..., None], 3, 2)
    )
    test, labels = images_and_labels("t10k")
    np.testing.assert_array_equal(category.test.labels, labels != 6)
    assert category.test.ids[:2] == ["test/00000", "test/00001"]
    assert category.test.defects[:11] == [*data.classes("fashion_mnist"), "T-shirt/top"]
    np.testing.assert_array_equal(category.test[19].image[..., 1], test[19])


@pytest.mark.parametrize("place", ["MNIST/raw", "mnist", "."])
def test_places_below_a_root_and_the_folder_itself_are_searched(tmp_path, place):
    idx_folder(tmp_path / "there" / place, packed=place != "mnist")
    category = data.novelty("mnist", 3, root=tmp_path / "there")
    assert (len(category.train), len(category.test), category.test.image_size) == (4, 20, (96, 96))
    assert category.name == "mnist: 3"


def test_without_a_root_the_users_folder_and_debians_are_searched(tmp_path, monkeypatch):
    monkeypatch.setattr(one_class, "DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("ADVIZ_DATA", str(tmp_path / "data"))
    idx_folder(tmp_path / "debian" / "fashion-mnist")
    assert len(data.novelty("fashion_mnist", 0).train) == 4
    with pytest.raises(FileNotFoundError, match="expected mnist in one of"):
        data.novelty("mnist", 0)
    idx_folder(tmp_path / "data" / "mnist")
    assert len(data.novelty("mnist", 0).train) == 4


def test_torchvision_reads_the_same_tree_alike(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    idx_folder(tmp_path / "MNIST" / "raw", packed=False)
    theirs = datasets.MNIST(tmp_path, train=True)
    ours = data.novelty("mnist", "7", root=tmp_path, geometry=Geometry(28, crop=False)).train
    expected = [np.asarray(image) for image, label in theirs if label == 7]
    np.testing.assert_array_equal(
        [ours.image(index)[..., 0] for index in range(len(ours))], expected
    )


def test_cifar_is_read_from_its_binary_version(tmp_path):
    planes = cifar_folder(tmp_path / "cifar-10-batches-bin")
    category = data.novelty("cifar10", "frog", root=tmp_path, geometry=Geometry(32, crop=False))
    assert category.train.ids == [
        f"train/{20 * batch + index:05}" for batch in range(5) for index in (6, 16)
    ]
    np.testing.assert_array_equal(category.train[3].image, planes[1, 16].transpose(1, 2, 0))
    np.testing.assert_array_equal(category.test[19].image, planes[5, 19].transpose(1, 2, 0))
    assert np.flatnonzero(category.test.labels == 0).tolist() == [6, 16]
    assert category.test.defects[:3] == ["airplane", "automobile", "bird"]


def test_caltech_holds_out_a_fifth_of_every_class(tmp_path):
    root = caltech_folder(tmp_path / "caltech256" / "256_ObjectCategories")
    assert data.classes("caltech256", root=tmp_path) == ["ak47", "american-flag", "clutter"]
    category = data.novelty("caltech256", "ak47", root=tmp_path)
    by_index = data.novelty("caltech256", 0, root=root)
    assert category.test.ids == by_index.test.ids
    assert category.test.defects == ["ak47"] * 2 + ["american-flag"] * 2 + ["clutter"] * 2
    assert category.test.labels.tolist() == [0, 0, 1, 1, 1, 1]
    assert set(category.train.defects) == {"ak47"}
    both = category.train.ids + category.test.ids[:2]
    assert sorted(both) == [f"001.ak47/001_{index:04}.jpg" for index in range(10)]
    assert data.novelty("caltech256", "ak47", root=tmp_path, seed=1).test.ids != category.test.ids
    assert category.train[0].image.shape == (224, 224, 3)


def test_a_missing_class_of_caltech_does_not_change_the_others(tmp_path):
    caltech_folder(tmp_path / "all")
    caltech_folder(tmp_path / "some", ("001.ak47", "257.clutter"))
    whole, part = (
        data.novelty("caltech256", "ak47", root=tmp_path / name) for name in ("all", "some")
    )
    assert part.train.ids == whole.train.ids


@pytest.mark.parametrize("normal", ["frock", -1, 10, True, 2.0])
def test_unknown_classes_list_those_there_are(tmp_path, normal):
    idx_folder(tmp_path / "fashion-mnist")
    with pytest.raises(
        ValueError,
        match=r"class of fashion_mnist \(0 'T-shirt/top', .*9 'Ankle boot'\), got " + f"{normal!r}",
    ):
        data.novelty("fashion_mnist", normal, root=tmp_path)


def test_unknown_data_sets_list_those_there_are():
    for ask in (data.classes, lambda name: data.novelty(name, 0)):
        with pytest.raises(
            ValueError,
            match="mnist, fashion_mnist, cifar10, caltech256, cub200, flowers102, got 'emnist'",
        ):
            ask("emnist")


def test_damaged_data_sets_are_refused(tmp_path):
    folder = idx_folder(tmp_path / "mnist")
    labels = folder / "t10k-labels-idx1-ubyte.gz"

    def relabelled(values):
        labels.write_bytes(gzip.compress(idx(np.array(values, np.uint8))))
        return data.novelty("mnist", 0, root=tmp_path)

    with pytest.raises(
        ValueError, match=r"a label for each of the 20 t10k images in .*mnist, got 19"
    ):
        relabelled([0] * 19)
    with pytest.raises(ValueError, match=r"expected 10 classes in .*mnist, got a label of 10"):
        relabelled([0] * 19 + [10])
    labels.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"a file t10k-labels-idx1-ubyte or .*\.gz in .*, found t10k-images"
    ):
        data.novelty("mnist", 0, root=tmp_path)
    cifar = tmp_path / "cifar-10-batches-bin"
    cifar_folder(cifar)
    (cifar / "test_batch.bin").write_bytes(b"x" * 3074)
    with pytest.raises(
        ValueError, match=r"images of 3073 bytes in .*test_batch\.bin, got 3074 bytes"
    ):
        data.novelty("cifar10", 0, root=tmp_path)
    (cifar / "data_batch_3.bin").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"expected a file data_batch_3\.bin in .*found batches"
    ):
        data.novelty("cifar10", 0, root=tmp_path)


def test_a_class_without_images_is_refused(tmp_path):
    folder = idx_folder(tmp_path / "mnist")
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.ones(40, np.uint8))))
    with pytest.raises(ValueError, match=r"training images of 'mnist: 0' in .*, got none"):
        data.novelty("mnist", 0, root=tmp_path)
    root = caltech_folder(tmp_path / "caltech")
    for file in sorted((root / "001.ak47").glob("*.jpg"))[1:]:
        file.unlink()
    with pytest.raises(ValueError, match=r"at least 2 images in .*001\.ak47"):
        data.novelty("caltech256", "ak47", root=root)


# getting the data


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """No data set is installed, and addresses lead to a folder."""
    monkeypatch.setattr(one_class, "DEBIAN", tmp_path / "debian")
    monkeypatch.setenv("ADVIZ_DATA", str(tmp_path / "data"))
    (tmp_path / "server").mkdir()

    def serve(dataset):
        source = one_class.SOURCES[dataset]
        files = [(name, tmp_path / "server" / name) for name, _ in source.files]
        sums = tuple((name, hashlib.md5(file.read_bytes()).hexdigest()) for name, file in files)  # noqa: S324
        source = dataclasses.replace(
            source, address=(tmp_path / "server").as_uri() + "/", files=sums
        )
        monkeypatch.setitem(one_class.SOURCES, dataset, source)

    return serve


@pytest.mark.parametrize(
    ("dataset", "way"),
    [
        ("mnist", "train-images-idx3-ubyte"),
        ("fashion_mnist", "Debian's package dataset-fashion-mnist"),
        ("cifar10", "cifar-10-batches-py holds Python pickles.* are not opened"),
        ("caltech256", "001.ak47 to 257.clutter"),
    ],
)
def test_nothing_is_fetched_unless_asked_and_the_ways_are_named(
    elsewhere, monkeypatch, tmp_path, dataset, way
):
    monkeypatch.setattr(download, "urlopen", None)
    (tmp_path / "data" / "cifar-10-batches-py").mkdir(parents=True)
    with pytest.raises(
        FileNotFoundError, match=rf"expected {dataset} in one of .*pass download=True; .*{way}"
    ):
        data.novelty(dataset, 0)


def test_idx_files_are_downloaded_once_to_where_torchvision_has_them(
    elsewhere, tmp_path, monkeypatch
):
    idx_folder(tmp_path / "server" / "more")
    for file in (tmp_path / "server" / "more").iterdir():
        file.rename(tmp_path / "server" / file.name)
    elsewhere("mnist")
    first = data.novelty("mnist", 1, download=True)
    assert sorted(path.name for path in (tmp_path / "data/MNIST/raw").iterdir()) == [
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]
    monkeypatch.setattr(download, "urlopen", None)
    assert data.novelty("mnist", 1, download=True).train.ids == first.train.ids


def test_archives_are_unpacked_whole(elsewhere, tmp_path):
    cifar_folder(tmp_path / "made" / "cifar-10-batches-bin")
    with tarfile.open(tmp_path / "server" / "cifar-10-binary.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "made" / "cifar-10-batches-bin", "cifar-10-batches-bin")
    elsewhere("cifar10")
    assert len(data.novelty("cifar10", 1, root=tmp_path / "root", download=True).train) == 10
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["cifar-10-batches-bin"]
    caltech_folder(tmp_path / "made" / "256_ObjectCategories")
    with tarfile.open(tmp_path / "server" / "256_ObjectCategories.tar", "w") as tar:
        tar.add(tmp_path / "made" / "256_ObjectCategories", "256_ObjectCategories")
    elsewhere("caltech256")
    assert len(data.novelty("caltech256", "ak47", root=tmp_path / "root", download=True).train) == 8


@pytest.mark.parametrize("name", ["../outside", "other/file"])
def test_archives_that_hold_something_else_leave_nothing(elsewhere, tmp_path, name):
    with tarfile.open(tmp_path / "server" / "cifar-10-binary.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    elsewhere("cifar10")
    with pytest.raises(
        RuntimeError, match=r"expected a folder cifar-10-batches-bin in .*\.tar\.gz"
    ):
        data.novelty("cifar10", 1, download=True)
    assert not list(tmp_path.rglob("outside"))
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["cifar-10-binary.tar.gz"]


def test_a_download_of_another_checksum_or_none_at_all_leaves_nothing(elsewhere, tmp_path):
    folder = idx_folder(tmp_path / "made")
    for file in folder.iterdir():
        file.rename(tmp_path / "server" / file.name)
    elsewhere("mnist")
    changed = tmp_path / "server" / "t10k-labels-idx1-ubyte.gz"
    changed.write_bytes(b"other")
    with pytest.raises(RuntimeError, match=r"t10k-labels.* to have the MD5 checksum .*: not kept"):
        data.novelty("mnist", 1, download=True)
    changed.unlink()
    with pytest.raises(
        RuntimeError, match=r"expected to download file:.*t10k-labels.*get the file in another way"
    ):
        data.novelty("mnist", 1, download=True)
    assert not list((tmp_path / "data/MNIST/raw").iterdir())


# what is done with it


@pytest.fixture(scope="module")
def lite0():
    return Backbone("efficientnet_lite0", layers=(8, 16, 32), pool=True)


def test_the_whole_chain_takes_images_in_memory(tmp_path, lite0):
    idx_folder(tmp_path / "mnist")
    category = data.novelty("mnist", 3, root=tmp_path, geometry=Geometry(32, crop=False))
    prediction = (
        DN2(k_images=2).fit(lite0.extract(category.train)).predict(lite0.extract(category.test))
    )
    result = evaluate(prediction, category.test)
    assert (result.n_good, result.n_anomalous, result.category) == (2, 18, "mnist: 3")
    view = explore.results(category, prediction)
    view.image = 4
    assert (view.category, view.detector) == ("mnist: 3", "DN2")
    assert view.facts["categories"]["mnist: 3"]["defects"][4] == "4"
    assert "image" in view.part("test/mnist: 3/4")


INSTALLED = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.skipif(not INSTALLED.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_real_fashion_mnist(lite0):
    category = data.novelty(
        "fashion_mnist", "Trouser", root=INSTALLED, geometry=Geometry(64, crop=False)
    )
    assert (len(category.train), len(category.test), int((category.test.labels == 0).sum())) == (
        6000,
        10000,
        1000,
    )
    assert {category.test.defects.count(name) for name in data.classes("fashion_mnist")} == {1000}
    train, test = category.train.subset(range(200)), category.test.subset(range(300))
    prediction = (
        DN2(layers=(8, 16, 32), k_images=2).fit(lite0.extract(train)).predict(lite0.extract(test))
    )
    # Trousers are the easiest class; all of it gives 0.99
    assert evaluate(prediction, test).image_auroc > 0.95
