"""`adviz learn`: from a folder of good photographs to one file that can judge others."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adviz.app.commands.errors import UsageError
from adviz.app.commands.sentences import false_alarms, indented

if TYPE_CHECKING:
    from adviz.app.learned import Learned
    from adviz.data import Check
    from adviz.detectors import Detector

SUMMARY = "learn a part from a folder of its good photographs, for `adviz judge`"
NEEDS: dict[str, str] = {}
DETECTORS = ("PatchCore", "PaDiM")
SUFFIX = ".adviz"
NAMED = 6  # photographs that are named
ALIKE = ("duplicates across parts", "near duplicates across parts")  # kinds of findings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="with good/ and, if there are any, bad/"
    )
    to_help = "the file to write; default: the folder's name with .adviz, here"
    parser.add_argument("--to", type=Path, metavar="FILE", help=to_help)
    detector_help = "default: PatchCore; PaDiM is for parts that lie alike, and many photographs"
    parser.add_argument("--detector", choices=DETECTORS, default="PatchCore", help=detector_help)
    coreset_help = "fraction of the patches that PatchCore keeps; default: 0.1"
    parser.add_argument("--coreset", type=float, metavar="FRACTION", help=coreset_help)
    rate_help = (
        "of further good photographs, how many may be called anomalous, on average over such "
        "thresholds; "
        "default: 0.05, or what so few photographs can promise"
    )
    parser.add_argument("--rate", type=float, metavar="FRACTION", help=rate_help)


def main(options: argparse.Namespace) -> None:
    """Learn, save, and say in plain words what was done."""
    from adviz import data
    from adviz.app.learned import learn

    begin = time.monotonic()
    target = options.to or Path(options.folder.resolve().name + SUFFIX)
    if not os.access(target.resolve().parent, os.W_OK) or target.is_dir():
        raise UsageError(f"expected a file in a folder that can be written, got --to {target}")
    try:
        detector = _detector(options.detector, options.coreset)
        print(f"adviz: looking through {options.folder.resolve().name} ...", flush=True)
        check = data.check(options.folder, parts=_parts(options.folder))
        _print_problems(check)
        unreadable = [name for one in check.of("unreadable images") for name in one.files]
        if unreadable:
            raise UsageError(
                f"expected photographs that can be read, got {_some(tuple(unreadable))}: replace "
                "or remove what cannot be"
            )
        print("adviz: learning ...", flush=True)
        learned = learn(options.folder, detector=detector, rate=options.rate).save(target)
        print(_what_was_done(learned, options.rate, check))
        print(_tried(options.folder, learned), flush=True)
    except ValueError as error:
        raise UsageError(str(error)) from error
    megabytes = target.stat().st_size / 1e6
    print(f"wrote {target} ({megabytes:.1f} MB), in {time.monotonic() - begin:.0f} s")
    print(f"  digest {learned.digest}")
    print(
        f"next: adviz judge PHOTOGRAPH --with {data.quoted(target)}\n"
        f"to look closer, and change it: adviz new {data.quoted(options.folder)}"
    )


def _detector(name: str, coreset: float | None) -> Detector:
    """Return the detector that was asked for, with its default options."""
    from adviz.detectors import PaDiM, PatchCore

    if name == "PatchCore":
        return PatchCore() if coreset is None else PatchCore(coreset=coreset)
    if coreset is not None:
        raise UsageError(f"--coreset is PatchCore's, got it with --detector {name}: leave it out")
    return PaDiM()


def _parts(folder: Path) -> dict[Path, str]:
    """Return in which part photographs are, by absolute path; none where that is refused later."""
    from adviz.app.learned import photographs

    try:
        part = photographs(folder)
    except (ValueError, FileNotFoundError):
        return {}
    assert part.validation is not None  # noqa: S101 (`photographs` holds some out)
    divided = {"train": part.train.paths, "test": part.validation.paths}
    return {Path(os.path.abspath(path)): name for name, paths in divided.items() for path in paths}


def _print_problems(check: Check) -> None:
    """Print what can change results, and where the rest is said."""
    alike = [finding for kind in ALIKE for finding in check.of(kind) if not finding.serious]
    problems = [*check.serious, *(replace(finding, serious=True) for finding in alike)]
    for finding in problems:
        print(indented(str(finding)))
    if problems:
        print(f"  these can change results; adviz check {check.path} says all that was found")


def _what_was_done(learned: Learned, asked_rate: float | None, check: Check) -> str:
    """Return sentences on what was learned, from what, and how the threshold was set."""
    from adviz.app.learned import RATE, needed

    n_learned, n_held_out = len(learned.learned_from), len(learned.held_out)
    threshold = learned.threshold
    assert learned.detector.geometry_ is not None  # noqa: S101 (set by every split)
    height, width = learned.detector.geometry_.shape
    title = type(learned.detector).__name__
    options = learned.detector.get_params()
    if "coreset" in options:
        title += f" (coreset {options['coreset']:g})"
    lines = [
        f"learned from {n_learned} good photographs: {title} on {threshold.backbone}, the network "
        f"that comes with adviz; photographs become {width}x{height} pixels, nothing is cut off",
        f"held out {n_held_out}, every third good photograph: {_some(learned.held_out)}",
        f"threshold {threshold.value:.5g}, set on those {n_held_out} (rule {threshold.rule}): a "
        "photograph is called anomalous when its score is at least this",
        _promise(learned, check),
        _most_unusual(learned),
        f"  the other {n_learned} were learned from and not looked at like this; `adviz judge` "
        "says nothing about them, as it knows them. To look at them: move the first one, by name, "
        "elsewhere and learn again, --to another file, which holds out another third; move the "
        "next one, and it is the last third; then move both back",
    ]
    if asked_rate is None and (threshold.rate or 0) > RATE:
        lines.append(
            f"  so few photographs cannot promise {100 * RATE:g} % on average: that takes "
            f"{needed(RATE)} good ones (have {n_learned + n_held_out})"
        )
    return "\n".join(map(indented, lines))


def _promise(learned: Learned, check: Check) -> str:
    """Return how many false alarms to expect, where photographs are of different parts."""
    n_held_out = len(learned.held_out)
    rates = false_alarms(n_held_out, learned.threshold.rate or 0)
    remedy = "keep one photograph of each part, and learn again"
    copies = _alike(learned, check, serious=True)
    if copies:
        return (
            f"no rate of false alarms can be promised: {len(copies)} of the {n_held_out} held out "
            f"{'is' if len(copies) == 1 else 'are'} nearly the same as one learned from "
            f"({_some(copies)}), so that the threshold is too low for other parts: {remedy}"
        )
    alike = _alike(learned, check, serious=False)
    if alike:
        return (
            f"{len(alike)} of the {n_held_out} held out {'looks' if len(alike) == 1 else 'look'} "
            f"nearly the same as one learned from ({_some(alike)}). If these are several "
            "photographs of one part, no rate of false alarms can be promised, and the threshold "
            f"is too low for other parts: {remedy}. If each is another part, of further good "
            f"photographs like these {rates} are false alarms"
        )
    return f"of further good photographs like these, each of another part, {rates} are false alarms"


def _alike(learned: Learned, check: Check, *, serious: bool) -> tuple[str, ...]:
    """Return those held out that the check found to be copies of some that were learned from."""
    findings = [one for kind in ALIKE for one in check.of(kind) if one.serious == serious]
    named = {name for finding in findings for name in finding.files}
    return tuple(name for name in learned.held_out if name in named)


def _most_unusual(learned: Learned) -> str:
    """Return which photographs the threshold rests on, and what to do with them."""
    scores = dict(zip(learned.held_out, learned.held_out_scores, strict=True))
    first, second = sorted(scores, key=lambda name: -scores[name])[:2]
    return (
        f"  the most unusual of those held out: {first} ({scores[first]:.5g}), then {second} "
        f"({scores[second]:.5g}). Look at the first: if it is not a good one, move it out; if it "
        "is a rare kind of good one, add more like it; then learn again"
    )


def _some(names: tuple[str, ...]) -> str:
    """Return the first few names."""
    shown = ", ".join(names[:NAMED])
    return shown if len(names) <= NAMED else f"{shown}, ..."


def _tried(folder: Path, learned: Learned) -> str:
    """Return how the photographs come out that were neither learned from nor held out."""
    from adviz.app.learned import photographs_to_try

    split = photographs_to_try(folder, learned)
    if not len(split):
        return indented(
            "not tried: there are no photographs in bad/, so how many bad ones this misses is "
            "unknown. Put a few there and learn again"
        )
    features = learned.backbone.extract(split)
    anomalous = learned.threshold.is_anomalous(learned.detector.predict(features))
    is_bad = split.labels == 1
    found, alarms = int(anomalous[is_bad].sum()), int(anomalous[~is_bad].sum())
    parts = []
    if is_bad.any():
        parts.append(f"{found} of {is_bad.sum()} bad ones are called anomalous")
    if not is_bad.all():
        parts.append(f"{alarms} of {(~is_bad).sum()} other good ones")
    return indented(
        f"tried on the folder's other photographs, of which it knew nothing: {', '.join(parts)}"
    )
