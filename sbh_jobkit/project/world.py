"""Find the parts of a notebook that describe its world: `setup(world)`, `@every` functions, and statements on a World.

The statements that fill the World become the body of `setup`, in their order, before the body of the notebook's own
`setup`. Statements that only read it (`world.db.rows("users")`, `world.snapshot()`) are left out.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from itertools import takewhile
from types import FunctionType
from typing import TYPE_CHECKING

from sbh_jobkit.fakes.world import World
from sbh_jobkit.project.code import layout
from sbh_jobkit.project.code.cells import statement as as_statement
from sbh_jobkit.project.code.names import immediate_nodes, root
from sbh_jobkit.project.notebook import label
from sbh_jobkit.project.portable import environment_source, outside_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.project.code.cells import Statement
    from sbh_jobkit.project.notebook import Notebook

SETUP = "setup"
_READS = {
    *("at", "begin", "calls", "context", "count", "events", "expected", "get_ipython", "items", "jobs", "keys", "page"),
    *("read", "read_text", "rows", "select", "snapshot", "stat", "tree", "values"),
}
"""Members of a World and of its services that change nothing that `setup` makes."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_EMPTY = "    \"\"\"Fill the fake tenant here: world.secrets['KEY'] = '…', world.db.insert('users', …).\"\"\""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldParts:
    """The parts of `world.py`."""

    roots: list[Statement]
    """`setup` and the `@every` functions, as cells define them."""
    own: Statement | None = None
    """The notebook's own `setup`."""
    filling: list[Statement] = field(default_factory=list)
    """The statements that fill the world before `setup`."""
    local: frozenset[str] = frozenset()
    """The names that these statements bind."""
    variable: str = "world"
    has_variable: bool = False
    """Whether it is a World."""
    timezone: str | None = None
    left_out: tuple[str, ...] = ()
    """The statements that fill the world but cannot be added to the notebook's `setup`, a sentence each."""

    @property
    def is_empty(self) -> bool:
        """Whether no cell describes a world, or has one."""
        return not self.roots and not self.filling and not self.has_variable

    @staticmethod
    def named(statement: Statement) -> str:
        """Return the name of a statement in messages, without its values, because one may be a secret."""
        return _format(statement)

    def setup(self) -> str | None:
        """Return `setup`: the statements, then the body of the notebook's own; None if its own stays as it is."""
        if self.own is not None and not self.filling:
            return None
        blocks: list[tuple[str, int]] = []
        cell = 0
        for statement in self.filling:
            blocks.append((statement.text, statement.gap or int(statement.cell != cell)))
            cell = statement.cell
        body = layout.body(blocks) if blocks else _EMPTY
        if self.own is None:
            return f"def {SETUP}({self.variable}):\n{body}"
        lines, head = self.own.text.split("\n"), _head(self.own, self.variable)
        return "\n".join([*lines[:head], body, *([""] if lines[head:] else []), *lines[head:]])


def find_world(notebook: Notebook, ticks: list[str]) -> WorldParts:
    """Find the parts of a notebook's world; `ticks` are the names of its `@every` functions."""
    own = _has_setup(notebook)
    roots = notebook.definitions([*([SETUP] if own else []), *ticks])
    variable, settings, after = _world(notebook)
    defined = [statement for statement in notebook.statements if isinstance(statement.node, _FUNCTIONS)]
    functions = {name for statement in defined for name in statement.names.binds} - {*ticks, SETUP}
    filling, local = _filling(variable, after, functions)
    mine = next((statement for statement in roots if SETUP in statement.names.binds), None)
    if mine and not _head(mine, variable):
        left = tuple(
            f"cell {found.cell}: {_format(found)} was left out, because setup describes the world" for found in filling
        )
        settings, filling = [], []
    else:
        left = ()
    for statement in [*roots, *settings, *filling]:
        notebook.check_movable(statement, label(statement))
        found = (environment_source if statement in roots else outside_source)(ast.walk(statement.node))
        if found:
            what = f"cell {statement.cell}: {_format(statement)} gets its value from outside the notebook ({found})"
            notebook.report(f"{what}; write a made-up value")
    value = notebook.values.get(variable)
    return WorldParts(
        roots=roots,
        own=mine,
        filling=[*settings, *filling],
        local=local,
        variable=variable,
        has_variable=isinstance(value, World),
        timezone=value.tz.key if isinstance(value, World) and value.tz else None,
        left_out=left,
    )


