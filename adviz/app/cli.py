"""The command `adviz`: open the notebooks in JupyterLab, run them without a browser, or check a data set's folder."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from adviz.app.notebook_html import tables, tidy, to_html

if TYPE_CHECKING:
    from nbformat import NotebookNode

# Says which notebook answers which question; `adviz lab` opens it
START_HERE = "00_start_here.ipynb"
QUICKSTART = "01_quickstart.ipynb"


class UsageError(Exception):
    """What the user can put right: printed as one line, exit status 2."""


class Failed(Exception):
    """A cell failed, its kernel died, or a data set is not as it should be: exit status 1."""


def notebooks_folder() -> Path:
    """Return the folder of the shipped notebooks: inside a wheel's package, next to it in an editable install."""
    package = Path(__file__).resolve().parents[1]
    candidates = [package / "notebooks", package.parent / "notebooks"]
    for folder in candidates:
        if (folder / QUICKSTART).is_file():
            return folder
    places = " nor ".join(str(folder) for folder in candidates)
    raise UsageError(
        f"expected the notebook {QUICKSTART}, found it neither in {places}; reinstall adviz"
    )


def copy_notebooks(target: Path) -> list[Path]:
    """Copy the shipped notebooks to `target` and return the files there that differ and were therefore kept."""
    from adviz._support import replace_file  # not before it is needed: numpy takes a while

    source = notebooks_folder()
    target.mkdir(parents=True, exist_ok=True)
    kept = []
    for original in sorted(source.glob("*.ipynb")):
        file = target / original.name
        if not file.exists():
            replace_file(file, original.read_bytes())
        elif file.read_bytes() != original.read_bytes():
            kept.append(file)
    return kept


