"""What a notebook works on: the plugin that was loaded, and the jobs and the world that its cells define.

Nothing is registered anywhere: jobs are looked for among the notebook's names whenever a magic needs them, so what a
cell defines anew takes the place of what it was. A world is handed out as a copy, so a cell that is run again does
the same again. What is heavy loads when it is first needed: `%load_ext` itself is quick.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError, PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from sbh_jobkit.fakes.script import WorldScript
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.plugin import Plugin

_MAIN = "__main__"
_WORLD = "world"


class Session:
    """One notebook; the mapping holds its names."""

    def __init__(self, names: MutableMapping[str, Any]) -> None:
        """Look at the notebook's names; no plugin is loaded yet."""
        self._names = names
        self._loaded: Plugin | None = None

    def load(self, path: str) -> Plugin:
        """Load a plugin; jobs of cells that have the name of one of its jobs take that job's place from then on."""
        from sbh_jobkit.plugin.plugin import Plugin

        self._loaded = Plugin.load(path)
        return self._loaded

    @property
    def plugin(self) -> Plugin:
        """The plugin that was loaded, with the jobs of the cells; raises PluginError where there is no job at all."""
        found = self.found
        if not found.jobs:
            msg = "there is no job yet: write one in a cell, under @job('name', schedule='…'), or %load_plugin PATH"
            raise PluginError(msg)
        return found

    @property
    def found(self) -> Plugin:
        """The same, also where there is no job at all."""
        from sbh_jobkit.clock import bind_sleep
        from sbh_jobkit.plugin.plugin import Plugin

        bind_sleep(self._names)
        if self._loaded is None:
            return Plugin.load(self._names)
        known = {id(job.function) for job in self._loaded.jobs.values()}  # brought here by an import, and no new ones
        names = {name: value for name, value in self._names.items() if id(value) not in known}
        cells = Plugin.load(names, manifest=replace(self._loaded.manifest, jobs=None))
        return self._loaded.joined(cells) if cells.jobs else self._loaded

    @property
    def job_names(self) -> list[str]:
        """The names of all jobs; none where something is wrong with them."""
        try:
            return list(self.found.jobs)
        except JobkitError:
            return []

    def world(self, file: str | None = None) -> World:
        """Return a world of its own, to run jobs in.

        It is what a file describes; or a copy of the World that the notebook calls `world`; or what `setup(world)` and
        functions of `@every` in cells describe; or what the `world.py` of the loaded plugin does; or empty.
        """
        from sbh_jobkit.fakes.world import World

        if file is not None:
            return World.load(file)
        given, script = self._names.get(_WORLD), self._script()
        if isinstance(given, World):
            world: World = given.snapshot().world()
        else:
            world = World.of(self._loaded.root if self._loaded and script is None else None)
        if world.script is None:
            world.script = script
        return world

    def _script(self) -> WorldScript | None:
        """Return what cells tell of the world, if they do."""
        from sbh_jobkit.fakes.script import WorldScript

        told = {name: each for name, each in self._names.items() if _tells_of_the_world(name, each)}
        return WorldScript.of(told, file="the notebook") if told else None


def _tells_of_the_world(name: str, value: Any) -> bool:
    marks: Mapping[str, Any] = getattr(value, "__dict__", {})
    told = callable(value) and (name == "setup" or "_sbh_every" in marks)
    return told and getattr(value, "__module__", None) == _MAIN


def judge(function: Any) -> None:
    """Raise PluginError, without a traceback, for a job that a cell has just defined and that is no job."""
    from sbh_jobkit.plugin.job import Jobs, find_jobs
    from sbh_jobkit.plugin.manifest import Manifest

    try:
        list(find_jobs(Manifest(slug="notebook", name="Notebook"), [function], None, Jobs()))
    except JobkitError as error:
        raise alone(error) from None


def alone(error: BaseException) -> BaseException:
    """Let an error show as its text alone, by IPython's protocol: it tells what to mend, and where."""
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    error._render_traceback_ = lambda: [text]  # type: ignore[attr-defined]
    return error
