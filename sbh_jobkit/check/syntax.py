"""Parse and compile one file; what Python refuses is found at its line, and the rest of the file is still read."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass

_ATTEMPTS = 5
_TOO_DEEP = "the code is nested too deeply for Python"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What Python refuses, and where."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The syntax tree of one file, and what is wrong with its syntax."""

    tree: ast.Module
    text: str = ""
    problems: tuple[Problem, ...] = ()
    damaged: bool = False
    """Whether a part of the file could not be parsed, so that the tree lacks it."""


def parse(data: bytes, file: str) -> Parsed:
    """Parse a file, and compile it: `await` in a plain function is parsed, but not compiled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as an unknown escape in a text, which is not an error
        try:
            tree = ast.parse(data, file)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return _parse_the_rest(data, file, error)
        return Parsed(tree=tree, text=_decoded(data), problems=_refused(tree, file))


def _parse_the_rest(data: bytes, file: str, error: BaseException) -> Parsed:
    """Leave out the top-level statement with the error, and parse what remains."""
    text = _decoded(data)
    lines, problem, attempts = lines_of(text), _problem(error), 0
    at = problem.line
    while attempts < _ATTEMPTS and 1 <= at <= len(lines):
        attempts += 1
        lines = _without_statement(lines, at)
        try:
            tree = ast.parse("\n".join(lines), file)
        except SyntaxError as again:
            at = again.lineno or 0
        except (ValueError, RecursionError, MemoryError):
            break
        else:
            return Parsed(tree=tree, text=text, problems=(problem, *_refused(tree, file)), damaged=True)
    return Parsed(tree=ast.Module(body=[], type_ignores=[]), text=text, problems=(problem,), damaged=True)


def _without_statement(lines: list[str], at: int) -> list[str]:
    """Return the lines, those of the top-level statement around line `at` empty."""
    first = at - 1
    while first > 0 and not _begins(lines[first]):
        first -= 1
    while first > 0 and lines[first - 1].startswith("@"):
        first -= 1
    last = at
    while last < len(lines) and not _begins(lines[last]):
        last += 1
    return [*lines[:first], *([""] * (last - first)), *lines[last:]]


def _begins(line: str) -> bool:
    return line[:1] not in {"", " ", "\t", "#", ")", "]", "}"}


def _refused(tree: ast.Module, file: str) -> tuple[Problem, ...]:
    """Return what the compiler refuses; if it refuses the whole, each top-level statement is tried alone."""
    try:
        compile(tree, file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        found = [_problem(each) for part in tree.body if (each := _refusal(part, file)) is not None]
        return tuple(found) or (_problem(error),)
    return ()


def _refusal(statement: ast.stmt, file: str) -> BaseException | None:
    try:
        compile(ast.Module(body=[statement], type_ignores=[]), file, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return error
    return None


def _problem(error: BaseException) -> Problem:
    if isinstance(error, SyntaxError):
        return Problem(line=max(error.lineno or 1, 1), column=max(error.offset or 1, 1), message=error.msg)
    return Problem(line=1, column=1, message=str(error) if isinstance(error, ValueError) else _TOO_DEEP)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text as Python counts them: a form feed does not end one."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _decoded(data: bytes) -> str:
    return data.decode("utf-8-sig", errors="replace")
