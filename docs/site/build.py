"""Build the documentation site: `make docs`, or `python docs/site/build.py [FOLDER]`.

Sources are the pages in ``docs/``, the stored notebooks and the docstrings. They are laid out in
``.cache/site/source``, with the explorers of notebooks as pages that answer clicks, and become
``FOLDER/VERSION/`` by Sphinx. Nothing is fetched. A broken link is an error.

Explorers are written by running the notebooks that show some. Those that are there already, of the
same code, are taken as they are: `make check` writes them where it runs the notebooks as tests.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import html
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import nbformat
from links import broken_links
from PIL import Image
from sphinx.cmd.build import main as sphinx
from startup import page_name

import adviz
from adviz.app import cli

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / ".cache" / "site"
SOURCE = WORK / "source"
LESSONS = HERE / "pages" / "tutorials.md"
PLOTLY = "application/vnd.plotly.v1+json"
PICTURES = "image/jpeg", "image/png"
PROCESSES = 2  # notebooks that run at a time

LINK = re.compile(r"\[([^\]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)]*)?\)")
ANCHOR = re.compile(r"(\]\((?:[\w./]*\.ipynb)?#)([^)]*)\)")  # in a notebook
DIAGRAM = re.compile(r"```mermaid\n(.*?)```", re.DOTALL)
BOX = re.compile(r"(\w+)\[([^\]]*)\]")  # of a diagram: its name, and what it says
ARROW = re.compile(r'^ *(\w+) (?:-->|-[-.] "([^"]*)" \.?-+>) (\w+(?: & \w+)*)$', re.MULTILINE)
STYLED_TABLE = re.compile(r'<table id="T_.*?</table>', re.DOTALL)  # of pandas
LEGEND = re.compile(r"<p style='max-width:900px'>(printed.*?)</p>", re.DOTALL)  # of a comparison
ROOT_PAGES = "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"


class Picture(NamedTuple):
    """What the first page shows of an explorer.

    Attributes
    ----------
    question: that the explorer answers.
    box: of its stored picture, left, upper, right and lower edge, pixels; None = all of it.
    """

    question: str
    box: tuple[int, int, int, int] | None = None


# The first page: notebook and last line of the cell that shows an explorer -> its picture
GALLERY = {
    ("01_quickstart", "view"): Picture(
        "Which images are anomalous, where, and by whose word?", (535, 0, 1060, 300)
    ),
    ("02_spade_retrieval", "view"): Picture(
        "What was this pixel compared with?", (0, 335, 720, 746)
    ),
    ("02_spade_retrieval", "why"): Picture("Why this photograph?", (530, 0, 1060, 300)),
    ("06_layers", "view"): Picture("Which layer sees the defect?", (0, 0, 480, 262)),
    ("08_thresholds_and_pro", "view"): Picture(
        "Where does the threshold belong?", (0, 0, 1100, 540)
    ),
    ("08_thresholds_and_pro", "pro_view"): Picture("What is PRO?", (0, 0, 765, 432)),
    ("09_compare", "view"): Picture("Where do methods disagree?", (470, 28, 1200, 402)),
    ("03_patchcore_coreset", "view"): Picture("What does a memory bank keep?"),
    ("10_why_published_numbers_differ", "view"): Picture("What is an option worth?"),
    ("07_padim_and_position", "camera"): Picture("What if the camera moves?", (338, 0, 1014, 385)),
    ("04_reverse_distillation", "student_view"): Picture(
        "What can a student not rebuild?", (478, 0, 948, 262)
    ),
    ("12_tables_patchcore", "view"): Picture("What is behind a number of a table?"),
}
THUMBNAIL = 720, 400  # pixels, at most: cards are half as wide
# Explorers that stay pictures, since one like them is near: the site is to be small
PICTURES_ALONE = {
    ("02_spade_retrieval", "window_view"),
    ("07_padim_and_position", "other"),
    ("09_compare", "bottle_view"),
    ("10_why_published_numbers_differ", "protocols"),
    ("11_tables_spade", "view"),
    ("13_tables_reverse_distillation", "view"),
    ("14_few_shot", "view"),
    ("16_odd_photographs", "view"),
}
PLACE_OF_GALLERY = "<!-- gallery -->"

PAPERS = {"spade": "SPADE", "patchcore": "PatchCore", "rd": "Reverse distillation"}


def main() -> None:
    """Build the site."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "site")
    parser.add_argument(
        "--environment",
        action="store_true",
        help="print the variables with which kernels write their explorers for the site",
    )
    options = parser.parse_args()
    if options.environment:
        print(*(f"{name}={value}" for name, value in kernel_environment().items()))
        return
    folder = options.folder.resolve()
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(HERE / "static", SOURCE / "static")
    for name in ("conf.py", "scorer.js"):
        shutil.copy(HERE / name, SOURCE)
    shutil.copy(files("plotly") / "package_data" / "plotly.min.js", SOURCE / "static")
    export_explorers()
    lay_out_pages()
    for path in notebooks():
        lay_out_notebook(path)
    lay_out_gallery()
    lay_out_reference()
    lay_out_tables()
    target = folder / adviz.__version__
    run_sphinx(target)
    write_versions(folder)
    if broken := broken_links(target):
        sys.exit("\n".join(["links that lead nowhere:", *broken]))
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{target}: {size / 1e6:.1f} MB")


