"""What becomes of a due instant: started, made to wait, skipped, coalesced or missed, and by which rule.

The same words and the same function serve the simulator and the real schedulers. `decide` is pure: it knows what
is due, what is running and what is waiting, and looks at no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import PolicyError, TimeFormatError, did_you_mean
from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from zoneinfo import ZoneInfo

OVERLAP = ("skip", "queue_one", "allow")
CATCH_UP = ("latest", "all", "none")
_MOST = 100
"""How many missed fire times are caught up at most: a clock that was wrong lists decades of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a job's due instants become runs; the defaults are those of the local scheduler."""

    max_instances: int = 1
    """How many runs of the job may go on at once."""
    overlap: str = "skip"
    """What a fire time does that meets as many: `skip`, wait where none does (`queue_one`), or run, too (`allow`)."""
    misfire_grace: str | timedelta | None = None
    """How late a run may start, such as "10m"; later it is missed. None: however late."""
    catch_up: str = "latest"
    """What runs of those that came due while the scheduler was down: the `latest` for all, `all` in turn, `none`."""

    def __post_init__(self) -> None:
        """Refuse what is none."""
        if isinstance(self.max_instances, bool) or not isinstance(self.max_instances, int) or self.max_instances < 1:
            msg = f"max_instances is a whole number from 1, got {self.max_instances!r}"
            raise PolicyError(msg)
        for name, known in (("overlap", OVERLAP), ("catch_up", CATCH_UP)):
            given = getattr(self, name)
            if given not in known:
                hint = did_you_mean(str(given), known) or f"; it is one of {', '.join(known)}"
                msg = f"unknown {name} {given!r}{hint}"
                raise PolicyError(msg)
        if self.misfire_grace is not None:
            try:
                times.duration(self.misfire_grace, zero=True)
            except TimeFormatError as error:
                msg = f"misfire_grace: {error}"
                raise PolicyError(msg) from error

    @property
    def grace(self) -> float | None:
        """How late a run may start, in seconds; None for however late."""
        return None if self.misfire_grace is None else _seconds(self.misfire_grace)

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Policy:
        """Make one of settings by name, as a file or a command line has them."""
        for name in settings:
            if name not in cls.__slots__:
                hint = did_you_mean(name, cls.__slots__) or f"; there are {', '.join(cls.__slots__)}"
                msg = f"a policy has no {name!r}{hint}"
                raise PolicyError(msg)
        return cls(**settings)


ALL_JOBS = "*"
"""Every job that is not named itself."""


def parse(lines: Sequence[str]) -> dict[str, Policy]:
    """Read policies as a command line has them, such as `overlap=queue_one` or `my_job:max_instances=2`, by job."""
    settings: dict[str, dict[str, Any]] = {}
    for line in lines:
        name, sign, value = line.partition("=")
        job, colon, setting = name.rpartition(":")
        if not sign or not value:
            msg = f"{line!r} is no policy; write SETTING=VALUE or JOB:SETTING=VALUE, such as overlap=queue_one"
            raise PolicyError(msg)
        number = int(value) if setting == "max_instances" and value.isdecimal() else value
        settings.setdefault(job if colon else ALL_JOBS, {})[setting] = number
    usual = settings.get(ALL_JOBS, {})
    return {job: Policy.from_settings({**usual, **own}) for job, own in settings.items()}


