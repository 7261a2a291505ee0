"""Tags of errors: controls for the displayed image, and the file that they are kept in."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from adviz.data import Category
from adviz.explore.kit.error_tags import TAGS
from adviz.explore.kit.image_stepper import Found
from adviz.explore.kit.view import Quiet, labelled, wrapped
from adviz.explore.thresholds.decisions import DecisionView
from adviz.explore.thresholds.tags import Tag, read_tags, write_tags

Place = tuple[str, str, str]  # detector, category, image's id
Labels = Mapping[str, Mapping[str, int]]  # category -> image's id -> label
NONE = "none yet"


class Tagging(widgets.VBox):  # type: ignore[misc]
    """Choose the kind of error that the displayed image is, say something about it.

    Tags and notes are kept in a file.

    Parameters
    ----------
    changed: called when a person has chosen or written something.
    asked: called with "save" or "load" and a path, when a button was clicked.

    Attributes
    ----------
    marks: (detector, category, image's id) -> (tag, note), either of which may be empty but not
        both.
    """

    def __init__(self, changed: Callable[[], None], asked: Callable[[str, str], None]) -> None:
        self.marks: dict[Place, tuple[str, str]] = {}
        # What was ever here: a file that holds more is not overwritten
        self._seen: set[Place] = set()
        self._place: Place = ("", "", "")
        self._changed, self._quiet = changed, Quiet()
        self._tag = labelled(
            widgets.Dropdown(
                options=[(NONE, "")], description="error type", layout=widgets.Layout(width="400px")
            ),
            "tag",
            self._choose,
        )
        self._note = labelled(
            widgets.Text(
                description="note", continuous_update=False, layout=widgets.Layout(width="340px")
            ),
            "note",
            self._choose,
        )
        self._file = widgets.Text(
            "error_tags.json", description="file", layout=widgets.Layout(width="300px")
        )
        self._file.add_class("adviz-file")
        buttons = [self._button(name, asked) for name in ("save", "load")]
        self._hint = widgets.HTML().add_class("adviz-suggestion")
        super().__init__(
            [wrapped([self._tag, self._note, self._file, *buttons], align="center"), self._hint]
        )

    def _button(self, name: str, asked: Callable[[str, str], None]) -> widgets.Button:
        tip = {"save": "write all tags to the file", "load": "read tags from the file"}[name]
        button = widgets.Button(
            description=f"{name} tags", tooltip=tip, layout=widgets.Layout(width="100px")
        )
        button.add_class(f"adviz-{name}").on_click(lambda _: asked(name, str(self._file.value)))
        return button

    def show(
        self, place: Place, label: int, suggestions: Sequence[tuple[str, str]], wrong: bool
    ) -> None:
        """Show the tag of an image; `suggestions` are marked in the list.

        They are explained below it.
        """
        tag, note = self.marks.get(place, ("", ""))
        suggested = dict(suggestions)
        names = dict.fromkeys([*TAGS[label], *([tag] if tag else [])])
        self._place = place
        options = ((NONE, ""), *((f"{n} (suggested)" if n in suggested else n, n) for n in names))
        with self._quiet:
            if self._tag.options != options:  # setting them chooses the first for a moment
                self._tag.options = options
            self._tag.value, self._note.value = tag, note
            self._tag.disabled = self._note.disabled = not (wrong or tag or note)
        parts = [
            f"<b>{html.escape(name)}</b>: {html.escape(why)}" for name, why in suggested.items()
        ]
        self._hint.value = f"suggested, not chosen: {'; '.join(parts)}" if parts and wrong else ""

    def set(self, place: Place, tag: str, note: str) -> None:
        """Keep a tag and a note for an image; with neither it is forgotten."""
        self._seen.add(place)
        if tag or note:
            self.marks[place] = tag, note
        else:
            self.marks.pop(place, None)

    def _choose(self, _change: Any) -> None:
        if not self._quiet:
            self.set(self._place, str(self._tag.value or ""), str(self._note.value))
            self._changed()

    def save(self, path: str | Path, tags: Sequence[Tag]) -> None:
        """Write tags; see `ThresholdsView.save_tags`."""
        if Path(path).exists():
            there = {tag.place for tag in read_tags(path) if not tag.suggested}
            unknown = there - self._seen - {tag.place for tag in tags}
            if unknown:
                first = " · ".join(min(unknown))
                raise ValueError(
                    f"{path} holds {len(unknown)} chosen tags that are not here, such as {first}: "
                    "load them first, or "
                    "save to another file; nothing was written"
                )
        write_tags(path, tags)

    def load(self, path: str | Path, detectors: Sequence[str], labels: Labels) -> int:
        """Read tags and return how many were a person's; see `ThresholdsView.load_tags`."""
        tags = read_tags(path)
        for tag in tags:
            if tag.detector not in detectors:
                raise ValueError(
                    f"expected tags of the detectors {', '.join(detectors)}, got {tag.detector!r} "
                    f"in {path}; "
                    "nothing was changed"
                )
            checked(tag.category, tag.image, tag.tag, labels)
        chosen = [tag for tag in tags if not tag.suggested]
        for tag in chosen:
            self.set(tag.place, tag.tag, tag.note)
        return len(chosen)


def checked(category: str, image: str, tag: str, labels: Labels) -> None:
    """Raise unless there is this image, and this tag for what it is."""
    if category not in labels:
        raise ValueError(
            f"unknown image {category}/{image}: the categories are {', '.join(labels)}; nothing "
            "was changed"
        )
    if image not in labels[category]:
        example = next(iter(labels[category]))
        raise ValueError(
            f"unknown image {category}/{image}: {category} has no such test image, but others such "
            "as "
            f"{example}; nothing was changed"
        )
    allowed = TAGS[labels[category][image]]
    if tag and tag not in allowed:
        raise ValueError(
            f"unknown tag {tag!r} of {category}/{image}: expected "
            f"{' | '.join(allowed) or 'none, it is unlabelled'}; "
            "nothing was changed"
        )


class TaggedView(DecisionView):
    """A threshold and, for images on the wrong side of it, a person's words, by detector."""

    def __init__(
        self, categories: Mapping[str, Category], predictions: Mapping[str, Mapping[str, Found]]
    ) -> None:
        self._tagging = Tagging(self._redraw, self._use_file)
        super().__init__(categories, predictions)

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The images on the wrong side; see `ThresholdsView.errors`."""
        raise AttributeError(f"{type(self).__name__} does not say what is wrong")

    @property
    def tags(self) -> dict[str, str]:
        """A person's tags of the displayed detector: "category/image's id" -> tag.

        Setting them replaces all.
        """
        marks = self._tagging.marks.items()
        return {
            f"{c}/{i}": tag for (name, c, i), (tag, _) in marks if name == self.detector and tag
        }

    @tags.setter
    def tags(self, tags: Mapping[str, str]) -> None:
        notes = self.notes
        self._replace({key: (tags.get(key, ""), notes.get(key, "")) for key in [*notes, *tags]})

    @property
    def notes(self) -> dict[str, str]:
        """A person's notes, by the same names; setting them replaces all and leaves the tags."""
        marks = self._tagging.marks.items()
        return {
            f"{c}/{i}": note for (name, c, i), (_, note) in marks if name == self.detector and note
        }

    @notes.setter
    def notes(self, notes: Mapping[str, str]) -> None:
        tags = self.tags
        self._replace({key: (tags.get(key, ""), notes.get(key, "")) for key in [*tags, *notes]})

    def save_tags(self, path: str | Path) -> None:
        """Write the tags of all detectors to a JSON file.

        The file is written atomically.

        Each entry has detector, category, image (id), threshold (the present one), tag, suggested
        and note. Of the false negatives of the displayed detector that nobody tagged, the first
        suggestion is written, marked as such.

        Raises
        ------
        ValueError: the file holds a person's tags that were never in this view, and would be lost.
        OSError: it cannot be written.
        """
        marks = self._tagging.marks.items()
        tags = [
            Tag(d, c, i, self._line(c, d), tag, False, note) for (d, c, i), (tag, note) in marks
        ]
        for error in self.errors:
            place = self.detector, error["category"], error["id"]
            if error["suggestions"] and place not in self._tagging.marks:
                tags.append(Tag(*place, error["threshold"], error["suggestions"][0], True))
        self._tagging.save(path, tags)

    def load_tags(self, path: str | Path) -> int:
        """Read a person's tags from a file that `save_tags` wrote, and return how many.

        The file's win over those here.

        Raises
        ------
        ValueError: no such JSON, an unknown detector, image or tag; nothing is changed then.
        OSError: there is no such file.
        """
        names = list(dict.fromkeys(name for found in self._predictions.values() for name in found))
        count = self._tagging.load(path, names, self._labels())
        self._redraw()
        return count

    def _use_file(self, what: str, path: str) -> None:
        """Save or load as the page asks for, and say what was done."""
        try:
            if what == "load":
                text = f"{self.load_tags(path)} tags read from {path}"
            else:
                self.save_tags(path)
                text = f"{len(self._tagging.marks)} tags written to {path}"
        except (OSError, ValueError) as error:
            self._fail(error)
        else:
            self._say(text)

    def _labels(self) -> dict[str, dict[str, int]]:
        """Return category -> image's id -> label."""
        splits = {name: category.test for name, category in self._categories.items()}
        return {
            name: dict(zip(s.ids, s.labels.tolist(), strict=True)) for name, s in splits.items()
        }

    def _replace(self, marks: Mapping[str, tuple[str, str]]) -> None:
        """Replace tags and notes of the displayed detector; keys are "category/image's id"."""
        labels, places = self._labels(), {}
        for key, (tag, _) in marks.items():
            names = [name for name in labels if key.startswith(f"{name}/")]
            category, image = (
                (names[0], key[len(names[0]) + 1 :]) if names else key.partition("/")[::2]
            )
            checked(category, image, tag, labels)
            places[key] = self.detector, category, image
        for place in [place for place in self._tagging.marks if place[0] == self.detector]:
            self._tagging.set(place, "", "")
        for key, mark in marks.items():
            self._tagging.set(places[key], *mark)
        self._redraw()
