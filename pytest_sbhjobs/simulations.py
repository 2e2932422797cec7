"""The simulations of a session: each plugin's runs once in a process, when the first of its jobs is tested."""

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
    """The simulations so far, by the plugin's file."""

    def __init__(self) -> None:
        """Start with none."""
        self.simulations: dict[Path, Simulation] = {}
        self._failed: dict[Path, str] = {}

    def of(self, plugin: Plugin, file: pytest.File) -> Simulation:
        """Return what happens in a plugin's range; raises the WorldError again with which it could not be simulated."""
        if file.path in self._failed:
            raise WorldError(self._failed[file.path])
        if file.path not in self.simulations:
            try:
                simulation = self.simulations[file.path] = _simulated(plugin, file)
            except JobkitError as error:
                self._failed[file.path] = str(error)
                raise
            for run in simulation.runs:
                file.ihook.pytest_sbh_run(run=run)
        return self.simulations[file.path]


MONTHS = pytest.StashKey[SimulationCache]()


def _simulated(plugin: Plugin, file: pytest.File) -> Simulation:
    world = World.of(plugin.root)
    simulator = Simulator(plugin, world, **file.config.stash[OPTIONS].range)
    world.install(plugin.jobs, simulator.own_zone)
    world.begin(simulator.start, simulator.zone, plugin)
    file.ihook.pytest_sbh_configure_world(world=world, plugin=plugin)
    return simulator.simulate()
