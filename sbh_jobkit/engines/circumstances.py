"""What decides on jobs beside their rows and their policies: disabled plugins, pauses and backfills.

Most stores have none of them, which one statement shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from sqlalchemy import exists, select

from sbh_jobkit.engines import backfill, installations
from sbh_jobkit.engines.pauses import Pauses
from sbh_jobkit.engines.schema import State, job_run, pause, plugin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.installations import Disabled
    from sbh_jobkit.engines.planner import Key, PlannedJob

_THERE_ARE = select(  # made once: to build a statement costs more than to execute it
    exists().where(plugin.c.disabled_at.is_not(None)),
    exists().select_from(pause),
    exists().where(job_run.c.state == State.BACKFILL),
)


class Circumstances(NamedTuple):
    """What is to be known of a store for decisions on some jobs."""

    disabled: Mapping[tuple[str, str], Disabled]
    """By tenant and plugin."""
    pauses: Pauses
    filled: set[Key]
    """The jobs of which a backfill has something left to start."""

    @classmethod
    def read(cls, connection: Connection, jobs: Sequence[PlannedJob]) -> Self:
        """Read what there is."""
        has_disabled, has_pauses, has_backfills = connection.execute(_THERE_ARE).one()
        return cls(
            installations.disabled(connection) if has_disabled else {},
            Pauses.read(connection) if has_pauses else Pauses(()),
            backfill.unfinished(connection, jobs) if has_backfills else set(),
        )
