"""Rules about modules: what may be imported, code from text, and the SDK's names.

The allowed modules and the forbidden calls are those of the platform's documents. Calls are found in the syntax tree,
so that `re.compile` does not count as `compile`. These rules are not a sandbox.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sbh_jobkit.check.decorators import DECORATORS
from sbh_jobkit.check.finding import Edit
from sbh_jobkit.check.walk import functions, nodes
from sbh_jobkit.errors import did_you_mean
from sbh_jobkit.plugin.members import RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.source import Source

SDK = "src.ext.sdk"
SDK_NAMES = ("PluginContext", *sorted(DECORATORS))
TYPES = {"PluginContext", "Row", *RESULTS}
"""The names of the type stub, which `sbh-jobkit stubs` writes."""
ALLOWED = (
    *("base64", "collections", "dataclasses", "datetime", "decimal", "enum", "functools", "hashlib", "itertools"),
    *("json", "logging", "math", "random", "re", "string", "time", "typing", "urllib.parse", "uuid", "zoneinfo"),
)
"""The modules that a plugin may import, besides its own modules and the SDK."""
_DYNAMIC = {"eval", "exec", "compile", "__import__"}
_HTTP = {"aiohttp", "http", "httpx", "requests", "socket", "urllib", "urllib3"}
_IMPORTS = (ast.Import, ast.ImportFrom)
_SDK_PACKAGES = {"src", "ext", "sdk"}


def findings(source: Source) -> Iterator[Finding]:
    """Yield forbidden imports and calls, and names of the SDK that are not there."""
    for file, tree in source.modules.values():
        for node in nodes(tree):
            if isinstance(node, _IMPORTS):
                yield from _imports(source, file, node)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _DYNAMIC:
                message = f"{node.func.id}(…) is not allowed: the platform does not run code from text"
                yield source.found(file, node.func, "dynamic-code", message)
        yield from _sdk(source, file, tree)


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
            message = f"the platform does not allow the module {name!r}"
            yield source.found(file, node, "import", message, advice=_instead(name, node))


def _instead(name: str, node: ast.Import | ast.ImportFrom) -> str:
    top = name.partition(".")[0]
    wanted = [alias.name for alias in node.names if alias.name in SDK_NAMES]
    if isinstance(node, ast.ImportFrom) and top in _SDK_PACKAGES and wanted:
        return f"write `from {SDK} import {', '.join(wanted)}`"
    return "use ctx.http" if top in _HTTP else f"the allowed modules are {', '.join(ALLOWED)}"


def _allowed(source: Source, name: str) -> bool:
    top = name.partition(".")[0]
    if top == "__future__" or name == SDK or name.startswith(f"{SDK}."):
        return True
    if (source.folder / f"{top}.py").is_file() or any((source.folder / top).rglob("*.py")):
        return True
    return any(f"{name}.".startswith(f"{known}.") for known in ALLOWED)


def _sdk(source: Source, file: str, tree: ast.Module) -> Iterator[Finding]:
    """Find names of the SDK that a module uses without importing them, and imports of names that the SDK lacks."""
    imports = [node for node in nodes(tree) if isinstance(node, ast.ImportFrom) and node.module == SDK]
    of_types = {id(each) for node in nodes(tree) if _is_for_types(node) for each in ast.walk(node)}
    imports = [node for node in imports if id(node) not in of_types or not {each.name for each in node.names} <= TYPES]
    aliases = [alias for node in imports for alias in node.names]
    wrong = [alias for alias in aliases if alias.name not in {*SDK_NAMES, "*"}]
    missing = [] if any(alias.name == "*" for alias in aliases) else _missing(tree)
    if not wrong and not missing:
        return
    parts = [f"{SDK} has no {alias.name!r}{did_you_mean(alias.name, SDK_NAMES)}" for alias in wrong]
    parts += _not_imported([_shown(node) for node in missing])
    right = {alias.name for alias in aliases} & {*SDK_NAMES} | {_name(node) for node in missing}
    line = f"from {SDK} import {', '.join(sorted(right))}" if right else ""
    first: ast.stmt | ast.expr | ast.alias = wrong[0] if wrong else missing[0]
    advice = f"{'write' if imports else 'add'} `{line}`" if line else f"the SDK has {', '.join(SDK_NAMES)}"
    edits = _edits(source, file, tree, imports, line) if line and not wrong else ()
    yield source.found(file, first, "sdk-import", "; ".join(parts), advice=advice, edits=edits)


def _is_for_types(node: ast.AST) -> bool:
    """Whether a node is `if TYPE_CHECKING:`, below which the names of the type stub may be imported, too."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def _missing(tree: ast.Module) -> list[ast.expr]:
    """Return the first use of each name of the SDK that the module neither imports nor defines."""
    bound = {
        (alias.asname or alias.name).partition(".")[0]
        for node in nodes(tree)
        if isinstance(node, _IMPORTS)
        for alias in node.names
    }
    bound |= {node.id for node in nodes(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {
        node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    if "*" in bound:
        return []
    first: dict[str, ast.expr] = {}
    postponed, unbound = _postponed(tree), {*SDK_NAMES} - bound
    for function in functions(tree):
        used = [each.func if isinstance(each, ast.Call) else each for each in function.decorator_list]
        used += [] if postponed else _annotations(function)
        for node in used:
            if isinstance(node, ast.Name) and node.id in unbound:
                first.setdefault(node.id, node)
    return [*first.values()]


def _annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [each.annotation for each in every if each.annotation is not None]


def _postponed(tree: ast.Module) -> bool:
    """Whether annotations are not evaluated, so that a name in one need not exist."""
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    return any(alias.name == "annotations" for node in imports for alias in node.names)


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _shown(node: ast.expr) -> str:
    name = _name(node)
    return f"@{name}" if name in DECORATORS else name


def _not_imported(names: list[str]) -> list[str]:
    if not names:
        return []
    *others, last = names
    return [f"{', '.join(others)} and {last} are not imported" if others else f"{last} is not imported"]


def _edits(source: Source, file: str, tree: ast.Module, imports: list[ast.ImportFrom], line: str) -> tuple[Edit, ...]:
    """Return the edit that writes the import: in place of the one that is there, else after the other imports."""
    top = [node for node in tree.body if isinstance(node, _IMPORTS)]
    if imports:
        renamed = any(alias.asname for alias in imports[0].names)
        simple = len(imports) == 1 and imports[0] in tree.body and not renamed
        return (source.edit(file, imports[0], line),) if simple else ()
    at = (top[-1].end_lineno or top[-1].lineno) + 1 if top else _after_docstring(tree)
    if at > len(source.texts[file]):
        return ()
    return (Edit(file=file, line=at, column=1, end_line=at, end_column=1, text=f"{line}\n"),)


def _after_docstring(tree: ast.Module) -> int:
    first = tree.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return (first.end_lineno or first.lineno) + 1 if documented else min(_decorator_lines(first))


def _decorator_lines(node: ast.stmt) -> list[int]:
    return [each.lineno for each in getattr(node, "decorator_list", [])] or [node.lineno]
