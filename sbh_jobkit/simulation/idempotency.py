"""Whether jobs are idempotent: a second run, right after the first, changes and sends nothing.

A scheduler that runs a job at least once sometimes runs it twice: a worker dies after its work but before it reports
the end, or a person runs the job by hand. An idempotent job does no harm then. Both happen in another process, so the
second run is that of a freshly imported plugin: what the first one kept in variables is not there.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.fakes.diff import diff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sbh_jobkit.clock import VirtualClock
    from sbh_jobkit.fakes.diff import Difference
    from sbh_jobkit.fakes.session import FakeTenant
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.run import HttpCall, Run

_READING = {"GET", "HEAD"}
"""HTTP methods that change nothing on the server."""
_LONGEST = 100
"""How much of a body is shown."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IdempotencyCheck:
    """What a second run did; true if it changed or sent anything."""

    difference: Difference
    """Rows, content of files, secrets, events, services.

    A file with the same content does not count, and neither does an event that `world.repeatable_events` names.
    """
    sent: tuple[HttpCall, ...]
    """Its HTTP requests, without GET and HEAD."""

    def __bool__(self) -> bool:
        """Return whether the second run changed or sent anything."""
        return bool(self.difference or self.sent)

    def __repr__(self) -> str:
        """Return the lines as one text."""
        return "\n".join(self.lines()) or "nothing changed"

    def lines(self) -> Iterator[str]:
        """Yield what it changed and sent, line by line."""
        yield from self.difference.lines()
        if self.sent:
            yield f"sent: {len(self.sent):,}"
            yield from map(_sent_line, self.sent)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        changed = {name: [str(change) for change in changes] for name, changes in self.difference.sections()}
        sent = [{"method": call.method, "url": call.url, "status": call.status} for call in self.sent]
        return {"changed": changed, "sent": sent}


def _sent_line(call: HttpCall) -> str:
    """Write a request with the beginning of what it sent, which usually says to whom."""
    body = " ".join(call.body.split())
    sent = f": {body if len(body) <= _LONGEST else f'{body[:_LONGEST]}…'}" if body else ""
    return f"  {call.method} {call.url} {call.status or 'no answer'}{sent}"


def not_idempotent(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Return the runs whose second run changed or sent something, by job."""
    found: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.repeated:
            found[run.job].append(run)
    return dict(found)


def run_twice(start: Callable[[Job], Run], job: Job, tenant: FakeTenant, clock: VirtualClock) -> Run:
    """Run a job, then run it again; return the first run with what the second did, and keep nothing of the second."""
    run, ended = start(job), clock.epoch
    with tenant.rollback() as left, _imported_again(job) as fresh:
        second = start(fresh)
        difference = diff(left, tenant.world, rewritten=False)
        counted = tuple(event for event in difference.events if not tenant.world.may_repeat(event.type))
    clock.move_to(ended)
    sent = tuple(call for call in second.http_calls if call.method not in _READING)
    return replace(run, repeated=IdempotencyCheck(difference=replace(difference, events=counted), sent=sent))


@contextmanager
def _imported_again(job: Job) -> Iterator[Job]:
    if job.peers.plugin is None:
        yield job
        return
    with job.peers.plugin.imported_again() as fresh:
        yield fresh.jobs[job.name]
