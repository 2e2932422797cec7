"""`sbh-jobkit resume`: let jobs that were paused start again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.cli.pause import person, scope_of, writing
from sbh_jobkit.engines.instants import now

if TYPE_CHECKING:
    from argparse import Namespace


def resume(options: Namespace) -> bool:
    """End the pauses of a job, of a plugin and its jobs, or all of them."""
    with writing(options) as connection:
        from sbh_jobkit.engines import pauses

        ended = pauses.end(connection, scope_of(options, connection), person(), now())
    for each in ended:
        print(f"{each.scope.subject} was paused by {each.who}, and goes on")
    return True
