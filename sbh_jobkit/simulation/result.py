"""What happened in a simulated range: its runs, and the tenant as they left it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sbh_jobkit.display import Shown
from sbh_jobkit.errors import TimeFormatError, WorldError
from sbh_jobkit.run.frames import frame
from sbh_jobkit.run.httplog import HttpLog
from sbh_jobkit.run.usage import Usage
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.idempotency import unsafe

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.validation import PlannedFault
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.timeline import Due, Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation(Shown):
    """What happened: every run, in the order in which they were due."""

    plugin: Plugin
    world: World
    """The tenant as the simulation left it."""
    start: datetime
    end: datetime
    zone: ZoneInfo
    due: tuple[Due, ...]
    runs: list[Run]
    idle: tuple[PlannedFault, ...] = ()
    """What stood in the fault plan for runs to meet, and did nothing to any."""
    reached: datetime | None = None
    """The virtual time at which somebody interrupted it; None where it came to its end."""
    moments: list[Moment] = field(repr=False, compare=False, default_factory=list)
    """The world after each step, in the order of their virtual times."""

    def __repr__(self) -> str:
        """Say how it went in one line."""
        counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(Counter(self.verdicts).items()))
        return f"<Simulation of {self.plugin.slug}: {len(self.runs)} runs ({counts or 'none'})>"

    @property
    def ok(self) -> bool:
        """Whether no run needs a look."""
        return not self.failures

    @property
    def failures(self) -> list[Run]:
        """The runs that need a look: failed, faulty, or expected to fail and did not."""
        return [run for run in self.runs if not run.ok]

    @property
    def verdicts(self) -> list[str]:
        """Each run's verdict."""
        return [run.verdict for run in self.runs]

    @property
    def usage(self) -> Usage:
        """What the runs used, in all and by job."""
        return Usage.of(self.runs)

    @property
    def unsafe_to_repeat(self) -> dict[str, list[Run]]:
        """The runs whose second run changed or sent something, by job; raises WorldError where nothing ran twice."""
        if any(run.repeated is None and run.outcome.started for run in self.runs):
            msg = "nothing ran twice, so nobody knows what is safe to repeat: simulate(…, twice=True)"
            raise WorldError(msg)
        return unsafe(self.runs)

    @property
    def http(self) -> HttpLog:
        """The HTTP calls of all runs; `.to_frame()` makes a table of them."""
        return HttpLog(self.runs)

    def at(self, moment: str | datetime) -> World:
        """Return a world of its own as the jobs that are due at an instant met it: life had gone on until then.

        A naive time is in the simulation's zone. Raises TimeFormatError outside of the range.
        """
        instant = times.instant(moment, self.zone)
        last = self.reached or self.end
        if not self.start <= instant <= last:
            span = f"{self.start.isoformat()} to {last.isoformat()}"
            msg = f"{instant.isoformat()} is outside of the simulation, {span}"
            raise TimeFormatError(msg)
        before = [kept for kept in self.moments if (kept.epoch, kept.ran) < (instant.timestamp(), True)]
        world: World = before[-1].snapshot.world()
        return world

    def to_frame(self) -> Any:
        """Return the runs as a pandas DataFrame, a row a run."""
        columns = ("fire_time", "job", "verdict", "ok", "outcome", "duration", "reason", "summary", "value")
        counted = ("events", "http_calls", "llm_calls", "files", "faults", "injected_faults")
        rows = [
            {name: getattr(run, name) for name in columns} | {name: len(getattr(run, name)) for name in counted}
            for run in self.runs
        ]
        return frame(rows, columns=[*columns, *counted])
