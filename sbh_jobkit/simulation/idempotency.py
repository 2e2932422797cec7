"""What a second run of a fire does, right after the first: nothing, where the job is safe to repeat.

A scheduler that promises to run a job at least once runs it twice now and then: a worker dies after its work and before
it says so, somebody presses run-now. A job that is safe to repeat (idempotent, as the books say) does no harm then.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.fakes.diff import diff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sbh_jobkit.clock import VirtualClock
    from sbh_jobkit.fakes.diff import Difference
    from sbh_jobkit.fakes.session import FakeTenant
    from sbh_jobkit.run.run import HttpCall, Run

_ASKING = {"GET", "HEAD"}
"""Methods by which nothing changes at the other end."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class IdempotencyCheck:
    """What the second run did; true where it changed or sent anything."""

    difference: Difference
    """Rows, content of files, secrets, events, services; no file that was written again with the same content."""
    sent: tuple[HttpCall, ...]
    """Its requests, but for those that only ask (GET and HEAD)."""

    def __bool__(self) -> bool:
        """Whether the second run changed or sent anything."""
        return bool(self.difference or self.sent)

    def __repr__(self) -> str:
        """Write it as a text."""
        return "\n".join(self.lines()) or "nothing changed"

    def lines(self) -> Iterator[str]:
        """Yield what it changed and sent, line by line."""
        yield from self.difference.lines()
        if self.sent:
            yield f"sent: {len(self.sent):,}"
            yield from (f"  {call.method} {call.url} {call.status or 'no answer'}" for call in self.sent)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        changed = {name: [str(change) for change in changes] for name, changes in self.difference.sections()}
        sent = [{"method": call.method, "url": call.url, "status": call.status} for call in self.sent]
        return {"changed": changed, "sent": sent}


def not_idempotent(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Return the runs whose second run changed or sent something, by job."""
    found: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.repeated:
            found[run.job].append(run)
    return dict(found)


def run_twice(start: Callable[[], Run], tenant: FakeTenant, clock: VirtualClock) -> Run:
    """Run a job, then run it again; return the first run with what the second did, and keep nothing of the second."""
    run, ended = start(), clock.epoch
    with tenant.rollback() as left:
        second = start()
        difference = diff(left, tenant.world, rewritten=False)
    clock.move_to(ended)
    sent = tuple(call for call in second.http_calls if call.method not in _ASKING)
    return replace(run, repeated=IdempotencyCheck(difference=difference, sent=sent))
