"""`adviz judge`: whether photographs are anomalous, where, and why.

Exit status: 0 = all were judged, whatever the verdicts; 1 = some could not be read; 2 = a wrong
request, nothing was judged; 3 = with --fail, when at least one is anomalous.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from adviz.app.commands.errors import UsageError

if TYPE_CHECKING:
    from adviz.app.learned import Learned
    from adviz.prediction import Prediction

SUMMARY = "say whether photographs are anomalous, and write where and why"
NEEDS: dict[str, str] = {}
SUFFIX = ".adviz"
FOLDER = Path("judged")
OVERVIEW = "index.html"  # in that folder, of several photographs
ANOMALOUS = 3  # exit status with --fail


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    photographs_help = "files, or folders whose photographs are all meant"
    parser.add_argument(
        "photographs", nargs="+", type=Path, metavar="PHOTOGRAPH", help=photographs_help
    )
    with_help = "what `adviz learn` wrote; default: the only *.adviz file here"
    parser.add_argument("--with", dest="learned", type=Path, metavar="FILE", help=with_help)
    digest_help = "the digest that `adviz learn` printed, to accept that very file alone"
    parser.add_argument("--digest", help=digest_help)
    to_help = f"folder for maps and pages; default: {FOLDER}"
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="FOLDER", help=to_help)
    write_help = (
        "pages (default): of each photograph its map, and a page in which it can be asked why; of "
        "several also index.html, which shows them all; "
        "maps: the maps alone; nothing"
    )
    parser.add_argument(
        "--write", choices=("pages", "maps", "nothing"), default="pages", help=write_help
    )
    json_help = "print a JSON object a line in place of words, for another program"
    parser.add_argument("--json", action="store_true", help=json_help)
    fail_help = f"end with status {ANOMALOUS} if a photograph is anomalous"
    parser.add_argument("--fail", action="store_true", help=fail_help)


def main(options: argparse.Namespace) -> int:
    """Judge each photograph by itself, and print its verdict as soon as it is there."""
    given = _given(options.photographs)
    photographs = [path for path, problem in given.items() if not problem]
    if not photographs:
        raise UsageError("; ".join(given.values()))
    learned_file = options.learned or _only_learned_file()
    learned = _loaded(learned_file, options.digest)
    if not options.json:
        title = f"{type(learned.detector).__name__} on {learned.threshold.backbone}"
        print(
            f"{learned_file}: {title}, anomalous from {learned.threshold.value:.5g} on", flush=True
        )

    names = dict(zip(photographs, _names(photographs), strict=True))
    verdicts = []
    problems = {}
    for photograph, known_problem in given.items():
        problem = known_problem
        if not problem:
            beside = options.to / names[photograph]
            try:
                verdicts.append(_judged(learned, photograph, beside, options.write))
            except (ValueError, OSError) as error:
                problem = " ".join(str(error).split())
        if problem:
            problems[photograph] = problem
            _tell_error(photograph, problem, as_json=options.json)
        else:
            _tell(verdicts[-1], as_json=options.json)
    if len(given) > 1 and verdicts and options.write == "pages":
        _write_overview(verdicts, problems, learned, options.to)
    if not options.json:
        print(_summary(verdicts, len(problems), options), flush=True)
    if problems:
        return 1
    is_found = any(verdict["anomalous"] for verdict in verdicts)
    return ANOMALOUS if options.fail and is_found else 0


def _given(paths: Sequence[Path]) -> dict[Path, str]:
    """Return photographs and what is wrong with each, "" = nothing that is known yet.

    Of a folder they are those that lie in it, by name.
    """
    from adviz.data import image_files_in

    given: dict[Path, str] = {}
    for path in paths:
        if path.is_dir():
            inside = image_files_in(path)
            given.update(dict.fromkeys(inside, ""))
            if not inside:
                given[path] = (
                    f"expected photographs in {path}, found none: name a folder in which they lie"
                )
        elif path.is_file():
            given[path] = ""
        else:
            given[path] = f"expected a photograph or a folder, found nothing at {path}"
    return given


def _only_learned_file() -> Path:
    """Return the file in this folder that `adviz learn` wrote."""
    files = sorted(Path().glob(f"*{SUFFIX}"))
    if len(files) == 1:
        return files[0]
    if not files:
        raise UsageError(
            "expected what `adviz learn` wrote, found no *.adviz file here: run `adviz learn "
            "FOLDER` first, or name the file: --with FILE"
        )
    names = ", ".join(file.name for file in files)
    raise UsageError(f"expected one *.adviz file here, found {names}: choose one: --with FILE")


def _loaded(file: Path, digest: str | None) -> Learned:
    """Return what was learned, once its network is known to be the right one."""
    from adviz.app.learned import Learned

    try:
        learned = Learned.load(file, digest=digest)
        _ = learned.backbone
    except (ValueError, RuntimeError, FileNotFoundError) as error:
        raise UsageError(f"{error} (--with names the file that `adviz learn` wrote)") from error
    return learned


def _names(photographs: Sequence[Path]) -> list[str]:
    """Return the photographs' names below the folder that all of them lie in."""
    absolute = [photograph.absolute() for photograph in photographs]
    base = os.path.commonpath([photograph.parent for photograph in absolute])
    return [photograph.relative_to(base).as_posix() for photograph in absolute]


