"""Decide what happens to each fire time: it starts, waits, is skipped, coalesced or missed; and say by which rule.

The simulator and the real schedulers use the same function. `decide` is pure: its arguments are what is due, what is
running and what is waiting, and it reads no clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from sbh_jobkit.errors import PolicyError, TimeFormatError, did_you_mean
from sbh_jobkit.schedule import concurrency, times

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

OVERLAP = ("skip", "queue_one", "allow")
CATCH_UP = ("latest", "all", "none")
_MAX_CATCH_UP = 100
"""How many missed fire times are caught up at most: after a wrong clock there may be years of them."""
_ON_TIME = 1.0
"""Seconds that a scheduler may need itself, whatever the grace: without them `0s` would miss every run."""
_MOST_RETRIES = 20
_SHORTEST_BACKOFF, _LONGEST_BACKOFF = 1.0, 86_400.0
TRIED_AGAIN = frozenset({"failed", "crashed", "timed_out", "lost"})
"""The outcomes of runs that are tried again; one that was cancelled, or used too much memory, is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a job's fire times become runs; the defaults are those of the local scheduler."""

    max_instances: int = 1
    """How many runs of the job may run at the same time."""
    overlap: str = "skip"
    """What happens at a fire time when that many are running: `skip` it, let one wait (`queue_one`), or `allow` it."""
    misfire_grace: str | timedelta | None = None
    """How late a run may start, such as "10m"; after that it is missed. None: there is no limit."""
    catch_up: str = "latest"
    """Which fire times run after the scheduler was down: only the `latest`, `all` one after another, or `none`."""
    retry: int = 0
    """How often a run that failed is tried again: for jobs that are idempotent."""
    backoff: str | timedelta = "1m"
    """How long the first of these attempts waits; each further one waits twice as long, a day at most."""
    concurrency: str = ""
    """What runs of several jobs share, and how many may use it at once, such as "billing-api:2, tenant:8"."""

    def __post_init__(self) -> None:
        """Check the values; raises PolicyError."""
        if isinstance(self.max_instances, bool) or not isinstance(self.max_instances, int) or self.max_instances < 1:
            msg = f"max_instances must be a whole number of at least 1, got {self.max_instances!r}"
            raise PolicyError(msg)
        if isinstance(self.retry, bool) or not isinstance(self.retry, int) or not 0 <= self.retry <= _MOST_RETRIES:
            msg = f"retry must be a whole number from 0 to {_MOST_RETRIES}, got {self.retry!r}"
            raise PolicyError(msg)
        for name, known in (("overlap", OVERLAP), ("catch_up", CATCH_UP)):
            given = getattr(self, name)
            if given not in known:
                hint = did_you_mean(str(given), known) or f"; use one of {', '.join(known)}"
                msg = f"unknown {name} {given!r}{hint}"
                raise PolicyError(msg)
        for name in ("misfire_grace", "backoff"):
            try:
                length = None if getattr(self, name) is None else times.duration(getattr(self, name), zero=True)
            except TimeFormatError as error:
                msg = f"{name}: {error}"
                raise PolicyError(msg) from error
            if name == "backoff" and (
                length is None or not _SHORTEST_BACKOFF <= length.total_seconds() <= _LONGEST_BACKOFF
            ):
                msg = f"backoff must be a duration from 1s to 1d, got {self.backoff!r}"
                raise PolicyError(msg)
        concurrency.parse(self.concurrency)

    @property
    def grace(self) -> float | None:
        """How late a run may start, in seconds; None if there is no limit."""
        return None if self.misfire_grace is None else _seconds(self.misfire_grace)

    def wait_before(self, attempt: int) -> float:
        """Return for how many seconds an attempt waits after the one before it has failed; the first retry is 2."""
        return min(_seconds(self.backoff) * 2.0 ** (attempt - 2), _LONGEST_BACKOFF)

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Policy:
        """Make a policy from settings by name, as in a file or a command line."""
        for name in settings:
            if name not in cls.__slots__:
                hint = did_you_mean(name, cls.__slots__) or f"; use one of {', '.join(cls.__slots__)}"
                msg = f"unknown policy setting {name!r}{hint}"
                raise PolicyError(msg)
        return cls(**settings)


