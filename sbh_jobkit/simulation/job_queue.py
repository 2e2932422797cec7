"""One job's due instants on their way to runs: which of its runs go on, which wait, which the scheduler never saw."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sbh_jobkit.schedule.policy import Action, Decision, decide, decide_queued

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from sbh_jobkit.schedule.policy import Policy, Window


class JobQueue:
    """Follows one job through a range; all times are epoch seconds."""

    __slots__ = ("_policy", "_running", "_tz", "_waiting", "expects_turn", "unseen")

    def __init__(self, policy: Policy, tz: ZoneInfo) -> None:
        """Begin with nothing going on."""
        self._policy = policy
        self._tz = tz
        self._running: list[tuple[float, float]] = []
        self._waiting: deque[tuple[float, str]] = deque()
        self.unseen: list[float] = []
        """Fire times that came while the scheduler was down, and has not come back."""
        self.expects_turn = False
        """Whether somebody will call `turn`."""

    def due(self, fires: Sequence[float], now: float, down: Window | None = None) -> list[Decision]:
        """Decide on fire times that are due; those that wait are remembered."""
        running = self._going_on(now)
        waiting = [fire for fire, _ in self._waiting]
        decisions = decide(self._policy, fires, now, running=running, waiting=waiting, down=down, tz=self._tz)
        for decision in decisions:
            if decision.action is Action.WAIT:
                self._waiting.append((decision.fire, decision.reason or ""))
        return decisions

    def came_back(self, down: Window) -> list[Decision]:
        """Decide on what the scheduler did not see while it was down."""
        fires, self.unseen = self.unseen, []
        return self.due(fires, down.end, down)

    def turn(self, now: float) -> Decision:
        """Decide on the fire time that has waited longest: its turn has come."""
        fire, why = self._waiting.popleft()
        self.expects_turn = False
        return decide_queued(self._policy, fire, now, since=why, tz=self._tz)

    def started(self, fire: float, until: float) -> None:
        """Know that a run goes on until then."""
        self._running.append((fire, until))

    def next_turn(self, now: float) -> float | None:
        """Return when the next one that waits may start; None where none waits."""
        if not self._waiting:
            return None
        ends = sorted(until for _, until in self._running if until > now)
        return ends[-self._policy.max_instances] if len(ends) >= self._policy.max_instances else now

    def _going_on(self, now: float) -> list[float]:
        if self._running:
            self._running = [(fire, until) for fire, until in self._running if until > now]
        return [fire for fire, _ in self._running]
