"""How the call of a job ended, before it is a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sbh_jobkit.run.run import Outcome, RunError


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """What came of a call: by a limit that it passed, by what it raised or by what it returned."""

    outcome: Outcome
    value: Any = None
    error: RunError | None = None
    reason: str | None = None
    """The limit that it passed."""
    place: str | None = None
    """The plugin's file:line where it ended, unless it returned."""
    exited: bool = False
    """Whether it called `sys.exit`."""
