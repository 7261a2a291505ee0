"""What explorers show, as facts and named parts, without a widget.

`Source.facts` is small and always in the browser; `Source.part(key)` is the data of one thing, for
which the browser asks. An exported page holds all of them. The keys are listed at `Source.part`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from adviz.data import ANOMALOUS, Category, Sample, Split
from adviz.evaluation import Null
from adviz.explore.kit import measures, pictures
from adviz.explore.kit.checked import (
    Found,
    by_name,
    check,
    check_nulls,
    check_prediction,
    nulls_by_name,
)
from adviz.explore.kit.disagreement import compared
from adviz.explore.kit.evidence import searched_cells, whole_images
from adviz.explore.kit.facts import category_facts, detector_facts, good_facts, number_or_none
from adviz.explore.kit.found import SIGMA, found_part
from adviz.explore.kit.packing import Part, jpeg, names_of, part_key
from adviz.explore.kit.parts import Facts, Images, Parts, wanted
from adviz.explore.kit.regions import region_part
from adviz.explore.kit.truth import Truth, truth_of
from adviz.prediction import Prediction

# Kind -> the names in its keys
KINDS = {
    "test": "category/image",
    "train": "category/image",
    "photo": "test or train/category/image",
    "mean": "category",
    "small": "test or train/category/page",
    "maps": "category/detector/page",
    "found": "category/detector/image",
    "numbers": "category/detector",
    "quantiles": "category/detector",
    "disagreement": "category",
    "pixels": "category/detector",
    "regions": "category/detector/connectivity",
    "areas": "category",
    "guess": "category/detector/image",
}
CONNECTIVITIES = (8, 4)
RARE = 1e-3  # of the good pixels are above the middle of the colours
FEW = 3  # categories that a title names
# Made at once; all others may take longer than a person notices
QUICK = {"test", "train", "found"}


class Source(Parts):
    """Categories and what detectors found in them, for all explorers that show them.

    `Source.of` returns the same source for the same objects.

    Parameters
    ----------
    categories, predictions: as for `explore.results`, by name.
    nulls: category -> detector -> how strange good images are to it.

    Attributes
    ----------
    categories: name -> category.
    """

    def __init__(
        self,
        categories: Mapping[str, Category],
        predictions: Mapping[str, Mapping[str, Found]],
        nulls: Mapping[str, Mapping[str, Null]] | None = None,
    ) -> None:
        check(categories, predictions)
        check_nulls(nulls or {}, predictions)
        super().__init__()
        self.categories = dict(categories)
        self._predictions = {name: dict(predictions[name]) for name in categories}
        # As they were given: what `of` knows the source by must live as long as it
        self._given = {name: dict(predictions[name]) for name in categories}
        self._category_facts: dict[str, Facts] = {}
        self._detector_facts: dict[tuple[str, str], Facts] = {}
        self._nulls = {name: dict(each) for name, each in (nulls or {}).items()}
        self._means: dict[str, np.ndarray] = {}
        self._averaging = threading.Lock()
        self._truth: tuple[str, Truth] | None = None
        self._added: dict[str, Callable[[str], Part]] = {}
        self._quick = set(QUICK)
        self._lock = threading.RLock()

    @classmethod
    def of(
        cls,
        categories: Category | Mapping[str, Category],
        predictions: Prediction | Mapping[str, Any],
        nulls: Null | Mapping[str, Any] | None = None,
    ) -> Source:
        """Return the source of these objects: the same one as long as anything uses it.

        Parameters
        ----------
        categories, predictions, nulls: as for `explore.results`.

        Raises
        ------
        TypeError, ValueError: as `explore.results`.
        """
        named, found = by_name(categories, predictions)
        check(named, found)
        good = nulls_by_name(nulls, found)
        identity = tuple(
            (
                name,
                id(category),
                *((detector, id(one)) for detector, one in found[name].items()),
                *((detector, id(null)) for detector, null in good.get(name, {}).items()),
            )
            for name, category in named.items()
        )
        with _sources_lock:
            source = _sources.get(identity)
            if source is None:
                source = cls(named, found, good)
                _sources[identity] = source
            return source

    # --- what is known at once

    @property
    def facts(self) -> Facts:
        """Everything small, as plain data: ``Facts`` of types.d.ts. It is not to be changed."""
        return self.facts_with()

    def facts_with(self, k: int | None = None) -> Facts:
        """Return `facts` for parts that hold at most the first k neighbours."""
        categories = {}
        for name in self.categories:
            detectors = {
                detector: self._limited(name, detector, k) for detector in self._predictions[name]
            }
            categories[name] = self._facts_of_category(name) | {"detectors": detectors}
        return {
            "id": self.id,
            "small": pictures.SMALL,
            "columns": pictures.COLUMNS,
            "page": pictures.PAGE,
            "sigma": SIGMA,
            "categories": categories,
        }

    def _limited(self, category: str, detector: str, k: int | None) -> Facts | None:
        if self.missing(category, detector) is not None:
            return None
        facts = self._facts_of_detector(category, detector)
        if k is None:
            return facts
        limited = {"k": min(facts["k"], k), "wholeK": min(facts["wholeK"], k)}
        if k == 0:  # nothing but maps
            limited["layers"] = []
        return facts | limited

    def _facts_of_category(self, category: str) -> Facts:
        with self._lock:
            if category not in self._category_facts:
                self._category_facts[category] = category_facts(self.categories[category])
            return self._category_facts[category]

    def _facts_of_detector(self, category: str, detector: str) -> Facts:
        key = category, detector
        prediction = self.prediction(category, detector)
        with self._lock:
            if key not in self._detector_facts:
                facts = detector_facts(self.categories[category], prediction)
                self._detector_facts[key] = facts | self._in_units(key, prediction, facts)
            return self._detector_facts[key]

    def _in_units(self, key: tuple[str, str], prediction: Prediction, facts: Facts) -> Facts:
        """Return what a null adds to the facts of a detector."""
        category, detector = key
        null = self._nulls.get(category, {}).get(detector)
        if null is None:
            return {}
        null.check(prediction)
        units = {"good": good_facts(null, facts["searched"])}
        pixels = null.good.get("pixels")
        if pixels is None or facts["ends"] is None:
            return units
        middle = pixels.quantile(1 - RARE)
        low, high = facts["ends"]
        if middle <= low:  # nearly all good pixels are equal: no scale has its middle there
            return units
        top = 2 * middle - low
        return units | {"limits": [low, top], "ends": [low, max(high, top)], "anchored": True}

    def set_scale(self, category: str, detector: str, limits: Sequence[float]) -> None:
        """Let the colours of a detector's maps end at `limits`, (low, high), unless told otherwise.

        The bar of colours begins at the low end, and goes on to the highest value of its maps.
        """
        facts = self._facts_of_detector(category, detector)
        low, high = map(float, limits)
        ends = [low, max(high, facts["ends"][1])]
        scale = {"limits": [low, high], "ends": ends, "anchored": False}
        with self._lock:
            self._detector_facts[category, detector] = facts | scale

    @property
    def title(self) -> str:
        """Categories and their detectors."""
        categories: dict[str, list[str]] = {}
        for category, detectors in self.predictions.items():
            categories.setdefault(", ".join(detectors), []).append(category)
        return "; ".join(f"{_few(names)}: {each}" for each, names in categories.items())

    def image_counts(self) -> list[int]:
        """Return how many test images each category has."""
        return [len(category.test) for category in self.categories.values()]

    @property
    def predictions(self) -> Mapping[str, Mapping[str, Found]]:
        """Category -> detector -> its prediction, or the function that is to compute it."""
        return self._predictions

    # --- predictions that are still functions

    def missing(self, category: str, detector: str) -> Callable[[], Prediction] | None:
        """Return the function that computes a prediction; None where it is there.

        Raises
        ------
        KeyError: no such category or detector.
        """
        found = self._found(category, detector)
        return None if isinstance(found, Prediction) else found

    def computed(self, category: str, detector: str, prediction: Any) -> None:
        """Take what the function of `missing` returned; what was taken before stays.

        Raises
        ------
        TypeError, ValueError: it is no prediction of the category's test images.
        KeyError: no such category or detector.
        """
        self._found(category, detector)
        check_prediction(category, self.categories[category], detector, prediction)
        with self._lock:
            if self.missing(category, detector) is not None:
                self._predictions[category][detector] = prediction

    def _found(self, category: str, detector: str) -> Found:
        _one_of(self.categories, category, "category")
        _one_of(self._predictions[category], detector, f"detector of {category}")
        return self._predictions[category][detector]

    def prediction(self, category: str, detector: str) -> Prediction:
        """Return a prediction.

        Raises
        ------
        KeyError: no such category or detector.
        RuntimeError: it has not been computed yet, see `missing`.
        """
        found = self._found(category, detector)
        if not isinstance(found, Prediction):
            raise RuntimeError(f"{detector} of {category} has not been computed yet")
        return found

    def compute_all(self) -> None:
        """Compute every prediction that was given as a function."""
        for category, detectors in self._predictions.items():
            for detector in list(detectors):
                function = self.missing(category, detector)
                if function is not None:
                    self.computed(category, detector, function())

    # --- images

    def sample(self, category: str, image: int) -> Sample:
        """Return a test image with its mask."""
        _one_of(self.categories, category, "category")
        return self.categories[category].test[image]

    def mean(self, category: str) -> np.ndarray:
        """Return the mean of a category's training images, (H, W, 3) uint8, made once."""
        with self._averaging:  # which takes long: facts and other parts do not wait for it
            if category not in self._means:
                self._means[category] = pictures.mean_image(self.categories[category].train)
            return self._means[category]

    # --- parts

    def part(self, key: str, *, k: int | None = None, half: bool = False) -> Part:
        """Return one part; its values are not to be changed.

        Parameters
        ----------
        key: as `part_key` makes it, of a kind and names (C category, D detector, i image, p page):

            test/C/i, train/C/i: image (JPEG); of test images mask (packed bits) where it is known
            photo/test/C/i, photo/train/C/i: image (JPEG) with the file's own pixels, if more
            mean/C: image (JPEG), the mean of the training images
            small/test/C/p, small/train/C/p, maps/C/D/p: image (JPEG), a sheet of small pictures
            found/C/D/i: ``FoundPart`` of types.d.ts
            numbers/C/D: numbers (JSON), see `disagreement.compared`
            quantiles/C/D: values (2001) float32
            disagreement/C: scores and maps, (N) float64
            pixels/C/D: threshold (1) float64, the F1-optimal one of pixels
            regions/C/D/8 or 4: all about PRO, see `regions.region_part`
            areas/C: pixels (N) uint32, of the defects
            guess/C/D/i: tags (JSON), [tag, reason] pairs

            Of what there is not, such as maps of a detector without maps, the part is empty.
        k, half: for files: neighbours and precision that are kept of "found", see `found_part`.

        Raises
        ------
        KeyError: no such part.
        RuntimeError: the prediction has not been computed yet, see `missing`.
        """
        if names_of(key)[0] == "found" and (k is not None or half):
            return self._make(key, k, half)
        return super().part(key)

    def add(self, kind: str, make: Callable[[str], Part], *, quick: bool = False) -> None:
        """Take a kind of parts that an explorer brings, made by a function of the key.

        Explorers of one source share them, and exported pages hold them.

        Parameters
        ----------
        quick: whether they are made at once, see `slow`.
        """
        self._added[kind] = make
        if quick:
            self._quick.add(kind)

    def slow(self, key: str) -> bool:
        """Return whether making a part may take so long that it should be done in the background.

        What was made before is there at once.
        """
        return names_of(key)[0] not in self._quick and key not in self._held

    def _keys(self, images: Images, k: int | None) -> Iterator[str]:
        """Yield the keys of what has been computed, and of training images that are neighbours."""
        for category, one in self.categories.items():
            yield from self._keys_of(category, wanted(images, category, len(one.test)), k)

    def _keys_of(self, category: str, images: Sequence[int], k: int | None) -> Iterator[str]:
        one = self.categories[category]
        there = {
            detector: found
            for detector, found in self._predictions[category].items()
            if isinstance(found, Prediction)
        }
        pages = sorted({image // pictures.PAGE for image in images})

        # the images
        for page in pages:
            yield part_key("small", "test", category, page)
        for page in range(pictures.pages(len(one.train))):
            yield part_key("small", "train", category, page)
        if len(one.train):
            yield part_key("mean", category)
        for image in images:
            yield part_key("test", category, image)
        neighbors = _training_images(there.values(), images, k)
        for image in neighbors:
            yield part_key("train", category, image)
        for split, shown in (("test", images), ("train", neighbors)):
            for image in shown:
                yield part_key("photo", split, category, image)

        # what detectors found
        if one.test.has_masks:
            yield part_key("areas", category)
        if len(there) == len(self._predictions[category]):
            yield part_key("disagreement", category)
        for detector, prediction in there.items():
            yield part_key("numbers", category, detector)
            if prediction.anomaly_map is not None:
                yield part_key("quantiles", category, detector)
                for page in pages:
                    yield part_key("maps", category, detector, page)
                if one.test.has_masks:
                    yield part_key("pixels", category, detector)
                    for connectivity in CONNECTIVITIES:
                        yield part_key("regions", category, detector, connectivity)
            for image in images:
                yield part_key("found", category, detector, image)
                if one.test.labels[image] == ANOMALOUS:
                    yield part_key("guess", category, detector, image)

    def _make(self, key: str, k: int | None = None, half: bool = False) -> Part:
        kind, *names = names_of(key)
        if kind in self._added:
            return self._added[kind](key)
        if kind not in KINDS:
            raise KeyError(f"{key!r} is no part: expected a kind of {', '.join(KINDS)}")
        if len(names) != 1 + KINDS[kind].count("/"):
            raise KeyError(f"{key!r} is no part: expected {kind}/{KINDS[kind]}")
        try:
            if kind in ("test", "train", "photo", "mean", "small"):
                return self._picture(kind, names)
            if kind in ("found", "maps", "guess"):
                category, detector, number = names
                return self._of_image(kind, category, detector, number, k, half)
            if kind == "regions":
                return self._regions(*names)
            return self._of_category(kind, *names)
        except KeyError as error:
            raise KeyError(f"{key!r} is no part: {error.args[0]}") from None

    def _picture(self, kind: str, names: list[str]) -> Part:
        """Return a part that holds a picture of images."""
        if kind in ("test", "train"):
            split_name, category, number = kind, *names
        elif kind == "mean":
            split_name, category, number = "train", *names, "0"
        else:
            split_name, category, number = names
        split = self._split(split_name, category)
        if kind == "mean":
            return {"image": jpeg(self.mean(category))}
        sheets = kind == "small"
        count = pictures.pages(len(split)) if sheets else len(split)
        place = index(number, count, "page" if sheets else f"{split_name} image")
        return pictures.picture_part(kind, split, place)

    def _of_image(
        self, kind: str, category: str, detector: str, number: str, k: int | None, half: bool
    ) -> Part:
        """Return a part of what a detector found in an image, or in those of a page."""
        prediction = self.prediction(category, detector)
        split = self.categories[category].test
        if kind == "maps":
            page = index(number, pictures.pages(len(split)), "page")
            maps = prediction.anomaly_map
            if maps is None:
                return {}
            low, high = self._facts_of_detector(category, detector)["limits"]
            sheet = pictures.map_sheet(split, page, maps, (low, high))
            return {"image": jpeg(sheet, pictures.QUALITY)}
        image = index(number, len(split), "test image")
        if kind == "guess":
            return {"tags": measures.guesses(split, prediction, image)}
        root = self._facts_of_detector(category, detector)["root"]
        return found_part(prediction, image, root, k=k, half=half)

    def _of_category(self, kind: str, category: str, detector: str = "") -> Part:
        """Return a part that all images of a category tell together."""
        _one_of(self.categories, category, "category")
        test = self.categories[category].test
        if kind == "areas":
            return {"pixels": measures.defect_areas(test)}
        if kind == "disagreement":
            names = self._predictions[category]
            return measures.disagreement([self.prediction(category, name) for name in names])
        prediction = self.prediction(category, detector)
        if kind == "numbers":
            found = compared(prediction, *self.truth(category))
            return {"numbers": {name: number_or_none(value) for name, value in found.items()}}
        if prediction.anomaly_map is None:
            return {}
        if kind == "quantiles":
            return {"values": measures.quantiles(prediction)}
        if not test.has_masks:
            return {}
        threshold = measures.pixel_threshold(prediction, self.truth(category))
        return {} if threshold is None else {"threshold": np.array([threshold], np.float64)}

    def _regions(self, category: str, detector: str, connectivity: str) -> Part:
        """Return all about PRO, of the images whose pixels are known."""
        if connectivity not in map(str, CONNECTIVITIES):
            raise KeyError(f"expected a connectivity of 8 or 4, got {connectivity!r}")
        prediction = self.prediction(category, detector)
        if prediction.anomaly_map is None or not self.categories[category].test.has_masks:
            return {}
        truth = self.truth(category)
        known = np.flatnonzero(truth.known)
        maps = prediction.anomaly_map[known]
        valid = None if prediction.valid is None else prediction.valid[known]
        masks = np.asarray(truth.masks)[known]
        return region_part(maps, masks, known, int(connectivity), valid)

    def _split(self, name: str, category: str) -> Split:
        if name not in ("test", "train"):
            raise KeyError(f"expected test or train, got {name!r}")
        _one_of(self.categories, category, "category")
        one = self.categories[category]
        return one.test if name == "test" else one.train

    def truth(self, category: str) -> Truth:
        """Return labels and masks; those of the last category are kept."""
        kept = self._truth
        if kept is None or kept[0] != category:
            kept = category, truth_of(self.categories[category].test)
            self._truth = kept
        return kept[1]


_sources: WeakValueDictionary[tuple[Any, ...], Source] = WeakValueDictionary()
_sources_lock = threading.Lock()


def _one_of(there: Collection[str], name: str, what: str) -> None:
    if name not in there:
        raise KeyError(f"expected a {what}, one of {', '.join(there)}, got {name!r}")


def index(text: str, count: int, what: str) -> int:
    """Return an index from 0 on as a number."""
    if not (text.isascii() and text.isdigit() and int(text) < count):
        raise KeyError(f"expected a {what} from 0 to {count - 1}, got {text!r}")
    return int(text)


def _training_images(
    predictions: Collection[Prediction], images: Sequence[int], k: int | None
) -> list[int]:
    """Return the training images among the first k neighbours of some test images, in order."""
    found: set[int] = set()
    for prediction in predictions:
        searched = searched_cells(prediction)
        whole = whole_images(prediction)
        for neighbors in (prediction.neighbors.get(searched), whole):
            if neighbors is not None:
                for image in images:
                    # Counting is quicker than sorting
                    times = np.bincount(neighbors.image[image][..., :k].ravel())
                    found.update(np.flatnonzero(times).tolist())
    return sorted(found)


def _few(names: Sequence[str]) -> str:
    """Return names, or how many categories they are."""
    return ", ".join(names) if len(names) <= FEW else f"{len(names)} categories"
