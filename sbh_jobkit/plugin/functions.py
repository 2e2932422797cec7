"""The functions in a plugin's code, and which of them each job may call, by the names that they use.

Names are all that is known without running anything. So a function counts as used by a job if the job, or a function
that it uses, names one like it, as a variable or as an attribute.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from sbh_jobkit.machine.lines import nested
from sbh_jobkit.plugin.places import shown_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sbh_jobkit.plugin.plugin import Plugin


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """A function that a plugin defines, with its lambdas and comprehensions; functions inside it are others."""

    file: str
    """As its author knows it."""
    name: str
    """Such as `Client.fetch`, or `retry.wrapped` for one inside another."""
    code: CodeType
    lines: frozenset[int]
    """Without the line of its `def`, which is one of those around it."""
    outer: CodeType
    """The code of the function at the top of its module or class in which it stands; its own if it is there itself."""


class PluginFunctions:
    """The functions of a plugin's modules; of a notebook's cells those that a job may call."""

    def __init__(self, plugin: Plugin) -> None:
        """Look at the code that is loaded now."""
        self._modules = [(code, shown_path(file, plugin.root) or file) for file, code in plugin.compiled.items()]
        self._loose = _of_namespaces(plugin)
        self.all = [each for code, file in self._modules for each in _functions(code, file)]
        self.all += [each for code, file in self._loose for each in _in_code(code, code, file)]
        self._uses = {name: self._used(_codes(job.function)) for name, job in plugin.jobs.items()}
        elsewhere = self._used(code for function in plugin.not_simulated for code in _codes(function))
        named = set[int]().union(elsewhere, *self._uses.values())
        # of a plugin with jobs in cells nobody knows what the cells leave of the rest
        self._unnamed = set() if self._loose else {id(each.outer) for each in self.all} - named

    @property
    def codes(self) -> list[CodeType]:
        """The code to watch."""
        return [code for code, _ in (*self._modules, *self._loose)]

    @cached_property
    def at_import(self) -> set[tuple[str, int]]:
        """The lines that are not inside of any function: they run when the plugin is imported."""
        return {(code.co_filename, line) for code, _ in self._modules for line in _lines_outside(code)}

    def users(self, function: Function) -> frozenset[str] | None:
        """Return the jobs that may call a function; None for one that nothing names."""
        if id(function.outer) in self._unnamed:
            return None
        return frozenset(name for name, used in self._uses.items() if id(function.outer) in used)

    def _used(self, codes: Iterable[CodeType]) -> set[int]:
        """Return the ids of the outer functions that some code may call, with itself."""
        outer_of = {id(inner): each.outer for each in self.all for inner in nested(each.code)}
        found: set[int] = set()
        waiting = [outer_of[id(code)] for code in codes if id(code) in outer_of]
        while waiting:
            outer = waiting.pop()
            if id(outer) not in found:
                found.add(id(outer))
                names = {name for code in nested(outer) for name in code.co_names}
                waiting += [each for name in names for each in self._named.get(name, ())]
        return found

    @cached_property
    def _named(self) -> dict[str, list[CodeType]]:
        """The outer functions by what calls them: their name, or that of their class for `__init__` and its like."""
        named: defaultdict[str, list[CodeType]] = defaultdict(list)
        for each in self.all:
            if each.code is each.outer:
                owner, _, name = each.name.rpartition(".")
                named[owner.rpartition(".")[2] if name.startswith("__") and owner else name].append(each.outer)
        return named


def lines_of(code: CodeType) -> set[int]:
    """Return the numbers of the lines that an interpreter reports of a code object."""
    return {line for _, _, line in code.co_lines() if line}


def _is_function(code: CodeType) -> bool:
    """Whether a code object at the top of a module or class is a function, and not a class or a comprehension."""
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and (code.co_name == "<lambda>" or code.co_name[0] != "<")


def _inside(code: CodeType) -> Iterator[CodeType]:
    return (each for each in code.co_consts if isinstance(each, CodeType))


def _lines_outside(code: CodeType) -> set[int]:
    """Return the lines of a module or class that are not inside of a function."""
    return lines_of(code).union(*(_lines_outside(each) for each in _inside(code) if not _is_function(each)))


def _functions(code: CodeType, file: str) -> Iterator[Function]:
    """Yield the functions of a module, and of its classes."""
    for each in _inside(code):
        yield from _in_code(each, each, file) if _is_function(each) else _functions(each, file)


def _in_code(code: CodeType, outer: CodeType, file: str) -> Iterator[Function]:
    """Yield a function, and those that are defined inside it."""
    lines, inner = _own_lines(code)
    name = code.co_qualname.replace(".<locals>", "")
    yield Function(file=file, name=name, code=code, lines=frozenset(lines - {code.co_firstlineno}), outer=outer)
    for each in inner:
        yield from _in_code(each, outer, file)


def _own_lines(code: CodeType) -> tuple[set[int], list[CodeType]]:
    """Return the lines of a function without those of functions inside it, and the code of these."""
    lines, inner = lines_of(code), list[CodeType]()
    for each in _inside(code):
        if each.co_flags & inspect.CO_OPTIMIZED and each.co_name[0] != "<":
            inner.append(each)
        else:  # a lambda, a comprehension, or the body of a class
            more, further = _own_lines(each)
            lines |= more
            inner += further
    return lines, inner


def _codes(function: Any) -> list[CodeType]:
    """Return the code of a function, and of those that it wraps by `functools.wraps`."""
    found: list[CodeType] = []
    while function is not None:
        code = getattr(function, "__code__", None)
        if code in found:
            break
        found += [code] if isinstance(code, CodeType) else []
        function = getattr(function, "__wrapped__", None)
    return found


def _of_namespaces(plugin: Plugin) -> list[tuple[CodeType, str]]:
    """Return the code of jobs that no file of the plugin defines, and of what they may call in their own modules."""
    outside = [job for job in plugin.jobs.values() if job.root is None or not plugin.compiled]
    waiting = [(job.root, inspect.unwrap(job.function)) for job in outside]
    found: list[tuple[CodeType, str]] = []
    seen: set[int] = set()
    while waiting:
        root, function = waiting.pop()
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        code = function.__code__
        if (file := shown_path(code.co_filename, root)) is None:
            continue
        found.append((code, file))
        names = {name for each in nested(code) for name in each.co_names}
        for value in (function.__globals__.get(name) for name in names):
            if getattr(value, "__module__", None) == function.__module__:
                members = vars(value).values() if isinstance(value, type) else [value]
                waiting += [(root, inspect.unwrap(each)) for each in members if callable(each)]
    return found
