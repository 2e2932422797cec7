"""Deciding and claiming, on rows: what becomes of each due instant, in one transaction with the claim.

`policy.decide` is asked with every undecided row of the job, never with what an engine passes along. A row that was
decided is never decided again.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import replace
from datetime import datetime
from functools import partial
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, update

from sbh_jobkit.engines import backfill
from sbh_jobkit.engines.circumstances import Circumstances
from sbh_jobkit.engines.dispatched import OUTCOMES, Dispatched
from sbh_jobkit.engines.heartbeat import Lives
from sbh_jobkit.engines.instants import from_store, now_in, to_store
from sbh_jobkit.engines.manual import reason_of
from sbh_jobkit.engines.open_rows import OpenRow, open_rows
from sbh_jobkit.engines.planner import KEY, chunks, lock
from sbh_jobkit.engines.schema import GOING, State, job_run
from sbh_jobkit.engines.shared import Shared, uses
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policy import Action, Decision, Retry, decide, decide_queued, decide_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.installations import Disabled
    from sbh_jobkit.engines.pauses import Pauses
    from sbh_jobkit.engines.planner import Key, PlannedJob

    Backfilled = Callable[[int], list[tuple[float, str]]]
    """Returns so many of the fire times that a backfill has to start, with their reasons."""

_PLACE = attrgetter("fire", "attempt")
_NO_MOST: Mapping[Key, int] = MappingProxyType({})
_NOTABLE = 1.0
"""Seconds from which on a late start needs a reason."""


class _Waiting(NamedTuple):
    """A fire time that waits for a run to end, or a further attempt at one."""

    fire: float
    attempt: int
    why: str
    retry: Retry | None


def dispatch(
    connection: Connection,
    jobs: Sequence[PlannedJob],
    now: float | None,
    worker: str,
    *,
    slots: int,
    most: Mapping[Key, int] = _NO_MOST,
    waits: bool = True,
) -> list[Dispatched]:
    """Decide on every due instant of jobs up to `now`, and claim for a worker those that start.

    At most `slots` are claimed, and of a job that `most` names so many; a row for which there is no slot stays as it
    is. Without `now`, it is the time of the database when nobody else can decide on the jobs any more. Without `waits`,
    jobs on which another worker decides just then are left out. The transaction is the caller's.
    """
    done: list[Dispatched] = []
    writes: list[Mapping[str, object]] = []
    if connection.dialect.name != "sqlite":  # where the transaction has the only lock already
        locked = [lock(connection, chunk, waits=waits) for chunk in chunks(jobs)]
        if not waits:
            jobs = [job for job in jobs if any(job.key in marks for marks in locked)]
    if not jobs:
        return []
    if now is None:
        now = now_in(connection)
    shared = Shared.lock(connection, jobs)
    for chunk in chunks(jobs):
        rows = open_rows(connection, chunk, now)
        around = Circumstances.read(connection, chunk)
        lives = Lives.read(connection, min((row.fire for found in rows.values() for row in found), default=now))
        for job in chunk:
            given = int(min(slots, most.get(job.key, slots), shared.left(job)))
            rows_of_it = rows.get(job.key, [])
            each = _Dispatch(writes, job, rows_of_it, now=now, worker=worker, slots=given, full=shared.full(job))
            more = partial(backfill.waiting, connection, job) if job.key in around.filled else None
            decided = each.run(lives, around.disabled.get(job.key[:2]), around.pauses.of(job.key), more)
            shared.take(job, given - each.slots)
            slots -= given - each.slots
            if decided.needs_slot and shared.full(job):
                decided = replace(decided, needs_slot=False, is_held=True)
            done.append(decided)
    if writes:
        connection.execute(_DECIDED, writes)
    return done


_C = job_run.c
_WRITTEN = ("state", "worker", "reason", "outcome", "finished_at", "retry_after", "uses")
_DECIDED = (
    update(job_run)
    .where(*(_C[name] == bindparam(f"its_{name}") for name in (*KEY, "fire_time", "attempt")))
    .values({name: bindparam(f"new_{name}") for name in _WRITTEN})
)


class _Dispatch:
    """The decisions on one job."""

    def __init__(
        self,
        writes: list[Mapping[str, object]],
        job: PlannedJob,
        rows: Sequence[OpenRow],
        *,
        now: float,
        worker: str,
        slots: int,
        full: str | None,
    ) -> None:
        self._writes = writes
        self._job = job
        self._now = now
        self._worker = worker
        self.slots = slots
        self._full = full
        due = (row for row in rows if row.state == State.DUE and not row.asked_by)
        self._held = {row.fire: row.reason for row in due if row.reason}
        """Why due rows did not start at an earlier look."""
        self._decided: list[Decision] = []
        self._running = [row.fire for row in rows if row.state in GOING]
        self._filling = sum(row.backfilled_by is not None for row in rows if row.state in GOING)
        self._asked = {row.fire: row.asked_by for row in rows if row.asked_by and row.state not in GOING}
        scheduled = [row for row in rows if row.fire not in self._asked]
        self._waiting = [
            _Waiting(row.fire, row.attempt, row.reason or "", self._retry_of(row))
            for row in scheduled
            if row.state == State.WAITING
        ]
        self._due = [row.fire for row in scheduled if row.state == State.DUE]
        self._retries = sorted(
            retry for row in scheduled if row.state == State.RETRY and (retry := self._retry_of(row)) is not None
        )
        self._has_started = False

    def _retry_of(self, row: OpenRow) -> Retry | None:
        if row.not_before is None:
            return None
        most = max(self._job.policy.retry + 1, row.attempt)
        return Retry(ready=from_store(row.not_before), fire=row.fire, attempt=row.attempt, most=most)

    def run(self, lives: Lives, off: Disabled | None, pauses: Pauses, backfilled: Backfilled | None) -> Dispatched:
        if off is not None:
            self._skip_all(off)
        self._skip_paused(pauses)
        self._start_asked(lives)
        self._dequeue()
        if self._due and (self.slots or not self._has_room) and not self._meets_backfill:
            self._decide_due(lives)
            self._dequeue()
        self._decide_retries(lives)
        self._note_full()
        left = bool(self._due or self._waiting or self._asked or self._retries)
        if not left and backfilled is not None and off is None and pauses.current is None:
            left = self._fill(backfilled)
        decisions = sorted(self._decided, key=lambda decision: decision.fire)
        return Dispatched(job=self._job, decisions=decisions, needs_slot=left and self._has_room)

    @property
    def _has_room(self) -> bool:
        return len(self._running) < self._job.policy.max_instances

    @property
    def _meets_backfill(self) -> bool:
        """Whether only a backfill has taken the room: what is due now is not skipped for that, it starts after it."""
        scheduled = len(self._running) - self._filling
        policy = self._job.policy
        return not self._has_room and scheduled < policy.max_instances and policy.overlap != "allow"

    def _skip_all(self, off: Disabled) -> None:
        """Start nothing, since the plugin is disabled."""
        for fire in [*self._due, *self._asked]:
            self._carry_out(Decision(fire=fire, action=Action.SKIP, reason=off.reason))
        later = [(each.fire, each.attempt) for each in self._waiting]
        for fire, attempt in [*later, *((each.fire, each.attempt) for each in self._retries)]:
            self._carry_out(Decision(fire=fire, action=Action.SKIP, reason=off.reason, attempt=attempt))
        self._due, self._waiting, self._asked, self._retries = [], [], {}, []

    def _skip_paused(self, pauses: Pauses) -> None:
        """Start nothing of the schedule that falls in a pause; what a person asks for by hand starts all the same."""
        at = [(fire, 1, fire) for fire in self._due]
        at += [
            (each.fire, each.attempt, each.fire if each.retry is None else each.retry.ready) for each in self._waiting
        ]
        at += [(each.fire, each.attempt, each.ready) for each in self._retries]
        gone = set()
        for fire, attempt, since in at:
            if (paused := pauses.at(since)) is not None:
                self._carry_out(Decision(fire=fire, action=Action.SKIP, reason=paused.reason, attempt=attempt))
                gone.add((fire, attempt))
        self._due = [fire for fire in self._due if (fire, 1) not in gone]
        self._waiting = [each for each in self._waiting if (each.fire, each.attempt) not in gone]
        self._retries = [each for each in self._retries if (each.fire, each.attempt) not in gone]

    def _start_asked(self, lives: Lives) -> None:
        """Start what a person asked for, unless that was before the scheduler was down: they expected it then."""
        tz = self._job.schedule.tz
        for fire, who in list(self._asked.items()):
            if (down := lives.unplanned(fire, self._now)) is not None:
                since, until = (f"{datetime.fromtimestamp(at, tz):%H:%M:%S}" for at in (down.start, down.end))
                reason = f"missed: asked for {reason_of(who)}, and the scheduler was down {since}–{until}"
                decision = Decision(fire=fire, action=Action.MISS, reason=reason)
            elif not self.slots or not self._has_room:
                continue
            else:
                late = self._explained(Decision(fire=fire, action=Action.START)).reason
                reason = "; ".join(filter(None, (reason_of(who), late)))
                decision = Decision(fire=fire, action=Action.START, reason=reason)
            del self._asked[fire]
            self._carry_out(decision, tried_again=False)  # a person waits for its answer

    def _fill(self, backfilled: Backfilled) -> bool:
        """Start what a backfill asks for, as far as there is room; return whether some of it is left."""
        most = max(0, min(self.slots, self._job.policy.max_instances - len(self._running)))
        fires = backfilled(most + 1)
        for fire, reason in fires[:most]:
            self._carry_out(Decision(fire=fire, action=Action.START, reason=reason))
        return len(fires) > most

    def _dequeue(self) -> None:
        """Start what has waited, the longest first, as far as the policy and the slots have room."""
        policy, tz = self._job.policy, self._job.schedule.tz
        while self._waiting and self.slots and self._has_room:
            first = self._waiting.pop(0)
            self._carry_out(decide_queued(policy, first.fire, self._now, since=first.why, tz=tz, retry=first.retry))

    def _decide_retries(self, lives: Lives) -> None:
        """Decide on further attempts whose time has come; where a start of just now took the room, at the next look."""
        policy, tz, ready, self._retries = self._job.policy, self._job.schedule.tz, self._retries, []
        for retry in ready:
            down, running = lives.downtime(retry.ready, self._now), sorted(self._running)
            decision = decide_retry(policy, retry, self._now, running=running, down=down, tz=tz)
            is_start = decision.action is Action.START
            if (is_start and not self.slots) or (decision.action is Action.WAIT and self._has_started):
                self._retries.append(retry)
            elif decision.action is Action.WAIT:
                self._wait(decision, retry)
            else:
                self._carry_out(decision)

    def _wait(self, decision: Decision, retry: Retry | None = None) -> None:
        self._write(decision, state=State.WAITING, reason=decision.reason)
        insort(self._waiting, _Waiting(decision.fire, decision.attempt, decision.reason or "", retry), key=_PLACE)
        self._decided.append(decision)

    def _decide_due(self, lives: Lives) -> None:
        policy, tz, fires, self._due = self._job.policy, self._job.schedule.tz, self._due, []
        down = lives.downtime(fires[0], self._now)
        running = sorted(self._running)
        for decision in decide(
            policy, fires, self._now, running=running, waiting=[each.fire for each in self._waiting], down=down, tz=tz
        ):
            if decision.action is Action.START and not self.slots:
                self._due.append(decision.fire)
            elif decision.action is not Action.WAIT:
                self._carry_out(decision)
            elif self._due:  # an earlier one has no slot yet, and stays ahead
                self._due.append(decision.fire)
            else:
                self._wait(decision)

    def _carry_out(self, decision: Decision, *, tried_again: bool = True) -> None:
        if decision.action is Action.START:
            decision = self._explained(decision)
            retry_after = self._retry_after(decision) if tried_again else None
            claimed = {"worker": self._worker, "uses": uses(self._job), "retry_after": retry_after}
            self._write(decision, state=State.CLAIMED, reason=decision.reason, **claimed)
            self._running.append(decision.fire)
            self._has_started = True
            self.slots -= 1
        else:
            ended = {"outcome": OUTCOMES[decision.action], "finished_at": to_store(self._now)}
            self._write(decision, state=State.ENDED, reason=decision.reason, **ended)
        self._decided.append(decision)

    def _note_full(self) -> None:
        """Write once why rows do not start whose job needs what other runs use; it is their reason when they do."""
        for fire in self._due if self._full is not None else ():
            if fire not in self._held:
                self._write(Decision(fire=fire, action=Action.WAIT), state=State.DUE, reason=self._full)

    def _explained(self, decision: Decision) -> Decision:
        """Give a start that is late for no rule the reason that is left: other runs had the slots, or what it needs."""
        late = self._now - decision.fire
        if decision.reason is not None or late < _NOTABLE:
            return decision
        reason = f"started {times.format_elapsed(late)} late: {self._held.get(decision.fire, 'no slot was free')}"
        return decision._replace(reason=reason)

    def _retry_after(self, decision: Decision) -> int | None:
        """Return how long the next attempt waits, in the store's unit; None where none follows."""
        policy = self._job.policy
        return to_store(policy.wait_before(decision.attempt + 1)) if decision.attempt <= policy.retry else None

    def _write(self, decision: Decision, **values: object) -> None:
        job = self._job
        key: dict[str, object] = {"its_tenant": job.tenant, "its_plugin": job.plugin, "its_job": job.job}
        key |= {"its_fire_time": to_store(decision.fire), "its_attempt": decision.attempt}
        self._writes.append({**key, **{f"new_{name}": values.get(name) for name in _WRITTEN}})
