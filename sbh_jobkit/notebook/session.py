"""What the magics know of a notebook: the loaded plugin, and the jobs and the world of its cells.

Each magic looks for jobs among the notebook's variables, so a cell that runs again replaces its job; of two functions
with one job name, the one that a later cell defined counts. Each magic gets a copy of the world, so the same cell gives
the same result when it runs again. Heavy modules are imported when they are first needed, which keeps `%load_ext` fast.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError, PluginError
from sbh_jobkit.plugin.marks import attributes_of

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

    from sbh_jobkit.fakes.script import WorldScript
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.plugin import Plugin

_MAIN = "__main__"
_WORLD = "world"


class Session:
    """The plugin, jobs and world of one notebook."""

    def __init__(self, names: MutableMapping[str, Any]) -> None:
        """Take the notebook's variables; no plugin is loaded yet."""
        self._names = names
        self._loaded: Plugin | None = None
        self._defined: list[Any] = []
        """The jobs' functions in the order in which cells defined them."""

    def load(self, path: str) -> Plugin:
        """Load a plugin; a job of a cell replaces the plugin's job of the same name."""
        from sbh_jobkit.plugin.plugin import Plugin

        self._loaded = Plugin.load(path)
        return self._loaded

    @property
    def loaded(self) -> Plugin | None:
        """The loaded plugin, without the jobs of cells."""
        return self._loaded

    @property
    def plugin(self) -> Plugin:
        """The loaded plugin with the jobs of the cells; raises PluginError if there is no job."""
        plugin = self.plugin_or_empty
        if not plugin.jobs:
            msg = "there is no job yet: define one in a cell with @job('name', schedule='…'), or use %load_plugin PATH"
            raise PluginError(msg)
        return plugin

    @property
    def plugin_or_empty(self) -> Plugin:
        """The same plugin, which may have no job."""
        from sbh_jobkit.clock import bind_sleep
        from sbh_jobkit.plugin.plugin import Plugin

        bind_sleep(self._names)
        own = self._without_replaced()
        if self._loaded is None:
            return Plugin.load(own)
        known = {
            id(job.function) for job in self._loaded.jobs.values()
        }  # the plugin's own functions, imported into the notebook
        names = {name: value for name, value in own.items() if id(value) not in known}
        cells = Plugin.load(names, manifest=replace(self._loaded.manifest, jobs=None))
        return self._loaded.joined(cells) if cells.jobs else self._loaded

    def define(self, function: Any) -> None:
        """Check a job that a cell has just defined, and print a note if it takes the name of another function's job.

        Raises PluginError, shown without a traceback.
        """
        check_job(function)
        self._defined = [*(each for each in self._defined if each is not function), function]
        name, mine = _job_name(function), getattr(function, "__name__", "")
        for other, before in self._jobs().items():
            if _job_name(before) == name and other != mine:
                print(f"note: job {name!r} is now {_place(function, mine)}, and no longer {_place(before, other)}")  # noqa: T201  in the cell

    def _jobs(self) -> dict[str, Any]:
        """Return the functions of jobs in cells, by variable."""
        from sbh_jobkit.plugin.loader import OUTPUT_HISTORY

        own = {name: value for name, value in self._names.items() if not OUTPUT_HISTORY.fullmatch(name)}
        return {name: value for name, value in own.items() if _job_name(value) is not None}

    def _without_replaced(self) -> dict[str, Any]:
        """Return the notebook's variables without functions whose job's name a later cell has given to another one."""
        order = {id(function): number for number, function in enumerate(self._defined, start=1)}
        jobs = self._jobs()
        by_time = sorted(jobs.values(), key=lambda function: order.get(id(function), 0))
        latest = {_job_name(function): function for function in by_time}
        replaced = {name for name, function in jobs.items() if latest[_job_name(function)] is not function}
        return {name: value for name, value in self._names.items() if name not in replaced}

    def plugin_again(self) -> Plugin:
        """Return the plugin, imported again if it is read from files; the jobs of cells stay as they are."""
        plugin = self.plugin
        return type(plugin).load(plugin.source) if plugin is self._loaded else plugin

    @property
    def cells_have_plugin(self) -> bool:
        """Whether a cell defines a job, a route or a hook, even one with an error."""
        from sbh_jobkit.plugin.plugin import Plugin

        cells = self._without_replaced()
        own = {name: value for name, value in cells.items() if getattr(value, "__module__", None) == _MAIN}
        try:
            plugin = Plugin.load(own)
        except JobkitError:
            return True
        return bool(plugin.jobs or plugin.routes or plugin.hooks)

    @property
    def loaded_source(self) -> str:
        """The path of the loaded plugin; raises PluginError if none is loaded."""
        if self._loaded is None:
            msg = "there is nothing to check: give a path, or load a plugin first"
            raise PluginError(msg)
        return self._loaded.source

    @property
    def job_names(self) -> list[str]:
        """The names of all jobs; empty if one of them has an error."""
        try:
            return list(self.plugin_or_empty.jobs)
        except JobkitError:
            return []

    def world(self, file: str | None = None, tenant: str | None = None) -> World:
        """Return a new world to run jobs in, of the tenant that it describes or of another one.

        The first of these that exists describes it: the given file; the notebook's variable `world`, which is copied;
        `setup(world)` and `@every` functions in cells; the `world.py` of the loaded plugin. Otherwise it is empty.
        """
        from sbh_jobkit.fakes.world import TENANT, World

        if file is not None:
            return World.load(file, tenant_id=tenant or TENANT)
        given, script = self._names.get(_WORLD), self._script()
        if isinstance(given, World):
            world: World = given.at(given.snapshot(), tenant)
        else:
            root = self._loaded.root if self._loaded and script is None else None
            world = World.for_folder(root, tenant or TENANT)
        if world.script is None:
            world.script = script
        return world

    def _script(self) -> WorldScript | None:
        """Return `setup` and the `@every` functions of cells; None if there are none."""
        from sbh_jobkit.fakes.script import WorldScript

        functions = {name: each for name, each in self._names.items() if _is_world_function(name, each)}
        return WorldScript.from_names(functions, file="the notebook") if functions else None


