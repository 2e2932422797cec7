"""Make a failing scenario smaller as long as it fails in the same way, to show what the failure needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sbh_jobkit.fakes.faults import latency
from sbh_jobkit.fakes.faults.kinds import Outage, SchedulerDown, Slow
from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.run.tally import failure_signature
from sbh_jobkit.simulation.verdict import is_failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.run.tally import Signature
    from sbh_jobkit.simulation.stress.scenario import Load, Scenario

_MOST_TRIES = 80
_LEAST = 60
"""The shortest fault in seconds: cron has no times between minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A run that fails, the smallest scenario found for it, and the number of tries."""

    scenario: Scenario
    run: Run
    tries: int = 0


def first_match(load: Load, scenario: Scenario, signature: Signature) -> Run | None:
    """Run a scenario, and return the first failure with a signature; None if there is none."""
    failures = filter(is_failure, scenario.runs(load))
    return next((run for run in failures if failure_signature(run, cause_only=True) == signature), None)


def shrink(load: Load, scenario: Scenario, run: Run) -> Broken:
    """Return the smallest scenario found in which a run fails in the same way: fewer faults, shorter, later."""
    signature, best, tries = failure_signature(run, cause_only=True), scenario, 0
    candidates = _smaller(best, run)
    while tries < _MOST_TRIES and (candidate := next(candidates, None)) is not None:
        tries += 1
        found = first_match(load, candidate, signature)
        if found is not None:
            best, run = candidate, found
            candidates = _smaller(best, run)
    return Broken(scenario=best, run=run, tries=tries)


def _smaller(scenario: Scenario, run: Run) -> Iterator[Scenario]:
    """Yield simpler scenarios, those that leave out most first."""
    ended = scenario.until(run.fire_time)
    if ended.end.timestamp() < scenario.end.timestamp():
        yield ended  # a run that starts late may need later fire times
    if scenario.jobs != (run.job,):
        yield replace(scenario, jobs=(run.job,))
    if scenario.time_limit is not None:
        yield replace(scenario, time_limit=None)
    for left_out in scenario.plan.faults:
        yield _with(scenario, *(fault for fault in scenario.plan.faults if fault is not left_out))
    midnight = run.fire_time.astimezone(scenario.zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    for start in (midnight, midnight - timedelta(days=1), midnight - timedelta(days=3)):
        if scenario.start < start < scenario.end:
            yield replace(scenario, start=start)
    for fault in scenario.plan.faults:
        for shorter in shorter_faults(fault, scenario.zone):
            yield _with(scenario, *(shorter if other is fault else other for other in scenario.plan.faults))


def shorter_faults(fault: InjectedFault, zone: ZoneInfo) -> Iterator[InjectedFault]:
    """Yield the fault with half its length: a shorter delay, or its first and its second half."""
    if isinstance(fault, Slow) and (seconds := latency.read(fault.by, fault.word)) >= 2 * _LEAST:
        yield replace(fault, by=seconds // (2 * _LEAST) * _LEAST)
    if not isinstance(fault, (Outage, SchedulerDown)):
        return
    window = fault.window(zone)
    half = (window.end - window.start) // 120 * 60
    if half >= _LEAST:
        middle = datetime.fromtimestamp(window.start + half, zone)
        yield replace(fault, end=middle)
        yield replace(fault, start=middle)


def _with(scenario: Scenario, *faults: InjectedFault) -> Scenario:
    return replace(scenario, plan=FaultPlan(*faults, seed=scenario.plan.seed))
