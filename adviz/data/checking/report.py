"""What a check of a data set found, to be printed or shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

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
        return f"{self.images} {self.part}" + (f" of {self.published}" if self.published is not None else "")


@dataclass(frozen=True, eq=False)
class Check:
    """What lies in a data set's folder and what looks wrong with it; prints itself.

    Attributes
    ----------
    path: the folder checked.
    layout: which layout was recognised, "" if none was.
    counts: the images of every category and part, beside the published numbers.
    findings: everything that was found, the serious first.
    """

    path: Path
    layout: str
    counts: list[Counted] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

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
        lines = [f"{self.path}: {self.layout or 'no known layout'}"]
        lines += [f"  {name}: {', '.join(map(str, counted))}" for name, counted in self._by_category()]
        lines += [f"  {self._known()}"] if self.counts else []
        return "\n".join([*lines, self._verdict(), *(f"  {finding}" for finding in self.findings)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(one.category)}</td><td>{escape(one.part)}</td><td>{one.images}</td>"
            f"<td>{'' if one.published is None else one.published}</td></tr>"
            for one in self.counts
        )
        items = "".join(f"<li>{escape(str(finding))}</li>" for finding in self.findings)
        head = "<tr><th>category</th><th>part</th><th>images</th><th>published</th></tr>"
        return (
            f"<p><b>{escape(str(self.path))}</b>: {escape(self.layout or 'no known layout')}</p>"
            f"<table>{head}{rows}</table><p>{escape(self._verdict())}</p><ul>{items}</ul>"
        )

    def _by_category(self) -> list[tuple[str, list[Counted]]]:
        names = dict.fromkeys(one.category for one in self.counts)
        return [(name, [one for one in self.counts if one.category == name]) for name in names]

    def _known(self) -> str:
        known = any(one.published is not None for one in self.counts)
        return "counts: here of published" if known else "no published count known"

    def _verdict(self) -> str:
        notes = len(self.findings) - len(self.serious)
        return f"{_several(len(self.serious), 'problem')}, {_several(notes, 'note')}"


def _several(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def named(files: Sequence[Path], root: Path) -> tuple[str, ...]:
    """Return names relative to the folder checked, with forward slashes."""
    return tuple((file.relative_to(root) if file.is_relative_to(root) else file).as_posix() for file in files)
