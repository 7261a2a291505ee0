"""Small seeded faults: where a Python source can be edited so that it still compiles but means
something else.
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

BOUNDARY = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}
BOUNDARY |= {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
# Turned round by BOUNDARY already
NEGATIONS = (ast.Eq, ast.NotEq, ast.Is, ast.IsNot, ast.In, ast.NotIn)
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
}
ARITHMETIC |= {
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
ARITHMETIC |= {ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.BitXor: ast.BitOr}
EXTREMES = {"min": "max", "minimum": "maximum", "amin": "amax", "argmin": "argmax", "floor": "ceil"}
EXTREMES |= {there: here for here, there in EXTREMES.items()}
# Words for people, and zip's `strict` and `isinstance`, which are assertions and not results.
UNTOUCHED_KEYWORDS = {"strict", "label", "stacklevel"}
UNTOUCHED_CALLS = {"isinstance", "hasattr", "getattr", "warn", "TypeVar"}
UNTOUCHED_FUNCTIONS = {"__repr__", "_repr_html_"}
SYMMETRIC = {"min", "max", "minimum", "maximum"}  # whose arguments can be swapped
LITERALS = (
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.Dict,
    ast.Starred,
)  # swapped with anything else they would only be refused
AXES = {"axis", "dim", "dim1", "dim2"}
Lines = tuple[int, int] | None


@dataclass(frozen=True)
class Edit:
    """One fault: bytes `start` to `end` of a file become `text`.

    `lines` are the first and the last line of the statement: a test that runs none of them cannot
    see the fault. None: it takes effect on import, so that any test of the file may.
    """

    path: str
    operator: str
    line: int
    start: int
    end: int
    text: str
    lines: Lines

    def applied(self, source: bytes) -> bytes:
        """Return the source with the fault in it."""
        return source[: self.start] + self.text.encode() + source[self.end :]

    def __str__(self) -> str:
        source = Path(self.path).read_bytes()
        old = " ".join(source[self.start : self.end].decode().split())
        whole = source.splitlines()[self.line - 1].decode().strip()
        return f"{self.path}:{self.line} {self.operator}: {old}  ->  {self.text}   in: {whole}"


def edits_of(
    path: str, source: bytes, required: Mapping[str, set[str]] | None = None
) -> list[list[Edit]]:
    """Return every place that can be edited, each with its alternatives, in the order of the
    source.
    """
    finder = _Finder(path, source, required or {})
    finder.block(ast.parse(source).body)
    places: dict[tuple[int, int, str], list[Edit]] = {}
    for edit in finder.found:
        places.setdefault((edit.start, edit.end, edit.operator), []).append(edit)
    return [places[key] for key in sorted(places)]


def sample(places: Mapping[str, list[list[Edit]]], count: int, seed: int) -> list[Edit]:
    """Draw `count` places of several files, from each in proportion to its places (at least one); 0
    = all of them.
    """
    rng, total = random.Random(seed), sum(map(len, places.values()))  # noqa: S311
    drawn = []
    for of_file in places.values():
        share = (
            len(of_file)
            if count == 0
            else min(len(of_file), max(1, round(count * len(of_file) / total)))
        )
        drawn += [
            rng.choice(of_file[number]) for number in sorted(rng.sample(range(len(of_file)), share))
        ]
    return drawn


def required_arguments(paths: Iterator[Path]) -> dict[str, set[str]]:
    """Return function or class -> arguments without a default, of which none can be dropped."""
    found: dict[str, set[str]] = {}
    for path in paths:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef):
                plain = node.args.args[: len(node.args.args) - len(node.args.defaults)]
                named = [
                    a
                    for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
                    if d is None
                ]
                found.setdefault(node.name, set()).update(
                    argument.arg for argument in [*plain, *named]
                )
            elif isinstance(node, ast.ClassDef):
                names = {
                    s.target.id
                    for s in node.body
                    if isinstance(s, ast.AnnAssign) and s.value is None
                }
                found.setdefault(node.name, set()).update(names)
    return found


@dataclass
class _Finder:
    path: str
    source: bytes
    required: Mapping[str, set[str]]
    found: list[Edit] = field(default_factory=list)
    lines: Lines = None
    functions: list[ast.FunctionDef] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.starts = list(accumulate(map(len, self.source.splitlines(keepends=True)), initial=0))

    def add(self, operator: str, node: ast.AST, text: str) -> None:
        start, end = (
            self.starts[line - 1] + column
            for line, column in (
                (node.lineno, node.col_offset),
                (node.end_lineno, node.end_col_offset),
            )
        )
        self.found.append(Edit(self.path, operator, node.lineno, start, end, text, self.lines))

    def altered(self, operator: str, node: ast.AST, **fields: object) -> None:
        """Add the edit that replaces a node by a copy with other fields."""
        new = copy.copy(node)
        for name, value in fields.items():
            setattr(new, name, value)
        text = ast.unparse(new)
        if text == ast.unparse(node):
            return
        loose = isinstance(node, ast.BinOp | ast.BoolOp | ast.Compare | ast.UnaryOp)
        self.add(operator, node, f"({text})" if loose else text)

    # Statements

    def block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        if self.functions and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            inner = [
                part
                for name in ("body", "orelse", "finalbody", "handlers")
                for part in getattr(node, name, [])
            ]
            last = min((part.lineno for part in inner), default=node.end_lineno + 1) - 1
            self.lines = node.lineno, max(last, node.lineno)
        if handler is not None:
            handler(node)
        else:
            self.expressions(node)

    def _functiondef(self, node: ast.FunctionDef) -> None:
        if node.name in UNTOUCHED_FUNCTIONS:
            return
        outer, self.lines = self.lines, (node.body[0].lineno, node.end_lineno)
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self.expression(default)
        self.functions.append(node)
        self.block(node.body)
        self.functions.pop()
        self.lines = outer

    def _classdef(self, node: ast.ClassDef) -> None:
        self.block(node.body)

    def _expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return  # a docstring
        if isinstance(node.value, ast.Call):
            self.add("statement", node, "pass")
        self.expressions(node)

    def _augassign(self, node: ast.AugAssign) -> None:
        self.add("statement", node, "pass")
        if type(node.op) in ARITHMETIC:
            self.altered("arithmetic", node, op=ARITHMETIC[type(node.op)]())
        self.expressions(node)

    def _assign(self, node: ast.Assign) -> None:
        if not any(
            isinstance(target, ast.Name) and target.id == "__all__" for target in node.targets
        ):
            self.expressions(node)

    def _annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.expression(node.value)

    def _return(self, node: ast.Return) -> None:
        if node.value is None or ast.unparse(node.value) == "None":
            return
        self.add("return", node, "return None")
        arguments = [a.arg for a in self.functions[-1].args.args if a.arg not in ("self", "cls")]
        if arguments and ast.unparse(node.value) != arguments[0]:
            self.add("return", node, f"return {arguments[0]}")
        self.expression(node.value)

    def _raise(self, node: ast.Raise) -> None:
        """Leave the words of errors as they are."""

    def _if(self, node: ast.If | ast.While) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        self.condition(node.test)
        self.expression(node.test)
        self.block(node.body)
        self.block(node.orelse)

    _while = _if

    # Expressions

    def expressions(self, node: ast.AST) -> None:
        """Go into what a node holds: expressions are edited, inner statements as a block."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                self.statement(child)
            elif isinstance(child, ast.expr):
                self.expression(child)
            elif not isinstance(child, ast.expr_context | ast.operator | ast.arguments):
                self.expressions(child)

    def condition(self, test: ast.expr) -> None:
        single = (
            isinstance(test, ast.Compare)
            and len(test.ops) == 1
            and isinstance(test.ops[0], NEGATIONS)
        )
        if not single and not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            self.add("negation", test, f"(not ({ast.unparse(test)}))")

    def expression(self, node: ast.expr) -> None:
        if isinstance(node, ast.JoinedStr):
            return  # words, and places in it are not known to Python 3.11
        handler = getattr(self, f"_{type(node).__name__.lower()}", None)
        if handler is not None:
            handler(node)
        else:
            self.expressions(node)

    def _constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.add("constant", node, str(not value))
        elif isinstance(value, int):
            for other in (value + 1, value - 1):
                self.add("constant", node, str(other) if other >= 0 else f"({other})")
        elif isinstance(value, float):
            self.add("constant", node, repr(value * 1.1 if value else 0.1))

    def _compare(self, node: ast.Compare) -> None:
        for place, op in enumerate(node.ops):
            self.altered(
                "comparison",
                node,
                ops=[*node.ops[:place], BOUNDARY[type(op)](), *node.ops[place + 1 :]],
            )
        self.expressions(node)

    def _binop(self, node: ast.BinOp) -> None:
        words = any(isinstance(x, ast.JoinedStr) or _is_text(x) for x in (node.left, node.right))
        if type(node.op) in ARITHMETIC and not words:
            self.altered("arithmetic", node, op=ARITHMETIC[type(node.op)]())
        self.expressions(node)

    def _unaryop(self, node: ast.UnaryOp) -> None:
        self.add(
            "not" if isinstance(node.op, ast.Not) else "arithmetic",
            node,
            f"({ast.unparse(node.operand)})",
        )
        self.expressions(node)

    def _boolop(self, node: ast.BoolOp) -> None:
        self.altered("and/or", node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        self.expressions(node)

    def _ifexp(self, node: ast.IfExp) -> None:
        self.condition(node.test)
        self.expressions(node)

    def _slice(self, node: ast.Slice) -> None:
        for bound in ("lower", "upper"):
            if getattr(node, bound) is not None:
                self.altered("slice", node, **{bound: None})
        self.expressions(node)

    def _call(self, node: ast.Call) -> None:
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        if name in UNTOUCHED_CALLS:
            return
        self.expression(node.func)
        if name in EXTREMES:
            called = ast.unparse(node.func)
            self.add("min/max", node.func, called.removesuffix(name) + EXTREMES[name])
        plain = not any(isinstance(argument, LITERALS) for argument in node.args[-2:])
        if len(node.args) > 1 and name not in SYMMETRIC and plain:
            *others, last_but_one, last = node.args
            self.altered("arguments", node, args=[*others, last, last_but_one])
        for argument in node.args:
            self.expression(argument)
        for number, keyword in enumerate(node.keywords):
            if keyword.arg in UNTOUCHED_KEYWORDS:
                continue
            if keyword.arg is not None and keyword.arg not in self.required.get(name, ()):
                self.altered(
                    "keyword",
                    node,
                    keywords=[*node.keywords[:number], *node.keywords[number + 1 :]],
                )
            if keyword.arg in AXES and isinstance(keyword.value, ast.Constant):
                self.add("axis", keyword.value, str(1 - min(keyword.value.value, 1)))
            else:
                self.expression(keyword.value)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