def _head(function: Statement, variable: str) -> int:
    """Return the number of lines of a `setup` above its body; 0 if nothing can be inserted there."""
    lines, node = function.text.split("\n"), ast.parse(function.text).body[0]
    if not isinstance(node, ast.FunctionDef) or node.args.args[0].arg != variable:
        return 0
    first = node.body[0]
    if first.col_offset != len(layout.indented("x")) - 1 or lines[first.lineno - 1][: first.col_offset].strip():
        return 0
    if ast.get_docstring(node) is not None:
        return first.end_lineno or 0
    head = first.lineno - 1
    while lines[head - 1].lstrip().startswith("#") or not lines[head - 1].strip():
        head -= 1
    return head


def _has_setup(notebook: Notebook) -> bool:
    found = notebook.values.get(SETUP)
    return isinstance(found, FunctionType) and bool(notebook.definition(SETUP)) and found.__code__.co_argcount > 0


def _world(notebook: Notebook) -> tuple[str, list[Statement], list[Statement]]:
    """Return the variable of the World, its arguments as statements, and the statements after it."""
    found: dict[str, int] = {}
    for index, statement in enumerate(notebook.statements):
        if isinstance(statement.node, (ast.Assign, ast.AnnAssign)) and _is_world(statement.node.value):
            found.update(dict.fromkeys(statement.names.binds, index))
    variables = [name for name in found if isinstance(notebook.values.get(name), World)]
    if len(variables) > 1 and "world" not in variables:
        found_names = " and ".join(f"{name!r}" for name in variables)
        notebook.report(f"the notebook has several worlds, {found_names}; name the one to export 'world'")
    if not variables:
        return "world", [], []
    variable = "world" if "world" in variables else variables[0]
    made, *after = notebook.statements[found[variable] :]
    after = [*takewhile(lambda statement: variable not in statement.names.binds, after)]
    return variable, [*_settings(notebook, variable, made)], after


def _is_world(node: ast.expr | None) -> bool:
    name = node.func if isinstance(node, ast.Call) else None
    return (name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", None)) == World.__name__


def _settings(notebook: Notebook, variable: str, made: Statement) -> Iterator[Statement]:
    """Yield the arguments of a World as statements; the zone goes to the manifest."""
    call: ast.Call = ast.parse(made.text).body[0].value  # type: ignore[attr-defined] # an assignment
    positional = zip(("tenant_id", "tz"), call.args, strict=False)
    for name, value in [*positional, *((word.arg, word.value) for word in call.keywords)]:
        if name is None:
            notebook.report(f"cell {made.cell}: the arguments of World(**…) are not known; write each argument")
        elif name != "tz":
            yield as_statement(made.cell, f"{variable}.{name} = {ast.get_source_segment(made.text, value)}")


def _filling(variable: str, after: list[Statement], functions: set[str]) -> tuple[list[Statement], frozenset[str]]:
    """Return the statements that fill the world, directly or by functions of cells, and the names that they bind."""
    found, roots, bound = [], {variable}, {variable}
    for statement in after:
        if _fills(statement.node, roots, functions):
            found.append(statement)
            bound |= statement.names.binds
            roots |= statement.names.binds if _is_handle(statement.node, roots) else set()
    return found, frozenset(bound)


def _fills(node: ast.stmt, roots: set[str], functions: set[str]) -> bool:
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return False
    return _is_handle(node, roots) or any(_changes_world(found, roots, functions) for found in immediate_nodes(node))


def _changes_world(node: ast.AST, roots: set[str], functions: set[str]) -> bool:
    if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, (ast.Store, ast.Del)):
        return root(node) in roots
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    if isinstance(call.func, ast.Name) and call.func.id in functions:
        given = [*call.args, *(word.value for word in call.keywords)]
        return any(isinstance(argument, ast.Name) and argument.id in roots for argument in given)
    return root(call) in roots and not _only_reads(call)


def _is_handle(node: ast.stmt, roots: set[str]) -> bool:
    """Whether a statement assigns a part of the world to a name: `route = world.http.get("…")`."""
    call = node.value if isinstance(node, ast.Assign) else None
    return isinstance(call, ast.Call) and root(call) in roots and not _only_reads(call)


def _only_reads(node: ast.AST) -> bool:
    members = [found for found in _chain(node) if isinstance(found, (ast.Attribute, ast.Subscript))]
    return any(
        isinstance(found, ast.Subscript) or found.attr in _READS or found.attr.startswith("assert") for found in members
    )


def _chain(node: ast.AST) -> Iterator[ast.AST]:
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Call)):
        yield node
        node = node.func if isinstance(node, ast.Call) else node.value


def _format(statement: Statement) -> str:
    node = statement.node
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0])
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return f"{ast.unparse(node.value.func)}(…)"
    return label(statement)
