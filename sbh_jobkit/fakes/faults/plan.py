"""What goes wrong in a simulated range: seeded, repeatable, and a value."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import FaultPlanError, UnknownJobError, did_you_mean
from sbh_jobkit.fakes.faults.kinds import (
    KINDS,
    Crash,
    Errors,
    Latency,
    Outage,
    RateLimit,
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
    """Faults that hit a simulation, of which none moves the chances of another; plans of the same are equal."""

    __slots__ = ("faults", "seed")

    def __init__(self, *faults: InjectedFault, seed: int = 0) -> None:
        """Take the faults; the same seed makes the same chances."""
        for fault in faults:
            if not isinstance(fault, InjectedFault):
                kinds = ", ".join(kind.__name__ for kind in KINDS.values())
                msg = f"a fault plan is made of {kinds}; got {fault!r}"
                raise FaultPlanError(msg)
        self.faults = faults
        self.seed = _seed(seed)

    def __repr__(self) -> str:
        """Write it as it is made."""
        return f"FaultPlan({', '.join([*map(repr, self.faults), f'seed={self.seed}'])})"

    def __eq__(self, other: object) -> bool:
        """Whether another is made of the same."""
        return isinstance(other, FaultPlan) and (self.faults, self.seed) == (other.faults, other.seed)

    def __hash__(self) -> int:
        """Hash what it is made of."""
        return hash((self.faults, self.seed))

    @classmethod
    def from_argument(cls, given: FaultPlan | None) -> FaultPlan:
        """Take what stands for a plan: none is one without faults; raises FaultPlanError for what is no plan."""
        if given is not None and not isinstance(given, FaultPlan):
            msg = f"faults must be a FaultPlan, got {given!r}; FaultPlan.load('plan.toml') reads one from a file"
            raise FaultPlanError(msg)
        return given if given is not None else cls()

    @classmethod
    def load(cls, path: str | Path) -> FaultPlan:
        """Read a plan from a TOML file: `seed = 7`, and tables such as `[[outage]]` with the settings of each fault."""
        try:
            with Path(path).open("rb") as file:
                found = tomllib.load(file)
        except OSError as error:
            msg = f"cannot read the fault plan {str(path)!r}: {error.strerror}"
            raise FaultPlanError(msg) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            msg = f"{path}: a fault plan is TOML, with tables such as [[outage]]: {error}"
            raise FaultPlanError(msg) from error
        seed = found.pop("seed", 0)
        try:
            faults = [fault for word, tables in found.items() for fault in _entries(word, tables)]
            return cls(*faults, seed=seed)
        except FaultPlanError as error:
            msg = f"{path}: {error}"
            raise FaultPlanError(msg) from error

    def check_jobs(self, jobs: Collection[str]) -> None:
        """Raise UnknownJobError for a fault of a job that there is not."""
        for fault in self.faults:
            name = getattr(fault, "job", EVERY)
            if name != EVERY and name not in jobs:
                msg = f"{fault.word}: there is no job {name!r}{did_you_mean(name, jobs)}"
                raise UnknownJobError(msg)

    def downtime(self, zone: ZoneInfo) -> list[Window]:
        """Return when the scheduler is down, in order, overlapping times as one."""
        windows: list[Window] = []
        found = [fault.window(zone) for fault in self.faults if isinstance(fault, SchedulerDown)]
        for window in sorted(found, key=lambda one: one.start):
            start, end = window.start, window.end
            if windows and start <= windows[-1].end:
                start, end = windows[-1].start, max(end, windows.pop().end)
            windows.append(Window(start=start, end=end))
        return windows


def _entries(word: str, tables: Any) -> Iterator[InjectedFault]:
    if word not in KINDS:
        known = ("seed", *KINDS)
        hint = did_you_mean(word, known) or f"; it takes {', '.join(known)}"
        msg = f"a fault plan has no {word!r}{hint}"
        raise FaultPlanError(msg)
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        msg = f"{word} stands in two pairs of brackets, [[{word}]], with its settings below; got {tables!r}"
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
