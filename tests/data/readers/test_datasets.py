"""Datasets of torch, torchvision and Hugging Face, by tiny ones that behave like theirs."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from adviz import Backbone, data
from adviz.data import Geometry

WHOLE = Geometry(32, crop=False)


def photo(seed, size=(32, 32)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def hole(size=(32, 32)):
    mask = np.zeros(size, np.uint8)
    mask[4:9, 6:20] = 1
    return mask


class OfTorch(torch.utils.data.Dataset):
    """Tensors (3, h, w) in 0..1 and labels as tensors, as torchvision's ToTensor makes them."""

    def __init__(self, labels, masks=None, classes=None):
        self.labels = labels
        self.masks = masks
        if classes:
            self.classes = classes

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = torch.from_numpy(photo(index)).permute(2, 0, 1) / 255
        item = image, torch.tensor(self.labels[index])
        return item if self.masks is None else (*item, self.masks[index])


class OfHuggingFace:
    """Dictionaries with PIL images, and `features` that name the classes."""

    def __init__(self, rows, names=None):
        self.rows = rows
        self.features = {"image": object(), "label": SimpleNamespace(names=names)}

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def assert_pixels(split, count):
    split = split.with_geometry(WHOLE)
    for index in range(count):
        np.testing.assert_array_equal(split.image(index), photo(index))


def test_a_torch_dataset_without_masks_stays_in_memory():
    split = data.dataset(OfTorch([0, 1, -1]), name="nut", geometry=WHOLE)
    assert split.labels.tolist() == [0, 1, -1]
    assert split.defects == ["good", "anomalous", "unlabelled"]
    assert split.geometry == WHOLE
    assert split.name == "nut"
    assert not split.has_masks
    assert_pixels(split, 3)


def test_masks_are_written_beside_the_images(tmp_path):
    masks = [torch.zeros(1, 32, 32), torch.from_numpy(hole())[None], None]
    folder = tmp_path / "nut"
    split = data.dataset(OfTorch([0, 1, 1], masks), folder=folder, geometry=WHOLE)
    assert split.ids == ["images/0.png", "images/1.png", "images/2.png"]
    assert_pixels(split, 3)
    np.testing.assert_array_equal(split.mask(1), hole() > 0)
    assert not split.mask(0).any()
    assert split.known_pixels.tolist() == [True, True, False]
    assert os.listdir(tmp_path) == ["nut"]


def test_classes_of_torchvision_are_good_or_not_as_normal_says():
    items = OfTorch([2, 0, 1], classes=["cat", "dog", "horse"])
    for normal in ("horse", 2, ["horse"]):
        split = data.dataset(items, normal=normal)
        assert split.labels.tolist() == [0, 1, 1]
        assert split.defects == ["good", "cat", "dog"]
    assert data.dataset(items, normal=["cat", "horse"]).labels.tolist() == [0, 0, 1]
    assert data.dataset(items, normal=[]).labels.tolist() == [1, 1, 1]


def test_a_hugging_face_dataset_is_read_by_its_keys_and_names(tmp_path):
    rows = [
        {"image": Image.fromarray(photo(0)), "label": 1, "mask": None},
        {"image": Image.fromarray(photo(1)), "label": 0, "mask": Image.fromarray(hole() * 255)},
    ]
    items = OfHuggingFace(rows, ["scratch", "good"])
    split = data.dataset(items, folder=tmp_path / "nut", geometry=WHOLE)
    assert split.labels.tolist() == [0, 1]
    assert split.defects == ["good", "scratch"]
    np.testing.assert_array_equal(split.mask(1), hole() > 0)
    assert_pixels(split, 2)


def test_keys_may_have_other_names_and_labels_may_be_absent():
    rows = [{"picture": Image.fromarray(photo(index)), "kind": "ok"} for index in range(2)]
    assert data.dataset(rows, image="picture", label="kind").labels.tolist() == [0, 0]
    assert data.dataset(rows, image="picture").labels.tolist() == [-1, -1]
    assert data.dataset([photo(0), photo(1)]).labels.tolist() == [-1, -1]


