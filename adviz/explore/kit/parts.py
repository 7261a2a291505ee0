"""Where explorers get what they show, without a widget: small facts, and parts of data by key."""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from adviz.explore.kit.packing import Part, bytes_of, names_of

HELD = 256_000_000  # bytes of parts in memory

Facts = dict[str, Any]
Images = Sequence[int] | Mapping[str, Sequence[int]] | None


class Parts(ABC):
    """Facts, which the browser always has, and parts, for which it asks by key.

    An exported page holds all of them. Parts may be asked for from several threads.

    Attributes
    ----------
    id: names it in the browser, where explorers of one source on a page share its parts.
    """

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex
        self._held = Held(HELD)

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """Everything small, as plain data, with "id". It is not to be changed."""

    def facts_with(self, k: int | None = None) -> Facts:
        """Return `facts` for parts that hold at most the first k neighbours; None = all."""
        return self.facts

    @property
    @abstractmethod
    def title(self) -> str:
        """What is shown, in a few words, for the titles of pages."""

    def part(self, key: str, *, k: int | None = None, half: bool = False) -> Part:
        """Return one part; its values are not to be changed.

        Parameters
        ----------
        key: as `part_key` makes it, of a kind and names.
        k, half: for files: how many neighbours are kept, and whether as float16.

        Raises
        ------
        KeyError: no such part.
        """
        return self._held.get(key, lambda: self._make(key))

    @abstractmethod
    def _make(self, key: str) -> Part:
        """Make one part.

        Raises
        ------
        KeyError: no such part.
        """

    def slow(self, key: str) -> bool:
        """Return whether making a part may take so long that it should be done in the background.

        What was made before is there at once.
        """
        return False

    def keys(
        self,
        *,
        kinds: Collection[str] | None = None,
        images: Images = None,
        k: int | None = None,
        photos: bool = False,
    ) -> Iterator[str]:
        """Yield the keys of all parts that hold anything and that a page may show.

        Parameters
        ----------
        kinds: of parts that are wanted; None = all.
        images: indices of test images, of each category or by its name; None = all.
        k: neighbours of a patch or an image that are kept; None = all.
        photos: whether the files' own pixels are wanted, which take most of the space.
        """
        for key in dict.fromkeys(self._keys(images, k)):  # each once
            kind = names_of(key)[0]
            if (photos or kind != "photo") and (kinds is None or kind in kinds):
                yield key

    @abstractmethod
    def _keys(self, images: Images, k: int | None) -> Iterator[str]:
        """Yield the keys of all parts; `images` and `k` as for `keys`."""

    def image_counts(self) -> list[int]:
        """Return how many test images each category has; none where there are no such images."""
        return []

    def compute_all(self) -> None:  # noqa: B027  (most have nothing that is still to be computed)
        """Compute what was given as functions."""


def wanted(images: Images, category: str, count: int) -> list[int]:
    """Return those of a category's `count` test images that are wanted."""
    if isinstance(images, Mapping):
        images = images.get(category)
    every = range(count)
    return list(every) if images is None else [image for image in images if image in every]


class Held:
    """Parts that were made, the latest ones up to a number of bytes; each is made once at a time.

    Threads that ask for one that is being made wait for it, others do not.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._parts: OrderedDict[str, Part] = OrderedDict()
        self._bytes: dict[str, int] = {}
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def __contains__(self, key: str) -> bool:
        return key in self._parts

    def get(self, key: str, make: Callable[[], Part]) -> Part:
        """Return a part, which is made where it is not held."""
        part = self._kept(key)
        if part is not None:
            return part
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        try:
            with making:
                part = self._kept(key)
                if part is None:
                    part = make()
                    self._keep(key, part)
                return part
        finally:
            with self._lock:
                self._making.pop(key, None)

    def _kept(self, key: str) -> Part | None:
        with self._lock:
            if key in self._parts:
                self._parts.move_to_end(key)
            return self._parts.get(key)

    def _keep(self, key: str, part: Part) -> None:
        with self._lock:
            self._parts[key] = part
            self._bytes[key] = bytes_of(part)
            while sum(self._bytes.values()) > self._most and len(self._parts) > 1:
                oldest, _ = self._parts.popitem(last=False)
                del self._bytes[oldest]
