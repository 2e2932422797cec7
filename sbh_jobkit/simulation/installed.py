"""A plugin as it is installed at one tenant or at many: its jobs, and the counts of their runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from sbh_jobkit.run.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.timeline import Due
    from sbh_jobkit.simulation.unreached import LinesSeen, UnreachedLines


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledJob:
    """A job with a schedule, and the counts of its runs."""

    name: str
    schedule: str | None
    """The cron expression; None if only the runs know the job."""
    english: str | None
    """The schedule in plain words."""
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def from_due(cls, due: Due) -> Self:
        """Describe a job of a simulation; nothing is counted yet."""
        return cls(name=due.job.name, schedule=due.schedule.expression, english=due.schedule.describe())


@dataclass(slots=True, kw_only=True)
class InstalledPlugin:
    """What the jobs of one plugin did at all its tenants."""

    path: str
    slug: str
    name: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    jobs: tuple[InstalledJob, ...]
    manual: tuple[str, ...] = ()
    """Jobs without a schedule."""
    warnings: tuple[str, ...] = ()
    """What is probably a mistake in the plugin."""
    lines: LinesSeen | None = None
    """The lines that the runs at all tenants left over; None if nothing has noted them."""
    tenants: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How many runs there were at each tenant, and how many of them need attention."""

    @property
    def runs(self) -> int:
        """How many runs there are at all tenants, with those that did not start."""
        return sum(runs for runs, _ in self.tenants.values())

    @property
    def failures(self) -> int:
        """How many of them need attention."""
        return sum(failures for _, failures in self.tenants.values())

    @property
    def unreached(self) -> tuple[UnreachedLines, ...] | None:
        """The lines that no run reached at any tenant; None if nothing has noted lines."""
        return None if self.lines is None else self.lines.after({job.name for job in self.jobs if job.tally.starts})

    def add(self, runs: Iterable[Run], tenant: str) -> None:
        """Count runs at a tenant."""
        tallies = {job.name: job.tally for job in self.jobs}
        for run in runs:
            if run.job not in tallies:
                unknown = InstalledJob(name=run.job, schedule=None, english=None)
                self.jobs, tallies[run.job] = (*self.jobs, unknown), unknown.tally
            tallies[run.job].add(run)
            total, failures = self.tenants.get(tenant, (0, 0))
            self.tenants[tenant] = (total + 1, failures + (not run.ok))

    def merge(self, jobs: Iterable[InstalledJob], tenant: str, lines: LinesSeen | None = None) -> None:
        """Add what the same jobs did at another tenant."""
        if lines is not None and self.lines is not None:
            self.lines.merge(lines)
        self.lines = self.lines or lines
        runs = failures = 0
        for job, more in zip(self.jobs, jobs, strict=True):
            job.tally.merge(more.tally)
            runs, failures = runs + more.tally.runs, failures + more.tally.failures
        self.tenants[tenant] = (runs, failures)

    def empty(self) -> Self:
        """Return the plugin with nothing counted."""
        return replace(self, jobs=tuple(replace(job, tally=Tally()) for job in self.jobs), lines=None, tenants={})


def manual_jobs(plugin: Plugin) -> tuple[str, ...]:
    """Return the names of the jobs that have no schedule."""
    return tuple(name for name, job in plugin.jobs.items() if job.expression is None)
