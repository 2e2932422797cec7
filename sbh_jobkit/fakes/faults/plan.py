"""A fault plan: the faults to inject into a simulation, and a seed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import FaultPlanError, UnknownJobError, decode_utf8, did_you_mean
from sbh_jobkit.fakes.faults.kinds import (
    KINDS,
    Crash,
    Errors,
    Latency,
    Outage,
    RateLimit,
    SchedulerCrash,
    SchedulerDown,
    Slow,
    StorageFull,
)
from sbh_jobkit.fakes.faults.parse import parse, read
from sbh_jobkit.fakes.faults.validation import EVERY, InjectedFault
from sbh_jobkit.schedule.policy import Window

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from zoneinfo import ZoneInfo

__all__ = [
    "Crash",
    "Errors",
    "FaultPlan",
    "Latency",
    "Outage",
    "RateLimit",
    "SchedulerDown",
    "Slow",
    "StorageFull",
    "parse",
]


class FaultPlan:
    """Faults to inject into a simulation, such as `FaultPlan(Errors("llm", rate=0.1), seed=7)`; it is a value."""

    __slots__ = ("faults", "seed")

    def __init__(self, *faults: InjectedFault, seed: int = 0) -> None:
        """Make a plan; the same faults and seed always hit the same requests and runs."""
        for fault in faults:
            if not isinstance(fault, InjectedFault):
                kinds = ", ".join(kind.__name__ for kind in KINDS.values())
                msg = f"a fault plan is made of {kinds}; got {fault!r}"
                raise FaultPlanError(msg)
        self.faults = faults
        self.seed = _seed(seed)

    def __repr__(self) -> str:
        """Return the Python expression that makes this plan."""
        return f"FaultPlan({', '.join([*map(repr, self.faults), f'seed={self.seed}'])})"

    def __eq__(self, other: object) -> bool:
        """Whether `other` has the same faults and seed."""
        return isinstance(other, FaultPlan) and (self.faults, self.seed) == (other.faults, other.seed)

    def __hash__(self) -> int:
        """Return a hash of faults and seed."""
        return hash((self.faults, self.seed))

    @classmethod
    def from_argument(cls, given: FaultPlan | None) -> FaultPlan:
        """Return the plan, or an empty plan for None; raises FaultPlanError for anything else."""
        if given is not None and not isinstance(given, FaultPlan):
            msg = f"faults must be a FaultPlan, got {given!r}; FaultPlan.load('plan.toml') reads one from a file"
            raise FaultPlanError(msg)
        return given if given is not None else cls()

    @classmethod
    def load(cls, path: str | Path) -> FaultPlan:
        """Load a TOML file: `seed = 7`, and one table such as `[[outage]]` with settings per fault."""
        try:
            text = decode_utf8(Path(path).read_bytes())
        except OSError as error:
            msg = f"cannot read the fault plan {str(path)!r}: {error.strerror}"
            raise FaultPlanError(msg) from error
        except ValueError as error:
            msg = f"cannot read the fault plan {str(path)!r}: {error}"
            raise FaultPlanError(msg) from error
        try:
            found = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # also for a number with too many digits
            msg = f"{path}: the fault plan is not valid TOML: {error}; write tables such as [[outage]]"
            raise FaultPlanError(msg) from error
        seed = found.pop("seed", 0)
        try:
            faults = [fault for word, tables in found.items() for fault in _entries(word, tables)]
            return cls(*faults, seed=seed)
        except FaultPlanError as error:
            msg = f"{path}: {error}"
            raise FaultPlanError(msg) from error

    def check_jobs(self, jobs: Collection[str]) -> None:
        """Raise UnknownJobError if a fault names a job that is not in `jobs`."""
        for fault in self.faults:
            name = getattr(fault, "job", EVERY)
            if name != EVERY and name not in jobs:
                known = f"; the plugin's jobs are {', '.join(jobs)}" if jobs else "; the plugin has none"
                msg = f"{fault.word}: there is no job {name!r}{did_you_mean(name, jobs) or known}"
                raise UnknownJobError(msg)

    def downtime(self, zone: ZoneInfo) -> list[Window]:
        """Return when the scheduler is down: sorted, with overlapping times merged."""
        windows: list[Window] = []
        found = [fault.window(zone) for fault in self.faults if isinstance(fault, SchedulerDown | SchedulerCrash)]
        for window in sorted(found, key=lambda window: window.start):
            start, end = window.start, window.end
            if windows and start <= windows[-1].end:
                start, end = windows[-1].start, max(end, windows.pop().end)
            windows.append(Window(start=start, end=end))
        return windows


def _entries(word: str, tables: Any) -> Iterator[InjectedFault]:
    if word not in KINDS:
        known = ("seed", *KINDS)
        hint = did_you_mean(word, known) or f"; use one of {', '.join(known)}"
        msg = f"unknown name {word!r} in a fault plan{hint}"
        raise FaultPlanError(msg)
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        msg = f"{word} must be a table in double brackets, [[{word}]], with its settings below; got {tables!r}"
        raise FaultPlanError(msg)
    for number, settings in enumerate(tables, start=1):
        try:
            yield read(word, settings)
        except FaultPlanError as error:
            msg = f"[[{word}]] number {number}: {error}"
            raise FaultPlanError(msg) from error


def _seed(seed: Any) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int):
        msg = f"seed must be a whole number, got {seed!r}"
        raise FaultPlanError(msg)
    return seed
