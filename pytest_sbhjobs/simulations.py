"""The simulations of a pytest session: each plugin is simulated once in a process, for its first job's test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_sbhjobs.options import OPTIONS
from sbh_jobkit import Simulation, Simulator, World
from sbh_jobkit.errors import JobkitError, WorldError

if TYPE_CHECKING:
    from pathlib import Path

    from sbh_jobkit import Plugin


class SimulationCache:
    """The simulations made so far, by the plugin's file."""

    def __init__(self) -> None:
        """Start empty."""
        self.simulations: dict[Path, Simulation] = {}
        self._errors: dict[Path, str] = {}

    def simulate(self, plugin: Plugin, file: pytest.File) -> Simulation:
        """Return the plugin's simulation, made at the first call; raises WorldError at every call if it failed."""
        if file.path in self._errors:
            raise WorldError(self._errors[file.path])
        if file.path not in self.simulations:
            try:
                simulation = self.simulations[file.path] = _simulate(plugin, file)
            except JobkitError as error:
                self._errors[file.path] = str(error)
                raise
            for run in simulation.runs:
                file.ihook.pytest_sbh_run(run=run)
        return self.simulations[file.path]


SIMULATIONS = pytest.StashKey[SimulationCache]()


def _simulate(plugin: Plugin, file: pytest.File) -> Simulation:
    world = World.for_folder(plugin.root)
    simulator = Simulator.under(file.config.stash[OPTIONS].conditions, plugin, world)
    world.install(plugin.jobs, simulator.own_zone)
    world.begin(simulator.start, simulator.zone, plugin)
    file.ihook.pytest_sbh_configure_world(world=world, plugin=plugin)
    return simulator.simulate()
