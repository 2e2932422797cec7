"""The fire times of one job that cannot start at once: they wait, or come while the scheduler is down."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sbh_jobkit.schedule.policy import Action, Decision, decide, decide_queued, decide_still_down

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from sbh_jobkit.schedule.policy import Policy, Window


class JobQueue:
    """Decides on the fire times of one job, and keeps those that wait; all times are epoch seconds."""

    __slots__ = ("_policy", "_running", "_tz", "_waiting", "has_turn", "missed")

    def __init__(self, policy: Policy, tz: ZoneInfo) -> None:
        """Start with no run and no waiting fire time; `tz` is for the times in reasons."""
        self._policy = policy
        self._tz = tz
        self._running: list[tuple[float, float]] = []
        self._waiting: deque[tuple[float, str]] = deque()
        self.missed: list[float] = []
        """Fire times that came while the scheduler was down."""
        self.has_turn = False
        """Whether the timeline has planned the next call of `dequeue`."""

    def due(self, fires: Sequence[float], now: float, down: Window | None = None) -> list[Decision]:
        """Decide on fire times that are due; those that have to wait are kept."""
        running = self._still_running(now)
        if not running and not self._waiting and down is None and fires == [now]:
            # the usual case, in which no rule applies: calling `decide` would cost 5 % of a short run
            return [Decision(fire=now, action=Action.START)]
        waiting = [fire for fire, _ in self._waiting]
        decisions = decide(self._policy, fires, now, running=running, waiting=waiting, down=down, tz=self._tz)
        for decision in decisions:
            if decision.action is Action.WAIT:
                self._waiting.append((decision.fire, decision.reason or ""))
        return decisions

    def catch_up(self, down: Window) -> list[Decision]:
        """Decide on the missed fire times, now that the scheduler is up again."""
        fires, self.missed = self.missed, []
        return self.due(fires, down.end, down)

    def give_up(self, down: Window) -> list[Decision]:
        """Decide on the missed fire times of a scheduler that is down until after the end of the range."""
        return [decide_still_down(fire, down, self._tz) for fire in self.missed]

    def dequeue(self, now: float) -> Decision:
        """Take the fire time that has waited longest, and decide on it."""
        fire, why = self._waiting.popleft()
        self.has_turn = False
        return decide_queued(self._policy, fire, now, since=why, tz=self._tz)

    def started(self, fire: float, until: float) -> None:
        """Note a run, and when it ends."""
        self._running.append((fire, until))

    def next_turn(self, now: float) -> float | None:
        """Return when the next waiting fire time may start; None if none waits."""
        if not self._waiting:
            return None
        ends = sorted(until for _, until in self._running if until > now)
        return ends[-self._policy.max_instances] if len(ends) >= self._policy.max_instances else now

    def _still_running(self, now: float) -> list[float]:
        if self._running:
            self._running = [(fire, until) for fire, until in self._running if until > now]
        return [fire for fire, _ in self._running]
