"""Split a notebook's cells into statements, each with its text, comments, decorators and names.

IPython itself translates its syntax (`%magic`, `!command`, `help?`), so that a cell means the same as in the notebook.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from sbh_jobkit.errors import ExportError
from sbh_jobkit.project.code.names import Names, names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TRAILING_COMMENT = re.compile(r"\s*;?\s*(#.*)?")
_IPYTHON = "get_ipython"
"""The name with which IPython's translation of a magic begins."""


class Cell(NamedTuple):
    """A cell that ran."""

    number: int
    text: str
    ran: int | None = None
    """How many of its statements ran before one failed; None if none did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a cell."""

    cell: int
    text: str
    """The text as it was written, with the comments above and after it."""
    node: ast.stmt
    names: Names
    gap: int = 0
    """The number of blank lines above it in its cell."""
    magic: str | None = None
    """The cell magic at the start of its cell, such as `%%time`."""
    ran: bool = True
    """Whether it ran to its end: not so from the one on that failed."""
    is_magic_line: bool = False
    """Whether it is a magic alone, such as `%run_job greet`."""

    @property
    def uses_magic(self) -> bool:
        """Whether it contains a magic or a shell command."""
        return _IPYTHON in self.names.needs


def statement(cell: int, text: str) -> Statement:
    """Make a statement from text that is not in a cell."""
    node = ast.parse(text).body[0]
    return Statement(cell=cell, text=text, node=node, names=names(text, node))


def statements(cells: Iterable[tuple[int, str] | Cell]) -> Iterator[Statement]:
    """Yield the statements of numbered cells that ran, without magics that are a whole line."""
    return (found for found in all_statements(cells) if found.ran and not found.is_magic_line)


def all_statements(cells: Iterable[tuple[int, str] | Cell]) -> Iterator[Statement]:
    """Yield the statements of numbered cells, also those that did not run.

    An import of several names becomes several statements. A cell that is not valid Python never ran, so it is left out.
    """
    for given in cells:
        cell = Cell(*given)
        for index, found in _cell_statements(cell.number, cell.text, None):
            yield found if cell.ran is None or index < cell.ran else replace(found, ran=False)


def count_before(text: str, place: tuple[int, int]) -> int:
    """Return how many statements of a cell, as IPython has translated it, end before a line and column."""
    return sum((node.end_lineno, node.end_col_offset) <= place for node in ast.parse(text).body)


def _cell_statements(number: int, text: str, magic: str | None) -> Iterator[tuple[int, Statement]]:
    """Yield the statements, each with the index of the one of the whole cell that it is in."""
    text, tree = _parsed(text, number)
    lines = text.encode().splitlines(keepends=True)
    end = 0
    for index, node in enumerate(tree.body):
        following = tree.body[index + 1] if index + 1 < len(tree.body) else None
        call = _magic_call(node)
        if call is None:
            written = _SourceText(lines, node, end, following)
            yield from ((index, found) for found in _import_statements(number, written, node, magic))
        elif call.func.attr == "run_cell_magic":  # type: ignore[attr-defined] # _magic_call saw it
            name, _, body = (argument.value for argument in call.args)  # type: ignore[attr-defined] # texts
            yield from ((index, found) for _, found in _cell_statements(number, body, f"%%{name}"))
        else:
            yield index, replace(statement(number, ast.unparse(node)), magic=magic, is_magic_line=True)
        end = node.end_lineno or 0


def _parsed(text: str, number: int) -> tuple[str, ast.Module]:
    try:
        return text, ast.parse(text)
    except (SyntaxError, ValueError):  # ValueError: a NUL byte
        pass
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError as error:
        msg = f"cell {number} is not plain Python; to parse magics, install IPython: pip install 'sbh-jobkit[notebook]'"
        raise ExportError([msg]) from error
    try:
        translated = TransformerManager().transform_cell(text)  # type: ignore[no-untyped-call] # IPython's own
        return translated, ast.parse(translated)
    except (SyntaxError, ValueError):
        return "", ast.Module(body=[], type_ignores=[])


def _magic_call(node: ast.stmt) -> ast.Call | None:
    """Return the translated call of a magic that is a whole line, or None for another statement."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return None
    call = node.value
    inner = call.func.value if isinstance(call.func, ast.Attribute) else None
    found = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == _IPYTHON
    return call if found else None


def _import_statements(number: int, written: _SourceText, node: ast.stmt, magic: str | None) -> Iterator[Statement]:
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


class _SourceText:
    """The source of a statement: its lines, and the comments that belong to it."""

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
        """The statement with the comments right above it, after it, and at the end of its body."""
        self.gap = _blank(lines[before : first - 1 - len(above)])


def _comments(between: list[bytes]) -> list[str]:
    """Return the comment lines right above a statement."""
    found: list[str] = []
    for line in reversed(between):
        if not line.startswith(b"#"):
            break
        found.insert(0, line.decode().rstrip())
    return found


def _indented(after: list[bytes]) -> list[str]:
    """Return the comment lines at the end of a body, after its last statement."""
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
