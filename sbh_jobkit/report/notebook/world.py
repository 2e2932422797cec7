"""A world, as a notebook shows it: as a snapshot that was taken now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.notebook import snapshot

if TYPE_CHECKING:
    from sbh_jobkit.fakes.world import World


def text(world: World) -> str:
    """Count what it holds, for a terminal."""
    return snapshot.text(world.snapshot())


def html(world: World) -> str:
    """Show what it holds."""
    return snapshot.html(world.snapshot())
