"""The hooks that a `conftest.py` may define; a module of its own, because pytest reads hooks from a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sbh_jobkit import Plugin, Run, World


def pytest_sbh_configure_world(world: World, plugin: Plugin) -> None:
    """Change the world of a test or of a simulation after its `world.py` has set it up."""


def pytest_sbh_run(run: Run) -> None:
    """Receive each run when it has ended, in the process that ran it."""
