"""Write modules as a formatter would: blank lines, quotes, and line breaks in long calls.

Only the indentation of an author's code changes.
"""

from __future__ import annotations

import ast
import io
import tokenize
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 88
"""The default line width of formatters."""
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_STRINGS = {
    getattr(tokenize, name): step
    for name, step in {"FSTRING_START": 1, "FSTRING_END": -1}.items()
    if hasattr(tokenize, name)
}


def module(head: str, imports: str, blocks: Iterable[tuple[str, int]]) -> str:
    """Return a module: its docstring, its imports, and blocks of code, each with its number of blank lines above."""
    text = f"{docstring(head)}\n"
    before, least = "", 1
    if imports:
        text += f"\n{imports}\n"
    for block, gap in blocks:
        blank = 2 if _defines(block) or _defines(before) else max(least, min(gap, 2))
        text += "\n" * blank + f"{block}\n"
        before, least = block, 0
    return text


def body(blocks: Sequence[tuple[str, int]]) -> str:
    """Return blocks of code as the body of a function."""
    lines = [("\n" if index and gap else "") + indented(block) for index, (block, gap) in enumerate(blocks)]
    return "\n".join(lines)


def indented(text: str) -> str:
    """Indent code by four columns, except the lines inside a string of several lines."""
    inside: set[int] = set()
    begun: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(f"{text}\n").readline):
        if token.type == tokenize.STRING:
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
        elif _STRINGS.get(token.type) == 1:
            begun.append(token.start[0])
        elif _STRINGS.get(token.type) == -1:
            inside.update(range(begun.pop() + 1, token.end[0] + 1))
    return "\n".join(
        line if number in inside or not line.strip() else f"    {line}"
        for number, line in enumerate(text.split("\n"), start=1)
    )


def call(
    opening: str,
    arguments: Sequence[str],
    *,
    brackets: tuple[str, str] = ("(", ")"),
    exploded: tuple[str, str] | None = None,
    indent: int = 0,
) -> str:
    """Return `opening(a, b)`, or one argument in each line if it is too long for one line."""
    margin = " " * indent
    line = f"{margin}{opening}{brackets[0]}{', '.join(arguments)}{brackets[1]}"
    if len(line) <= WIDTH:
        return line
    left, right = exploded or brackets
    inner = "".join(f"{margin}    {argument},\n" for argument in arguments)
    return f"{margin}{opening}{left}\n{inner}{margin}{right}"


def literal(text: str) -> str:
    """Return a string literal as a formatter writes it: in double quotes, unless single ones need fewer escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_escaped(letter, quote) for letter in text) + quote


def docstring(text: str) -> str:
    """Return a docstring of one line; characters that need escapes are replaced."""
    plain = " ".join(text.split()).replace("\\", "/").replace('"', "'")
    return f'"""{plain}"""'


def _escaped(letter: str, quote: str) -> str:
    if letter in "'\"":
        return f"\\{letter}" if letter == quote else letter
    return repr(letter)[1:-1]


def _defines(block: str) -> bool:
    return any(isinstance(node, _DEFINITIONS) for node in ast.walk(ast.parse(block)))
