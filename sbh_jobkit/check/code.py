"""Rules for a plugin's code: imports, calls that are not allowed, the SDK's decorators, and permissions.

The allowed modules and the forbidden calls are those of the platform's documents. Calls are found in the syntax tree,
so that `re.compile` does not count as `compile`. These rules are not a sandbox.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.context import DECORATORS, decorators, find_uses
from sbh_jobkit.check.finding import Finding
from sbh_jobkit.errors import ScheduleError
from sbh_jobkit.plugin.manifest import FILE
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.source import Source

SDK = "src.ext.sdk"
ALLOWED = (
    *("base64", "collections", "dataclasses", "datetime", "decimal", "enum", "functools", "hashlib", "itertools"),
    *("json", "logging", "math", "random", "re", "string", "time", "typing", "urllib.parse", "uuid", "zoneinfo"),
)
"""The modules that a plugin may import, besides its own modules and the SDK."""
_DYNAMIC = {"eval", "exec", "compile", "__import__"}
_HTTP = {"aiohttp", "http", "httpx", "requests", "socket", "urllib", "urllib3"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_IMPORTS = (ast.Import, ast.ImportFrom)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def findings(source: Source) -> Iterator[Finding]:
    """Yield the problems in the code of all modules of a plugin."""
    first: dict[str, str] = {}
    for file, tree in source.modules.values():
        for node in ast.walk(tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                yield from _imports(source, file, node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _DYNAMIC:
                message = f"{node.func.id}(…) is not allowed: the platform does not run code from text"
                yield Finding(file=file, line=node.lineno, rule="dynamic-code", message=message)
        for function in [node for node in ast.walk(tree) if isinstance(node, _Function)]:
            yield from _schedules(file, function)
        yield from _names(file, tree, first)
        yield from _decorators(file, tree)
    yield from _permissions(source)


def jobs(function: _Function) -> Iterator[tuple[str | None, str | None]]:
    """Yield name and schedule of each `@job` of a function; None for one that is not a plain string."""
    for name, call in decorators(function):
        if name == "job":
            given = {("name", "schedule")[index]: value for index, value in enumerate(call.args[:2])}
            given |= {word.arg: word.value for word in call.keywords if word.arg}
            yield _text(given.get("name")), _text(given.get("schedule"))


def line(function: _Function) -> int:
    """Return the first line of a function, which is the line of its first decorator."""
    return min([function.lineno, *(found.lineno for found in function.decorator_list)])


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _imports(source: Source, file: str, node: ast.Import | ast.ImportFrom) -> Iterator[Finding]:
    if isinstance(node, ast.ImportFrom):
        inside = [f"{node.module}.{alias.name}" for alias in node.names]
        names = [] if node.level else [node.module or ""]
        if names and all(_allowed(source, name) for name in inside):
            return  # from urllib import parse
    else:
        names = [alias.name for alias in node.names]
    for name in names:
        if not _allowed(source, name):
            top = name.partition(".")[0]
            advice = "use ctx.http" if top in _HTTP else f"the allowed modules are {', '.join(ALLOWED)}"
            message = f"the platform does not allow the module {name!r}"
            yield Finding(file=file, line=node.lineno, rule="import", message=message, advice=advice)


def _allowed(source: Source, name: str) -> bool:
    top = name.partition(".")[0]
    if top == "__future__" or name == SDK or name.startswith(f"{SDK}."):
        return True
    if (source.folder / f"{top}.py").is_file() or any((source.folder / top).rglob("*.py")):
        return True
    return any(f"{name}.".startswith(f"{known}.") for known in ALLOWED)


def _schedules(file: str, function: _Function) -> Iterator[Finding]:
    for name, schedule in jobs(function):
        if schedule is not None:
            try:
                Schedule(schedule)
            except ScheduleError as error:
                message = f"job {name!r}: {error}" if name else str(error)
                yield Finding(file=file, line=line(function), rule="schedule", message=message)


def _names(file: str, tree: ast.Module, first: dict[str, str]) -> Iterator[Finding]:
    for function in [node for node in tree.body if isinstance(node, _Function)]:
        for name, _ in jobs(function):
            here = f"{file}:{line(function)}"
            if name is not None and first.setdefault(name, here) != here:
                message = f"job {name!r} is already defined at {first[name]}; rename one"
                yield Finding(file=file, line=line(function), rule="job-twice", message=message)


def _decorators(file: str, tree: ast.Module) -> Iterator[Finding]:
    """Find decorators of the SDK that the module neither imports nor defines."""
    bound = {
        alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, _IMPORTS) for alias in node.names
    }
    bound |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.name for node in tree.body if isinstance(node, (*_FUNCTIONS, ast.ClassDef))}
    reported: set[str] = set()
    for function in [node for node in ast.walk(tree) if isinstance(node, _Function)]:
        for found in function.decorator_list:
            called = found.func if isinstance(found, ast.Call) else found
            name = called.id if isinstance(called, ast.Name) else ""
            if name in DECORATORS - bound - reported and "*" not in bound:
                reported.add(name)
                message, advice = f"@{name} is not imported", f"add `from {SDK} import {name}`"
                yield Finding(file=file, line=found.lineno, rule="sdk-import", message=message, advice=advice)


def _permissions(source: Source) -> Iterator[Finding]:
    """Yield permissions that are needed but not listed, or listed but not needed; without a list all are granted."""
    listed = source.data.get("permissions")
    if source.manifest is None or not isinstance(listed, list):
        return
    found = find_uses(source.modules)
    certain = {name: place for name, place in found.permissions.items() if place not in found.escapes}
    for name, place in certain.items():
        if name not in listed:
            message = f"{place.what} needs the permission {name!r}, which plugin.json does not list"
            advice = f'add "{name}" to "permissions" in plugin.json'
            yield Finding(file=place.file, line=place.line, rule="permission-missing", message=message, advice=advice)
    for index, name in enumerate(listed):
        if name not in found.permissions:
            message = f"the permission {name!r} is listed, but no call of the plugin needs it"
            where = source.line(f"$.permissions[{index}]")
            yield Finding(file=FILE, line=where, rule="permission-unused", message=message, advice="remove it")
