"""A notebook's cells as statements: each with its text, comments and decorators included, and its names.

What a cell says to IPython (`%magic`, `!command`, `help?`) is translated by IPython itself, so that it is read as the
notebook read it.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sbh_jobkit.errors import ExportError
from sbh_jobkit.project.code.names import Names, names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TRAILING_COMMENT = re.compile(r"\s*;?\s*(#.*)?")
_IPYTHON = "get_ipython"
"""What IPython's translations of magics begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a cell."""

    cell: int
    text: str
    """As it was written, with the comments above it and after it."""
    node: ast.stmt
    names: Names
    gap: int = 0
    """How many blank lines stand above it in its cell."""
    magic: str | None = None
    """The cell magic that its cell begins with, such as `%%time`."""

    @property
    def uses_magic(self) -> bool:
        """Whether a magic or a shell command stands in it."""
        return _IPYTHON in self.names.needs


def statement(cell: int, text: str) -> Statement:
    """Make a statement of text that no cell holds in this form."""
    node = ast.parse(text).body[0]
    return Statement(cell=cell, text=text, node=node, names=names(text, node))


def statements(cells: Iterable[tuple[int, str]]) -> Iterator[Statement]:
    """Yield the statements of numbered cells, without the magics that stand alone.

    An import of several names is several statements. A cell that is no Python never ran, and is left out.
    """
    for number, text in cells:
        yield from _of_cell(number, text, None)


def _of_cell(number: int, text: str, magic: str | None) -> Iterator[Statement]:
    text, tree = _parsed(text, number)
    lines = text.encode().splitlines(keepends=True)
    end = 0
    for index, node in enumerate(tree.body):
        following = tree.body[index + 1] if index + 1 < len(tree.body) else None
        call = _magic_call(node)
        if call is None:
            written = _Written(lines, node, end, following)
            yield from _statements_of(number, written, node, magic)
        elif call.func.attr == "run_cell_magic":  # type: ignore[attr-defined] # _magic_call saw it
            name, _, body = (argument.value for argument in call.args)  # type: ignore[attr-defined] # texts
            yield from _of_cell(number, body, f"%%{name}")
        end = node.end_lineno or 0


def _parsed(text: str, number: int) -> tuple[str, ast.Module]:
    try:
        return text, ast.parse(text)
    except (SyntaxError, ValueError):  # ValueError: a NUL byte
        pass
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError as error:
        msg = f"cell {number} is not plain Python; to read magics, install IPython: pip install 'sbh-jobkit[notebook]'"
        raise ExportError([msg]) from error
    try:
        translated = TransformerManager().transform_cell(text)  # type: ignore[no-untyped-call] # IPython's own
        return translated, ast.parse(translated)
    except (SyntaxError, ValueError):
        return "", ast.Module(body=[], type_ignores=[])


def _magic_call(node: ast.stmt) -> ast.Call | None:
    """Return the call that a magic on a line of its own became."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return None
    call = node.value
    inner = call.func.value if isinstance(call.func, ast.Attribute) else None
    found = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == _IPYTHON
    return call if found else None


def _statements_of(number: int, written: _Written, node: ast.stmt, magic: str | None) -> Iterator[Statement]:
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        found = names(written.text, node)
        yield Statement(cell=number, text=written.text, node=node, names=found, gap=written.gap, magic=magic)
        return
    for alias in node.names:
        one = (
            ast.Import([alias])
            if isinstance(node, ast.Import)
            else ast.ImportFrom(module=node.module, names=[alias], level=node.level)
        )
        yield replace(statement(number, ast.unparse(one)), magic=magic)


class _Written:
    """How a statement was written: its lines, and the comments that belong to it."""

    def __init__(self, lines: list[bytes], node: ast.stmt, before: int, following: ast.stmt | None) -> None:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        last, column = node.end_lineno or first, node.end_col_offset or 0
        shared = following is not None and following.lineno == last
        start = 0 if decorators else node.col_offset
        text = b"".join(lines[first - 1 : last - 1]) if last > first else b""
        text = text[start:] + lines[last - 1][start if last == first else 0 : column]
        rest = "" if shared else _TRAILING_COMMENT.fullmatch(lines[last - 1][column:].decode().rstrip())
        comment = rest[1] if rest else None
        above = _comments(lines[before : first - 1])
        inside = [] if shared else _indented(lines[last:])
        self.text = "\n".join([*above, text.decode() + (f"  {comment}" if comment else ""), *inside])
        """The statement, with the comments right above it, behind it, and at the end of its body."""
        self.gap = _blank(lines[before : first - 1 - len(above)])


def _comments(between: list[bytes]) -> list[str]:
    """Return the comment lines that stand right above a statement."""
    found: list[str] = []
    for line in reversed(between):
        if not line.startswith(b"#"):
            break
        found.insert(0, line.decode().rstrip())
    return found


def _indented(after: list[bytes]) -> list[str]:
    """Return the comment lines at the end of a body, which no statement of it holds."""
    found: list[str] = []
    for number, line in enumerate(after):
        text = line.decode().rstrip()
        if text and not re.match(r"\s+#", text):
            break
        if text:
            found += [""] * (number - len(found)) + [text]
    return found


def _blank(between: list[bytes]) -> int:
    count = 0
    for line in reversed(between):
        if line.strip():
            break
        count += 1
    return count
