"""A scenario of stress: a range of dates and the faults in it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin.places import call_place
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.conditions import Conditions
from sbh_jobkit.simulation.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.schedule.policy import Policy

Load = Callable[[], tuple[Plugin, World]]
"""Loads the plugin and its world again for each scenario, so that none sees what another has changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Jobs, a range and the faults in it."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    plan: FaultPlan
    jobs: tuple[str, ...] = ()
    """Only these jobs; an empty tuple means all."""
    time_limit: float | None = None
    """How long a run may take, in seconds; None leaves it to the world."""
    policy: Policy | Mapping[str, Policy] | None = None
    words: tuple[str, ...] = ()
    """More options of the command that repeats it, such as its policies."""

    @classmethod
    def from_simulator(cls, simulator: Simulator, words: tuple[str, ...] = ()) -> Self:
        """Take the range and the conditions of a simulator."""
        given = simulator.conditions
        return cls(
            start=simulator.start,
            end=simulator.end,
            zone=simulator.zone,
            plan=given.plan,
            jobs=tuple(given.jobs or ()),
            time_limit=given.time_limit,
            policy=given.policy,
            words=words,
        )

    @property
    def conditions(self) -> Conditions:
        """The scenario as the conditions of a simulation."""
        return Conditions(
            start=self.start,
            end=self.end,
            tz=self.zone.key,
            jobs=self.jobs or None,
            policy=self.policy,
            faults=self.plan,
            time_limit=self.time_limit,
        )

    def runs(self, load: Load) -> Iterator[Run]:
        """Yield the runs of the scenario, one at a time."""
        yield from Simulator.under(self.conditions, *load()).runs()

    def calls(self, load: Load) -> Iterator[tuple[Run, list[tuple[str, str]]]]:
        """Yield each run with the members of `ctx` that it called, each with the plugin's line that called it."""
        plugin, world = load()
        made: list[tuple[str, str]] = []
        traced = {name: replace(job, function=_traced(job, made)) for name, job in plugin.jobs.items()}
        plugin.jobs.update(traced)
        for run in Simulator.under(self.conditions, plugin, world).runs():
            yield run, list(made)
            made.clear()

    def until(self, instant: datetime) -> Scenario:
        """Return the same scenario up to the end of the minute of a time."""
        return replace(self, end=(instant.astimezone(UTC) + timedelta(minutes=1)).astimezone(self.zone))

    def command(self, path: str | None) -> str:
        """Return the command that repeats it: of the command line, or without a path that of a notebook."""
        words = ["%simulate", self._length()] if path is None else ["sbh-jobkit", "simulate", path]
        words += ["--from", times.format_time(self.start)]
        words += [] if path is None else ["--for", self._length()]
        words += ["--tz", self.zone.key]
        for job in self.jobs:
            words += ["--job", job]
        words += self.words
        words += ["--time-limit", f"{self.time_limit:g}"] if self.time_limit is not None else []
        for fault in self.plan.faults:
            words += ["--fault", str(fault)]
        return shlex.join(words)

    def _length(self) -> str:
        elapsed = (self.end - self.start.astimezone(UTC)).total_seconds()
        hours, minutes = divmod(int(elapsed) // 60, 60)
        if hours and minutes and elapsed % 60 == 0:
            return f"{hours}h{minutes}m"  # easier to read than 661m
        return times.format_duration(times.Duration(0, int(elapsed)))


def _traced(job: Job, made: list[tuple[str, str]]) -> Callable[..., Any]:
    """Return a job's function that adds each call of `ctx` to a list."""

    def call(ctx: Any) -> Any:
        gate = ctx._gate  # noqa: SLF001  a context has one gate, through which all its calls go
        observe = gate.observe

        def look(member: str) -> None:
            made.append((member, call_place(sys._getframe(1), job.root) or ""))  # noqa: SLF001  who called
            if observe is not None:
                observe(member)

        gate.observe = look
        return job.function(ctx)

    return call
