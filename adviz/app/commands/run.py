"""`adviz run`: execute a notebook without a browser, print its tables, store it or a page."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from adviz.app.commands.errors import Failed, UsageError
from adviz.app.notebook_html import tables, tidy, to_html

if TYPE_CHECKING:
    from nbformat import NotebookNode

SUMMARY = "run a notebook without a browser, print the cells tagged as tables"
NEEDS = {"nbclient": "nbclient", "nbconvert": "nbconvert", "nbformat": "nbformat"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    notebook_help = "it runs in its own folder"
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK", help=notebook_help)
    parser.add_argument("--html", type=Path, metavar="PAGE", help="also write it as a page")
    in_place_help = "also store the outputs in NOTEBOOK"
    parser.add_argument("--in-place", action="store_true", help=in_place_help)


def main(options: argparse.Namespace) -> None:
    """Run the notebook in its own folder."""
    folder = options.notebook.resolve().parent
    run(options.notebook, folder, page=options.html, in_place=options.in_place)


def set_kernel_environment() -> None:
    """Let kernels use this interpreter, and find the `./data` of the folder adviz was called in.

    A kernel works in its notebook's folder, where `./data` would be another one. Its OpenMP threads
    sleep when idle: where they spin, torch becomes ten times slower (measured on two cores) as soon
    as another program wants a core.
    """
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if Path("data").is_dir():
        os.environ.setdefault("ADVIZ_DATA", str(Path("data").resolve()))


def read(file: Path) -> NotebookNode:
    """Return the notebook in a file."""
    import nbformat

    if not file.is_file():
        raise UsageError(f"expected a notebook, got {file}, which does not exist")
    try:
        return nbformat.read(file, as_version=4)
    except (ValueError, nbformat.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"expected a notebook, got {file}, which cannot be read as one: {reason}"
        ) from error


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Fill a notebook with the outputs of a fresh kernel that works in `folder`; return it."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from nbconvert.filters import strip_ansi

    set_kernel_environment()
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        # The kernel warns that loopback traffic is not encrypted
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    without_noise = {"ADVIZ_PROGRESS": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    try:
        client.execute(env=os.environ | without_noise)
    except (CellExecutionError, DeadKernelError) as error:
        raise Failed(strip_ansi(str(error))) from error
    return tidy(notebook)


def run(file: Path, folder: Path, *, page: Path | None, in_place: bool) -> None:
    """Execute a notebook, print its tables and, once all cells passed, store what is asked for.

    Parameters
    ----------
    file: the notebook.
    folder: where its kernel works.
    page: an HTML page to write.
    in_place: whether to store the outputs in `file`.
    """
    import nbformat

    from adviz._support import replace_file

    notebook = read(file)
    if page is not None and not os.access(page.resolve().parent, os.W_OK):
        raise UsageError(f"expected a page in a folder that can be written, got {page}")
    # Nothing is stored before all cells have passed.
    print(f"adviz: running {file.name} ...", flush=True)
    execute(notebook, folder)
    for table in tables(notebook):
        print(table)
    if page is not None:
        replace_file(page, to_html(notebook, file.stem, page.resolve().parent).encode())
        print(f"adviz: wrote {page}")
    if in_place:
        replace_file(file, (nbformat.writes(notebook).rstrip("\n") + "\n").encode())
        print(f"adviz: wrote {file}")
