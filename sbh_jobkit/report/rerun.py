"""The shell command that repeats a run, and the words that every such command needs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from sbh_jobkit.schedule import times

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime

    from sbh_jobkit.run.run import Run


def command(path: str, start: datetime, run: Run, *options: str) -> str:
    """Return the command that simulates a plugin from `start` up to a run and shows that run.

    `options` are further words of the command line, such as `--tz`, `Europe/Paris`.
    """
    instants = ("--from", times.format_time(start), "--at", times.format_time(run.fire_time))
    return shlex.join(["sbh-jobkit", "run", path, run.job, *instants, *options])


def shared_words(options: Namespace) -> tuple[str, ...]:
    """Return the options of a command that every command which repeats it needs: policies, world, target and seed."""
    words = [word for line in options.policy or () for word in ("--policy", line)]
    words += ["--world", options.world] if getattr(options, "world", None) else []
    words += ["--target", options.target] if options.target else []
    words += ["--seed", str(options.seed)] if options.seed is not None else []
    return tuple(words)