def _judged(learned: Learned, photograph: Path, beside: Path, write: str) -> dict[str, Any]:
    """Return the verdict on a photograph, with the files that were written."""
    prediction = learned.predict(photograph)
    unlike = learned.unlike(photograph, prediction)
    title = f"{photograph.name}: {_words(prediction, learned)}"
    if unlike:
        title += "; unlike those learned from"
    note = _warning(unlike)
    files = _write(learned, photograph, prediction, beside, write, title, note)
    return {
        "photograph": str(photograph),
        "anomalous": bool(learned.threshold.is_anomalous(prediction)[0]),
        "score": float(prediction.score[0]),
        "threshold": learned.threshold.value,
        "unlike": list(unlike),
        **files,
        "learned": learned.digest,
    }


def _write(
    learned: Learned,
    photograph: Path,
    prediction: Prediction,
    beside: Path,
    what: str,
    title: str,
    note: str,
) -> dict[str, str]:
    """Write the map and the page of a photograph; return kind -> file."""
    if what == "nothing":
        return {}
    beside.parent.mkdir(parents=True, exist_ok=True)
    picture = beside.with_name(f"{beside.name}.map.png")
    _write_map(learned, photograph, prediction, picture, title)
    if what == "maps":
        return {"map": str(picture)}
    page = beside.with_name(f"{beside.name}.html")
    view = learned.why(photograph)
    view.export(page, title=f"{title}\n{note}".strip(), half=True)
    return {"map": str(picture), "page": str(page)}


def _write_map(
    learned: Learned, photograph: Path, prediction: Prediction, file: Path, title: str
) -> None:
    """Write the photograph beside its map, on a scale that is that of all photographs."""
    from adviz import plots
    from adviz._support import replace_file
    from adviz.data import Split

    split = Split([photograph], [-1], [None], ["unlabelled"], geometry=learned.detector.geometry_)
    assert prediction.anomaly_map is not None  # noqa: S101 (the detectors of `learn` have maps)
    method = type(learned.detector).__name__
    figure = plots.comparison_row(
        split.image(0),
        None,
        {method: prediction.anomaly_map[0]},
        limits={method: learned.limits},
        title=title,
    )
    figure.axes[0].set_xlabel("")  # nobody asks for the ground truth of a photograph to be judged
    content = io.BytesIO()
    figure.savefig(content, format="png")
    replace_file(file, content.getvalue())


def _write_overview(
    verdicts: list[dict[str, Any]], problems: dict[Path, str], learned: Learned, folder: Path
) -> None:
    """Write the page that shows all photographs by their scores, and leads to the page of each."""
    from adviz._support import replace_file
    from adviz.app.templates import template

    by_score = sorted(verdicts, key=lambda verdict: -verdict["score"])
    page = template("adviz.app.commands", "judged.html.jinja").render(
        sections={
            "anomalous": [verdict for verdict in by_score if verdict["anomalous"]],
            "good": [verdict for verdict in by_score if not verdict["anomalous"]],
        },
        problems=problems,
        beside=lambda file: quote(Path(file).relative_to(folder).as_posix()),
        warning=_warning,
        method=type(learned.detector).__name__,
        threshold=learned.threshold,
    )
    replace_file(folder / OVERVIEW, page.encode())


def _words(prediction: Prediction, learned: Learned) -> str:
    score = float(prediction.score[0])
    value = learned.threshold.value
    if learned.threshold.is_anomalous(prediction)[0]:
        return f"anomalous, score {score:.5g} ≥ {value:.5g}"
    return f"good, score {score:.5g} < {value:.5g}"


def _tell(verdict: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(verdict), flush=True)
        return
    word = "anomalous" if verdict["anomalous"] else "good"
    line = f"  {word:<9} {verdict['score']:>8.5g}  {verdict['photograph']}"
    file = verdict.get("page") or verdict.get("map")
    print(f"{line}  ->  {file}" if file else line)
    if verdict["unlike"]:
        print(f"    {_warning(verdict['unlike'])}")
    sys.stdout.flush()


def _warning(unlike: Sequence[str]) -> str:
    """Return what it means that a photograph is unlike those learned from; "" where it is not."""
    if not unlike:
        return ""
    return (
        "The verdict may mean nothing, as this photograph is unlike those learned from: "
        f"{', and '.join(unlike)}."
    )


def _tell_error(photograph: Path, problem: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"photograph": str(photograph), "error": problem}), flush=True)
    else:
        print(f"adviz: {problem}", file=sys.stderr, flush=True)


def _summary(verdicts: list[dict[str, Any]], n_unread: int, options: argparse.Namespace) -> str:
    """Return how many are anomalous, and what can be done with the files."""
    n_anomalous = sum(verdict["anomalous"] for verdict in verdicts)
    n_unlike = sum(bool(verdict["unlike"]) for verdict in verdicts)
    text = f"{n_anomalous} of {len(verdicts)} anomalous"
    if n_unlike:
        text += f", {n_unlike} unlike those learned from"
    if n_unread:
        text += f", {n_unread} could not be judged"
    if verdicts and options.write == "pages":
        text += "; open a page in any browser and click; its map lies beside it (.map.png)"
        if len(verdicts) + n_unread > 1:
            text += f"; all of them: {options.to / OVERVIEW}"
    return text