def notebooks() -> list[Path]:
    """Return the notebooks, in their order."""
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


# Explorers


def export_explorers() -> None:
    """Run the notebooks whose explorers are not there, and copy all pages."""
    environment = kernel_environment()
    folder = Path(environment["ADVIZ_SITE_EXPLORERS"])
    todo = [path for path in notebooks() if shows_explorers(path) and not was_run(path, folder)]
    os.environ.update(environment)
    os.environ["ADVIZ_PROGRESS"] = "0"
    with ProcessPoolExecutor(PROCESSES) as pool:
        ran = dict(zip(todo, pool.map(runs, todo), strict=True))
    if failed := [path.name for path in todo if not ran[path]]:
        # Notebook 05 needs data that not every machine has
        message = f"{', '.join(failed)} failed: explorers of it stay pictures"
        sys.exit(message) if os.environ.get("CI") == "true" else print(message)
    if errors := [error.read_text(encoding="utf-8") for error in folder.glob("*.error")]:
        sys.exit(f"an explorer could not be written:\n{errors[0]}")
    target = SOURCE / "static" / "explorers"
    target.mkdir()
    for path in notebooks():
        code = code_of(path)
        for end in range(1, len(code) + 1):
            page = folder / page_name(code[:end])
            if page.exists() and (path.stem, last_line(code[end - 1])) not in PICTURES_ALONE:
                shutil.copy(page, target)


def kernel_environment() -> dict[str, str]:
    """Return the variables with which kernels write pages of explorers, where they write them."""
    folder = WORK / "explorers" / code_digest()
    for old in folder.parent.glob("*"):
        if old != folder:
            shutil.rmtree(old)
    shutil.rmtree(WORK / "ipython", ignore_errors=True)
    startup = WORK / "ipython" / "profile_default" / "startup"
    for path in (folder, startup):
        path.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "startup.py", startup)
    return {"IPYTHONDIR": str(WORK / "ipython"), "ADVIZ_SITE_EXPLORERS": str(folder)}


