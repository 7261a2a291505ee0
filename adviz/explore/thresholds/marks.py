"""A person's words for images: which tags fit, and what is kept of them in a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from adviz.explore.kit.error_tags import TAGS
from adviz.explore.thresholds.tags import Tag, read_tags, write_tags

Labels = Mapping[str, Mapping[str, int]]  # category -> image's id -> label
Place = tuple[str, str, str]  # detector, category, image's id


def check_tag(tag: str, label: int, name: str) -> None:
    """Raise unless there is such a tag for images of a label, or it is empty.

    Raises
    ------
    ValueError: another tag; `name` says of which image.
    """
    allowed = TAGS[label]
    if tag and tag not in allowed:
        expected = " | ".join(allowed) or "none, it is unlabelled"
        raise ValueError(f"unknown tag {tag!r} of {name}: expected {expected}; nothing was changed")


def check_image(category: str, image: str, labels: Labels) -> None:
    """Raise unless a category has a test image of this id.

    Raises
    ------
    ValueError: there is no such image.
    """
    if category not in labels:
        raise ValueError(
            f"unknown image {category}/{image}: the categories are {', '.join(labels)}; nothing "
            "was changed"
        )
    if image not in labels[category]:
        example = next(iter(labels[category]))
        raise ValueError(
            f"unknown image {category}/{image}: {category} has no such test image, but others such "
            f"as {example}; nothing was changed"
        )


def place_of(key: str, labels: Labels) -> tuple[str, str]:
    """Return category and image's id of "category/image's id"; names may hold a / themselves."""
    for category in labels:
        if key.startswith(f"{category}/"):
            return category, key[len(category) + 1 :]
    category, _, image = key.partition("/")
    return category, image


def write_chosen(path: str | Path, tags: Sequence[Tag], seen: Collection[Place]) -> None:
    """Write tags, unless that loses a person's words.

    Parameters
    ----------
    path: of the file.
    tags: all that are to be in it.
    seen: places of the tags that were ever here: these may be overwritten.

    Raises
    ------
    ValueError: the file holds chosen tags of other places.
    OSError: it cannot be written.
    """
    if Path(path).exists():
        there = {tag.place for tag in read_tags(path) if not tag.suggested}
        unknown = there - set(seen) - {tag.place for tag in tags}
        if unknown:
            first = " · ".join(min(unknown))
            raise ValueError(
                f"{path} holds {len(unknown)} chosen tags that are not here, such as {first}: load "
                "them first, or save to another file; nothing was written"
            )
    write_tags(path, tags)


def read_chosen(path: str | Path, detectors: Collection[str], labels: Labels) -> list[Tag]:
    """Return the tags of a file that a person chose.

    Raises
    ------
    ValueError: the file is no such file, or it names an unknown detector, image or tag.
    OSError: there is no such file.
    """
    tags = read_tags(path)
    for tag in tags:
        if tag.detector not in detectors:
            raise ValueError(
                f"expected tags of the detectors {', '.join(detectors)}, got {tag.detector!r} in "
                f"{path}; nothing was changed"
            )
        check_image(tag.category, tag.image, labels)
        label = labels[tag.category][tag.image]
        check_tag(tag.tag, label, f"{tag.category}/{tag.image}")
    return [tag for tag in tags if not tag.suggested]
