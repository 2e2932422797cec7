"""A notebook as the files of a plugin: `main.py`, `plugin.json` and `world.py`; nothing is written, nothing runs."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sbh_jobkit.check import context
from sbh_jobkit.errors import ExportError, PluginError
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.project import world as tenant
from sbh_jobkit.project.code import imports, layout
from sbh_jobkit.project.code.cells import statement as as_statement
from sbh_jobkit.project.notebook import Notebook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sbh_jobkit.plugin.manifest import Manifest
    from sbh_jobkit.project.code.cells import Statement

ENTRY, MANIFEST, WORLD = "main.py", "plugin.json", "world.py"
_MARKS = ("_plugin_job_type", "_plugin_route_type", "_plugin_hook_type")
_TICK = "_sbh_every"
_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What an export will write, but for what is found out by trying it."""

    about: Manifest
    files: dict[str, str]
    """Text by path."""
    notes: tuple[str, ...] = ()
    """What the author should know of it."""


def draft(cells: Iterable[tuple[int, str]], names: Mapping[str, Any], about: Manifest) -> Draft:
    """Choose what the decorated functions of a notebook need; raises ExportError with all that cannot be had."""
    notebook = Notebook(cells, names)
    roots = [name for mark in _MARKS for name in _marked(notebook, mark)]
    plugin = _plugin(notebook, roots, about)
    world = tenant.describe(notebook, _marked(notebook, _TICK))
    code = notebook.needed(notebook.made(roots))
    around = notebook.needed(world.roots) | notebook.needed(world.filling, without=world.local)
    if plugin is None or notebook.faults:
        raise ExportError(notebook.faults)
    future = [found for found in notebook.statements if getattr(found.node, "module", None) == "__future__"]
    main = _module(f"{about.name}: exported from a notebook.", [*future, *notebook.arranged(code)])
    uses = context.find_uses({"main": (ENTRY, ast.parse(main))})
    files = {
        ENTRY: main,
        MANIFEST: _manifest(about, plugin, uses, about.timezone or world.timezone),
        WORLD: _world(about.name, [*future, *_apart(notebook, world, code, around)]),
    }
    return Draft(about=about, files=files, notes=(*world.left_out, *map(_escape, uses.escapes)))


def _marked(notebook: Notebook, mark: str) -> list[str]:
    """Return the names of functions that bear a mark, each function once, in the order of the cells."""
    found: dict[int, str] = {}
    for name, value in notebook.values.items():
        if mark in getattr(value, "__dict__", {}) and callable(value) and notebook.definition(name):
            found.setdefault(id(value), name)
    return sorted(found.values(), key=notebook.position)


def _plugin(notebook: Notebook, names: list[str], about: Manifest) -> Plugin | None:
    """Return the notebook's functions under the platform's decorators as a plugin, None where they are none."""
    if not names:
        notebook.fault("the notebook has no function under @job, @route or a hook, so there is nothing to export")
        return None
    first: dict[str, str] = {}
    for name in _marked(notebook, _MARKS[0]):
        job = notebook.values[name]._plugin_job_name  # noqa: SLF001  the platform's mark
        if job in first:
            both = [f"{given} in cell {notebook.definition(given)[-1].cell}" for given in (first[job], name)]
            notebook.fault(f"job {job!r} is defined twice: by {both[0]} and by {both[1]}; rename one, or del it")
        first.setdefault(job, name)
    if notebook.faults:
        return None
    try:
        return Plugin.load({name: notebook.values[name] for name in names}, manifest=about)
    except PluginError as error:
        notebook.fault(str(error))
        return None


def _apart(
    notebook: Notebook, world: tenant.TenantDraft, code: set[Statement], around: set[Statement]
) -> Iterator[Statement]:
    """Yield what `world.py` is made of; what `main.py` has it imports from there."""
    shared = {found for found in around & code if not isinstance(found.node, _IMPORTS)}
    rest = around - shared - set(world.filling)
    needed = {name for found in [*rest, *world.filling] for name in found.names.needs}
    bring = sorted({name for found in shared for name in found.names.gives} & needed)
    if bring:
        yield as_statement(0, f"from {ENTRY.removesuffix('.py')} import {', '.join(bring)}")
    setup = world.setup()
    for found in notebook.arranged(rest):
        if setup and (found is world.own or (world.own is None and isinstance(found.node, _DEFINITIONS))):
            yield as_statement(0, setup)
            setup = None
            if found is world.own:
                continue
        yield found
    if setup:
        yield as_statement(0, setup)


def _world(name: str, code: Sequence[Statement]) -> str:
    return _module(f"The fake tenant of {name}, as the notebook described it.", code)


def _module(head: str, code: Iterable[Statement]) -> str:
    """Write statements as a module: imports first, then the rest, with its blank lines."""
    nodes: list[ast.Import | ast.ImportFrom] = []
    blocks: list[tuple[str, int]] = []
    cell = None
    for statement in code:
        if isinstance(statement.node, _IMPORTS):
            nodes.append(statement.node)
        else:
            blocks.append((statement.text, statement.gap if statement.cell == cell else 1))
            cell = statement.cell
    return layout.module(head, imports.sections(nodes, own=frozenset({ENTRY.removesuffix(".py")})), blocks)


def _manifest(about: Manifest, plugin: Plugin, uses: context.Uses, timezone: str | None) -> str:
    """Write `plugin.json`, with the jobs' schedules, and the permissions that the code needs."""
    values: dict[str, Any] = {name: getattr(about, name) for name in ("slug", "name", "version")}
    values["entry"] = ENTRY
    values["description"] = about.description or f"Jobs: {', '.join(plugin.jobs) or 'none'}."
    values |= {name: text for name in ("author", "repo_url") if (text := getattr(about, name))}
    if timezone:
        values["timezone"] = timezone
    values["permissions"] = sorted(uses.permissions)
    if uses.secrets:
        values["secrets"] = uses.secrets
    values["jobs"] = [
        {
            key: text
            for key, text in {
                "name": job.name,
                "schedule": job.expression,
                "timezone": job.timezone,
                "description": summary(job.function),
            }.items()
            if text
        }
        for job in plugin.jobs.values()
    ]
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def summary(function: Any) -> str:
    """Return the first line of what a function says of itself."""
    text = getattr(function, "__doc__", None)
    return text.strip().partition("\n")[0].strip() if isinstance(text, str) else ""


def _escape(place: context.Place) -> str:
    told = f"{place.file}:{place.line}: {place.what} goes where it was not followed"
    return f"{told}, so plugin.json permits all that it could do there; shorten its permissions by hand"
