"""Applies a fault plan to the runs of a simulation: fake services call the injector before they answer.

Each random decision has a generator of its own, seeded by the plan's seed, the fault, the run and the request. So the
decisions of a fault do not change when another fault is removed from the plan, or on another machine.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC
from math import ceil, inf
from random import Random
from typing import TYPE_CHECKING, cast

from sbh_jobkit import clock
from sbh_jobkit.errors import InjectedCrash
from sbh_jobkit.fakes.faults import latency
from sbh_jobkit.fakes.faults.kinds import (
    Crash,
    Errors,
    Latency,
    Outage,
    RateLimit,
    SchedulerCrash,
    SchedulerDown,
    Slow,
    StorageFull,
)
from sbh_jobkit.fakes.faults.validation import EVERY, SERVICES, format_setting
from sbh_jobkit.plugin.places import call_place
from sbh_jobkit.run.notes import WRONG_ANSWERS

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.plugin.job import Job

    _Refusing = Outage | Errors | Latency | RateLimit
    _Counters = tuple[Counter[tuple[RateLimit, str, str, int]], set[InjectedFault]]

_MINUTE = 60
_ALWAYS_USED = (SchedulerDown, SchedulerCrash)
_PRECEDENCE = (Latency, Outage, RateLimit, Errors)
"""Latency comes first; then the first kind that refuses the request decides its answer."""
_ANSWERS = {
    "html": f"<!doctype html><title>Please wait</title><p>{WRONG_ANSWERS['html']}</p>\n",
    "text": WRONG_ANSWERS["text"],
}
WRONG_ANSWER = " instead of "
"""What the summary of an outage with a wrong answer contains."""
_SUMMARIES = {
    "html": f"HTML{WRONG_ANSWER}the answer of {{of}}",
    "text": f"words{WRONG_ANSWER}the JSON of {{of}}",
    "outage": "outage of {of}",
    "errors": "errors of {of}",
    "latency": "latency of {of}",
    "rate_limit": "rate limit of {of}",
    "storage_full": "storage full",
    "scheduler_crash": "the scheduler crashed",
    "crash": "crash of {job}",
    "slow": "{job} was slow",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An injected failure of one request; each service turns it into an error of its own."""

    text: str
    status: int | None = None
    """The HTTP status of the answer; None if the host cannot be reached."""
    retry_after: int | None = None
    """The `retry-after` header, in seconds, of a rate limit."""
    answer: str | None = None
    """What is answered with status 200 instead; None if the request fails."""


