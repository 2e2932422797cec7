"""What jobs said success of under stress, though what they returned, were answered or kept says otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.simulation.compare.judgement import met_faults
from sbh_jobkit.simulation.observations.calls import call_observations, kept_answers
from sbh_jobkit.simulation.observations.observation import Observation, merged
from sbh_jobkit.simulation.observations.values import value_observations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from sbh_jobkit.fakes.faults.validation import InjectedFault
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.stress.scenario import Load, Scenario

_NUMBERS = re.compile(r"\d+")
_IGNORED = frozenset({"answer-ignored", "exception-swallowed"})
_STORED = "the file "
"""How the message about a file begins that was not stored: nothing can be done about a mark that cannot be written."""


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
        return self.observation.kind, self.observation.job or "", _NUMBERS.sub("#", self.observation.message)

    @property
    def line(self) -> str:
        """The observation, and what the run met, in one line."""
        return f"{self.observation.line}; the run met {self.met}"


def remarks(runs: Iterable[Run], allowed: Collection[str]) -> Iterator[Remark]:
    """Yield what runs that met an injected fault returned, ignored or kept, without the kinds that are allowed."""
    seen = list(runs)
    met: dict[tuple[str | None, datetime | None], str] = {
        (run.job, run.fire_time): met_faults(run) for run in seen if run.ok and run.injected_faults
    }
    answered = (each for run in seen if (run.job, run.fire_time) in met for each in _observations(run))
    for each in merged(each for each in chain(answered, kept_answers(seen)) if each.kind not in allowed):
        yield Remark(observation=each, met=met[each.job, each.first])


def _observations(run: Run) -> Iterator[Observation]:
    """Yield what a run returned, and the answers of hosts and models that it did not look at."""
    yield from value_observations(run)
    for each in call_observations(run, replies=False):
        if each.kind in _IGNORED and not each.message.startswith(_STORED):
            yield each


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
