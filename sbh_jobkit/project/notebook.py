"""A notebook: the statements of its cells, the values that they left, and what of it other code needs.

The latest definition of a name counts, with what changes it afterwards (`HOSTS.append(…)`). A call that only has an
effect elsewhere, such as `random.seed(3)`, is nothing that other code needs, and stays behind.
"""

from __future__ import annotations

import ast
import builtins
import sys
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import did_you_mean
from sbh_jobkit.project.code.cells import Statement, statements
from sbh_jobkit.project.code.names import at_once
from sbh_jobkit.project.portable import beside, live, outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_PERHAPS = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.Match)
"""Statements that may bind a name, or may not."""
_GIVEN = {*dir(builtins), "__name__", "__file__", "__doc__", "__builtins__"} - {"display", "get_ipython"}
"""What every module has; IPython puts two of its own among the builtins."""


class Notebook:
    """A notebook to take a plugin from; `faults` gathers why it cannot be taken as it is."""

    def __init__(self, cells: Iterable[tuple[int, str]], values: Mapping[str, Any]) -> None:
        """Read the cells, numbered and in the order in which they ran, and the names that they left."""
        self.statements = list(statements(cells))
        self.values = values
        self.faults: list[str] = []
        self._order = {statement: index for index, statement in enumerate(self.statements)}
        self._last = {name: statement for statement in self.statements for name in statement.names.gives}
        self._definitions: dict[str, list[Statement]] = {}

    def definition(self, name: str) -> list[Statement]:
        """Return what makes a name what it is: its latest definition, what that builds on, and later changes."""
        if name not in self._definitions:
            self._definitions[name] = list(reversed([*self._backwards(name)]))
        return self._definitions[name]

    def _backwards(self, name: str) -> Iterator[Statement]:
        last = self._last.get(name)
        imported = last is not None and isinstance(last.node, _IMPORTS)
        for statement in reversed(self.statements):
            if name in statement.names.gives:
                if imported and _is_plain(last) and not _is_plain(statement):
                    return
                yield statement
                if _whole(statement, name) and not _is_plain(statement):
                    return
            elif name in statement.names.changes and not imported and not self._is_past(statement):
                yield statement

    def _is_past(self, statement: Statement) -> bool:
        """Whether all that a statement defines was defined anew."""
        given = statement.names.gives
        return bool(given) and all(self._last[name] is not statement for name in given)

    def position(self, name: str) -> int:
        """Return where among the statements a name is bound last."""
        return self._order[self._last[name]]

    def made(self, names: Iterable[str]) -> list[Statement]:
        """Return what makes names what they are, fit for a file."""
        return [statement for name in names for statement in self._supplied(name, None)]

    def needed(self, roots: Iterable[Statement], without: frozenset[str] = frozenset()) -> set[Statement]:
        """Return the statements with all that they need but for some names."""
        chosen: set[Statement] = set()
        waiting = list(roots)
        while waiting:
            user = waiting.pop()
            if user in chosen:
                continue
            chosen.add(user)
            for name in sorted(user.names.needs - user.names.gives - without):
                waiting += self._supplied(name, user)
        return chosen

    def arranged(self, chosen: set[Statement]) -> list[Statement]:
        """Return statements in the notebook's order, but what one needs when it runs before it."""
        placed: dict[Statement, None] = {}
        begun: set[Statement] = set()

        def place(statement: Statement) -> None:
            if statement in chosen and statement not in begun:
                begun.add(statement)
                bring(statement.names.now | statement.names.changes, self._order[statement], set())
                placed[statement] = None

        def bring(names: Iterable[str], limit: int, called: set[Statement]) -> None:
            for name in sorted(names):
                found = self.definition(name)
                before = [statement for statement in found if self._order[statement] < limit]
                for earlier in before if any(name in statement.names.gives for statement in before) else found:
                    place(earlier)
                    if earlier not in called:  # it may be called at once, with all that it needs then
                        called.add(earlier)
                        bring(earlier.names.later, limit, called)

        for statement in sorted(chosen, key=self._order.__getitem__):
            place(statement)
        return [*placed]

    def fault(self, text: str) -> None:
        """Note why the notebook cannot be exported as it is, once."""
        if text not in self.faults:
            self.faults.append(text)

    def check(self, statement: Statement, name: str) -> None:
        """Note what keeps a statement from being moved to a file."""
        what = f"cell {statement.cell}: {name!r}"
        if statement.magic:
            self.fault(f"{what} is defined under {statement.magic}; define it in a cell without a magic")
        elif statement.uses_magic:
            self.fault(f"{what} takes a magic or a shell command, which a plugin does not have; write it in Python")
        elif any(isinstance(node, ast.Await) for node in at_once(statement.node)):
            self.fault(f"{what} awaits at the top of a cell, which no file can do; await in an async function")

    def _supplied(self, name: str, user: Statement | None) -> list[Statement]:
        """Return what defines a name, or nothing where that is a fault."""
        found, last = self.definition(name), self._last.get(name)
        if last is None:
            if name not in _GIVEN and not (user and user.uses_magic):
                self.fault(self._undefined(name, user))
            return []
        if name not in self.values:
            told = f"{_asked(name, user)} of cell {last.cell}, which is not there any more"
            self.fault(f"{told}; run that cell again, or do without it")
            return []
        for statement in found:
            self.check(statement, name)
        unfit = None if any(map(_is_magic, found)) else self._unfit(name, last)
        if unfit:
            self.fault(f"cell {last.cell}: {name!r} {unfit}")
            return []
        for statement in found:
            if taken := outside(at_once(statement.node)):
                told = f"cell {statement.cell}: {name!r} comes from outside of the notebook ({taken})"
                self.fault(f"{told}; write down what it is")
        return found

    def _unfit(self, name: str, last: Statement) -> str | None:
        """Say why a file cannot hold what a statement gives, if it cannot."""
        if isinstance(last.node, _IMPORTS):
            module = beside(last.node)
            return f"comes from {module}, which does not go along; define it in a cell" if module else None
        kind = None if isinstance(last.node, _DEFINITIONS) else live(self.values[name], self.values.get("__name__"))
        advice = "make it in the function that uses it, or of plain data"
        return f"is a live object ({kind}), which no file can hold; {advice}" if kind else None

    def _undefined(self, name: str, user: Statement | None) -> str:
        told = f"{_asked(name, user)}, which"
        for statement in self.statements:
            if isinstance(statement.node, ast.ImportFrom) and _brings(statement.node, name):
                return f"{told} comes from '{statement.text}' in cell {statement.cell}; import it by its name"
        return f"{told} no cell defines{did_you_mean(name, self._last) or '; define it in a cell'}"


