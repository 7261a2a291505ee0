"""Annotations are decoded again, here and by pycocotools, and compared with the maps."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

import adviz
from adviz import Prediction
from adviz.data import Geometry, Split

WIDTH, HEIGHT = 40, 30


def decoded(segmentation):
    """Undo the run lengths as COCO defines them: down the columns, first what is no region."""
    height, width = segmentation["size"]
    values = []
    for number, count in enumerate(segmentation["counts"]):
        values += [number % 2] * count
    return np.array(values, dtype=bool).reshape(width, height).T


def maps_with_regions():
    """Two images: a ring and a pixel in the corner; and nothing."""
    maps = np.zeros((2, HEIGHT, WIDTH), np.float32)
    maps[0, 5:15, 10:22] = 2.0
    maps[0, 8:12, 13:19] = 0.5  # a hole
    maps[0, 6, 11] = 7.0
    maps[0, 0, 0] = 3.0
    return maps


@pytest.fixture
def prediction():
    return Prediction([7.5, 0.25], maps_with_regions(), detector="mine", ids=("a.png", "b.png"))


def test_regions_are_decoded_to_the_pixels_that_reach_the_threshold(prediction):
    coco = json.loads(json.dumps(adviz.to_coco(prediction, 2.0)))
    assert [image["file_name"] for image in coco["images"]] == ["a.png", "b.png"]
    assert [image["score"] for image in coco["images"]] == [7.5, 0.25]
    assert {(image["width"], image["height"]) for image in coco["images"]} == {(WIDTH, HEIGHT)}
    corner, ring = coco["annotations"]
    assert corner["image_id"] == ring["image_id"] == coco["images"][0]["id"]
    assert corner["bbox"] == [0, 0, 1, 1]
    assert ring["bbox"] == [10, 5, 12, 10]
    assert (corner["area"], ring["area"]) == (1, 120 - 24)
    assert (corner["score"], ring["score"]) == (3.0, 7.0)
    assert corner["segmentation"]["counts"][:2] == [0, 1]
    union = decoded(corner["segmentation"]) | decoded(ring["segmentation"])
    np.testing.assert_array_equal(union, maps_with_regions()[0] >= 2)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # its own
def test_pycocotools_reads_them(prediction, tmp_path):
    pytest.importorskip("pycocotools")
    from pycocotools.coco import COCO

    path = tmp_path / "regions.json"
    path.write_text(json.dumps(adviz.to_coco(prediction, 2.0)))
    read = COCO(str(path))
    annotations = read.loadAnns(read.getAnnIds(imgIds=[1], catIds=read.getCatIds(["anomalous"])))
    union = np.any([read.annToMask(annotation) for annotation in annotations], axis=0)
    np.testing.assert_array_equal(union, maps_with_regions()[0] >= 2)


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(32, resize=48),
        Geometry((24, 48), crop=False),
        Geometry(40, resize=40, aspect="shorter"),
        Geometry(40, crop=False, aspect="letterbox"),
    ],
)
def test_with_a_split_regions_lie_where_they_are_in_the_files(geometry, tmp_path):
    """A bright square of the file, seen by the geometry, is found where it is in the file."""
    pixels = np.zeros((90, 120, 3), np.uint8)
    pixels[30:60, 45:75] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    split = Split([tmp_path / "a.png"], [-1], [None], [""], geometry=geometry, root=tmp_path)
    maps = split.image(0)[None, ..., 0] / 255
    prediction = Prediction([1.0], maps, boxes=split.boxes, ids=split.ids)
    (annotation,) = adviz.to_coco(prediction, 0.55, split)["annotations"]
    assert annotation["segmentation"]["size"] == [90, 120]
    left, top, width, height = annotation["bbox"]
    # A pixel of the smallest map is 120 / 40 = 3 pixels of the file, or 90 / 24 = 3.75
    np.testing.assert_allclose([left, top, left + width, top + height], [45, 30, 75, 60], atol=4)
    image = adviz.to_coco(prediction, 0.55, split)["images"][0]
    assert (image["file_name"], image["width"], image["height"]) == ("a.png", 120, 90)


def test_padding_is_no_region():
    boxes = np.array([[10, 0, 20, WIDTH]] * 2)
    prediction = Prediction([1.0, 1.0], np.zeros((2, HEIGHT, WIDTH)), boxes=boxes)
    annotations = adviz.to_coco(prediction, 0.0)["annotations"]
    assert [annotation["bbox"] for annotation in annotations] == [[0, 10, WIDTH, 10]] * 2


def test_what_has_no_regions_is_refused(prediction, tmp_path):
    without = dataclasses.replace(prediction, anomaly_map=None)
    with pytest.raises(ValueError, match="expected a prediction with maps, got"):
        adviz.to_coco(without, 1.0)
    with pytest.raises(ValueError, match="expected a finite threshold of the maps' values"):
        adviz.to_coco(prediction, float("nan"))
    with pytest.raises(TypeError, match="expected a Prediction, then a threshold, got a float"):
        adviz.to_coco(1.0, prediction)
    pixels = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    split = Split.from_arrays(pixels, [0, 1], geometry=Geometry(16))
    with pytest.raises(ValueError, match=r"images of the maps' size \(30, 40\), got \(16, 16\)"):
        adviz.to_coco(prediction, 1.0, split)
    with pytest.raises(ValueError, match="split of the 2 predicted images, got one of 1"):
        adviz.to_coco(prediction, 1.0, split.subset([0]))
    others = Split.from_arrays(pixels, [0, 1], names=["c.png", "d.png"])
    with pytest.raises(ValueError, match="expected a prediction of these images"):
        adviz.to_coco(prediction, 1.0, others)
