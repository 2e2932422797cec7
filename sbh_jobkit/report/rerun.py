"""The shell command that repeats a run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from datetime import datetime

    from sbh_jobkit.run.run import Run


def command(path: str, start: datetime, run: Run, *options: str) -> str:
    """Return the command that simulates a plugin from `start` up to a run and shows that run.

    `options` are further words of the command line, such as `--tz`, `Europe/Paris`.
    """
    instants = ("--from", times.format_time(start), "--at", times.format_time(run.fire_time))
    return shlex.join(["sbh-jobkit", "run", path, run.job, *instants, *options])
