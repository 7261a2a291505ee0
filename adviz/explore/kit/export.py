"""One HTML file that holds explorers with all their data: no kernel, no network, any browser."""

from __future__ import annotations

import base64
import html
import io
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from adviz._support import write_atomically
from adviz.explore.kit.bundle import bundle, page_style, styles
from adviz.explore.kit.linking import linked_with
from adviz.explore.kit.packing import names_of, packed
from adviz.explore.kit.parts import Parts

if TYPE_CHECKING:
    from adviz.explore.kit.explorer import Explorer

MOST = 200.0  # megabytes of a file that are written without being asked for
BEST_QUALITY = 95  # of a JPEG: more makes files larger and nothing better
SPLIT_FIRST = "small", "photo"  # kinds whose keys name the split before the category
SAMPLE = 5  # parts of a kind that are made for an estimate
# What a page may load: nothing but what it holds itself
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
    "img-src blob: data:"
)


class Embedded(NamedTuple):
    """What shows explorers in a page of one's own.

    Attributes
    ----------
    policy: the content security policy that the page needs, which forbids it any network.
    style: style sheets.
    scripts: elements for the end of the body; the explorers appear in the page's ``<main>``.
    """

    policy: str
    style: str
    scripts: str


def export(
    path: str | Path,
    explorers: Explorer | Sequence[Explorer],
    *,
    title: str = "",
    images: Sequence[int] | None = None,
    categories: Sequence[str] | None = None,
    k: int | None = None,
    half: bool = False,
    quality: int | None = None,
    photos: bool = False,
    most: float = MOST,
) -> Path:
    """Write explorers and the links between them as one HTML file.

    Every click answers as in a notebook, from the file itself: a content policy forbids it any
    network. Equal explorers give equal bytes.

    Parameters
    ----------
    path: of the file; it is written atomically.
    explorers: one or several; what they are linked with is exported, too.
    title: of the page; "" = the categories and their detectors. Further lines are text below it.
    images: indices of the test images that can be shown; None = all. The others stay in the chart
        of scores, and a click on one says that it is not there.
    categories: that can be chosen; None = all. One that an explorer displays is among them.
    k: neighbours that are stored of each patch; None = all where an explorer shows them; 0 =
        nothing but maps.
    half: whether distances are stored as 16-bit floats (three digits).
    quality: of JPEG pictures, 1 to 95; None = 90, as in notebooks. With 70 they take less than
        half the room: colours are stored at half the resolution.
    photos: whether the original files' pixels are stored, for a deeper zoom.
    most: megabytes; a file that is estimated to be larger is not written.

    Returns
    -------
    The path.

    Raises
    ------
    ValueError: nothing to export, an unknown image or category, a quality out of range, or a file
        that would be larger than `most`.
    OSError: it cannot be written.

    Examples
    --------
    >>> view = explore.results(category, prediction)
    >>> explore.export("mesh.html", view, images=range(10), half=True)
    PosixPath('mesh.html')
    """
    page = _Page(explorers, _Kept(images, categories, k, half, quality, photos))
    size = page.estimate() / 1e6
    if size > most:
        raise ValueError(
            f"expected a file of at most {most:g} MB, this would be one of about {size:.0f} MB: "
            "choose images= or categories=, a smaller k= or quality=, half=True, or allow more by "
            "most="
        )
    path = Path(path)
    write_atomically(path, page.text(title).encode())
    return path


def export_size(
    explorers: Explorer | Sequence[Explorer],
    *,
    images: Sequence[int] | None = None,
    categories: Sequence[str] | None = None,
    k: int | None = None,
    half: bool = False,
    quality: int | None = None,
    photos: bool = False,
) -> float:
    """Estimate the megabytes of what `export` would write, from a few parts of each kind.

    Examples
    --------
    >>> view = explore.results(category, prediction)
    >>> explore.export_size(view) < 20
    True
    """
    kept = _Kept(images, categories, k, half, quality, photos)
    return _Page(explorers, kept).estimate() / 1e6


def embedded(
    explorers: Explorer | Sequence[Explorer],
    *,
    images: Sequence[int] | None = None,
    half: bool = False,
) -> Embedded:
    """Return what shows explorers in another page, such as a report; options as for `export`.

    Raises
    ------
    ValueError: nothing to show, or an unknown image.
    """
    page = _Page(explorers, _Kept(images, half=half))
    return Embedded(POLICY, styles(), page.scripts())


