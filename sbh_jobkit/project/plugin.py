"""Turn a notebook into the texts of `main.py`, `plugin.json` and `world.py`; nothing is written, nothing runs."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.check import context
from sbh_jobkit.errors import ExportError, PluginError
from sbh_jobkit.plugin.marks import attributes_of
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.project import world as world_parts
from sbh_jobkit.project.clock_reads import clock_notes
from sbh_jobkit.project.code import imports, layout
from sbh_jobkit.project.code.cells import statement as as_statement
from sbh_jobkit.project.notebook import Notebook
from sbh_jobkit.project.tried import untried

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sbh_jobkit.plugin.manifest import Manifest
    from sbh_jobkit.project.code.cells import Cell, Statement

ENTRY, MANIFEST, WORLD = "main.py", "plugin.json", "world.py"
_MARKS = ("_plugin_job_type", "_plugin_route_type", "_plugin_hook_type")
_TICK = "_sbh_every"
_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFiles:
    """The files of an exported plugin, without its tests and its zip."""

    manifest: Manifest
    files: dict[str, str]
    """The texts by path."""
    code: tuple[Statement, ...] = ()
    """The statements of the entry."""
    notes: tuple[str, ...] = ()
    """Notes for the author."""
    loaded_world: Path | None = None
    """The `world.py` of the loaded plugin, where the cells describe no world, so that the jobs ran in that one."""

    def with_loaded_world(self) -> PluginFiles:
        """Return the same files with a copy of that world."""
        if self.loaded_world is None:
            return self
        note = f"world.py is a copy of {self.loaded_world}, the world of the loaded plugin"
        files = {**self.files, WORLD: self.loaded_world.read_text(encoding="utf-8")}
        return replace(self, files=files, notes=(*self.notes, note))

    def without_loaded_world(self, why: str) -> PluginFiles:
        """Return the same files with a note, since that world cannot be used from elsewhere."""
        note = f"world.py is empty, since {self.loaded_world}, the world of the loaded plugin, cannot be copied: {why}"
        return replace(self, notes=(*self.notes, note))


def make_files(
    cells: Iterable[tuple[int, str] | Cell],
    names: Mapping[str, Any],
    manifest: Manifest,
    loaded: Plugin | None = None,
) -> PluginFiles:
    """Choose the statements that a notebook's jobs and its world need; raises ExportError with every problem.

    Where the cells name no zone and no world, those of the `loaded` plugin are what the jobs ran in, and are exported.
    """
    notebook = Notebook(cells, names)
    roots, replaced = _latest([name for mark in _MARKS for name in _marked(notebook, mark)], notebook)
    plugin = _plugin(notebook, roots, manifest)
    world = world_parts.find_world(notebook, _marked(notebook, _TICK))
    code = notebook.with_dependencies(notebook.definitions(roots))
    around = _around(notebook, world)
    if plugin is None or notebook.problems:
        raise ExportError(notebook.problems)
    future = [found for found in notebook.statements if getattr(found.node, "module", None) == "__future__"]
    main = [*future, *notebook.in_order(code)]
    text = _module(f"{manifest.name}: exported from a notebook.", main)
    uses = context.find_uses({"main": (ENTRY, ast.parse(text))})
    zone = manifest.timezone or world.timezone or (loaded.manifest.timezone if loaded is not None else None)
    files = {
        ENTRY: text,
        MANIFEST: _manifest(manifest, plugin, uses, zone),
        WORLD: _world(manifest.name, [*future, *_world_statements(notebook, world, code, around)]),
    }
    notes = [
        *replaced,
        *world.left_out,
        *_not_run(notebook, code | around),
        *untried(notebook, {name: job for name in roots if (job := _job_name(notebook, name))}, _parts),
        *clock_notes(notebook, world),
        *map(_escape_note, uses.escapes),
    ]
    return PluginFiles(
        manifest=manifest,
        files=files,
        code=tuple(main),
        notes=tuple(notes),
        loaded_world=_world_of(loaded) if world.is_empty else None,
    )


def _world_of(plugin: Plugin | None) -> Path | None:
    """Return the `world.py` beside a plugin that is loaded."""
    path = plugin.root / WORLD if plugin is not None and plugin.root is not None else None
    return path if path is not None and path.is_file() else None


def _marked(notebook: Notebook, mark: str) -> list[str]:
    """Return the names of functions with a decorator's mark, each function once, in the order of the cells."""
    found: dict[int, str] = {}
    for name, value in notebook.values.items():
        if mark in attributes_of(value) and callable(value) and notebook.definition(name):
            found.setdefault(id(value), name)
    return sorted(found.values(), key=notebook.position)


