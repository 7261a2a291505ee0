"""What a detector found in one image: neighbours, layers' maps, and how its map follows from them.

A map takes 200 kB, the distances that it is made of often 3 kB. So the browser makes the map of an
image, where that gives the stored one.
"""

from __future__ import annotations

import numpy as np

from adviz.core import maps
from adviz.explore.kit.evidence import SAME, layers_of, searched_cells, whole_images
from adviz.explore.kit.packing import Part
from adviz.prediction import Prediction

SIGMA = 4.0  # of the Gaussian that smooths maps, pixels
TRIED = 6  # images that tell how maps are made
STEPS = 65535  # between the ends of a map that is sent
# What float16 may change: of a distance, and of the largest of an image
HALF = 1e-3
FAINT = 1e-5


def root_of(prediction: Prediction) -> bool | None:
    """Return how the map follows from squared distances of patches: from their roots or not.

    None: it does not, as far as a few images tell. Of two ways the one counts that gives more of
    these images' maps.
    """
    if prediction.anomaly_map is None:
        return None
    best = None
    most = 0
    tried = _some_segmented(prediction)
    for root in (False, True):
        count = 0
        for image in tried:
            squares = squared_distances(prediction, image)
            if squares is not None and reproduces(prediction, image, squares, root):
                count += 1
        if count > most:
            best = root
            most = count
    return best


def squared_distances(prediction: Prediction, image: int) -> np.ndarray | None:
    """Return the squared distance of each patch of an image, (h, w) float32.

    Of the nearest neighbour, or the sum of the layers where there are no neighbours; None where
    layers have several sizes.
    """
    searched = searched_cells(prediction)
    if searched:
        distance = prediction.neighbors[searched].distance[image]  # (h, w, k)
        return np.asarray(distance.min(axis=-1), np.float32)
    layers = list(layers_of(prediction).values())
    shapes = {values.shape for values in layers}
    if len(shapes) != 1:
        return None
    return np.asarray(sum(values[image] for values in layers), np.float32)


def made_map(
    squares: np.ndarray,
    size: tuple[int, int],
    box: np.ndarray | None,
    root: bool,
) -> np.ndarray:
    """Return the map that follows from squared distances, as the browser makes it.

    Parameters
    ----------
    squares: (h, w) float, squared distances of patches.
    size: (H, W) of the map, pixels.
    box: (4,) int, the edges of the image in its padding, where the map is 0; None = no padding.
    root: whether the roots of the distances are resized and smoothed.
    """
    values = np.sqrt(squares) if root else squares
    made = maps.smooth(maps.resize(values[None], size), SIGMA)[0]
    if box is None:
        return np.asarray(made)
    inside = maps.inside(box[None], size)[0]
    return np.where(inside, made, 0)


def reproduces(prediction: Prediction, image: int, squares: np.ndarray, root: bool) -> bool:
    """Return whether squared distances give an image's stored map, to a thousandth of its range."""
    if prediction.anomaly_map is None or not np.isfinite(squares).all():
        return False
    if root and squares.min() < 0:
        return False
    stored = prediction.anomaly_map[image]
    box = None if prediction.boxes is None else prediction.boxes[image]
    made = made_map(squares, stored.shape, box, root)
    return bool(np.abs(made - stored).max() <= SAME * np.ptp(stored))


def found_part(
    prediction: Prediction,
    image: int,
    root: bool | None,
    *,
    k: int | None = None,
    half: bool = False,
) -> Part:
    """Return what a detector found in one image, as ``FoundPart`` of types.d.ts says.

    Parameters
    ----------
    root: how maps follow from distances, see `root_of`.
    k: neighbours that are kept, in the order in which they were found; None = all. 0: nothing
        but the map, or what it follows from.
    half: whether distances are stored as float16, with three digits, where that holds all of them.
    """
    part: Part = {}
    searched = searched_cells(prediction) if k != 0 else ""
    if searched:
        found = prediction.neighbors[searched]
        distance = _distances(found.distance[image][..., :k], half)
        part["distance"] = distance
        part["location"] = small_integers(found.location[image][..., :k])
        part["image"] = small_integers(_common(found.image[image][..., :k]))
        squares = distance.min(axis=-1).astype(np.float32)  # as the browser will have them
        shortened = distance.shape[-1] < found.distance.shape[-1]
        if shortened:
            squares = found.distance[image].min(axis=-1).astype(np.float32)
    else:
        squares = squared_distances(prediction, image)
        shortened = False

    if root is not None and squares is not None and reproduces(prediction, image, squares, root):
        # those of all neighbours, which the stored ones do not tell
        if not searched or shortened:
            part["cells"] = squares
    elif prediction.anomaly_map is not None:
        part |= stepped(prediction.anomaly_map[image])

    if prediction.boxes is not None:
        part["box"] = np.asarray(prediction.boxes[image]).astype(np.uint16)
    if k == 0:
        return part
    for number, values in enumerate(layers_of(prediction).values()):
        part[f"layer{number}"] = values[image].astype(np.float32)
    whole = whole_images(prediction)
    if whole is not None:
        part["wholeDistance"] = whole.distance[image, 0, 0, :k].astype(np.float32)
        part["wholeImage"] = small_integers(whole.image[image, 0, 0, :k])
    return part


def small_integers(values: np.ndarray) -> np.ndarray:
    """Return integers from 0 on as uint16, or as uint32 where one needs it."""
    largest = values.max(initial=0)
    return values.astype(np.uint16 if largest <= STEPS else np.uint32)


def _distances(values: np.ndarray, half: bool) -> np.ndarray:
    """Return distances as float16 where that is asked for and holds them, else as float32."""
    single = values.astype(np.float32)
    if not half:
        return single
    with np.errstate(over="ignore"):  # infinity is too far off, and seen below
        rounded = values.astype(np.float16)
    known = single[~np.isnan(single)]
    allowed = HALF * np.abs(known) + FAINT * np.abs(known).max(initial=0)
    error = np.abs(rounded[~np.isnan(single)].astype(np.float32) - known)
    return rounded if (error <= allowed).all() else single


def _common(images: np.ndarray) -> np.ndarray:
    """Return the training images that all patches search, (k,), or those of each, (h, w, k)."""
    first = images[0, 0]
    if (images == first).all():
        return np.asarray(first)
    return images


def stepped(one: np.ndarray) -> Part:
    """Return a map in steps of its range, (H, W) uint16, and the range."""
    ends = np.array([one.min(), one.max()], np.float32)
    low, high = ends.astype(np.float64)
    steps = np.zeros(one.shape, np.uint16)
    if high > low:
        place = np.clip((one - low) / (high - low), 0, 1)
        steps = np.round(place * STEPS).astype(np.uint16)
    return {"map": steps, "range": ends}


def _some_segmented(prediction: Prediction) -> list[int]:
    """Return a few images, spread over all, whose patches were compared."""
    images = np.arange(len(prediction))
    if prediction.segmented is not None:
        images = images[prediction.segmented]
    if not len(images):
        return []
    chosen = np.linspace(0, len(images) - 1, TRIED).round().astype(int)
    return [int(image) for image in images[np.unique(chosen)]]