def code_digest() -> str:
    """Return a digest of all that an explorer's page is made of, but its notebook."""
    digest = hashlib.blake2b((HERE / "startup.py").read_bytes(), digest_size=6)
    for path in sorted((ROOT / "adviz").rglob("*")):
        if path.suffix in (".py", ".js", ".css", ".jinja"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def code_of(path: Path) -> list[str]:
    """Return the code cells of a notebook."""
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def last_line(cell: str) -> str:
    """Return what a cell shows."""
    return cell.strip().splitlines()[-1]


def shows_explorers(path: Path) -> bool:
    """Return whether a notebook makes an explorer."""
    return any("explore." in cell for cell in code_of(path))


def was_run(path: Path, folder: Path) -> bool:
    """Return whether all of a notebook was run by the same code: its last cell left a mark."""
    return (folder / page_name(code_of(path))).with_suffix(".done").exists()


def runs(path: Path) -> bool:
    """Run a notebook, whose kernel writes a page for each explorer that it shows."""
    with redirect_stdout(io.StringIO()):
        return cli.main(["run", str(path)]) == 0


# Pages


def site_paths() -> dict[Path, Path]:
    """Return what becomes a page, or a picture in one -> where it lies in the site's sources."""
    paths = {path: Path(path.name) for path in (ROOT / "docs").glob("*.md")}
    paths |= {path: Path(path.name) for path in (HERE / "pages").glob("*.md")}
    paths |= {path: Path("images", path.name) for path in (ROOT / "docs" / "images").iterdir()}
    paths |= {path: Path("tutorials", path.name) for path in notebooks()}
    paths[ROOT / "notebooks" / "solutions.md"] = Path("solutions.md")
    paths |= {ROOT / name: Path(name.lower()) for name in ROOT_PAGES}
    return paths | {ROOT / "data" / "README.md": Path("data.md")}


def lay_out_pages() -> None:
    """Copy the pages and their pictures."""
    shutil.copytree(ROOT / "docs" / "images", SOURCE / "images")
    for path, place in site_paths().items():
        if path.suffix == ".md":
            text = moved_links(path.read_text(encoding="utf-8"), path)
            text = DIAGRAM.sub(diagram_in_words, text)
            (SOURCE / place).write_text(text, encoding="utf-8")


def moved_links(text: str, source: Path) -> str:
    """Return Markdown whose links lead to where their targets lie in the site, or are words."""
    places = site_paths()
    here = places[source].parent

    def replace(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        file = (source.parent / target).resolve()
        if file in places:
            return f"[{words}]({os.path.relpath(places[file], here)}{anchor})"
        # Pages that are made here link to each other
        return match[0] if source.parent == HERE / "pages" else words

    return LINK.sub(replace, text)


def diagram_in_words(diagram: re.Match[str]) -> str:
    """Return the arrows of a Mermaid diagram as lines of text: nothing here draws it."""
    text = diagram[1].replace("<br>", " ")
    labels = {match[1]: match[2].strip('"') for match in BOX.finditer(text)}
    arrows = []
    for start, said, ends in ARROW.findall(BOX.sub(r"\1", text)):
        names = [labels.get(end, end) for end in ends.split(" & ")]
        arrows.append((labels.get(start, start), ", ".join(names), said))
    width = max(len(start) for start, _ends, _said in arrows)
    lines = [
        f"{start:{width}} → {ends}{f'  ({said})' if said else ''}" for start, ends, said in arrows
    ]
    return "\n".join(["```text", *lines, "```"])


def lay_out_notebook(path: Path) -> None:
    """Write a notebook as the site shows it: explorers that answer, and charts to hover over."""
    notebook = nbformat.read(path, as_version=4)
    code: list[str] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = moved_links(cell.source, path)
            cell.source = cell.source.replace("[solutions.md]", "[the solutions]")
            cell.source = ANCHOR.sub(lambda match: f"{match[1]}{slug(match[2])})", cell.source)
        elif cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
        if cell.cell_type == "code":
            code.append(cell.source)
            live = SOURCE / "static" / "explorers" / page_name(code)
            for output in cell.outputs:
                show_live(output, live.name if live.exists() else "")
                if "text/html" in output.get("data", {}):
                    output.data["text/html"] = in_lines(output.data["text/html"])
    target = SOURCE / "tutorials" / path.name
    target.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, target)


def slug(heading: str) -> str:
    """Return the anchor that the site gives a heading, of the one that Jupyter gives it."""
    return re.sub(r"[^\w-]", "", heading.lower())


def show_live(output: Any, page: str) -> None:
    """Put an explorer's page, or a chart, in the place of its picture."""
    content = output.get("data", {})
    picture = next((kind for kind in PICTURES if kind in content), None)
    if PLOTLY in content:
        chart = json.dumps({name: content[PLOTLY][name] for name in ("data", "layout")})
        chart = chart.replace("</", "<\\/")
        alone = f'<img alt="" src="data:{picture};base64,{content[picture]}">' if picture else ""
        content.clear()
        content["text/html"] = (
            '<div class="adviz-chart" data-plotly="../_static/plotly.min.js">'
            f'<script type="application/json">{chart}</script>{alone}</div>'
        )
    elif page and picture:
        content.clear()
        content["text/html"] = live_frame(f"../_static/explorers/{page}")


def lay_out_gallery() -> None:
    """Fill the first page with pictures of explorers, each with the lesson that it is from."""
    (SOURCE / "static" / "gallery").mkdir()
    cards = [card(stem, last, picture) for (stem, last), picture in GALLERY.items()]
    grid = "\n".join(['<div class="adviz-gallery">', *cards, "</div>"])
    page = SOURCE / "index.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace(PLACE_OF_GALLERY, grid), encoding="utf-8")


def card(stem: str, last: str, picture: Picture) -> str:
    """Return the card of an explorer: its picture and its question, which lead to it."""
    code, stored = shown_by(stem, last)
    part = Image.open(io.BytesIO(base64.b64decode(stored))).crop(picture.box)
    part.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    name = f"gallery/{stem}-{last}.jpg"
    part.save(SOURCE / "static" / name, quality=85)
    question = html.escape(picture.question)
    return (
        f'<article><a href="_static/explorers/{page_name(code)}">'
        f'<img class="dark-light" src="_static/{name}" alt="" '
        f'width="{part.width}" height="{part.height}">{question}</a>'
        f'<p>from the lesson <a href="tutorials/{stem}.html">{lesson_title(stem)}</a></p></article>'
    )


def shown_by(stem: str, last: str) -> tuple[list[str], str]:
    """Return the code cells of a notebook up to one, and the picture that it shows, as stored."""
    code: list[str] = []
    for cell in nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4).cells:
        if cell.cell_type != "code":
            continue
        code.append(cell.source)
        for output in cell.outputs:
            if last_line(cell.source) == last and "image/jpeg" in output.get("data", {}):
                return code, output.data["image/jpeg"]
    raise LookupError(f"expected a cell of {stem} that shows {last}, found none")


