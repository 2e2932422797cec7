"""Stress: a plugin on difficult days, when clocks change, runs overlap, an API or the scheduler is down.

A simulation without stress finds what fails anyway. Each failure that needs stress is made as small as possible, so
that one command repeats it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import compress, pairwise
from statistics import median
from typing import TYPE_CHECKING

from sbh_jobkit.errors import FaultPlanError, did_you_mean
from sbh_jobkit.fakes.faults.kinds import Outage, RateLimit, SchedulerDown, Slow, StorageFull
from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.fakes.faults.validation import EVERY, target_from_url
from sbh_jobkit.run.tally import failure_signature
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.compare.identity import Identities
from sbh_jobkit.simulation.stress.clock_days import day_findings
from sbh_jobkit.simulation.stress.crash import crash_findings
from sbh_jobkit.simulation.stress.judgement import Finding, judge
from sbh_jobkit.simulation.stress.remark import Remark, remarks, shrink_remark
from sbh_jobkit.simulation.stress.shrink import Broken, is_failure, shrink
from sbh_jobkit.simulation.stress.shrink_finding import shrink_finding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.stress.scenario import Load, Scenario

KINDS = ("dst", "overlap", "outage", "late", "storage", "rate_limit", "crash")
EASY = ("overlap", "outage", "late", "storage", "rate_limit")
"""The kinds that are faults of a plan, which can come together."""
_LEAST_OUTAGE = timedelta(hours=3)
_FULL = timedelta(days=1)
_BEFORE = timedelta(minutes=30)
_WRONG = "outage with wrong answers"
_PATIENCE = 900.0
_DAY = 86_400
_STRETCH = 1.5
"""How long a slow run takes, in intervals between the fire times of its job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress:
    """The result."""

    broken: tuple[Broken, ...]
    """What fails only under stress, each in the smallest scenario found."""
    anyway: tuple[Run, ...]
    """What fails without stress, too: the first run of each group."""
    scenarios: tuple[str, ...]
    """The names of the scenarios that were simulated, such as `outage` or `2026-03-29`."""
    findings: tuple[Finding, ...] = ()
    """Effects that are lost or doubled for good, though the jobs said success."""
    remarks: tuple[Remark, ...] = ()
    """What jobs returned that says failure in words that the platform takes for success."""
    notes: tuple[str, ...] = ()
    """Which kinds of stress have nothing to work on, and why."""

    @property
    def tried(self) -> int:
        """How many scenarios were simulated."""
        return len(self.scenarios)

    @property
    def ok(self) -> bool:
        """Whether nothing failed, with and without stress."""
        return not self.broken and not self.anyway and not self.findings and not self.remarks


def read(text: str) -> tuple[str, ...]:
    """Read kinds of stress, such as `dst,outage`."""
    kinds = tuple(kind.strip() for kind in text.split(","))
    for kind in kinds:
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS) or f"; use one of {', '.join(KINDS)}"
            msg = f"unknown kind of stress {kind!r}{hint}"
            raise FaultPlanError(msg)
    return kinds