class Action(StrEnum):
    """What happens to a fire time."""

    START = "start"
    WAIT = "wait"
    SKIP = "skip"
    COALESCE = "coalesce"
    MISS = "miss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time from `start` until before `end`, in epoch seconds."""

    start: float
    end: float

    def __contains__(self, epoch: float) -> bool:
        """Whether an instant is inside."""
        return self.start <= epoch < self.end


class Decision(NamedTuple):
    """What happens to one fire time; the reason is None if it simply starts on time.

    The reason of one that waits is what `decide_queued` needs later, as `since`.
    """

    fire: float
    action: Action
    reason: str | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Retry:
    """A further attempt at a fire time whose run has failed."""

    ready: float
    """From when on it may start, in epoch seconds."""
    fire: float
    attempt: int
    most: int
    """How many attempts there are, with the first."""

    @property
    def label(self) -> str:
        """Which attempt it is, as reasons say it."""
        return f"attempt {self.attempt} of {self.most}"


_BY_FIRE = attrgetter("fire")


def decide(
    policy: Policy,
    fires: Sequence[float],
    now: float,
    *,
    running: Sequence[float] = (),
    waiting: Sequence[float] = (),
    down: Window | None = None,
    tz: ZoneInfo,
) -> list[Decision]:
    """Decide what happens to new fire times of one job (oldest first, none after `now`).

    `running` and `waiting` are the fire times of its runs that are running and of those that wait; `down` is when the
    scheduler was down, if it has just come back. All times are epoch seconds; reasons show times in `tz`.
    """
    decided, left = _decide_late(policy, fires, now, down, tz)
    free = policy.max_instances - len(running)
    for fire in left:
        backlog = fire < now and len(running) < policy.max_instances
        if free > 0 or (policy.overlap == "allow" and not backlog):
            free -= 1
            decided.append(Decision(fire=fire, action=Action.START, reason=_started_late(fire, now, down, tz)))
        elif backlog:
            decided.append(_wait(fire, running, tz))
        else:
            overlapping = _overlapping(policy, fire, running, waiting, tz)
            if overlapping.action is Action.WAIT:
                waiting = [*waiting, fire]
            decided.append(overlapping)
    return sorted(decided, key=_BY_FIRE)


def decide_queued(
    policy: Policy, fire: float, now: float, *, since: str, tz: ZoneInfo, retry: Retry | None = None
) -> Decision:
    """Decide what happens to a fire time that has waited and can start now; `since` is the reason why it waited.

    `retry` is the attempt that waited, where it is not the first.
    """
    if retry is not None and (missed := _retry_too_late(policy, retry, now, tz)) is not None:
        return missed
    if retry is None and (missed := _too_late(policy, fire, now, tz)) is not None:
        return missed
    late = round(now - (fire if retry is None else retry.ready))
    how = f"{times.format_elapsed(late)} late" if late else "late"
    reason = f"started {how}: {since}"
    if retry is None:
        return Decision(fire=fire, action=Action.START, reason=reason)
    return Decision(fire=fire, action=Action.START, reason=f"{retry.label}, {reason}", attempt=retry.attempt)


def decide_retry(
    policy: Policy, retry: Retry, now: float, *, running: Sequence[float] = (), down: Window | None = None, tz: ZoneInfo
) -> Decision:
    """Decide what happens to a further attempt whose time has come: it starts, waits for a run to end, or is missed.

    `misfire_grace` counts from when it may start. `running` and `down` are as for `decide`.
    """
    if (missed := _retry_too_late(policy, retry, now, tz)) is not None:
        return missed
    if len(running) >= policy.max_instances and policy.overlap != "allow":
        waits = _still_running(running, retry.ready, tz)
        return Decision(fire=retry.fire, action=Action.WAIT, reason=waits, attempt=retry.attempt)
    late = _started_late(retry.ready, now, down, tz)
    reason = f"{retry.label}, {late}" if late else retry.label
    return Decision(fire=retry.fire, action=Action.START, reason=reason, attempt=retry.attempt)


def decide_still_down(fire: float, down: Window, tz: ZoneInfo) -> Decision:
    """Decide what happens to a fire time if the scheduler does not come back before the end of the range."""
    since = datetime.fromtimestamp(down.start, tz)
    reason = f"missed: the scheduler was down from {since:%Y-%m-%d %H:%M} until after the end of the range"
    return Decision(fire=fire, action=Action.MISS, reason=reason)


