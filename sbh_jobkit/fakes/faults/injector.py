"""What a fault plan does to the runs of a simulation: the services of a context ask before they answer.

Chance is keyed, not a stream: each draw has a generator of its own, seeded by the text of what is drawn for. So a
fault that is taken out of a plan moves no other's chances, and neither does another run, process, zone or machine.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC
from math import ceil
from random import Random
from typing import TYPE_CHECKING, cast

from sbh_jobkit import clock
from sbh_jobkit.errors import InjectedCrash
from sbh_jobkit.fakes.faults import latency
from sbh_jobkit.fakes.faults.kinds import Crash, Errors, Latency, Outage, RateLimit, SchedulerDown, Slow, StorageFull
from sbh_jobkit.fakes.faults.validation import EVERY, SERVICES, format_setting
from sbh_jobkit.plugin.places import call_place

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.plugin.job import Job

    Answering = Outage | Errors | Latency | RateLimit
    _Counted = tuple[Counter[tuple[RateLimit, str, str, int]], set[InjectedFault]]

_MINUTE = 60
_TURNS = (Latency, Outage, RateLimit, Errors)
"""First an answer takes its time; then the first of these that refuses it counts."""
_SAID = {
    "outage": "outage of {of}",
    "errors": "errors of {of}",
    "latency": "latency of {of}",
    "rate_limit": "rate limit of {of}",
    "storage_full": "storage full",
    "crash": "crash of {job}",
    "slow": "{job} was slow",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """That a service does not answer as it should; each says so in its own way."""

    text: str
    status: int | None = None
    """What an HTTP host answers; None where it does not."""
    retry_after: int | None = None
    """In how many seconds it may be asked again, where it says so."""


class ActivePlan:
    """A fault plan in one simulation of one tenant; requests are counted here for its rate limits."""

    __slots__ = ("answering", "counts", "crashes", "faults", "full", "met", "seed", "slow")

    def __init__(self, plan: FaultPlan, zone: ZoneInfo) -> None:
        """Begin; naive times of the plan are in `zone`. Raises FaultPlanError for a time that there is not."""
        self.seed = plan.seed
        self.faults = tuple(dict.fromkeys(plan.faults))
        windows = {fault: fault.window(zone) for fault in self.faults}
        self.answering = [(one, windows[one]) for kind in _TURNS for one in self.faults if isinstance(one, kind)]
        self.full = [(one, windows[one]) for one in self.faults if isinstance(one, StorageFull)]
        self.crashes = [(one, one.epoch("at", zone)) for one in self.faults if isinstance(one, Crash)]
        self.slow = [one for one in self.faults if isinstance(one, Slow)]
        self.counts: Counter[tuple[RateLimit, str, str, int]] = Counter()
        self.met: set[InjectedFault] = set()
        """What has done something to a run."""

    @classmethod
    def for_jobs(cls, plan: FaultPlan, zone: ZoneInfo, jobs: Collection[str]) -> ActivePlan | None:
        """Put a plan in force for jobs of these names; None where it holds nothing that a run could meet."""
        plan.check_jobs(jobs)
        made = cls(plan, zone)
        return made if made.answering or made.full or made.crashes or made.slow else None

    @property
    def unused_faults(self) -> tuple[InjectedFault, ...]:
        """What could have done something to a run, and has not."""
        return tuple(one for one in self.faults if one not in self.met and not isinstance(one, SchedulerDown))

    def random_for(self, fault: InjectedFault, *key: object) -> Random:
        """Return what decides about one thing that a fault may do, known by its key."""
        return Random(repr((self.seed, str(fault), *key)))  # noqa: S311  no secrets

    def snapshot(self) -> _Counted:
        """Return what was counted so far, for `restore`."""
        return self.counts.copy(), self.met.copy()

    def restore(self, counted: _Counted) -> None:
        """Forget what was counted since."""
        self.counts, self.met = counted

    def for_run(self, tenant: str, job: Job, fire: float) -> FaultInjector:
        """Return what happens to the run of a job that was due at an instant."""
        if self.counts:
            self.counts = Counter({key: count for key, count in self.counts.items() if key[-1] >= fire // _MINUTE})
        return FaultInjector(self, (tenant, job.manifest.slug, job.name, float(fire)), job.root)


class FaultInjector:
    """What a fault plan does to one run."""

    __slots__ = ("_asked", "_calls", "_crash", "_hits", "_key", "_plan", "_root", "_seconds", "killed")

    def __init__(self, plan: ActivePlan, key: tuple[str, str, str, float], root: Path | None) -> None:
        """Begin a run that is known by tenant, plugin, job and fire time; its plugin is in the folder `root`."""
        self._plan = plan
        self._key = key
        self._root = root
        self._asked: Counter[str] = Counter()
        self._calls = 0
        self._hits: Counter[InjectedFault] = Counter()
        self._seconds: defaultdict[InjectedFault, float] = defaultdict(float)
        self._crash = min(filter(self._crashes, plan.crashes), key=lambda one: one[0].call, default=(None, None))[0]
        self.killed: str | None = None
        """How the plan killed the run; whoever swallowed the exception, it stays."""

    @property
    def summary(self) -> tuple[str, ...]:
        """What the plan did to the run, each fault once, such as `outage of api.example.com (3 requests)`."""
        return tuple(self._sentence(fault) for fault in self._plan.faults if self._hits[fault])

    def call(self, member: str) -> None:
        """Note that the job calls a member of its context; raises InjectedCrash where the plan kills it there."""
        self._calls += 1
        if self._crash is None or self._calls < self._crash.call:
            return
        if self.killed is None:
            self._hit(self._crash)
            where = call_place(sys._getframe(1), self._root)  # noqa: SLF001  who called us
            at = f"ctx.{member}{f' ({where})' if where else ''}"
            self.killed = f"the fault plan killed it at its {_ordinal(self._calls)} call, {at}"
        raise InjectedCrash(self.killed)

    def ask(self, service: str, *, host: bool = False) -> Refusal | None:
        """Let an answer of a service, or of a host of that name, take its time; say whether it is refused."""
        self._asked[service] += 1
        number, now = self._asked[service], clock.now(UTC).timestamp()
        names = {service, EVERY}.difference(SERVICES) if host else {service}
        for fault, window in self._plan.answering:
            if now not in window or fault.of not in names:
                continue
            if isinstance(fault, Latency):
                seconds = fault.draw(self._random(fault, service, number))
                self._hit(fault)
                self._seconds[fault] += seconds
                latency.advance(seconds)
            elif (refusal := self._refusal(fault, service, number, now)) is not None:
                self._hit(fault)
                return refusal
        return None

    def storage_is_full(self) -> bool:
        """Whether an upload finds no room now."""
        now = clock.now(UTC).timestamp()
        full = next((fault for fault, window in self._plan.full if now in window), None)
        if full is not None:
            self._hit(full)
        return full is not None

    def delay(self) -> None:
        """Let the virtual time pass by which the run is slow."""
        for fault in self._plan.slow:
            if fault.job in {self._key[2], EVERY}:
                self._hit(fault)
                latency.advance(cast("float", fault.by))

    def _hit(self, fault: InjectedFault) -> None:
        self._hits[fault] += 1
        self._plan.met.add(fault)

    def _crashes(self, planned: tuple[Crash, float | None]) -> bool:
        crash, at = planned
        if crash.job not in {self._key[2], EVERY} or at not in {None, self._key[3]}:
            return False
        return crash.rate is None or self._random(crash).random() < crash.rate

    def _refusal(self, fault: Answering, service: str, number: int, now: float) -> Refusal | None:
        if isinstance(fault, Outage):
            return Refusal(f"{service} is down (fault plan)", fault.status)
        if isinstance(fault, RateLimit):
            minute = int(now // _MINUTE)
            key = (fault, self._key[1], service, minute)
            self._plan.counts[key] += 1
            if self._plan.counts[key] > fault.per_minute:
                text = f"{service} is over its {fault.per_minute} a minute (fault plan)"
                return Refusal(text, 429, ceil((minute + 1) * _MINUTE - now))
        elif isinstance(fault, Errors) and self._random(fault, service, number).random() < fault.rate:
            return Refusal(f"{service} failed (fault plan)", fault.status)
        return None

    def _random(self, fault: InjectedFault, service: str = "", number: int = 0) -> Random:
        return self._plan.random_for(fault, *self._key, service, number)

    def _sentence(self, fault: InjectedFault) -> str:
        of = getattr(fault, "of", "")
        name = _SAID[fault.word].format(of="every host" if of == EVERY else of, job=self._key[2])
        if isinstance(fault, Crash):
            return name
        if isinstance(fault, Slow):
            return f"{name} ({format_setting('by', fault.by)} longer)"
        unit = "upload" if isinstance(fault, StorageFull) else "call" if of in SERVICES else "request"
        number = f"{self._hits[fault]:,} {unit}{'' if self._hits[fault] == 1 else 's'}"
        took = f", {self._seconds[fault]:.3f}".rstrip("0").rstrip(".") + " s" if isinstance(fault, Latency) else ""
        return f"{name} ({number}{took})"


def _ordinal(number: int) -> str:
    last = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{last}"