def lesson_title(stem: str) -> str:
    """Return how the list of lessons calls a notebook."""
    entry = re.search(rf"^(.*) <tutorials/{stem}>$", LESSONS.read_text(encoding="utf-8"), re.M)
    if entry is None:
        raise LookupError(f"expected {stem} in the toctree of {LESSONS.name}, found none")
    return html.escape(entry[1])


def live_frame(source: str) -> str:
    """Return the element that shows an explorer's page."""
    return (
        f'<div class="adviz-live"><iframe loading="lazy" src="{html.escape(source)}" '
        'title="an explorer that answers clicks"></iframe>'
        f'<p>It answers clicks. <a href="{html.escape(source)}">Open it alone</a>.</p></div>'
    )


# Reference


def lay_out_reference() -> None:
    """Write a page for each group of public names."""
    folder = SOURCE / "reference"
    folder.mkdir()
    groups = dict(reference_groups())
    for name, (title, names) in groups.items():
        text = f"# {title}\n\n" + "\n\n".join(directive(one) for one in names)
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def reference_groups() -> Iterator[tuple[str, tuple[str, list[str]]]]:
    """Return page -> its title and its names; every public name is on one of them."""
    modules = [
        "data",
        "explore",
        "metrics",
        "plots",
        "sweep",
        "tables",
        "maps",
        "coreset",
        "archive",
    ]
    own = [name for name in adviz.__all__ if name not in modules]
    detectors = [name for name in own if name in dir(adviz.detectors)]
    others = [name for name in own if name not in detectors]
    yield "detectors", ("Detectors", [f"adviz.{name}" for name in detectors])
    yield "core", ("Features, predictions, thresholds, files", [f"adviz.{one}" for one in others])
    for name in modules:
        yield name, (f"adviz.{name}", list(names_in(f"adviz.{name}")))