def _latest(names: list[str], notebook: Notebook) -> tuple[list[str], list[str]]:
    """Return functions without those whose job a later cell has given to another one, and a note for each."""
    latest = {job: name for name in names if (job := _job_name(notebook, name))}
    kept, notes = [], []
    for name in names:
        job = _job_name(notebook, name)
        if job is None or latest[job] == name:
            kept.append(name)
            continue
        mine, other = (f"{each} (cell {notebook.definition(each)[-1].cell})" for each in (name, latest[job]))
        notes.append(f"job {job!r} is defined by {mine} and by {other}; the later one is exported")
    return kept, notes


def _job_name(notebook: Notebook, name: str) -> str | None:
    found: str | None = getattr(notebook.values[name], "_plugin_job_name", None)
    return found


def _around(notebook: Notebook, world: world_parts.WorldParts) -> set[Statement]:
    """Return the statements of the world, and all that they need."""
    return notebook.with_dependencies(world.roots) | notebook.with_dependencies(world.filling, without=world.local)


def _parts(notebook: Notebook, function: str) -> set[Statement]:
    """Return the statements that a run of a job depends on."""
    world = world_parts.find_world(notebook, _marked(notebook, _TICK))
    return notebook.with_dependencies(notebook.definitions([function])) | _around(notebook, world)


def _not_run(notebook: Notebook, chosen: set[Statement]) -> Iterator[str]:
    """Yield a note for each name that a failed cell would have defined again."""
    for name in sorted({name for found in chosen for name in found.names.binds}):
        failed = notebook.not_run(name)
        if failed is not None:
            earlier = notebook.definition(name)[-1].cell
            what = (
                f"cell {failed.cell} failed before it defined {name!r}, so the earlier one (cell {earlier}) is exported"
            )
            yield f"{what}; to export the later one, run cell {failed.cell} without an error"


def _plugin(notebook: Notebook, names: list[str], manifest: Manifest) -> Plugin | None:
    """Return a plugin of the notebook's decorated functions, or None if that is not possible."""
    if not names:
        notebook.report(
            "the notebook has no function with @job, @route or a hook decorator, so there is nothing to export"
        )
    if notebook.problems:
        return None
    try:
        return Plugin.load({name: notebook.values[name] for name in names}, manifest=manifest)
    except PluginError as error:
        notebook.report(str(error))
        return None


def _world_statements(
    notebook: Notebook, world: world_parts.WorldParts, code: set[Statement], around: set[Statement]
) -> Iterator[Statement]:
    """Yield the statements of `world.py`, which imports what it shares with `main.py`."""
    shared = {found for found in around & code if not isinstance(found.node, _IMPORTS)}
    rest = around - shared - set(world.filling)
    needed = {name for found in [*rest, *world.filling] for name in found.names.needs}
    imported = sorted({name for found in shared for name in found.names.binds} & needed)
    if imported:
        yield as_statement(0, f"from {ENTRY.removesuffix('.py')} import {', '.join(imported)}")
    setup = world.setup()
    for found in notebook.in_order(rest):
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
    """Return statements as a module: imports first, then the rest, with its blank lines."""
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


def _manifest(manifest: Manifest, plugin: Plugin, uses: context.Uses, timezone: str | None) -> str:
    """Return `plugin.json`, with the jobs' schedules and the permissions that the code needs."""
    values: dict[str, Any] = {name: getattr(manifest, name) for name in ("slug", "name", "version")}
    values["entry"] = ENTRY
    values["description"] = manifest.description or f"Jobs: {', '.join(plugin.jobs) or 'none'}."
    values |= {name: text for name in ("author", "repo_url") if (text := getattr(manifest, name))}
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
    """Return the first line of a function's docstring."""
    text = getattr(function, "__doc__", None)
    return text.strip().partition("\n")[0].strip() if isinstance(text, str) else ""


def _escape_note(place: context.Place) -> str:
    where = f"{place.file}:{place.line}: {place.what} is passed to code that cannot be followed"
    return f"{where}, so plugin.json lists every permission that this code could use; remove those you do not need"
