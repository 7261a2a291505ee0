"""The result of checking a data set, printed in a terminal or displayed in a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 80  # columns of a terminal
MAX_FILES = 3  # of a finding that are printed; all of them are in `files`


@dataclass(frozen=True)
class Finding:
    """One thing that looks wrong, or that one should know.

    Attributes
    ----------
    kind: a short name, the same for every finding of its kind.
    message: what was found and what to do.
    files: the files it is about, relative to the folder checked.
    serious: False = good to know; results are what they should be.
    category: where it was found; "" = in all of the folder.
    """

    kind: str
    message: str
    files: tuple[str, ...] = ()
    serious: bool = True
    category: str = ""

    def __str__(self) -> str:
        text = "! " if self.serious else "- "
        if self.category:
            text += f"{self.category}: "
        text += self.message
        if self.files:
            text += f" ({', '.join(self.files[:MAX_FILES])}"
            if len(self.files) > MAX_FILES:
                text += f" and {len(self.files) - MAX_FILES} more"
            text += ")"
        return text


@dataclass(frozen=True)
class Counted:
    """Number of images in one part of a category, and the published number; None if unknown."""

    category: str
    part: str
    images: int
    published: int | None = None

    def __str__(self) -> str:
        text = f"{self.images} {self.part}"
        if self.published is not None:
            text += f" of {self.published}"
        return text


@dataclass(frozen=True, eq=False)
class Check:
    """Contents of a data set's folder and what looks wrong with it; prints itself.

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

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for every finding; its files are one text, a line each.

        Examples
        --------
        >>> list(data.check(category.test.root).to_frame())
        ['category', 'kind', 'serious', 'message', 'files']
        """
        import pandas as pd

        rows = [
            (finding.category, finding.kind, finding.serious, finding.message, finding.files)
            for finding in self.findings
        ]
        frame = pd.DataFrame(rows, columns=["category", "kind", "serious", "message", "files"])
        frame["files"] = frame["files"].map("\n".join)
        return frame

    def __repr__(self) -> str:
        return f"{self.head()}\n{self.body()}"

    def head(self) -> str:
        """Return what is told from names of files alone: the layout and the numbers of images."""
        lines = [f"{self.path}: {self._layout()}"]
        counts_by_category: dict[str, list[str]] = {}
        for counted in self.counts:
            counts_by_category.setdefault(counted.category, []).append(str(counted))
        for category, counts in counts_by_category.items():
            lines += _wrapped(f"{category}: {', '.join(counts)}")
        # Numbers such as "60 train of 60" need a legend.
        if any(counted.published is not None for counted in self.counts):
            lines.append("  counts: here of published")
        return "\n".join(lines)

    def body(self) -> str:
        """Return the findings, what is done to the images, and how to go on."""
        lines = []
        if self.layout:
            lines.append(self._verdict())
        for finding in self.findings:
            lines += _wrapped(str(finding))
        if self.treatment:
            lines += ["", "What the detectors see"]
            for sentence in self.treatment:
                lines += _wrapped(sentence)
        if self.steps:
            lines += ["", "Next"]
            for step in self.steps:
                if step.startswith("  "):  # to be typed: not wrapped
                    lines.append(f"  {step}")
                else:
                    lines += _wrapped(step, continuation="  ")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        html = f"<p><b>{escape(str(self.path))}</b>: {escape(self._layout())}</p>"
        if self.counts:
            html += (
                "<table><tr><th>category</th><th>part</th><th>images</th><th>published</th></tr>"
            )
            html += f"{''.join(map(_table_row, self.counts))}</table>"
        html += f"<p>{escape(self._verdict())}</p>{_html_list(self.findings)}"
        if self.treatment:
            html += f"<p>What the detectors see</p>{_html_list(self.treatment)}"
        if self.steps:
            steps = escape("\n".join(self.steps))
            html += f"<p>Next</p><pre>{steps}</pre>"
        return html

    def _layout(self) -> str:
        return self.layout or "no known layout"

    def _verdict(self) -> str:
        n_serious = len(self.serious)
        n_notes = len(self.findings) - n_serious
        return f"{_number_of('problem', n_serious)}, {_number_of('note', n_notes)}"


def relative_names(files: Sequence[Path], root: Path) -> tuple[str, ...]:
    """Return names relative to the folder checked, with forward slashes."""
    names = []
    for file in files:
        if file.is_relative_to(root):
            names.append(file.relative_to(root).as_posix())
        else:
            names.append(file.as_posix())
    return tuple(names)


def _wrapped(text: str, continuation: str = "    ") -> list[str]:
    """Return the lines of an indented sentence in a terminal; paths are not cut."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent="  ",
        subsequent_indent=continuation,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _number_of(noun: str, count: int) -> str:
    """Return "no problems", "1 problem" or "2 problems"."""
    plural = "" if count == 1 else "s"
    return f"{count or 'no'} {noun}{plural}"


def _table_row(counted: Counted) -> str:
    published = "" if counted.published is None else counted.published
    values = (counted.category, counted.part, counted.images, published)
    fields = "".join(f"<td>{escape(str(value))}</td>" for value in values)
    return f"<tr>{fields}</tr>"


def _html_list(items: Sequence[object]) -> str:
    lines = "".join(f"<li>{escape(str(item))}</li>" for item in items)
    return f"<ul>{lines}</ul>"
