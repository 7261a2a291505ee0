"""`to_coco`: anomalous regions of maps as COCO's annotations, which labelling tools read."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from adviz import metrics
from adviz._support import require_attributes
from adviz.data import Split, image_size
from adviz.prediction import Prediction

NAME = "anomalous"


def to_coco(prediction: Prediction, threshold: float, split: Split | None = None) -> dict[str, Any]:
    """Return the connected regions where maps reach a threshold, as COCO's annotations.

    Written with ``json.dumps``, the dictionary is what COCO calls object detection or instance
    segmentation: images, annotations, and the one category "anomalous". A region's mask is an
    uncompressed run-length encoding, which is exact and keeps holes.

    Parameters
    ----------
    prediction: N images with maps.
    threshold: of the map's values, in the unit of the map, which need not be that of the score; a
        pixel is anomalous where its value is >= this. The highest value on good images is a start:
        ``prediction.anomaly_map[labels == 0].max()``.
    split: of these images; regions are then in the pixels of their files, before these were resized
        and cropped. None = in the pixels of the maps.

    Returns
    -------
    ``images``: id, file_name, width, height and score (the image's); ``annotations``: id, image_id,
    category_id, segmentation, bbox (left, top, width, height), area (pixels), iscrowd (0) and score
    (the region's highest value). Ids count from 1.

    Raises
    ------
    ValueError: no maps, a threshold that is not finite, or a split of other images.

    Examples
    --------
    >>> import adviz, json
    >>> threshold = prediction.anomaly_map[category.test.labels == 0].max()
    >>> coco = adviz.to_coco(prediction, threshold, category.test)
    >>> coco["images"][0]["file_name"], sorted(coco["annotations"][0])[:3]
    ('test/chip/000.png', ['area', 'bbox', 'category_id'])
    >>> len(json.dumps(coco)) > 1000
    True
    """
    require_attributes(prediction, "score anomaly_map", "a Prediction, then a threshold")
    maps = prediction.anomaly_map
    if maps is None:
        raise ValueError(f"expected a prediction with maps, got {prediction!r}")
    if not np.isfinite(threshold):
        raise ValueError(f"expected a finite threshold of the maps' values, got {threshold}")
    names = list(prediction.ids) or [str(index) for index in range(len(prediction))]
    if split is not None:
        names = _names(split, prediction)
    images = []
    annotations: list[dict[str, Any]] = []
    for index, values in enumerate(maps):
        is_anomalous = values >= threshold
        if prediction.valid is not None:
            is_anomalous &= prediction.valid[index]
        width, height = _size(split, index, values)
        images.append(
            {
                "id": index + 1,
                "file_name": names[index],
                "width": width,
                "height": height,
                "score": float(prediction.score[index]),
            }
        )
        regions, areas = metrics.regions(is_anomalous[None])
        for number in range(1, len(areas) + 1):
            region = regions[0] == number
            mask = region if split is None else _in_file(region, split, (width, height))
            if not mask.any():  # smaller than a pixel of its file
                continue
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": 1,
                    "segmentation": _run_lengths(mask),
                    "bbox": _box(mask),
                    "area": int(mask.sum()),
                    "iscrowd": 0,
                    "score": float(values[region].max()),
                }
            )
    return {
        "info": {"description": f"regions of {prediction.detector or 'maps'} >= {threshold:g}"},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": NAME, "supercategory": ""}],
    }


def _names(split: Split, prediction: Prediction) -> list[str]:
    """Return the names of a split's images, once it is clear that they are these."""
    require_attributes(split, "ids geometry paths", "the Split of the predicted images")
    if len(split) != len(prediction):
        raise ValueError(
            f"expected the split of the {len(prediction)} predicted images, got one of {len(split)}"
        )
    prediction.check_images(split.ids)
    shape = np.asarray(prediction.anomaly_map).shape[1:]
    if shape != split.image_size:
        raise ValueError(
            f"expected a split of images of the maps' size {shape}, got {split.image_size}"
        )
    return split.ids


def _size(split: Split | None, index: int, values: np.ndarray) -> tuple[int, int]:
    """Return (width, height) of an image: its file's, or its map's."""
    if split is None:
        return values.shape[1], values.shape[0]
    if split.pixels is None:
        return image_size(split.paths[index])
    height, width = split.pixels[index].shape[:2]
    return width, height


def _in_file(region: np.ndarray, split: Split, size: tuple[int, int]) -> np.ndarray:
    """Return a region of a map, (H, W) bool, in the pixels of the file of `size`."""
    geometry = split.geometry
    top, left, bottom, right = geometry.box(size)
    rows, columns = geometry.window(size)
    shape = (columns.stop - columns.start, rows.stop - rows.start)
    resized = Image.fromarray(region[top:bottom, left:right]).resize(
        shape, Image.Resampling.NEAREST
    )
    mask = np.zeros((size[1], size[0]), dtype=bool)
    mask[rows, columns] = np.asarray(resized)
    return mask


def _run_lengths(mask: np.ndarray) -> dict[str, list[int]]:
    """Return COCO's uncompressed run-length encoding: column by column, False first."""
    values = np.concatenate([[False], mask.ravel(order="F")])
    changes = np.flatnonzero(values[1:] != values[:-1])
    edges = np.concatenate([[0], changes, [mask.size]])
    return {"size": list(mask.shape), "counts": np.diff(edges).tolist()}


def _box(mask: np.ndarray) -> list[int]:
    """Return left, top, width and height of the pixels of a mask."""
    rows = np.flatnonzero(mask.any(1))
    columns = np.flatnonzero(mask.any(0))
    width = columns[-1] - columns[0] + 1
    height = rows[-1] - rows[0] + 1
    return [int(columns[0]), int(rows[0]), int(width), int(height)]
