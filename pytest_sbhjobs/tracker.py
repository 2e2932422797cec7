"""What a test ran, and whether it checked it: no test passes while one of its jobs failed unnoticed.

A test must check a run that is not ok. A test that reads `ok`, `verdict`, `summary` or `to_dict` of a run, or the
failures of a simulation, has checked all of it. `faults` covers the faults only; `outcome`, `value`, `error` and
`reason` cover how the run ended, but not the errors that the job swallowed. Who has checked an attempt at a fire time
has checked the earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from pytest_sbhjobs import markers
from sbh_jobkit.errors import did_you_mean
from sbh_jobkit.run.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.run.recorder import Recorder
    from sbh_jobkit.run.run import Fault

_MOST_SHOWN = 5
_COVER_ALL = frozenset({"ok", "verdict", "summary", "to_dict"})
_COVER_FAULTS = _COVER_ALL | {"faults"}
_COVER_OUTCOME = _COVER_ALL | {"outcome", "value", "error", "reason"}


@dataclass(slots=True)
class TrackedRun:
    """A run of a test, and the names of the attributes that the test read."""

    run: Run
    in_simulation: bool
    """Runs of a simulation are shown with a failing test only if they failed themselves."""
    names: set[str] = field(default_factory=set)

    @property
    def fire(self) -> tuple[object, ...]:
        """The job and its fire time, at which there may be several attempts."""
        return self.run.tenant, self.run.plugin, self.run.job, self.run.fire_time.timestamp()

    @property
    def unchecked(self) -> bool:
        """Whether something went wrong that the test did not check."""
        if self.run.ok:
            return False
        faulty = any(not fault.allowed for fault in self.run.faults)
        ended_badly = self.run.verdict != "faulty"
        return (faulty and not self.names & _COVER_FAULTS) or (ended_badly and not self.names & _COVER_OUTCOME)


class WatchedRun(Run):
    """The run that a test gets: it records which attributes the test reads, and answers as the real run does."""

    __slots__ = ("_tracked",)

    def __init__(self, tracked: TrackedRun) -> None:
        """Wrap a tracked run."""
        object.__setattr__(self, "_tracked", tracked)

    def __getattribute__(self, name: str) -> Any:
        """Record the name and answer with the run's value, `__class__` included, so that both compare equal."""
        __tracebackhide__ = True  # the line of the test is what is wrong
        tracked = object.__getattribute__(self, "_tracked")
        tracked.names.add(name)
        try:
            return getattr(tracked.run, name)
        except AttributeError:
            msg = f"a run has no {name!r}{did_you_mean(name, [each for each in dir(tracked.run) if each[0] != '_'])}"
            raise AttributeError(msg) from None

    def __repr__(self) -> str:
        """Return the run's repr without recording: pytest prints it, and printing a run does not check it."""
        return repr(object.__getattribute__(self, "_tracked").run)


@dataclass(slots=True)
class RunTracker:
    """Everything that one test ran."""

    allowed: frozenset[str]
    runs: list[TrackedRun] = field(default_factory=list)
    recorders: list[Recorder] = field(default_factory=list)
    """One for each context that the test used itself."""
    passed: bool = False

    def track(self, run: Run, *, in_simulation: bool = False) -> Run:
        """Return the run in the form that the test gets."""
        tracked = TrackedRun(run, in_simulation)
        self.runs.append(tracked)
        return WatchedRun(tracked)

    def clear(self) -> None:
        """Drop the runs and the faults recorded so far."""
        self.runs.clear()
        for recorder in self.recorders:
            recorder.faults.clear()

    def unchecked_runs(self) -> list[TrackedRun]:
        """Return the failed runs that the test did not check."""
        later = {each.fire for each in self.runs if each.run.attempt > 1 and each.names & _COVER_ALL}
        unchecked = [each for each in self.runs if each.unchecked and each.fire not in later]
        return [each for each in unchecked if each.run.verdict != "faulty" or any(map(self._counts, each.run.faults))]

    def call_faults(self) -> list[Fault]:
        """Return the faults of calls that the test made on `sbh_ctx` itself."""
        return [fault for recorder in self.recorders for fault in recorder.faults if self._counts(fault)]

    def _counts(self, fault: Fault) -> bool:
        return not fault.allowed and fault.kind not in self.allowed


_TRACKER = pytest.StashKey[RunTracker]()
UNCHECKED = pytest.StashKey[Run]()
"""The first failed run of a test that did not check it."""


def tracker_for(request: pytest.FixtureRequest) -> RunTracker:
    """Return the tracker of the test that a fixture is made for."""
    item: pytest.Item = request.node
    if _TRACKER not in item.stash:
        item.stash[_TRACKER] = RunTracker(allowed=markers.allowed(item))
        request.addfinalizer(lambda: _check_after_teardown(item))
    return item.stash[_TRACKER]


def fail_if_unchecked(item: pytest.Item) -> None:
    """Fail a test that passed although it did not check a failed run or a fault."""
    tracker = item.stash.get(_TRACKER, None)
    if tracker is None:
        return
    runs, faults = tracker.unchecked_runs(), tracker.call_faults()
    tracker.passed = True
    tracker.clear()
    if runs:
        item.stash[UNCHECKED] = runs[0].run
    if runs or faults:
        pytest.fail("\n".join(_format_unchecked(runs, faults)), pytrace=False)


def add_report_section(item: pytest.Item) -> None:
    """Show the runs of a failing test below its failure."""
    tracker = item.stash.get(_TRACKER, None)
    if tracker is None:
        return
    from sbh_jobkit.report.terminal.runs import run_lines

    runs = [tracked.run for tracked in tracker.runs if not (tracked.in_simulation and tracked.run.ok)]
    lines = [line for run in runs[:_MOST_SHOWN] for line in run_lines(run)]
    if len(runs) > _MOST_SHOWN:
        lines.append(f"… and {len(runs) - _MOST_SHOWN:,} more")
    lines += [line for fault in tracker.call_faults() for line in _format_fault(fault)]
    if lines:
        item.add_report_section("call", "runs", "\n".join(lines))
    tracker.clear()


def _check_after_teardown(item: pytest.Item) -> None:
    """Check the runs that a fixture made after the test."""
    tracker = item.stash[_TRACKER]
    if tracker.passed:
        fail_if_unchecked(item)
    del item.stash[_TRACKER]


def _format_unchecked(tracked: list[TrackedRun], faults: list[Fault]) -> Iterator[str]:
    from sbh_jobkit.report.terminal.runs import failing_runs, wrap_line

    runs = [each.run for each in tracked]
    name = runs[0].job if runs else faults[0].member
    yield f"{name} failed, and the test did not check it"
    yield ""
    yield from failing_runs(runs)
    for fault in faults:
        yield from _format_fault(fault)
    yield ""
    if any(run.verdict != "faulty" for run in runs):
        them = "compare simulation.failures, or " if any(each.in_simulation for each in tracked) else ""
        yield from wrap_line(f"if this is expected, {them}assert on run.ok, run.outcome or run.error")
    kinds = {fault.kind for fault in [*faults, *(fault for run in runs for fault in run.faults)] if not fault.allowed}
    if kinds:
        check = "assert on run.faults or " if runs else ""
        yield f"if the fault is expected, {check}mark the test:"
        names = ", ".join(f'"{kind}"' for kind in sorted(kinds))
        yield f"@pytest.mark.sbh_allow({names})"


def _format_fault(fault: Fault) -> Iterator[str]:
    yield f"{fault.member}: {fault.line}"
    if fault.advice:
        yield f"    try: {fault.advice}"
