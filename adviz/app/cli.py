"""The command `adviz`: open notebooks, run them without a browser, check a data set's folder."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from adviz import __version__
from adviz.app.notebook_html import tables, tidy, to_html

if TYPE_CHECKING:
    from nbformat import NotebookNode

START_HERE = "00_start_here.ipynb"  # which notebook answers which question
QUICKSTART = "01_quickstart.ipynb"
# Modules of the extra `lab` that a command needs, and what they are called.
NOTEBOOK_MODULES = {"nbclient": "nbclient", "nbconvert": "nbconvert", "nbformat": "nbformat"}
NEEDED = {"lab": {"jupyterlab": "JupyterLab"}, "demo": NOTEBOOK_MODULES, "run": NOTEBOOK_MODULES}


class UsageError(Exception):
    """What the user can put right: printed as one line, exit status 2."""


class Failed(Exception):
    """A notebook failed, or a data set is not as it should be: exit status 1."""


def require_installed(command: str) -> None:
    """Raise an error that tells how to install what a command needs, where it is missing."""
    modules = NEEDED.get(command, {})
    missing = [name for module, name in modules.items() if find_spec(module) is None]
    if missing:
        names = " and ".join(missing)
        raise UsageError(f'adviz {command} needs {names}: pip install "adviz-anomaly[lab]"')


def notebooks_folder() -> Path:
    """Return the folder of the shipped notebooks: in the package, or next to it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    candidates = [package / "notebooks", package.parent / "notebooks"]
    for folder in candidates:
        if (folder / QUICKSTART).is_file():
            return folder
    folders = " nor ".join(map(str, candidates))
    raise UsageError(
        f"expected the notebook {QUICKSTART}, found it neither in {folders}; reinstall "
        "adviz-anomaly"
    )


def copy_notebooks(target: Path) -> list[Path]:
    """Copy the shipped notebooks, except over changed ones; return the files left unchanged."""
    from adviz._support import replace_file  # not before it is needed: numpy takes a while

    source = notebooks_folder()
    target.mkdir(parents=True, exist_ok=True)
    changed = []
    for original in sorted(source.glob("*.ipynb")):
        file = target / original.name
        if not file.exists():
            replace_file(file, original.read_bytes())
        elif file.read_bytes() != original.read_bytes():
            changed.append(file)
    return changed


def has_screen() -> bool:
    """Tell whether a browser can be opened: not as root, in a container or without a display."""
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
    """Copy the notebooks to `folder` and serve it with JupyterLab until interrupted."""
    from jupyterlab.labapp import LabApp

    folder = folder.resolve()
    for file in copy_notebooks(folder):
        print(
            f"adviz: kept your {file}, which differs from the shipped one (rename it to get that)"
        )
    print(f"adviz: serving {folder}", flush=True)
    set_kernel_environment()
    arguments = lab_arguments(folder, browser=browser and has_screen(), port=port, ip=ip)
    LabApp.launch_instance(arguments)


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
        replace_file(page, to_html(notebook, file.stem).encode())
        print(f"adviz: wrote {page}")
    if in_place:
        replace_file(file, (nbformat.writes(notebook).rstrip("\n") + "\n").encode())
        print(f"adviz: wrote {file}")


def demo(page: Path) -> None:
    """Run the shipped quickstart in a temporary folder, print its table and write it as a page."""
    with tempfile.TemporaryDirectory(prefix="adviz-demo-") as folder:
        run(notebooks_folder() / QUICKSTART, Path(folder), page=page, in_place=False)


def check(path: Path) -> None:
    """Print the check of a data set's folder; fail if anything can change results."""
    from adviz import data

    # The head is printed while images are still being opened.
    report = data.check(path, watch=lambda check: print(check.head(), flush=True))
    print(report.body())
    if not report.layout:
        raise Failed("no data set that can be read; the lines above lead to one")
    if not report.ok:
        raise Failed("what is marked with ! can change results")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="adviz", description=__doc__)
    parser.add_argument("--version", action="version", version=f"adviz {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    summary = "copy the notebooks next to you and open them in JupyterLab"
    command = commands.add_parser("lab", help=summary)
    default = Path("adviz-notebooks")
    command.add_argument("folder", nargs="?", type=Path, default=default, metavar="FOLDER")
    command.add_argument("--no-browser", action="store_true", help="only print the URL")
    command.add_argument("--port", type=int, help="first port to try (JupyterLab's default: 8888)")
    ip_help = "address to listen on; 0.0.0.0 to reach a container from outside"
    command.add_argument("--ip", help=ip_help)

    summary = "run the quickstart without a browser, print its table, write a page"
    command = commands.add_parser("demo", help=summary)
    command.add_argument("--html", type=Path, default=Path("quickstart.html"), metavar="PAGE")

    summary = "run a notebook without a browser, print the cells tagged as tables"
    command = commands.add_parser("run", help=summary)
    command.add_argument("notebook", type=Path, metavar="NOTEBOOK")
    command.add_argument("--html", type=Path, metavar="PAGE", help="also write it as a page")
    in_place_help = "also store the outputs in NOTEBOOK"
    command.add_argument("--in-place", action="store_true", help=in_place_help)

    summary = "look through a data set's folder: what is missing, what looks wrong"
    command = commands.add_parser("check", help=summary)
    command.add_argument("path", type=Path, metavar="PATH")

    commands.add_parser("version", help="print the version")
    return parser


def dispatch(options: argparse.Namespace) -> None:
    """Call the function of the chosen command."""
    require_installed(options.command)
    if options.command == "lab":
        lab(options.folder, browser=not options.no_browser, port=options.port, ip=options.ip)
    elif options.command == "demo":
        demo(options.html)
    elif options.command == "run":
        folder = options.notebook.resolve().parent
        run(options.notebook, folder, page=options.html, in_place=options.in_place)
    elif options.command == "check":
        check(options.path)
    else:
        print(f"adviz {__version__}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, 1 if a notebook or check failed, 2 after a wrong request."""
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
