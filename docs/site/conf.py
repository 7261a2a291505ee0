"""Sphinx's configuration of the site; `build.py` lays out the sources beside a copy of it."""

from __future__ import annotations

import inspect
import re
from collections import namedtuple
from pathlib import Path
from typing import Any

import latex2mathml.converter
from docutils import nodes
from sphinx.domains.python import PyObject

import adviz

project = "adviz"
author = "The adviz authors"
copyright = "The adviz authors, MIT licence"
version = release = adviz.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["explorers"]

# Notebooks: as they are stored
nb_execution_mode = "off"
nb_merge_streams = True
suppress_warnings = ["ref.python"]  # an attribute's name that several classes have
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
html_math_renderer = "mathml"

# Docstrings
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# Explorers need the width: a lesson has both its lists at the left
LESSONS = [f"tutorials/{path.stem}" for path in Path(__file__).parent.glob("tutorials/*.ipynb")]

# Nothing is loaded from elsewhere
html_theme = "pydata_sphinx_theme"
html_title = f"adviz {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
html_search_scorer = str(Path(__file__).with_name("scorer.js"))  # pages before names
html_show_search_summary = False  # it would fetch pages, which a file from disk may not
html_theme_options = {
    "logo": {"text": f"adviz {version}"},
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": {"**": ["page-toc"]} | {page: [] for page in ["index", *LESSONS]},
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "pygments_light_style": "default",
    "pygments_dark_style": "github-dark",
}
html_context = {"default_mode": "auto"}  # light or dark as the browser
html_sidebars = {
    "index": [],
    "search": [],
    "tutorials/*": ["sidebar-collapse", "sidebar-nav-bs", "page-toc"],
}

NAMED_FIELD = type(vars(namedtuple("Pair", "field"))["field"])
SECTIONS = ("Parameters", "Attributes", "Returns", "Raises", "Yields")
ITEM = re.compile(r"^([*\w][\w*., ]*): (.*)$")
NAME = re.compile(r"(?<!`)`([^`]+)`(?!`)")
LITERAL = re.compile(r"(``.+?``)")
NAMES_ON_TWO_LINES = re.compile(r"^(\w[\w, ]*,)\n    (\w[\w, ]*: )", re.MULTILINE)
HANGING = re.compile(r"^ {4}")  # of a paragraph's further lines
OWN_TEXT = "own text"  # behind the items of a section
MARKUP = re.compile(r"(?<=\w)_(?!\w)|[*|](?=\S)")  # what Sphinx would take for its own


def public_names() -> dict[str, str]:
    """Return a public name as docstrings have it -> the whole one."""
    names = {name: f"adviz.{name}" for name in adviz.__all__}
    for module in ("data", "explore", "metrics", "plots", "sweep", "tables"):
        for name in getattr(adviz, module).__all__:
            names[f"{module}.{name}"] = f"adviz.{module}.{name}"
    return names


PUBLIC = public_names()


def in_markup_of_sphinx(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Write a docstring's items on two lines, as numpydoc has them, and link public names."""
    section = ""
    is_example = is_list = False
    result: list[str] = []
    joined = NAMES_ON_TWO_LINES.sub(r"\1 \2", "\n".join(lines)).split("\n")
    joined = attributes_alone(joined)
    for number, line in enumerate(joined):
        following = joined[number + 1] if number + 1 < len(joined) else ""
        if following.startswith("---"):
            section = line.strip()
        elif section in SECTIONS and starts_paragraph(joined, number):
            section = OWN_TEXT
            result += ["Notes", "-----"]
        is_example = line.lstrip().startswith(">>>") or (is_example and bool(line.strip()))
        item = ITEM.match(line) if section in SECTIONS else None
        name_of_item, text = (item[1], item[2]) if item else ("", line)
        if line.strip() and not line.startswith(" "):
            is_list = line.startswith("* ")
        if section == OWN_TEXT and not is_list:
            text = HANGING.sub("", text)
        if not is_example:
            text = "".join(
                part if part.startswith("``") else in_words(part) for part in LITERAL.split(text)
            )
        result += [name_of_item, f"    {text}"] if item else [text]
    if hasattr(obj, "get_params"):  # attributes of a detector are its options
        result = ["Parameters" if line == "Attributes" else line for line in result]
    lines[:] = result


def attributes_alone(lines: list[str]) -> list[str]:
    """Return lines in which attributes that share a text have it each, as napoleon needs it."""
    result: list[str] = []
    block: list[str] = []  # an item and its further lines
    is_attributes = False
    for number, line in enumerate([*lines, ""]):
        if not line.startswith("    "):  # further lines of an item are indented
            item = ITEM.match(block[0]) if block and is_attributes else None
            names = item[1].split(", ") if item else [""]
            for name in names:
                result += [f"{name}: {item[2]}", *block[1:]] if item else block
            block = []
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if following.startswith("---"):
            is_attributes = line.strip() == "Attributes"
        block.append(line)
    return result


def starts_paragraph(lines: list[str], number: int) -> bool:
    """Return whether a line behind a list of items is text of its own: numpydoc has it in Notes."""
    line = lines[number]
    is_own = bool(line.strip()) and not line.startswith((" ", "-")) and not ITEM.match(line)
    return is_own and number > 0 and not lines[number - 1].strip()


def in_words(text: str) -> str:
    """Return text whose names in backticks are links or code, and which has no other markup."""
    parts = NAME.split(text)  # text, name, text, ...
    parts[::2] = [MARKUP.sub(r"\\\g<0>", part) for part in parts[::2]]
    parts[1::2] = [
        f":py:obj:`{part} <{PUBLIC[part]}>`" if part in PUBLIC else f"``{part}``"
        for part in parts[1::2]
    ]
    return "".join(parts)


def short_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str | None, returned: Any
) -> tuple[str, None] | None:
    """Return the options of a detector with their defaults."""
    if not (what == "class" and hasattr(obj, "get_params")):
        return None
    whole = inspect.signature(obj)
    plain = [one.replace(annotation=one.empty) for one in whole.parameters.values()]
    return str(whole.replace(parameters=plain, return_annotation=whole.empty)), None


def is_skipped(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what classes inherit from other libraries."""
    home = getattr(obj, "__module__", None) or "adviz"
    # Methods of tuples have no module; fields of named ones have a text of their class
    is_of_tuple = getattr(obj, "__objclass__", None) is tuple or type(obj) is NAMED_FIELD
    return True if is_of_tuple or not home.startswith("adviz") else None


def write_math(self: Any, node: nodes.math) -> None:
    """Write an equation as MathML, which browsers draw without a script."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    self.body.append(latex2mathml.converter.convert(node.astext(), display=display))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Register them."""
    for field in PyObject.doc_field_types:  # as numpydoc calls them
        field.label = "Attributes" if field.name == "variable" else field.label
    app.add_html_math_renderer("mathml", (write_math, None), (write_math, None))
    app.connect("autodoc-skip-member", is_skipped)
    app.connect("autodoc-process-signature", short_signature)
    app.connect("autodoc-process-docstring", in_markup_of_sphinx, priority=400)  # before napoleon
