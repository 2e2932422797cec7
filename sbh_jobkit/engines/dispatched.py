"""What was decided on the due instants of a job."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.schedule.policy import Action, Decision

if TYPE_CHECKING:
    from sbh_jobkit.engines.planner import PlannedJob

OUTCOMES = {Action.SKIP: Outcome.SKIPPED, Action.COALESCE: Outcome.COALESCED, Action.MISS: Outcome.MISSED}
"""How a fire time ends that does not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatched:
    """What was decided for one job, and whether something is left that needs a free slot."""

    job: PlannedJob
    decisions: list[Decision]
    needs_slot: bool
    is_held: bool = False
    """Whether what is left waits for runs of other jobs, which use what it needs."""

    @property
    def starts(self) -> list[Decision]:
        """What was claimed."""
        return [decision for decision in self.decisions if decision.action is Action.START]

    @property
    def unstarted(self) -> list[Run]:
        """The runs of due instants that ended without a start."""
        return [unstarted(self.job, decision) for decision in self.decisions if decision.action in OUTCOMES]


def unstarted(job: PlannedJob, decision: Decision) -> Run:
    """Return the run of a due instant that did not start."""
    return Run(
        tenant=job.tenant,
        plugin=job.plugin,
        job=job.job,
        fire_time=datetime.fromtimestamp(decision.fire, job.schedule.tz),
        started_at=None,
        duration=timedelta(0),
        outcome=OUTCOMES[decision.action],
        reason=decision.reason,
        attempt=decision.attempt,
    )
