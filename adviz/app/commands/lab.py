"""`adviz lab`: the shipped notebooks, or one of your own, opened in JupyterLab."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from urllib.parse import quote

from adviz.app.commands.errors import UsageError
from adviz.app.commands.run import set_kernel_environment

SUMMARY = "copy the notebooks next to you and open them in JupyterLab"
NEEDS = {"jupyterlab": "JupyterLab"}
START_HERE = "00_start_here.ipynb"  # which notebook answers which question
QUICKSTART = "01_quickstart.ipynb"
SOLUTIONS = "solutions.md"  # which the notebooks link to


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    default = Path("adviz-notebooks")
    folder_help = f"where to copy them (default: {default}), or a notebook to open as it is"
    parser.add_argument(
        "folder", nargs="?", type=Path, default=default, metavar="FOLDER", help=folder_help
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the URL")
    parser.add_argument("--port", type=int, help="first port to try (JupyterLab's default: 8888)")
    ip_help = "address to listen on; 0.0.0.0 to reach a container from outside"
    parser.add_argument("--ip", help=ip_help)


def main(options: argparse.Namespace) -> None:
    """Serve the folder until interrupted."""
    lab(options.folder, browser=not options.no_browser, port=options.port, ip=options.ip)


def notebooks_folder() -> Path:
    """Return the folder of the shipped notebooks: in the package, or next to it in a checkout."""
    package = Path(__file__).resolve().parents[2]
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
    """Copy the notebooks and their solutions, except over changed files; return these."""
    from adviz._support import replace_file  # not before it is needed: numpy takes a while

    source = notebooks_folder()
    target.mkdir(parents=True, exist_ok=True)
    changed = []
    for original in sorted([*source.glob("*.ipynb"), *source.glob(SOLUTIONS)]):
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


def lab_arguments(
    folder: Path,
    *,
    browser: bool,
    port: int | None,
    ip: str | None,
    notebook: str = START_HERE,
) -> list[str]:
    """Return JupyterLab's command line for serving `folder`, opened on a notebook in it."""
    arguments = [
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab/tree/{quote(notebook)}",
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
    """Copy the notebooks to `folder` and serve it with JupyterLab until interrupted.

    A file in place of the folder is a notebook: its own folder is served, and nothing is copied.
    """
    from jupyterlab.labapp import LabApp

    folder = folder.resolve()
    notebook = START_HERE
    if folder.is_file() and folder.suffix == ".ipynb":
        notebook = folder.name
        folder = folder.parent
        changed = []
    else:
        changed = copy_notebooks(folder)
    for file in changed:
        print(
            f"adviz: kept your {file}, which differs from the shipped one (rename it to get that)"
        )
    print(f"adviz: serving {folder}", flush=True)
    set_kernel_environment()
    arguments = lab_arguments(
        folder, browser=browser and has_screen(), port=port, ip=ip, notebook=notebook
    )
    LabApp.launch_instance(arguments)
