"""The fire times of one job that cannot start at once: they wait, are tried again, or come in a downtime."""

from __future__ import annotations

from bisect import insort
from heapq import heappop, heappush
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from sbh_jobkit.schedule.policy import (
    TRIED_AGAIN,
    Action,
    Decision,
    Retry,
    decide,
    decide_queued,
    decide_retry,
    decide_still_down,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from sbh_jobkit.schedule.policy import Policy, Window


class _Waiting(NamedTuple):
    fire: float
    attempt: int
    why: str
    retry: Retry | None


_PLACE = attrgetter("fire", "attempt")
_START = Action.START


class JobQueue:
    """Decides on the fire times of one job, and keeps those that wait; all times are epoch seconds."""

    __slots__ = ("_policy", "_retries", "_running", "_tz", "_waiting", "has_turn", "missed")

    def __init__(self, policy: Policy, tz: ZoneInfo) -> None:
        """Start with no run and no waiting fire time; `tz` is for the times in reasons."""
        self._policy = policy
        self._tz = tz
        self._running: list[tuple[float, float]] = []
        self._waiting: list[_Waiting] = []
        self._retries: list[Retry] = []
        self.missed: list[float] = []
        """Fire times that came while the scheduler was down."""
        self.has_turn = False
        """Whether the timeline has planned the next call of `dequeue`."""

    def due(self, fires: Sequence[float], now: float, down: Window | None = None) -> list[Decision]:
        """Decide on fire times that are due; those that have to wait are kept."""
        running = self._still_running(now) if self._running else []
        if not running and not self._waiting and down is None and fires == [now]:
            return [Decision(now, _START)]  # the usual case, in which no rule applies
        waiting = [each.fire for each in self._waiting]
        decisions = decide(self._policy, fires, now, running=running, waiting=waiting, down=down, tz=self._tz)
        for decision in decisions:
            if decision.action is Action.WAIT:
                self._wait(decision, None)
        return decisions

    def catch_up(self, down: Window) -> list[Decision]:
        """Decide on the missed fire times, now that the scheduler is up again."""
        fires, self.missed = self.missed, []
        return self.due(fires, down.end, down)

    def give_up(self, down: Window) -> list[Decision]:
        """Decide on the missed fire times of a scheduler that is down until after the end of the range."""
        fires, self.missed = self.missed, []
        return [decide_still_down(fire, down, self._tz) for fire in fires]

    def dequeue(self, now: float) -> Decision:
        """Take the fire time that has waited longest, and decide on it."""
        first = self._waiting.pop(0)
        self.has_turn = False
        return decide_queued(self._policy, first.fire, now, since=first.why, tz=self._tz, retry=first.retry)

    def started(self, fire: float, until: float) -> None:
        """Note a run, and when it ends; one that took no time is over."""
        if until > fire:
            self._running.append((fire, until))

    def ended(self, decision: Decision, outcome: str, at: float) -> float | None:
        """Note how a run ended; return from when on it may be tried again, None where it is not."""
        if outcome not in TRIED_AGAIN or decision.attempt > self._policy.retry:
            return None
        attempt = decision.attempt + 1
        ready = round(at + self._policy.wait_before(attempt), 6)  # as exactly as a store knows it
        heappush(self._retries, Retry(ready=ready, fire=decision.fire, attempt=attempt, most=self._policy.retry + 1))
        return ready

    def retry(self, now: float, down: Window | None = None) -> Decision:
        """Take the attempt whose time has come first, and decide on it."""
        retry = heappop(self._retries)
        decision = decide_retry(self._policy, retry, now, running=self._still_running(now), down=down, tz=self._tz)
        if decision.action is Action.WAIT:
            self._wait(decision, retry)
        return decision

    def next_turn(self, now: float) -> float | None:
        """Return when the next waiting fire time may start; None if none waits."""
        if not self._waiting:
            return None
        ends = sorted(until for _, until in self._running if until > now)
        return ends[-self._policy.max_instances] if len(ends) >= self._policy.max_instances else now

    def _wait(self, decision: Decision, retry: Retry | None) -> None:
        insort(self._waiting, _Waiting(decision.fire, decision.attempt, decision.reason or "", retry), key=_PLACE)

    def _still_running(self, now: float) -> list[float]:
        self._running = [(fire, until) for fire, until in self._running if until > now]
        return sorted(fire for fire, _ in self._running)  # as rows of a store are read
