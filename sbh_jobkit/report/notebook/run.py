"""One run, as a notebook shows it: its verdict and everything that was recorded; long parts are folded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit.report.html.run_details import RunDetails
from sbh_jobkit.report.template import macros
from sbh_jobkit.report.terminal.runs import run_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sbh_jobkit.fakes.diff import Change
    from sbh_jobkit.run.run import Run

WIDTH = 80
"""Of texts: a saved notebook must not depend on the terminal that its kernel was started from."""


def text(run: Run) -> str:
    """Return everything about it, for a terminal."""
    return "\n".join(run_lines(run, width=WIDTH))


def html(run: Run) -> str:
    """Return everything about it, as HTML."""
    written: str = macros("run_card").run_card(RunCard.from_run(run))
    return written


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCard:
    """What a card shows of a run."""

    job: str
    details: RunDetails
    changes: Sequence[tuple[str, Sequence[Change]]]
    """What it changed, by table or kind; without events, which are among the details, with their times."""

    @classmethod
    def from_run(cls, run: Run) -> RunCard:
        """Read a run."""
        sections = run.changes.sections() if run.changes is not None else ()
        changes = [(name, changes) for name, changes in sections if name != "events"]
        return cls(job=run.job, details=RunDetails.from_run(run), changes=changes)