def test_labels_that_are_texts_tell_what_is_good():
    items = [(photo(0), "good"), (photo(1), "bent"), (photo(2), "Normal"), (photo(3), None)]
    split = data.dataset(items)
    assert split.labels.tolist() == [0, 1, 0, -1]
    assert split.defects == ["good", "bent", "good", "unlabelled"]


def test_images_of_several_sizes_are_written_to_files(tmp_path):
    items = [(photo(0), 0), (photo(1, (20, 50)), 0)]
    with pytest.raises(ValueError, match=r"images of one size, got 2 sizes.* give a folder="):
        data.dataset(items)
    split = data.dataset(items, folder=tmp_path / "nut")
    assert split.image(1).shape == (224, 224, 3)
    np.testing.assert_array_equal(np.asarray(Image.open(split.paths[1])), photo(1, (20, 50)))


def test_features_know_the_geometry_as_those_of_files_do():
    split = data.dataset([(photo(index), 0) for index in range(3)], geometry=WHOLE)
    backbone = Backbone("efficientnet_lite0", layers=(8,), weights="random")
    assert backbone.extract(split, cache=False).geometry == WHOLE


class Endless(torch.utils.data.IterableDataset):
    def __iter__(self):
        yield photo(0), 0


@pytest.mark.parametrize(
    ("items", "error", "message"),
    [
        (Endless(), TypeError, "got a Endless without a length: give its items as a list"),
        ({"train": []}, TypeError, "expected a dataset with .* got a dict"),
        ("images", TypeError, "expected a dataset with .* got a str"),
        (iter([]), TypeError, "expected a dataset with .* got a list_iterator"),
        ([], ValueError, "at least one image, got an empty one"),
        ([(photo(0), 0, None, 1)], TypeError, r"\(image, label, mask\) as item 0, got 4 parts"),
        ([{"img": photo(0)}], ValueError, "expected the key 'image' of item 0, got 'img'"),
        ([(photo(0), 0.5)], TypeError, "a number or a name as the label of item 0, got 0.5"),
        ([(photo(0), [0, 1])], TypeError, "a number or a name as the label of item 0"),
        ([("a.png", 0)], TypeError, "expected images as PIL images.* the image of item 0"),
        ([(photo(0), 7)], ValueError, "0 .good. and 1 .anomalous., .* got 7: say .* normal="),
        ([(photo(0), "dent")], ValueError, "a class called good, got dent: say which is"),
        ([(photo(0), 1, hole((9, 9)))], ValueError, r"image's size \(32, 32\) for item 0, got"),
        ([(photo(0), 0, hole())], ValueError, "no defect in the mask of a good image, got 70"),
        ([(photo(0), 1, hole())], ValueError, "expected no masks without a folder"),
        (OfTorch([3], classes=["a", "b"]), ValueError, "labels 0 to 1 of the classes a, b, got 3"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(items, error, message):
    with pytest.raises(error, match=message):
        data.dataset(items)


def test_an_unknown_normal_class_is_refused():
    items = OfTorch([0, 1], classes=["good_nut", "dent"])
    with pytest.raises(ValueError, match="one of the classes dent, good_nut, got 'good_nat': did"):
        data.dataset(items, normal="good_nat")


def test_a_folder_is_complete_or_absent(tmp_path, monkeypatch):
    items = [(photo(0), 0), (photo(1), 1, hole())]
    taken = tmp_path / "taken"
    taken.mkdir()
    with pytest.raises(FileExistsError, match=r"expected a new folder, got .*taken"):
        data.dataset(items, folder=taken)

    def full(self, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left"):
        data.dataset(items, folder=tmp_path / "nut")
    assert os.listdir(tmp_path) == ["taken"]
