"""What fails under stress, as a notebook shows it: the line that sums it up, then each failure with its command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.template import render
from sbh_jobkit.report.terminal.stress import headline, lines

if TYPE_CHECKING:
    from sbh_jobkit.simulation.stress.stress import Stress

_WIDTH = 100


def text(found: Stress) -> str:
    """Write it as a terminal shows it."""
    return "\n".join(lines(found, _WIDTH))


def html(found: Stress) -> str:
    """Return the line that sums it up, and all that was found below it."""
    title, *rest = lines(found, _WIDTH)
    findings = "\n".join(rest[:-1]).strip("\n")
    return render("stress_card", title=title, summary=headline(found), findings=findings, ok=found.ok)
