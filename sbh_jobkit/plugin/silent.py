"""Handlers that swallow an exception without a word: `except Exception: pass` or `except KeyError: continue`.

When a plugin's file is compiled for a simulation, each such handler begins with a call that names what it swallows. A
handler that does anything else, such as to count or to print, is meant, and so is one that names an error of its
input, such as ValueError. Lines, source and tracebacks of the plugin stay as they are.
"""

from __future__ import annotations

import ast
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

NAME = "__sbh_swallowed__"
"""What a handler calls, among the built-in names of the plugin."""
_MAY = re.compile(rb"^[ \t]*except\b[^\n]*:\s*(#[^\n]*\n\s*)*(pass|continue|break|\.\.\.)", re.MULTILINE)
_BROAD = frozenset({"Exception", "BaseException"})
_MISTAKES = frozenset({"AttributeError", "IndexError", "KeyError", "LookupError", "NameError", "TypeError"})
"""Errors of the code, rather than of its input."""
_NUMBERS = re.compile(r"\d+")
_LONGEST = 60


class Listener:
    """Notes once what each handler swallows in a run."""

    current: Listener | None = None
    """That of the run which goes on."""

    __slots__ = ("_note", "_redacted", "_seen")

    def __init__(self, note: Callable[[str, object], object], redacted: Callable[[str], str] = str) -> None:
        """Call `note` with a kind and the error, `redacted` with the error's text."""
        self._note = note
        self._redacted = redacted
        self._seen: set[tuple[CodeType, int, str]] | None = None

    def hear(self, error: BaseException) -> None:
        """Note an error, as type and message with # for numbers."""
        frame = sys._getframe(2)  # noqa: SLF001  the handler
        message = " ".join(_NUMBERS.sub("#", self._redacted(f"{error}")).split())
        shown = f"{type(error).__name__}: {message if len(message) <= _LONGEST else f'{message[:_LONGEST]}…'}"
        seen = self._seen = self._seen if self._seen is not None else set()
        if (key := (frame.f_code, frame.f_lineno, shown)) not in seen:
            seen.add(key)
            self._note("exception-swallowed", shown)


def swallowed() -> None:
    """Say that a handler swallows the exception that is being handled."""
    error = sys.exception()
    if error is not None and Listener.current is not None:
        Listener.current.hear(error)


def compile_heard(data: bytes, path: str) -> CodeType | None:
    """Compile a file so that its silent handlers are heard; None if it has none."""
    if not _MAY.search(data):
        return None
    tree = ast.parse(data, path)
    silent = [*_silent_handlers(tree, last=False)]
    if not silent:
        return None
    for handler in silent:
        call = ast.Expr(ast.Call(ast.Name(NAME, ast.Load()), [], []))
        handler.body.insert(0, ast.fix_missing_locations(ast.copy_location(call, handler.body[0])))
        for node in ast.walk(call):
            ast.copy_location(node, handler.body[1])
    return compile(tree, path, "exec", dont_inherit=True)


def _silent_handlers(node: ast.AST, *, last: bool) -> Iterator[ast.ExceptHandler]:
    """Yield the handlers below a node; `last` is whether it is the last step for an item of a loop."""
    for name, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        for number, child in enumerate(children):
            if not isinstance(child, ast.AST):
                continue
            ends = isinstance(node, (ast.For, ast.AsyncFor, ast.While)) or (
                last and isinstance(node, (ast.If, ast.With))
            )
            is_last = name == "body" and ends and number + 1 == len(children)
            if isinstance(child, ast.Try):
                yield from (each for each in child.handlers if _is_silent(each, last=is_last))
            yield from _silent_handlers(child, last=is_last)


def _is_silent(handler: ast.ExceptHandler, *, last: bool) -> bool:
    """Whether a handler does nothing, and either takes everything or leaves out an item because of a mistake."""
    if not all(isinstance(step, (ast.Pass, ast.Continue, ast.Break)) or _is_text(step) for step in handler.body):
        return False
    caught = handler.type
    names = {each.id for each in ast.walk(caught) if isinstance(each, ast.Name)} if caught is not None else _BROAD
    leaves_out = last or any(isinstance(step, (ast.Continue, ast.Break)) for step in handler.body)
    return not names.isdisjoint(_BROAD) or (leaves_out and not names.isdisjoint(_MISTAKES))


def _is_text(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant)
