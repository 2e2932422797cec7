"""Changes of code that `--fix` makes: a default that is made in each call, and `.get(…) or …`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.finding import Edit
from sbh_jobkit.check.walk import nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.source import Source
    from sbh_jobkit.check.walk import Function

_LITERALS = (ast.Constant, ast.List, ast.Dict, ast.Set, ast.Tuple, ast.Load, ast.Call, ast.Name)
_ATOMS = (ast.Constant, ast.List, ast.Dict, ast.Set, ast.Tuple, ast.Name, ast.Attribute, ast.Subscript, ast.Call)
_PLAIN = (ast.Assign, ast.AnnAssign, ast.Return, ast.For, ast.keyword, ast.Expr, ast.List, ast.Dict, ast.comprehension)
"""What an expression with `or` can be put into without parentheses."""
_KINDS = {"list", "dict", "set"}


def made_inside(source: Source, file: str, function: Function, parameter: ast.arg, default: ast.expr) -> Iterator[Edit]:
    """Yield the edits that make a default None, and its value at the start of the body; none if that is not simple."""
    first = _first_statement(function)
    calls = [node for node in ast.walk(default) if isinstance(node, ast.Call)]
    simple = all(isinstance(node, _LITERALS) for node in ast.walk(default)) and not any(each.args for each in calls)
    if first is None or not simple or any(isinstance(node, ast.Name) for node in _outside_calls(default)):
        return
    line = min([each.lineno for each in getattr(first, "decorator_list", [])] or [first.lineno])
    text = source.texts[file][line - 1]
    indent = text[: len(text) - len(text.lstrip())]
    if line == first.lineno and len(indent.encode()) != first.col_offset:
        return  # something else is on that line
    step = "\t" if "\t" in indent else "    "
    made = f"{indent}if {parameter.arg} is None:\n{indent}{step}{parameter.arg} = {ast.unparse(default)}\n"
    yield source.edit(file, default, "None")
    if parameter.annotation is not None and ast.unparse(parameter.annotation).partition("[")[0] in _KINDS:
        yield _insert(source, file, parameter.annotation, " | None")
    yield Edit(file=file, line=line, column=1, end_line=line, end_column=1, text=made)


def _outside_calls(default: ast.expr) -> Iterator[ast.AST]:
    """Yield the nodes of a default, but not the names of the functions that it calls, such as `dict`."""
    called = {id(node.func) for node in ast.walk(default) if isinstance(node, ast.Call)}
    yield from (node for node in ast.walk(default) if id(node) not in called)


def _first_statement(function: Function) -> ast.stmt | None:
    """Return the first statement after the docstring, if it is not on the line of `def`."""
    documented = ast.get_docstring(function, clean=False) is not None
    rest = function.body[1:] if documented else function.body
    before = function.body[0].end_lineno if documented else function.lineno
    return rest[0] if rest and before is not None and rest[0].lineno > before else None


def or_default(source: Source, file: str, call: ast.AST | None) -> Iterator[Edit]:
    """Yield the edits that write `x.get(key) or default` for `x.get(key, default)`; none for another call."""
    if not isinstance(call, ast.Call) or len(call.args) != 2 or call.keywords or file not in source.texts:  # noqa: PLR2004  key and default
        return
    key, default = call.args
    if not isinstance(default, _ATOMS) or key.end_lineno is None or key.end_lineno != call.end_lineno:
        return
    tree = next(tree for name, tree in source.modules.values() if name == file)
    parent = next((node for node in nodes(tree) if call in ast.iter_child_nodes(node)), None)
    plain = isinstance(parent, _PLAIN) or (isinstance(parent, ast.Call) and call in parent.args)
    plain = plain and not (isinstance(parent, ast.Dict) and None in parent.keys)
    place = key.end_lineno, key.end_col_offset or 0, key.end_lineno, call.end_col_offset or 0
    if not plain:
        yield source.edit_at(file, (call.lineno, call.col_offset, call.lineno, call.col_offset), "(")
    yield source.edit_at(file, place, f") or {ast.unparse(default)}{'' if plain else ')'}")


def _insert(source: Source, file: str, after: ast.expr, text: str) -> Edit:
    line, column = after.end_lineno or after.lineno, after.end_col_offset or 0
    return source.edit_at(file, (line, column, line, column), text)
