"""Whether a simulation is right, and what else than its runs counts: one truth for all screens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sbh_jobkit.fakes.faults.injector import WRONG_ANSWER
from sbh_jobkit.run.run import Outcome
from sbh_jobkit.simulation.idempotency import not_idempotent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.run.usage import Usage
    from sbh_jobkit.simulation.budget import Budget
    from sbh_jobkit.simulation.compare.judgement import Finding
    from sbh_jobkit.simulation.observations.observation import Observation

_INJECTED = "(fault plan)"
"""What the message of an injected error ends with: a job that lets it through has reported it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is wrong with a simulation."""

    failures: int
    """How many runs are not ok."""
    reports: int
    """How many of them are right, because they report an injected fault."""
    exceeded: Sequence[str]
    """A sentence for each budget that was exceeded."""
    not_idempotent: Mapping[str, list[Run]]
    """The runs whose second run changed or sent something, by job."""
    observations: Sequence[Observation] = ()
    """Those that count: none, unless somebody is strict."""
    lost: Sequence[Finding] = ()
    """What injected faults have lost or doubled for good."""

    @classmethod
    def from_runs(
        cls,
        runs: Sequence[Run],
        *,
        budget: Budget | None = None,
        usage: Usage | None = None,
        observations: Sequence[Observation] = (),
        lost: Sequence[Finding] = (),
    ) -> Self:
        """Judge runs, and what they used."""
        failures = [run for run in runs if not run.ok]
        return cls(
            failures=len(failures),
            reports=sum(map(is_report, failures)),
            exceeded=budget.exceeded(usage) if budget is not None and usage is not None else (),
            not_idempotent=not_idempotent(runs),
            observations=observations,
            lost=lost,
        )

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong: a run that reports an injected fault is right."""
        wrong = (self.exceeded, self.not_idempotent, self.observations, self.lost)
        return self.failures == self.reports and not any(wrong)


def is_failure(run: Run) -> bool:
    """Return whether a run fails and should not: a job that reports an error after an injected fault works well."""
    return run.outcome.started and not run.ok and run.expected is None and not is_report(run)


def is_report(run: Run) -> bool:
    """Return whether a run that failed met an injected fault and reported it, or was killed by one."""
    if run.error is None and run.outcome in {Outcome.CRASHED, Outcome.LOST}:
        return bool(run.injected_faults)
    raised = run.error is not None and (_INJECTED in run.error.message or _met_wrong_answer(run))
    failed = run.outcome is Outcome.FAILED or raised
    return failed and bool(run.injected_faults) and all(fault.allowed for fault in run.faults)


def _met_wrong_answer(run: Run) -> bool:
    """Whether it met a wrong answer, which a job that does not expect it cannot read: its exception is the report."""
    return any(WRONG_ANSWER in each for each in run.injected_faults)
