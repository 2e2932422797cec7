"""What a test ran, and whether it looked: no test passes while a job of its own failed unseen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from pytest_sbhjobs import markers
from pytest_sbhjobs.watched import TrackedRun, WatchedRun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.run.recorder import Recorder
    from sbh_jobkit.run.run import Fault, Run

_MOST_SHOWN = 5


@dataclass(slots=True)
class RunTracker:
    """All that one test ran."""

    allowed: frozenset[str]
    runs: list[TrackedRun] = field(default_factory=list)
    calls: list[Recorder] = field(default_factory=list)
    """What went wrong in the contexts that the test called itself."""
    passed: bool = False

    def watched(self, run: Run, *, among_many: bool = False) -> Run:
        """Return the run as the test gets it."""
        seen = TrackedRun(run, among_many)
        self.runs.append(seen)
        return WatchedRun(seen)

    def forget(self) -> None:
        """Start anew."""
        self.runs.clear()
        for journal in self.calls:
            journal.faults.clear()

    def silent_runs(self) -> list[Run]:
        """Return the runs that failed unseen."""
        silent = [seen.run for seen in self.runs if seen.silent]
        return [run for run in silent if run.verdict != "faulty" or any(map(self._counts, run.faults))]

    def own_faults(self) -> list[Fault]:
        """Return what went wrong in the test's own calls."""
        return [fault for journal in self.calls for fault in journal.faults if self._counts(fault)]

    def _counts(self, fault: Fault) -> bool:
        return not fault.allowed and fault.kind not in self.allowed


_LEDGER = pytest.StashKey[RunTracker]()


def of(request: pytest.FixtureRequest) -> RunTracker:
    """Return the ledger of the test that a fixture is made for; it is settled after the test, too."""
    item: pytest.Item = request.node
    if _LEDGER not in item.stash:
        item.stash[_LEDGER] = RunTracker(allowed=markers.allowed(item))
        request.addfinalizer(lambda: _settle_late(item))
    return item.stash[_LEDGER]


def settle(item: pytest.Item) -> None:
    """Fail a test that passed although something went wrong that it did not look at."""
    ledger = item.stash.get(_LEDGER, None)
    if ledger is None:
        return
    runs, faults = ledger.silent_runs(), ledger.own_faults()
    ledger.passed = True
    ledger.forget()
    if runs or faults:
        pytest.fail("\n".join(_reproach(runs, faults)), pytrace=False)


def tell(item: pytest.Item) -> None:
    """Show with a failing test what it ran."""
    ledger = item.stash.get(_LEDGER, None)
    if ledger is None:
        return
    from sbh_jobkit.report.terminal.runs import one_run

    runs = [seen.run for seen in ledger.runs if not (seen.among_many and seen.run.ok)]
    lines = [line for run in runs[:_MOST_SHOWN] for line in one_run(run)]
    if len(runs) > _MOST_SHOWN:
        lines.append(f"… and {len(runs) - _MOST_SHOWN:,} more")
    lines += [line for fault in ledger.own_faults() for line in _fault(fault)]
    if lines:
        item.add_report_section("call", "runs", "\n".join(lines))
    ledger.forget()


def _settle_late(item: pytest.Item) -> None:
    """Count also what ran after the test, in the end of a fixture."""
    ledger = item.stash[_LEDGER]
    if ledger.passed:
        settle(item)
    del item.stash[_LEDGER]


def _reproach(runs: list[Run], faults: list[Fault]) -> Iterator[str]:
    from sbh_jobkit.report.terminal.runs import failing_runs, folded

    who = runs[0].job if runs else faults[0].member
    yield f"{who} failed, and the test did not look"
    yield ""
    yield from failing_runs(runs)
    for fault in faults:
        yield from _fault(fault)
    yield ""
    if any(run.verdict != "faulty" for run in runs):
        yield from folded("if it is meant to fail, look at it: assert on run.ok, run.outcome or run.error")
    kinds = {fault.kind for fault in [*faults, *(fault for run in runs for fault in run.faults)] if not fault.allowed}
    if kinds:
        look = "look at run.faults, or " if runs else ""
        yield f"if that is as it should be, {look}mark the test:"
        names = ", ".join(f'"{kind}"' for kind in sorted(kinds))
        yield f"@pytest.mark.sbh_allow({names})"


def _fault(fault: Fault) -> Iterator[str]:
    yield f"{fault.member}: {fault.line}"
    if fault.advice:
        yield f"    try: {fault.advice}"