def run_stress(
    load: Load,
    plain: Scenario,
    kinds: Collection[str],
    *,
    path: str = "PLUGIN",
    progress: Callable[[str], object] = lambda _: None,
) -> Stress:
    """Simulate a plugin without stress and with each kind; `progress` is called with the name of each scenario.

    `path` is the plugin's path in the commands that repeat a finding.
    """
    progress("a plain range")
    loaded = load()
    usual = list(plain.runs(lambda: loaded))
    identities = Identities.from_world(loaded[1])  # it has begun, so `setup` has given its rules
    anyway = _firsts(run for run in usual if is_failure(run))
    broken: dict[tuple[str, ...], tuple[Scenario, Run]] = {}
    found: dict[tuple[str, str, str], Finding] = {}
    said: dict[tuple[str, ...], Remark] = {}
    scenarios, notes = _scenarios(plain, kinds, usual)
    for name, scenario in scenarios.items():
        progress(f"{scenario.start:%Y-%m-%d} to {scenario.end:%Y-%m-%d}, faults: {len(scenario.plan.faults)}")
        runs = list(scenario.runs(load))
        for signature, run in _firsts(run for run in runs if is_failure(run)).items():
            if signature not in anyway:
                broken.setdefault(signature, (scenario, run))
        for remark in remarks(runs, loaded[1].allowed):
            if remark.signature not in said:
                own = [fault for fault in scenario.plan.faults if fault not in plain.plan.faults]
                case = shrink_remark(load, scenario, remark, own)
                said[remark.signature] = replace(remark, command=case.command(path))
        # several kinds together and slow runs disturb so much that nothing can be blamed on a job
        alone = " + " not in name and not any(isinstance(each, Slow) for each in scenario.plan.faults)
        same_range = (scenario.start, scenario.end) == (plain.start, plain.end)
        judged = _judged(scenario, usual if same_range else None, runs, identities) if alone else ()
        cases: dict[tuple[str, str, str], Scenario] = {}
        for finding in judged:
            if finding.signature in found:
                continue
            if same_range and finding.signature not in cases:
                progress(f"making what {finding.job} lost or doubled smaller")
                case, others = shrink_finding(load, scenario, finding, plain, identities)
                cases |= {each.signature: case for each in others}
            case = cases.get(finding.signature, scenario)
            found[finding.signature] = replace(finding, command=case.command(path))
    tried = [*scenarios]
    if "crash" in kinds:
        crashes, number = crash_findings(load, plain, identities, path, progress)
        found.update({each.signature: each for each in crashes})
        tried += [f"crash ({number} kills)"] if number else []
        notes += [] if number else ["crash: no run does anything between two calls of ctx"]
    smallest = []
    for scenario, run in broken.values():
        progress(f"making the failure of {run.job} smaller")
        smallest.append(shrink(load, scenario, run))
    return Stress(
        broken=tuple(smallest),
        anyway=tuple(anyway.values()),
        scenarios=tuple(tried),
        findings=tuple(found.values()),
        remarks=tuple(said.values()),
        notes=tuple(notes),
    )


def _judged(
    scenario: Scenario, usual: Sequence[Run] | None, runs: Sequence[Run], identities: Identities
) -> Iterator[Finding]:
    """Yield what a scenario has lost or doubled, against the plain range or the days beside it."""
    if usual is not None:
        yield from judge(usual, runs, identities)
    else:
        middle = scenario.start.astimezone(UTC) + (scenario.end.astimezone(UTC) - scenario.start.astimezone(UTC)) / 2
        yield from day_findings(runs, middle.astimezone(scenario.zone).date())


def _firsts(runs: Iterable[Run]) -> dict[tuple[str, ...], Run]:
    firsts: dict[tuple[str, ...], Run] = {}
    for run in runs:
        firsts.setdefault(failure_signature(run, cause_only=True), run)
    return firsts


def _scenarios(plain: Scenario, kinds: Collection[str], usual: list[Run]) -> tuple[dict[str, Scenario], list[str]]:
    """Return the scenarios by name: days when clocks change, and the plain range, with the kinds of stress."""
    found: dict[str, Scenario] = {}
    notes: list[str] = []
    rest = [kind for kind in EASY if kind in kinds]
    if "dst" in kinds:
        days = times.clock_changes(plain.start, plain.zone)
        if not days:
            notes.append(f"dst: the clocks do not change in {plain.zone.key} within a year of {plain.start.date()}")
        for day in days:
            there = replace(plain, start=_days(day, -3), end=_days(day, 4))
            found[f"dst {day.date()}"] = there
            found[" + ".join((f"dst {day.date()}", *rest))] = _under(there, rest, usual)
    together = [rest] if len(rest) > 1 else []
    found |= {" + ".join(some): _under(plain, some, usual) for some in (*([kind] for kind in rest), *together)}
    if "outage" in rest:
        found[_WRONG] = _under(plain, [_WRONG], usual)
    notes += _without_effect(kinds, usual)
    scenarios = [*found.values()]
    new = (each not in (plain, *scenarios[:number]) for number, each in enumerate(scenarios))
    return dict(compress(found.items(), new)), notes


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
    length = (scenario.end.astimezone(UTC) - scenario.start.astimezone(UTC)) / 3
    for kind, wrong in (("outage", None), (_WRONG, "html")):
        for host, jobs in _hosts(usual).items() if kind in kinds else ():
            start = scenario.start.astimezone(UTC) + length
            longest = max(timedelta(seconds=3.5 * intervals.get(job, 0)) for job in jobs)
            faults.append(Outage(host, *_span(scenario, start, max(longest, _LEAST_OUTAGE)), answer=wrong))
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
