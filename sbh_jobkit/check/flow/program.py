"""Follow the values of a whole plugin: its modules as they are imported, then each function that the platform calls."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.decorators import decorators
from sbh_jobkit.check.flow import library
from sbh_jobkit.check.flow.frames import Frame
from sbh_jobkit.check.flow.machine import TooLongError
from sbh_jobkit.check.flow.statements import Statements
from sbh_jobkit.check.flow.trace import Entry
from sbh_jobkit.check.flow.values import UNKNOWN, Function, Value
from sbh_jobkit.check.walk import functions, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.flow.trace import Trace
    from sbh_jobkit.check.source import Source

_CONTEXT = Value(kind="ctx", target="")


def follow(source: Source) -> Trace:
    """Follow a plugin's code, and return what was seen."""
    program = _Program(source)
    try:
        program.go()
    except (TooLongError, RecursionError):
        program.trace.complete = False
    return program.trace


class _Program(Statements):
    """The walk through one plugin."""

    def __init__(self, source: Source) -> None:
        """Begin; the entry comes last, because it imports the others."""
        super().__init__()
        self._source = source
        self._followed: set[ast.AST] = set()
        self.modules = {name: Frame(module=name, file=file) for name, (file, _) in source.modules.items()}

    def go(self) -> None:
        """Follow the modules, then the functions."""
        for name in self._in_order():
            self.frame = self.modules[name]
            self.entry = Entry(kind="module", file=self.frame.file, node=None)
            self._forget_shared(self._source.modules[name][1])
            self.run(self._source.modules[name][1].body)
            self._forget_shared(self._source.modules[name][1])
        self.importing = False
        for frame, node, kind in self._entries():
            self._enter(frame, node, kind)

    def _in_order(self) -> list[str]:
        """Return the modules, those that others import first."""
        done: list[str] = []

        def visit(name: str, above: tuple[str, ...]) -> None:
            if name in done or name in above:
                return
            for node in nodes(self._source.modules[name][1]):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    for wanted in self._imported(name, node):
                        visit(wanted, (*above, name))
            done.append(name)

        for name in self.modules:
            visit(name, ())
        return done

    def _imported(self, module: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            self.frame = self.modules[module]
            base = self.absolute(node)
            names = [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
        yield from (name for name in names if name in self.modules)

    def _forget_shared(self, tree: ast.Module) -> None:
        """Forget the values of names that functions change."""
        for node in nodes(tree):
            if isinstance(node, ast.Global):
                self.frame.names.update(dict.fromkeys(node.names, UNKNOWN))

    def absolute(self, node: ast.ImportFrom) -> str:
        """Return the name of the module of a `from` import, also of a relative one."""
        if not node.level:
            return node.module or ""
        parts = [*self.frame.module.split("."), *(["_"] if self.frame.file.endswith("__init__.py") else [])]
        return ".".join([*parts[: -node.level], *filter(None, [node.module])])

    def library_name(self, module: str, name: str) -> Value:
        """Return what a name imported from a library is."""
        return UNKNOWN if module.startswith("src.") else library.attribute(f"{module}.{name}")

    def _entries(self) -> Iterator[tuple[Frame, ast.FunctionDef | ast.AsyncFunctionDef, str]]:
        """Yield the functions that the platform calls, then those that take a context and that nothing called."""
        later = []
        for name, (_, tree) in self._source.modules.items():
            for node in functions(tree):
                kinds = [kind for kind, _ in decorators(node)]
                if kinds and node in tree.body:
                    yield self.modules[name], node, kinds[0]
                elif node in tree.body and _takes_context(node):
                    later.append((self.modules[name], node, ""))
        yield from (each for each in later if each[1] not in self._followed)

    def _enter(self, frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef, kind: str) -> None:
        """Follow a function as the platform calls it."""
        self.entry = Entry(kind=kind, file=frame.file, node=node)
        self.trace.entries.append(self.entry)
        self.trace.ran.add(node)
        given = [*node.args.posonlyargs, *node.args.args]
        names = [each.arg for each in given]
        context = "ctx" if "ctx" in names else names[0] if names else ""
        inner = Frame(module=frame.module, file=frame.file, node=node, outer=frame, entry=bool(kind))
        inner.names.update(self._parameters(node, (), {}))
        if context:
            inner.names[context] = _CONTEXT
        self.frame, self.stack, self.facts, self.loops = inner, (node,), frozenset(), ()
        self.caught = frozenset()
        if self.run_function(node):
            self.trace.falls.append(self.entry)

    def call_function(self, node: ast.AST, function: Function, given: object, named: object) -> Value:
        """Note which functions are called."""
        self._followed.add(function.node)
        if not self.importing:
            self.trace.ran.add(function.node)
        return super().call_function(node, function, given, named)  # type: ignore[arg-type] # only handed on


def _takes_context(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    given = [*node.args.posonlyargs, *node.args.args]
    return any(each.arg == "ctx" or getattr(each.annotation, "id", "") == "PluginContext" for each in given)