def label(statement: Statement) -> str:
    """Return what a message calls a statement."""
    given = sorted(statement.names.gives) or sorted(statement.names.changes)
    return given[0] if given else "a statement"


def _asked(name: str, user: Statement | None) -> str:
    return f"cell {user.cell}: {label(user)} needs {name!r}" if user else f"the notebook has {name!r}"


def _is_plain(statement: Statement | None) -> bool:
    """Whether it is `import a` or `import a.b`, which add to each other."""
    return statement is not None and isinstance(statement.node, ast.Import) and not statement.node.names[0].asname


def _brings(node: ast.ImportFrom, name: str) -> bool:
    """Whether a wildcard import brings a name."""
    return node.names[0].name == "*" and hasattr(sys.modules.get(node.module or ""), name)


def _is_magic(statement: Statement) -> bool:
    return statement.uses_magic or statement.magic is not None


def _whole(statement: Statement, name: str) -> bool:
    """Whether a name is what this statement makes it, whatever it was before."""
    node = statement.node
    if isinstance(node, ast.AnnAssign):
        return node.value is not None and name not in statement.names.now
    if isinstance(node, _PERHAPS):
        return isinstance(node, ast.If) and bool(node.orelse)
    return isinstance(node, (*_DEFINITIONS, ast.With, ast.Try)) or name not in statement.names.now
