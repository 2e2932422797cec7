"""A notebook: the statements of its cells, their values, and which statements a piece of code needs.

The latest definition of a name counts, with the statements that change it afterwards (`HOSTS.append(…)`). A call that
only has an effect elsewhere, such as `random.seed(3)`, is not exported.
"""

from __future__ import annotations

import ast
import builtins
import sys
from copy import copy
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import did_you_mean
from sbh_jobkit.project.code.cells import Cell, Statement, all_statements
from sbh_jobkit.project.code.names import immediate_nodes
from sbh_jobkit.project.portable import live_object, local_module, outside_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_CONDITIONAL = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.Match)
"""Statements that may or may not bind a name."""
_MODULE_NAMES = {*dir(builtins), "__name__", "__file__", "__doc__", "__builtins__"} - {"display", "get_ipython"}
"""The names that every module has, without the two that IPython adds to the builtins."""


class Notebook:
    """A notebook to export; `problems` collects why it cannot be exported as it is."""

    def __init__(self, cells: Iterable[tuple[int, str] | Cell], values: Mapping[str, Any]) -> None:
        """Read the cells, numbered and in the order in which they ran, and the values of their names."""
        self.values = values
        self._take([*all_statements(cells)])

    def _take(self, every: list[Statement]) -> None:
        self.every = every
        """All statements, also magics and what did not run, since its cell had failed before."""
        self.statements = [statement for statement in every if statement.ran and not statement.is_magic_line]
        self.problems: list[str] = []
        self._order = {statement: index for index, statement in enumerate(self.statements)}
        self._last = {name: statement for statement in self.statements for name in statement.names.binds}
        self._definitions: dict[str, list[Statement]] = {}

    def before(self, statement: Statement) -> Notebook:
        """Return the notebook as it was when one of `every` statement ran."""
        earlier = copy(self)
        earlier._take(self.every[: self.every.index(statement)])  # noqa: SLF001  its own class
        return earlier

    def not_run(self, name: str) -> Statement | None:
        """Return the latest statement that would have defined a name again, except for the error of its cell."""
        last = self._last.get(name)
        after = self.every[self.every.index(last) + 1 if last is not None else 0 :]
        return next((found for found in reversed(after) if not found.ran and name in found.names.binds), None)

    def definition(self, name: str) -> list[Statement]:
        """Return the statements that define a name: the latest definition, those it builds on, and later changes."""
        if name not in self._definitions:
            self._definitions[name] = list(reversed([*self._backwards(name)]))
        return self._definitions[name]

    def _backwards(self, name: str) -> Iterator[Statement]:
        last = self._last.get(name)
        imported = last is not None and isinstance(last.node, _IMPORTS)
        for statement in reversed(self.statements):
            if name in statement.names.binds:
                if imported and _is_plain(last) and not _is_plain(statement):
                    return
                yield statement
                if _replaces(statement, name) and not _is_plain(statement):
                    return
            elif name in statement.names.changes and not imported and not self._is_reordered(statement):
                yield statement

    def _is_reordered(self, statement: Statement) -> bool:
        """Whether later statements define all of its names again."""
        bound = statement.names.binds
        return bool(bound) and all(self._last[name] is not statement for name in bound)

    def position(self, name: str) -> int:
        """Return the index of the last statement that binds a name."""
        return self._order[self._last[name]]

    def definitions(self, names: Iterable[str]) -> list[Statement]:
        """Return the statements that define names, if they can be exported."""
        return [statement for name in names for statement in self._export_definition(name, None)]

    def with_dependencies(self, roots: Iterable[Statement], without: frozenset[str] = frozenset()) -> set[Statement]:
        """Return statements and all that they need, except the names in `without`."""
        chosen: set[Statement] = set()
        waiting = list(roots)
        while waiting:
            user = waiting.pop()
            if user in chosen:
                continue
            chosen.add(user)
            for name in sorted(user.names.needs - user.names.binds - without):
                waiting += self._export_definition(name, user)
        return chosen

    def in_order(self, chosen: set[Statement]) -> list[Statement]:
        """Return statements in the notebook's order, but what a statement reads when it runs comes before it."""
        ordered: dict[Statement, None] = {}
        started: set[Statement] = set()

        def add(statement: Statement) -> None:
            if statement in chosen and statement not in started:
                started.add(statement)
                add_names(statement.names.reads_now | statement.names.changes, self._order[statement], set())
                ordered[statement] = None

        def add_names(names: Iterable[str], limit: int, called: set[Statement]) -> None:
            for name in sorted(names):
                found = self.definition(name)
                before = [statement for statement in found if self._order[statement] < limit]
                for earlier in before if any(name in statement.names.binds for statement in before) else found:
                    add(earlier)
                    if earlier not in called:  # it may be called at once, so what it reads then comes first too
                        called.add(earlier)
                        add_names(earlier.names.reads_later, limit, called)

        for statement in sorted(chosen, key=self._order.__getitem__):
            add(statement)
        return [*ordered]

    def report(self, text: str) -> None:
        """Add a reason why the notebook cannot be exported, once."""
        if text not in self.problems:
            self.problems.append(text)

    def check_movable(self, statement: Statement, name: str) -> None:
        """Report a statement that cannot be moved to a file."""
        what = f"cell {statement.cell}: {name!r}"
        if statement.magic:
            self.report(f"{what} is defined in a cell with {statement.magic}; define it in a cell without a magic")
        elif statement.uses_magic:
            self.report(f"{what} uses a magic or a shell command, which does not work in a plugin; write it in Python")
        elif any(isinstance(node, ast.Await) for node in immediate_nodes(statement.node)):
            self.report(f"{what} uses await outside a function, which a file cannot do; use await in an async function")

    def _export_definition(self, name: str, user: Statement | None) -> list[Statement]:
        """Return the statements that define a name, or none if they cannot be exported, which is reported."""
        found, last = self.definition(name), self._last.get(name)
        if last is None:
            if name not in _MODULE_NAMES and not (user and user.uses_magic):
                self.report(self._explain_undefined(name, user))
            return []
        if name not in self.values:
            used = f"{_format_use(name, user)} of cell {last.cell}, which was deleted"
            self.report(f"{used}; run that cell again, or do not use it")
            return []
        for statement in found:
            self.check_movable(statement, name)
        reason = None if any(map(_is_magic, found)) else self._explain_unexportable(name, last)
        if reason:
            self.report(f"cell {last.cell}: {name!r} {reason}")
            return []
        for statement in found:
            if source := outside_source(immediate_nodes(statement.node)):
                what = f"cell {statement.cell}: {name!r} gets its value from outside the notebook ({source})"
                self.report(f"{what}; write the value in the cell")
        return found

    def _explain_unexportable(self, name: str, last: Statement) -> str | None:
        """Return why a name cannot be exported, or None if it can."""
        if isinstance(last.node, _IMPORTS):
            module = local_module(last.node)
            return f"comes from {module}, which is not exported; define it in a cell" if module else None
        if isinstance(last.node, _DEFINITIONS) or not (
            kind := live_object(self.values[name], self.values.get("__name__"))
        ):
            return None
        advice = "create it in the function that uses it, or use plain data"
        return f"is a live object ({kind}), which cannot be written to a file; {advice}"

    def _explain_undefined(self, name: str, user: Statement | None) -> str:
        used = f"{_format_use(name, user)}, which"
        if failed := self.not_run(name):
            return f"{used} cell {failed.cell} would define, but that cell failed before; run it without an error"
        for statement in self.statements:
            if isinstance(statement.node, ast.ImportFrom) and _wildcard_has(statement.node, name):
                return f"{used} comes from '{statement.text}' in cell {statement.cell}; import it by its name"
        return f"{used} no cell defines{did_you_mean(name, self._last) or '; define it in a cell'}"


