"""The days that come all the same, all at once: clocks change, runs overlap, an API and the scheduler are down.

A plain try of the same range tells what fails anyway. What fails only under stress is then made as small as it can
be, so that one command repeats it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from sbh_jobkit.errors import FaultPlanError, did_you_mean
from sbh_jobkit.fakes.faults.kinds import Outage, SchedulerDown, Slow
from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.fakes.faults.validation import target_from_url
from sbh_jobkit.run.tally import failure_signature
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.stress.shrink import Broken, is_failure, shrink

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.stress.scenario import Load, Scenario

KINDS = ("dst", "overlap", "outage", "late")
_LEAST_OUTAGE = timedelta(hours=3)
_DAY = 86_400
_STRETCH = 1.5
"""How many of its intervals a stretched run takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """What came of it."""

    broken: tuple[Broken, ...]
    """What fails only under stress, each as small as it was made."""
    anyway: tuple[Run, ...]
    """The first run of each kind of failure that a plain try has, too."""
    tried: int
    """How many scenarios."""
    notes: tuple[str, ...] = ()
    """What could not be tried, and why."""

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.broken and not self.anyway


def read(words: str) -> tuple[str, ...]:
    """Read the kinds of stress as they are typed, such as `dst,outage`."""
    kinds = tuple(word.strip() for word in words.split(","))
    for kind in kinds:
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS) or f"; there are {', '.join(KINDS)}"
            msg = f"unknown kind of stress {kind!r}{hint}"
            raise FaultPlanError(msg)
    return kinds


def run_stress(
    load: Load, plain: Scenario, kinds: Collection[str], *, progress: Callable[[str], object] = lambda _: None
) -> Stress:
    """Try a plugin in a plain range and under stress of some kinds; `progress` hears what is tried."""
    progress("a plain range")
    usual = list(plain.runs(load))
    anyway = _firsts(run for run in usual if is_failure(run))
    broken: dict[tuple[str, ...], tuple[Scenario, Run]] = {}
    scenarios, notes = _scenarios(plain, kinds, usual)
    for scenario in scenarios:
        progress(f"{scenario.start:%Y-%m-%d} to {scenario.end:%Y-%m-%d}, faults: {len(scenario.plan.faults)}")
        for how, run in _firsts(run for run in scenario.runs(load) if is_failure(run)).items():
            if how not in anyway:
                broken.setdefault(how, (scenario, run))
    smallest = []
    for scenario, run in broken.values():
        progress(f"making the failure of {run.job} smaller")
        smallest.append(shrink(load, scenario, run))
    return Stress(broken=tuple(smallest), anyway=tuple(anyway.values()), tried=len(scenarios), notes=tuple(notes))


def _firsts(runs: Iterable[Run]) -> dict[tuple[str, ...], Run]:
    firsts: dict[tuple[str, ...], Run] = {}
    for run in runs:
        firsts.setdefault(failure_signature(run, cause_only=True), run)
    return firsts


def _scenarios(plain: Scenario, kinds: Collection[str], usual: list[Run]) -> tuple[list[Scenario], list[str]]:
    """Return what to try: days of change with all that is asked for, the usual range with each alone and with all."""
    found: list[Scenario] = []
    notes: list[str] = []
    rest = [kind for kind in KINDS if kind in kinds and kind != "dst"]
    if "dst" in kinds:
        days = times.clock_changes(plain.start, plain.zone)
        if not days:
            notes.append(f"dst: clocks never change in {plain.zone.key} within a year of {plain.start.date()}")
        for day in days:
            there = replace(plain, start=_days(day, -1), end=_days(day, 2))
            found += [there, _under(there, rest, usual)]
    together = [rest] if len(rest) > 1 else []
    found += [_under(plain, some, usual) for some in (*([kind] for kind in rest), *together)]
    notes += _needless(kinds, usual)
    return [each for number, each in enumerate(found) if each not in (plain, *found[:number])], notes


def _needless(kinds: Collection[str], usual: list[Run]) -> Iterator[str]:
    """Say what kinds of stress have nothing to work on."""
    intervals = _intervals(usual).values()
    if "overlap" in kinds and not any(seconds <= _DAY for seconds in intervals):
        yield "overlap: no job is due once a day or more often in the plain range"
    if "outage" in kinds and not _hosts(usual):
        yield "outage: no job asked an HTTP host in the plain range"
    if "late" in kinds and not intervals:
        yield "late: no job is due twice in the plain range"


def _days(day: datetime, number: int) -> datetime:
    return day + timedelta(days=number)


def _under(scenario: Scenario, kinds: Collection[str], usual: list[Run]) -> Scenario:
    """Return the scenario with a fault of each kind in it, beside its own."""
    faults: list[InjectedFault] = []
    intervals = _intervals(usual)
    limit = scenario.time_limit
    often = {job: seconds for job, seconds in intervals.items() if seconds <= _DAY}
    if "overlap" in kinds and often:
        faults += [Slow(job, by=_STRETCH * seconds) for job, seconds in often.items()]
        longest_run = max(run.duration.total_seconds() for run in usual)
        limit = max(limit or 0, 2 * _STRETCH * max(often.values()) + longest_run)
    length = (scenario.end.astimezone(UTC) - scenario.start.astimezone(UTC)) / 3
    if "outage" in kinds:
        for host, jobs in _hosts(usual).items():
            start = scenario.start.astimezone(UTC) + length
            longest = max(timedelta(seconds=3.5 * intervals.get(job, 0)) for job in jobs)
            faults.append(Outage(host, *_span(scenario, start, max(longest, _LEAST_OUTAGE))))
    if "late" in kinds and intervals:
        start = scenario.start.astimezone(UTC) + 2 * length
        longest = timedelta(seconds=2.5 * min(intervals.values()))
        faults.append(SchedulerDown(*_span(scenario, start, max(longest, _LEAST_OUTAGE))))
    return replace(scenario, plan=FaultPlan(*scenario.plan.faults, *faults, seed=scenario.plan.seed), time_limit=limit)


def _span(scenario: Scenario, start: datetime, length: timedelta) -> tuple[datetime, datetime]:
    """Return both ends in the scenario's zone, on whole minutes."""
    whole = start.replace(second=0, microsecond=0)
    minutes = timedelta(minutes=length // timedelta(minutes=1))
    return whole.astimezone(scenario.zone), (whole + minutes).astimezone(scenario.zone)


def _intervals(runs: list[Run]) -> dict[str, float]:
    """Return how many seconds usually lie between two fire times of a job, of those that fire more than once."""
    fires: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        fires[run.job].append(run.fire_time.timestamp())
    return {job: median(later - earlier for earlier, later in pairwise(at)) for job, at in fires.items() if len(at) > 1}


def _hosts(runs: list[Run]) -> dict[str, set[str]]:
    """Return the hosts that were asked, and by which jobs."""
    hosts: defaultdict[str, set[str]] = defaultdict(set)
    for run in runs:
        for call in run.http_calls:
            hosts[target_from_url(call.url)].add(run.job)
    return dict(hosts)