class ActivePlan:
    """A fault plan in one simulation of one tenant, with the counters of its rate limits."""

    __slots__ = ("counts", "crashes", "faults", "full", "refusing", "scheduler", "seed", "slow", "used")

    def __init__(self, plan: FaultPlan, zone: ZoneInfo) -> None:
        """Activate a plan; its naive times are in `zone`. Raises FaultPlanError if one does not exist there."""
        self.seed = plan.seed
        self.faults = tuple(dict.fromkeys(plan.faults))
        windows = {fault: fault.window(zone) for fault in self.faults}
        self.refusing = [(one, windows[one]) for kind in _PRECEDENCE for one in self.faults if isinstance(one, kind)]
        self.full = [(one, windows[one]) for one in self.faults if isinstance(one, StorageFull)]
        self.crashes = [(one, one.epoch("at", zone)) for one in self.faults if isinstance(one, Crash)]
        self.scheduler = sorted(
            ((window.start, one) for one, window in windows.items() if isinstance(one, SchedulerCrash)),
            key=lambda found: found[0],
        )
        self.slow = [one for one in self.faults if isinstance(one, Slow)]
        self.counts: Counter[tuple[RateLimit, str, str, int]] = Counter()
        self.used: set[InjectedFault] = set()
        """The faults that were injected into a run at least once."""

    @classmethod
    def for_jobs(cls, plan: FaultPlan, zone: ZoneInfo, jobs: Collection[str]) -> ActivePlan | None:
        """Activate a plan for jobs of these names; None if it has no fault that could be injected into a run."""
        plan.check_jobs(jobs)
        active = cls(plan, zone)
        return active if active.refusing or active.full or active.crashes or active.slow or active.scheduler else None

    @property
    def unused_faults(self) -> tuple[InjectedFault, ...]:
        """The faults that were not injected into any run."""
        return tuple(one for one in self.faults if one not in self.used and not isinstance(one, _ALWAYS_USED))

    def random_for(self, fault: InjectedFault, *key: object) -> Random:
        """Return the random generator for one decision of a fault; the same key gives the same numbers."""
        return Random(repr((self.seed, fault.chance, *key)))  # noqa: S311  not for secrets

    def snapshot(self) -> _Counters:
        """Return the counters as they are now."""
        return self.counts.copy(), self.used.copy()

    def restore(self, counters: _Counters) -> None:
        """Set the counters of a snapshot."""
        self.counts, self.used = counters

    def for_run(self, tenant: str, job: Job, fire: float) -> FaultInjector:
        """Return the injector for the run of a job that was due at `fire`, in epoch seconds."""
        if self.counts:
            self.counts = Counter({key: count for key, count in self.counts.items() if key[-1] >= fire // _MINUTE})
        return FaultInjector(self, (tenant, job.manifest.slug, job.name, float(fire)), job.root)


class FaultInjector:
    """Applies a fault plan to one run."""

    __slots__ = ("_calls", "_crash", "_dies", "_hits", "_key", "_plan", "_requests", "_root", "_seconds", "killed")

    def __init__(self, plan: ActivePlan, key: tuple[str, str, str, float], root: Path | None) -> None:
        """Start a run; `key` is tenant, plugin, job and fire time, `root` the folder of the plugin."""
        self._plan = plan
        self._key = key
        self._root = root
        self._requests: Counter[str] = Counter()
        self._calls = 0
        self._hits: Counter[InjectedFault] = Counter()
        self._seconds: defaultdict[InjectedFault, float] = defaultdict(float)
        self._crash = min(filter(self._crashes, plan.crashes), key=lambda one: one[0].call, default=(None, None))[0]
        now = clock.now(UTC).timestamp()
        self._dies = next((found for found in plan.scheduler if found[0] > now), None)
        self.killed: str | None = None
        """How the plan killed the run; it is kept even if the job catches the exception."""

    @property
    def summary(self) -> tuple[str, ...]:
        """A text for each fault that was injected, such as `outage of api.example.com (3 requests)`."""
        return tuple(self._sentence(fault) for fault in self._plan.faults if self._hits[fault])

    @property
    def expected(self) -> str | None:
        """Why the run must fail: the injected faults that say so."""
        hits = [self._sentence(fault) for fault in self._plan.faults if self._hits[fault] and fault.expect is not None]
        return f"{'; '.join(hits)} (fault plan)" if hits else None

    def on_call(self, member: str) -> None:
        """Count a call of a member of the context; raises InjectedCrash if the plan kills the run at this call."""
        self._calls += 1
        if self._crash is None or self._calls < self._crash.call:
            return
        if self.killed is None:
            self._hit(self._crash)
            where = call_place(sys._getframe(1), self._root)  # noqa: SLF001  to find the job's line
            at = f"ctx.{member}{f' ({where})' if where else ''}"
            self.killed = f"the fault plan killed it at its {_ordinal(self._calls)} call, {at}"
        raise InjectedCrash(self.killed)

    def on_request(self, service: str, *, host: bool = False) -> Refusal | None:
        """Wait the injected latency of a request; return its injected failure, or None.

        `service` is `llm`, `db` or `files`, or with `host=True` the name of an HTTP host.
        """
        self._requests[service] += 1
        number, now = self._requests[service], clock.now(UTC).timestamp()
        names = {service, EVERY}.difference(SERVICES) if host else {service}
        for fault, window in self._plan.refusing:
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
        """Whether an injected fault refuses an upload now."""
        now = clock.now(UTC).timestamp()
        full = next((fault for fault, window in self._plan.full if now in window), None)
        if full is not None:
            self._hit(full)
        return full is not None

    def delay(self) -> None:
        """Advance virtual time by the injected delay of the run."""
        for fault in self._plan.slow:
            if fault.job in {self._key[2], EVERY}:
                self._hit(fault)
                latency.advance(cast("float", fault.by))

    def seconds_left(self) -> float:
        """Return how long the scheduler lives from now on, in seconds; infinite without a crash ahead."""
        return inf if self._dies is None else self._dies[0] - clock.now(UTC).timestamp()

    def scheduler_died(self) -> bool:
        """Whether the scheduler is dead by now, and the run with it."""
        if self._dies is None or self.seconds_left() > 0:
            return False
        self._hit(self._dies[1])
        return True

    def _hit(self, fault: InjectedFault) -> None:
        self._hits[fault] += 1
        self._plan.used.add(fault)

    def _crashes(self, planned: tuple[Crash, float | None]) -> bool:
        crash, at = planned
        if crash.job not in {self._key[2], EVERY} or at not in {None, self._key[3]}:
            return False
        return crash.rate is None or self._random(crash).random() < crash.rate

    def _refusal(self, fault: _Refusing, service: str, number: int, now: float) -> Refusal | None:
        if isinstance(fault, Outage):
            answer = _ANSWERS.get(fault.answer or "")
            return Refusal(f"{service} is down (fault plan)", fault.status, answer=answer)
        if isinstance(fault, RateLimit):
            minute = int(now // _MINUTE)
            key = (fault, self._key[1], service, minute)
            self._plan.counts[key] += 1
            if self._plan.counts[key] > fault.per_minute:
                text = f"{service} is over its limit of {fault.per_minute} a minute (fault plan)"
                return Refusal(text, 429, ceil((minute + 1) * _MINUTE - now))
        elif isinstance(fault, Errors) and self._random(fault, service, number).random() < fault.rate:
            return Refusal(f"{service} failed (fault plan)", fault.status)
        return None

    def _random(self, fault: InjectedFault, service: str = "", number: int = 0) -> Random:
        return self._plan.random_for(fault, *self._key, service, number)

    def _sentence(self, fault: InjectedFault) -> str:
        of = getattr(fault, "of", "")
        kind = getattr(fault, "answer", None) or fault.word
        name = _SUMMARIES[kind].format(of="every host" if of == EVERY else of, job=self._key[2])
        if isinstance(fault, Crash | SchedulerCrash):
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
