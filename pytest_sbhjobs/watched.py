"""A run as a test gets it: it notes what the test reads.

A run that is not ok must be looked at. Whoever reads `ok`, `verdict`, `summary` or `to_dict` of a run, or lets a
simulation tell its failures, has seen everything; `faults` tells the faults, and `outcome`, `value`, `error` and
`reason` tell how the run ended, but not what it swallowed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sbh_jobkit.run.run import Run

_TELLS_ALL = frozenset({"ok", "verdict", "summary", "to_dict"})
_TELLS_FAULTS = _TELLS_ALL | {"faults"}
_TELLS_END = _TELLS_ALL | {"outcome", "value", "error", "reason"}


@dataclass(slots=True)
class TrackedRun:
    """A run of a test, and the names of what the test read of it."""

    run: Run
    among_many: bool
    """Whether it is one of a simulation, and shown with a failing test only where it failed itself."""
    names: set[str] = field(default_factory=set)

    @property
    def silent(self) -> bool:
        """Whether something went wrong that the test did not look at."""
        if self.run.ok:
            return False
        faulty = any(not fault.allowed for fault in self.run.faults)
        ended_badly = self.run.verdict != "faulty"
        return (faulty and not self.names & _TELLS_FAULTS) or (ended_badly and not self.names & _TELLS_END)


class WatchedRun(Run):
    """Answers everything as the run does; a subclass only so that it is a `Run` to whoever asks."""

    __slots__ = ("_seen",)

    def __init__(self, seen: TrackedRun) -> None:
        """Stand for the run."""
        object.__setattr__(self, "_seen", seen)

    def __getattribute__(self, name: str) -> Any:
        """Note the name, and let the run answer: its class is that of the run, so both compare equal."""
        seen = object.__getattribute__(self, "_seen")
        seen.names.add(name)
        return getattr(seen.run, name)

    def __repr__(self) -> str:
        """Say it as the run does; pytest shows that, and a test that only prints it has not looked."""
        return repr(object.__getattribute__(self, "_seen").run)
