"""Ratios of an earlier run, and what became slower since.

Only ratios to adviz within one run are compared: seconds of two runs differ with the machine and what else it does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.timing import Options, Section, machine

NOISE = 1.25  # times as slow as before; two runs of the same code differ by less, mostly
Ratios = dict[
    str, dict[str, float]
]  # title of a section -> name of a way -> times as long as adviz


def ratios_of(sections: Sequence[Section]) -> Ratios:
    """Return all ratios of some sections."""
    return {
        section.title: {
            row.name: round(row.ratio, 4) for row in section.rows if row.ratio is not None
        }
        for section in sections
    }


def write(path: Path, sections: Sequence[Section], options: Options) -> None:
    """Write the ratios, with the options and the machine they were measured with."""
    content = {"machine": machine(), "options": _compared(options), "ratios": ratios_of(sections)}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read(path: Path, options: Options) -> Ratios:
    """Return the ratios of an earlier run.

    Raises
    ------
    ValueError: it was run with other options, which change the work.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["options"] != _compared(options):
        raise ValueError(
            f"expected a baseline of a run with {_compared(options)}, got one with {content['options']} in {path}"
        )
    ratios: Ratios = content["ratios"]
    return ratios


def _compared(options: Options) -> dict[str, Any]:
    """Return the options that change what is timed; more rounds make it only surer."""
    return {name: value for name, value in asdict(options).items() if name != "repeats"}


def slower(sections: Sequence[Section], before: Ratios, *, whole: bool = False) -> Iterator[str]:
    """Yield a sentence for each comparison in which adviz became slower, and for what is compared no more.

    Beside another's way, adviz is slower where that takes fewer times as long as before. Rows that begin with "adviz"
    are other work of ours, which is slower where it takes more times as long.

    Parameters
    ----------
    whole: whether all was run, so that a table that is not there is gone.
    """
    measured = ratios_of(sections)
    if whole:
        for title in before:
            if title not in measured:
                yield f"{title} is not measured any more"
    for title, now in measured.items():
        earlier = before.get(title, {})
        for name in earlier:
            if name not in now:
                yield f"{title}: {name} is not measured any more"
        for name, ratio in now.items():
            if name not in earlier:
                continue
            then = earlier[name]
            times = ratio / then if name.startswith("adviz") else then / ratio
            if times > NOISE:
                yield f"{title}: {times:.2f} times as slow as before ({name}: {ratio:.3g}x, was {then:.3g}x)"
