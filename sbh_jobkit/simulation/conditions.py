"""The conditions of a simulation: its range and zone, its jobs, and what each run is held to.

Every face (command line, magics, pytest, `simulate`, `Simulator`, `Fleet`, stress) makes one `Conditions`, and this is
the one place where a value is checked. The zone of a plugin is not known yet: `range_in` needs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.errors import JobkitError, TimeFormatError
from sbh_jobkit.fakes.faults.parse import parse as parse_fault
from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.fakes.world import TENANT, World
from sbh_jobkit.run.limits import check_time_limit
from sbh_jobkit.schedule import policies, times
from sbh_jobkit.simulation.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime, timedelta
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from sbh_jobkit.schedule.policy import Policy


DURATION = "30d"
"""How long a simulation is if neither its end nor its duration is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a simulation is held to; raises the error of the first value that is wrong."""

    start: str | datetime = times.START
    """A naive time is in the zone in force."""
    end: str | datetime | None = None
    duration: str | timedelta | None = None
    """Instead of `end`; without both it is 30 days."""
    tz: str | None = None
    """The zone in force; without it the world's, else the manifest's, else UTC."""
    jobs: Iterable[str] | None = None
    """Only these jobs; None are all."""
    policy: Policy | Mapping[str, Policy] | None = None
    """One policy for all jobs, or a policy by job."""
    faults: FaultPlan | None = None
    """What goes wrong during the simulation."""
    budget: Budget = field(default_factory=lambda: Budget(limits={}))
    time_limit: float | None = None
    """How long a run may take, in seconds; None leaves it to the world."""
    seed: int | None = None
    """The seed of `world.random`; None leaves it to the world."""
    target: str | None = None
    """Whose answers jobs get, "guide" or "host"; None leaves it to the world."""
    twice: bool = False
    """Whether every run is followed by a second one, which shows what it would change."""
    strict: bool = False
    """Whether observations fail the simulation."""
    unreached: bool = False
    """Whether the lines that runs reach are noted even where that is slow, which is before Python 3.12."""

    def __post_init__(self) -> None:
        """Check the values."""
        if self.end is not None and self.duration is not None:
            msg = "give an end or a duration, not both"
            raise TimeFormatError(msg)
        zone = None if self.tz is None else times.zone(self.tz)
        for at in (self.start, self.end):
            if at is not None:
                times.parse(at) if zone is None else times.instant(at, zone)
        if self.duration is not None:
            times.duration(self.duration)
        if self.time_limit is not None:
            object.__setattr__(self, "time_limit", check_time_limit(self.time_limit))
        jobs = (self.jobs,) if isinstance(self.jobs, str) else self.jobs
        object.__setattr__(self, "jobs", None if jobs is None else tuple(dict.fromkeys(jobs)))
        FaultPlan.from_argument(self.faults)

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Read the options of a command line, a magic or pytest, by their names; those left out keep their defaults.

        `job`, `policy`, `fault` and `budget` are lists, because these options may be repeated.
        """
        given = {name: value for name, value in options.items() if value is not None}
        values = {name: given[name] for name in ("start", "end", "duration", "tz", *_AS_THEY_ARE) if name in given}
        plan = FaultPlan.load(given["faults"]) if "faults" in given else FaultPlan()
        more = [parse_fault(line) for line in given.get("fault", ())]
        return cls(
            **values,
            jobs=given.get("job"),
            policy=policies.parse(given.get("policy", ())),
            faults=FaultPlan(*plan.faults, *more, seed=given.get("seed", plan.seed)),
            budget=Budget.read(given.get("budget", ())),
        )

    @property
    def plan(self) -> FaultPlan:
        """The fault plan; one without faults if none is given."""
        return FaultPlan.from_argument(self.faults)

    def zone_in(self, world: World) -> ZoneInfo | None:
        """Return the zone that was asked for, here or by the world; it counts instead of the manifest's."""
        return times.zone(self.tz) if self.tz is not None else world.tz

    def range_in(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return start and end in a zone."""
        start = times.instant_in_range(self.start, zone)
        return start, times.end_of(start, self.end, self.duration, default=DURATION)

    def only(self, jobs: Collection[str]) -> Self:
        """Return the conditions without the jobs that a plugin does not have."""
        if self.jobs is None:
            return self
        return replace(self, jobs=tuple(name for name in self.jobs if name in jobs))

    def world_of(self, root: Path | None, tenant: str = TENANT) -> World:
        """Make the world that a plugin's folder describes for a tenant, with this seed and target."""
        world = World.for_folder(root, tenant, self.seed or 0)
        if self.target is not None:
            world.target = self.target
        return world

    def apply_to(self, world: World) -> World:
        """Set seed and target of a world that is there already, and return it."""
        if self.target is not None:
            world.target = self.target
        if self.seed is not None:
            world.random.seed(self.seed)
        return world


_AS_THEY_ARE = ("time_limit", "seed", "target", "twice", "strict", "unreached")
_NOT_WITH = {
    "stress": ("budget", "twice", "unreached", "html"),
    "against": ("budget", "twice", "unreached", "stress"),
}


def check_together(options: Mapping[str, Any]) -> None:
    """Raise JobkitError for options that cannot be given together; it names only those that can be given here."""
    for name, others in _NOT_WITH.items():
        if options.get(name) is not None and any(options.get(other) for other in others):
            *most, last = (f"--{other}" for other in others if other in options)
            msg = f"--{name} cannot be combined with {', '.join(most)} or {last}"
            raise JobkitError(msg)
