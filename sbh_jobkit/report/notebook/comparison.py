"""What two simulations did differently, as a notebook shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.template import render
from sbh_jobkit.report.terminal.comparison import comparison_lines

if TYPE_CHECKING:
    from sbh_jobkit.simulation.compare.comparison import Comparison

_WIDTH = 100


def text(found: Comparison) -> str:
    """List the changes, for a terminal."""
    return "\n".join([*comparison_lines(found, _WIDTH), found.summary])


def html(found: Comparison) -> str:
    """Return the changes job by job, folded where there are many."""
    lines = "\n".join(comparison_lines(found, _WIDTH))
    return render("comparison_card", summary=found.summary, lines=lines, different=bool(found))
