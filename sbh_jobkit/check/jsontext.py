"""Where a value is in the text of a manifest, and how to change a list there without touching the rest.

The JSON is parsed as Python, whose syntax tree has lines and columns.
"""

from __future__ import annotations

import ast
import json
from functools import lru_cache
from typing import Any

from sbh_jobkit.check.finding import Edit, Span
from sbh_jobkit.check.syntax import lines_of
from sbh_jobkit.plugin.manifest import FILE


def span(text: str, path: str) -> Span:
    """Return where a JSON path such as `$.jobs[1].schedule` is, or its nearest parent: the key, or the item."""
    at, node = _find(text, path)
    if at is None:
        return Span() if node is None else Span(node.lineno)
    return _span(text, at)


def without(text: str, path: str, index: int) -> tuple[Edit, ...]:
    """Return the edit that removes an item of a list, with its comma."""
    items = _items(text, path)
    if not 0 <= index < len(items):
        return ()
    if index > 0:
        start, end = _end(text, items[index - 1]), _end(text, items[index])
    elif len(items) > 1:
        start, end = _start(text, items[0]), _start(text, items[1])
    else:
        start, end = _start(text, items[0]), _end(text, items[0])
    return (Edit(file=FILE, line=start[0], column=start[1], end_line=end[0], end_column=end[1], text=""),)


def with_item(text: str, path: str, value: Any) -> tuple[Edit, ...]:
    """Return the edit that adds a value to the end of a list, on its own line if the others are."""
    _, node = _find(text, path)
    if not isinstance(node, ast.List):
        return ()
    written = json.dumps(value, ensure_ascii=False)
    if not node.elts:
        line, column = _start(text, node)
        return (Edit(file=FILE, line=line, column=column + 1, end_line=line, end_column=column + 1, text=written),)
    line, column = _end(text, node.elts[-1])
    lines = lines_of(text)[line - 1]
    indent = lines[: len(lines) - len(lines.lstrip())]
    between = f",\n{indent}" if node.elts[-1].lineno != node.lineno else ", "
    return (Edit(file=FILE, line=line, column=column, end_line=line, end_column=column, text=f"{between}{written}"),)


def _items(text: str, path: str) -> list[ast.expr]:
    _, node = _find(text, path)
    return node.elts if isinstance(node, ast.List) else []


def _find(text: str, path: str) -> tuple[ast.expr | None, ast.expr | None]:
    """Return the key or item that a path names, and its value; both of the nearest parent if there is none."""
    tree = _tree(text)
    if tree is None:
        return None, None
    node = tree
    at: ast.expr | None = None
    for step in path.removeprefix("$").replace("[", ".").replace("]", "").split(".")[1:]:
        if isinstance(node, ast.Dict):
            keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
            if step not in keys:
                break
            index = keys.index(step)
            at, node = node.keys[index], node.values[index]
        elif isinstance(node, ast.List) and step.isdecimal() and int(step) < len(node.elts):
            at = node = node.elts[int(step)]
        else:
            break
    return at, node


@lru_cache(maxsize=2)
def _tree(text: str) -> ast.expr | None:
    """Return the syntax tree of a manifest, which has a finding for each of its jobs perhaps."""
    try:
        return ast.parse(f"({text})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=2)
def _lines(text: str) -> list[str]:
    return lines_of(text)


def _span(text: str, node: ast.expr) -> Span:
    return Span(*_start(text, node), *_end(text, node))


def _start(text: str, node: ast.expr) -> tuple[int, int]:
    return node.lineno, _column(text, node.lineno, node.col_offset)


def _end(text: str, node: ast.expr) -> tuple[int, int]:
    line = node.end_lineno or node.lineno
    return line, _column(text, line, node.end_col_offset or node.col_offset)


def _column(text: str, line: int, column: int) -> int:
    """Return a column from 1 in characters; the first line was parsed with a parenthesis before it."""
    if text.isascii():
        return column if line == 1 else column + 1
    lines = _lines(text)
    raw = (f"({lines[0]}" if line == 1 else lines[line - 1]).encode()
    return len(raw[:column].decode(errors="replace")) + (0 if line == 1 else 1)
