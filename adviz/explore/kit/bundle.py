"""ES modules as one text: what anywidget and exported pages want.

The files in `explore/js` are plain ES modules: a browser loads them as they are, and so does node
in tests. Bundled, every module is a function that is called once and returns what it exports, so
that names of different modules do not meet. Only plain forms are understood, all else is refused:

1. imports: ``import { a, b } from "./x.js";`` at the start of a line;
2. exports: ``export`` before function, async function, class or const at the start of a line; an
   ``export default``, which makes a module an explorer, is its last statement. Another explorer's
   is left out: a desk imports what stands beside its picture;
3. no cycles.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "js"
PAGE_STYLE = "page.css"  # of an exported page, no explorer's
IMPORT = re.compile(r'^import \{([^}]+)\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.MULTILINE)
DEFAULT = re.compile(r"^export default .*\Z", re.MULTILINE | re.DOTALL)
LEFT_OVER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


@lru_cache
def bundle(name: str, folder: Path = FOLDER) -> str:
    """Return the text of a module with all that it imports, as one module.

    Raises
    ------
    ValueError: a form of import or export that is not understood, a name that is imported and not
        exported, or modules that import each other.
    """
    modules: dict[str, str] = {}
    _add_imports_of(name, folder, modules, ())
    text = _without_forms(_text(name, folder))
    for line in LEFT_OVER.findall(text):
        if not line.startswith("export default"):
            raise ValueError(f"expected only an export default in {name}, got {line!r}")
    return "\n".join([*modules.values(), text])


@lru_cache
def styles(folder: Path = FOLDER) -> str:
    """Return the style sheets of all components, the variables first."""
    files = sorted(path for path in folder.glob("*.css") if path.name != PAGE_STYLE)
    files.sort(key=lambda path: path.name != "base.css")
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def page_style(folder: Path = FOLDER) -> str:
    """Return the style sheet of an exported page."""
    return (folder / PAGE_STYLE).read_text(encoding="utf-8")


def _text(name: str, folder: Path) -> str:
    return (folder / name).read_text(encoding="utf-8")


def _add_imports_of(
    name: str, folder: Path, modules: dict[str, str], importing: tuple[str, ...]
) -> None:
    """Add what a module imports, each after what it imports itself."""
    if name in importing:
        cycle = " -> ".join((*importing, name))
        raise ValueError(f"expected no module to import itself, got {cycle}")
    for names, other in IMPORT.findall(_text(name, folder)):
        if other not in modules:
            _add_imports_of(other, folder, modules, (*importing, name))
            modules[other] = _as_function(other, folder)
        exported = {export for _, export in EXPORT.findall(_text(other, folder))}
        imported = {one.split(" as ")[0].strip() for one in names.split(",") if one.strip()}
        if missing := sorted(imported - exported):
            raise ValueError(f"{name} imports {', '.join(missing)}, which {other} does not export")


def _as_function(name: str, folder: Path) -> str:
    text = _text(name, folder)
    exports = ", ".join(export for _, export in EXPORT.findall(text))
    body = _without_forms(DEFAULT.sub("", text))
    if left := LEFT_OVER.search(body):
        raise ValueError(
            f"expected the plain forms of import and export in {name}, got {left[0]!r}"
        )
    return f"const {_identifier(name)} = (() => {{\n{body}return {{ {exports} }};\n}})();"


def _without_forms(text: str) -> str:
    return EXPORT.sub(r"\1 \2", IMPORT.sub(_as_constants, text))


def _as_constants(found: re.Match[str]) -> str:
    names = found[1].replace(" as ", ": ")
    return f"const {{{names}}} = {_identifier(found[2])};\n"


def _identifier(name: str) -> str:
    return "module_" + re.sub(r"\W", "_", name.removesuffix(".js"))