@dataclass(frozen=True)
class _Kept:
    """What a page stores of its explorers; see `export`."""

    images: Sequence[int] | None = None
    categories: Sequence[str] | None = None
    k: int | None = None
    half: bool = False
    quality: int | None = None
    photos: bool = False


class _Page:
    """Explorers, their sources and what is stored of these."""

    def __init__(self, explorers: Explorer | Sequence[Explorer], kept: _Kept) -> None:
        chosen = list(explorers) if isinstance(explorers, Sequence) else [explorers]
        if not chosen:
            raise ValueError("expected an explorer to export, got none")
        self.explorers: list[Explorer] = []
        for explorer in chosen:
            self.explorers += [one for one in linked_with(explorer) if one not in self.explorers]
        self.sources = list(dict.fromkeys(explorer.source for explorer in self.explorers))
        self._images = None if kept.images is None else self._known(kept.images)
        self._kept = kept
        self._check(kept)
        for source in self.sources:
            source.compute_all()

    def _known(self, images: Sequence[int]) -> list[int]:
        counts = [count for source in self.sources for count in source.image_counts()]
        if not counts:
            raise ValueError("expected no images=, as no explorer shows test images, got some")
        chosen = list(images)
        unknown = [image for image in chosen if not 0 <= image < max(counts)]
        if unknown or not chosen:
            raise ValueError(
                f"expected images between 0 and {max(counts) - 1}, one or more, got "
                f"{unknown or 'none'}"
            )
        return chosen

    def _check(self, kept: _Kept) -> None:
        """Raise an error where categories or the quality cannot be had."""
        if kept.quality is not None and not 1 <= kept.quality <= BEST_QUALITY:
            raise ValueError(f"expected a quality from 1 to {BEST_QUALITY}, got {kept.quality}")
        if kept.categories is None:
            return
        known = {name for source in self.sources for name in source.facts.get("categories", {})}
        displayed = {one.category for one in self.explorers if hasattr(one, "category")}
        unknown = set(kept.categories) - known
        if unknown or not displayed <= set(kept.categories):
            raise ValueError(
                f"expected categories among {', '.join(sorted(known))}, with those on display, "
                f"{', '.join(sorted(displayed))}, got {list(kept.categories)}"
            )

    def _is_left_out(self, category: str) -> bool:
        return self._kept.categories is not None and category not in self._kept.categories

    def keys(self, source: Parts) -> list[str]:
        """Return the keys that the explorers of a source ask for, each once."""
        k = self._k_of(source)
        keys: dict[str, None] = {}
        for explorer in self.explorers:
            if explorer.source is source:
                some = explorer.export_keys(images=self._images, k=k, photos=self._kept.photos)
                keys.update(dict.fromkeys(some))
        left_out = set(filter(self._is_left_out, source.facts.get("categories", {})))
        return [key for key in keys if _category(key) not in left_out]

    def _k_of(self, source: Parts) -> int | None:
        """Return how many neighbours are stored: none where no explorer of a source shows them."""
        if self._kept.k is not None:
            return self._kept.k
        shown = any("train" in one.KINDS for one in self.explorers if one.source is source)
        return None if shown else 0

    def estimate(self) -> float:
        """Estimate the bytes of the file, from all but the parts and a few of these."""
        total = float(len(self._text("", [])))
        for source in self.sources:
            total += sum(self._estimated(source, keys) for keys in _by_kind(self.keys(source)))
        return total

    def _estimated(self, source: Parts, keys: Sequence[str]) -> float:
        step = max(1, len(keys) // SAMPLE)
        sizes = [len(self._element(source, key)) for key in keys[::step]]
        return len(keys) * sum(sizes) / len(sizes)

    def text(self, title: str) -> str:
        """Return the page."""
        return self._text(title, self._elements())

    def scripts(self) -> str:
        """Return the elements that hold the explorers and start them."""
        scripts: str = _template("scripts").render(self._contents(self._elements()))
        return scripts

    def _text(self, title: str, parts: Iterable[str]) -> str:
        picture = base64.b64encode(self._picture(self.explorers[0].picture())).decode()
        heading, *lines = (title or self._title()).splitlines() or [""]
        page: str = _template("page").render(
            self._contents(parts),
            title=heading,
            lines=lines,
            policy=POLICY,
            style=page_style() + styles(),
            picture=picture,
        )
        return page

    def _contents(self, parts: Iterable[str]) -> dict[str, Any]:
        """Return what the template of the scripts is filled with."""
        setup: dict[str, Any] = {
            "modules": self._modules(),
            "explorers": [self._setup_of(explorer) for explorer in self.explorers],
            "links": self._links(),
            "facts": [self._facts_of(source) for source in self.sources],
        }
        return {
            "setup": _safe(json.dumps(setup)),
            "modules": {name: _deflated(bundle(name).encode()) for name in setup["modules"]},
            "shim": _safe(bundle("shim.js")),
            "parts": parts,
        }

    def _facts_of(self, source: Parts) -> dict[str, Any]:
        """Return a source's facts, named by its number: a page's bytes do not depend on the day."""
        facts = {**source.facts_with(self._k_of(source)), "id": str(self.sources.index(source))}
        if "categories" in facts:
            categories = facts["categories"].items()
            facts["categories"] = {
                name: of for name, of in categories if not self._is_left_out(name)
            }
        return facts

    def _elements(self) -> Iterable[str]:
        for source in self.sources:
            for key in self.keys(source):
                yield self._element(source, key)

    def _element(self, source: Parts, key: str) -> str:
        """Return a part as an element with base64 inside: JPEGs as they are, the rest deflated."""
        part = source.part(key, k=self._k_of(source), half=self._kept.half)
        steps = part.get("map")
        if isinstance(steps, np.ndarray):
            part = {**part, "map": differences(steps)}
        heads, values = packed(part)
        texts = []
        for head, value in zip(heads, values, strict=True):
            if head["name"] == "map":
                head["differences"] = True
            is_picture = head["dtype"] == "jpeg"
            texts.append(
                base64.b64encode(self._picture(value)).decode() if is_picture else _deflated(value)
            )
        name = html.escape(f"{self.sources.index(source)}:{key}")
        described = html.escape(json.dumps(heads))
        return (
            f'<script type="adviz/part" id="{name}" data-heads="{described}">'
            f"{' '.join(texts)}</script>"
        )

    def _picture(self, file: bytes) -> bytes:
        """Return a JPEG file in the quality of the page."""
        if self._kept.quality is None or not file:
            return file
        with Image.open(io.BytesIO(file)) as picture:
            smaller = io.BytesIO()
            picture.save(smaller, "JPEG", quality=self._kept.quality)
            return smaller.getvalue()

    def _title(self) -> str:
        if self._kept.categories is not None:
            return ", ".join(self._kept.categories)
        return "; ".join(dict.fromkeys(source.title for source in self.sources))

    def _modules(self) -> list[str]:
        return list(dict.fromkeys(explorer.MODULE for explorer in self.explorers))

    def _setup_of(self, explorer: Explorer) -> dict[str, Any]:
        state = explorer.exported_state(self._images)
        state["options"] = {**explorer.options, "exported": True, "images": self._images}
        state |= {"busy": "", "error": ""}
        source = self.sources.index(explorer.source)
        return {"module": explorer.MODULE, "source": source, "state": state}

    def _links(self) -> list[list[Any]]:
        links: dict[tuple[int, int, str], None] = {}
        for explorer in self.explorers:
            for first, second, name in explorer.links:
                key = self.explorers.index(first), self.explorers.index(second), name
                links[key] = None
        return [list(key) for key in links]


def differences(steps: np.ndarray) -> np.ndarray:
    """Return what the pixels of a map differ by from their neighbours, modulo 2**16.

    Of a smooth map these are small numbers, which deflate to less than half of what the map does;
    ``summed`` of shim.js gives the map back.

    Parameters
    ----------
    steps: (H, W) uint16, see `stepped`.

    Returns
    -------
    (H, W) uint16: second differences along the rows and along the columns.
    """
    for axis in (0, 1, 0, 1):
        steps = np.diff(steps, axis=axis, prepend=np.uint16(0))
    return steps


def _category(key: str) -> str:
    """Return the category that a part is of, where its source has some."""
    kind, *names = names_of(key)
    return names[1] if kind in SPLIT_FIRST else names[0]


def _by_kind(keys: Iterable[str]) -> list[list[str]]:
    kinds: dict[str, list[str]] = {}
    for key in keys:
        kinds.setdefault(key.split("/")[0], []).append(key)
    return list(kinds.values())


def _deflated(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 9)).decode()


def _template(name: str) -> Any:
    import jinja2

    loader = jinja2.PackageLoader("adviz.explore.kit", ".")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template(f"{name}.html.jinja")


def _safe(text: str) -> str:
    """Return a text that cannot end the script element that it stands in."""
    return text.replace("</", "<\\/")
