"""What a scheduler shows a person: what it serves, when jobs are due next, and each run as it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit.report.terminal.runs import time_with_zone
from sbh_jobkit.report.text import count, distance, format_duration, format_time, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sbh_jobkit.run.run import Run

_MOST_NEXT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What a scheduler or a worker serves, and where it answers, if it does."""

    plugins: Sequence[str]
    tenants: Sequence[str]
    store: str
    due: Sequence[tuple[datetime, str]]
    """The next fire time of each job, the earliest first."""
    url: str | None
    token: str | None = None
    """The first token of the REST API, if it was made just now."""


def serving_lines(serving: Serving, now: datetime) -> Iterator[str]:
    """Write what is served, and when jobs are due next."""
    due = serving.due
    shown = (
        ("plugin", serving.plugins),
        ("tenant", serving.tenants),
        ("store", [serving.store]),
        ("web", [serving.url] if serving.url else []),
    )
    for name, values in shown:
        for value in values:
            yield f"{name:<8}{value}"
    width = max((len(time_with_zone(at)) for at, _ in due[:_MOST_NEXT]), default=0)
    for number, (at, job) in enumerate(due[:_MOST_NEXT]):
        yield f"{'' if number else 'next':<8}{time_with_zone(at):<{width}}  {distance(at, now):>8}  {job}"
    if len(due) > _MOST_NEXT:
        yield f"{'':<8}… and {count(len(due) - _MOST_NEXT, 'more job')}"
    if serving.token is not None:
        yield f"{'token':<8}{serving.token} is shown once; send it as Authorization: Bearer"


def run_line(run: Run, *, with_tenant: bool = False, with_plugin: bool = False) -> str:
    """Write one run in one line: when it was due, its job, how it ended, how long it took, and why."""
    owner = "".join(f"{name}/" for name, shown in ((run.tenant, with_tenant), (run.plugin, with_plugin)) if shown)
    took = f"  took {format_duration(run.duration)}" if run.started_at is not None else ""
    why = f": {one_line(run.summary)}" if run.summary else ""
    at = f"{format_time(run.fire_time)} {run.fire_time:%Z}"
    return f"{at}  {owner}{run.job}  {run.verdict.replace('_', ' ')}{took}{why}"


def history_lines(runs: Iterable[Run], *, with_tenant: bool, with_plugin: bool) -> Iterator[str]:
    """Write runs, one a line."""
    return (run_line(run, with_tenant=with_tenant, with_plugin=with_plugin) for run in runs)
