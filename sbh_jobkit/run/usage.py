"""What runs used, in total and by job: model, network, database, storage, and the busiest minute.

It is added up run by run, so a stream of a million runs needs no more memory than a month.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, tzinfo

    from sbh_jobkit.run.run import HttpCall, Run

AMOUNTS = ("runs", "llm_tokens", "llm_calls", "http_calls", "rows_read", "bytes_written", "emits")
"""What adds up over runs."""
BUSIEST = "busiest_minute"
AT_HOST = "http_calls@"
"""What the name of the HTTP calls to one host begins with."""
NO_HOST = "no host"
_HOST = re.compile(
    r"""(?: [a-z][a-z0-9+.-]*:// (?: (?:‹secret:[^›]*›|[^/?\#‹])* @ )? | (?=‹secret:) )  # or it is in the secret
    (?P<host> (?:‹secret:[^›]*›|\[[^]]*]|[^/?\#‹:[])+ )""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """A minute, and how many runs started in it."""

    at: datetime
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the runs of a range used, in total and by job."""

    runs: int = 0
    """Those that started."""
    llm_tokens: int = 0
    llm_calls: int = 0
    http_calls: int = 0
    rows_read: int = 0
    """Rows that the database answered with; what it only counted is not among them."""
    bytes_written: int = 0
    """Of uploaded files."""
    emits: int = 0
    http_calls_by_host: Mapping[str, int] = field(default_factory=dict)
    """The most called one first; a host that is kept as a secret is named `‹secret:…›`."""
    busiest_minute: Minute | None = None
    """The first of those in which most runs started; None where none did."""
    jobs: Mapping[str, Usage] = field(default_factory=dict, repr=False)
    """The same of each job that ran."""
    days: Mapping[date, Usage] = field(default_factory=dict, repr=False, compare=False)
    """The same of each day on which something ran, with its jobs."""

    @classmethod
    def of(cls, runs: Iterable[Run]) -> Usage:
        """Old name of `from_runs`."""
        return cls.from_runs(runs)

    @classmethod
    def from_runs(cls, runs: Iterable[Run], zone: tzinfo | None = None) -> Usage:
        """Add up runs in the order of their starts, as simulations yield them.

        Days are those of `zone`; without it, those of the zone of each run.
        """
        meter = Meter(zone)
        for run in runs:
            meter.add(run)
        return meter.usage()

    def amount(self, name: str) -> int:
        """Return the amount of one resource, such as `llm_tokens` or `http_calls@api.example.com`."""
        if name.startswith(AT_HOST):
            return self.http_calls_by_host.get(_spelled(name.removeprefix(AT_HOST)), 0)
        if name == BUSIEST:
            return self.busiest_minute.runs if self.busiest_minute else 0
        amount: int = getattr(self, name)
        return amount

    def most(self, name: str) -> tuple[str, int] | None:
        """Return the job that used most of a resource, and how much; None if no job used it."""
        amounts = {job: amount for job, usage in self.jobs.items() if (amount := usage.amount(name))}
        return max(amounts.items(), key=lambda item: item[1], default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values; times are ISO 8601 with offset."""
        return _plain(self) | {"jobs": {job: _plain(usage) for job, usage in self.jobs.items()}}


class Meter:
    """Adds up runs one by one: call `add` with each, in the order of their starts, then read `usage`."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        """Start at zero; days are those of `zone`, or of the zone of each run."""
        self._zone = zone
        self._amounts: Counter[str] = Counter()
        self._hosts: Counter[str] = Counter()
        self._minute = self._in_minute = 0
        self._busiest: Minute | None = None
        self._jobs: defaultdict[str, Meter] = defaultdict(Meter)
        self._days: defaultdict[date, Meter] = defaultdict(Meter)

    def add(self, run: Run) -> None:
        """Add what a run used; a run that did not start used nothing."""
        if run.started_at is None:
            return
        local = run.started_at if self._zone is None else run.started_at.astimezone(self._zone)
        for meter in (self, self._days[local.date()]):
            meter._take(run, run.started_at)  # noqa: SLF001  the same class
            meter._jobs[run.job]._take(run, run.started_at)  # noqa: SLF001  the same class

    def usage(self) -> Usage:
        """Return the sum so far."""
        return Usage(
            **self._amounts,
            http_calls_by_host=dict(self._hosts.most_common()),
            busiest_minute=self._busiest,
            jobs={job: meter.usage() for job, meter in self._jobs.items()},
            days={day: meter.usage() for day, meter in self._days.items()},
        )

    def _take(self, run: Run, started: datetime) -> None:
        amounts = self._amounts
        amounts["runs"] += 1
        amounts["rows_read"] += run.rows_read
        amounts["emits"] += len(run.events)
        for prompt in run.llm_calls:
            amounts["llm_calls"] += 1
            amounts["llm_tokens"] += prompt.tokens
        for call in run.http_calls:
            amounts["http_calls"] += 1
            self._hosts[_host(call)] += 1
        for file in run.files:
            if file.action == "uploaded":
                amounts["bytes_written"] += file.size
        self._count(started)

    def _count(self, started: datetime) -> None:
        minute = int(started.timestamp() // 60)
        self._in_minute = self._in_minute + 1 if minute == self._minute else 1
        self._minute = minute
        if self._busiest is None or self._in_minute > self._busiest.runs:
            self._busiest = Minute(at=datetime.fromtimestamp(minute * 60, started.tzinfo), runs=self._in_minute)


def _host(call: HttpCall) -> str:
    """Return the host of a call, without its port; a secret in it stays `‹secret:…›`."""
    found = _HOST.match(call.url)
    return _spelled(found["host"]) if found else NO_HOST


def _spelled(host: str) -> str:
    return host if "‹" in host else host.lower()  # a secret's name is as its author wrote it


def _plain(usage: Usage) -> dict[str, Any]:
    busiest = usage.busiest_minute
    return {
        **{name: getattr(usage, name) for name in AMOUNTS},
        "http_calls_by_host": dict(usage.http_calls_by_host),
        BUSIEST: {"at": busiest.at.isoformat(), "runs": busiest.runs} if busiest else None,
    }
