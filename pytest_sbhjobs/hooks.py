"""The hooks that a `conftest.py` may define."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sbh_jobkit import Plugin, Run, World


def pytest_sbh_configure_world(world: World, plugin: Plugin) -> None:
    """Change a fake tenant after its `world.py` has set it up: that of each test, and that of each simulation."""


def pytest_sbh_run(run: Run) -> None:
    """Look at a run that has ended, in the process that ran it."""
