"""Make a scenario that loses or doubles effects smaller, as long as it does so: one job, fewer faults, shorter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.simulation.compare.judgement import judge
from sbh_jobkit.simulation.stress.shrink import shorter_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.simulation.compare.identity import Identities
    from sbh_jobkit.simulation.compare.judgement import Finding
    from sbh_jobkit.simulation.stress.scenario import Load, Scenario

_MOST_TRIES = 8
"""Each simulates the job twice, with and without the faults."""
_AFTER = timedelta(days=4)
"""How long the job goes on after the first effect that is missing, so that it may catch up: over a weekend."""


def shrink_finding(
    load: Load, scenario: Scenario, finding: Finding, plain: Scenario, identities: Identities
) -> tuple[Scenario, list[Finding]]:
    """Return the smallest scenario found that has the same finding, and all its findings.

    The faults of the plain scenario stay.
    """
    best, others, tries = scenario, [finding], 0
    candidates = _smaller(best, finding, plain)
    while tries < _MOST_TRIES and (candidate := next(candidates, None)) is not None:
        tries += 1
        usual = list(replace(candidate, plan=plain.plan).runs(load))
        found = judge(usual, list(candidate.runs(load)), identities)
        same = next((each for each in found if each.signature == finding.signature), None)
        if same is not None:
            best, finding, others = candidate, same, found
            candidates = _smaller(best, finding, plain)
    return best, others


def _smaller(scenario: Scenario, finding: Finding, plain: Scenario) -> Iterator[Scenario]:
    """Yield simpler scenarios, those that leave out most first."""
    if scenario.jobs != (finding.job,):
        yield replace(scenario, jobs=(finding.job,))
    faults = scenario.plan.faults
    own = [fault for fault in faults if fault not in plain.plan.faults]
    for left_out in own if len(own) > 1 else ():
        yield _with(scenario, *(fault for fault in faults if fault is not left_out))
    fire = finding.first.fire_time.astimezone(scenario.zone)
    midnight = fire.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    end = midnight + _AFTER + timedelta(days=1)
    if end.astimezone(UTC) < scenario.end.astimezone(UTC):
        yield replace(scenario, end=end)
    for start in (midnight, midnight - timedelta(days=1), midnight - timedelta(days=3)):
        if scenario.start < start < scenario.end:
            yield replace(scenario, start=start)
    for fault in own:
        for shorter in shorter_faults(fault, scenario.zone):
            yield _with(scenario, *(shorter if other is fault else other for other in faults))


def _with(scenario: Scenario, *faults: InjectedFault) -> Scenario:
    return replace(scenario, plan=FaultPlan(*faults, seed=scenario.plan.seed))