class Action(StrEnum):
    """What becomes of a due instant."""

    START = "start"
    WAIT = "wait"
    SKIP = "skip"
    COALESCE = "coalesce"
    MISS = "miss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time from `start` until before `end`, in epoch seconds."""

    start: float
    end: float

    def __contains__(self, epoch: float) -> bool:
        """Whether an instant is inside."""
        return self.start <= epoch < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of one fire time, and why, where that is not plain."""

    fire: float
    action: Action
    reason: str | None = None


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
    """Say what becomes of fire times (oldest first, none after `now`) of one job that nobody has decided on yet.

    `running` and `waiting` are the fire times of its runs that go on and of those whose turn has not come; `down` is
    when the scheduler was down, if it has just come back. All are epoch seconds; reasons name times in `tz`.
    """
    decided, left = _late(policy, fires, now, down, tz)
    free = policy.max_instances - len(running)
    for fire in left:
        backlog = fire < now and len(running) < policy.max_instances
        if free > 0 or (policy.overlap == "allow" and not backlog):
            free -= 1
            decided.append(Decision(fire=fire, action=Action.START, reason=_started_late(fire, now, down, tz)))
        elif backlog:
            decided.append(Decision(fire=fire, action=Action.WAIT))
        else:
            decided.append(_overlapping(policy, fire, running, waiting, tz))
    return sorted(decided, key=_BY_FIRE)


def decide_queued(policy: Policy, fire: float, now: float, *, since: str, tz: ZoneInfo) -> Decision:
    """Say what becomes of a fire time that has waited and whose turn has come; `since` says what it waited for."""
    if (missed := _too_late(policy, fire, now, tz)) is not None:
        return missed
    return Decision(fire=fire, action=Action.START, reason=f"started {times.format_elapsed(now - fire)} late: {since}")


def format_running(running: Sequence[float], fire: float, tz: ZoneInfo) -> str:
    """Say which run goes on, as the reason for another to wait."""
    return f"the run of {_clock(running[-1], fire, tz)} was still going"


def _late(
    policy: Policy, fires: Sequence[float], now: float, down: Window | None, tz: ZoneInfo
) -> tuple[list[Decision], list[float]]:
    """Settle what comes too late, or is caught up by a later one; return the rest."""
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
            reason = f"coalesced into {_clock(left[-1], fire, tz)}: {_was_down(down, fire, tz)}"
            decided.append(Decision(fire=fire, action=Action.COALESCE, reason=reason))
        return decided, left[-1:]
    lost, rule = (late, "catch_up=none") if policy.catch_up == "none" else (late[:-_MOST], f"at most {_MOST} catch up")
    for fire in lost:
        reason = f"missed: {_was_down(down, fire, tz)}, {rule}"
        decided.append(Decision(fire=fire, action=Action.MISS, reason=reason))
    return decided, left[len(lost) :]


def _too_late(policy: Policy, fire: float, now: float, tz: ZoneInfo) -> Decision | None:
    grace = policy.grace
    if grace is None or now - fire <= grace:
        return None
    late, limit = times.format_elapsed(now - fire), times.format_elapsed(grace)
    reason = f"missed: at {_clock(now, fire, tz)} it was {late} late, misfire_grace is {limit}"
    return Decision(fire=fire, action=Action.MISS, reason=reason)


def _overlapping(
    policy: Policy, fire: float, running: Sequence[float], waiting: Sequence[float], tz: ZoneInfo
) -> Decision:
    if not running:  # a catch-up of the same moment goes on
        return Decision(fire=fire, action=Action.WAIT)
    going = format_running(running, fire, tz)
    if policy.overlap == "queue_one" and not waiting:
        return Decision(fire=fire, action=Action.WAIT)
    if policy.overlap == "queue_one":
        reason = f"skipped: {going} and that of {_clock(waiting[0], fire, tz)} waiting, overlap=queue_one"
    else:
        reason = f"skipped: {going}, max_instances={policy.max_instances}"
    return Decision(fire=fire, action=Action.SKIP, reason=reason)


def _started_late(fire: float, now: float, down: Window | None, tz: ZoneInfo) -> str | None:
    if fire >= now or down is None:
        return None
    return f"started {times.format_elapsed(now - fire)} late: {_was_down(down, fire, tz)}"


def _was_down(window: Window, fire: float, tz: ZoneInfo) -> str:
    return f"the scheduler was down {_clock(window.start, fire, tz)}–{_clock(window.end, window.start, tz)}"


@cache
def _seconds(length: str | timedelta) -> float:
    """Read a duration once for all the fire times that it is asked for."""
    return times.duration(length, zero=True).total_seconds()


def _clock(epoch: float, beside: float, tz: ZoneInfo) -> str:
    """Write an instant by the clock, with its date where that is not the date of another that stands near it."""
    at, other = datetime.fromtimestamp(epoch, tz), datetime.fromtimestamp(beside, tz)
    shown = f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"
    if at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset():
        shown += f" {at:%Z}"  # clocks show it twice
    return shown if at.date() == other.date() else f"{at:%Y-%m-%d} {shown}"


def policy_lookup(policy: Policy | Mapping[str, Policy] | None, jobs: Mapping[str, object]) -> Callable[[str], Policy]:
    """Return what tells each job's policy, of one for all or one a job."""
    if not isinstance(policy, Mapping):
        return lambda _: policy or Policy()
    for name in policy:
        if name != ALL_JOBS:
            jobs[name]  # an unknown one is answered with the nearest
    return lambda job: policy.get(job) or policy.get(ALL_JOBS) or Policy()
