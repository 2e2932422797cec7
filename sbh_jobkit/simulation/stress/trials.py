"""The scenarios of stress: difficult days, and the plain range with injected faults made for what the jobs use."""

from __future__ import annotations

from calendar import monthrange
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import compress, pairwise
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from sbh_jobkit.fakes.faults.kinds import Outage, RateLimit, SchedulerDown, Slow, StorageFull
from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.fakes.faults.validation import EVERY, target_from_url
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.stress.days import CLOCKS
from sbh_jobkit.simulation.stress.kinds import EASY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.stress.scenario import Scenario

_DAYS = {(2, 29): "February has a 29th day", (3, 1): "February has ended", (1, 1): "the year turns"}
"""The days of `calendar`, and what is special about them."""
_LEAST_OUTAGE = timedelta(hours=3)
_FULL = timedelta(days=1)
_BEFORE = timedelta(minutes=30)
_WRONG = "outage with wrong answers"
_MOST_HOSTS = 5
"""How many hosts are taken away one by one."""
_PATIENCE = 900.0
_DAY = 86_400
_STRETCH = 1.5
"""How long a slow run takes, in intervals between the fire times of its job."""


class Trial(NamedTuple):
    """A scenario, and by what its effects are judged."""

    scenario: Scenario
    day: date | None = None
    """A difficult day in its middle, which is compared with the days beside it; None for the plain range."""
    happens: str = ""
    """What is special about the day."""
    judged: bool = True
    """Not if it disturbs so much that nothing can be blamed on a job: several kinds together, and slow runs."""


def trials(plain: Scenario, kinds: Collection[str], usual: list[Run]) -> tuple[dict[str, Trial], list[str]]:
    """Return the trials by name: difficult days, and the plain range, with the kinds of stress; and notes on others."""
    found: dict[str, Trial] = {}
    notes: list[str] = []
    rest = [kind for kind in EASY if kind in kinds]
    if "dst" in kinds:
        days = times.clock_changes(plain.start, plain.zone)
        if not days:
            notes.append(f"dst: the clocks do not change in {plain.zone.key} within a year of {plain.start.date()}")
        for day in days:
            there = replace(plain, start=_days(day, -3), end=_days(day, 4))
            found[f"dst {day.date()}"] = Trial(there, day.date(), CLOCKS)
            if rest:
                found[" + ".join((f"dst {day.date()}", *rest))] = Trial(_under(there, rest, usual), judged=False)
    if "calendar" in kinds:
        for day in _calendar_days(plain):
            there = replace(plain, start=_days(day, -3), end=_days(day, 4))
            found[f"calendar {day.date()}"] = Trial(there, day.date(), _DAYS[day.month, day.day])
    for kind in rest:
        found[kind] = Trial(_under(plain, [kind], usual), judged=kind != "overlap")
    if len(rest) > 1:
        found[" + ".join(rest)] = Trial(_under(plain, rest, usual), judged=False)
    if "outage" in rest:
        found |= _outages_one_by_one(plain, usual)
        found[_WRONG] = Trial(_under(plain, [_WRONG], usual))
    notes += _without_effect(kinds, usual)
    scenarios = [each.scenario for each in found.values()]
    new = (each not in (plain, *scenarios[:number]) for number, each in enumerate(scenarios))
    return dict(compress(found.items(), new)), notes


def _outages_one_by_one(plain: Scenario, usual: list[Run]) -> dict[str, Trial]:
    """Return a trial for each host, if there are several: a job may stop at the first that is down."""
    found, hosts = {}, {host: jobs for host, jobs in _hosts(usual).items() if host != EVERY}
    for host in list(hosts)[:_MOST_HOSTS] if len(hosts) > 1 else ():
        faults = (*plain.plan.faults, *_host_outages(plain, {host: hosts[host]}, usual))
        found[f"outage of {host}"] = Trial(replace(plain, plan=FaultPlan(*faults, seed=plain.plan.seed)))
    return found


def _calendar_days(plain: Scenario) -> Iterator[datetime]:
    """Yield the next midnight of each difficult day of the calendar, from the start of the range on."""
    for month, number in _DAYS:
        years = range(plain.start.year, plain.start.year + 9)  # 2100 has no leap day, nor the three years beside it
        days = (
            datetime(year, month, number, tzinfo=plain.zone) for year in years if number <= monthrange(year, month)[1]
        )
        yield next(day for day in days if day >= plain.start)


def _without_effect(kinds: Collection[str], usual: list[Run]) -> Iterator[str]:
    """Yield a note for each kind of stress that has nothing to work on."""
    intervals = _intervals(usual).values()
    if "overlap" in kinds and not any(seconds <= _DAY for seconds in intervals):
        yield "overlap: no job is due at least once a day in the range"
    if "outage" in kinds and not _hosts(usual) and not _services(usual):
        yield "outage: no job used HTTP, a model, files or tables in the range"
    if "storage" in kinds and not any(run.files for run in usual):
        yield "storage: no job uploaded a file in the range"
    if "rate_limit" in kinds and not _rates(usual):
        yield "rate_limit: no run called a host twice"
    if "late" in kinds and not intervals:
        yield "late: no job is due twice in the range"


def _days(day: datetime, number: int) -> datetime:
    return day + timedelta(days=number)


