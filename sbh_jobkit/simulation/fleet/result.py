"""What a fleet did: its installations by plugin, counted together as they end, so that many of them fit in memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from sbh_jobkit.run.tally import Tally
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.fleet.installation import Installation, InstalledJob, NotReplayed
from sbh_jobkit.simulation.fleet.peaks import Concurrency

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


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
    by_hand: tuple[str, ...]
    warnings: tuple[str, ...]
    tenants: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How many runs there were at each, and how many of them need a look."""

    @classmethod
    def like(cls, one: Installation) -> InstalledPlugin:
        """Make one with the jobs of an installation, and nothing counted."""
        return cls(
            path=one.path,
            slug=one.plugin,
            name=one.name,
            start=one.start,
            end=one.end,
            zone=one.zone,
            jobs=tuple(replace(job, tally=Tally()) for job in one.jobs),
            by_hand=one.by_hand,
            warnings=one.warnings,
        )

    def add(self, one: Installation) -> None:
        """Count an installation of it."""
        for job, more in zip(self.jobs, one.jobs, strict=True):
            job.tally.merge(more.tally)
        self.tenants[one.tenant] = (one.runs, one.failures)

    @property
    def runs(self) -> int:
        """How many due instants ended, at all tenants."""
        return sum(runs for runs, _ in self.tenants.values())

    @property
    def failures(self) -> int:
        """How many of them need a look."""
        return sum(failures for _, failures in self.tenants.values())


@dataclass(slots=True, kw_only=True)
class FleetSimulation:
    """What a fleet did: `plugins` by path, and what could not be replayed in `not_replayed`."""

    asked: int
    """How many installations the fleet has."""
    plugins: dict[str, InstalledPlugin] = field(default_factory=dict)
    not_replayed: list[NotReplayed] = field(default_factory=list)
    in_part: list[Installation] = field(default_factory=list)
    """Those that were replayed up to where somebody interrupted them."""
    interrupted: bool = False

    def __repr__(self) -> str:
        """Say how it went in one line."""
        told = f"{self.done} of {self.asked} installations, {self.runs} runs, {self.failures} failures"
        return f"<FleetSimulation: {told}, {len(self.not_replayed)} not replayed>"

    def add(self, one: Installation | NotReplayed) -> None:
        """Count what an installation did."""
        if isinstance(one, NotReplayed):
            self.not_replayed.append(one)
            return
        self.plugins.setdefault(one.path, InstalledPlugin.like(one)).add(one)
        if one.reached is not None:
            self.in_part.append(replace(one, jobs=()))

    @property
    def done(self) -> int:
        """How many installations came to their end."""
        return sum(len(plugin.tenants) for plugin in self.plugins.values()) - len(self.in_part)

    @property
    def runs(self) -> int:
        """How many due instants ended."""
        return sum(plugin.runs for plugin in self.plugins.values())

    @property
    def failures(self) -> int:
        """How many of them need a look."""
        return sum(plugin.failures for plugin in self.plugins.values())

    @property
    def ok(self) -> bool:
        """Whether none does, and nothing was refused."""
        return not self.failures and not self.not_replayed

    @property
    def zone(self) -> ZoneInfo:
        """The zone of all plugins, or UTC where they differ."""
        zones = {plugin.zone for plugin in self.plugins.values()}
        return zones.pop() if len(zones) == 1 else times.zone("UTC")

    @property
    def start(self) -> datetime:
        """When the first began."""
        return min((plugin.start for plugin in self.plugins.values()), key=_instant).astimezone(self.zone)

    @property
    def end(self) -> datetime:
        """When the last ended."""
        return max((plugin.end for plugin in self.plugins.values()), key=_instant).astimezone(self.zone)

    @property
    def labels(self) -> dict[str, str]:
        """What to call each plugin: its slug, with its path where two have the same."""
        slugs = Counter(plugin.slug for plugin in self.plugins.values())
        return {
            path: plugin.slug if slugs[plugin.slug] == 1 else f"{plugin.slug} ({path})"
            for path, plugin in self.plugins.items()
        }

    def at(self, minute: int) -> datetime:
        """Return a minute since 1970 as a time in the zone."""
        return datetime.fromtimestamp(minute * 60, self.zone)

    def pileup(self) -> Concurrency:
        """Count the runs of each minute, by the plugin's label and the job."""
        labels = self.labels
        return Concurrency(
            {(labels[path], job.name): job.tally.starts for path, plugin in self.plugins.items() for job in plugin.jobs}
        )


def _instant(at: datetime) -> float:
    return at.timestamp()  # within one zone Python compares what clocks show
