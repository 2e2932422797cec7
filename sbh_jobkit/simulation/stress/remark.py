"""What jobs returned under stress that the platform takes for success, though it says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.simulation.compare.judgement import met_faults
from sbh_jobkit.simulation.observations.observation import Observation, merged
from sbh_jobkit.simulation.observations.values import value_observations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.stress.scenario import Load, Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """An observation that is only made under stress."""

    observation: Observation
    met: str
    """Which injected faults the first run met."""
    command: str = ""
    """The command that repeats it."""

    @property
    def signature(self) -> tuple[str, ...]:
        """What equal remarks of several scenarios share."""
        return self.observation.kind, self.observation.job or "", self.observation.message

    @property
    def line(self) -> str:
        """The observation, and what the run met, in one line."""
        return f"{self.observation.line}; the run met {self.met}"


def remarks(runs: Iterable[Run], allowed: Collection[str]) -> Iterator[Remark]:
    """Yield what runs that met an injected fault returned, without the kinds that are allowed."""
    met: dict[tuple[str, str | None, str], str] = {}
    found = []
    for run in runs:
        if run.ok and run.injected_faults:
            for each in value_observations(run):
                if each.kind not in allowed:
                    met.setdefault((each.kind, each.job, each.message), met_faults(run))
                    found.append(each)
    for each in merged(found):
        yield Remark(observation=each, met=met[each.kind, each.job, each.message])


def shrink_remark(load: Load, scenario: Scenario, remark: Remark, usual: Collection[InjectedFault]) -> Scenario:
    """Return the scenario with one job, one injected fault if it is enough, and no longer than needed.

    The `usual` faults, those of the plain range, stay.
    """
    first = remark.observation.first
    assert first is not None  # noqa: S101  an observation of a run has its time
    best = replace(scenario.until(first), jobs=(remark.observation.job or "",))
    own = [fault for fault in scenario.plan.faults if fault not in usual]
    candidates: list[Scenario] = [best]
    if len(own) > 1:
        plans = [FaultPlan(*usual, fault, seed=scenario.plan.seed) for fault in own]
        candidates = [*(replace(best, plan=plan) for plan in plans), best]
    for candidate in candidates:
        if any(each.signature == remark.signature for each in remarks(candidate.runs(load), ())):
            return candidate
    return scenario