def _under(scenario: Scenario, kinds: Collection[str], usual: list[Run]) -> Scenario:
    """Return the scenario with the faults of some kinds of stress, after its own."""
    faults: list[InjectedFault] = []
    intervals = _intervals(usual)
    limit = scenario.time_limit
    often = {job: seconds for job, seconds in intervals.items() if seconds <= _DAY}
    if "overlap" in kinds and often:
        faults += [Slow(job, by=_STRETCH * seconds) for job, seconds in often.items()]
        longest_run = max(run.duration.total_seconds() for run in usual)
        limit = max(limit or 0, 2 * _STRETCH * max(often.values()) + longest_run)
    length = _third(scenario)
    for kind, wrong in (("outage", None), (_WRONG, "html")):
        faults += _host_outages(scenario, _hosts(usual), usual, wrong) if kind in kinds else ()
    if _WRONG in kinds and any(run.llm_calls for run in usual):
        start = scenario.start.astimezone(UTC) + length / 3
        faults.append(Outage("llm", *_span(scenario, start, _LEAST_OUTAGE), answer="text"))
    if "outage" in kinds:
        # at another time than the hosts, so that a job can write down what it met
        start = scenario.start.astimezone(UTC) + length / 3
        faults += [Outage(of, *_span(scenario, start, _LEAST_OUTAGE)) for of in _services(usual)]
    if "storage" in kinds and any(run.files for run in usual):
        start = scenario.start.astimezone(UTC) + length / 2
        faults.append(StorageFull(*_span(scenario, start, _FULL)))
    if "rate_limit" in kinds:
        limit = max(limit or 0, _PATIENCE)  # to wait until the next minute is right
        faults += [RateLimit(host, per_minute=number) for host, number in _rates(usual).items()]
    if "late" in kinds and intervals:
        start = scenario.start.astimezone(UTC) + 2 * length
        longest = max(timedelta(seconds=2.5 * min(intervals.values())), _LEAST_OUTAGE)
        starts = [start, *_before_their_hours(usual, often, start, scenario)]
        faults += [SchedulerDown(*_span(scenario, each, longest)) for each in dict.fromkeys(starts)]
    return replace(scenario, plan=FaultPlan(*scenario.plan.faults, *faults, seed=scenario.plan.seed), time_limit=limit)


def _host_outages(
    scenario: Scenario, hosts: Mapping[str, set[str]], usual: list[Run], wrong: str | None = None
) -> Iterator[Outage]:
    """Yield an outage of each host, as long as the jobs that call it need to run three times."""
    intervals, start = _intervals(usual), scenario.start.astimezone(UTC) + _third(scenario)
    for host, jobs in hosts.items():
        longest = max(timedelta(seconds=3.5 * intervals.get(job, 0)) for job in jobs)
        yield Outage(host, *_span(scenario, start, max(longest, _LEAST_OUTAGE)), answer=wrong)


def _third(scenario: Scenario) -> timedelta:
    return (scenario.end.astimezone(UTC) - scenario.start.astimezone(UTC)) / 3


def _before_their_hours(
    runs: list[Run], often: Mapping[str, float], start: datetime, scenario: Scenario
) -> Iterator[datetime]:
    """Yield a time after `start`, half an hour before each hour at which a job that runs more often does its work.

    Such a job looks at the clock itself, so a run that comes late may find that the hour is over.
    """
    days = {run.fire_time.date() for run in runs}
    for job, seconds in often.items():
        acting = [run.fire_time for run in runs if run.job == job and run.effects]
        hours = {at.hour for at in acting}
        if seconds >= _DAY or len(hours) != 1 or 2 * len({at.date() for at in acting}) < len(days):
            continue
        after = [at.astimezone(UTC) - _BEFORE for at in acting if at.astimezone(UTC) - _BEFORE > start]
        if after and after[0] + _LEAST_OUTAGE < scenario.end.astimezone(UTC):
            yield after[0]


def _services(runs: list[Run]) -> list[str]:
    """Return the services besides HTTP that runs used."""
    used = {"llm": any(run.llm_calls for run in runs), "db": any(run.rows_read for run in runs)}
    return [*(name for name, is_used in used.items() if is_used), *(["files"] if any(r.files for r in runs) else [])]


def _rates(runs: list[Run]) -> dict[str, int]:
    """Return a limit a minute for each host that is called more often in a run: half of that."""
    most: Counter[str] = Counter()
    for run in runs:
        for host, number in Counter(target_from_url(call.url) for call in run.http_calls).items():
            most[host] = max(most[host], number)
    return {host: max(1, number // 2) for host, number in most.items() if number > 1 and host != EVERY}


def _span(scenario: Scenario, start: datetime, length: timedelta) -> tuple[datetime, datetime]:
    """Return start and end in the scenario's zone, on whole minutes."""
    whole = start.replace(second=0, microsecond=0)
    minutes = timedelta(minutes=length // timedelta(minutes=1))
    return whole.astimezone(scenario.zone), (whole + minutes).astimezone(scenario.zone)


def _intervals(runs: list[Run]) -> dict[str, float]:
    """Return the usual seconds between two fire times, for each job that fires more than once."""
    fires: defaultdict[str, list[float]] = defaultdict(list)
    for run in runs:
        fires[run.job].append(run.fire_time.timestamp())
    return {job: median(later - earlier for earlier, later in pairwise(at)) for job, at in fires.items() if len(at) > 1}


def _hosts(runs: list[Run]) -> dict[str, set[str]]:
    """Return the hosts of HTTP calls, and the jobs that called them."""
    hosts: defaultdict[str, set[str]] = defaultdict(set)
    for run in runs:
        for call in run.http_calls:
            hosts[target_from_url(call.url)].add(run.job)
    return dict(hosts)
