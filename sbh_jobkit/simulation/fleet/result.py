"""The result of a fleet: its installations by plugin, counted as they end, so that many of them fit in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.fleet.installation import Installation, NotSimulated
from sbh_jobkit.simulation.result import SimulationResult

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.simulation.installed import InstalledPlugin


@dataclass(slots=True, kw_only=True)
class FleetSimulation(SimulationResult):
    """What a fleet did: `plugins` by path, and in `not_simulated` the installations that could not be simulated."""

    asked: int
    """How many installations the fleet has."""
    plugins: dict[str, InstalledPlugin] = field(default_factory=dict)
    not_simulated: list[NotSimulated] = field(default_factory=list)
    partial: list[Installation] = field(default_factory=list)
    """The installations that did not reach their end because a person stopped them; without their jobs."""
    interrupted: bool = False
    missing_runs: int = 0
    """How many due instants of installations that reached their end have no run."""

    def __repr__(self) -> str:
        """Return the counts in one line."""
        counts = f"{self.done} of {self.asked} installations, {self.runs} runs, {self.failures} failures"
        return f"<FleetSimulation: {counts}, {len(self.not_simulated)} not simulated>"

    def add(self, one: Installation | NotSimulated) -> None:
        """Count what an installation did."""
        if isinstance(one, NotSimulated):
            self.not_simulated.append(one)
            return
        if one.path not in self.plugins:
            self.plugins[one.path] = one.as_plugin().empty()
        self.plugins[one.path].merge(one.jobs, one.tenant, one.lines)
        self.missing_runs += one.missing
        if one.reached is not None:
            self.partial.append(replace(one, jobs=(), lines=None))

    @property
    def done(self) -> int:
        """How many installations reached their end."""
        return sum(len(plugin.tenants) for plugin in self.plugins.values()) - len(self.partial)

    @property
    def runs(self) -> int:
        """How many runs there are, with those that did not start."""
        return self.run_count

    @property
    def failures(self) -> int:
        """How many runs need attention."""
        return self.failure_count

    @property
    def ok(self) -> bool:
        """Whether no run needs attention, none is missing, and every installation was simulated."""
        complete = not self.missing_runs and (self.interrupted or self.done == self.asked)
        return not self.failures and not self.not_simulated and complete

    @property
    def not_replayed(self) -> list[NotSimulated]:
        """Old name of `not_simulated`."""
        return self.not_simulated

    @property
    def zone(self) -> ZoneInfo:
        """The zone of all plugins, or UTC if they have several."""
        zones = {plugin.zone for plugin in self.plugins.values()}
        return zones.pop() if len(zones) == 1 else times.zone("UTC")

    @property
    def start(self) -> datetime:
        """When the first plugin started."""
        return min((plugin.start for plugin in self.plugins.values()), key=_instant).astimezone(self.zone)

    @property
    def end(self) -> datetime:
        """When the last plugin ended."""
        return max((plugin.end for plugin in self.plugins.values()), key=_instant).astimezone(self.zone)


def _instant(at: datetime) -> float:
    return at.timestamp()  # two times of one zone compare by what clocks show, which repeats when clocks go back