def names_in(module_name: str) -> Iterator[str]:
    """Return the whole names of what a public module offers, and of what its modules do."""
    module = named(module_name)
    offered = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if name[0] != "_" and getattr(value, "__module__", "") == module.__name__
    ]
    for name in offered:
        if isinstance(getattr(module, name), ModuleType):
            yield from names_in(f"{module_name}.{name}")
        else:
            yield f"{module_name}.{name}"


def directive(name: str) -> str:
    """Return what documents a name, in Sphinx's own markup."""
    value = named(name)
    if isinstance(value, type):
        kind, options = "autoclass", ["   :members:", "   :inherited-members: object"]
    elif callable(value):
        kind, options = "autofunction", []
    else:
        kind, options = (
            "py:data",
            ["", f"   {type(value).__name__}: ``{', '.join(map(str, value))}``"],
        )
    return "\n".join(["```{eval-rst}", f".. {kind}:: {name}", *options, "```"])


def named(name: str) -> Any:
    """Return the object of a dotted name."""
    value: Any = adviz
    for part in name.split(".")[1:]:
        value = getattr(value, part)
    return value


# The papers' tables


def lay_out_tables() -> None:
    """Write a page for each table of a paper: printed values, and those that come with adviz."""
    folder = SOURCE / "tables"
    folder.mkdir()
    book = adviz.tables.Book(adviz.tables.available_setting(root="none"), folder / "results")
    for name in book.names:
        table_name = "its text" if name.table == "text" else f"Table {name.table}"
        title = f"{PAPERS[name.paper]}, {table_name}"
        table = in_lines(book.table(name.paper, name.table)._repr_html_())
        text = f"# {title}: {name.title}\n\n<div>\n{table}\n</div>\n"
        (folder / f"{name.paper}-{name.table}.md").write_text(text, encoding="utf-8")


def in_lines(text: str) -> str:
    """Return a paper's table in HTML, in a place of its own, whose remarks have a line each."""

    def replace(match: re.Match[str]) -> str:
        remarks = html.unescape(match[1]).removesuffix(".").split("; ")
        lines = "".join(f"<li>{html.escape(remark)}</li>" for remark in remarks)
        return f'<ul class="adviz-legend">{lines}</ul>'

    return LEGEND.sub(replace, STYLED_TABLE.sub(r'<div class="adviz-table">\g<0></div>', text))


# Sphinx


def run_sphinx(target: Path) -> None:
    """Build the pages; a warning is an error."""
    shutil.rmtree(target, ignore_errors=True)
    options = ["-b", "html", "--fail-on-warning", "--keep-going", "--quiet"]
    if sphinx([*options, "-d", str(WORK / "doctrees"), str(SOURCE), str(target)]):
        sys.exit("Sphinx warned of what stands above")
    shutil.rmtree(target.parent / "jupyter_execute", ignore_errors=True)  # outputs, a second time


def write_versions(folder: Path) -> None:
    """Write the page that leads to the newest version, and names all that were built there."""
    versions = sorted(path.name for path in folder.iterdir() if (path / "index.html").exists())
    links = "".join(f'<li><a href="{one}/index.html">{one}</a></li>' for one in reversed(versions))
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>adviz</title>'
        f'<meta http-equiv="refresh" content="0; url={adviz.__version__}/index.html">'
        f"<h1>adviz: versions of this site</h1><ul>{links}</ul></html>"
    )
    (folder / "index.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
