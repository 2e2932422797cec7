"""A loaded plugin: its manifest, jobs, routes and hooks."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, Self

from sbh_jobkit.display import Shown
from sbh_jobkit.errors import PluginError, did_you_mean
from sbh_jobkit.plugin import loader
from sbh_jobkit.plugin import manifest as _manifest
from sbh_jobkit.plugin.job import Jobs, defined_at, explain_pickle, find_jobs, marked
from sbh_jobkit.plugin.places import authors_terms
from sbh_jobkit.schedule import cron

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from sbh_jobkit.plugin.manifest import Manifest

_HINTS = 100
"""So many warnings suggest another name: of thousands nobody needs them, and each takes a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A function that answers requests below `/ext/<slug>`."""

    path: str
    methods: tuple[str, ...]
    function: Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A function that the host calls: on an `event`, as an `llm_filter`, or as a `generator`."""

    kind: str
    name: str
    function: Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadWarning:
    """Something in a plugin that is probably a mistake."""

    rule: str
    text: str
    place: str | None
    """`main.py:7`, or `$.jobs[1]` of the manifest."""


class Plugin(Shown):
    """A loaded plugin; see `Plugin.load`."""

    def __init__(self, source: loader.Source) -> None:
        """Collect the decorated functions; raises PluginError if two jobs have the same name."""
        self.manifest = source.manifest
        self.root = source.root
        self.source = source.typed
        """The argument that loads the plugin again."""
        self.jobs = Jobs()
        self.jobs.plugin = self
        self.jobs.update({job.name: job for job in find_jobs(source.manifest, source.offered, source.root, self.jobs)})
        self._elsewhere = tuple(source.elsewhere)
        self._notes = source.notes
        self._again = source.again
        self.compiled = source.compiled
        """The code of its modules, by path; empty for a plugin that is not read from files."""
        self.reached_at_import = source.reached
        """The lines that ran when it was imported, as file and number; None where nobody has noted them."""
        self.routes = tuple(_routes(source.names))
        self.hooks = tuple(_hooks(source.names))

    def __repr__(self) -> str:
        """Return its slug, version and number of jobs."""
        return f"<Plugin {self.slug} {self.manifest.version}: {len(self.jobs)} job{'' if len(self.jobs) == 1 else 's'}>"

    def __reduce_ex__(self, _: object) -> NoReturn:
        """Refuse to be pickled: the names of its modules are another plugin's in another process."""
        raise PluginError(explain_pickle(f"plugin {self.slug!r}", self))

    def __copy__(self) -> Self:
        """Return itself."""
        return self

    def __deepcopy__(self, _: object) -> Self:
        """Return itself."""
        return self

    @property
    def slug(self) -> str:
        """The plugin's name on the host."""
        return self.manifest.slug

    @property
    def not_simulated(self) -> tuple[Callable[..., Any], ...]:
        """The functions that no simulation calls: routes, hooks, and those that the entry does not import."""
        routes, hooks = (each.function for each in self.routes), (each.function for each in self.hooks)
        return (*routes, *hooks, *self._elsewhere)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is probably a mistake: a job of the manifest without a function, or a module that prints at import."""
        return (*(warning.text for warning in self.load_warnings), *self._notes)

    @property
    def load_warnings(self) -> tuple[LoadWarning, ...]:
        """The warnings, each with its rule and place."""
        return tuple(self._find_warnings())

    def _find_warnings(self) -> Iterator[LoadWarning]:
        entry, listed = self.manifest.entry, [job.name for job in self.manifest.jobs or ()]
        numbers = dict(zip(reversed(listed), range(len(listed) - 1, -1, -1), strict=True))  # the first of equal names
        for number, name in enumerate(sorted({*listed} - {*self.jobs})):
            hint = did_you_mean(name, self.jobs) if number < _HINTS else ""
            text = f"job {name!r} of the manifest has no function in {entry}, so it never runs"
            place = f"$.jobs[{numbers[name]}]"
            yield LoadWarning(rule="job-without-function", place=place, text=f"{text}{hint}")
        for job in self.jobs.values() if self.manifest.jobs is not None else ():
            if job.expression and job.name not in numbers:
                text = f"job {job.name!r} ({job.place}) is not in the manifest's jobs; add it there"
                yield LoadWarning(rule="job-unlisted", place=job.place, text=text)
        for job in self.jobs.values():
            for note in cron.parse(job.expression).notes if job.expression else ():
                text = f"job {job.name!r} ({job.place}): schedule {job.expression!r}: {note}"
                yield LoadWarning(rule="schedule-step", place=job.place, text=text)
        for function in marked(self._elsewhere, "_plugin_job_type", "job"):
            here, name = defined_at(function, self.root), function._plugin_job_name  # noqa: SLF001  the platform's mark
            line = f"from {authors_terms(function.__module__)} import {getattr(function, '__name__', name)}"
            text = f"job {name!r} ({here}) is not in {entry}, so it never runs; add to {entry}: {line}"
            yield LoadWarning(rule="job-elsewhere", place=here, text=text)

    @classmethod
    def load(
        cls,
        source: str | Path | ModuleType | Mapping[str, Any],
        *,
        manifest: Mapping[str, Any] | Manifest | None = None,
    ) -> Self:
        """Load a plugin from a directory, its `plugin.json` or `main.py`, a zip, a module, or a mapping of names.

        Raises ManifestError for problems in the manifest, PluginError for any other problem.
        """
        given = _manifest.parse(manifest, "manifest") if isinstance(manifest, Mapping) else manifest
        return cls._from_source(loader.load_source(source, given))

    def edited(self, text: str) -> Self:
        """Return the plugin with another text in its entry file; the file itself stays as it is.

        Raises PluginError for a plugin without files, and for a wrong text, with its line.
        """
        if self.root is None:
            msg = f"{self.slug} has no files, so it cannot be edited; define the job again in a cell"
            raise PluginError(msg)
        return self._from_source(loader.load_edited(self.root, self.manifest, text))

    @contextmanager
    def imported_again(self) -> Iterator[Self]:
        """Yield the plugin with its modules imported once more, as after a restart; at the end they are removed.

        Edits of the files since the plugin was loaded do not count. A plugin without files of its own, such as one of
        a notebook's cells, yields itself.
        """
        if self._again is None:
            yield self
            return
        source = self._again()
        try:
            yield type(self)(source)
        finally:
            source.close()

    @classmethod
    def _from_source(cls, source: loader.Source) -> Self:
        try:
            plugin = cls(source)
        except BaseException:
            source.close()
            raise
        weakref.finalize(plugin.jobs, source.close)  # every job holds `jobs`, so the files stay as long as one job does
        return plugin

    def joined(self, other: Plugin) -> Self:
        """Return this plugin with the jobs of another one added; a job of the other replaces one with the same name."""
        both = object.__new__(type(self))
        vars(both).update(vars(self))
        both.jobs = Jobs(self.jobs)
        both.jobs.plugin, both._again = both, None
        both.jobs.update({name: replace(job, peers=both.jobs) for name, job in other.jobs.items()})
        return both


def _routes(names: Mapping[str, Any]) -> Iterator[Route]:
    for function in marked(names.values(), "_plugin_route_type", "route"):
        marks = vars(function)
        path, methods = marks["_plugin_route_path"], marks["_plugin_route_methods"]
        yield Route(path=path, methods=tuple(methods), function=function)


def _hooks(names: Mapping[str, Any]) -> Iterator[Hook]:
    for kind, mark in (
        ("event", "_plugin_event_type"),
        ("llm_filter", "_plugin_filter_type"),
        ("generator", "_plugin_generator_hook_type"),
    ):
        for function in marked(names.values(), "_plugin_hook_type", kind):
            yield Hook(kind=kind, name=vars(function)[mark], function=function)