def has_screen() -> bool:
    """Tell whether opening a browser here can work: not as root, not in a container, not without a display."""
    if is_root() or Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return False
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def is_root() -> bool:
    """Tell whether this runs as the superuser, which JupyterLab refuses unless told otherwise."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def lab_arguments(folder: Path, *, browser: bool, port: int | None, ip: str | None) -> list[str]:
    """Return JupyterLab's command line for serving `folder`, opened on the table of contents."""
    arguments = [
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab/tree/{START_HERE}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if not browser:
        arguments.append("--no-browser")
    if port is not None:
        arguments.append(f"--ServerApp.port={port}")
    if ip is not None:
        arguments.append(f"--ServerApp.ip={ip}")
    if is_root():
        arguments.append("--allow-root")
    return arguments


def lab(folder: Path, *, browser: bool, port: int | None, ip: str | None) -> None:
    """Copy the notebooks to `folder`, keeping what is there, and serve it with JupyterLab until interrupted."""
    from jupyterlab.labapp import LabApp

    folder = folder.resolve()
    for file in copy_notebooks(folder):
        print(
            f"adviz: kept your {file}, which differs from the shipped one (rename it to get that)"
        )
    print(f"adviz: serving {folder}", flush=True)
    set_kernel_environment()
    LabApp.launch_instance(
        lab_arguments(folder, browser=browser and has_screen(), port=port, ip=ip)
    )


def set_kernel_environment() -> None:
    """Let kernels use this interpreter, whatever the user's home holds, and find `./data` from where adviz was called.

    A kernel works in its notebook's folder, where `./data` would be another one. Its OpenMP threads
    sleep when idle: where they spin, torch becomes ten times slower (measured on two cores) as soon
    as another program wants a core.
    """
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    if Path("data").is_dir():
        os.environ.setdefault("ADVIZ_DATA", str(Path("data").resolve()))


def read(notebook: Path) -> NotebookNode:
    """Return what the file `notebook` holds."""
    import nbformat

    if not notebook.is_file():
        raise UsageError(f"expected a notebook, got {notebook}, which does not exist")
    try:
        return nbformat.read(notebook, as_version=4)
    except (ValueError, nbformat.ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"expected a notebook, got {notebook}, which cannot be read as one: {reason}"
        ) from error


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Fill `notebook` with the outputs of a fresh kernel working in `folder` and return it, ready to be stored."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError
    from nbconvert.filters import strip_ansi

    set_kernel_environment()
    quiet = {**os.environ, "ADVIZ_PROGRESS": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
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
    try:
        client.execute(env=quiet)
    except (CellExecutionError, DeadKernelError) as error:
        raise Failed(strip_ansi(str(error))) from error
    return tidy(notebook)


def run(file: Path, folder: Path, *, page: Path | None, in_place: bool) -> None:
    """Execute `file` in `folder`, print its tables and store what was asked for, only after all cells passed."""
    import nbformat

    from adviz._support import replace_file

    notebook = read(file)
    if page is not None and not os.access(page.resolve().parent, os.W_OK):
        raise UsageError(f"expected a page in a folder that can be written, got {page}")
    print(f"adviz: running {file.name} ...", flush=True)
    execute(notebook, folder)
    for table in tables(notebook):
        print(table)
    if page is not None:
        replace_file(page, to_html(notebook, file.stem).encode())
        print(f"adviz: wrote {page}")
    if in_place:
        replace_file(file, (nbformat.writes(notebook).rstrip("\n") + "\n").encode())
        print(f"adviz: wrote {file}")


def demo(page: Path) -> None:
    """Run the shipped quickstart away from its folder, print its table and write it as a page."""
    with tempfile.TemporaryDirectory(prefix="adviz-demo-") as folder:
        run(notebooks_folder() / QUICKSTART, Path(folder), page=page, in_place=False)


def check(path: Path) -> None:
    """Print what lies in a data set's folder and what looks wrong with it; fail if anything can change results."""
    from adviz import data

    report = data.check(path, watch=lambda found: print(found.head(), flush=True))
    print(report.body())
    if not report.layout:
        raise Failed("no data set that can be read; the lines above lead to one")
    if not report.ok:
        raise Failed("what is marked with ! can change results")


def build_parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = argparse.ArgumentParser(prog="adviz", description=__doc__)
    parser.add_argument("--version", action="version", version=f"adviz {version('adviz')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    command = commands.add_parser(
        "lab", help="copy the notebooks next to you and open them in JupyterLab"
    )
    command.add_argument(
        "folder", nargs="?", type=Path, default=Path("adviz-notebooks"), metavar="FOLDER"
    )
    command.add_argument("--no-browser", action="store_true", help="only print the URL")
    command.add_argument("--port", type=int, help="first port to try (JupyterLab's default: 8888)")
    command.add_argument(
        "--ip", help="address to listen on; 0.0.0.0 to reach a container from outside"
    )

    command = commands.add_parser(
        "demo", help="run the quickstart without a browser, print its table, write a page"
    )
    command.add_argument("--html", type=Path, default=Path("quickstart.html"), metavar="PAGE")

    command = commands.add_parser(
        "run", help="run a notebook without a browser, print the cells tagged as tables"
    )
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    command.add_argument("--html", type=Path, metavar="PAGE", help="also write it as a page")
    command.add_argument(
        "--in-place", action="store_true", help="also store the outputs in NOTEBOOK"
    )

    command = commands.add_parser(
        "check", help="look through a data set's folder: what is missing, what looks wrong"
    )
    command.add_argument("path", type=Path, metavar="PATH")
    commands.add_parser("version", help="print the version")
    return parser


def dispatch(options: argparse.Namespace) -> None:
    """Call the function of the chosen command."""
    if options.command == "lab":
        lab(options.folder, browser=not options.no_browser, port=options.port, ip=options.ip)
    elif options.command == "demo":
        demo(options.html)
    elif options.command == "run":
        run(
            options.notebook,
            options.notebook.resolve().parent,
            page=options.html,
            in_place=options.in_place,
        )
    elif options.command == "check":
        check(options.path)
    else:
        print(f"adviz {version('adviz')}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status: 0, 1 when a notebook or check failed, 2 when asked wrongly."""
    options = build_parser().parse_args(arguments)
    try:
        dispatch(options)
    except Failed as error:
        print(f"adviz: {error}", file=sys.stderr)
        return 1
    except (UsageError, OSError) as error:
        print(f"adviz: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
