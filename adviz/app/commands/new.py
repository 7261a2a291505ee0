"""`adviz new`: a ready notebook for a folder of photographs."""

from __future__ import annotations

import argparse
from pathlib import Path

from adviz.app.commands.errors import UsageError

SUMMARY = "write a notebook that looks at a folder of photographs"
NEEDS = {"nbformat": "nbformat"}

# Kind and text of the cells; NAME and FOLDER are filled in
CELLS = (
    (
        "markdown",
        """# NAME: which photographs are anomalous, and why?
Run all cells (menu *Run*). Good photographs lie in `good/`, the others in `bad/`.""",
    ),
    (
        "code",
        """from adviz import Backbone, PatchCore, calibrate, data, evaluate, explore
from adviz.app.learned import NETWORK, RATE, false_alarms, least_rate, photographs

FOLDER = FOLDER_TEXT""",
    ),
    (
        "markdown",
        """## Is anything wrong with the photographs?
Lines that begin with `!` change results: mend these first.""",
    ),
    ("code", "data.check(FOLDER)"),
    (
        "markdown",
        """## Learn what is normal
As `adviz learn` does: every third good photograph is held out, for the threshold below; the others
are learned from, whole. (`data.folder`, whose numbers stand above, keeps every fifth for a test:
a threshold needs more.)""",
    ),
    (
        "code",
        """part = photographs(FOLDER)
backbone = Backbone(NETWORK)  # its weights come with adviz
detector = PatchCore().fit(backbone.extract(part.train))
prediction = detector.predict(backbone.extract(part.test))
part""",
    ),
    (
        "markdown",
        """## Look
Step through the photographs, the highest scores first; `?` lists the keys. (In Jupyter: a page
written from this notebook holds a picture.)""",
    ),
    ("code", 'explore.results(part, {"PatchCore": prediction})'),
    ("markdown", "Click a pixel: which normal patches was it compared with?"),
    ("code", 'explore.retrieval(part, {"PatchCore": prediction})'),
    (
        "markdown",
        """## From which score on is a photograph anomalous?
The threshold is set on good photographs that the detector has not seen. Of further good ones the
first fraction is called anomalous, on average over such thresholds; of one alone it can be more, in
95 of 100 cases no more than the second. Both need each photograph to be of another part, and are
less with more photographs. (The best F1 below is at another threshold, the best one for
exactly these photographs.)""",
    ),
    (
        "code",
        """rate = max(RATE, least_rate(len(part.validation)))
threshold = calibrate(
    detector.predict(backbone.extract(part.validation)),
    part.validation,
    rule="false_positive_rate",
    rate=rate,
    held_out=True,
)
is_bad = part.test.labels == 1
print(f"anomalous from score {threshold.value:.5g} on")
average, likely = false_alarms(len(part.validation), rate)
print(f"false alarms: {average:.0%} of further good ones on average, {likely:.0%} if unlucky")
print(threshold.is_anomalous(prediction)[is_bad].sum(), "of", is_bad.sum(), "bad ones found")""",
    ),
    (
        "code",
        """if is_bad.any():
    print(evaluate(prediction, part.test))""",
    ),
    (
        "markdown",
        """## Keep it
On another day: `PatchCore.load(...)`, `adviz.load(...)`. Without a notebook, `adviz learn` and
`adviz judge` do all of this.""",
    ),
    (
        "code",
        """detector.save(f"{part.name}-detector.safetensors")
threshold.save(f"{part.name}-threshold.safetensors")""",
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="of the photographs")
    to_help = "the notebook; default: the folder's name with .ipynb, here"
    parser.add_argument("--to", type=Path, metavar="NOTEBOOK", help=to_help)


def main(options: argparse.Namespace) -> None:
    """Write the notebook; one that is there is never replaced."""
    from adviz._support import replace_file

    folder = options.folder.expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"expected a folder of photographs, found none at {options.folder}")
    target = options.to or Path(f"{folder.name}.ipynb")
    text = notebook_text(folder)
    if target.exists():
        raise UsageError(
            f"expected a name that is free, found {target}: choose another: --to NOTEBOOK"
        )
    replace_file(target, text.encode())
    print(f"wrote {target}")
    print(f"next: adviz lab {target}")


def notebook_text(folder: Path) -> str:
    """Return the notebook of a folder as a file has it."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    cells = []
    for number, (kind, text) in enumerate(CELLS):
        filled = text.replace("FOLDER_TEXT", repr(str(folder))).replace("NAME", folder.name)
        cell_id = f"adviz-{number:02d}"
        if kind == "markdown":
            cells.append(new_markdown_cell(filled, id=cell_id))
        else:
            # What `adviz run` prints
            tags = ["table"] if "print(" in filled or filled.startswith("data.check") else []
            cells.append(new_code_cell(filled, id=cell_id, metadata={"tags": tags} if tags else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = new_notebook(cells=cells, metadata={"kernelspec": kernel})
    return str(nbformat.writes(notebook)) + "\n"
