"""The scenarios of stress: difficult days, and the plain range with injected faults made for what the jobs use."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from sbh_jobkit.fakes.faults.kinds import Outage, RateLimit, SchedulerDown, Slow, StorageFull
from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.fakes.faults.validation import EVERY
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.stress.days import CLOCKS
from sbh_jobkit.simulation.stress.kinds import EASY
from sbh_jobkit.simulation.stress.usual import DAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.simulation.stress.scenario import Scenario
    from sbh_jobkit.simulation.stress.usual import Usual

_DAYS = {(2, 29): "February has a 29th day", (3, 1): "February has ended", (1, 1): "the year turns"}
"""The days of `calendar`, and what is special about them."""
_WEEK = 7 * DAY
_LEAST_OUTAGE = timedelta(hours=3)
_SOME_HOURS = _LEAST_OUTAGE.total_seconds() / 2
_OFTEN = 3.5
"""How many intervals of a job an outage takes, so that the job meets it three times."""
_FULL = timedelta(days=1)
_BEFORE = timedelta(minutes=30)
_WRONG = "outage with wrong answers"
_MOST_HOSTS = 5
"""How many hosts are taken away one by one."""
_LEAST_DOWN = timedelta(hours=3)
_MOST_DOWNTIMES = 3
"""How many times a job that works once a day is late."""
_PATIENCE = 900.0
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


def trials(plain: Scenario, kinds: Collection[str], usual: Usual) -> tuple[dict[str, Trial], list[str]]:
    """Return the trials by name: difficult days, and the plain range, with the kinds of stress; and notes on others."""
    rest = [kind for kind in EASY if kind in kinds]
    found = dict(_days_of(plain, kinds, rest, usual))
    for kind in rest:
        found[kind] = Trial(_under(plain, [kind], usual), judged=kind != "overlap")
    if len(rest) > 1:
        found[" + ".join(rest)] = Trial(_under(plain, rest, usual), judged=False)
    if "outage" in rest:
        found |= dict(_outages_one_by_one(plain, usual))
        found |= dict(_long_outages(plain, usual))
        found[_WRONG] = Trial(_under(plain, [_WRONG], usual))
    if "late" in rest:
        found |= dict(_late_one_by_one(plain, usual))
    scenarios = [each.scenario for each in found.values()]
    new = (each not in (plain, *scenarios[:number]) for number, each in enumerate(scenarios))
    return dict(compress(found.items(), new)), list(_without_effect(plain, kinds, usual))


def _days_of(
    plain: Scenario, kinds: Collection[str], rest: Collection[str], usual: Usual
) -> Iterator[tuple[str, Trial]]:
    """Yield a trial for each difficult day; those on which clocks change also with the `rest` of the kinds."""
    for day in times.clock_changes(plain.start, plain.zone) if "dst" in kinds else ():
        there = replace(plain, start=_days(day, -3), end=_days(day, 4))
        yield f"dst {day.date()}", Trial(there, day.date(), CLOCKS)
        if rest:
            yield " + ".join((f"dst {day.date()}", *rest)), Trial(_under(there, rest, usual), judged=False)
    for day in _calendar_days(plain) if "calendar" in kinds else ():
        there = replace(plain, start=_days(day, -3), end=_days(day, 4))
        happens = _DAYS[day.month, day.day]
        yield f"calendar {day.date()}", Trial(there, day.date(), happens)
        if rare := tuple(job for job, seconds in usual.intervals.items() if DAY < seconds <= _WEEK):
            weeks = replace(there, start=_days(day, -3 * 7), end=_days(day, 3 * 7), jobs=rare)
            yield f"calendar {day.date()} by week", Trial(weeks, day.date(), happens)


def _outages_one_by_one(plain: Scenario, usual: Usual) -> Iterator[tuple[str, Trial]]:
    """Yield a trial for each host, if there are several: a job may stop at the first that is down."""
    hosts = {host: jobs for host, jobs in usual.hosts.items() if host != EVERY}
    for host in list(hosts)[:_MOST_HOSTS] if len(hosts) > 1 else ():
        faults = (*plain.plan.faults, *_host_outages(plain, {host: hosts[host]}, usual))
        yield f"outage of {host}", Trial(replace(plain, plan=FaultPlan(*faults, seed=plain.plan.seed)))


def _long_outages(plain: Scenario, usual: Usual) -> Iterator[tuple[str, Trial]]:
    """Yield a trial for each service with the jobs that run too rarely to meet its outage of some hours."""
    for service, users in usual.services.items():
        rare = {job: seconds for job in sorted(users) if (seconds := usual.intervals.get(job, 0)) > _SOME_HOURS}
        if not rare:
            continue
        start = plain.start.astimezone(UTC) + _third(plain)
        span = _span(plain, start, timedelta(seconds=_OFTEN * max(rare.values())))
        for answer in (None, "text") if service == "llm" else (None,):
            plan = FaultPlan(*plain.plan.faults, Outage(service, *span, answer=answer), seed=plain.plan.seed)
            name = f"long outage of {service}{' with wrong answers' if answer else ''}"
            yield name, Trial(replace(plain, jobs=tuple(rare), plan=plan))


def _calendar_days(plain: Scenario) -> Iterator[datetime]:
    """Yield the next midnight of each difficult day of the calendar, from the start of the range on."""
    for month, number in _DAYS:
        years = range(plain.start.year, plain.start.year + 9)  # 2100 has no leap day, nor the three years beside it
        days = (
            datetime(year, month, number, tzinfo=plain.zone) for year in years if number <= monthrange(year, month)[1]
        )
        yield next(day for day in days if day >= plain.start)


def _without_effect(plain: Scenario, kinds: Collection[str], usual: Usual) -> Iterator[str]:
    """Yield a note for each kind of stress that has nothing to work on."""
    intervals = usual.intervals.values()
    if "dst" in kinds and not times.clock_changes(plain.start, plain.zone):
        yield f"dst: the clocks do not change in {plain.zone.key} within a year of {plain.start.date()}"
    if "overlap" in kinds and not any(seconds <= DAY for seconds in intervals):
        yield "overlap: no job is due at least once a day in the range"
    if "outage" in kinds and not usual.hosts and not usual.services:
        yield "outage: no job used HTTP, a model, files or tables in the range"
    if "storage" in kinds and not usual.uploads:
        yield "storage: no job uploaded a file in the range"
    if "rate_limit" in kinds and not usual.rates:
        yield "rate_limit: no run called a host twice"
    if "late" in kinds and not intervals:
        yield "late: no job is due twice in the range"


def _days(day: datetime, number: int) -> datetime:
    return day + timedelta(days=number)


def _under(scenario: Scenario, kinds: Collection[str], usual: Usual) -> Scenario:
    """Return the scenario with the faults of some kinds of stress, after its own."""
    faults: list[InjectedFault] = []
    intervals = usual.intervals
    limit = scenario.time_limit
    often = {job: seconds for job, seconds in intervals.items() if seconds <= DAY}
    if "overlap" in kinds and often:
        faults += [Slow(job, by=_STRETCH * seconds) for job, seconds in often.items()]
        limit = max(limit or 0, 2 * _STRETCH * max(often.values()) + usual.longest_run)
    length = _third(scenario)
    for kind, wrong in (("outage", None), (_WRONG, "html")):
        faults += _host_outages(scenario, usual.hosts, usual, wrong) if kind in kinds else ()
    if _WRONG in kinds and "llm" in usual.services:
        start = scenario.start.astimezone(UTC) + length / 3
        faults.append(Outage("llm", *_span(scenario, start, _LEAST_OUTAGE), answer="text"))
    if "outage" in kinds:
        # at another time than the hosts, so that a job can write down what it met
        start = scenario.start.astimezone(UTC) + length / 3
        faults += [Outage(of, *_span(scenario, start, _LEAST_OUTAGE)) for of in usual.services]
    if "storage" in kinds and usual.uploads:
        start = scenario.start.astimezone(UTC) + length / 2
        faults.append(StorageFull(*_span(scenario, start, _FULL)))
    if "rate_limit" in kinds:
        limit = max(limit or 0, _PATIENCE)  # to wait until the next minute is right
        faults += [RateLimit(host, per_minute=number) for host, number in usual.rates.items()]
    if "late" in kinds and intervals:
        faults.append(_downtime(scenario, usual))
    return replace(scenario, plan=FaultPlan(*scenario.plan.faults, *faults, seed=scenario.plan.seed), time_limit=limit)


def _host_outages(
    scenario: Scenario, hosts: Mapping[str, set[str]], usual: Usual, wrong: str | None = None
) -> Iterator[Outage]:
    """Yield an outage of each host, as long as the jobs that call it need to run three times."""
    intervals, start = usual.intervals, scenario.start.astimezone(UTC) + _third(scenario)
    for host, jobs in hosts.items():
        longest = max(timedelta(seconds=_OFTEN * intervals.get(job, 0)) for job in jobs)
        yield Outage(host, *_span(scenario, start, max(longest, _LEAST_OUTAGE)), answer=wrong)


def _third(scenario: Scenario) -> timedelta:
    return (scenario.end.astimezone(UTC) - scenario.start.astimezone(UTC)) / 3


def _downtime(scenario: Scenario, usual: Usual) -> SchedulerDown:
    """Return a downtime over two fire times, after which the range goes on, so that a later run can make up for it."""
    interval = timedelta(seconds=min(usual.intervals.values()))
    length = max(2.5 * interval, _LEAST_DOWN)
    begin, end = scenario.start.astimezone(UTC), scenario.end.astimezone(UTC)
    start = max(begin, min(begin + 2 * _third(scenario), end - length - 2 * interval))
    return SchedulerDown(*_span(scenario, start, length))


def _late_one_by_one(plain: Scenario, usual: Usual) -> Iterator[tuple[str, Trial]]:
    """Yield a trial for each job that works in one hour of the day: some of its runs start hours late, or never.

    If it runs more often, it looks at the clock itself, and finds that the hour is over; if it runs once a day, it may
    look at what came in the last 24 hours. Other jobs are not there, so each is judged by its own hour only.
    """
    for job, acting in usual.hours.items():
        starts = [at.astimezone(UTC) - _BEFORE for at in acting[1::2][:_MOST_DOWNTIMES]]
        spans = (_span(plain, start, _LEAST_DOWN) for start in starts if start > plain.start)
        down = [SchedulerDown(*span) for span in spans if span[1] < plain.end]
        if down:
            plan = FaultPlan(*plain.plan.faults, *down, seed=plain.plan.seed)
            yield f"late {job}", Trial(replace(plain, jobs=(job,), plan=plan))


def _span(scenario: Scenario, start: datetime, length: timedelta) -> tuple[datetime, datetime]:
    """Return start and end in the scenario's zone, on whole minutes."""
    whole = start.replace(second=0, microsecond=0)
    minutes = timedelta(minutes=length // timedelta(minutes=1))
    return whole.astimezone(scenario.zone), (whole + minutes).astimezone(scenario.zone)
