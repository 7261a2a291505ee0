"""What a check of a data set found, to be printed or shown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

WIDTH = 80  # columns of a terminal
SHOWN = 3  # files of a finding that are printed; all of them are in `files`


@dataclass(frozen=True)
class Finding:
    """One thing that looks wrong, or that one should know.

    Attributes
    ----------
    kind: a short name, the same for every finding of its kind.
    message: what was found and what to do.
    files: the files it is about, relative to the folder checked.
    serious: False = good to know; results are what they should be.
    category: where it was found; "" = in the whole folder.
    """

    kind: str
    message: str
    files: tuple[str, ...] = ()
    serious: bool = True
    category: str = ""

    def __str__(self) -> str:
        where = f"{self.category}: " if self.category else ""
        return f"{'!' if self.serious else '-'} {where}{self.message}{self._examples()}"

    def _examples(self) -> str:
        more = f" and {len(self.files) - SHOWN} more" if len(self.files) > SHOWN else ""
        return f" ({', '.join(self.files[:SHOWN])}{more})" if self.files else ""


@dataclass(frozen=True)
class Counted:
    """How many images one part of a category has, and how many were published; None where no count is known."""

    category: str
    part: str
    images: int
    published: int | None = None

    def __str__(self) -> str:
        return f"{self.images} {self.part}" + (
            f" of {self.published}" if self.published is not None else ""
        )


@dataclass(frozen=True, eq=False)
class Check:
    """What lies in a data set's folder and what looks wrong with it; prints itself.

    Attributes
    ----------
    path: the folder checked.
    layout: which layout was recognised, "" if none was.
    counts: the images of every category and part, beside the published numbers.
    findings: everything that was found, the serious first.
    treatment: what resizing and cropping do to the images, in sentences.
    steps: how to go on; lines that begin with two spaces are to be typed, in a terminal or in
        Python.
    """

    path: Path
    layout: str
    counts: list[Counted] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    treatment: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()

    @property
    def serious(self) -> list[Finding]:
        """The findings that can change results or that keep the data set from being read."""
        return [finding for finding in self.findings if finding.serious]

    @property
    def ok(self) -> bool:
        """Whether nothing serious was found."""
        return not self.serious

    def of(self, kind: str) -> list[Finding]:
        """Return the findings of one kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    def __repr__(self) -> str:
        return f"{self.head()}\n{self.body()}"

    def head(self) -> str:
        """Return what the names of folders and files say: the layout, and how many images there are."""
        lines = [f"{self.path}: {self.layout or 'no known layout'}"]
        for name, counted in self._by_category():
            lines += _wrapped(f"{name}: {', '.join(map(str, counted))}", "  ", "    ")
        if any(one.published is not None for one in self.counts):
            lines.append("  counts: here of published")
        return "\n".join(lines)

    def body(self) -> str:
        """Return what was found in the files, what is done to the images, and how to go on."""
        lines = [self._verdict()] if self.layout else []
        for finding in self.findings:
            lines += _wrapped(str(finding), "  ", "    ")
        if self.treatment:
            lines += ["", "What the detectors see"]
            for sentence in self.treatment:
                lines += _wrapped(sentence, "  ", "    ")
        if self.steps:
            lines += ["", "Next", *self._next()]
        return "\n".join(lines)

    def _next(self) -> Iterator[str]:
        for step in self.steps:
            yield from [f"  {step}"] if step.startswith("  ") else _wrapped(step, "  ", "  ")

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(one.category)}</td><td>{escape(one.part)}</td><td>{one.images}</td>"
            f"<td>{'' if one.published is None else one.published}</td></tr>"
            for one in self.counts
        )
        items = "".join(f"<li>{escape(str(finding))}</li>" for finding in self.findings)
        head = "<tr><th>category</th><th>part</th><th>images</th><th>published</th></tr>"
        counts = f"<table>{head}{rows}</table>" if self.counts else ""
        seen = "".join(f"<li>{escape(sentence)}</li>" for sentence in self.treatment)
        treatment = f"<p>What the detectors see</p><ul>{seen}</ul>" if seen else ""
        steps = f"<p>Next</p><pre>{escape(chr(10).join(self.steps))}</pre>" if self.steps else ""
        return (
            f"<p><b>{escape(str(self.path))}</b>: {escape(self.layout or 'no known layout')}</p>"
            f"{counts}<p>{escape(self._verdict())}</p><ul>{items}</ul>{treatment}{steps}"
        )

    def _by_category(self) -> list[tuple[str, list[Counted]]]:
        names = dict.fromkeys(one.category for one in self.counts)
        return [(name, [one for one in self.counts if one.category == name]) for name in names]

    def _verdict(self) -> str:
        notes = len(self.findings) - len(self.serious)
        return f"{_several(len(self.serious), 'problem')}, {_several(notes, 'note')}"


def _wrapped(text: str, first: str, others: str) -> list[str]:
    """Return the lines of a sentence in a terminal; paths are not cut."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _several(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def named(files: Sequence[Path], root: Path) -> tuple[str, ...]:
    """Return names relative to the folder checked, with forward slashes."""
    return tuple(
        (file.relative_to(root) if file.is_relative_to(root) else file).as_posix() for file in files
    )
