import hashlib
import io
import tarfile

import numpy as np
import published_trees as trees
import pytest
from scipy.io import savemat

from adviz import data
from adviz.data.readers import download, one_class

BLACK, LAYSAN = "Black_footed_Albatross", "Laysan_Albatross"


def test_birds_of_one_kind_are_normal_and_all_others_novel(tmp_path):
    path = trees.cub(tmp_path)
    category = data.novelty("cub200", BLACK, root=tmp_path)
    assert data.classes("cub200", root=tmp_path) == [BLACK, LAYSAN]
    assert category.name == f"cub200: {BLACK}"
    # of images 1 to 8 the odd ones train, and 1 to 4 are of the first kind
    first, second = "images/001.Black_footed_Albatross", "images/002.Laysan_Albatross"
    assert category.train.ids == [f"{first}/{BLACK}_000{index}.jpg" for index in (0, 2)]
    assert category.test.ids == [f"{first}/{BLACK}_000{index}.jpg" for index in (1, 3)] + [
        f"{second}/{LAYSAN}_000{index}.jpg" for index in (1, 3)
    ]
    assert category.test.labels.tolist() == [0, 0, 1, 1]
    assert category.test.defects == [BLACK, BLACK, LAYSAN, LAYSAN]
    assert category.train[0].image.shape == (224, 224, 3)  # of photographs of different size
    assert data.novelty("cub200", 1, root=path).train.defects == [LAYSAN, LAYSAN]


def test_segmentations_of_birds_are_no_masks_of_anomalies(tmp_path):
    name = "segmentations/002.Laysan_Albatross/Laysan_Albatross_0001.png"
    trees.put(trees.cub(tmp_path), name, image=trees.mask())
    assert not data.novelty("cub200", BLACK, root=tmp_path).test.has_masks


BIRDS = {
    "another number": (
        "images.txt",
        lambda text: text + "9 a.jpg\n",
        "list the same images, got 9, 8 and 8",
    ),
    "a class too many": (
        "image_class_labels.txt",
        lambda text: text.replace("8 2", "8 3"),
        "classes 1 to 2 .* got '3'",
    ),
    "another part": (
        "train_test_split.txt",
        lambda text: text.replace("8 0", "8 2"),
        "0 or 1 for training .* got '2'",
    ),
    "twice": (
        "images.txt",
        lambda text: text + "1 a.jpg\n",
        r"every number once in .*images\.txt, got 1 repeated",
    ),
    "no value": (
        "images.txt",
        lambda text: text + "9\n",
        r"a number and a value in every line of .*images\.txt, got '9'",
    ),
    "outside": (
        "images.txt",
        lambda text: "1 ../../x.jpg\n" + text.partition("\n")[2],
        r"files of the data set in .*, got '\.\./\.\./x\.jpg'",
    ),
}


@pytest.mark.parametrize("case", BIRDS)
def test_lists_of_birds_that_contradict_each_other_are_refused(tmp_path, case):
    name, change, message = BIRDS[case]
    file = trees.cub(tmp_path) / name
    file.write_text(change(file.read_text()))
    with pytest.raises(ValueError, match=message):
        data.novelty("cub200", BLACK, root=tmp_path)


