"""A job: a function that runs when its schedule says so, and how it is found among a plugin's names."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Self

from sbh_jobkit.errors import PluginError, ScheduleError, UnknownJobError, did_you_mean
from sbh_jobkit.plugin.marks import attributes_of
from sbh_jobkit.plugin.places import shown_path
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from sbh_jobkit.plugin.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A function that runs when its schedule says so, or only when a person starts it."""

    name: str
    function: Callable[..., Any]
    manifest: Manifest = field(repr=False)
    expression: str | None = None
    """Its cron expression; None for a job that is manual only."""
    timezone: str | None = None
    """The time zone that the manifest gives this job."""
    place: str | None = None
    """Where it is defined, such as `main.py:7`."""
    root: Path | None = None
    peers: Jobs = field(default_factory=lambda: Jobs(), repr=False, compare=False)  # noqa: PLW0108  Jobs stands below
    """All jobs of the plugin, this one among them."""

    def __reduce_ex__(self, _: object) -> NoReturn:
        """Refuse to be pickled: the name of its module is another plugin's in another process."""
        raise PluginError(explain_pickle(f"job {self.name!r}", self.peers.plugin, f".jobs[{self.name!r}]"))

    def __deepcopy__(self, _: object) -> Self:
        """Return itself: it never changes."""
        return self

    @property
    def schedule(self) -> Schedule | None:
        """When it is due, in its own time zone, else the plugin's, else UTC."""
        return self.schedule_in(None)

    def schedule_in(self, tz: ZoneInfo | None) -> Schedule | None:
        """Return when it is due if `tz` is the zone in force; a zone that the manifest gives this job wins."""
        if self.expression is None:
            return None
        return Schedule(self.expression, self.timezone or tz or self.manifest.timezone or "UTC")


class Jobs(dict[str, Job]):
    """A plugin's jobs by name; the error for an unknown name suggests the nearest one."""

    plugin: Any = None
    """The plugin that has these jobs."""

    def __missing__(self, name: str) -> Job:
        """Raise UnknownJobError."""
        known = f"; its jobs are {', '.join(self)}" if self else "; it has none"
        msg = f"the plugin has no job {name!r}{did_you_mean(name, self) or known}"
        raise UnknownJobError(msg)


def explain_pickle(what: str, plugin: Any, member: str = "") -> str:
    """Return why a loaded plugin or job cannot be sent to another process, and how to have it there."""
    on_disk = plugin is not None and plugin.root is not None
    load = f"Plugin.load({plugin.source!r}){member}" if on_disk else f"Plugin.load(PATH){member}"
    first = "" if on_disk else "write it to a folder with a plugin.json, "
    return f"{what} cannot be pickled: its code is loaded in this process only; {first}send the path, and there {load}"


def find_jobs(found: Manifest, offered: Iterable[Any], root: Path | None, peers: Jobs) -> Iterator[Job]:
    """Yield the jobs among the names of a plugin's entry; raises PluginError if two have one name."""
    listed = {entry.name: entry for entry in found.jobs or ()}
    first: dict[str, Any] = {}
    for function in marked(offered, "_plugin_job_type", "job"):
        name = function._plugin_job_name  # noqa: SLF001  the platform's mark
        here = defined_at(function, root)
        if name in first:
            msg = f"job {name!r} is defined twice: at {defined_at(first[name], root)} and at {here}; rename one"
            raise PluginError(msg)
        first[name] = function
        entry = listed.get(name)
        expression = _expression(name, here, function._plugin_job_schedule, entry.schedule if entry else None)  # noqa: SLF001
        zone = entry.timezone if entry else None
        yield Job(
            name=name,
            function=function,
            manifest=found,
            expression=expression,
            timezone=zone,
            place=here,
            root=root,
            peers=peers,
        )


def _expression(name: str, here: str | None, decorated: str | None, listed: str | None) -> str | None:
    if decorated is not None:
        try:
            Schedule(decorated)
        except ScheduleError as error:
            msg = f"{name} ({here}): {error}"
            raise PluginError(msg) from error
    if decorated is not None and listed is not None and decorated.split() != listed.split():
        msg = f"job {name!r}: the decorator ({here}) says {decorated!r}, the manifest {listed!r}; make them agree"
        raise PluginError(msg)
    return decorated if decorated is not None else listed


def marked(values: Iterable[Any], mark: str, kind: str) -> Iterator[Any]:
    """Yield the functions that an SDK decorator marked with this kind, each once."""
    seen: set[int] = set()
    for value in values:
        if callable(value) and id(value) not in seen and _mark(value, mark) == kind:
            seen.add(id(value))
            yield value


def _mark(value: Any, mark: str) -> Any:
    return attributes_of(value).get(mark)


def defined_at(function: Callable[..., Any], root: Path | None) -> str | None:
    """Return `main.py:7` for a function of the plugin."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return None
    return f"{shown_path(code.co_filename, root) or code.co_filename}:{code.co_firstlineno}"