def label(statement: Statement) -> str:
    """Return the name of a statement in messages."""
    known = sorted(statement.names.binds) or sorted(statement.names.changes)
    return known[0] if known else "a statement"


def _format_use(name: str, user: Statement | None) -> str:
    return f"cell {user.cell}: {label(user)} needs {name!r}" if user else f"the notebook has {name!r}"


def _is_plain(statement: Statement | None) -> bool:
    """Whether it is an import such as `import a` and `import a.b`, where both are needed."""
    return statement is not None and isinstance(statement.node, ast.Import) and not statement.node.names[0].asname


def _wildcard_has(node: ast.ImportFrom, name: str) -> bool:
    """Whether a wildcard import binds a name."""
    return node.names[0].name == "*" and hasattr(sys.modules.get(node.module or ""), name)


def _is_magic(statement: Statement) -> bool:
    return statement.uses_magic or statement.magic is not None


def _replaces(statement: Statement, name: str) -> bool:
    """Whether a statement sets a name without its earlier value."""
    node = statement.node
    if isinstance(node, ast.AnnAssign):
        return node.value is not None and name not in statement.names.reads_now
    if isinstance(node, _CONDITIONAL):
        return isinstance(node, ast.If) and bool(node.orelse)
    return isinstance(node, (*_DEFINITIONS, ast.With, ast.Try)) or name not in statement.names.reads_now