def test_missing_lists_and_images_of_birds_are_named(tmp_path):
    path = trees.cub(tmp_path)
    (path / "images/002.Laysan_Albatross/Laysan_Albatross_0003.jpg").unlink()
    with pytest.raises(
        FileNotFoundError,
        match=r"all 8 images .* found 1 missing, first .*Laysan_Albatross_0003\.jpg",
    ):
        data.novelty("cub200", 0, root=tmp_path)
    (path / "image_class_labels.txt").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"list image_class_labels\.txt in .*: unpack the data set again"
    ):
        data.novelty("cub200", 0, root=tmp_path)
    (path / "train_test_split.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"expected cub200 in one of .*pass download=True"):
        data.novelty("cub200", 0, root=tmp_path)


def test_flowers_of_one_kind_have_their_own_validation_images(tmp_path):
    trees.flowers(tmp_path)  # images 1 to 9 of classes 1, 102, 1, 1, 102, 102, 1, 102, 102
    category = data.novelty("flowers102", "pink primrose", root=tmp_path)
    names = {
        part: [int(p.stem[-5:]) for p in getattr(category, part).paths]
        for part in ("train", "validation", "test")
    }
    assert names == {"train": [1, 3], "validation": [4], "test": [7, 8, 9]}
    assert category.test.labels.tolist() == [0, 1, 1]
    assert category.validation.labels.tolist() == [0]
    assert category.test.defects == ["pink primrose", "blackberry lily", "blackberry lily"]
    assert data.novelty("flowers102", 101, root=tmp_path).test.labels.tolist() == [1, 0, 0]


def test_the_names_of_flowers_are_those_of_torchvision():
    from torchvision.datasets import Flowers102

    assert data.classes("flowers102") == list(Flowers102.classes)


def test_flowers_are_found_where_torchvision_puts_them():
    from torchvision.datasets import Flowers102

    source = one_class.SOURCES["flowers102"]
    assert {*source.files} == {*Flowers102._file_dict.values()}
    assert source.address == Flowers102._download_url_prefix


FLOWERS = {
    "a class too many": (
        dict(labels=np.full((1, 9), 103)),
        {},
        r"classes 1 to 102 in .*imagelabels\.mat, got 103",
    ),
    "class 0": (dict(labels=np.zeros((1, 9), int)), {}, "classes 1 to 102"),
    "no such image": (
        {},
        dict(tstid=np.array([[10]])),
        r"each of 9 images at most once in .*setid\.mat",
    ),
    "twice": ({}, dict(tstid=np.array([[1]])), "at most once"),
    "no numbers": (
        {},
        dict(tstid=np.array(["a", "b"])),
        r"expected trnid, valid, tstid in .*setid\.mat, got .*get it again",
    ),
    "fractions": ({}, dict(tstid=np.array([[1.5]])), r"in .*setid\.mat, got .*get it again"),
    "another name": (
        dict(classes=np.ones((1, 9))),
        {},
        r"expected labels in .*imagelabels\.mat, got 'labels'",
    ),
}


@pytest.mark.parametrize("case", FLOWERS)
def test_lists_of_flowers_that_contradict_each_other_are_refused(tmp_path, case):
    labels, parts, message = FLOWERS[case]
    path = trees.flowers(tmp_path)
    if labels:
        savemat(path / "imagelabels.mat", labels)
    if parts:
        savemat(
            path / "setid.mat", {"trnid": np.array([[1, 2]]), "valid": np.array([[3]]), **parts}
        )
    with pytest.raises(ValueError, match=message):
        data.novelty("flowers102", 0, root=tmp_path)


@pytest.mark.parametrize(
    "damage",
    [lambda b: b"", lambda b: b[:150], lambda b: b"no MATLAB file " * 20, lambda b: b[:-9]],
)
def test_damaged_mat_files_are_refused(tmp_path, damage):
    file = trees.flowers(tmp_path) / "setid.mat"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(
        ValueError, match=r"expected trnid, valid, tstid in .*setid\.mat, got .*: get it again"
    ):
        data.novelty("flowers102", 0, root=tmp_path)


def test_missing_lists_and_classes_of_flowers_are_named(tmp_path):
    path = trees.flowers(tmp_path)
    with pytest.raises(
        ValueError, match=r"expected train images of 'sweet pea' in .*flowers-102, got none"
    ):
        data.novelty("flowers102", "sweet pea", root=tmp_path)
    (path / "jpg/image_00009.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"found 1 missing, first .*image_00009\.jpg"):
        data.novelty("flowers102", 0, root=tmp_path)
    (path / "setid.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"list setid\.mat in .*flowers-102"):
        data.novelty("flowers102", 0, root=tmp_path)


def test_a_download_of_flowers_puts_lists_and_pictures_into_one_folder(tmp_path, monkeypatch):
    served = trees.flowers(tmp_path / "there")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(served / "jpg", "jpg")
    contents = {name: (served / name).read_bytes() for name in ("imagelabels.mat", "setid.mat")}
    contents["102flowers.tgz"] = packed.getvalue()
    monkeypatch.setattr(
        download, "urlopen", lambda url, timeout: _Answer(contents[url.rpartition("/")[2]])
    )
    source = one_class.SOURCES["flowers102"]
    files = tuple((name, hashlib.md5(contents[name]).hexdigest()) for name, _ in source.files)  # noqa: S324
    monkeypatch.setitem(
        one_class.SOURCES, "flowers102", one_class.Source(**{**vars(source), "files": files})
    )
    category = data.novelty("flowers102", 0, root=tmp_path / "here", download=True)
    assert category.train.ids == ["jpg/image_00001.jpg", "jpg/image_00003.jpg"]
    assert sorted(p.name for p in (tmp_path / "here/flowers-102").iterdir()) == [
        "imagelabels.mat",
        "jpg",
        "setid.mat",
    ]


class _Answer(io.BytesIO):
    headers: dict = {}  # noqa: RUF012 - of a class with one instance a call