def _wait(fire: float, running: Sequence[float], tz: ZoneInfo) -> Decision:
    reason = _still_running(running, fire, tz) if running else "earlier missed runs started first"
    return Decision(fire=fire, action=Action.WAIT, reason=reason)


def _still_running(running: Sequence[float], fire: float, tz: ZoneInfo) -> str:
    return f"the run of {_local_time(running[-1], fire, tz)} was still running"


def _decide_late(
    policy: Policy, fires: Sequence[float], now: float, down: Window | None, tz: ZoneInfo
) -> tuple[list[Decision], list[float]]:
    """Return decisions for fire times that are too late or that a later one replaces, and the other fire times."""
    decided: list[Decision] = []
    left: list[float] = []
    for fire in fires:
        missed = _too_late(policy, fire, now, tz)
        if missed is None:
            left.append(fire)
        else:
            decided.append(missed)
    if down is None or not (late := [fire for fire in left if fire < now]):
        return decided, left
    if policy.catch_up == "latest":
        for fire in left[:-1]:
            reason = f"coalesced into {_local_time(left[-1], fire, tz)}: {_downtime(down, fire, tz)}"
            decided.append(Decision(fire=fire, action=Action.COALESCE, reason=reason))
        return decided, left[-1:]
    none, some = "catch_up=none", f"only the last {_MAX_CATCH_UP} are caught up"
    lost, rule = (late, none) if policy.catch_up == "none" else (late[:-_MAX_CATCH_UP], some)
    for fire in lost:
        reason = f"missed: {_downtime(down, fire, tz)} ({rule})"
        decided.append(Decision(fire=fire, action=Action.MISS, reason=reason))
    return decided, left[len(lost) :]


def _too_late(policy: Policy, fire: float, now: float, tz: ZoneInfo) -> Decision | None:
    grace = policy.grace
    if grace is None or now - fire <= max(grace, _ON_TIME):
        return None
    late, limit = times.format_elapsed(now - fire), times.format_elapsed(grace)
    reason = f"missed: {late} late at {_local_time(now, fire, tz)} (misfire_grace={limit})"
    return Decision(fire=fire, action=Action.MISS, reason=reason)


def _retry_too_late(policy: Policy, retry: Retry, now: float, tz: ZoneInfo) -> Decision | None:
    missed = _too_late(policy, retry.ready, now, tz)
    if missed is None:
        return None
    reason = f"{missed.reason}, {retry.label}"
    return Decision(fire=retry.fire, action=Action.MISS, reason=reason, attempt=retry.attempt)


def _overlapping(
    policy: Policy, fire: float, running: Sequence[float], waiting: Sequence[float], tz: ZoneInfo
) -> Decision:
    if not running:  # a missed fire time starts at this same moment
        return _wait(fire, running, tz)
    still = _still_running(running, fire, tz)
    if policy.overlap == "queue_one" and not waiting:
        return _wait(fire, running, tz)
    if policy.overlap == "queue_one":
        reason = f"skipped: {still} and the run of {_local_time(waiting[0], fire, tz)} was waiting (overlap=queue_one)"
    else:
        reason = f"skipped: {still} (max_instances={policy.max_instances})"
    return Decision(fire=fire, action=Action.SKIP, reason=reason)


def _started_late(fire: float, now: float, down: Window | None, tz: ZoneInfo) -> str | None:
    if fire >= now or down is None:
        return None
    return f"started {times.format_elapsed(now - fire)} late: {_downtime(down, fire, tz)}"


def _downtime(window: Window, fire: float, tz: ZoneInfo) -> str:
    return f"the scheduler was down {_local_time(window.start, fire, tz)}–{_local_time(window.end, window.start, tz)}"


@cache
def _seconds(length: str | timedelta) -> float:
    """Parse a duration; cached, because every fire time needs it."""
    return times.duration(length, zero=True).total_seconds()


def _local_time(epoch: float, beside: float, tz: ZoneInfo) -> str:
    """Return an instant as local time, with its date if that differs from the date of `beside`."""
    at, other = datetime.fromtimestamp(epoch, tz), datetime.fromtimestamp(beside, tz)
    shown = f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
    if at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset():
        shown += f" {at:%Z}"  # this local time occurs twice
    return shown if at.date() == other.date() else f"{at:%Y-%m-%d} {shown}"
