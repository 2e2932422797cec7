"""One execution of a job and everything observed about it, as values.

The simulator and every engine write the same `Run`, so the same reports and tests serve both. Its texts never hold
the value of a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import urlsplit

from sbh_jobkit.display import Shown
from sbh_jobkit.run.effects import Effect, effects_of
from sbh_jobkit.run.frozen import maker

if TYPE_CHECKING:
    from sbh_jobkit.run.notes import Note

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_SECRET = re.compile("‹secret:([^›]+)›")


class Outcome(StrEnum):
    """How a due instant ended."""

    OK = "ok"
    FAILED = "failed"
    """The job returned, and its value says that it failed."""
    CRASHED = "crashed"
    """The job raised."""
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    MISSED = "missed"
    SKIPPED = "skipped"
    COALESCED = "coalesced"
    LOST = "lost"
    """The job started, and its scheduler or worker died."""
    CANCELLED = "cancelled"
    """A person stopped the run."""

    @property
    def started(self) -> bool:
        """Whether the job's code ran at all."""
        return self not in {Outcome.MISSED, Outcome.SKIPPED, Outcome.COALESCED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fire:
    """One instant at which a schedule says that a job is due."""

    plugin: str
    job: str
    at: datetime
    note: str | None = None
    """Why it is not at the time that the expression names, on days when the clocks change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that went wrong in a run, even if the job swallowed the error."""

    kind: str
    """The name that `allow` takes, such as `secret-missing`."""
    member: str
    """What was called, such as `ctx.secrets.get`."""
    message: str
    place: str | None = None
    """The plugin's file:line."""
    advice: str | None = None
    """What to do, often a line to paste."""
    allowed: bool = False

    @property
    def line(self) -> str:
        """Place, message and kind in one line."""
        return f"{f'{self.place}: ' if self.place else ''}{self.message} [{self.kind}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a job emitted."""

    type: str
    payload: Any
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """A request and the status of its answer; 0 if there was none."""

    method: str
    url: str
    status: int
    matched: bool
    at: datetime
    seconds: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The headers that the job gave, by their names in lower case."""
    body: str = field(default="", compare=False)
    """What was sent, as text: at most 4,000 characters of it; bytes that are not text are only counted."""
    digest: str = field(default="", compare=False)
    """The same for equal bodies, also where `body` is cut; empty without a body."""

    @property
    def host(self) -> str:
        """The host that was asked, such as `api.example.com`, without its port."""
        return urlsplit(self.url).hostname or ""

    @property
    def secrets(self) -> frozenset[str]:
        """The names of the secrets whose values are in the address, the headers or the body, as far as it is kept."""
        texts = (self.url, *self.headers, *self.headers.values(), self.body)
        return frozenset(name for text in texts for name in _SECRET.findall(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmCall:
    """A prompt and its answer."""

    prompt: str
    model: str
    text: str
    tokens: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file that a run uploaded or deleted."""

    action: str
    key: str
    size: int
    digest: str = field(default="", compare=False)
    """The same for equal contents; empty where a file was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run failed: what the job raised, or the error that it returned."""

    type: str
    message: str
    place: str | None = None
    """The plugin's file:line."""
    traceback: str | None = None
    """The frames inside the plugin, as Python prints them."""

    @property
    def line(self) -> str:
        """Type and message in one line."""
        return ": ".join(filter(None, (self.type, self.message)))


class WorldSnapshot(Protocol):
    """A fake tenant as it was at one moment."""

    def world(self) -> Any:
        """Return a new world in that state."""

    def changes_since(self, before: Any) -> Any:
        """Return what changed since an earlier snapshot of the same tenant."""


class Repeat(Protocol):
    """What a second run did, right after the first."""

    def __bool__(self) -> bool:
        """Whether it changed or sent anything."""

    def lines(self) -> Iterator[str]:
        """Yield what it changed and sent, line by line."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Run(Shown):
    """One execution of a job, or a due instant that did not become one."""

    tenant: str
    plugin: str
    job: str
    fire_time: datetime
    started_at: datetime | None
    duration: timedelta
    """Virtual time in a simulation, real time on an engine."""
    outcome: Outcome
    reason: str | None = None
    """The rule that decided, if the outcome alone does not say it."""
    attempt: int = 1
    """Which attempt at the fire time it is; it is more than 1 where a policy has `retry` and an earlier one failed."""
    value: Any = None
    error: RunError | None = None
    stdout: str = ""
    stderr: str = ""
    logs: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    http_calls: tuple[HttpCall, ...] = ()
    llm_calls: tuple[LlmCall, ...] = ()
    files: tuple[FileChange, ...] = ()
    secrets_set: tuple[str, ...] = ()
    """The names of the secrets that the job has set."""
    rows_read: int = 0
    """How many rows the database returned; rows that were only counted are not included."""
    faults: tuple[Fault, ...] = ()
    memory_mb: float | None = None
    """The most memory that it used, where a real scheduler measured it."""
    injected_faults: tuple[str, ...] = ()
    """What a fault plan did to the run, such as `outage of api.example.com (3 requests)`."""
    expected: str | None = None
    """Why the world expects this run to fail; if it succeeds, it is not ok, as with pytest's strict xfail."""
    notes: tuple[Note, ...] = field(repr=False, compare=False, default=())
    """What was noted for the observations of the simulation."""
    before: WorldSnapshot | None = field(repr=False, compare=False, default=None)
    """The world before the run, if the simulation kept it; `run.before.world()` is one to run the job in again."""
    after: WorldSnapshot | None = field(repr=False, compare=False, default=None)
    """The world after the run."""
    repeated: Repeat | None = field(repr=False, compare=False, default=None)
    """What a second run did in that world, in a simulation with `twice=True`; else None."""
    _clean: bool = field(init=False, repr=False, compare=False, default=True)
    _changes: Any = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        """Find out once whether anything went wrong."""
        if self.outcome not in _HARMLESS or (self.faults and not all(fault.allowed for fault in self.faults)):
            object.__setattr__(self, "_clean", False)

    def __repr__(self) -> str:
        """Return one line, such as `<Run fetch 2026-01-01 06:00 UTC: crashed: KeyError: 'tea'>`."""
        why = f": {self.summary}" if self.summary else ""
        return f"<Run {self.job} {self.fire_time:%Y-%m-%d %H:%M %Z}: {self.verdict}{why}>"

    def portable(self) -> Self:
        """Return the run as another process or a file can take it: without snapshots, its value as JSON."""
        return replace(self, value=jsonable(self.value), before=None, after=None, repeated=None, notes=())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the portable run."""
        portable = self.portable()
        return partial(
            type(self), **{each.name: getattr(portable, each.name) for each in fields(self) if each.init}
        ), ()

    @property
    def ok(self) -> bool:
        """Whether nothing needs attention: no failure and no unallowed fault, or a failure that was expected."""
        return self._clean is (self.expected is None)

    @property
    def changes(self) -> Any:
        """What the run changed in its world, as a Difference; None if no simulation kept the world before and after."""
        if self._changes is None and self.before is not None and self.after is not None:
            object.__setattr__(self, "_changes", self.after.changes_since(self.before))
        return self._changes

    @property
    def effects(self) -> tuple[Effect, ...]:
        """What the run did: events, requests other than GET, HEAD and OPTIONS, files, secrets, services."""
        return tuple(effects_of(self))

    @property
    def troubles(self) -> tuple[str, ...]:
        """Old name of `injected_faults`."""
        return self.injected_faults

    @property
    def verdict(self) -> str:
        """The outcome as reports count it: also `faulty`, `expected` and `unexpected_ok`."""
        if self.expected is not None:
            return "unexpected_ok" if self._clean else "expected"
        if self.outcome is Outcome.OK and not self._clean:
            return "faulty"
        return self.outcome.value

    @property
    def summary(self) -> str:
        """Why the run has this verdict, in one line; empty for a plain success."""
        parts = [self.reason] if self.reason else []
        if self.error:
            parts.append(self.error.line)
        parts += [f"{fault.kind}: {fault.message}" for fault in self.faults if not fault.allowed]
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the run as plain JSON values: ISO times with offset, durations in seconds."""
        row = {name: getattr(self, name) for name in _PLAIN}
        row["fire_time"] = self.fire_time.isoformat()
        row["started_at"] = self.started_at.isoformat() if self.started_at else None
        row["duration"] = self.duration.total_seconds()
        row["outcome"] = self.outcome.value
        row["verdict"] = self.verdict
        row["ok"] = self.ok
        row["value"] = jsonable(self.value)
        row["error"] = asdict(self.error) if self.error else None
        row["logs"] = list(self.logs)
        row["secrets_set"] = list(self.secrets_set)
        row["injected_faults"] = row["troubles"] = list(self.injected_faults)
        row["repeated"] = None if self.repeated is None else self.repeated.to_dict()
        if self.memory_mb is not None:
            row["memory_mb"] = self.memory_mb
        for name in _MANY:
            row[name] = [jsonable(asdict(item)) for item in getattr(self, name)]
        return row


make_event, make_run = maker(Event), maker(Run)
_HARMLESS = {Outcome.OK, Outcome.SKIPPED, Outcome.COALESCED}
_PLAIN = ("tenant", "plugin", "job", "attempt", "reason", "stdout", "stderr", "rows_read", "expected")
_MANY = ("events", "http_calls", "llm_calls", "files", "faults")


def jsonable(value: Any) -> Any:  # noqa: PLR0911  a table of kinds
    """Return the value as JSON can hold it: times in ISO 8601, other types as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # plain also where it is of a class that the plugin derived
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value) if isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((jsonable(item) for item in value), key=repr)
    if isinstance(value, (date, time)):
        return value.isoformat()
    return _ADDRESS.sub("", str(value))