def _job_name(value: Any) -> str | None:
    name = attributes_of(value).get("_plugin_job_name") if callable(value) else None
    return name if isinstance(name, str) else None


def _place(function: Any, name: str) -> str:
    """Return `greet (In[3]:1)`."""
    from sbh_jobkit.plugin.job import defined_at

    return f"{name} ({defined_at(function, None)})"


def _is_world_function(name: str, value: Any) -> bool:
    marks = attributes_of(value)
    marked = callable(value) and (name == "setup" or "_sbh_every" in marks)
    return marked and getattr(value, "__module__", None) == _MAIN


def check_job(function: Any) -> None:
    """Check a job that a cell has just defined; raises PluginError, shown without a traceback, if it is not valid."""
    from sbh_jobkit.plugin.job import Jobs, find_jobs
    from sbh_jobkit.plugin.manifest import Manifest

    try:
        list(find_jobs(Manifest(slug="notebook", name="Notebook"), [function], None, Jobs()))
    except JobkitError as error:
        raise without_traceback(error) from None


@contextmanager
def debugger_at_error(shell: Any) -> Iterator[None]:
    """Let `%debug` find what the run inside raises, although no cell failed; with `%pdb on`, start it at once."""
    from sbh_jobkit.run import tracebacks

    tracebacks.keep(1)
    try:
        yield
        ending = tracebacks.latest()
    finally:
        tracebacks.keep(0)
    if ending is None:
        return
    error = ending.error.with_traceback(ending.traceback)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, ending.traceback
    sys.last_exc = error  # type: ignore[attr-defined] # since Python 3.12
    shell.InteractiveTB.tb = ending.traceback
    if shell.call_pdb:
        shell.debugger(force=True)


def without_traceback(error: BaseException) -> BaseException:
    """Let IPython show only the message of an error, which already says what to fix and where."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    error._render_traceback_ = lambda: [text]  # type: ignore[attr-defined]
    return error
